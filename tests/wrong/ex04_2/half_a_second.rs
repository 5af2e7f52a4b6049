//! Waits for half a second for the answer.

use std::io::{self, ErrorKind};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};
use tungstenite::protocol::Role;
use tungstenite::{Error, Message, WebSocket};

/// From one line to the next.
const PAUSE: Duration = Duration::from_millis(100);
/// For the connection, and for the answer behind the last line.
const TIME: Duration = Duration::from_secs(1);

/// Sends each line of the text in its time and returns the server's answer.
pub fn ask(server: SocketAddr, text: &str) -> io::Result<Vec<u8>> {
    let stream = TcpStream::connect_timeout(&server, TIME)?;
    let mut socket = WebSocket::from_raw_socket(stream, Role::Client, None);
    let mut lines = text.lines().peekable();
    let mut answer = None;
    while let Some(line) = lines.next() {
        let wait = if lines.peek().is_some() { PAUSE } else { TIME / 2 };
        let end = Instant::now() + wait;
        socket.send(Message::text(line)).map_err(io::Error::other)?;
        answer = listen(&mut socket, end)?;
    }
    let answer = answer.ok_or(ErrorKind::TimedOut)?;
    // The Close comes, ours goes out, and the server's FIN ends it. What goes wrong now does not change the answer.
    socket.get_ref().set_read_timeout(Some(TIME))?;
    while socket.read().is_ok() {}
    Ok(answer.into_bytes())
}

/// Reads until a text comes, or until then. The end is fixed once, so that no number of pings stretches it.
fn listen(socket: &mut WebSocket<TcpStream>, end: Instant) -> io::Result<Option<String>> {
    loop {
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Ok(None);
        }
        socket.get_ref().set_read_timeout(Some(left))?;
        match socket.read() {
            Ok(Message::Text(text)) => return Ok(Some(text.to_string())),
            Ok(_) => socket.flush().map_err(io::Error::other)?, // of a ping the pong is ready now
            // Silence is WouldBlock on Unix and TimedOut on Windows: what is left of the time says what to do.
            Err(Error::Io(e)) if matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
            Err(e) => return Err(io::Error::other(e)),
        }
    }
}
