//! Names and addresses: DNS by hand, from the bytes of a message to the address of a host.
//!
//! ```text
//! www.example.com A?                          -> 93.184.216.34           what address has this name?
//! 34.216.184.93.in-addr.arpa PTR?             -> www.example.com         what name has this address?
//! ```
//!
//! RFC 1034 and 1035. The way to read: [`Name`] (labels and pointers), [`Message`] (one form for questions and answers),
//! [`Resolver`] (whom to ask, what to believe). Beside that way stand the types of records, their text, what the system
//! knows, and [`explain`], which shows a message byte by byte.
//!
//! A program that only wants to connect needs none of this: [`crate::stream::resolve`] lets the system look a name up, with a
//! timeout. This module is for what std cannot say: the names of an address, mail exchangers, text, and why it failed.
//!
//! May use: error, deadline, encode, stream, trace.

mod explain;
mod message;
mod name;
mod record;
mod resolver;
mod system;
mod text;

pub use explain::explain;
pub use message::{AA, Message, QR, Question, RA, RD, TC};
pub use name::Name;
pub use record::{Data, Edns, IN, Kind, Rcode, Record, UDP_SIZE};
pub use resolver::{Lookup, Resolver};
pub use system::Hosts;

use crate::deadline::Deadline;
use crate::error::Result;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// How many names of one address are checked by [`Resolver::confirmed`]: whoever owns the reverse zone decides how many there
/// are, and each costs a query.
const CHECKED: usize = 8;

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
        let Lookup::Found(records) = self.lookup_by(Name::reverse(ip), Kind::PTR, deadline)? else {
            return Ok(Vec::new());
        };
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
