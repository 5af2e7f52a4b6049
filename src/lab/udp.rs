//! What the lab's servers for UDP share: TCP and UDP on one port, and the end of a thread that waits for a datagram.
//!
//! May use: error, server.

use crate::error::{Error, Result};
use crate::server::Server;
use std::io::ErrorKind;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};

/// Both sockets on one port of 127.0.0.1. The system chooses it for TCP; where UDP has it in use, it is asked for another.
pub(super) fn bind_both(port: u16) -> Result<(Server, UdpSocket)> {
    let mut tries = 0;
    loop {
        let tcp = Server::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, port)))?;
        match UdpSocket::bind(tcp.addr()) {
            Ok(udp) => return Ok((tcp, udp)),
            Err(error) if error.kind() == ErrorKind::AddrInUse && port == 0 && tries < 64 => tries += 1,
            Err(error) => return Err(Error::io(format!("listen on UDP {}", tcp.addr()))(error)),
        }
    }
}

/// A thread that sleeps in the kernel until a datagram comes is woken by one without bytes.
pub(super) fn wake(addr: SocketAddr) {
    let _ = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|socket| socket.send_to(&[], addr));
}
