//! Right, though slow: no buffer, each byte is a read of its own, and it rests at each of the first ones.

use super::solution::request;
use std::io::{self, BufReader, ErrorKind, Read};
use std::net::SocketAddr;
use std::sync::mpsc;
use std::time::Duration;

pub fn ask(server: SocketAddr) -> io::Result<Vec<u8>> {
    let stream = BufReader::with_capacity(1, request(server)?.into_inner());
    let (_tick, clock) = mpsc::channel::<()>();
    let mut rests = 3;
    let mut bytes = stream.bytes().inspect(|_| {
        if rests > 0 {
            rests -= 1;
            let _ = clock.recv_timeout(Duration::from_millis(10));
        }
    });
    let mut line = |most: usize| {
        let mut line = Vec::new();
        while !line.ends_with(b"\r\n") && line.len() < most {
            line.push(bytes.next().ok_or(ErrorKind::UnexpectedEof)??);
        }
        Ok::<_, io::Error>(line)
    };
    while line(1_000)? != b"\r\n" {}
    let mut body = Vec::new();
    loop {
        let digits = line(20)?;
        let digits = digits.strip_suffix(b"\r\n").ok_or(ErrorKind::InvalidData)?;
        if digits.is_empty() {
            return Err(ErrorKind::InvalidData.into());
        }
        let mut size = 0;
        for digit in digits {
            let value = char::from(*digit).to_digit(16).ok_or(ErrorKind::InvalidData)?;
            size = size * 16 + value as usize;
            if body.len() + size > 65_536 {
                return Err(ErrorKind::InvalidData.into());
            }
        }
        for _ in 0..size {
            body.extend(line(1)?);
        }
        if line(2)? != b"\r\n" {
            return Err(ErrorKind::InvalidData.into());
        }
        if size == 0 {
            return Ok(body);
        }
    }
}
