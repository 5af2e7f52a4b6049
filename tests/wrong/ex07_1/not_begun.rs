//! The starter as it is.

use std::io;
use std::net::SocketAddr;

pub fn ask(server: SocketAddr) -> io::Result<Vec<u8>> {
    super::ask_with(name, server)
}

fn name(_message: &[u8], _start: usize) -> io::Result<(Vec<u8>, usize)> {
    todo!("labels to the 0, or on where a pointer leads")
}
