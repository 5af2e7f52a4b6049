//! Splits each read at its newlines: behind the last one split() gives one more piece, an empty one.

use std::io::{self, Read, Write};
use std::net::TcpListener;

pub fn serve(listener: TcpListener) -> io::Result<()> {
    loop {
        let (mut stream, _) = listener.accept()?;
        let mut buffer = [0; 1024];
        loop {
            let n = stream.read(&mut buffer)?;
            if n == 0 {
                break;
            }
            let piece = String::from_utf8_lossy(&buffer[..n]);
            for line in piece.split('\n') {
                stream.write_all(format!("{}\n", line.len()).as_bytes())?;
            }
        }
    }
}
