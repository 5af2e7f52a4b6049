//! Exercise 8.1: fetch many pages, four at once, in order, with the errors apart (lessons/08_1_concurrent_http.md). 15 to 30
//! minutes.
//!
//! ```text
//! C1: GET / HTTP/1.1 ...    to each server one request: `fetch`, which is given
//! C4: GET / HTTP/1.1 ...    four at once, in the order of the list
//! S2: HTTP/1.1 200 OK ...   one is done ...
//! C5: GET / HTTP/1.1 ...    ... and at once the next one is asked
//! ```
//!
//! The result has a line for each server, in their order: `ok`, a space and the page, or `error` for whatever went wrong.
//! (The pages of this exercise are one line each, without its newline.)
//!
//! ```text
//! cargo run --example ex08_1                      checks your client
//! cargo run --example ex08_1 -- hint              gives the next hint of three
//! cargo run --example ex08_1 -- run ADDR ADDR..   fetches from servers of yours
//! ```
//!
//! `netprimer::gather` does this already: with it the exercise takes two lines and teaches nothing. Write it with threads.

use netprimer::Result;
use netprimer::check::{self, Peer, ex08_1};
#[allow(unused_imports)] // until you use them
use netprimer::web::{Options, Session};
use std::io;
use std::net::SocketAddr;
use std::process::ExitCode;
#[allow(unused_imports)] // a list for all threads, or a counter and a channel: as you like
use std::sync::{
    Mutex,
    atomic::{AtomicUsize, Ordering},
    mpsc,
};
#[allow(unused_imports)]
use std::{thread, time::Duration};

/// So many pages are fetched at once.
#[allow(dead_code)] // until you use it
const AT_ONCE: usize = 4;

/// The page of one server, or what went wrong. Given, as in the lesson.
#[allow(dead_code)]
fn fetch(session: &Session, server: SocketAddr) -> Result<String> {
    session.get(&format!("http://{server}/")).send()?.error_for_status()?.text()
}

/// Fetches the page of each server and returns a line for each.
#[allow(unused_variables)]
fn ask(servers: &[SocketAddr]) -> io::Result<Vec<u8>> {
    let session = Session::with(Options { total: Duration::from_secs(5), ..Options::default() });
    todo!("four threads, one list")
}

fn main() -> ExitCode {
    check::main(&ex08_1::EXERCISE, &Peer::ClientOfAll(ask))
}
