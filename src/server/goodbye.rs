//! Turning a caller away so that he hears why.
//!
//! ```text
//! S -> C  421 too many\r\n
//! S -> C  FIN
//! C -> S  whatever he had to say, read and forgotten
//! C -> S  FIN, or five seconds have passed
//! ```
//!
//! Closing a connection with unread bytes resets it, and a reset can overtake the line that was sent (RFC 1122 section
//! 4.2.2.13). So what he sent is read until he closes. One thread does that for all of them, one after another: each
//! has his five seconds from when he was told, so those who wait behind a silent one lose nothing.
//!
//! May use: error, deadline, stream.

use crate::deadline::Deadline;
use crate::stream::{Stream, Tcp};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Weak;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Duration;

/// A refused caller keeps his descriptor until he has closed too, for at most this long, and at most so many do.
const LAST: Duration = Duration::from_secs(5);
const MOST: usize = 64;

/// A caller who has been told.
pub(super) struct Refused {
    stream: Tcp,
    until: Deadline,
}

pub(super) fn queue() -> (SyncSender<Refused>, Receiver<Refused>) {
    sync_channel(MOST)
}

/// Says the line and ends our side, without waiting for anything he does.
pub(super) fn refuse(mut stream: Tcp, line: &str) -> Refused {
    // The send buffer of a new connection is empty, so a line fits in whole; if not, he just sees the end.
    let _ = stream.socket().set_nonblocking(true);
    let _ = stream.socket().write(line.as_bytes());
    let _ = stream.finish();
    Refused { stream, until: Deadline::after(LAST) }
}

impl Refused {
    pub(super) fn closer(&self) -> Weak<TcpStream> {
        self.stream.closer()
    }

    /// As much as can be done without waiting, when too many are being seen off already.
    pub(super) fn leave(self) {
        let _ = self.stream.socket().read(&mut [0; 4096]);
    }

    /// Reads until he closes or his time is over.
    pub(super) fn see_off(mut self) {
        let _ = self.stream.socket().set_nonblocking(false);
        self.stream.set_deadline(self.until);
        let mut bin = [0; 4096];
        let mut reads = 64; // one who sends on and on is cut off before his time is over
        while reads > 0 && matches!(self.stream.read(&mut bin), Ok(1..)) {
            reads -= 1;
        }
    }
}
