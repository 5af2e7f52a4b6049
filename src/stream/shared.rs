//! One connection in two hands: one thread reads while another writes.
//!
//! Nothing of its own travels here. A TCP connection is two streams of bytes, one each way (RFC 9293 section 3.1), so a
//! reader and a writer do not disturb each other. Two writers do, as soon as one write takes two system calls: who shares a
//! connection among several gives them a lock.
//!
//! May use: error, deadline.

use super::{READ, Tcp};
use std::io;
use std::sync::Arc;

impl Tcp {
    /// The same connection for another thread, with the same descriptor: the one reads, the other writes. Deadline and patience
    /// are each hand's own; the connection is closed when both are gone.
    pub fn share(&self) -> Tcp {
        Tcp { socket: Arc::clone(&self.socket), told: Arc::clone(&self.told), ..*self }
    }

    /// Waits until something can be read, bytes or the end, and leaves it there.
    ///
    /// # Errors
    /// Those of a read, with its limits of time.
    pub fn wait_readable(&mut self) -> io::Result<()> {
        self.in_time(READ, |socket| socket.peek(&mut [0])).map(drop)
    }
}

#[cfg(test)]
mod tests {
    use crate::deadline::Deadline;
    use crate::stream::{Stream, Tcp};
    use std::io::{Read, Write};
    use std::net::{TcpListener, TcpStream};
    use std::time::Duration;

    fn pair() -> (Tcp, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let peer = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        (Tcp::new(listener.accept().unwrap().0).unwrap(), peer)
    }

    #[test]
    fn one_hand_reads_while_the_other_writes() {
        let (mut ours, mut peer) = pair();
        let mut other = ours.share();
        let reader = std::thread::spawn(move || {
            let mut byte = [0];
            ours.read_exact(&mut byte).map(|()| byte)
        });
        other.write_all(b"x").unwrap();
        peer.read_exact(&mut [0]).unwrap();
        peer.write_all(b"y").unwrap();
        assert_eq!(reader.join().unwrap().unwrap(), *b"y");
        drop(other);
        assert_eq!(peer.read(&mut [0]).unwrap(), 0, "both hands are gone, so the connection is closed");
    }

    #[test]
    fn waiting_takes_nothing_and_each_hand_keeps_its_own_time() {
        let (mut ours, mut peer) = pair();
        let mut waits = ours.share();
        waits.set_deadline(Deadline::after(Duration::from_millis(50)));
        assert!(waits.wait_readable().is_err(), "nothing came");
        ours.set_deadline(Deadline::after(Duration::from_secs(20)));
        peer.write_all(b"z").unwrap();
        let mut byte = [0];
        ours.read_exact(&mut byte).unwrap();
        peer.write_all(b"!").unwrap();
        waits.set_deadline(Deadline::after(Duration::from_secs(20)));
        waits.wait_readable().unwrap();
        ours.read_exact(&mut byte).unwrap();
        assert_eq!(byte, *b"!");
    }
}
