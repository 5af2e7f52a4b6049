//! Takes what the first read gives for the line.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

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
    client.set_read_timeout(Some(Duration::from_millis(1_500)))?;
    match client.read(&mut [0; 100]) {
        Ok(0) => Ok("cut".into()),
        Ok(n) => Ok(format!("ok {}", n - 1)),
        Err(e) if matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => Ok("late".into()),
        Err(e) => Err(e),
    }
}
