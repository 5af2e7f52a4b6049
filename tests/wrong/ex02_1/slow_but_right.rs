//! Right, though slow: reads byte by byte, writes byte by byte, and gives every client a thread.

use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;

pub fn serve(listener: TcpListener) -> io::Result<()> {
    loop {
        let (stream, _) = listener.accept()?;
        thread::spawn(move || answer(stream));
    }
}

fn answer(mut stream: TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut length = 0;
    let mut byte = [0];
    loop {
        let end = stream.read(&mut byte)? == 0;
        if (!end && byte == *b"\n") || (end && length > 0) {
            for digit in format!("{length}\n").bytes() {
                stream.write_all(&[digit])?;
            }
            length = 0;
        } else if !end {
            length += 1;
        }
        if end || length > 1_000 {
            return Ok(());
        }
    }
}
