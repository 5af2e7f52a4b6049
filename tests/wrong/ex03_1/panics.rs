//! Makes room for every size, before it looks whether it may be.

use super::solution::{line, request};
use std::io::{self, ErrorKind, Read};
use std::net::SocketAddr;

pub fn ask(server: SocketAddr) -> io::Result<Vec<u8>> {
    let mut reader = request(server)?;
    while !line(&mut reader)?.is_empty() {}
    let mut body = Vec::new();
    loop {
        let digits = line(&mut reader)?;
        if !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(ErrorKind::InvalidData.into());
        }
        let size = usize::from_str_radix(&digits, 16).map_err(io::Error::other)?;
        let mut chunk = vec![0; size];
        reader.read_exact(&mut chunk)?;
        if !line(&mut reader)?.is_empty() {
            return Err(ErrorKind::InvalidData.into());
        }
        if size == 0 {
            return Ok(body);
        }
        body.extend(chunk);
    }
}
