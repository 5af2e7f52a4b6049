//! A solution of exercise 8.2. Yours may look different: the checker sees only the wire and the result.

use std::io;
use std::net::{SocketAddr, TcpStream};
use std::thread;
use std::time::Duration;
use tungstenite::protocol::Role;
use tungstenite::{Message, WebSocket};

/// The first pause; each further one is twice as long.
const PAUSE: Duration = Duration::from_millis(100);
/// So many connections in a row may bring nothing.
const FAILURES: u32 = 4;
/// For a connection to come to be, and for the next frame: who is silent so long is lost.
const PATIENCE: Duration = Duration::from_secs(30);

/// Collects the texts of the server, of as many connections as it takes.
pub fn ask(server: SocketAddr) -> io::Result<Vec<u8>> {
    let mut lines = Vec::new();
    let mut failed = 0;
    let mut pause = PAUSE;
    while failed < FAILURES {
        let before = lines.len();
        match listen(server, &mut lines) {
            Some(1000) => return Ok(lines),
            Some(1001) | None => {}
            Some(code) => return Err(io::Error::other(format!("the server closed with {code}"))),
        }
        if lines.len() > before {
            (failed, pause) = (0, PAUSE); // it was a good one: what was before it is forgotten
        } else {
            failed += 1;
        }
        if failed < FAILURES {
            thread::sleep(pause);
            pause *= 2;
        }
    }
    Err(io::Error::other(format!("{FAILURES} connections in a row brought nothing")))
}

/// One connection: its texts, and the code of the server's Close; `None` when it was lost, or never came to be.
fn listen(server: SocketAddr, lines: &mut Vec<u8>) -> Option<u16> {
    let stream = TcpStream::connect_timeout(&server, PATIENCE).ok()?;
    stream.set_read_timeout(Some(PATIENCE)).ok()?;
    let mut socket = WebSocket::from_raw_socket(stream, Role::Client, None);
    let mut code = None;
    // Behind a Close the next read sends ours, and fails when the server has ended the connection.
    while let Ok(message) = socket.read() {
        match message {
            Message::Text(text) => lines.extend([text.as_bytes(), b"\n"].concat()),
            Message::Close(Some(frame)) => code = Some(u16::from(frame.code)),
            _ => {}
        }
    }
    code
}
