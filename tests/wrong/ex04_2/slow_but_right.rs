//! Right, though slow: looks every 5 ms whether something came, and makes its frames by hand.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

pub fn ask(server: SocketAddr, text: &str) -> io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect(server)?;
    stream.set_read_timeout(Some(Duration::from_millis(5)))?;
    let mut lines = text.lines();
    let (mut came, mut answer) = (Vec::new(), None);
    let mut due = Instant::now();
    loop {
        if Instant::now() >= due {
            let Some(line) = lines.next() else { return Err(ErrorKind::TimedOut.into()) };
            send(&mut stream, 0x81, line.as_bytes())?;
            due = Instant::now() + Duration::from_millis(if lines.clone().next().is_none() { 1_000 } else { 100 });
        }
        let mut byte = [0];
        match stream.read(&mut byte) {
            Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
            Ok(_) => came.extend(byte),
            Err(e) if matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
            Err(e) => return Err(e),
        }
        let [first, length, payload @ ..] = came.as_slice() else { continue };
        if payload.len() < usize::from(*length) {
            continue;
        }
        match first {
            0x81 => answer = Some(payload.to_vec()),
            0x89 => send(&mut stream, 0x8a, payload)?,
            _ => {
                send(&mut stream, 0x88, payload)?;
                return answer.ok_or(ErrorKind::InvalidData.into());
            }
        }
        came.clear();
    }
}

fn send(stream: &mut TcpStream, first: u8, payload: &[u8]) -> io::Result<()> {
    stream.write_all(&[&[first, 0x80 | payload.len() as u8, 0, 0, 0, 0], payload].concat())
}
