//! WebSocket: messages both ways over one connection that began as HTTP, between programs and with pages in a browser.
//!
//! ```text
//! C: GET / HTTP/1.1 … Upgrade: websocket          the handshake: see `head`
//! S: HTTP/1.1 101 Switching Protocols …
//!
//!  0                   1                   2                   3
//!  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//! +-+-+-+-+-------+-+-------------+-------------------------------+   then frames, both ways, at any time:
//! |F|R|R|R|opcode |M| length      | 126: 2 bytes of length follow |   opcode 1 text, 2 binary, 0 continuation,
//! |I|S|S|S|       |A| 0 to 125    | 127: 8 bytes of length follow |          8 close, 9 ping, 10 pong
//! |N|V|V|V|       |S|             |                               |
//! | |1|2|3|       |K|             | then, from the client, 4 bytes|
//! +-+-+-+-+-------+-+-------------+ of mask, then the payload     |
//! ```
//!
//! RFC 6455. The frames are tungstenite's business: a [`Socket`] is its `WebSocket`, with its `read`, `send` and `close`. What it
//! leaves to its caller stands here: connecting in time, the server with its page and its answers to bad handshakes, who may
//! come (Origin), limits, pings, close codes for what went wrong, sending while receiving, one message to many, reconnecting.
//! There is no compression (RFC 7692).
//!
//! To read it: this file, `head`, `client`. What goes beyond the lesson: `line`, `writer`, `serve`, `door`, `error`, `sender`, `hub`, `reconnect`.
//!
//! May use: error, encode, deadline, stream, retry, trace, server, dial, url.

mod client;
mod door;
mod error;
mod head;
mod hub;
mod line;
mod reconnect;
mod sender;
mod serve;
mod writer;

pub use client::{Options, connect, connect_and_see, connect_with};
pub use door::{Origins, PAGE};
pub use error::{Refused, close_code, is_transient};
pub use hub::{Hub, Seat, Slow};
pub use line::Line;
pub use reconnect::{Link, Reconnect};
pub use sender::{Sender, sender};
pub use serve::{Client, Running, Seal, Serve, serve};
pub use tungstenite::protocol::frame::coding::CloseCode;
pub use tungstenite::{Message, handshake::derive_accept_key, protocol::CloseFrame};

use crate::deadline::Deadline;
use crate::error::{Error, Result};
use std::time::Duration;
use tungstenite::protocol::{Role, WebSocketConfig};

/// tungstenite's WebSocket over our connection, over TCP or TLS, of a client or a server.
pub type Socket = tungstenite::WebSocket<Line>;

/// What the other side may take of memory and time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of a message that comes or is sent, in one frame or in many. Default 1 MiB, as Python's websockets has it.
    pub message: usize,
    /// Bytes read at once where messages are longer than 1 KiB, and then kept for the connection. Default 4 KiB; 32 KiB is quicker
    /// with long ones. tungstenite's own 128 KiB cost a thousand connections 128 MiB.
    pub buffer: usize,
    /// After so much silence a ping is sent, whenever somebody reads. Default 20 s, as Python's websockets; `None` for never.
    pub ping_after: Option<Duration>,
    /// If then nothing comes for so long, the peer is dead: the read fails with [`Error::Timeout`]. Default 20 s.
    pub pong_within: Duration,
    /// So long may one frame take to be sent. Default 10 s.
    pub write: Duration,
    /// So long may the other side take to answer our Close, and then to close the connection. Default 2 s.
    pub close: Duration,
    /// So many pings may come in one second. Default 100.
    pub pings: u32,
}

impl Default for Limits {
    fn default() -> Limits {
        let seconds = Duration::from_secs;
        Limits {
            message: 1 << 20,
            buffer: 4 << 10,
            ping_after: Some(seconds(20)),
            pong_within: seconds(20),
            write: seconds(10),
            close: seconds(2),
            pings: 100,
        }
    }
}

impl Limits {
    /// The same for tungstenite. Nothing is kept back when we write, so its buffer holds one frame at most.
    fn config(&self) -> WebSocketConfig {
        WebSocketConfig::default()
            .max_message_size(Some(self.message))
            .max_frame_size(Some(self.message.max(125))) // a ping or a Close may be so long (section 5.5)
            .read_buffer_size(self.buffer.min(line::SHORT))
            .write_buffer_size(0)
            .max_write_buffer_size(self.message.saturating_add(1024))
    }
}

/// The next text or binary message; `None` when the other side has closed (its Close is answered). Pings are answered and pongs
/// are dropped on the way. `socket.read()` gives you all of them.
///
/// # Errors
/// What tungstenite reports, as ours. What the protocol does not allow is told to the other side with the close code that fits
/// ([`close_code`]): 1002 for what is no WebSocket, 1007 for text that is not UTF-8, 1008 for too many pings, 1009 for too long
/// a message. [`Error::Closed`] when it went without a Close, [`Error::Timeout`] when it is dead.
pub fn receive(socket: &mut Socket) -> Result<Option<Message>> {
    socket.get_mut().count_bytes(true);
    let received = next(socket);
    socket.get_mut().count_bytes(false);
    received
}

fn next(socket: &mut Socket) -> Result<Option<Message>> {
    loop {
        match socket.read() {
            Ok(Message::Close(frame)) => {
                socket.get_mut().parting = frame;
                let _ = socket.flush(); // our answer; tungstenite reports the end that we want
                see_off(socket.get_mut(), true);
                return Ok(None);
            }
            Ok(Message::Ping(payload)) if socket.get_mut().is_too_many(&payload) => {
                let most = socket.get_ref().writer().limits.pings;
                fail(socket, CloseCode::Policy, "too many pings");
                return Err(Error::Protocol(format!("WebSocket: more than {most} pings in a second").into()));
            }
            Ok(message @ (Message::Text(_) | Message::Binary(_))) => return Ok(Some(message)),
            Ok(_) => {}
            Err(tungstenite::Error::ConnectionClosed | tungstenite::Error::AlreadyClosed) => return Ok(None),
            Err(error) => {
                let error = Error::from(error);
                // After a timeout the caller decides: what had come of a message is kept.
                if let Some(code) = close_code(&error).filter(|_| !matches!(error, Error::Timeout(_))) {
                    fail(socket, code, &error.to_string());
                }
                return Err(error);
            }
        }
    }
}

/// The Close of the other side that [`receive`] met: its code and its reason. `None` before it, and where it had none.
pub fn parting(socket: &Socket) -> Option<&CloseFrame> {
    socket.get_ref().parting.as_ref()
}

/// Ends the conversation: sends a Close, drops what still comes, and gives the other side's Close, within `Limits::close`. Gives
/// `None` where it had none.
///
/// # Errors
/// [`Error::Timeout`] when no answer came in time; [`Error::Closed`] when it went without one; [`Error::Invalid`] for a code that
/// must not be sent (RFC 6455 section 7.4) and a reason of more than 123 bytes; those of [`receive`] for what comes before the Close.
pub fn close(socket: &mut Socket, code: CloseCode, reason: &str) -> Result<Option<CloseFrame>> {
    match socket.close(Some(farewell(code, reason)?)) {
        Ok(()) | Err(tungstenite::Error::ConnectionClosed | tungstenite::Error::AlreadyClosed) => {}
        Err(error) => return Err(error.into()),
    }
    let limit = Deadline::after(socket.get_ref().writer().limits.close);
    socket.get_mut().set_deadline(limit);
    loop {
        match socket.read() {
            Ok(Message::Close(frame)) => {
                see_off(socket.get_mut(), true);
                return Ok(frame);
            }
            Ok(_) => {}
            Err(tungstenite::Error::ConnectionClosed | tungstenite::Error::AlreadyClosed) => return Ok(None),
            Err(error) => return Err(error.into()),
        }
    }
}

/// A Close, if it may be sent.
fn farewell(code: CloseCode, reason: &str) -> Result<CloseFrame> {
    let bad = || Error::Invalid(format!("a Close with code {code} and {} bytes of reason", reason.len()).into());
    if code.is_allowed() && reason.len() <= 123 { Ok(CloseFrame { code, reason: reason.into() }) } else { Err(bad()) }
}

/// Sends a Close and waits for no answer: what comes now cannot be understood (section 7.1.7).
fn fail(socket: &mut Socket, code: CloseCode, reason: &str) {
    let reason: String = reason.chars().filter(char::is_ascii).take(123).collect();
    socket.get_ref().writer().close(code, &reason);
    see_off(socket.get_mut(), false);
}

/// Ends our side and drops what still comes until the other side has ended too: a socket that is closed with unread bytes is reset,
/// and a reset can overtake our Close (RFC 1122 section 4.2.2.13).
fn see_off(line: &mut Line, in_order: bool) {
    line.set_deadline(line.deadline.earlier(line.writer().limits.close.into()));
    if in_order && line.writer().role == Role::Client {
        line.drain(); // the server ends first: who does must remember the connection for a while (section 7.1.1)
    }
    let _ = line.writer().finish().map(|()| line.drain()); // done once: it fails the second time
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::Server;
    use std::sync::mpsc::channel;

    /// Nagle's algorithm would hold a small frame back until the last one is acknowledged (RFC 896).
    #[test]
    fn small_frames_do_not_wait() {
        let nodelay = |socket: &Socket| socket.get_ref().writer().socket.upgrade().unwrap().nodelay().unwrap();
        let (say, said) = channel();
        let server = Server::bind("127.0.0.1:0").unwrap();
        let running = serve(server, Serve::default(), move |client| {
            say.send(nodelay(&client.socket)).unwrap();
            Ok(())
        });
        let running = running.unwrap();
        let socket = connect(&format!("ws://{}/", running.addr())).unwrap();
        assert!(nodelay(&socket) && said.recv_timeout(Duration::from_secs(10)).unwrap());
    }
}
