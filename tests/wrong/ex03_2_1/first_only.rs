//! Fetches one page and takes it for the list.

use netprimer::web::Session;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

pub fn ask(server: SocketAddr) -> io::Result<Vec<u8>> {
    let (session, url) = (Session::new(), format!("http://{server}/words"));
    let request = session.get(&url).query("q", "fish & chips").query("page", "1");
    let mut answer = request.header("X-Train", "yes").timeout(Duration::from_secs(1)).send()?;
    Ok(answer.text()?.into_bytes())
}
