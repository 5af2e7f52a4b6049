//! A solution of exercise 3.2.4. Yours may look different: the checker sees only the wire and the result.

use netprimer::retry::Policy;
use netprimer::web::{Options, Response, Session};
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::time::Duration;

/// After these the same request may succeed later.
pub const MAY_CHANGE: [u16; 5] = [429, 500, 502, 503, 504];
const ORDERS: u32 = 3;
const QUESTIONS: u32 = 3;

/// Orders a pizza and returns what the server says of the order.
pub fn ask(server: SocketAddr) -> io::Result<Vec<u8>> {
    let mut session = Session::with(Options { read: Some(Duration::from_secs(1)), ..Options::default() });
    // Its retries are for GET only: a POST is sent once, whatever the policy says.
    let statuses = MAY_CHANGE.to_vec();
    session.mount("http://", Policy { total: QUESTIONS - 1, statuses, retry_after_max: 1.0, ..Policy::default() });
    order(&session, server)
}

/// Orders until it is known that there is an order, and again only when it is known that there is none.
pub fn order(session: &Session, server: SocketAddr) -> io::Result<Vec<u8>> {
    let url = format!("http://{server}/order");
    for _ in 0..ORDERS {
        // Whether the head was lost or half of the body, nobody knows whether it was done.
        match session.post(&url).body("pizza").send().map_err(io::Error::from).and_then(status_and_body) {
            Ok((201, order)) => return Ok(order),
            Ok((status, _)) if !MAY_CHANGE.contains(&status) => return Err(refused(status)),
            Ok(_) | Err(_) => {}
        }
        match status_and_body(session.get(&url).send()?)? {
            (200, order) => return Ok(order),
            (404, _) => {} // known: it was not done
            (status, _) => return Err(refused(status)),
        }
    }
    Err(ErrorKind::TimedOut.into())
}

pub fn status_and_body(mut answer: Response) -> io::Result<(u16, Vec<u8>)> {
    Ok((answer.status().as_u16(), answer.bytes()?))
}

fn refused(status: u16) -> io::Error {
    io::Error::other(format!("the server answered {status}"))
}
