//! Answers to exercise 8.1: the solution and a slow one pass, the usual mistakes fail, each with the report beside it.
//!
//! What the starter brings with it stands here once, and how most answers write a line.

use netprimer::web::{Options, Session};
use std::net::SocketAddr;
use std::time::Duration;

#[path = "../../../examples/solutions/ex08_1.rs"]
mod solution;

answers! {
    ClientOfAll(ask)
    pass: solution, slow_but_right
    fail: not_begun, no_state, keeps_a_sender, one_after_another, joins_at_once, holds_the_lock, first_come,
        first_error_ends, leaves_out, any_status, divides, a_thread_for_each, four_by_four, own_share, asks_twice,
        says_why
}

fn fetch(server: SocketAddr) -> netprimer::Result<String> {
    let session = Session::with(Options { total: Duration::from_secs(5), ..Options::default() });
    session.get(&format!("http://{server}/")).send()?.error_for_status()?.text()
}

fn line(server: SocketAddr) -> String {
    fetch(server).map_or_else(|_| "error\n".to_owned(), |text| format!("ok {text}\n"))
}
