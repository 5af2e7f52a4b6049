//! Exercise 3.1: undo the chunks of an answer, or give an error (lessons/03_1_http_by_hand.md). 15 to 30 minutes.
//!
//! ```text
//! C: GET /text HTTP/1.1\r\n     the request: `request` below has it already
//! C: Host: ADDR\r\n
//! C: \r\n
//! S: HTTP/1.1 200 OK\r\n        the head: lines that end with CRLF; after it an empty line
//! S: Transfer-Encoding: chunked\r\n
//! S: \r\n
//! S: 5\r\n                      the size of a chunk, in hexadecimal digits
//! S: Hello\r\n                  so many bytes, of any kind, and CRLF
//! S: 0\r\n                      the chunk of size 0 has no bytes ...
//! S: \r\n                       ... and is the last; with this line the answer ends. The connection stays open.
//! ```
//!
//! The result is what the chunks carry, put together: `Hello`. It has 65,536 bytes at most. Where something is wrong, the
//! result is an error, and never a piece of the body: a size that is no number of hexadecimal digits (such as `x`, `+5` or
//! none), fewer bytes than it says, no CRLF behind them, no last chunk, more than 65,536 bytes in all. Every line ends with CRLF:
//! `\n` alone is an error, and so is a connection that ends anywhere before the last line has come.
//!
//! ```text
//! cargo run --example ex03_1                checks your client
//! cargo run --example ex03_1 -- hint        gives the next hint of three
//! cargo run --example ex03_1 -- run [ADDR]  asks a server of yours, at 127.0.0.1:8888 if you name no address ...
//! printf 'HTTP/1.1 200 OK\r\n\r\n5\r\nHello\r\n0\r\n\r\n' | cargo run --example nc -- --listen 127.0.0.1:8888
//! ```

use netprimer::check::{self, Peer, ex03_1};
#[allow(unused_imports)] // until you use them
use std::io::{self, BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::ExitCode;
use std::time::Duration;

/// Sends the request. What you read next is the head of the answer.
fn request(server: SocketAddr) -> io::Result<BufReader<TcpStream>> {
    let mut stream = TcpStream::connect(server)?;
    stream.set_read_timeout(Some(Duration::from_secs(1)))?; // so that no mistake waits for ever
    stream.write_all(format!("GET /text HTTP/1.1\r\nHost: {server}\r\n\r\n").as_bytes())?;
    Ok(BufReader::new(stream))
}

/// Asks for the text and returns its body without the chunks.
#[allow(unused_variables, unused_mut)] // until you use the reader
fn ask(server: SocketAddr) -> io::Result<Vec<u8>> {
    let mut reader = request(server)?;
    todo!("read the head, then chunk after chunk up to the last")
}

fn main() -> ExitCode {
    check::main(&ex03_1::EXERCISE, &Peer::Client(ask))
}
