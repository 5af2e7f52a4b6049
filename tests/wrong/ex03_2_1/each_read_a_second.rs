//! Limits each read, and so never a drip.

use netprimer::web::{Options, Session};
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

pub fn ask(server: SocketAddr) -> io::Result<Vec<u8>> {
    let options = Options { read: Some(Duration::from_secs(1)), ..Options::default() };
    let (session, url) = (Session::with(options), format!("http://{server}/words"));
    let mut words = String::new();
    for page in 1..=100 {
        let request = session.get(&url).query("q", "fish & chips").query("page", &page.to_string());
        let mut answer = request.header("X-Train", "yes").send()?;
        match answer.status().as_u16() {
            200 => words += &answer.text()?,
            404 => return Ok(words.into_bytes()),
            status => return Err(io::Error::other(format!("page {page}: the server answered {status}"))),
        }
    }
    Err(io::Error::other("this list has no end"))
}
