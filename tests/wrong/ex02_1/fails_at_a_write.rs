//! A failed read ends that client only, a failed write all of them.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::TcpListener;

pub fn serve(listener: TcpListener) -> io::Result<()> {
    loop {
        let (stream, _) = listener.accept()?;
        let mut reader = BufReader::new(&stream);
        loop {
            let mut line = Vec::new();
            if reader.by_ref().take(1_001).read_until(b'\n', &mut line).is_err() {
                break;
            }
            if line.last() == Some(&b'\n') {
                line.pop();
            } else if line.is_empty() || line.len() > 1_000 {
                break;
            }
            (&stream).write_all(format!("{}\n", line.len()).as_bytes())?;
        }
    }
}
