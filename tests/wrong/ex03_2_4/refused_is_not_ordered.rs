//! Takes every status of the 400s for "nothing was ordered", and orders again.

use super::solution::{MAY_CHANGE, status_and_body};
use netprimer::retry::Policy;
use netprimer::web::{Options, Session};
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

const QUESTIONS: u32 = 3;

pub fn ask(server: SocketAddr) -> io::Result<Vec<u8>> {
    let url = format!("http://{server}/order");
    let mut session = Session::with(Options { read: Some(Duration::from_secs(1)), ..Options::default() });
    let statuses = MAY_CHANGE.to_vec();
    session.mount("http://", Policy { total: QUESTIONS - 1, statuses, retry_after_max: 1.0, ..Policy::default() });
    for _ in 0..3 {
        match session.post(&url).body("pizza").send().map_err(io::Error::from).and_then(status_and_body) {
            Ok((201, order)) => return Ok(order),
            Ok((status, _)) if !MAY_CHANGE.contains(&status) => return Err(refused(status)),
            Ok(_) | Err(_) => {}
        }
        match status_and_body(session.get(&url).send()?)? {
            (200, order) => return Ok(order),
            (400..=499, _) => {}
            (status, _) => return Err(refused(status)),
        }
    }
    Err(io::ErrorKind::TimedOut.into())
}

fn refused(status: u16) -> io::Error {
    io::Error::other(format!("the server answered {status}"))
}
