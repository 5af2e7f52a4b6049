//! Takes the end of the stream for one more line.

use std::io::{self, BufRead, BufReader, Write};
use std::net::TcpListener;

pub fn serve(listener: TcpListener) -> io::Result<()> {
    loop {
        let (stream, _) = listener.accept()?;
        let mut reader = BufReader::new(&stream);
        loop {
            let mut line = Vec::new();
            let n = reader.read_until(b'\n', &mut line)?;
            let length = line.strip_suffix(b"\n").unwrap_or(&line).len();
            (&stream).write_all(format!("{length}\n").as_bytes())?;
            if n == 0 {
                break;
            }
        }
    }
}
