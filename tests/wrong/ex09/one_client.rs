//! Serves one client and returns.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::{Duration, Instant};

pub fn serve(listener: TcpListener) -> io::Result<()> {
    let (client, _) = listener.accept()?;
    answer(&client)
}

fn answer(mut client: &TcpStream) -> io::Result<()> {
    let answer = line(client)?;
    client.write_all(format!("{answer}\n").as_bytes())
}

fn line(mut client: &TcpStream) -> io::Result<String> {
    let end = Instant::now() + Duration::from_millis(1_500);
    let mut line = Vec::new();
    while line.len() < 100 {
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Ok("late".into());
        }
        client.set_read_timeout(Some(left))?;
        let mut byte = [0];
        match client.read(&mut byte) {
            Ok(0) => return Ok("cut".into()),
            Ok(_) if byte[0] == b'\n' => return Ok(format!("ok {}", line.len())),
            Ok(_) => line.push(byte[0]),
            Err(e) if matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => return Ok("late".into()),
            Err(e) => return Err(e),
        }
    }
    Ok("long".into())
}
