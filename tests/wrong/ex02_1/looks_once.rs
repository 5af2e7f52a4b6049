//! Keeps what came behind a newline, and looks at it only after the next read.

use std::io::{self, Read, Write};
use std::net::TcpListener;

pub fn serve(listener: TcpListener) -> io::Result<()> {
    loop {
        let (mut stream, _) = listener.accept()?;
        let mut kept = Vec::new();
        let mut buffer = [0; 1024];
        loop {
            let n = stream.read(&mut buffer)?;
            if n == 0 {
                break;
            }
            kept.extend_from_slice(&buffer[..n]);
            if let Some(length) = kept.iter().position(|byte| *byte == b'\n') {
                stream.write_all(format!("{length}\n").as_bytes())?;
                kept.drain(..=length);
            }
        }
    }
}
