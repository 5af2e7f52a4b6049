//! Takes the second line for the answer.

use std::io::{self, BufRead, BufReader, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};

pub fn ask(server: SocketAddr) -> io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect(server)?;
    stream.write_all(b"text\n")?;
    stream.shutdown(Shutdown::Write)?;
    let mut lines = BufReader::new(stream).split(b'\n').skip(1);
    lines.next().unwrap_or_else(|| Err(io::ErrorKind::UnexpectedEof.into()))
}
