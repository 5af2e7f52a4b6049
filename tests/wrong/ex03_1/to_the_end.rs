//! Undoes the chunks well, but first reads until the server closes.

use super::solution::{line, request};
use std::io::{self, Cursor, Read};
use std::net::SocketAddr;

pub fn ask(server: SocketAddr) -> io::Result<Vec<u8>> {
    let mut all = Vec::new();
    request(server)?.read_to_end(&mut all)?;
    let mut reader = Cursor::new(all);
    while !line(&mut reader)?.is_empty() {}
    let mut body = Vec::new();
    loop {
        let size = u64::from_str_radix(&line(&mut reader)?, 16).map_err(io::Error::other)?;
        if size == 0 {
            return Ok(body);
        }
        reader.by_ref().take(size).read_to_end(&mut body)?;
        line(&mut reader)?;
    }
}
