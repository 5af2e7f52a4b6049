//! Takes all white space away, also what should not be there.

use super::solution::{line, request};
use std::io::{self, BufRead, ErrorKind, Read};
use std::net::SocketAddr;

pub fn ask(server: SocketAddr) -> io::Result<Vec<u8>> {
    let mut reader = request(server)?;
    while !line(&mut reader)?.is_empty() {}
    let mut body = Vec::new();
    loop {
        let mut digits = String::new();
        reader.read_line(&mut digits)?;
        let digits = digits.trim();
        if !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(ErrorKind::InvalidData.into());
        }
        let size = usize::from_str_radix(digits, 16).map_err(io::Error::other)?;
        let mut chunk = vec![0; size.min(65_537 - body.len())];
        reader.read_exact(&mut chunk)?;
        let mut end = String::new();
        reader.read_line(&mut end)?;
        if body.len() + size > 65_536 || end.is_empty() || !end.trim().is_empty() {
            return Err(ErrorKind::InvalidData.into());
        }
        if size == 0 {
            return Ok(body);
        }
        body.extend(chunk);
    }
}
