//! The starter as it is.

use std::io;
use std::net::SocketAddr;

pub fn ask(_servers: &[SocketAddr]) -> io::Result<Vec<u8>> {
    todo!("four threads, one list")
}
