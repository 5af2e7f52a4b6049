//! Names as they travel: labels, each behind its length, up to the empty label of the root.
//!
//! ```text
//! 03 w w w 07 e x a m p l e 03 c o m 00     www.example.com
//! 04 m a i l c0 10                          mail, then on as at byte 0x10: mail.example.com
//! ```
//!
//! RFC 1035 sections 2.3.4 (sizes), 3.1 (labels) and 4.1.4 (pointers); RFC 4343 (case). A pointer is where
//! readers of DNS went wrong for thirty years (RFC 9267): ours may only lead backwards, so that no circle can be walked,
//! and what names grow to is counted, so that a small message cannot become a large one.
//!
//! May use: error.

use crate::error::{Error, Result};
use std::collections::HashMap;
use std::hash::{Hash, Hasher};

/// The longest name on the wire, lengths and root included (RFC 1035 section 2.3.4).
pub(super) const LONGEST_NAME: usize = 255;
/// The longest label (RFC 1035 section 2.3.4).
pub(super) const LONGEST_LABEL: usize = 63;
/// Pointers in one name: a name has at most 127 labels, and one of them at least needs no pointer before it.
const HOPS: usize = 126;
/// What all names of a message may come to: as much as the longest message. Some 3,000 records are within it.
const EXPANDED: usize = 64 << 10;
/// The header, where no name can be.
const HEADER: usize = 12;

/// A domain name. Letters keep their case and are compared without it.
///
/// ```
/// use netprimer::dns::Name;
/// let name = Name::parse("www.Example.com.")?;
/// assert_eq!(name, Name::parse("WWW.example.COM")?);
/// assert_eq!(name.to_string(), "www.Example.com");
/// assert_eq!(Name::reverse("93.184.216.34".parse()?).to_string(), "34.216.184.93.in-addr.arpa");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
// The wire form, without pointers and with the root's zero: so it never needs to be put together again.
#[derive(Clone)]
pub struct Name(pub(super) Vec<u8>);

impl Name {
    /// The root, written `.`.
    pub fn root() -> Name {
        Name(vec![0])
    }

    /// The labels from left to right, without the root.
    pub fn labels(&self) -> impl Iterator<Item = &[u8]> {
        let mut rest = self.0.as_slice();
        std::iter::from_fn(move || {
            let (length, after) = rest.split_first()?;
            let (label, after) = after.split_at(usize::from(*length));
            rest = after;
            Some(label).filter(|label| !label.is_empty())
        })
    }
}

// Lengths are at most 63, below every letter: so the whole wire form can be compared at once.
impl PartialEq for Name {
    fn eq(&self, other: &Name) -> bool {
        self.0.eq_ignore_ascii_case(&other.0)
    }
}

impl Eq for Name {}

impl Hash for Name {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.iter().for_each(|byte| byte.to_ascii_lowercase().hash(state));
    }
}

/// Walks through a message.
pub(super) struct Reader<'a> {
    packet: &'a [u8],
    pub(super) at: usize,
    expanded: usize,
}

impl<'a> Reader<'a> {
    pub(super) fn new(packet: &'a [u8]) -> Reader<'a> {
        Reader { packet, at: 0, expanded: 0 }
    }

    pub(super) fn bytes(&mut self, n: usize) -> Result<&'a [u8]> {
        let bytes = self.packet.get(self.at..).and_then(|rest| rest.get(..n)).ok_or_else(|| self.cut())?;
        self.at += n;
        Ok(bytes)
    }

    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        let mut array = [0; N];
        array.copy_from_slice(self.bytes(N)?);
        Ok(array)
    }

    pub(super) fn u16(&mut self) -> Result<u16> {
        self.array().map(u16::from_be_bytes)
    }

    pub(super) fn u32(&mut self) -> Result<u32> {
        self.array().map(u32::from_be_bytes)
    }

    pub(super) fn name(&mut self) -> Result<Name> {
        let bad = |at: usize, why: &str| Error::Protocol(format!("the name at byte {at} {why}").into());
        let (start, mut at) = (self.at, self.at);
        let mut wire = Vec::with_capacity(32); // room for most names, so that it need not grow
        let (mut hops, mut first_from, mut behind) = (0, start, None);
        loop {
            let length = *self.packet.get(at).ok_or_else(|| self.cut())?;
            match length >> 6 {
                0b00 => {
                    let label = self.packet.get(at..=at + usize::from(length)).ok_or_else(|| self.cut())?;
                    wire.extend_from_slice(label);
                    at += label.len();
                    if wire.len() > LONGEST_NAME {
                        return Err(bad(start, "is longer than 255 bytes"));
                    }
                    if length == 0 {
                        break;
                    }
                }
                0b11 => {
                    let low = *self.packet.get(at + 1).ok_or_else(|| self.cut())?;
                    let target = usize::from(length & 0x3f) << 8 | usize::from(low);
                    behind.get_or_insert(at + 2);
                    hops += 1;
                    // Each target before the one before it: such a walk must come to an end.
                    if target >= first_from || target < HEADER {
                        return Err(bad(start, "has a pointer that does not lead back to a name"));
                    }
                    if hops > HOPS {
                        return Err(bad(start, "has more than 126 pointers"));
                    }
                    (first_from, at) = (target, target);
                }
                _ => return Err(bad(start, "has a label of a kind that nobody uses (RFC 6891 section 5)")),
            }
        }
        self.at = behind.unwrap_or(at);
        self.expanded += wire.len();
        if self.expanded > EXPANDED {
            return Err(Error::TooLong("read the names of a DNS message".into(), EXPANDED));
        }
        Ok(Name(wire))
    }

    fn cut(&self) -> Error {
        Error::Protocol(format!("the DNS message ends at byte {} where more must come", self.packet.len()).into())
    }
}

/// Puts a message together, and remembers where each name stands.
#[derive(Default)]
pub(super) struct Writer<'a> {
    pub(super) packet: Vec<u8>,
    seen: HashMap<&'a [u8], u16>,
}

impl<'a> Writer<'a> {
    pub(super) fn u16(&mut self, number: u16) {
        self.packet.extend_from_slice(&number.to_be_bytes());
    }

    /// Writes a name, from the first label on that an earlier name ends with as a pointer to that one. Only the same
    /// bytes count, so that each name keeps its case.
    pub(super) fn name(&mut self, name: &'a Name) {
        let mut rest = name.0.as_slice();
        while rest.len() > 1 {
            if let Some(at) = self.seen.get(rest) {
                return self.u16(0xc000 | at);
            }
            if let Ok(at @ ..0x4000) = u16::try_from(self.packet.len()) {
                self.seen.insert(rest, at); // a pointer has 14 bits for this
            }
            let (label, after) = rest.split_at(1 + usize::from(rest[0]));
            self.packet.extend_from_slice(label);
            rest = after;
        }
        self.packet.push(0);
    }

    /// Writes a name in full, where a pointer is not allowed (RFC 2782, RFC 3597 section 4).
    pub(super) fn whole_name(&mut self, name: &Name) {
        self.packet.extend_from_slice(&name.0);
    }
}
