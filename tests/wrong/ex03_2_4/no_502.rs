//! Does not ask again after 502.

use super::solution::order;
use netprimer::retry::Policy;
use netprimer::web::{Options, Session};
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

pub fn ask(server: SocketAddr) -> io::Result<Vec<u8>> {
    let mut session = Session::with(Options { read: Some(Duration::from_secs(1)), ..Options::default() });
    let statuses = vec![429, 500, 503, 504];
    session.mount("http://", Policy { total: 2, statuses, retry_after_max: 1.0, ..Policy::default() });
    order(&session, server)
}
