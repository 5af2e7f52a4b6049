//! Reads the channel to its end, and has a sender of its own: the end never comes.

use std::io;
use std::net::SocketAddr;
use std::sync::Mutex;
use std::sync::mpsc;
use std::thread;

pub fn ask(servers: &[SocketAddr]) -> io::Result<Vec<u8>> {
    let queue = Mutex::new(servers.iter().enumerate());
    let (tell, lines) = mpsc::channel();
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let (queue, tell) = (&queue, tell.clone());
                loop {
                    let Some((n, server)) = queue.lock().unwrap().next() else { return };
                    let _ = tell.send((n, super::line(*server)));
                }
            });
        }
    });
    let mut lines: Vec<_> = lines.iter().collect();
    lines.sort();
    Ok(lines.into_iter().map(|(_, line)| line).collect::<String>().into())
}
