//! Takes what a read brings for a line.

use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

pub fn serve(listener: TcpListener) -> io::Result<()> {
    let lines = Arc::new(Mutex::new(0));
    loop {
        let (client, _) = listener.accept()?;
        let lines = Arc::clone(&lines);
        thread::spawn(move || answer(client, &lines));
    }
}

fn answer(mut client: TcpStream, lines: &Mutex<u64>) -> io::Result<()> {
    let mut piece = [0; 1_024];
    while client.read(&mut piece)? > 0 {
        let number = {
            let mut lines = lines.lock().unwrap();
            *lines += 1;
            *lines
        };
        client.write_all(format!("{number}\n").as_bytes())?;
    }
    Ok(())
}
