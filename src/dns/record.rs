//! What a zone knows about a name: resource records on the wire.
//!
//! ```text
//! name | type 2 | class 2 | TTL 4 | RDLENGTH 2 | RDATA: an address, a name, strings … as the type says
//! ```
//!
//! RFC 1035 sections 3.2 to 3.4, RFC 3596 (AAAA), RFC 2782 (SRV), RFC 6891 (OPT); a type we do not know keeps its bytes
//! (RFC 3597).
//! A table to look things up in: it is not needed to follow how a message is read.
//!
//! May use: error.

use super::name::{Name, Reader, Writer};
use crate::error::{Error, Result};
use std::net::{Ipv4Addr, Ipv6Addr};

/// The class of the internet: all others are history (RFC 1035 section 3.2.4).
pub const IN: u16 = 1;

/// A type of record, by its number. Numbers without a name here are as good as the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Kind(pub u16);

#[allow(missing_docs)] // the names are the standard's, and the table below explains them
impl Kind {
    pub const A: Kind = Kind(1);
    pub const NS: Kind = Kind(2);
    pub const CNAME: Kind = Kind(5);
    pub const SOA: Kind = Kind(6);
    pub const PTR: Kind = Kind(12);
    pub const MX: Kind = Kind(15);
    pub const TXT: Kind = Kind(16);
    pub const AAAA: Kind = Kind(28);
    pub const SRV: Kind = Kind(33);
    pub const OPT: Kind = Kind(41);
    pub const IXFR: Kind = Kind(251);
    pub const AXFR: Kind = Kind(252);
    pub const ANY: Kind = Kind(255);
}

/// How it went (RFC 1035 section 4.1.1, RFC 6895 section 2.3); an error when the name server gave no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Rcode(pub u16);

#[allow(missing_docs)] // the names are the standard's
impl Rcode {
    pub const NO_ERROR: Rcode = Rcode(0);
    pub const FORM_ERR: Rcode = Rcode(1);
    pub const SERV_FAIL: Rcode = Rcode(2);
    pub const NX_DOMAIN: Rcode = Rcode(3);
    pub const NOT_IMP: Rcode = Rcode(4);
    pub const REFUSED: Rcode = Rcode(5);
    pub const BAD_VERS: Rcode = Rcode(16);
}

/// One resource record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// The owner: whom this is about.
    pub name: Name,
    /// The class, nearly always [`IN`].
    pub class: u16,
    /// For how many seconds this may be kept.
    pub ttl: u32,
    /// The type and what it says.
    pub data: Data,
}

/// What a record says.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs)] // the fields have the standard's names
pub enum Data {
    /// An IPv4 address.
    A(Ipv4Addr),
    /// An IPv6 address.
    Aaaa(Ipv6Addr),
    /// The name to ask for instead.
    Cname(Name),
    /// A name server of this zone.
    Ns(Name),
    /// The name of an address: see [`Name::reverse`].
    Ptr(Name),
    /// A mail exchanger; the lowest preference first.
    Mx { preference: u16, host: Name },
    /// One or more strings of at most 255 bytes each.
    Txt(Vec<Vec<u8>>),
    /// Start of authority, once per zone. `minimum` bounds how long a "no such name" may be kept (RFC 2308).
    Soa { primary: Name, mailbox: Name, serial: u32, refresh: u32, retry: u32, expire: u32, minimum: u32 },
    /// Where a service is to be found.
    Srv { priority: u16, weight: u16, port: u16, target: Name },
    /// Any other type, and types of addresses in other classes: the bytes as they came.
    Other { kind: Kind, bytes: Vec<u8> },
}

impl Data {
    /// The type.
    pub fn kind(&self) -> Kind {
        match self {
            Data::A(_) => Kind::A,
            Data::Aaaa(_) => Kind::AAAA,
            Data::Cname(_) => Kind::CNAME,
            Data::Ns(_) => Kind::NS,
            Data::Ptr(_) => Kind::PTR,
            Data::Mx { .. } => Kind::MX,
            Data::Txt(_) => Kind::TXT,
            Data::Soa { .. } => Kind::SOA,
            Data::Srv { .. } => Kind::SRV,
            Data::Other { kind, .. } => *kind,
        }
    }

    /// The other name, if that is what this says.
    pub fn alias(&self) -> Option<&Name> {
        if let Data::Cname(name) = self { Some(name) } else { None }
    }

    /// Reads RDATA of exactly `length` bytes.
    pub(super) fn read(reader: &mut Reader<'_>, kind: Kind, class: u16, length: usize) -> Result<Data> {
        let end = reader.at + length;
        let data = match kind {
            Kind::A if class == IN => Data::A(reader.array::<4>()?.into()),
            Kind::AAAA if class == IN => Data::Aaaa(reader.array::<16>()?.into()),
            Kind::CNAME => Data::Cname(reader.name()?),
            Kind::NS => Data::Ns(reader.name()?),
            Kind::PTR => Data::Ptr(reader.name()?),
            Kind::MX => Data::Mx { preference: reader.u16()?, host: reader.name()? },
            Kind::TXT => {
                let mut strings = Vec::new();
                while reader.at < end || strings.is_empty() {
                    let [length] = reader.array()?;
                    strings.push(reader.bytes(length.into())?.to_vec());
                }
                Data::Txt(strings)
            }
            Kind::SOA => Data::Soa {
                primary: reader.name()?,
                mailbox: reader.name()?,
                serial: reader.u32()?,
                refresh: reader.u32()?,
                retry: reader.u32()?,
                expire: reader.u32()?,
                minimum: reader.u32()?,
            },
            Kind::SRV if class == IN => Data::Srv {
                priority: reader.u16()?,
                weight: reader.u16()?,
                port: reader.u16()?,
                target: reader.name()?,
            },
            kind => Data::Other { kind, bytes: reader.bytes(length)?.to_vec() },
        };
        if reader.at == end {
            return Ok(data);
        }
        Err(Error::Protocol(format!("a record of type {kind} says {length} bytes, its data has others").into()))
    }

    /// Writes RDATA, without its length.
    pub(super) fn write<'a>(&'a self, writer: &mut Writer<'a>) -> Result<()> {
        match self {
            Data::A(ip) => writer.packet.extend_from_slice(&ip.octets()),
            Data::Aaaa(ip) => writer.packet.extend_from_slice(&ip.octets()),
            Data::Cname(name) | Data::Ns(name) | Data::Ptr(name) => writer.name(name),
            Data::Mx { preference, host } => {
                writer.u16(*preference);
                writer.name(host);
            }
            Data::Txt(strings) if strings.is_empty() => {
                return Err(Error::Invalid("a TXT record has at least one string".into()));
            }
            Data::Txt(strings) => {
                for string in strings {
                    let length = u8::try_from(string.len())
                        .map_err(|_| Error::Invalid("a string of a TXT record has at most 255 bytes".into()))?;
                    writer.packet.push(length);
                    writer.packet.extend_from_slice(string);
                }
            }
            Data::Soa { primary, mailbox, serial, refresh, retry, expire, minimum } => {
                writer.name(primary);
                writer.name(mailbox);
                for number in [serial, refresh, retry, expire, minimum] {
                    writer.packet.extend_from_slice(&number.to_be_bytes());
                }
            }
            Data::Srv { priority, weight, port, target } => {
                [priority, weight, port].into_iter().for_each(|number| writer.u16(*number));
                writer.whole_name(target);
            }
            Data::Other { bytes, .. } => writer.packet.extend_from_slice(bytes),
        }
        Ok(())
    }
}

/// How much we take in a datagram: it passes every usual network in one piece (the advice of DNS Flag Day 2020).
pub const UDP_SIZE: u16 = 1232;
/// The contents of an OPT record (RFC 6891 section 6.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edns {
    /// How many bytes the sender takes in one datagram; less than 512 means 512.
    pub udp_size: u16,
    /// The upper eight bits of the [`Rcode`].
    pub rcode_high: u8,
    /// 0 is the only one there is.
    pub version: u8,
    /// The first bit asks for signatures (DNSSEC).
    pub flags: u16,
    /// Number and content of each option.
    pub options: Vec<(u16, Vec<u8>)>,
}

impl Default for Edns {
    fn default() -> Edns {
        Edns { udp_size: UDP_SIZE, rcode_high: 0, version: 0, flags: 0, options: Vec::new() }
    }
}

impl Edns {
    /// The OPT record uses the places of class and TTL for its own fields (RFC 6891 section 6.1.3).
    pub(super) fn read(reader: &mut Reader<'_>, class: u16, ttl: u32, length: usize) -> Result<Edns> {
        let [rcode_high, version, flags @ ..] = ttl.to_be_bytes();
        let end = reader.at + length;
        let mut options = Vec::new();
        while reader.at < end {
            let (number, length) = (reader.u16()?, reader.u16()?);
            options.push((number, reader.bytes(length.into())?.to_vec()));
        }
        if reader.at > end {
            return Err(Error::Protocol("an option in the OPT record is longer than the record".into()));
        }
        Ok(Edns { udp_size: class, rcode_high, version, flags: u16::from_be_bytes(flags), options })
    }

    pub(super) fn write(&self, writer: &mut Writer<'_>) -> Result<()> {
        let [high, low] = self.flags.to_be_bytes();
        let ttl = u32::from_be_bytes([self.rcode_high, self.version, high, low]);
        writer.whole_name(&Name::root());
        record_head(writer, Kind::OPT, self.udp_size, ttl);
        with_length(writer, |writer| {
            for (number, bytes) in &self.options {
                writer.u16(*number);
                with_length(writer, |writer| {
                    writer.packet.extend_from_slice(bytes);
                    Ok(())
                })?;
            }
            Ok(())
        })
    }
}

/// For how many seconds a record may be kept, by the number on the wire (RFC 2181 section 8).
pub(super) fn kept_for(ttl: u32) -> u32 {
    if ttl >> 31 == 0 { ttl } else { 0 }
}

pub(super) fn record_head(writer: &mut Writer<'_>, kind: Kind, class: u16, ttl: u32) {
    writer.u16(kind.0);
    writer.u16(class);
    writer.packet.extend_from_slice(&ttl.to_be_bytes());
}

/// Lets `write` write and puts the two bytes of its length in front.
pub(super) fn with_length<'a>(
    writer: &mut Writer<'a>,
    write: impl FnOnce(&mut Writer<'a>) -> Result<()>,
) -> Result<()> {
    let at = writer.packet.len();
    writer.u16(0);
    write(writer)?;
    let length = u16::try_from(writer.packet.len() - at - 2)
        .map_err(|_| Error::Invalid("the data of a record has at most 65,535 bytes".into()))?;
    writer.packet[at..at + 2].copy_from_slice(&length.to_be_bytes());
    Ok(())
}
