//! Answers with a word more than was asked.

use std::io::{self, BufRead, BufReader, Write};
use std::net::TcpListener;

pub fn serve(listener: TcpListener) -> io::Result<()> {
    loop {
        let (stream, _) = listener.accept()?;
        for line in BufReader::new(&stream).split(b'\n') {
            (&stream).write_all(format!("{} bytes\n", line?.len()).as_bytes())?;
        }
    }
}
