//! Starts a thread for each page, and waits for it before it starts the next one.

use std::io;
use std::net::SocketAddr;
use std::thread;

pub fn ask(servers: &[SocketAddr]) -> io::Result<Vec<u8>> {
    let lines = thread::scope(|scope| {
        servers.iter().map(|server| scope.spawn(|| super::line(*server)).join().unwrap()).collect::<String>()
    });
    Ok(lines.into())
}
