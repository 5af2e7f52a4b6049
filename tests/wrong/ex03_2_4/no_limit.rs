//! Waits for an answer for half a minute, the limit of a session that nobody told another.

use super::solution::{MAY_CHANGE, order};
use netprimer::retry::Policy;
use netprimer::web::Session;
use std::io;
use std::net::SocketAddr;

pub fn ask(server: SocketAddr) -> io::Result<Vec<u8>> {
    let mut session = Session::new();
    let statuses = MAY_CHANGE.to_vec();
    session.mount("http://", Policy { total: 2, statuses, retry_after_max: 1.0, ..Policy::default() });
    order(&session, server)
}
