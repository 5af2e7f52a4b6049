//! Orders once, and never asks what became of it.

use netprimer::web::Session;
use std::io;
use std::net::SocketAddr;

pub fn ask(server: SocketAddr) -> io::Result<Vec<u8>> {
    let session = Session::new();
    let answer = session.post(&format!("http://{server}/order")).body("pizza").send()?;
    Ok(answer.error_for_status()?.bytes()?)
}
