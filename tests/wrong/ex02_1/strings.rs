//! Reads lines as Strings, which hold only UTF-8.

use std::io::{self, BufRead, BufReader, Write};
use std::net::TcpListener;

pub fn serve(listener: TcpListener) -> io::Result<()> {
    loop {
        let (stream, _) = listener.accept()?;
        let mut reader = BufReader::new(&stream);
        let mut line = String::new();
        while reader.read_line(&mut line)? > 0 {
            let length = line.strip_suffix('\n').unwrap_or(&line).len();
            (&stream).write_all(format!("{length}\n").as_bytes())?;
            line.clear();
        }
    }
}
