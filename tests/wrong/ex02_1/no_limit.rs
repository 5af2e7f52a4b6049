//! Keeps whatever the client sends, as long as it has no newline.

use std::io::{self, BufRead, BufReader, Write};
use std::net::TcpListener;

pub fn serve(listener: TcpListener) -> io::Result<()> {
    loop {
        let (stream, _) = listener.accept()?;
        for line in BufReader::new(&stream).split(b'\n') {
            (&stream).write_all(format!("{}\n", line?.len()).as_bytes())?;
        }
    }
}
