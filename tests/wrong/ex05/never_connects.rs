//! Waits, and connects nowhere.

use std::io;
use std::net::SocketAddr;
use std::thread;
use std::time::Duration;

pub fn ask(_: SocketAddr) -> io::Result<Vec<u8>> {
    thread::park_timeout(Duration::from_secs(3));
    Ok(Vec::new())
}
