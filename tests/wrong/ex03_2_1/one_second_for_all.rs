//! Has one second for the whole list.

use netprimer::web::Session;
use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

pub fn ask(server: SocketAddr) -> io::Result<Vec<u8>> {
    let (session, url) = (Session::new(), format!("http://{server}/words"));
    let begin = Instant::now();
    let mut words = String::new();
    for page in 1..=100 {
        let request = session.get(&url).query("q", "fish & chips").query("page", &page.to_string());
        let mut answer = request.header("X-Train", "yes").timeout(Duration::from_secs(1).saturating_sub(begin.elapsed())).send()?;
        match answer.status().as_u16() {
            200 => words += &answer.text()?,
            404 => return Ok(words.into_bytes()),
            status => return Err(io::Error::other(format!("page {page}: the server answered {status}"))),
        }
    }
    Err(io::Error::other("this list has no end"))
}
