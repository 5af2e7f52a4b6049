//! 2.2 A TCP client: connect, send a message, say that it was all, read the answer to its end.
//!
//! On the wire: our `Hello, Server!\n` and our FIN, then whatever the server sends up to its own FIN
//! (half-closed connections: RFC 9293 section 3.6.1).

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream, ToSocketAddrs};
use std::process::ExitCode;
use std::time::{Duration, Instant};

/// The longest answer we keep, in bytes: what the other side sends must not fill our memory.
const SIZE_LIMIT: usize = 64 * 1024;
/// The longest wait for connecting, sending and the answer together. The server of 2.1 may take two seconds of it.
const TIME_LIMIT: Duration = Duration::from_secs(5);

fn main() -> ExitCode {
    netprimer::finish(run())
}

fn run() -> io::Result<()> {
    let addr = address("127.0.0.1:8888")?;
    // A name can have several addresses, IPv6 and IPv4.
    let addresses = addr.to_socket_addrs().map_err(|e| tried(format!("look up {addr}"), e))?;
    let deadline = Instant::now() + TIME_LIMIT;
    let mut server = connect(&Vec::from_iter(addresses), deadline)?;
    let mut out = io::stdout();
    let peer = server.peer_addr().map_err(|e| tried("see who answers".into(), e))?;
    writeln!(out, "connected to {peer}")?;

    server.set_write_timeout(Some(left(deadline)?))?; // for one write: our 15 bytes fit into the empty buffer on the way
    server.write_all(b"Hello, Server!\n").map_err(|e| tried("send the message".into(), e))?;
    // Our FIN: "no more from me"; the way back stays open.
    server.shutdown(Shutdown::Write).map_err(|e| tried("send our FIN".into(), e))?;

    let answer = read_answer(&server, deadline).map_err(|e| tried("read the answer".into(), e))?;
    writeln!(out, "{peer} answered {} bytes: {:?}", answer.len(), String::from_utf8_lossy(&answer))
}

/// Tries each address in turn, all of them before the deadline. The first that answers wins.
pub fn connect(addresses: &[SocketAddr], deadline: Instant) -> io::Result<TcpStream> {
    let (mut kind, mut failed) = (ErrorKind::NotFound, Vec::new());
    for (n, address) in addresses.iter().enumerate() {
        // Its share of the time, so that a silent address leaves some for those after it.
        let share = left(deadline)? / (addresses.len() - n) as u32;
        match TcpStream::connect_timeout(address, share) {
            Ok(server) => return Ok(server),
            // The kind tells the two cases apart. ConnectionRefused: a machine is there and says no, at once.
            // TimedOut: nothing came back, the machine is off or a firewall is silent.
            Err(e) => {
                kind = e.kind();
                failed.push(format!("{address}: {e}"));
            }
        }
    }
    Err(io::Error::new(kind, format!("connect to {}", failed.join("; "))))
}

/// Reads until the server's FIN. One read is a piece of the answer, of any size, so the pieces are put together.
pub fn read_answer(mut server: &TcpStream, deadline: Instant) -> io::Result<Vec<u8>> {
    let (mut answer, mut piece) = (Vec::new(), [0; 1024]);
    while answer.len() <= SIZE_LIMIT {
        server.set_read_timeout(Some(left(deadline)?))?; // each read gets what is left, so that a drip cannot stretch it
        match server.read(&mut piece) {
            Ok(0) => return Ok(answer),
            Ok(n) => answer.extend_from_slice(&piece[..n]),
            // "Nothing came in time" is WouldBlock on Unix and TimedOut on Windows; a signal interrupts.
            Err(e) if matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {}
            Err(e) => return Err(e),
        }
    }
    Err(io::Error::new(ErrorKind::InvalidData, format!("longer than {SIZE_LIMIT} bytes")))
}

/// What is left of the time. Under a millisecond counts as none: a timeout of zero would be none at all.
fn left(deadline: Instant) -> io::Result<Duration> {
    let left = deadline.saturating_duration_since(Instant::now());
    if left < Duration::from_millis(1) { Err(ErrorKind::TimedOut.into()) } else { Ok(left) }
}

/// The address to use: the one argument, or the default.
fn address(default: &str) -> io::Result<String> {
    let wrong = |what: &str| io::Error::new(ErrorKind::InvalidInput, what);
    let mut args = std::env::args_os().skip(1);
    match (args.next(), args.next()) {
        (None, _) => Ok(default.to_owned()),
        (Some(addr), None) => addr.into_string().map_err(|_| wrong("an address is text")),
        _ => Err(wrong("one address at most")),
    }
}

/// The error says what we tried, and keeps its kind, so that `finish` knows a hint.
fn tried(what: String, e: io::Error) -> io::Error {
    io::Error::new(e.kind(), format!("{what}: {e}"))
}
