//! Exercise 6: send a text as mail, and let nothing in it end it (lessons/06_smtp.md). 20 to 40 minutes.
//!
//! ```text
//! S: 220 ready\r\n                     the server speaks first, and answers each line with one line
//! C: HELO localhost\r\n
//! S: 250 hello\r\n
//! C: MAIL FROM:<me@example.com>\r\n    the envelope is always the same
//! S: 250 OK\r\n
//! C: RCPT TO:<you@example.com>\r\n
//! S: 250 OK\r\n
//! C: DATA\r\n
//! S: 354 go on\r\n
//! C: ..hidden\r\n                      the text: one that begins with a dot has a second one in front
//! C: .\r\n                             a single dot ends it
//! S: 250 taken as 7\r\n
//! C: QUIT\r\n
//! S: 221 bye\r\n
//! ```
//!
//! The result is the reply to the text, without its CRLF: `250 taken as 7`. In the text CRLF, LF and CR end a line, and the last
//! line may have no line end; on the wire each ends with CRLF. A reply that begins with another digit than here, or none at all,
//! is an error: hang up without another word. (What comes behind QUIT does not matter.)
//!
//! ```text
//! cargo run --example ex06                checks your client
//! cargo run --example ex06 -- hint        gives the next hint of three
//! printf '.hidden\n' | cargo run --example ex06 -- run [ADDR]     sends this text to 127.0.0.1:8888, or where you name ...
//! cargo run --example nc -- --listen 127.0.0.1:8888     ... such as yourself in another terminal: type the replies
//! ```

use netprimer::check::{self, Peer, ex06};
#[allow(unused_imports)] // until you use them
use std::io::{self, BufRead, BufReader, Write};
#[allow(unused_imports)]
use std::net::{SocketAddr, TcpStream};
use std::process::ExitCode;

/// Sends the text and returns what the server says to it.
#[allow(unused_variables)] // until you use them
fn ask(server: SocketAddr, text: &str) -> io::Result<Vec<u8>> {
    todo!("greeting, envelope, DATA, the text with its dots stuffed, QUIT")
}

fn main() -> ExitCode {
    check::main(&ex06::EXERCISE, &Peer::ClientWith(ask))
}
