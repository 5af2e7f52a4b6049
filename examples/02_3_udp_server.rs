//! UDP server: each datagram that arrives is one whole message, and gets one answer.
//!
//! On the wire: one datagram in, one datagram out (RFC 768). No connection, no order, no promise that it arrives.

use std::io::{self, ErrorKind, Write};
use std::net::{SocketAddr, UdpSocket};
use std::process::ExitCode;

/// UDP's length field has 16 bits and counts its header, too (RFC 768): no message fills this, so none is cut.
const MORE_THAN_ANY: usize = 65_535;

fn main() -> ExitCode {
    netprimer::finish(run())
}

fn run() -> io::Result<()> {
    let addr = address("127.0.0.1:8888")?;
    let socket = UdpSocket::bind(&addr).map_err(|e| tried(format!("listen on {addr}"), e))?;
    let own = socket.local_addr()?;
    let mut out = io::stdout();
    writeln!(out, "listening on {own}")?;

    let mut buffer = [0; MORE_THAN_ANY];
    loop {
        let (n, from) = match socket.recv_from(&mut buffer) {
            Ok(arrived) => arrived,
            // Not about a new datagram: an earlier answer found its client gone. Windows reports that here (10054).
            Err(e) if matches!(e.kind(), ErrorKind::ConnectionReset | ErrorKind::ConnectionRefused) => continue,
            Err(e) => return Err(tried("receive a datagram".to_owned(), e)),
        };
        writeln!(out, "{from} sent {n} bytes: {}", show(&buffer[..n]))?;
        if !may_answer(from, own) {
            writeln!(out, "{from} gets no answer: a server may sit there, and answer us for ever")?;
        } else if let Err(e) = socket.send_to(b"Hello, Client!", from) {
            // One client that cannot be reached is no reason to leave the others.
            writeln!(out, "{from} cannot be answered: {e}")?;
        }
    }
}

/// A sender's address can be forged, and two servers that answer each other never stop (CVE-1999-0103). So no answer
/// to the old services that answer anything (echo 7, daytime 13, quote of the day 17, chargen 19), and none to our own
/// port: that is we ourselves, or a server like us. Port 0 means "do not answer" (RFC 768).
pub fn may_answer(from: SocketAddr, own: SocketAddr) -> bool {
    ![0, 7, 13, 17, 19, own.port()].contains(&from.port())
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
