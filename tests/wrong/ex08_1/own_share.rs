//! Gives each thread its own share of the list: one, five, nine to the first.

use std::io;
use std::net::SocketAddr;
use std::thread;

pub fn ask(servers: &[SocketAddr]) -> io::Result<Vec<u8>> {
    let mut lines = vec![String::new(); servers.len()];
    let mut shares: [Vec<_>; 4] = Default::default();
    for (n, job) in servers.iter().zip(&mut lines).enumerate() {
        shares[n % 4].push(job);
    }
    thread::scope(|scope| {
        for share in shares {
            scope.spawn(|| share.into_iter().for_each(|(server, line)| *line = super::line(*server)));
        }
    });
    Ok(lines.concat().into())
}
