//! Sends while it holds the lock, and panics when that fails: the lock is poisoned, and the place is lost.

use std::io::{self, BufRead, BufReader, Write};
use std::net::TcpListener;
use std::sync::{Arc, Mutex, mpsc};
use std::thread;

pub fn serve(listener: TcpListener) -> io::Result<()> {
    let count = Arc::new(Mutex::new(0));
    let (give_back, places) = mpsc::channel();
    for _ in 0..3 {
        give_back.send(()).unwrap();
    }
    loop {
        places.recv().unwrap();
        let (client, _) = listener.accept()?;
        let (count, give_back) = (Arc::clone(&count), give_back.clone());
        thread::spawn(move || {
            for line in BufReader::new(&client).split(b'\n') {
                if line.is_err() {
                    break;
                }
                let mut n = count.lock().unwrap();
                *n += 1;
                (&client).write_all(format!("{n}\n").as_bytes()).unwrap();
            }
            give_back.send(()).unwrap();
        });
    }
}
