//! Right, though slow: a thread for each page, which rests and then waits for one of four places.

use std::io;
use std::net::SocketAddr;
use std::sync::{Condvar, Mutex};
use std::thread;
use std::time::Duration;

pub fn ask(servers: &[SocketAddr]) -> io::Result<Vec<u8>> {
    let (begun, changed) = (Mutex::new((0, 0)), Condvar::new()); // how many have begun, and how many are done
    let lines: Vec<String> = thread::scope(|scope| {
        let page = |n: usize| {
            thread::park_timeout(Duration::from_millis(30));
            let turn = changed.wait_while(begun.lock().unwrap(), |(begun, done)| *begun != n || n - *done >= 4);
            turn.unwrap().0 += 1;
            changed.notify_all();
            let line = super::line(servers[n]);
            begun.lock().unwrap().1 += 1;
            changed.notify_all();
            line
        };
        let all: Vec<_> = (0..servers.len()).map(|n| scope.spawn(move || page(n))).collect();
        all.into_iter().map(|one| one.join().unwrap()).collect()
    });
    Ok(lines.concat().into())
}
