//! Counts the answers that it does not answer.

use std::collections::HashMap;
use std::io;
use std::net::UdpSocket;

pub fn serve(socket: UdpSocket) -> io::Result<()> {
    let mut numbers = HashMap::new();
    let mut buffer = [0; 65_535];
    loop {
        let (n, from) = socket.recv_from(&mut buffer)?;
        let number = numbers.entry(from).or_insert(0);
        *number += 1;
        if buffer[..n].starts_with(b"=") {
            continue;
        }
        socket.send_to(format!("={number} {n}").as_bytes(), from)?;
    }
}
