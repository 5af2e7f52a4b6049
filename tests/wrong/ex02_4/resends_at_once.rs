//! Asks again at once when anything comes that is not the answer.

use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::time::Duration;

pub fn ask(server: SocketAddr) -> io::Result<Vec<u8>> {
    let socket = UdpSocket::bind("127.0.0.1:0")?;
    socket.connect(server)?;
    socket.set_read_timeout(Some(Duration::from_millis(300)))?;
    let mut text = Vec::new();
    for number in 1.. {
        let part = fetch(&socket, number)?;
        if part.is_empty() {
            break;
        }
        text.extend(part);
    }
    Ok(text)
}

fn fetch(socket: &UdpSocket, number: u32) -> io::Result<Vec<u8>> {
    let mut buffer = [0; 65_535];
    for _ in 0..3 {
        socket.send(format!("{number}").as_bytes())?;
        while let Ok(n) = socket.recv(&mut buffer) {
            if let Some(part) = buffer[..n].strip_prefix(format!("{number} ").as_bytes()) {
                return Ok(part.to_vec());
            }
            socket.send(format!("{number}").as_bytes())?;
        }
    }
    Err(io::ErrorKind::TimedOut.into())
}
