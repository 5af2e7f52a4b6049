//! The starter as it is.

use std::io;
use std::net::SocketAddr;

pub fn ask(_server: SocketAddr, _text: &str) -> io::Result<Vec<u8>> {
    todo!("greeting, envelope, DATA, the text with its dots stuffed, QUIT")
}
