//! Exercise 2.2: get a whole answer within one second, or an error (lessons/02_2_tcp_client.md). 20 to 40 minutes.
//!
//! ```text
//! C: text\n                 the client sends the five bytes of its question ...
//! C: FIN                    ... and half-closes
//! S: 11\n                   the first line of the answer: how many bytes follow, in decimal, 65,536 at most
//! S: hello world            so many bytes, of any kind, in pieces of any size
//! S: FIN
//! ```
//!
//! The result is what follows the first line: `hello world`. There is one second for everything together. Where there is no
//! right answer in time, the result is an error, and never a piece of an answer: nobody listens, the first line is no number
//! or has no end, fewer bytes come than it says, it says more than 65,536. When 70,000 bytes have come, stop reading: that is an
//! error at once.
//!
//! ```text
//! cargo run --example ex02_2                checks your client
//! cargo run --example ex02_2 -- hint        gives the next hint of three
//! cargo run --example ex02_2 -- run [ADDR]  asks a server of yours, at 127.0.0.1:8888 if you name no address ...
//! printf '5\nhello' | cargo run --example nc -- --listen 127.0.0.1:8888     ... such as this one in another terminal
//! ```

use netprimer::check::{self, Peer, ex02_2};
#[allow(unused_imports)] // until you use them
use std::io::{self, ErrorKind, Read, Write};
#[allow(unused_imports)]
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::process::ExitCode;
#[allow(unused_imports)]
use std::time::{Duration, Instant};

/// Asks the server and returns its answer without the first line.
#[allow(unused_variables)] // until you use the address
fn ask(server: SocketAddr) -> io::Result<Vec<u8>> {
    todo!("connect, send, half-close, read, compare with the length")
}

fn main() -> ExitCode {
    check::main(&ex02_2::EXERCISE, &Peer::Client(ask))
}
