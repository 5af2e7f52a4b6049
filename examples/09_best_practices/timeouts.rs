//! Timeouts: a limit for each read is no limit. What ends the wait is a deadline for the whole.
//!
//! On the wire: `220 ready\r\n`, one byte every 120 ms.

use crate::lesson::Args;
use crate::ms;
use netprimer::lab::script::{self, Script, Step};
use netprimer::stream::{self, Stream};
use netprimer::trace::{Side, Traced};
use netprimer::{Deadline, Error, Result};
use std::io::{BufRead, BufReader};
use std::time::{Duration, Instant};

/// More than enough on one machine, where a byte needs microseconds, also when it has other things to do.
const LIMIT: Duration = Duration::from_secs(1);

/// What `settimeout(1)` does in Python: each byte starts the clock anew, so a peer that drips holds us as long as it likes.
pub fn broken(args: &Args) -> Result<()> {
    let peer = dripping()?;
    let mut stream = stream::connect_any(&[peer.addr()], Deadline::after(LIMIT))?;
    stream.set_patience(Some(LIMIT));
    report("1 s for each read", stream, args);
    Ok(())
}

/// One point in time for all reads together. Before each of them the system is told how much is left.
pub fn right(args: &Args) -> Result<()> {
    let peer = dripping()?;
    let deadline = Deadline::after(LIMIT); // for connecting, too
    let mut stream = stream::connect_any(&[peer.addr()], deadline)?;
    stream.set_deadline(deadline);
    report("1 s for the whole", stream, args);
    Ok(())
}

/// Reads the greeting, and says how long that took.
fn report(rule: &str, stream: impl Stream + 'static, args: &Args) {
    let stream: stream::BoxStream = match args.wire() {
        Some(sink) => Box::new(Traced::new(stream, Side::Client, sink)),
        None => Box::new(stream),
    };
    let start = Instant::now();
    let mut line = String::new();
    match BufReader::new(stream).read_line(&mut line).map_err(Error::io("read the greeting")) {
        Ok(length) => println!("  {rule}: {length} bytes after {}", ms(start)),
        Err(error) => println!("  {rule}: {} after {}", error.kind(), ms(start)),
    }
}

/// A server that is slow, or wants to hold us.
fn dripping() -> Result<Script> {
    script::play([Step::Drip(b"220 ready\r\n".to_vec(), Duration::from_millis(120))])
}
