//! Takes the last two of however many numbers.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};

pub fn ask(server: SocketAddr) -> io::Result<Vec<u8>> {
    let control = TcpStream::connect(server)?;
    let mut replies = BufReader::new(&control);
    reply(&mut replies, '2')?;
    let mut passive = String::new();
    for line in ["USER anonymous\r\n", "TYPE I\r\n", "PASV\r\n"] {
        (&control).write_all(line.as_bytes())?;
        passive = reply(&mut replies, '2')?;
    }
    let inside = passive.split(['(', ')']).nth(1).ok_or_else(|| io::Error::other("no address"))?;
    let mut data = TcpStream::connect(address(server, inside)?)?;
    (&control).write_all(b"RETR notes.txt\r\n")?;
    reply(&mut replies, '1')?;
    let mut file = Vec::new();
    data.read_to_end(&mut file)?;
    reply(&mut replies, '2')?;
    Ok(file)
}

fn reply(replies: &mut impl BufRead, wanted: char) -> io::Result<String> {
    let mut line = String::new();
    replies.read_line(&mut line)?;
    if line.starts_with(wanted) { Ok(line) } else { Err(io::Error::other(line)) }
}

fn address(server: SocketAddr, inside: &str) -> io::Result<SocketAddr> {
    let numbers: Result<Vec<u8>, _> = inside.split(',').map(str::parse).collect();
    let numbers = numbers.map_err(io::Error::other)?;
    let [.., high, low] = numbers[..] else { return Err(io::Error::other("these are not six numbers")) };
    let port = u16::from_be_bytes([high, low]);
    Ok(SocketAddr::new(server.ip(), port))
}
