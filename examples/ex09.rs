//! Exercise 9: a server that nobody can hold (lessons/09_best_practices.md). 15 to 30 minutes.
//!
//! ```text
//! C: hello\n                a line of 100 bytes at most, newline included, in pieces of any size
//! S: ok 5\n                 its length in bytes, without the newline
//! S: FIN
//!
//! S: late\n                 no whole line within 1.5 s after the client came
//! S: long\n                 no newline among its first 100 bytes, in pieces of any size
//! S: cut\n                  the client's FIN, and the line was not whole
//! ```
//!
//! Each answer is followed by the server's FIN. A byte now and then gives no client more time. Clients are served at the
//! same time, and what goes wrong with one does not matter to the others. There may be as many as come.
//!
//! ```text
//! cargo run --example ex09                    checks your server
//! cargo run --example ex09 -- hint            gives the next hint of three
//! cargo run --example ex09 -- serve [ADDR]    lets you talk to it, at 127.0.0.1:8888 if you name no address ...
//! cargo run --example nc -- 127.0.0.1:8888    ... from another terminal: type quickly, or not at all; Ctrl-C stops it
//! ```

use netprimer::check::{self, Peer, ex09};
#[allow(unused_imports)] // until you use them
use std::io::{self, ErrorKind, Read, Write};
#[allow(unused_imports)]
use std::net::{TcpListener, TcpStream};
use std::process::ExitCode;
#[allow(unused_imports)]
use std::{
    thread,
    time::{Duration, Instant},
};

/// Answers each client's line, within its time, and never returns.
#[allow(unused_variables)] // until you use the listener
fn serve(listener: TcpListener) -> io::Result<()> {
    todo!("accept, start a thread, fix the end of its time")
}

fn main() -> ExitCode {
    check::main(&ex09::EXERCISE, &Peer::Server(serve))
}
