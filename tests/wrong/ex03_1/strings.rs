//! Makes a String of each chunk, which may hold half a character.

use super::solution::{line, request};
use std::io::{self, ErrorKind, Read};
use std::net::SocketAddr;

pub fn ask(server: SocketAddr) -> io::Result<Vec<u8>> {
    let mut reader = request(server)?;
    while !line(&mut reader)?.is_empty() {}
    let mut body = String::new();
    loop {
        let digits = line(&mut reader)?;
        if !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(ErrorKind::InvalidData.into());
        }
        let size = usize::from_str_radix(&digits, 16).map_err(io::Error::other)?;
        let mut chunk = vec![0; size];
        reader.read_exact(&mut chunk)?;
        line(&mut reader)?;
        if size == 0 {
            return Ok(body.into());
        }
        body += std::str::from_utf8(&chunk).map_err(io::Error::other)?;
    }
}
