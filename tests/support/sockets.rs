//! Sockets of a test, on this machine only; each of their waits ends.

use super::{LIMIT, missing, uninterrupted};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::atomic::{AtomicU32, Ordering};

pub fn listen() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap();
    (listener, addr)
}

/// A free port at an address that no other test has (on Linux all of 127.0.0.0/8 is this machine). Whoever asks there whether a
/// port was given back hears nothing of another who was given the same number meanwhile.
pub fn own_home() -> String {
    static HOMES: AtomicU32 = AtomicU32::new(0);
    if !cfg!(target_os = "linux") {
        return "127.0.0.1:0".to_owned();
    }
    let [_, _, high, low] = std::process::id().to_be_bytes();
    format!("127.{}.{high}.{low}:0", 64 + HOMES.fetch_add(1, Ordering::Relaxed) % 128)
}

/// With the limit for its reads and its writes.
pub fn limited(stream: TcpStream) -> TcpStream {
    stream.set_read_timeout(Some(LIMIT)).unwrap();
    stream.set_write_timeout(Some(LIMIT)).unwrap();
    stream
}

pub fn dial(addr: SocketAddr) -> TcpStream {
    limited(TcpStream::connect_timeout(&addr, LIMIT).unwrap())
}

/// Two ends of one connection.
pub fn pair() -> (TcpStream, TcpStream) {
    let (listener, addr) = listen();
    let ours = dial(addr);
    (ours, limited(listener.accept().unwrap().0))
}

/// An address where nobody listens, and nobody can begin to while the connection that has this port is kept.
pub fn closed_port() -> (SocketAddr, (TcpStream, TcpStream)) {
    let ends = pair();
    (ends.0.local_addr().unwrap(), ends)
}

pub fn udp() -> UdpSocket {
    udp_at("127.0.0.1:0")
}

pub fn udp_at(addr: &str) -> UdpSocket {
    let socket = UdpSocket::bind(addr).unwrap();
    socket.set_read_timeout(Some(LIMIT)).unwrap();
    socket
}

/// The same free port for TCP and for UDP.
pub fn both() -> (TcpListener, UdpSocket, SocketAddr) {
    loop {
        let (listener, addr) = listen();
        if let Ok(socket) = UdpSocket::bind(addr) {
            socket.set_read_timeout(Some(LIMIT)).unwrap();
            return (listener, socket, addr);
        }
    }
}

/// The next datagram, whole, and who sent it.
pub fn receive(socket: &UdpSocket) -> (Vec<u8>, SocketAddr) {
    let mut buffer = vec![0; 65_536];
    let (n, from) = uninterrupted(|| socket.recv_from(&mut buffer)).unwrap();
    buffer.truncate(n);
    (buffer, from)
}

/// Whether this machine has `::1`.
pub fn has_ipv6(what: &str) -> bool {
    let has = UdpSocket::bind("[::1]:0");
    if let Err(e) = &has {
        missing(what, &format!("no IPv6 loopback: {e}"));
    }
    has.is_ok()
}

/// A free port at each loopback address that this machine has.
pub fn homes() -> Vec<&'static str> {
    let ipv6 = has_ipv6("what listens on ::1");
    ["127.0.0.1:0"].into_iter().chain(ipv6.then_some("[::1]:0")).collect()
}
