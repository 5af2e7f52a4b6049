//! Knows a pointer by its upper bit alone.

use std::io::{self, ErrorKind};
use std::net::SocketAddr;

pub fn ask(server: SocketAddr) -> io::Result<Vec<u8>> {
    super::ask_with(name, server)
}

fn name(message: &[u8], start: usize) -> io::Result<(Vec<u8>, usize)> {
    let mut labels: Vec<&[u8]> = Vec::new();
    let (mut at, mut run, mut behind, mut size) = (start, start, None, 1);
    loop {
        let length = *message.get(at).ok_or(ErrorKind::InvalidData)?;
        let end = at + 1 + usize::from(length);
        match length {
            0 => return Ok((labels.join(&b'.'), behind.unwrap_or(at + 1))),
            1..=63 => {
                labels.push(message.get(at + 1..end).ok_or(ErrorKind::InvalidData)?);
                size += 1 + usize::from(length);
                at = end;
            }
            128..=255 => {
                behind = behind.or(Some(at + 2));
                let to = super::number(message, at)? & 0x3fff;
                if to >= run {
                    return Err(ErrorKind::InvalidData.into());
                }
                run = to;
                at = to;
            }
            _ => return Err(ErrorKind::InvalidData.into()),
        }
        if size > 255 {
            return Err(ErrorKind::InvalidData.into());
        }
    }
}
