//! Right, though slow: a session for each page, and a short rest before it.

use netprimer::web::{Options, Session};
use std::io;
use std::net::SocketAddr;
use std::sync::mpsc;
use std::time::Duration;

pub fn ask(server: SocketAddr) -> io::Result<Vec<u8>> {
    let (_tick, clock) = mpsc::channel::<()>();
    let mut words = Vec::new();
    for page in 1.. {
        let _ = clock.recv_timeout(Duration::from_millis(20));
        let mut session = Session::with(Options { total: Duration::from_secs(1), ..Options::default() });
        session.set_header("x-train", "yes")?;
        let url = format!("http://{server}/words?page={page:02}&q=%66ish%20%26%20chips");
        let mut answer = session.get(&url.replace("page=0", "page=")).send()?;
        if answer.status() == 404 {
            break;
        }
        let text = answer.text()?;
        if answer.status() != 200 {
            return Err(io::Error::other(text));
        }
        words.extend(text.into_bytes());
    }
    Ok(words)
}
