//! Takes the silence between two lines for an error.

use std::io::{self, ErrorKind};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};
use tungstenite::protocol::Role;
use tungstenite::{Error, Message, WebSocket};

pub fn ask(server: SocketAddr, text: &str) -> io::Result<Vec<u8>> {
    let mut socket = WebSocket::from_raw_socket(TcpStream::connect(server)?, Role::Client, None);
    let mut lines = text.lines().peekable();
    let mut answer = None;
    while let Some(line) = lines.next() {
        let wait = Duration::from_millis(if lines.peek().is_some() { 100 } else { 1_000 });
        socket.send(Message::text(line)).map_err(io::Error::other)?;
        answer = listen(&mut socket, wait)?;
    }
    while answer.is_some() && socket.read().is_ok() {}
    Ok(answer.ok_or(ErrorKind::TimedOut)?.into_bytes())
}

fn listen(socket: &mut WebSocket<TcpStream>, wait: Duration) -> io::Result<Option<String>> {
    let end = Instant::now() + wait;
    loop {
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Ok(None);
        }
        socket.get_ref().set_read_timeout(Some(left))?;
        match socket.read() {
            Ok(Message::Text(text)) => return Ok(Some(text.to_string())),
            Ok(_) => {}
            Err(Error::Io(e)) => return Err(e),
            Err(e) => return Err(io::Error::other(e)),
        }
    }
}
