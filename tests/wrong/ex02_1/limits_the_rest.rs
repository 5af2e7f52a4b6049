//! Knows the limit only for what is left without a newline.

use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};

pub fn serve(listener: TcpListener) -> io::Result<()> {
    loop {
        let (stream, _) = listener.accept()?;
        if let Err(e) = answer(stream) {
            let _ = writeln!(io::stderr(), "a client failed: {e}");
        }
    }
}

fn answer(mut stream: TcpStream) -> io::Result<()> {
    let mut kept = Vec::new();
    let mut buffer = [0; 2048];
    loop {
        let n = stream.read(&mut buffer)?;
        kept.extend_from_slice(&buffer[..n]);
        while let Some(length) = kept.iter().position(|byte| *byte == b'\n') {
            stream.write_all(format!("{length}\n").as_bytes())?;
            kept.drain(..=length);
        }
        if kept.len() > 1_000 {
            return Ok(());
        }
        if n == 0 {
            if !kept.is_empty() {
                stream.write_all(format!("{}\n", kept.len()).as_bytes())?;
            }
            return Ok(());
        }
    }
}
