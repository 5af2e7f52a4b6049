//! Takes all that stands behind the head for the body, as if it ended with the connection.

use super::solution::{line, request};
use std::io::{self, Read};
use std::net::SocketAddr;

pub fn ask(server: SocketAddr) -> io::Result<Vec<u8>> {
    let mut reader = request(server)?;
    while !line(&mut reader)?.is_empty() {}
    let mut body = Vec::new();
    reader.read_to_end(&mut body)?;
    Ok(body)
}
