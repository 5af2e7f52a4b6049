//! The starter as it is.

use std::io;
use std::net::SocketAddr;

pub fn ask(_addresses: &[SocketAddr]) -> io::Result<Vec<u8>> {
    todo!("knock at all of them at once")
}
