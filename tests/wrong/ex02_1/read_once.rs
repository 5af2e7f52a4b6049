//! Takes every read for a message.

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
            let line = buffer[..n].strip_suffix(b"\n").unwrap_or(&buffer[..n]);
            stream.write_all(format!("{}\n", line.len()).as_bytes())?;
        }
    }
}
