//! Names, types and records as people write them: the form of a zone file.
//!
//! ```text
//! www.example.com 300 IN A 93.184.216.34
//! a\.b\032c.example           the label a.b c (a dot and a space inside it), then example
//! ```
//!
//! RFC 1035 section 5.1, RFC 3597 section 5 (types without a name). What comes out is printable ASCII or made visible,
//! whatever a stranger put into it.
//!
//! May use: error, encode.

use super::name::{LONGEST_LABEL, LONGEST_NAME, Name};
use super::record::{Data, IN, Kind, Rcode, Record};
use crate::encode::visible;
use crate::error::{Error, Result};
use std::net::IpAddr;
use std::{error, fmt};

impl Name {
    /// Reads the text form: labels between dots, a last dot may stand; `\.` and `\\` for a dot and a backslash inside a
    /// label, `\DDD` for any byte by its decimal number.
    ///
    /// # Errors
    /// [`Error::Invalid`] for an empty label or name, a label over 63 or a name over 255 bytes on the wire (253
    /// characters), a broken escape, and for spaces, control and non-ASCII characters (an international name is asked
    /// for in its `xn--` form, RFC 5890).
    pub fn parse(text: &str) -> Result<Name> {
        let bad = |why: &str| {
            let start: String = text.chars().take(80).collect();
            Error::Invalid(format!("\"{}\" is no name: {why}", visible(start.as_bytes())).into())
        };
        if text == "." {
            return Ok(Name::root());
        }
        let mut wire = Vec::with_capacity(text.len() + 2); // the first length and the root
        wire.push(0);
        let mut length_at = 0;
        let mut bytes = text.bytes();
        loop {
            let byte = match bytes.next() {
                None | Some(b'.') => {
                    let length = wire.len() - length_at - 1;
                    match u8::try_from(length) {
                        Ok(0) => return Err(bad("a label is empty")),
                        Ok(length) if usize::from(length) <= LONGEST_LABEL => wire[length_at] = length,
                        _ => return Err(bad("a label is longer than 63 bytes")),
                    }
                    length_at = wire.len();
                    wire.push(0); // the length of the next label, or the root
                    if bytes.len() == 0 {
                        break;
                    }
                    continue;
                }
                Some(b'\\') => escaped(&mut bytes).ok_or_else(|| bad("a backslash stands before ., \\ or \\DDD"))?,
                Some(byte @ 0x21..=0x7e) => byte,
                Some(0x80..) => return Err(bad("outside ASCII its xn-- form is asked for (RFC 5890)")),
                Some(_) => return Err(bad("spaces and control characters are written \\DDD")),
            };
            wire.push(byte);
        }
        if wire.len() > LONGEST_NAME { Err(bad("it is longer than 255 bytes")) } else { Ok(Name(wire)) }
    }

    /// The name under which the names of an address are kept: its bytes backwards below `in-addr.arpa` (RFC 1035 section
    /// 3.5), or its half bytes below `ip6.arpa` (RFC 3596 section 2.5).
    pub fn reverse(ip: IpAddr) -> Name {
        let (labels, zone): (Vec<String>, &str) = match ip {
            IpAddr::V4(ip) => (ip.octets().iter().rev().map(u8::to_string).collect(), "in-addr"),
            IpAddr::V6(ip) => {
                let halves = ip.octets().into_iter().rev().flat_map(|byte| [byte & 15, byte >> 4]);
                (halves.map(|half| format!("{half:x}")).collect(), "ip6")
            }
        };
        let mut wire = Vec::new();
        for label in labels.iter().map(String::as_str).chain([zone, "arpa"]) {
            wire.push(label.len() as u8); // seven at most
            wire.extend_from_slice(label.as_bytes());
        }
        wire.push(0);
        Name(wire)
    }

    /// The name without its first label; `None` for the root.
    pub fn parent(&self) -> Option<Name> {
        let first = self.labels().next()?;
        Some(Name(self.0[1 + first.len()..].to_vec()))
    }
}

/// What follows a backslash: three digits, or the character itself.
fn escaped(bytes: &mut std::str::Bytes<'_>) -> Option<u8> {
    let digit = |byte: u8| byte.is_ascii_digit().then(|| u16::from(byte - b'0'));
    match bytes.next()? {
        first @ b'0'..=b'9' => {
            let number = digit(first)? * 100 + digit(bytes.next()?)? * 10 + digit(bytes.next()?)?;
            u8::try_from(number).ok()
        }
        plain @ 0x21..0x7f => Some(plain),
        _ => None,
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = String::new();
        for label in self.labels() {
            if !text.is_empty() {
                text.push('.');
            }
            for byte in label {
                match byte {
                    b'.' | b'\\' => text.extend(['\\', char::from(*byte)]),
                    0x21..0x7f => text.push(char::from(*byte)),
                    _ => text += &format!("\\{byte:03}"),
                }
            }
        }
        f.pad(if text.is_empty() { "." } else { &text })
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Name({self})")
    }
}

/// Number, name and meaning of the types we know.
const KINDS: [(Kind, &str, &str); 13] = [
    (Kind::A, "A", "an IPv4 address"),
    (Kind::NS, "NS", "a name server of this zone"),
    (Kind::CNAME, "CNAME", "another name for this one"),
    (Kind::SOA, "SOA", "start of a zone"),
    (Kind::PTR, "PTR", "the name of an address"),
    (Kind::MX, "MX", "a mail exchanger"),
    (Kind::TXT, "TXT", "text"),
    (Kind::AAAA, "AAAA", "an IPv6 address"),
    (Kind::SRV, "SRV", "host and port of a service"),
    (Kind::OPT, "OPT", "options of EDNS"),
    (Kind::IXFR, "IXFR", "what changed in the zone"),
    (Kind::AXFR, "AXFR", "the whole zone"),
    (Kind::ANY, "ANY", "all types"),
];

impl Kind {
    /// The type with this name, or with this number as `TYPE65` (RFC 3597 section 5), whatever the case.
    pub fn parse(text: &str) -> Option<Kind> {
        let known = KINDS.iter().find(|(_, name, _)| name.eq_ignore_ascii_case(text)).map(|(kind, ..)| *kind);
        let number = || text.get(..4).filter(|start| start.eq_ignore_ascii_case("TYPE")).and(text.get(4..));
        known.or_else(|| number()?.parse().ok().map(Kind))
    }

    /// What records of this type tell, in a few words.
    pub fn meaning(self) -> &'static str {
        KINDS.iter().find(|(kind, ..)| *kind == self).map_or("a type this library keeps as bytes", |known| known.2)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match KINDS.iter().find(|(kind, ..)| kind == self) {
            Some((_, name, _)) => f.pad(name),
            None => f.pad(&format!("TYPE{}", self.0)),
        }
    }
}

impl fmt::Display for Rcode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match *self {
            Rcode::NO_ERROR => "no error (NOERROR)",
            Rcode::FORM_ERR => "the server could not read the question (FORMERR)",
            Rcode::SERV_FAIL => "the server failed (SERVFAIL)",
            Rcode::NX_DOMAIN => "no such name (NXDOMAIN)",
            Rcode::NOT_IMP => "the server cannot do this (NOTIMP)",
            Rcode::REFUSED => "the server refused (REFUSED)",
            Rcode::BAD_VERS => "the server knows no such EDNS (BADVERS)",
            Rcode(other) => return write!(f, "the server answered with code {other}"),
        })
    }
}

impl error::Error for Rcode {}

/// The data as it stands in a zone file (RFC 1035 section 5.1), safe to print whatever it holds.
impl fmt::Display for Data {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Data::A(ip) => write!(f, "{ip}"),
            Data::Aaaa(ip) => write!(f, "{ip}"),
            Data::Cname(name) | Data::Ns(name) | Data::Ptr(name) => write!(f, "{name}"),
            Data::Mx { preference, host } => write!(f, "{preference} {host}"),
            Data::Txt(strings) => {
                for (n, string) in strings.iter().enumerate() {
                    write!(f, "{}\"{}\"", if n == 0 { "" } else { " " }, visible(string))?;
                }
                Ok(())
            }
            Data::Soa { primary, mailbox, serial, refresh, retry, expire, minimum } => {
                write!(f, "{primary} {mailbox} {serial} {refresh} {retry} {expire} {minimum}")
            }
            Data::Srv { priority, weight, port, target } => write!(f, "{priority} {weight} {port} {target}"),
            Data::Other { bytes, .. } => {
                write!(f, "\\# {}", bytes.len())?; // RFC 3597 section 5
                bytes
                    .iter()
                    .enumerate()
                    .try_for_each(|(n, byte)| write!(f, "{}{byte:02x}", if n == 0 { " " } else { "" }))
            }
        }
    }
}

/// ```
/// use netprimer::dns::{Data, IN, Name, Record};
/// let name = Name::parse("www.example.com")?;
/// let record = Record { name, class: IN, ttl: 300, data: Data::A([93, 184, 216, 34].into()) };
/// assert_eq!(record.to_string(), "www.example.com 300 IN A 93.184.216.34");
/// # Ok::<(), netprimer::Error>(())
/// ```
impl fmt::Display for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let class = if self.class == IN { "IN".to_owned() } else { format!("CLASS{}", self.class) };
        write!(f, "{} {} {class} {} {}", self.name, self.ttl, self.data.kind(), self.data)
    }
}
