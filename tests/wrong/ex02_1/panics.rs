//! Panics at what comes from outside, as unwrap() does.

use std::io::{self, BufRead, BufReader, Write};
use std::net::TcpListener;

pub fn serve(listener: TcpListener) -> io::Result<()> {
    loop {
        let (stream, _) = listener.accept()?;
        for line in BufReader::new(&stream).split(b'\n') {
            let line = line?;
            let Ok(text) = std::str::from_utf8(&line) else { panic!("this is no text") };
            (&stream).write_all(format!("{}\n", text.len()).as_bytes())?;
        }
    }
}
