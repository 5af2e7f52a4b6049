//! Takes one read for the answer.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};

pub fn ask(server: SocketAddr) -> io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect(server)?;
    stream.write_all(b"text\n")?;
    stream.shutdown(Shutdown::Write)?;
    let mut buffer = [0; 1024];
    let n = stream.read(&mut buffer)?;
    Ok(match buffer[..n].iter().position(|byte| *byte == b'\n') {
        Some(at) => buffer[at + 1..n].to_vec(),
        None => buffer[..n].to_vec(),
    })
}
