//! Exercise 2.3: number the datagrams of each sender, and never answer an answer (lessons/02_3_udp_server.md). 10 to 20
//! minutes.
//!
//! ```text
//! C: hello                  the client sends a datagram: any bytes, or none
//! S: =1 5                   the server answers: the first datagram of this sender, 5 bytes
//! C: (no bytes)
//! S: =2 0                   the second one, empty
//! C: =1 5                   it begins with =, so it is an answer itself: no answer, and it is not counted
//! ```
//!
//! A sender is an address with its port. Each has its own numbers, from 1. An answer ends with its last digit: no newline.
//!
//! ```text
//! cargo run --example ex02_3                       checks your server
//! cargo run --example ex02_3 -- hint               gives the next hint of three
//! cargo run --example ex02_3 -- serve [ADDR]       lets you talk to it, at 127.0.0.1:8888 if you name no address ...
//! cargo run --example nc -- --udp 127.0.0.1:8888   ... from a second terminal: each line you type is a datagram
//! ```

use netprimer::check::{self, Peer, ex02_3};
#[allow(unused_imports)] // until you use them
use std::collections::HashMap;
use std::io;
#[allow(unused_imports)]
use std::net::{SocketAddr, UdpSocket};
use std::process::ExitCode;

/// Answers every datagram of every sender with its number and its length, and never returns.
///
/// An answer goes out as text: `format!("={number} {length}").as_bytes()` makes the four bytes `=1 5`.
#[allow(unused_variables)] // until you use the socket
fn serve(socket: UdpSocket) -> io::Result<()> {
    todo!("receive, count, answer")
}

fn main() -> ExitCode {
    check::main(&ex02_3::EXERCISE, &Peer::UdpServer(serve))
}
