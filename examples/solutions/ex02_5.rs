//! A solution of exercise 2.5. Yours may look different: the checker sees only the wire.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, Sender};
use std::thread;
use std::time::Duration;

/// So many clients are served at once.
const PLACES: usize = 3;
/// A line may have so many bytes, with its newline: a client must not fill our memory.
const LIMIT: u64 = 10_000;
/// A client that sends nothing for so long has lost its place.
const IDLE: Duration = Duration::from_secs(60);

/// A place at the counter. Dropping it gives it back, so no way out of a thread can forget it, not even a panic.
struct Place(Sender<()>);

impl Drop for Place {
    fn drop(&mut self) {
        let _ = self.0.send(()); // nobody waits for it when the server has ended
    }
}

/// Answers every line with its number, three clients at once, and never returns.
pub fn serve(listener: TcpListener) -> io::Result<()> {
    let lines = Arc::new(AtomicU64::new(0));
    let (give_back, places) = mpsc::channel();
    for _ in 0..PLACES {
        let _ = give_back.send(());
    }
    loop {
        // First the place, then the client: who has none stays in the system's queue.
        places.recv().map_err(io::Error::other)?;
        let place = Place(give_back.clone());
        let (client, peer) = listener.accept()?;
        let lines = Arc::clone(&lines);
        let work = move || {
            let _place = place; // moves it in here: it is dropped when the thread ends
            if let Err(e) = answer(&client, &lines) {
                let _ = writeln!(io::stderr(), "{peer} failed: {e}");
            }
        };
        // If there is no thread left, the place and the client are dropped: that client is lost, and no other.
        if let Err(e) = thread::Builder::new().spawn(work) {
            let _ = writeln!(io::stderr(), "{peer}: no thread: {e}");
        }
    }
}

fn answer(mut client: &TcpStream, lines: &AtomicU64) -> io::Result<()> {
    client.set_read_timeout(Some(IDLE))?;
    client.set_write_timeout(Some(IDLE))?;
    let mut reader = BufReader::new(client);
    let mut line = Vec::new();
    while reader.by_ref().take(LIMIT).read_until(b'\n', &mut line)? > 0 && line.ends_with(b"\n") {
        let number = lines.fetch_add(1, Ordering::SeqCst) + 1; // one step: nobody can come between reading and adding
        client.write_all(format!("{number}\n").as_bytes())?;
        line.clear();
    }
    Ok(())
}
