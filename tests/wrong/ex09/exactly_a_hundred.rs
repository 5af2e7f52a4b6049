//! Compares its count with 100, which pieces step over.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

pub fn serve(listener: TcpListener) -> io::Result<()> {
    for client in listener.incoming() {
        let client = client?;
        thread::spawn(move || answer(&client));
    }
    Ok(())
}

fn answer(mut client: &TcpStream) -> io::Result<()> {
    let answer = line(client)?;
    client.write_all(format!("{answer}\n").as_bytes())
}

fn line(mut client: &TcpStream) -> io::Result<String> {
    let end = Instant::now() + Duration::from_millis(1_500);
    let mut line: Vec<u8> = Vec::new();
    loop {
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Ok("late".into());
        }
        client.set_read_timeout(Some(left))?;
        let mut piece = [0; 100];
        match client.read(&mut piece) {
            Ok(0) => return Ok("cut".into()),
            Ok(n) => line.extend(&piece[..n]),
            Err(e) if matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => return Ok("late".into()),
            Err(e) => return Err(e),
        }
        if line.len() == 100 && !line.ends_with(b"\n") {
            return Ok("long".into());
        }
        if let Some(length) = line.iter().position(|byte| *byte == b'\n').filter(|length| *length < 100) {
            return Ok(format!("ok {length}"));
        }
    }
}
