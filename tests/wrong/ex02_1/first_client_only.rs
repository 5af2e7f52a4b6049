//! Right for one client, and then done.

use std::io::{self, BufRead, BufReader, Write};
use std::net::TcpListener;

pub fn serve(listener: TcpListener) -> io::Result<()> {
    let (stream, _) = listener.accept()?;
    for line in BufReader::new(&stream).split(b'\n') {
        (&stream).write_all(format!("{}\n", line?.len()).as_bytes())?;
    }
    Ok(())
}
