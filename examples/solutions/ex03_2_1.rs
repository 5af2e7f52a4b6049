//! A solution of exercise 3.2.1. Yours may look different: the checker sees only the wire and the result.

use netprimer::web::Session;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

/// For one page, to its last byte.
const TIME: Duration = Duration::from_secs(1);
/// A list may have so many: a server that never ends must not fill our memory.
const PAGES: u32 = 1_000;

/// Fetches all pages and returns their text.
pub fn ask(server: SocketAddr) -> io::Result<Vec<u8>> {
    let (session, url) = (Session::new(), format!("http://{server}/words"));
    let mut words = String::new();
    for page in 1..=PAGES {
        let request = session.get(&url).query("q", "fish & chips").query("page", &page.to_string());
        let mut answer = request.header("X-Train", "yes").timeout(TIME).send()?;
        match answer.status().as_u16() {
            200 => words += &answer.text()?, // in the charset of the page; an error when it is cut
            404 => return Ok(words.into_bytes()),
            status => return Err(io::Error::other(format!("page {page}: the server answered {status}"))),
        }
    }
    Err(io::Error::other("this list has no end"))
}
