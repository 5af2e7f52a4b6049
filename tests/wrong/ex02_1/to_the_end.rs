//! Reads to the end before it answers: the client waits for the server, and the server for the client.

use std::io::{self, Read, Write};
use std::net::TcpListener;

pub fn serve(listener: TcpListener) -> io::Result<()> {
    loop {
        let (mut stream, _) = listener.accept()?;
        let mut all = Vec::new();
        stream.read_to_end(&mut all)?;
        for line in all.split(|byte| *byte == b'\n') {
            writeln!(stream, "{}", line.len())?;
        }
    }
}
