//! One answer for each client, as the usual Python listing does.

use std::io::{self, Read, Write};
use std::net::TcpListener;

pub fn serve(listener: TcpListener) -> io::Result<()> {
    loop {
        let (mut stream, _) = listener.accept()?;
        let mut buffer = [0; 1024];
        let n = stream.read(&mut buffer)?;
        let line = buffer[..n].strip_suffix(b"\n").unwrap_or(&buffer[..n]);
        stream.write_all(format!("{}\n", line.len()).as_bytes())?;
    }
}
