//! Whom to call and how long to wait: what every client of this library takes.
//!
//! Nothing of its own travels here. A [`Target`] is what a person writes (`ftp.example.com`, `[::1]:2121`), a [`Dial`] is
//! how this program connects: time limits, whether TLS begins at once, and who watches the wire.
//!
//! May use: error, deadline, stream, trace.

use crate::deadline::Deadline;
use crate::error::{Error, Result};
use crate::stream::{self, BoxStream, Stream, Tls};
use crate::trace::{Side, Sink, Traced};
use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

/// A host, by name or address, and a port.
///
/// ```
/// use netprimer::dial::Target;
/// let target = Target::parse("ftp.example.com", 21)?;
/// assert_eq!((target.host(), target.port()), ("ftp.example.com", 21));
/// assert_eq!(Target::parse("[::1]:2121", 21)?.to_string(), "[::1]:2121");
/// assert_eq!(Target::parse("::1", 21)?.to_string(), "[::1]:21");
/// assert!(Target::parse("localhost:99999", 21).is_err());
/// assert!(Target::parse("256.1.1.1", 21).is_err());
/// # Ok::<(), netprimer::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    host: String,
    port: u16,
}

impl Target {
    /// Reads `HOST` or `HOST:PORT`; without a port it is the protocol's, `default_port`. An IPv6 address with a port stands
    /// in brackets (RFC 3986 section 3.2.2).
    ///
    /// # Errors
    /// [`Error::Invalid`] for an empty host, one with spaces or control characters, brackets that do not close or hold
    /// no IPv6 address, four numbers with dots that are no IPv4 address, and a port that is no number from 0 to 65535.
    pub fn parse(text: &str, default_port: u16) -> Result<Target> {
        let bad = |why: &str| Error::Invalid(format!("\"{}\": {why}", crate::encode::visible(text.as_bytes())).into());
        let (host, port) = if let Some(rest) = text.strip_prefix('[') {
            let (host, after) = rest.split_once(']').ok_or_else(|| bad("a bracket is not closed"))?;
            host.parse::<Ipv6Addr>().map_err(|_| bad("what stands in brackets is no IPv6 address"))?;
            match after.strip_prefix(':') {
                None if !after.is_empty() => return Err(bad("after the bracket comes a colon and the port")),
                port => (host, port),
            }
        } else if text.parse::<Ipv6Addr>().is_ok() {
            (text, None)
        } else {
            text.split_once(':').map_or((text, None), |(host, port)| (host, Some(port)))
        };
        if host.is_empty() || host.contains(|c: char| c.is_whitespace() || c.is_control()) {
            return Err(bad("a host has a name, without spaces"));
        }
        if host.parse::<Ipv4Addr>().is_err()
            && host.bytes().all(|byte| byte == b'.' || byte.is_ascii_digit())
            && host.split('.').count() == 4
        {
            return Err(bad("an IPv4 address has four numbers from 0 to 255, without zeros before them"));
        }
        let port = match port {
            None => default_port,
            // `parse` alone would take "+21".
            Some(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) => {
                digits.parse().map_err(|_| bad("a port is a number from 0 to 65535"))?
            }
            Some(_) => return Err(bad("a port is a number from 0 to 65535")),
        };
        Ok(Target { host: host.to_owned(), port })
    }

    /// The name or address, an IPv6 address without brackets: also the name that a certificate must have.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port.
    pub fn port(&self) -> u16 {
        self.port
    }
}

impl From<SocketAddr> for Target {
    fn from(address: SocketAddr) -> Target {
        Target { host: address.ip().to_string(), port: address.port() }
    }
}

impl From<&Target> for Target {
    fn from(target: &Target) -> Target {
        target.clone()
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.host.contains(':') {
            true => write!(f, "[{}]:{}", self.host, self.port),
            false => write!(f, "{}:{}", self.host, self.port),
        }
    }
}

/// How to connect.
///
/// ```
/// use netprimer::{dial::Dial, trace::Transcript};
/// use std::{sync::Arc, time::Duration};
/// let wire = Transcript::new();
/// let dial = Dial { connect: Duration::from_secs(2), trace: Some(Arc::new(wire.clone())), ..Dial::default() };
/// # let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
/// # let target = listener.local_addr()?.into();
/// let mut stream = dial.open(&target)?;
/// std::io::Write::write_all(&mut stream, b"NOOP\r\n")?;
/// assert_eq!(wire.to_string(), "C: NOOP\\r\\n\n");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Dial {
    /// For the lookup of the name, the connection over all its addresses, and the TLS handshake, together. Default 10 s: TCP
    /// repeats a lost SYN after 1 s and again after 2 s and 4 s more (RFC 6298 section 2), so three losses are survived.
    pub connect: Duration,
    /// For one turn: a command and the whole of its reply. Default 30 s.
    pub reply: Duration,
    /// TLS from the first byte, and whom it trusts; the certificate must have the name of the target's host. Default
    /// `None`: plain TCP, on which a protocol may still begin TLS later.
    pub tls: Option<Tls>,
    /// Who watches what passes, over TLS in plaintext; nobody by default.
    pub trace: Option<Arc<dyn Sink>>,
}

impl Default for Dial {
    fn default() -> Dial {
        Dial { connect: Duration::from_secs(10), reply: Duration::from_secs(30), tls: None, trace: None }
    }
}

impl fmt::Debug for Dial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let traced = self.trace.is_some();
        let Dial { connect, reply, tls, .. } = self;
        write!(f, "Dial {{ connect: {connect:?}, reply: {reply:?}, tls: {tls:?}, traced: {traced} }}")
    }
}

impl Dial {
    /// Connects. The stream has the time for one reply as its deadline: a client sets a new one for each turn.
    ///
    /// # Errors
    /// Those of [`stream::connect`] and of [`stream::upgrade`].
    pub fn open(&self, target: &Target) -> Result<BoxStream> {
        let deadline = Deadline::after(self.connect);
        let mut stream: BoxStream = Box::new(stream::connect(target.host(), target.port(), deadline)?);
        if let Some(tls) = &self.tls {
            stream.set_deadline(deadline);
            stream = stream::upgrade(stream, target.host(), tls)?;
        }
        if let Some(sink) = &self.trace {
            stream = Box::new(Traced::new(stream, Side::Client, sink.clone()));
        }
        stream.set_deadline(Deadline::after(self.reply));
        Ok(stream)
    }

    /// The same, but no single wait is longer than what is left until `deadline`. Several turns together may be:
    /// [`wait_for`](crate::gather::wait_for) is for those.
    ///
    /// # Errors
    /// [`Error::Timeout`] when the time is over.
    ///
    /// ```
    /// use netprimer::{Deadline, dial::Dial};
    /// use std::time::Duration;
    /// let dial = Dial::default().by(Deadline::after(Duration::from_secs(3)))?;
    /// assert!(dial.connect <= Duration::from_secs(3) && dial.reply <= Duration::from_secs(3));
    /// # Ok::<(), netprimer::Error>(())
    /// ```
    pub fn by(&self, deadline: Deadline) -> Result<Dial> {
        let left = deadline.left("begin a conversation")?.unwrap_or(Duration::MAX);
        Ok(Dial { connect: self.connect.min(left), reply: self.reply.min(left), ..self.clone() })
    }

    /// Begins TLS on a stream that [`Dial::open`] gave, where a protocol has a command for it (STARTTLS, AUTH TLS). Who watched
    /// the plaintext watches the plaintext still; the time for one reply is the deadline, as before.
    ///
    /// # Errors
    /// Those of [`stream::upgrade`].
    pub fn upgrade(&self, mut stream: BoxStream, host: &str, tls: &Tls) -> Result<BoxStream> {
        stream.unwatch();
        stream.set_deadline(Deadline::after(self.connect));
        let mut stream = stream::upgrade(stream, host, tls)?;
        if let Some(sink) = &self.trace {
            stream = Box::new(Traced::new(stream, Side::Client, sink.clone()));
        }
        stream.set_deadline(Deadline::after(self.reply));
        Ok(stream)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;
    use std::net::TcpListener;

    #[test]
    fn what_people_write() {
        for (text, host, port) in [
            ("localhost", "localhost", 21),
            ("localhost:0", "localhost", 0),
            ("127.0.0.1:65535", "127.0.0.1", 65535),
            ("::1", "::1", 21),
            ("[::1]", "::1", 21),
            ("[2001:db8::1]:2121", "2001:db8::1", 2121),
        ] {
            let target = Target::parse(text, 21).unwrap();
            assert_eq!((target.host(), target.port()), (host, port), "{text}");
            assert_eq!(Target::parse(&target.to_string(), 1).unwrap(), target);
        }
    }

    #[test]
    fn what_nobody_can_mean() {
        for text in [
            "",
            ":21",
            "a b:21",
            "a\r\nb",
            "host:",
            "host:+21",
            "host:-1",
            "host:65536",
            "host:99999",
            "host:1:2",
            "[::1",
            "[::1]x",
            "[::1]:",
            "[host]:1",
            "host:2 1",
            "\u{1b}[2J:1",
        ] {
            match Target::parse(text, 21) {
                Err(error @ Error::Invalid(_)) => assert!(!error.to_string().contains('\u{1b}')),
                other => panic!("{text:?} gave {other:?}"),
            }
        }
    }

    #[test]
    fn a_silent_peer_costs_the_time_of_one_reply() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let dial = Dial { reply: Duration::from_millis(100), ..Dial::default() };
        let mut stream = dial.open(&listener.local_addr().unwrap().into()).unwrap();
        let error = Error::io("read the greeting")(stream.read(&mut [0; 1]).unwrap_err());
        assert!(matches!(error, Error::Timeout(_)), "{error:?}");
    }
}
