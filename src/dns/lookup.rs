//! What an answer means to a program: aliases followed, addresses of a name, names of an address, and whether both agree.
//!
//! RFC 1034 sections 3.6.2 (aliases) and 5.2.1 (what programs ask), RFC 2308 (the two kinds of "no").
//!
//! May use: error, deadline.

use super::message::Message;
use super::name::Name;
use super::record::{Data, IN, Kind, Rcode, Record};
use super::resolver::Resolver;
use crate::deadline::Deadline;
use crate::error::{Error, Result};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Longest way from alias to alias: honest ones have two or three steps.
const ALIASES: usize = 8;

/// How many names of one address are checked by [`Resolver::confirmed`]: whoever owns the reverse zone decides how many there
/// are, and each costs a query.
const CHECKED: usize = 8;

/// What the name servers know.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub enum Lookup {
    /// The records of that type. Their owner is the name at the end of the aliases.
    Found(Vec<Record>),
    /// The name exists, but has no record of this type.
    NoData,
    /// There is no such name (NXDOMAIN).
    NoSuchName,
}

/// The addresses of a host, as this system knows them: see [`Resolver::addresses`].
///
/// # Errors
/// Those of [`Resolver::system`] and [`Resolver::addresses`].
///
/// ```
/// assert_eq!(netprimer::dns::addresses("127.0.0.1")?, ["127.0.0.1".parse::<std::net::IpAddr>()?]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn addresses(name: &str) -> Result<Vec<IpAddr>> {
    Resolver::system()?.addresses(name)
}

/// The names of an address, as this system knows them (what `gethostbyaddr` is for): see [`Resolver::names`].
///
/// # Errors
/// Those of [`Resolver::system`] and [`Resolver::names`].
pub fn names(ip: IpAddr) -> Result<Vec<Name>> {
    Resolver::system()?.names(ip)
}

impl Resolver {
    /// The records of one type, aliases followed.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a name that cannot be; [`Error::Protocol`] for aliases in a circle or more than eight; those of
    /// [`Resolver::exchange`].
    pub fn lookup(&self, name: &str, kind: Kind) -> Result<Lookup> {
        self.lookup_by(Name::parse(name)?, kind, Deadline::after(self.total))
    }

    fn lookup_by(&self, name: Name, kind: Kind, deadline: Deadline) -> Result<Lookup> {
        follow(self.exchange_by(&Message::query(0, name.clone(), kind), deadline)?, name, kind)
    }

    /// The addresses of a host: its own if it is written in numbers, those of the hosts file, or else those that the name
    /// servers know, IPv4 before IPv6. None means that there is no such name, or that it has no address.
    ///
    /// `localhost` is never asked for: it is this machine (RFC 6761 section 6.3).
    ///
    /// # Errors
    /// Those of [`Resolver::lookup`], all within one total time. When only the question for IPv6 fails, what was found for
    /// IPv4 is the answer.
    pub fn addresses(&self, name: &str) -> Result<Vec<IpAddr>> {
        if let Ok(ip) = name.parse() {
            return Ok(vec![ip]);
        }
        let name = Name::parse(name)?;
        let known = self.hosts.addresses(&name);
        if !known.is_empty() {
            return Ok(known);
        }
        if name.labels().last().is_some_and(|label| label.eq_ignore_ascii_case(b"localhost")) {
            return Ok(vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()]);
        }
        let deadline = Deadline::after(self.total);
        let mut found = match self.lookup_by(name.clone(), Kind::A, deadline)? {
            Lookup::NoSuchName => return Ok(Vec::new()), // true for every type
            other => ips(other),
        };
        match self.lookup_by(name, Kind::AAAA, deadline) {
            Err(_) if !found.is_empty() => {}
            more => found.extend(ips(more?)),
        }
        Ok(found)
    }

    /// The names of an address, from the hosts file or else from its PTR records. None means that it has no name.
    ///
    /// Whoever owns an address can give it any name, also yours: see [`Resolver::confirmed`].
    ///
    /// # Errors
    /// Those of [`Resolver::lookup`].
    pub fn names(&self, ip: IpAddr) -> Result<Vec<Name>> {
        self.names_by(ip.to_canonical(), Deadline::after(self.total))
    }

    fn names_by(&self, ip: IpAddr, deadline: Deadline) -> Result<Vec<Name>> {
        let known = self.hosts.names(ip);
        if !known.is_empty() {
            return Ok(known);
        }
        let Lookup::Found(records) = self.lookup_by(Name::reverse(ip), Kind::PTR, deadline)? else { return Ok(known) };
        let name = |record: Record| if let Data::Ptr(name) = record.data { Some(name) } else { None };
        Ok(records.into_iter().filter_map(name).collect())
    }

    /// Those names of an address that have this address themselves (forward-confirmed reverse DNS): both zones agree. At
    /// most eight names are checked.
    ///
    /// # Errors
    /// Those of [`Resolver::lookup`], all within one total time.
    pub fn confirmed(&self, ip: IpAddr) -> Result<Vec<Name>> {
        let (ip, deadline) = (ip.to_canonical(), Deadline::after(self.total));
        let kind = if ip.is_ipv4() { Kind::A } else { Kind::AAAA };
        let mut confirmed = Vec::new();
        for name in self.names_by(ip, deadline)?.into_iter().take(CHECKED) {
            let agrees = self.hosts.addresses(&name).contains(&ip)
                || ips(self.lookup_by(name.clone(), kind, deadline)?).contains(&ip);
            if agrees {
                confirmed.push(name);
            }
        }
        Ok(confirmed)
    }
}

/// The addresses among records.
fn ips(lookup: Lookup) -> Vec<IpAddr> {
    let Lookup::Found(records) = lookup else { return Vec::new() };
    let ip = |record: Record| match record.data {
        Data::A(ip) => Some(ip.into()),
        Data::Aaaa(ip) => Some(ip.into()),
        _ => None,
    };
    records.into_iter().filter_map(ip).collect()
}

/// Finds the records in an answer: from alias to alias, by their owners. What belongs to nobody on this way was not asked for.
fn follow(answer: Message, mut name: Name, kind: Kind) -> Result<Lookup> {
    for _ in 0..=ALIASES {
        let own = |record: &&Record| record.class == IN && record.name == name;
        let found: Vec<Record> =
            answer.answers.iter().filter(own).filter(|r| r.data.kind() == kind || kind == Kind::ANY).cloned().collect();
        if !found.is_empty() {
            return Ok(Lookup::Found(found));
        }
        match answer.answers.iter().filter(own).find_map(|record| record.data.alias()) {
            Some(target) => name = target.clone(),
            None if answer.rcode() == Rcode::NX_DOMAIN => return Ok(Lookup::NoSuchName),
            None => return Ok(Lookup::NoData),
        }
    }
    Err(Error::Protocol(format!("the aliases do not end after {ALIASES}, at {name}").into()))
}
