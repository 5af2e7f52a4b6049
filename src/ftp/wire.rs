//! What FTP writes into the texts of its replies and commands: addresses, names, sizes and times.
//!
//! ```text
//! 227 Entering Passive Mode (127,0,0,1,156,64).      address, then the port as two bytes: 156 * 256 + 64 = 40000 (RFC 959)
//! 229 Entering Extended Passive Mode (|||40000|)     only the port: the address is the one we talk to (RFC 2428 section 3)
//! PORT 127,0,0,1,156,64    EPRT |2|::1|40000|        the same the other way (RFC 959, RFC 2428 section 2)
//! 257 "/a ""b"" c" is the folder                     a name in quotes, quotes in it doubled (RFC 959 appendix II)
//! 150 Opening data connection (6 bytes).             many servers say how much will come
//! ```
//!
//! No sockets here: text in, value out, for the client and for the lab.
//!
//! May use: error, encode.

use crate::encode::{parse_ftp_time, visible};
use crate::error::{Error, Reply, Result};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::SystemTime;

fn nonsense(reply: &Reply, what: &str) -> Error {
    let text = visible(reply.lines.join(" / ").as_bytes());
    Error::Protocol(format!("{what} in \"{} {:.80}\"", reply.code, text).into())
}

/// Address and port of a 227 reply: the first six numbers with commas between them, brackets or not (RFC 1123 section 4.1.2.6).
///
/// # Errors
/// [`Error::Protocol`] for fewer or more numbers, one over 255, or port 0.
pub fn parse_pasv(reply: &Reply) -> Result<(Ipv4Addr, u16)> {
    let bad = || nonsense(reply, "there is no address and port");
    let text = &reply.lines[0];
    let start = text.find(|c: char| c.is_ascii_digit()).ok_or_else(bad)?;
    let end = text[start..].find(|c: char| !(c.is_ascii_digit() || c == ',')).map_or(text.len(), |n| start + n);
    let numbers: Vec<u8> =
        text[start..end].split(',').map(|n| n.parse().ok()).collect::<Option<_>>().ok_or_else(bad)?;
    let [a, b, c, d, high, low] = numbers[..] else { return Err(bad()) };
    match u16::from_be_bytes([high, low]) {
        0 => Err(bad()),
        port => Ok((Ipv4Addr::new(a, b, c, d), port)),
    }
}

/// The port of a 229 reply. An address that stands beside it is none of ours: RFC 2428 wants the field empty.
///
/// # Errors
/// [`Error::Protocol`] when the part in brackets is not four times the same delimiter, the last before the bracket, with a
/// port from 1 to 65535 between the third and the fourth.
pub fn parse_epsv(reply: &Reply) -> Result<u16> {
    let bad = || nonsense(reply, "there is no port");
    let (_, rest) = reply.lines[0].split_once('(').ok_or_else(bad)?;
    let (inside, _) = rest.split_once(')').ok_or_else(bad)?;
    // Any printable ASCII character may delimit; a digit could not be told from the port.
    let delimiter = inside.chars().next().filter(|c| c.is_ascii_graphic() && !c.is_ascii_digit()).ok_or_else(bad)?;
    let fields: Vec<&str> = inside.split(delimiter).collect();
    let ["", _, _, port, ""] = fields[..] else { return Err(bad()) };
    number(port).filter(|port| *port != 0).ok_or_else(bad)
}

/// Digits only: `parse` alone would take "+6".
pub(crate) fn number<N: std::str::FromStr>(text: &str) -> Option<N> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?
}

/// The arguments of PORT, and the six numbers of a 227: `127,0,0,1,156,64`.
pub fn host_port(ip: Ipv4Addr, port: u16) -> String {
    let ([a, b, c, d], [high, low]) = (ip.octets(), port.to_be_bytes());
    format!("{a},{b},{c},{d},{high},{low}")
}

/// The command that tells the server where we listen: PORT for IPv4, EPRT for IPv6.
pub fn port_command(here: SocketAddr) -> String {
    match here.ip().to_canonical() {
        IpAddr::V4(ip) => format!("PORT {}", host_port(ip, here.port())),
        IpAddr::V6(ip) => format!("EPRT |2|{ip}|{}|", here.port()),
    }
}

/// The name in quotes of a 257 reply, its doubled quotes single again. Some servers forget to double them (pure-ftpd): where text
/// follows what should be the last quote, the name goes on to the last one there is.
///
/// # Errors
/// [`Error::Protocol`] when there is none, it is empty or not closed, or has control characters in it (CVE-2017-1000254 was a
/// quote that was not closed).
pub fn parse_quoted(reply: &Reply) -> Result<String> {
    let bad = || nonsense(reply, "there is no name in quotes");
    let (_, rest) = reply.lines[0].split_once('"').ok_or_else(bad)?;
    let mut quotes = rest.match_indices('"').map(|(at, _)| at);
    let end = loop {
        let at = quotes.next().ok_or_else(bad)?;
        match rest.as_bytes().get(at + 1) {
            Some(b'"') => drop(quotes.next()), // a pair stands for one
            None | Some(b' ') => break at,
            Some(_) => break rest.rfind('"').filter(|last| *last > at).ok_or_else(bad)?,
        }
    };
    let name = rest[..end].replace("\"\"", "\"");
    if name.is_empty() || name.contains(|c: char| c.is_control()) { Err(bad()) } else { Ok(name) }
}

/// A name in quotes, as a 257 reply has it.
pub fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// The number of a 213 reply: the size of a file in bytes (RFC 3659 section 4).
///
/// # Errors
/// [`Error::Protocol`] when it is no number or one over 2^64 - 1.
pub fn parse_size(reply: &Reply) -> Result<u64> {
    let text = reply.lines[0].trim();
    number(text).ok_or_else(|| nonsense(reply, "there is no size"))
}

/// The time of a 213 reply (RFC 3659 section 3).
///
/// # Errors
/// [`Error::Protocol`] when it is none.
pub fn parse_time(reply: &Reply) -> Result<SystemTime> {
    parse_ftp_time(reply.lines[0].trim()).ok_or_else(|| nonsense(reply, "there is no time"))
}

/// How much will come, where a 150 reply says so in the usual form: `(1234 bytes)`.
pub fn announced(reply: &Reply) -> Option<u64> {
    let (before, _) = reply.lines.last()?.rsplit_once(" bytes)")?;
    number(before.rsplit_once('(')?.1)
}
