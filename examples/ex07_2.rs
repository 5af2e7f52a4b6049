//! Exercise 7.2: tell open, closed and filtered ports apart, many at once (lessons/07_2_port_scan.md). 10 to 20 minutes.
//!
//! ```text
//! C: SYN   S: SYN ACK       open: the client closes, and has sent nothing
//! C: SYN   S: RST           closed
//! C: SYN   (silence)        filtered, after half a second
//! ```
//!
//! The result has a line for each address, in their order: `open`, `closed` or `filtered`, and a newline. Whatever else goes
//! wrong is an error, and the whole result. Many silent addresses together take hardly longer than one.
//!
//! ```text
//! cargo run --example ex07_2                     checks your scanner, at ports of its own
//! cargo run --example ex07_2 -- hint             gives the next hint of three
//! cargo run --example ex07_2 -- run ADDR ADDR..  knocks at addresses of yours ...
//! cargo run --example 07_2_port_scan -- --lab --timeout 60000     ... such as the five that this prints first, for a minute
//! ```
//!
//! Knock only at doors that are yours: nothing stops this program elsewhere.

use netprimer::check::{self, Peer, ex07_2};
#[allow(unused_imports)] // until you use them
use std::io::{self, ErrorKind};
#[allow(unused_imports)]
use std::net::{SocketAddr, TcpStream};
use std::process::ExitCode;
#[allow(unused_imports)]
use std::{thread, time::Duration};

/// Knocks at all addresses and returns a line for each.
#[allow(unused_variables)] // until you use the addresses
fn ask(addresses: &[SocketAddr]) -> io::Result<Vec<u8>> {
    todo!("knock at all of them at once")
}

fn main() -> ExitCode {
    check::main(&ex07_2::EXERCISE, &Peer::ClientOfAll(ask))
}
