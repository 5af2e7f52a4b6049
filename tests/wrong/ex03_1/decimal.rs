//! Reads the sizes as decimal numbers.

use super::solution::{line, request};
use std::io::{self, Read};
use std::net::SocketAddr;

pub fn ask(server: SocketAddr) -> io::Result<Vec<u8>> {
    let mut reader = request(server)?;
    while !line(&mut reader)?.is_empty() {}
    let mut body = Vec::new();
    loop {
        let size: usize = line(&mut reader)?.parse().map_err(io::Error::other)?;
        let mut chunk = vec![0; size];
        reader.read_exact(&mut chunk)?;
        line(&mut reader)?;
        if size == 0 {
            return Ok(body);
        }
        body.extend(chunk);
    }
}
