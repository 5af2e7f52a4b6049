//! Takes the end of the connection for the end of the body.

use super::solution::{line, request};
use std::io::{self, BufRead, Read};
use std::net::SocketAddr;

pub fn ask(server: SocketAddr) -> io::Result<Vec<u8>> {
    let mut reader = request(server)?;
    while !line(&mut reader)?.is_empty() {}
    let mut body = Vec::new();
    loop {
        let mut digits = String::new();
        reader.read_line(&mut digits)?;
        let size = u64::from_str_radix(digits.trim_end(), 16).unwrap_or(0);
        if size == 0 {
            return Ok(body);
        }
        reader.by_ref().take(size).read_to_end(&mut body)?;
        reader.read_line(&mut String::new())?;
    }
}
