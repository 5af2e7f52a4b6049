//! Right, though slow: rests before each answer, reads pieces, and writes byte by byte.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

pub fn serve(listener: TcpListener) -> io::Result<()> {
    loop {
        let (client, _) = listener.accept()?;
        let end = Instant::now() + Duration::from_millis(1_550);
        thread::spawn(move || {
            let words = line(&client, end);
            thread::park_timeout(Duration::from_millis(30));
            words.bytes().chain(*b"\n").try_for_each(|byte| (&client).write_all(&[byte]))?;
            client.shutdown(Shutdown::Both)
        });
    }
}

fn line(mut client: &TcpStream, end: Instant) -> String {
    let mut line: Vec<u8> = Vec::new();
    loop {
        let left = end.checked_duration_since(Instant::now()).filter(|left| !left.is_zero());
        let mut piece = vec![0; 100 - line.len()];
        let Some(Ok(n)) = left.map(|left| client.set_read_timeout(Some(left)).and_then(|()| client.read(&mut piece)))
        else {
            return "late".into();
        };
        line.extend(&piece[..n]);
        match line.iter().position(|byte| *byte == b'\n') {
            Some(length) => return format!("ok {length}"),
            None if n == 0 => return "cut".into(),
            None if line.len() == 100 => return "long".into(),
            None => {}
        }
    }
}
