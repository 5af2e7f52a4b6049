//! A connection the other way round: we listen on a port of our own for one caller, and take him only if he is who was invited.
//!
//! Nothing of its own travels here. Two protocols in one need it: FTP tells a port on the control connection, and whoever
//! connects there gets the data. A stranger may be quicker (RFC 2577 section 8): he is closed, and we go on waiting.
//!
//! May use: error, deadline.

use super::{Stream, Tcp};
use crate::deadline::Deadline;
use crate::error::{Error, Result};
use std::io;
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

/// A port on which one caller is awaited. Dropping it closes the port.
///
/// ```
/// use netprimer::{Deadline, stream::Invitation};
/// use std::net::{Ipv4Addr, TcpStream};
/// use std::time::Duration;
/// let here = Ipv4Addr::LOCALHOST.into();
/// let invitation = Invitation::new(here, here)?;
/// let guest = TcpStream::connect(invitation.addr())?;
/// let tcp = invitation.accept(Deadline::after(Duration::from_secs(5)))?;
/// assert_eq!(tcp.socket().peer_addr()?, guest.local_addr()?);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Invitation {
    revoke: Revoke,
    caller: Receiver<io::Result<TcpStream>>,
}

/// Ends an [`Invitation`] from another thread: whoever waits there is told at once.
#[derive(Debug, Clone)]
pub struct Revoke {
    addr: SocketAddr,
    over: Arc<AtomicBool>,
}

impl Revoke {
    /// Ends it. Does nothing the second time.
    pub fn revoke(&self) {
        if !self.over.swap(true, Ordering::AcqRel) {
            // std has no way to end an accept that works on every system, so we call ourselves. Where that fails nobody waits.
            let _ = TcpStream::connect_timeout(&self.addr, Duration::from_secs(1));
        }
    }
}

impl Invitation {
    /// Listens on a free port of `own`, an address of this machine, for somebody from `guest`.
    ///
    /// # Errors
    /// [`Error::Io`] when there is no port or no thread to be had.
    pub fn new(own: IpAddr, guest: IpAddr) -> Result<Invitation> {
        let phase = "listen for the other side's connection";
        let listener = TcpListener::bind((own, 0)).map_err(Error::io(phase))?;
        let addr = listener.local_addr().map_err(Error::io(phase))?;
        let revoke = Revoke { addr, over: Arc::default() };
        let over = Arc::clone(&revoke.over);
        let (found, caller) = channel();
        // A thread, because std's accept has no timeout: it waits there, and we for it.
        let wait = move || {
            loop {
                let accepted = listener.accept();
                if over.load(Ordering::Acquire) {
                    drop(listener); // before those who wait are told
                    return;
                }
                match accepted {
                    Ok((_stranger, from)) if from.ip().to_canonical() != guest.to_canonical() => {}
                    other => {
                        over.store(true, Ordering::Release); // nobody needs to wake us any more
                        drop(listener);
                        let _ = found.send(other.map(|(caller, _)| caller)); // nobody may wait any more
                        return;
                    }
                }
            }
        };
        let builder = thread::Builder::new().name("invitation".into()).stack_size(64 << 10);
        builder.spawn(wait).map_err(Error::not_started(phase))?;
        Ok(Invitation { revoke, caller })
    }

    /// Where the guest is to connect.
    pub fn addr(&self) -> SocketAddr {
        self.revoke.addr
    }

    /// A way to end it from another thread.
    pub fn revoker(&self) -> Revoke {
        self.revoke.clone()
    }

    /// Waits for the guest; strangers who come before him are closed. The port is closed afterwards in any case.
    ///
    /// # Errors
    /// [`Error::Timeout`] when he does not come in time; [`Error::Closed`] when the invitation was revoked; [`Error::Io`].
    pub fn accept(self, deadline: Deadline) -> Result<Tcp> {
        let phase = || "wait for the other side to connect";
        let found = match deadline.left(phase())? {
            Some(rest) => self.caller.recv_timeout(rest),
            None => self.caller.recv().map_err(|_| RecvTimeoutError::Disconnected),
        };
        let caller = match found {
            Ok(caller) => caller.map_err(Error::io(phase()))?,
            Err(RecvTimeoutError::Timeout) => return Err(Error::Timeout(phase().into())),
            Err(RecvTimeoutError::Disconnected) => return Err(Error::Closed(phase().into())),
        };
        let mut tcp = Tcp::new(caller).map_err(Error::io(phase()))?;
        tcp.set_deadline(deadline);
        Ok(tcp)
    }
}

impl Drop for Invitation {
    fn drop(&mut self) {
        self.revoke.revoke();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

    #[test]
    fn a_stranger_is_closed_and_the_guest_still_comes() {
        use std::io::Read;
        let elsewhere = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 9));
        let invitation = Invitation::new(HERE, elsewhere).unwrap();
        let mut stranger = TcpStream::connect(invitation.addr()).unwrap();
        stranger.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        assert!(matches!(stranger.read(&mut [0]), Ok(0) | Err(_)));
        let start = std::time::Instant::now();
        let error = invitation.accept(Deadline::after(Duration::from_millis(50))).unwrap_err();
        assert!(matches!(error, Error::Timeout(_)), "{error:?}");
        assert!(start.elapsed() < Duration::from_secs(5));
    }

    #[test]
    fn revoked_while_somebody_waits() {
        let invitation = Invitation::new(HERE, HERE).unwrap();
        let (revoke, addr) = (invitation.revoker(), invitation.addr());
        let waits = thread::spawn(move || invitation.accept(Deadline::after(Duration::from_secs(10))).unwrap_err());
        revoke.revoke();
        assert!(matches!(waits.join().unwrap(), Error::Closed(_)));
        assert!(TcpStream::connect(addr).is_err(), "the port is closed");
    }
}
