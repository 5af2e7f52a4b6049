//! Takes every status but 404 for a page.

use netprimer::web::Session;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

pub fn ask(server: SocketAddr) -> io::Result<Vec<u8>> {
    let (session, url) = (Session::new(), format!("http://{server}/words"));
    let mut words = String::new();
    for page in 1..=100 {
        let request = session.get(&url).query("q", "fish & chips").query("page", &page.to_string());
        let mut answer = request.header("X-Train", "yes").timeout(Duration::from_secs(1)).send()?;
        match answer.status().as_u16() {
            404 => return Ok(words.into_bytes()),
            403 => return Err(io::Error::other("not for us")),
            _ => words += &answer.text()?,
        }
    }
    Err(io::Error::other("this list has no end"))
}
