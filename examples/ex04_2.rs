//! Exercise 4.2: answer every ping while you send (lessons/04_2_websocket_client.md). 20 to 40 minutes.
//!
//! ```text
//! C: text one                each line of the text is a message, 100 ms after the one before
//! S: ping alive?             at any time
//! C: pong alive?             at once, before the next line
//! C: text two
//! S: text thank you          behind the last line, at once or within one second
//! S: close 1000
//! C: close 1000
//! S: FIN
//! ```
//!
//! The result is the server's text: `thank you`. When it does not come within one second after the last line, or the connection
//! ends before, the result is an error. Pings are no answer. The handshake is left out: the frames begin at once, so the socket is
//! `WebSocket::from_raw_socket(stream, Role::Client, None)`, and `socket.get_ref()` is the stream inside, for its read timeout.
//!
//! ```text
//! cargo run --example ex04_2                checks your client
//! cargo run --example ex04_2 -- hint        gives the next hint of three
//! printf 'one\n' | cargo run --example ex04_2 -- run [ADDR]     sends this to 127.0.0.1:8888, or where you name ...
//! cargo run --example ex04_1 -- serve       ... such as your server of exercise 4.1, which sends the line back
//! ```

use netprimer::check::{self, Peer, ex04_2};
#[allow(unused_imports)] // until you use them
use std::io::{self, ErrorKind};
#[allow(unused_imports)]
use std::net::{SocketAddr, TcpStream};
use std::process::ExitCode;
#[allow(unused_imports)]
use std::time::{Duration, Instant};
#[allow(unused_imports)]
use tungstenite::protocol::Role;
#[allow(unused_imports)]
use tungstenite::{Error, Message, WebSocket};

/// Sends each line of the text in its time and returns the server's answer.
#[allow(unused_variables)] // until you use them
fn ask(server: SocketAddr, text: &str) -> io::Result<Vec<u8>> {
    todo!("connect, send a line, read until the next one is due, and at last the answer")
}

fn main() -> ExitCode {
    check::main(&ex04_2::EXERCISE, &Peer::ClientWith(ask))
}
