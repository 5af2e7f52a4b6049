//! Gives up when one page fails.

use std::io;
use std::net::SocketAddr;
use std::thread;

pub fn ask(servers: &[SocketAddr]) -> io::Result<Vec<u8>> {
    let mut lines = String::new();
    for four in servers.chunks(4) {
        let pages: Vec<_> = thread::scope(|scope| {
            let all: Vec<_> = four.iter().map(|server| scope.spawn(|| super::fetch(*server))).collect();
            all.into_iter().map(|one| one.join().unwrap()).collect()
        });
        for page in pages {
            lines += &format!("ok {}\n", page.map_err(|_| io::Error::other("a page is missing"))?);
        }
    }
    Ok(lines.into())
}
