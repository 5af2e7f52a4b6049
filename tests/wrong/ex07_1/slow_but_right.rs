//! Right, though slow: reads label by label from a copy, and rests at each.

use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::thread;
use std::time::Duration;

pub fn ask(server: SocketAddr) -> io::Result<Vec<u8>> {
    super::ask_with(|message, start| name(message, start).ok_or(ErrorKind::InvalidData.into()), server)
}

fn name(message: &[u8], start: usize) -> Option<(Vec<u8>, usize)> {
    let (mut text, mut run, mut at, mut behind) = (String::new(), start, start, None);
    loop {
        let mut rest = message.get(at..)?.iter().copied();
        thread::park_timeout(Duration::from_micros(200));
        match usize::from(rest.next()?) {
            0 => return Some((text.into_bytes(), behind.unwrap_or(at + 1))),
            length if length < 64 => {
                let label: Vec<u8> = rest.take(length).collect();
                text += if text.is_empty() { "" } else { "." };
                text += String::from_utf8(label).ok().filter(|label| label.len() == length)?.as_str();
                at += 1 + length;
            }
            high if high >= 192 => {
                behind.get_or_insert(at + 2);
                at = Some((high - 192) * 256 + usize::from(rest.next()?)).filter(|to| *to < run)?;
                run = at;
            }
            _ => return None,
        }
        if text.len() + 2 > 255 {
            return None;
        }
    }
}
