//! Everything is right, but there is no timeout: it waits as long as the server likes.

use std::io::{self, BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};

pub fn ask(server: SocketAddr) -> io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect(server)?;
    stream.write_all(b"text\n")?;
    stream.shutdown(Shutdown::Write)?;
    let mut reader = BufReader::new(stream);
    let mut first = String::new();
    reader.read_line(&mut first)?;
    let digits = first.strip_suffix('\n').ok_or(ErrorKind::UnexpectedEof)?;
    let length = digits.parse().map_err(|_| ErrorKind::InvalidData)?;
    if length > 65_536 {
        return Err(ErrorKind::InvalidData.into());
    }
    let mut answer = Vec::new();
    reader.take(length).read_to_end(&mut answer)?;
    if (answer.len() as u64) < length { Err(ErrorKind::UnexpectedEof.into()) } else { Ok(answer) }
}
