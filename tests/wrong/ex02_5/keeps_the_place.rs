//! Takes a place for each client, and never gives one back.

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
        let lines = Arc::clone(&lines);
        thread::spawn(move || answer(client, &lines));
    }
}

fn answer(mut client: TcpStream, lines: &Mutex<u64>) -> io::Result<()> {
    for line in BufReader::new(client.try_clone()?).split(b'\n') {
        line?;
        let number = {
            let mut lines = lines.lock().unwrap();
            *lines += 1;
            *lines
        };
        client.write_all(format!("{number}\n").as_bytes())?;
    }
    Ok(())
}
