//! One read is taken for the whole answer.

use super::solution::{line, request};
use std::io::{self, BufRead, Cursor, ErrorKind, Read};
use std::net::SocketAddr;

pub fn ask(server: SocketAddr) -> io::Result<Vec<u8>> {
    let mut reader = Cursor::new(request(server)?.fill_buf()?.to_vec());
    while !line(&mut reader)?.is_empty() {}
    let mut body = Vec::new();
    loop {
        let size = usize::from_str_radix(&line(&mut reader)?, 16).map_err(io::Error::other)?;
        let mut chunk = vec![0; size.min(65_536)];
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
