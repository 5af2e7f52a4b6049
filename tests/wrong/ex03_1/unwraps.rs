//! Reads sizes as decimal numbers, and panics at what is none.

use super::solution::{line, request};
use std::io::{self, Read};
use std::net::SocketAddr;

pub fn ask(server: SocketAddr) -> io::Result<Vec<u8>> {
    let mut reader = request(server)?;
    while !line(&mut reader)?.is_empty() {}
    let mut body = Vec::new();
    loop {
        let size = line(&mut reader)?.parse::<usize>().unwrap();
        let mut chunk = vec![0; size];
        reader.read_exact(&mut chunk)?;
        line(&mut reader)?;
        if size == 0 {
            return Ok(body);
        }
        body.extend(chunk);
    }
}
