//! Knows one of the three reserved bits.

use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};

pub fn serve(listener: TcpListener) -> io::Result<()> {
    loop {
        let (stream, _) = listener.accept()?;
        let _ = echo(stream);
    }
}

fn echo(mut client: TcpStream) -> io::Result<()> {
    loop {
        let mut head = [0; 2];
        client.read_exact(&mut head)?;
        if head[0] & 0x40 != 0 || head[1] & 0x80 == 0 {
            return client.write_all(b"\x88\x02\x03\xea");
        }
        let mut length = usize::from(head[1] & 0x7f);
        if length > 125 {
            let mut more = vec![0; if length == 126 { 2 } else { 8 }];
            client.read_exact(&mut more)?;
            length = more.iter().fold(0, |number, byte| number << 8 | usize::from(*byte));
        }
        if length > 1_048_576 {
            return client.write_all(b"\x88\x02\x03\xf1");
        }
        let mut mask = [0; 4];
        client.read_exact(&mut mask)?;
        let mut payload = vec![0; length];
        client.read_exact(&mut payload)?;
        for (n, byte) in payload.iter_mut().enumerate() {
            *byte ^= mask[n % 4];
        }
        let mut answer = vec![head[0]];
        match length {
            0..=125 => answer.push(length as u8),
            126..=65_535 => answer.extend([126, (length >> 8) as u8, length as u8]),
            _ => answer.extend([&[127][..], &(length as u64).to_be_bytes()].concat()),
        }
        answer.extend(payload);
        client.write_all(&answer)?;
        if head[0] & 0x0f == 8 {
            return Ok(());
        }
    }
}
