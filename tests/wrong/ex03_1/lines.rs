//! Takes every second line for a chunk, whatever its size.

use super::solution::{line, request};
use std::io;
use std::net::SocketAddr;

pub fn ask(server: SocketAddr) -> io::Result<Vec<u8>> {
    let mut reader = request(server)?;
    while !line(&mut reader)?.is_empty() {}
    let mut body = String::new();
    while line(&mut reader)? != "0" {
        body += &line(&mut reader)?;
    }
    Ok(body.into())
}
