//! The listening socket, and how those who sleep in `accept` on it are woken.
//!
//! May use: nothing of this crate.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::time::Duration;

/// Holds the listening socket open, and shuts it.
pub(super) struct Door {
    listener: Arc<TcpListener>,
    // A second descriptor of the listening socket, made while there were descriptors: as a `TcpStream`, because only
    // that type has `shutdown` in std.
    #[cfg(unix)]
    second: TcpStream,
}

impl Door {
    pub(super) fn new(listener: Arc<TcpListener>) -> io::Result<Door> {
        #[cfg(unix)]
        let second = TcpStream::from(std::os::fd::OwnedFd::from(listener.try_clone()?));
        Ok(Door {
            listener,
            #[cfg(unix)]
            second,
        })
    }

    /// Nobody sleeps in `accept` any more after this: `waiting` workers did.
    ///
    /// Linux ends every `accept` on a listening socket that is shut down (with EINVAL), and needs no descriptor for it,
    /// so this works when there are none left. Other systems refuse to shut down a socket that listens.
    pub(super) fn shut(self, addr: SocketAddr, waiting: usize) {
        #[cfg(unix)]
        if self.second.shutdown(std::net::Shutdown::Both).is_ok() {
            return;
        }
        self.shut_by_calling(addr, waiting);
    }

    /// The way for other systems: no new `accept` sleeps, and each that sleeps already gets a call from ourselves.
    fn shut_by_calling(self, addr: SocketAddr, waiting: usize) {
        #[cfg(unix)]
        drop(self.second); // its descriptor serves for the calls, should it be the last
        let _ = self.listener.set_nonblocking(true);
        for _ in 0..waiting {
            // A failed call means that the queue is full or the socket is gone: then nobody sleeps there either.
            let _ = TcpStream::connect_timeout(&reachable(addr), Duration::from_secs(1));
        }
    }
}

/// The address under which we reach our own socket: the wildcard address means "every address of this machine" only to
/// who listens.
fn reachable(addr: SocketAddr) -> SocketAddr {
    let ip = match addr.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, addr.port())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::ErrorKind;
    use std::sync::mpsc::{self, Receiver};
    use std::thread;

    /// Three workers in accept; each says what woke it.
    fn three_in_accept(addr: &str) -> (Door, SocketAddr, Receiver<io::Result<()>>) {
        let listener = Arc::new(TcpListener::bind(addr).unwrap());
        let addr = listener.local_addr().unwrap();
        let (say, woken) = mpsc::channel();
        for _ in 0..3 {
            let (listener, say) = (Arc::clone(&listener), say.clone());
            thread::spawn(move || {
                let accepted = listener.accept().map(drop);
                drop(listener);
                say.send(accepted).unwrap();
            });
        }
        (Door::new(listener).unwrap(), addr, woken)
    }

    #[test]
    fn shutting_wakes_all_who_accept() {
        for host in ["127.0.0.1:0", "[::1]:0"] {
            let (door, addr, woken) = three_in_accept(host);
            door.shut(addr, 3);
            for _ in 0..3 {
                let _ = woken.recv_timeout(Duration::from_secs(10)).expect("accept ends");
            }
            let refused = TcpStream::connect(addr).unwrap_err();
            assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
        }
    }

    #[test]
    fn calling_wakes_all_who_accept() {
        for host in ["127.0.0.1:0", "[::1]:0"] {
            let (door, addr, woken) = three_in_accept(host);
            door.shut_by_calling(addr, 3);
            for _ in 0..3 {
                match woken.recv_timeout(Duration::from_secs(10)).expect("accept ends") {
                    Ok(()) => {}
                    Err(error) => assert_eq!(error.kind(), ErrorKind::WouldBlock, "it came too late to sleep"),
                }
            }
        }
    }

    #[test]
    fn our_own_socket_is_reachable_under_a_wildcard() {
        for (listens, calls) in [("0.0.0.0:7", "127.0.0.1:7"), ("[::]:7", "[::1]:7"), ("127.0.0.2:7", "127.0.0.2:7")] {
            assert_eq!(reachable(listens.parse().unwrap()), calls.parse().unwrap());
        }
    }
}
