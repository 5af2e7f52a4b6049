//! Exercise 4.1: send every frame back, without its mask (lessons/04_1_websocket_server.md). 20 to 40 minutes.
//!
//! ```text
//! C: 81 85 37 fa 21 3d 7f 9f 4d 51 58    text, 5 bytes, the mask, and "Hello" under it
//! S: 81 05 48 65 6c 6c 6f                the same text, unmasked, as a server must
//! C: 88 82 37 fa 21 3d 34 12             a Close with the code 1000
//! S: 88 02 03 e8                         is sent back as every frame is, with its own code and reason ...
//! S: FIN                                 ... and then the server closes, and serves the next client
//! ```
//!
//! The handshake is left out: the frames begin at once. A frame goes back when all of it has come, its first byte as it came. The
//! length is sent in the shortest of its three ways.
//!
//! ```text
//! C: 81 05                               no mask, or a reserved bit is set:
//! S: 88 02 03 ea                         a Close with the code 1002, and the server hangs up
//! C: 82 ff 00 00 00 00 00 10 00 01       more than 1,048,576 bytes of payload:
//! S: 88 02 03 f1                         a Close with the code 1009, and the server hangs up
//! ```
//!
//! Send both as soon as you can know it: what is wrong in the first two bytes, before any length is read. A client may go away
//! at any place, and that must not end the server. One client at a time is enough.
//!
//! ```text
//! cargo run --example ex04_1                  checks your server
//! cargo run --example ex04_1 -- hint          gives the next hint of three
//! cargo run --example ex04_1 -- serve [ADDR]  lets you talk to it, at 127.0.0.1:8888 if you name no address ...
//! printf '\201\205\067\372\041\075\177\237\115\121\130' | cargo run --example nc -- --hex 127.0.0.1:8888     ... with such a frame
//! ```

use netprimer::check::{self, Peer, ex04_1};
#[allow(unused_imports)] // until you use them
use std::io::{self, Read, Write};
#[allow(unused_imports)]
use std::net::{TcpListener, TcpStream};
use std::process::ExitCode;

/// Sends every frame of every client back without its mask, one client after the other, and never returns.
#[allow(unused_variables)] // until you use the listener
fn serve(listener: TcpListener) -> io::Result<()> {
    todo!("accept, read the head, the mask and the payload, answer")
}

fn main() -> ExitCode {
    check::main(&ex04_1::EXERCISE, &Peer::Server(serve))
}
