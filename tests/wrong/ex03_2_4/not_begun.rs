//! The starter as it is.

use std::io;
use std::net::SocketAddr;

pub fn ask(_server: SocketAddr) -> io::Result<Vec<u8>> {
    todo!("order; if nobody knows whether it was done, ask, and only then order again")
}
