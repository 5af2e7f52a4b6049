//! Does not connect.

use std::io;
use std::net::SocketAddr;
use std::sync::mpsc;
use std::time::Duration;

pub fn ask(_: SocketAddr, _: &str) -> io::Result<Vec<u8>> {
    let (_tick, clock) = mpsc::channel::<()>();
    let _ = clock.recv_timeout(Duration::from_secs(2));
    Err(io::ErrorKind::TimedOut.into())
}
