//! Takes three lost questions for "nothing was ordered", and orders again.

use super::solution::status_and_body;
use netprimer::web::{Options, Session};
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::sync::mpsc;
use std::time::Duration;

pub fn ask(server: SocketAddr) -> io::Result<Vec<u8>> {
    let url = format!("http://{server}/order");
    let options = Options { read: Some(Duration::from_secs(1)), ..Options::default() };
    let may_change = [429, 500, 502, 503, 504];
    for _ in 0..3 {
        let order = Session::with(options.clone()).post(&url).body("pizza").send();
        match order.map_err(io::Error::from).and_then(status_and_body) {
            Ok((201, order)) => return Ok(order),
            Ok((status, _)) if !may_change.contains(&status) => return Err(ErrorKind::InvalidInput.into()),
            _ => {}
        }
        if let Some(order) = look(&url, &options)? {
            return Ok(order);
        }
    }
    Err(ErrorKind::TimedOut.into())
}

fn look(url: &str, options: &Options) -> io::Result<Option<Vec<u8>>> {
    let (_tick, clock) = mpsc::channel::<()>();
    let mut pause = Duration::from_millis(30);
    for _ in 0..3 {
        let _ = clock.recv_timeout(pause);
        let Ok(answer) = Session::with(options.clone()).get(url).send() else { continue };
        let told = answer.headers().get("Retry-After").and_then(|told| told.to_str().ok()?.parse().ok());
        pause = told.map_or(pause, |seconds: u64| Duration::from_secs(seconds.min(1)));
        match status_and_body(answer) {
            Ok((200, order)) => return Ok(Some(order)),
            Ok((404, _)) => return Ok(None),
            Ok((429 | 500 | 502 | 503 | 504, _)) | Err(_) => {}
            Ok(_) => return Err(ErrorKind::InvalidInput.into()),
        }
    }
    Ok(None)
}
