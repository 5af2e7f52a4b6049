//! Holds the lock while it reads.

use std::io::{self, BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, mpsc};
use std::thread;

pub fn serve(listener: TcpListener) -> io::Result<()> {
    let lines = Arc::new(Mutex::new(0));
    let (give_back, places) = mpsc::channel();
    for _ in 0..3 {
        give_back.send(()).unwrap();
    }
    loop {
        places.recv().unwrap();
        let (client, _) = listener.accept()?;
        let (lines, give_back) = (Arc::clone(&lines), give_back.clone());
        thread::spawn(move || {
            let done = answer(client, &lines);
            give_back.send(()).unwrap();
            done
        });
    }
}

fn answer(mut client: TcpStream, lines: &Mutex<u64>) -> io::Result<()> {
    let mut reader = BufReader::new(client.try_clone()?);
    let mut line = Vec::new();
    let mut lines = lines.lock().unwrap();
    loop {
        if reader.read_until(b'\n', &mut line)? == 0 {
            return Ok(());
        }
        *lines += 1;
        let number = *lines;
        client.write_all(format!("{number}\n").as_bytes())?;
        line.clear();
    }
}
