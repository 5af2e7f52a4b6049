//! Exercise 2.1: answer every line with its length in bytes (lessons/02_1_tcp_server.md). 20 to 40 minutes.
//!
//! ```text
//! C: hello\n                the client sends a line: all bytes before a \n
//! S: 5\n                    the server answers how many bytes, in decimal, and \n
//! C: hel                    lines come in pieces ...
//! C: lo\n你好\n              ... and several at once
//! S: 5\n6\n                 bytes, not characters, and not always UTF-8; a \r counts; the empty line is 0
//! C: bye
//! C: FIN                    at the end a last line without \n is answered too, if it is not empty
//! S: 3\n
//! S: FIN                    then the server closes, and serves the next client
//! ```
//!
//! A line has at most 1,000 bytes. To a longer one, with its `\n` or without, the server gives no answer and closes. A
//! client that fails must not end the server. One client at a time is enough.
//!
//! ```text
//! cargo run --example ex02_1                  checks your server
//! cargo run --example ex02_1 -- hint          gives the next hint of three
//! cargo run --example ex02_1 -- serve [ADDR]  lets you talk to it, at 127.0.0.1:8888 if you name no address ...
//! cargo run --example nc -- 127.0.0.1:8888    ... from a second terminal: type lines, and see the answers
//! ```

use netprimer::check::{self, Peer, ex02_1};
#[allow(unused_imports)] // until you use them
use std::io::{self, Read, Write};
#[allow(unused_imports)]
use std::net::{TcpListener, TcpStream};
use std::process::ExitCode;

/// Answers every line of every client with its length in bytes, one client after the other, and never returns.
///
/// A number goes out as text: `stream.write_all(format!("{length}\n").as_bytes())?` sends the two bytes `5\n` for 5.
#[allow(unused_variables)] // until you use the listener
fn serve(listener: TcpListener) -> io::Result<()> {
    todo!("accept, read, answer")
}

fn main() -> ExitCode {
    check::main(&ex02_1::EXERCISE, &Peer::Server(serve))
}
