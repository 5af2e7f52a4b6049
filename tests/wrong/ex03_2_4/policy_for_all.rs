//! Allows the policy to send a POST again.

use super::solution::status_and_body;
use netprimer::retry::Policy;
use netprimer::web::Session;
use std::io;
use std::net::SocketAddr;

pub fn ask(server: SocketAddr) -> io::Result<Vec<u8>> {
    let mut session = Session::new();
    let statuses = vec![429, 500, 502, 503, 504];
    session.mount("http://", Policy { statuses, allowed_methods: vec!["GET", "POST"], ..Policy::default() });
    let answer = session.post(&format!("http://{server}/order")).body("pizza").send()?;
    Ok(status_and_body(answer)?.1)
}
