//! A solution of exercise 4.1. Yours may look different: the checker sees only the wire.

use std::io::{self, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};

/// The longest payload in bytes.
const LIMIT: u64 = 1 << 20;

/// Sends every frame of every client back without its mask, one client after the other, and never returns.
pub fn serve(listener: TcpListener) -> io::Result<()> {
    loop {
        let (stream, _) = listener.accept()?;
        // A client's error ends that client: the next one has done nothing wrong.
        if let Err(e) = echo(&stream) {
            let _ = writeln!(io::stderr(), "a client failed: {e}");
        }
    }
}

fn echo(mut stream: &TcpStream) -> io::Result<()> {
    let mut client = BufReader::new(stream);
    loop {
        let [first, second] = bytes(&mut client)?;
        if first & 0x70 != 0 || second & 0x80 == 0 {
            return stream.write_all(&[0x88, 2, 0x03, 0xea]); // 1002, protocol error
        }
        let length = match second & 0x7f {
            126 => u64::from(u16::from_be_bytes(bytes(&mut client)?)),
            127 => u64::from_be_bytes(bytes(&mut client)?),
            short => u64::from(short),
        };
        if length > LIMIT {
            return stream.write_all(&[0x88, 2, 0x03, 0xf1]); // 1009, too big
        }
        let mask: [u8; 4] = bytes(&mut client)?;
        let mut payload = vec![0; length as usize];
        client.read_exact(&mut payload)?;
        payload.iter_mut().zip(mask.iter().cycle()).for_each(|(byte, mask)| *byte ^= mask);
        stream.write_all(&frame(first, &payload))?;
        if first & 0x0f == 8 {
            return Ok(());
        }
    }
}

/// So many bytes as the caller has room for.
fn bytes<const N: usize>(client: &mut impl Read) -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    client.read_exact(&mut bytes)?;
    Ok(bytes)
}

/// A server's frame: no mask, and the shortest head that can say the length.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![first];
    match payload.len() {
        short @ 0..=125 => frame.push(short as u8),
        length @ 126..=65_535 => {
            frame.push(126);
            frame.extend((length as u16).to_be_bytes());
        }
        length => {
            frame.push(127);
            frame.extend((length as u64).to_be_bytes());
        }
    }
    frame.extend(payload);
    frame
}
