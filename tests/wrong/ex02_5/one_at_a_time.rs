//! Serves one client after the other, in the loop over the clients.

use std::io::{self, BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Mutex;

pub fn serve(listener: TcpListener) -> io::Result<()> {
    let lines = Mutex::new(0);
    loop {
        let (client, _) = listener.accept()?;
        let _ = answer(client, &lines);
    }
}

fn answer(mut client: TcpStream, lines: &Mutex<u64>) -> io::Result<()> {
    let mut reader = BufReader::new(client.try_clone()?);
    let mut line = Vec::new();
    while reader.read_until(b'\n', &mut line)? > 0 {
        let number = {
            let mut lines = lines.lock().unwrap();
            *lines += 1;
            *lines
        };
        client.write_all(format!("{number}\n").as_bytes())?;
        line.clear();
    }
    Ok(())
}
