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
            let answers: String = piece.split('\n').map(|line| format!("{}\n", line.len())).collect();
            stream.write_all(answers.as_bytes())?;
        }
    }
}
