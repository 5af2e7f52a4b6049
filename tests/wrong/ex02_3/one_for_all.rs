//! Has one number for all senders.

use std::io;
use std::net::UdpSocket;

pub fn serve(socket: UdpSocket) -> io::Result<()> {
    let mut number = 0;
    let mut buffer = [0; 65_535];
    loop {
        let (n, from) = socket.recv_from(&mut buffer)?;
        if buffer[..n].starts_with(b"=") {
            continue;
        }
        number += 1;
        socket.send_to(format!("={number} {n}").as_bytes(), from)?;
    }
}
