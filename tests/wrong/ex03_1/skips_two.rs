//! Skips two bytes behind each chunk, whatever they are.

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
        if size > 65_536 {
            return Err(ErrorKind::InvalidData.into());
        }
        let mut chunk = vec![0; size + 2];
        reader.read_exact(&mut chunk)?;
        if size == 0 {
            return Ok(body);
        }
        body.extend(&chunk[..size]);
    }
}
