//! Right, though slow: asks twice where nothing came, rests before each, and sorts at the end.

use std::io::{self, ErrorKind};
use std::net::{SocketAddr, TcpStream};
use std::sync::Mutex;
use std::thread;
use std::time::Duration;

pub fn ask(addresses: &[SocketAddr]) -> io::Result<Vec<u8>> {
    let found = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for (n, address) in addresses.iter().enumerate() {
            let found = &found;
            scope.spawn(move || {
                thread::park_timeout(Duration::from_millis(30));
                let knock = || TcpStream::connect_timeout(address, Duration::from_millis(300)).map_err(|e| e.kind());
                let word = match knock().or_else(|_| knock()) {
                    Err(ErrorKind::ConnectionRefused) => Ok("closed\n"),
                    Err(ErrorKind::TimedOut) => Ok("filtered\n"),
                    other => other.map(|_| "open\n"),
                };
                found.lock().unwrap().push((n, word));
            });
        }
    });
    let mut found = found.into_inner().unwrap();
    found.sort_by_key(|(n, _)| *n);
    let words: Vec<_> = found.into_iter().map(|(_, word)| word).collect::<Result<_, _>>()?;
    Ok(words.concat().into())
}
