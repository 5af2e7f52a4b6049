//! Answers with the digits alone.

use std::io::{self, BufRead, BufReader, Write};
use std::net::TcpListener;

pub fn serve(listener: TcpListener) -> io::Result<()> {
    loop {
        let (stream, _) = listener.accept()?;
        for line in BufReader::new(&stream).split(b'\n') {
            (&stream).write_all(line?.len().to_string().as_bytes())?;
        }
    }
}
