//! Makes text of the bytes before it counts them.

use std::io::{self, BufRead, BufReader, Write};
use std::net::TcpListener;

pub fn serve(listener: TcpListener) -> io::Result<()> {
    loop {
        let (stream, _) = listener.accept()?;
        for line in BufReader::new(&stream).split(b'\n') {
            let line = line?;
            let text = String::from_utf8_lossy(&line);
            (&stream).write_all(format!("{}\n", text.len()).as_bytes())?;
        }
    }
}
