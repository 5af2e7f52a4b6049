//! Exercise 8.2: come back with pauses that grow, until the server is done (lessons/08_2_concurrent_websocket.md). 20 to 40
//! minutes.
//!
//! ```text
//! C: (connects)
//! S: text one                each text is a line of the result
//! S: (hangs up)              the connection is lost
//! C: (connects)              after 100 ms
//! S: close 1001              it goes away
//! C: close 1001
//! C: (connects)              after 200 ms: no text came, so the pause grows
//! S: text two                and the next pause is 100 ms again
//! S: close 1000              it is done
//! C: close 1000
//! S: FIN
//! ```
//!
//! The result is all texts, each with `\n` behind it: `one\ntwo\n`; 1000 is the end, also without a text before it. Four connections in a row that bring no text, whether nobody
//! is there or they are lost, are an error. A Close with any code but 1000 and 1001 is one at once. The handshake is left out: the
//! frames begin at once, so the socket is `WebSocket::from_raw_socket(stream, Role::Client, None)`. The number of a Close is
//! `u16::from(frame.code)`, where `Message::Close(Some(frame))` came.
//!
//! ```text
//! cargo run --example ex08_2                checks your client
//! cargo run --example ex08_2 -- hint        gives the next hint of three
//! cargo run --example ex08_2 -- run [ADDR]  asks a server, at 127.0.0.1:8888 if you name no address ...
//! printf '\201\003one\210\002\003\350' | cargo run --example nc -- --listen 127.0.0.1:8888     ... such as this one, once
//! ```

use netprimer::check::{self, Peer, ex08_2};
#[allow(unused_imports)] // until you use them
use std::io;
#[allow(unused_imports)]
use std::net::{SocketAddr, TcpStream};
use std::process::ExitCode;
#[allow(unused_imports)]
use std::thread;
#[allow(unused_imports)]
use std::time::Duration;
#[allow(unused_imports)]
use tungstenite::protocol::Role;
#[allow(unused_imports)]
use tungstenite::{Message, WebSocket};

/// Collects the texts of the server, of as many connections as it takes.
#[allow(unused_variables)] // until you use the address
fn ask(server: SocketAddr) -> io::Result<Vec<u8>> {
    todo!("connect, collect texts, see how it ended, pause, and again")
}

fn main() -> ExitCode {
    check::main(&ex08_2::EXERCISE, &Peer::Client(ask))
}
