//! UDP client: asks, waits, and asks again, because a datagram may be lost and nobody would tell.
//!
//! On the wire: one datagram each way (RFC 768), and the question again after each silence (RFC 8085 section 3.1.1).

use std::io::{self, ErrorKind, Write};
use std::net::{SocketAddr, ToSocketAddrs, UdpSocket};
use std::process::ExitCode;
use std::time::Duration;

/// How long each try waits, in milliseconds: twice as long each time, so that a busy network gets room; 3 s together.
/// Across the internet begin with 1,000 (RFC 8085 section 3.1.1).
const WAITS: [u64; 4] = [200, 400, 800, 1_600];

/// UDP's length field has 16 bits and counts its header, too (RFC 768): no message fills this, so none is cut.
const MORE_THAN_ANY: usize = 65_535;

fn main() -> ExitCode {
    netprimer::finish(run())
}

fn run() -> io::Result<()> {
    let addr = address("127.0.0.1:8888")?;
    let servers = addr.to_socket_addrs().map_err(|e| tried(format!("look up {addr}"), e))?;
    ask_each(servers, &mut io::stdout())
}

/// A name can have several addresses (`localhost`: ::1 and 127.0.0.1). Only an answer shows which one is served.
pub fn ask_each(servers: impl Iterator<Item = SocketAddr>, out: &mut impl Write) -> io::Result<()> {
    let mut last = io::Error::new(ErrorKind::NotFound, "this name has no address");
    for server in servers {
        match ask(server, out) {
            Ok(answer) => return writeln!(out, "{server} answered {} bytes: {}", answer.len(), show(&answer)),
            Err(e) => last = tried(format!("ask {server}"), e),
        }
    }
    Err(last)
}

/// Asks one server until it answers, refuses, or has been silent too often.
fn ask(server: SocketAddr, out: &mut impl Write) -> io::Result<Vec<u8>> {
    let socket = UdpSocket::bind(if server.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" })?;
    // Sends nothing. From now on the kernel drops what others than this server send us, and tells us when nobody is
    // there: ConnectionRefused, from an ICMP "port unreachable".
    socket.connect(server)?;
    let mut buffer = vec![0; MORE_THAN_ANY];
    for wait in WAITS {
        socket.send(b"Hello, Server!")?;
        socket.set_read_timeout(Some(Duration::from_millis(wait)))?;
        match socket.recv(&mut buffer) {
            // It may be the late answer to an earlier try. Here all answers are alike, so the first one will do.
            Ok(n) => return Ok(buffer[..n].to_vec()),
            // A timeout is WouldBlock on Unix and TimedOut on Windows.
            Err(e) if matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                writeln!(out, "{server}: no answer in {wait} ms")?;
            }
            // Somebody stopped us (Ctrl-Z) and let us go on: nobody knows how long that was, so ask again.
            Err(e) if e.kind() == ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
    Err(io::Error::new(ErrorKind::TimedOut, format!("no answer to {} datagrams", WAITS.len())))
}

/// The first 60 characters, in quotes and escaped, with `�` for what is no UTF-8: a stranger wrote them, not we.
fn show(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    match text.char_indices().nth(60) {
        Some((end, _)) => format!("{:?}...", &text[..end]),
        None => format!("{text:?}"),
    }
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
