//! Returns all that came, the length too.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};

pub fn ask(server: SocketAddr) -> io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect(server)?;
    stream.write_all(b"text\n")?;
    stream.shutdown(Shutdown::Write)?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    Ok(answer)
}
