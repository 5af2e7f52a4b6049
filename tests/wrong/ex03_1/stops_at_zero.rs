//! Returns at the size 0, and leaves the empty line behind it unread.

use super::solution::{line, request};
use std::io::{self, ErrorKind, Read};
use std::net::SocketAddr;

pub fn ask(server: SocketAddr) -> io::Result<Vec<u8>> {
    let mut reader = request(server)?;
    while !line(&mut reader)?.is_empty() {}
    let mut body = Vec::new();
    loop {
        let size = usize::from_str_radix(&line(&mut reader)?, 16).map_err(io::Error::other)?;
        if size == 0 {
            return Ok(body);
        }
        let mut chunk = vec![0; size];
        reader.read_exact(&mut chunk)?;
        if !line(&mut reader)?.is_empty() {
            return Err(ErrorKind::InvalidData.into());
        }
        body.extend(chunk);
    }
}
