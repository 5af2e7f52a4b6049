//! A solution of exercise 2.1. Yours may look different: the checker sees only the wire.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};

/// A line may have so many bytes, without its newline.
const LIMIT: usize = 1_000;

/// Answers every line of every client with its length in bytes, one client after the other, and never returns.
pub fn serve(listener: TcpListener) -> io::Result<()> {
    loop {
        let (stream, _) = listener.accept()?;
        // A client's error ends that client: the next one has done nothing wrong.
        if let Err(e) = answer(&stream) {
            let _ = writeln!(io::stderr(), "a client failed: {e}");
        }
    }
}

fn answer(mut stream: &TcpStream) -> io::Result<()> {
    let mut reader = BufReader::new(stream);
    loop {
        let mut line = Vec::new();
        // One byte more than allowed: room for the newline, or the proof that the line is too long.
        reader.by_ref().take(LIMIT as u64 + 1).read_until(b'\n', &mut line)?;
        if line.last() == Some(&b'\n') {
            line.pop();
        } else if line.is_empty() || line.len() > LIMIT {
            return Ok(());
        }
        // One write for the whole answer: two small ones could wait for each other's acknowledgement.
        stream.write_all(format!("{}\n", line.len()).as_bytes())?;
    }
}
