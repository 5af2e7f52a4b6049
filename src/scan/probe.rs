//! One port: from a SYN to what is known of it (RFC 9293 section 3.5).
//!
//! May use: deadline, stream.

use super::{Port, Scan, State};
use crate::deadline::Deadline;
use crate::stream::{Stream, Tcp};
use std::io::{self, BufRead, BufReader, ErrorKind, Read};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream, UdpSocket};
use std::time::{Duration, Instant};

/// Of a banner we keep no more bytes.
const BANNER: usize = 256;

/// TCP repeats a SYN that was lost after 1 s (RFC 6298 section 2), and the answer needs time too.
const REPEATED: Duration = Duration::from_secs(2);

/// Tries one port. An error means that it could not be tried: this machine ran out of something.
pub(super) fn probe(addr: SocketAddr, scan: &Scan) -> io::Result<Port> {
    let found = |state, banner| Ok(Port { addr, state, banner });
    match connect(&addr, scan.timeout) {
        // TCP can connect a port of ours to itself when it is chosen for our end too (RFC 9293 section 3.5: simultaneous
        // open). Nobody listens there.
        Ok(stream) if stream.local_addr().is_ok_and(|own| own == addr) => found(State::Closed, Vec::new()),
        Ok(stream) => found(State::Open, scan.banner.map_or_else(Vec::new, |wait| banner(stream, wait))),
        Err(error) => match error.kind() {
            ErrorKind::ConnectionRefused | ErrorKind::ConnectionReset => found(State::Closed, Vec::new()),
            ErrorKind::TimedOut => found(State::Filtered, Vec::new()),
            _ if ran_out(&error) => Err(error),
            ErrorKind::AddrNotAvailable if has_a_way(addr) => Err(error), // no local port is left
            kind => found(State::Unreachable(kind), Vec::new()),
        },
    }
}

/// Silence can have causes that have nothing to do with the port: a SYN is lost, on loopback too when the system's queue is
/// full; or on a busy machine our own thread gets no processor until the time is over (measured: once in 800,000 tries of a
/// closed port by 1,000 threads). So where there is no time for TCP to repeat the SYN, we ask twice.
fn connect(addr: &SocketAddr, timeout: Duration) -> io::Result<TcpStream> {
    let first = if timeout < REPEATED { timeout / 2 } else { timeout };
    let begun = Instant::now();
    match TcpStream::connect_timeout(addr, first) {
        Err(error) if error.kind() == ErrorKind::TimedOut && first < timeout => {
            // What is left of the whole, so that a late awakening is not paid twice; but never too little to be answered.
            TcpStream::connect_timeout(addr, timeout.saturating_sub(begun.elapsed()).max(first / 2))
        }
        answer => answer,
    }
}

/// Descriptors, memory for sockets, local ports: the numbers of ENOMEM, ENFILE, EMFILE, EAGAIN and ENOBUFS on Linux, macOS
/// and Windows, since std has no kinds for most of them.
fn ran_out(error: &io::Error) -> bool {
    let codes: &[i32] = if cfg!(windows) { &[10024, 10055] } else { &[11, 12, 23, 24, 35, 55, 105] };
    let kinds = [ErrorKind::OutOfMemory, ErrorKind::WouldBlock, ErrorKind::AddrInUse, ErrorKind::Interrupted];
    kinds.contains(&error.kind()) || error.raw_os_error().is_some_and(|code| codes.contains(&code))
}

/// "Address not available" means that no local port is left, or that this machine has no such network at all (IPv6 is
/// off). Connecting a UDP socket asks for the way, sends nothing, and needs no TCP port.
fn has_a_way(addr: SocketAddr) -> bool {
    let any: IpAddr = if addr.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    let asked = UdpSocket::bind((any, 0)).and_then(|socket| socket.connect(addr));
    !asked.is_err_and(|error| error.kind() == ErrorKind::AddrNotAvailable)
}

/// What an open port says by itself, within the time and the limit, up to the end of its first line.
fn banner(stream: TcpStream, wait: Duration) -> Vec<u8> {
    let mut banner = Vec::new();
    if let Ok(mut stream) = Tcp::new(stream) {
        stream.set_deadline(Deadline::after(wait));
        // Silence, an end or a reset: what came is the banner.
        let _ = BufReader::with_capacity(BANNER, stream.take(BANNER as u64)).read_until(b'\n', &mut banner);
    }
    banner
}
