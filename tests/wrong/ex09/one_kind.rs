//! Knows one kind of error for a read that ran out of time, and Linux gives the other one.

use std::io::{self, Read, Write};
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
    let mut line = Vec::new();
    while line.len() < 100 {
        // At least a moment: so it is always a read that runs out of time, and never the clock that is looked at.
        let left = end.saturating_duration_since(Instant::now()).max(Duration::from_millis(1));
        client.set_read_timeout(Some(left))?;
        let mut byte = [0];
        match client.read(&mut byte) {
            Ok(0) => return Ok("cut".into()),
            Ok(_) if byte[0] == b'\n' => return Ok(format!("ok {}", line.len())),
            Ok(_) => line.push(byte[0]),
            Err(e) if super::other_kind(&e) => return Ok("late".into()),
            Err(e) => return Err(e),
        }
    }
    Ok("long".into())
}
