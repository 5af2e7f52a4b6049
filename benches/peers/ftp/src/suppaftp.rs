//! suppaftp as one of those that `cargo bench --bench ftp` compares.
//!
//! `suppaftp TASK ADDR FILE COUNT` logs in as a guest, does the task COUNT times and prints `seconds=S bytes=N`: `retr` downloads
//! FILE0, FILE1 and so on to /dev/null, `stor` uploads the local FILE under these names. The clock starts before it connects.

use std::error::Error;
use std::fs::{File, OpenOptions};
use std::io;
use std::path::Path;
use std::time::Instant;
use suppaftp::FtpStream;
use suppaftp::types::FileType;

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [task, addr, file, count] = args.as_slice() else { return Err("usage: suppaftp TASK ADDR FILE COUNT".into()) };
    let (count, mut bytes) = (count.parse::<usize>()?, 0);
    let start = Instant::now();
    let mut ftp = FtpStream::connect(addr)?;
    ftp.login("anonymous", "guest@")?;
    ftp.transfer_type(FileType::Binary)?;
    let name = Path::new(file).file_name().and_then(|name| name.to_str()).ok_or("FILE has no name")?;
    for n in 0..count {
        let remote = format!("{name}{n}");
        bytes += if task == "retr" {
            let mut null = OpenOptions::new().write(true).open("/dev/null")?;
            ftp.retr(&remote, |data| io::copy(data, &mut null).map_err(suppaftp::FtpError::ConnectionError))?
        } else {
            ftp.put_file(&remote, &mut File::open(file)?)?
        };
    }
    println!("seconds={} bytes={bytes}", start.elapsed().as_secs_f64());
    ftp.quit()?;
    Ok(())
}
