//! What the system knows about names: its name servers, its own table of hosts, and random numbers for queries.
//!
//! ```text
//! nameserver 192.0.2.53              in /etc/resolv.conf: resolv.conf(5)
//! options timeout:2 attempts:3
//!
//! 127.0.0.1 localhost me             in /etc/hosts: hosts(5)
//! ```
//!
//! Both files are written by hand and by many programs: a line that makes no sense is passed over, never an error.
//!
//! May use: error, deadline, stream, trace.

use super::name::Name;
use super::resolver::Resolver;
use crate::error::{Error, Result};
use std::fmt;
use std::fs::File;
use std::hash::{BuildHasher, RandomState};
use std::io::{self, ErrorKind, Read};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{LazyLock, Mutex, PoisonError};
use std::time::Duration;

/// The most we read of one of these files: the largest lists of blocked hosts have some megabytes.
const LONGEST_FILE: u64 = 8 << 20;
/// The most name servers that are used (MAXNS in resolv.conf(5)).
const SERVERS: usize = 3;
/// The most attempts at each of them.
const ATTEMPTS: u32 = 3;
/// The port of DNS (RFC 1035 section 4.2).
const PORT: u16 = 53;

impl Resolver {
    /// Asks as the system does: the name servers of `/etc/resolv.conf`, and the hosts file.
    ///
    /// # Errors
    /// Those of [`Resolver::from_files`]. Windows keeps its name servers elsewhere: [`Resolver::at`] is for there.
    pub fn system() -> Result<Resolver> {
        let hosts = if cfg!(windows) { r"C:\Windows\System32\drivers\etc\hosts" } else { "/etc/hosts" };
        Resolver::from_files(Path::new("/etc/resolv.conf"), Path::new(hosts))
    }

    /// The same with other files: `nameserver` (an address, or `[address]:port` as on OpenBSD) and `options timeout:N` and
    /// `attempts:N` are read from the first. No more than three name servers and three attempts count; without a name
    /// server the one of this machine is asked, as resolv.conf(5) says. A missing hosts file is an empty one.
    ///
    /// # Errors
    /// [`Error::Io`] when there is no resolv.conf, or a file cannot be read.
    pub fn from_files(resolv_conf: &Path, hosts: &Path) -> Result<Resolver> {
        let text = read(resolv_conf)?;
        let mut resolver = Resolver { servers: Vec::new(), ..Resolver::at((Ipv4Addr::LOCALHOST, PORT).into()) };
        for line in text.lines() {
            let mut words = line.split(['#', ';']).next().unwrap_or_default().split_whitespace();
            match words.next() {
                Some("nameserver") => resolver.servers.extend(words.next().and_then(server)),
                Some("options") => words.for_each(|word| resolver.set_option(word)),
                _ => {}
            }
        }
        resolver.servers.truncate(SERVERS);
        if resolver.servers.is_empty() {
            resolver.servers.push((Ipv4Addr::LOCALHOST, PORT).into());
        }
        resolver.hosts = match read(hosts) {
            Err(error) if error.kind() == ErrorKind::NotFound => Hosts::default(),
            text => Hosts::parse(&text?),
        };
        Ok(resolver)
    }

    fn set_option(&mut self, word: &str) {
        let Some((option, Ok(value))) = word.split_once(':').map(|(option, value)| (option, value.parse::<u32>()))
        else {
            return;
        };
        match option {
            "timeout" => self.patience = Duration::from_secs(value.clamp(1, 30).into()), // 30: resolv.conf(5)
            "attempts" => self.attempts = value.clamp(1, ATTEMPTS),
            _ => {}
        }
    }
}

impl fmt::Debug for Resolver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Resolver { servers, patience, attempts, total, .. } = self;
        write!(f, "Resolver {{ servers: {servers:?}, patience: {patience:?}, attempts: {attempts}, total: {total:?} }}")
    }
}

/// Text, whatever the bytes are; the end is dropped past the limit.
fn read(path: &Path) -> Result<String> {
    let read = || {
        let mut bytes = Vec::new();
        File::open(path)?.take(LONGEST_FILE).read_to_end(&mut bytes)?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    };
    read().map_err(|error: io::Error| Error::Io(format!("read {}", path.display()).into(), error))
}

/// The address in a `nameserver` line. To ask "any address" means this machine; answers come from its real address.
fn server(word: &str) -> Option<SocketAddr> {
    let ip = |text: &str| {
        let ip = text.parse().ok()?;
        Some(match ip {
            IpAddr::V4(Ipv4Addr::UNSPECIFIED) => Ipv4Addr::LOCALHOST.into(),
            IpAddr::V6(Ipv6Addr::UNSPECIFIED) => Ipv6Addr::LOCALHOST.into(),
            ip => ip,
        })
    };
    match word.strip_prefix('[').and_then(|rest| rest.split_once("]:")) {
        Some((address, port)) => Some(SocketAddr::new(ip(address)?, port.parse().ok().filter(|port| *port != 0)?)),
        None => Some(SocketAddr::new(ip(word)?, PORT)),
    }
}

/// The table of hosts that a machine keeps itself.
///
/// ```
/// use netprimer::dns::{Hosts, Name};
/// let hosts = Hosts::parse("127.0.0.1 localhost me # this machine\n::1 localhost\n");
/// assert_eq!(hosts.addresses(&Name::parse("LOCALHOST")?).len(), 2);
/// assert_eq!(hosts.names("127.0.0.1".parse()?), [Name::parse("localhost")?, Name::parse("me")?]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct Hosts(Vec<(IpAddr, Vec<Name>)>);

impl Hosts {
    /// Reads lines of an address and its names. Lines that are none are passed over.
    pub fn parse(text: &str) -> Hosts {
        let entry = |line: &str| {
            let mut words = line.split('#').next()?.split_whitespace();
            let ip = words.next()?.parse().ok()?;
            Some((ip, words.filter_map(|word| Name::parse(word).ok()).collect()))
        };
        Hosts(text.lines().filter_map(entry).collect())
    }

    /// The addresses of a name, each once, in the order of the file.
    pub fn addresses(&self, name: &Name) -> Vec<IpAddr> {
        let mut found = Vec::new();
        for (ip, names) in &self.0 {
            if names.contains(name) && !found.contains(ip) {
                found.push(*ip);
            }
        }
        found
    }

    /// The names of an address: the first is the one it is called by, others are aliases.
    pub fn names(&self, ip: IpAddr) -> Vec<Name> {
        self.0.iter().filter(|(other, _)| *other == ip).flat_map(|(_, names)| names.iter().cloned()).collect()
    }
}

/// A number for a query that nobody can foretell: 16 bits from the system's generator, each used once. They are drawn 256
/// at a time, so that a query costs no read of its own.
pub(super) fn fresh_id() -> u16 {
    static DRAWN: Mutex<Vec<u8>> = Mutex::new(Vec::new());
    let mut drawn = DRAWN.lock().unwrap_or_else(PoisonError::into_inner);
    if drawn.len() < 2 {
        let mut bytes = [0; 512];
        match File::open("/dev/urandom").and_then(|mut file| file.read_exact(&mut bytes)) {
            Ok(()) => drawn.extend_from_slice(&bytes),
            Err(_) => drawn.extend_from_slice(&hashed_count()),
        }
    }
    u16::from_ne_bytes([drawn.pop().unwrap_or_default(), drawn.pop().unwrap_or_default()])
}

/// Where there is no /dev/urandom (Windows): a count, hashed with a key that std draws from the system. SipHash, which std
/// uses here, was made so that its values tell nothing about the key; that std goes on using it is not promised.
fn hashed_count() -> [u8; 8] {
    static KEY: LazyLock<RandomState> = LazyLock::new(RandomState::new);
    static COUNT: AtomicU64 = AtomicU64::new(0);
    KEY.hash_one(COUNT.fetch_add(1, Ordering::Relaxed)).to_ne_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn numbers_differ() {
        // Of 2,000 ids some 1,970 are different, by chance; the hashes are long enough to be all.
        assert!((0..2000).map(|_| fresh_id()).collect::<HashSet<_>>().len() > 1900);
        assert_eq!((0..2000).map(|_| hashed_count()).collect::<HashSet<_>>().len(), 2000);
    }
}
