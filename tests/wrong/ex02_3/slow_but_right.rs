//! Right, though slow: rests before each answer, and has a list in place of a map.

use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::sync::mpsc;
use std::time::Duration;

pub fn serve(socket: UdpSocket) -> io::Result<()> {
    let (_tick, clock) = mpsc::channel::<()>();
    let mut senders: Vec<SocketAddr> = Vec::new();
    let mut buffer = [0; 65_535];
    loop {
        let (n, from) = socket.recv_from(&mut buffer)?;
        if buffer[..n].starts_with(b"=") {
            continue;
        }
        let _ = clock.recv_timeout(Duration::from_millis(30));
        senders.push(from);
        let number = senders.iter().filter(|sender| **sender == from).count();
        socket.send_to(format!("={number} {n}").as_bytes(), from)?;
    }
}
