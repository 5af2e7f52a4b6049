//! A DNS message byte by byte: where each field stands, its bytes, and what it means.
//!
//! ```text
//! byte  +0 +1 +2 +3 +4 +5 +6 +7   what it means
//! 0000  12 34                     id 4660 (0x1234)
//! 000c  03 77 77 77               label "www"
//! 0021  c0 0c                     pointer ──> 000c: www.example.com
//! ```
//!
//! RFC 1035 section 4. It reads with a mind of its own, apart from [`Message::parse`](super::Message::parse), because it must go on
//! where that one gives up: a broken message is explained as far as it goes, and then where it breaks.
//!
//! May use: error.

use super::message::{AA, QR, RA, RD, TC};
use super::name::Reader;
use super::record::{IN, Kind, Rcode, kept_for};
use std::fmt::Write;
use std::net::{Ipv4Addr, Ipv6Addr};

/// No line is wider.
const COLUMNS: usize = 76;
/// Where the meaning begins.
const MARGIN: usize = 32;
/// Bytes in a row.
const ROW: usize = 8;

/// Explains a message, or what should be one, in lines of at most 76 columns. Never fails: what breaks a rule is named
/// where it stands, and the bytes behind it are shown as they are.
///
/// ```
/// use netprimer::dns::{Kind, Message, Name, explain};
/// let query = Message::query(0x1234, Name::parse("www.example.com")?, Kind::A).encode()?;
/// let text = explain(&query);
/// assert!(text.contains("0000  12 34                     id 4660 (0x1234)"));
/// assert!(text.contains("000c  03 77 77 77               label \"www\""));
/// # Ok::<(), netprimer::Error>(())
/// ```
pub fn explain(packet: &[u8]) -> String {
    let mut page = Page { packet, at: 0, text: String::new() };
    page.line("byte  +0 +1 +2 +3 +4 +5 +6 +7", "what it means");
    if let Err(Broken(why)) = message(&mut page) {
        let rest = packet.len() - page.at;
        page.line("", &format!("HERE IT BREAKS, at byte {}: {why}", page.at));
        if rest > 0 {
            let _ = page.field(rest, |_| format!("the rest, {}, which nobody can read", count(rest, "byte")));
        }
    }
    page.text
}

/// Why the message cannot be read any further.
struct Broken(String);

type Step<T> = Result<T, Broken>;

struct Page<'a> {
    packet: &'a [u8],
    at: usize,
    text: String,
}

impl<'a> Page<'a> {
    /// Two columns; a meaning that is too long goes on below.
    fn line(&mut self, bytes: &str, meaning: &str) {
        let width = COLUMNS - MARGIN;
        let mut left = bytes.to_owned();
        let mut rest = meaning;
        loop {
            let mut end = rest.char_indices().nth(width).map_or(rest.len(), |(at, _)| at);
            if end < rest.len() {
                // At a space where there is one: an arrow or a word is not cut.
                end = rest[..end].rfind(' ').filter(|at| *at > 0).unwrap_or(end);
            }
            let _ = writeln!(self.text, "{}", format!("{left:<MARGIN$}{}", &rest[..end]).trim_end());
            rest = rest[end..].trim_start();
            left.clear();
            if rest.is_empty() {
                break;
            }
        }
    }

    fn title(&mut self, text: &str) {
        let _ = writeln!(self.text, "{:-<COLUMNS$}", format!("-- {text} "));
    }

    /// Shows the next `n` bytes, with a meaning that is found in them.
    fn field(&mut self, n: usize, meaning: impl FnOnce(&'a [u8]) -> String) -> Step<&'a [u8]> {
        let rest = self.packet.get(self.at..).unwrap_or_default();
        let short = || Broken(format!("{} should follow, the message has {}", count(n, "byte"), rest.len()));
        let bytes = rest.get(..n).ok_or_else(short)?;
        let mut meaning = meaning(bytes);
        for row in bytes.chunks(ROW) {
            let hex: String = row.iter().map(|byte| format!("{byte:02x} ")).collect();
            let left = format!("{:04x}  {hex}", self.at);
            self.line(&left, &std::mem::take(&mut meaning));
            self.at += row.len();
        }
        Ok(bytes)
    }

    fn u16(&mut self, meaning: impl FnOnce(u16) -> String) -> Step<u16> {
        self.field(2, |bytes| meaning(number(bytes) as u16)).map(|bytes| number(bytes) as u16)
    }

    fn u32(&mut self, meaning: impl FnOnce(u32) -> String) -> Step<u32> {
        self.field(4, |bytes| meaning(number(bytes))).map(number)
    }

    /// The labels of a name, up to the root or a pointer, which is followed by an arrow and what stands there.
    fn name(&mut self, what: &str) -> Step<()> {
        let start = self.at;
        loop {
            let length = self.packet.get(self.at).copied().unwrap_or(0);
            match length {
                0 => {
                    let whole = full_name(self.packet, start).map_err(Broken);
                    let end = self.at == start;
                    self.field(1, |_| match &whole {
                        Ok(name) if end => format!("{what}: {name} (the root)"),
                        Ok(name) => format!("end of {what}: {name}"),
                        Err(_) => format!("end of {what}"),
                    })?;
                    return whole.map(drop);
                }
                1..=63 => {
                    let label = |bytes: &[u8]| format!("label \"{}\"", text_of(bytes));
                    self.field(1 + usize::from(length), label)?;
                }
                0xc0.. => {
                    let there = full_name(self.packet, self.at);
                    let whole = full_name(self.packet, start).map_err(Broken);
                    let target = |bytes: &[u8]| number(bytes) & 0x3fff;
                    self.field(2, |bytes| match &there {
                        Ok(name) => format!("pointer ──> {:04x}: {name}", target(bytes)),
                        Err(_) => format!("pointer ──> {:04x}", target(bytes)),
                    })?;
                    let whole = whole?;
                    if start + 2 < self.at {
                        self.line("", &format!("{what}: {whole}"));
                    }
                    return Ok(());
                }
                _ => return Err(Broken(format!("0x{length:02x} begins neither a label nor a pointer"))),
            }
        }
    }
}

fn number(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0, |number, byte| number << 8 | u32::from(*byte))
}

fn count(n: usize, thing: &str) -> String {
    format!("{n} {thing}{}", if n == 1 { "" } else { "s" })
}

/// What stands behind a length, in ASCII: so every character takes one column.
fn text_of(bytes: &[u8]) -> std::slice::EscapeAscii<'_> {
    bytes.get(1..).unwrap_or_default().escape_ascii()
}

/// The name that begins here, with all pointers followed, or why it cannot be read.
fn full_name(packet: &[u8], at: usize) -> Result<String, String> {
    let mut reader = Reader::new(packet);
    reader.at = at;
    reader.name().map(|name| name.to_string()).map_err(|error| error.to_string())
}

fn message(page: &mut Page<'_>) -> Step<()> {
    page.title("header");
    page.u16(|id| format!("id {id} (0x{id:04x})"))?;
    page.u16(flags)?;
    let questions = page.u16(|n| count(n.into(), "question"))?;
    let answers = page.u16(|n| count(n.into(), "answer"))?;
    let authority = page.u16(|n| count(n.into(), "authority record"))?;
    let additional = page.u16(|n| count(n.into(), "additional record"))?;
    for n in 1..=questions {
        page.title(&format!("question {n}"));
        page.name("name")?;
        page.u16(kind)?;
        page.u16(class)?;
    }
    for (section, records) in [("answer", answers), ("authority record", authority), ("additional record", additional)]
    {
        for n in 1..=records {
            page.title(&format!("{section} {n}"));
            record(page)?;
        }
    }
    match page.packet.len() - page.at {
        0 => Ok(()),
        more => Err(Broken(format!("the message is at its end, but {} follow", count(more, "byte")))),
    }
}

fn flags(flags: u16) -> String {
    let mut text = if flags & QR == 0 { "a query".to_owned() } else { "QR an answer".to_owned() };
    match flags >> 11 & 15 {
        0 => {}
        opcode => text += &format!(", opcode {opcode}"),
    }
    for (flag, meaning) in [
        (AA, "AA authoritative"),
        (TC, "TC truncated"),
        (RD, "RD recursion desired"),
        (RA, "RA recursion available"),
        (0x20, "AD authentic data"),
        (0x10, "CD checking disabled"),
    ] {
        if flags & flag != 0 {
            text += &format!(", {meaning}");
        }
    }
    if flags & QR != 0 {
        text += &format!(", RCODE {}: {}", flags & 15, Rcode(flags & 15));
    }
    text
}

fn kind(number: u16) -> String {
    format!("type {number}: {}, {}", Kind(number), Kind(number).meaning())
}

fn class(number: u16) -> String {
    format!("class {number}: {}", if number == IN { "IN, the internet" } else { "none that is in use" })
}

fn record(page: &mut Page<'_>) -> Step<()> {
    page.name("owner")?;
    let kind = Kind(page.u16(kind)?);
    let opt = kind == Kind::OPT;
    let class = page.u16(|n| if opt { format!("takes {n} bytes in a datagram") } else { class(n) })?;
    match opt {
        true => {
            page.field(1, |bytes| format!("upper bits of the RCODE: {}", number(bytes)))?;
            page.field(1, |bytes| format!("EDNS version {}", number(bytes)))?;
            page.u16(|n| format!("flags of EDNS{}", if n >> 15 == 1 { ": DO, send signatures" } else { "" }))?;
        }
        false => drop(page.u32(|ttl| format!("TTL: may be kept for {}", count(kept_for(ttl) as usize, "second")))?),
    }
    let length = usize::from(page.u16(|n| format!("{} of data", count(n.into(), "byte")))?);
    let start = page.at;
    let room = page.packet.len() - start;
    if length > room {
        return Err(Broken(format!("{} of data should follow, the message has {room}", count(length, "byte"))));
    }
    data(page, kind, class, length)?;
    match page.at - start {
        n if n == length => Ok(()),
        n => Err(Broken(format!("{} of data were announced, it has {n}", count(length, "byte")))),
    }
}

fn data(page: &mut Page<'_>, kind: Kind, class: u16, length: usize) -> Step<()> {
    let end = page.at + length;
    match kind {
        Kind::A if class == IN => drop(page.field(4, |bytes| Ipv4Addr::from(number(bytes)).to_string())?),
        Kind::AAAA if class == IN => {
            page.field(16, |bytes| bytes.first_chunk().map_or_else(String::new, |ip| Ipv6Addr::from(*ip).to_string()))?;
        }
        Kind::CNAME | Kind::NS | Kind::PTR => page.name("name")?,
        Kind::MX => {
            page.u16(|n| format!("preference {n}, the lowest first"))?;
            page.name("host")?;
        }
        Kind::SRV if class == IN => {
            page.u16(|n| format!("priority {n}, the lowest first"))?;
            page.u16(|n| format!("weight {n}"))?;
            page.u16(|n| format!("port {n}"))?;
            page.name("host")?;
        }
        Kind::SOA => {
            page.name("first name server")?;
            page.name("mailbox")?;
            for what in ["serial number", "seconds to refresh", "to retry", "to expire", "to keep a \"no\""] {
                page.u32(|n| format!("{what}: {n}"))?;
            }
        }
        Kind::TXT => loop {
            let length = page.packet.get(page.at).map_or(0, |length| usize::from(*length));
            page.field(1 + length, |bytes| format!("text \"{}\"", text_of(bytes)))?;
            if page.at >= end {
                break;
            }
        },
        Kind::OPT => {
            while page.at < end {
                page.u16(|n| format!("option {n}"))?;
                let length = page.u16(|n| count(n.into(), "byte"))?;
                page.field(length.into(), |_| String::new())?;
            }
        }
        _ => drop(page.field(length, |_| "data, kept as it is".to_owned())?),
    }
    Ok(())
}
