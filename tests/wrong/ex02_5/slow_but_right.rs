//! Right, though slow: reads byte by byte, rests before each answer, and counts the free places under a lock.

use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, mpsc};
use std::thread;
use std::time::Duration;

pub fn serve(listener: TcpListener) -> io::Result<()> {
    let lines = Arc::new(Mutex::new(0));
    let places = Arc::new((Mutex::new(3), Condvar::new()));
    loop {
        let free = places.0.lock().unwrap();
        *places.1.wait_while(free, |free| *free == 0).unwrap() -= 1;
        let (client, _) = listener.accept()?;
        let (lines, places) = (Arc::clone(&lines), Arc::clone(&places));
        thread::spawn(move || {
            let done = answer(client, &lines);
            *places.0.lock().unwrap() += 1;
            places.1.notify_one();
            done
        });
    }
}

fn answer(mut client: TcpStream, lines: &Mutex<u64>) -> io::Result<()> {
    client.set_nodelay(true)?;
    let (_tick, clock) = mpsc::channel::<()>();
    let mut byte = [0];
    while client.read(&mut byte)? > 0 {
        if byte == *b"\n" {
            let _ = clock.recv_timeout(Duration::from_millis(30));
            let number = {
                let mut lines = lines.lock().unwrap();
                *lines += 1;
                *lines
            };
            for byte in format!("{number}\n").bytes() {
                client.write_all(&[byte])?;
            }
        }
    }
    Ok(())
}
