//! Exercise 2.5: serve three clients at once, with numbers that they share (lessons/02_5_threaded_server.md). 20 to 40
//! minutes.
//!
//! ```text
//! C1: hello\n                a client sends a line, whatever stands in it
//! S1: 1\n                    the server answers with the number of the line, over all clients
//! C2: hello\n                another client, while the first one is silent
//! S2: 2\n
//! C3: hal                    a third one stops in the middle of a line ...
//! C1: again\n                ... and that is nothing to the others
//! S1: 3\n
//! C4: hello\n                a fourth one connects and waits ...
//! C3: FIN                    ... until one of the three leaves
//! S3: FIN
//! S4: 4\n
//! ```
//!
//! Three clients have a place; whoever comes after them waits, without an answer, until one has left. A place comes back
//! however its client leaves: at its end, or by an error.
//!
//! ```text
//! cargo run --example ex02_5                  checks your server
//! cargo run --example ex02_5 -- hint          gives the next hint of three
//! cargo run --example ex02_5 -- serve [ADDR]  lets you talk to it, at 127.0.0.1:8888 if you name no address ...
//! cargo run --example nc -- 127.0.0.1:8888    ... from other terminals, four of them: who waits?
//! ```

use netprimer::check::{self, Peer, ex02_5};
#[allow(unused_imports)] // until you use them
use std::io::{self, BufRead, BufReader, Write};
#[allow(unused_imports)]
use std::net::{TcpListener, TcpStream};
use std::process::ExitCode;
#[allow(unused_imports)]
use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
    mpsc,
};
#[allow(unused_imports)]
use std::thread;

/// Answers every line with its number, three clients at once, and never returns.
#[allow(unused_variables)] // until you use the listener
fn serve(listener: TcpListener) -> io::Result<()> {
    todo!("take a place, accept, start a thread")
}

fn main() -> ExitCode {
    check::main(&ex02_5::EXERCISE, &Peer::Server(serve))
}
