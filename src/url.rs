//! Addresses of the web: where to connect, and what to ask for.
//!
//! ```text
//! http://[::1]:8080/a%20page?name=x#part
//! scheme  server    path     query  fragment, which never leaves this machine
//! ```
//!
//! RFC 3986, RFC 9110 section 4.2. What stands here ends up in the first line of a request, so nothing gets through that
//! could end that line.
//!
//! May use: error, encode, stream, dial. Both ways to speak HTTP use it: `http` by hand and `web` with ureq, and so does
//! `websocket`, which begins as HTTP.

use crate::dial::Target;
use crate::encode::visible;
use crate::error::{Error, Result};
use crate::stream::Stream;
use std::fmt;
use std::io;
use std::net::{Ipv6Addr, SocketAddr};

/// Whether the value of this field of a request is a secret whoever writes it.
pub(crate) fn is_secret(name: &str) -> bool {
    ["Authorization", "Proxy-Authorization", "Cookie"].iter().any(|own| own.eq_ignore_ascii_case(name))
}

/// Writes the head of a request and what is behind it. The value of a secret field goes in a write of its own, so that who watches
/// the wire sees that it was there, and no more.
pub(crate) fn write_head(stream: &mut dyn Stream, bytes: &[u8], secret: &dyn Fn(&str) -> bool) -> io::Result<()> {
    let (mut from, mut end) = (0, 0);
    for line in bytes.split_inclusive(|byte| *byte == b'\n').take_while(|line| *line != b"\r\n") {
        let colon = line.iter().position(|byte| *byte == b':').unwrap_or_default();
        let value = end + line.len().min(colon + 2);
        end += line.len();
        if std::str::from_utf8(&line[..colon]).is_ok_and(secret) {
            stream.write_all(&bytes[from..value])?;
            stream.secret(true);
            let sent = stream.write_all(&bytes[value..end]);
            stream.secret(false);
            sent?;
            from = end;
        }
    }
    stream.write_all(&bytes[from..])
}

/// An `http` or `https` address, in normal form.
///
/// ```
/// use netprimer::url::Url;
/// let url = Url::parse("HTTP://LocalHost:80/a/../你好?q=1#top")?;
/// assert_eq!(url.to_string(), "http://localhost/%E4%BD%A0%E5%A5%BD?q=1");
/// assert_eq!(url.join("//[::1]:8080/next")?.to_string(), "http://[::1]:8080/next");
/// # Ok::<(), netprimer::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Url {
    // All of it in normal form; path and query begin at `target`.
    text: String,
    target: usize,
    https: bool,
    server: Target,
}

impl Url {
    /// Reads an address. Letters beyond ASCII in path and query are percent-encoded as UTF-8, `.` and `..` resolved (as `%2E`, too).
    ///
    /// # Errors
    /// [`Error::Invalid`] for another scheme, a space or control character, a `%` without two digits, a host that is no
    /// name or address in ASCII, a port that is none, and for a name and password before the host: they would end up in logs
    /// and histories (RFC 3986 section 3.2.1).
    pub fn parse(text: &str) -> Result<Url> {
        let bad = |why| invalid(text, why);
        let (scheme, rest) = text.split_once("://").ok_or_else(|| bad("an address begins with http:// or https://"))?;
        let https = scheme.eq_ignore_ascii_case("https");
        if !https && !scheme.eq_ignore_ascii_case("http") {
            return Err(bad("only http:// and https:// are known here"));
        }
        let rest = without_fragment(rest);
        let (server, target) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
        if server.contains('@') {
            return Err(bad("name and password do not belong into an address"));
        }
        // Target::parse takes an IPv6 address without brackets, where an address of the web has none.
        let name = !server.starts_with('[');
        let known = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b':');
        if name && (!server.bytes().all(known) || server.bytes().filter(|byte| *byte == b':').count() > 1) {
            return Err(bad("the host is no name or address in ASCII"));
        }
        let mut server =
            Target::parse(&server.to_ascii_lowercase(), if https { 443 } else { 80 }).map_err(|error| match error {
                // In the words of `Target`, about the whole address.
                Error::Invalid(why) => invalid(text, why.split_once("\": ").map_or(&why, |(_, why)| why)),
                error => error,
            })?;
        // One address has many spellings (RFC 5952).
        if let Ok(ip) = server.host().parse::<Ipv6Addr>() {
            server = SocketAddr::new(ip.into(), server.port()).into();
        }
        let mut start = String::with_capacity(text.len() + 8);
        start.push_str(if https { "https://" } else { "http://" });
        match server.host() {
            host if host.contains(':') => start.extend(["[", host, "]"]),
            host => start.push_str(host),
        }
        if server.port() != if https { 443 } else { 80 } {
            start.extend([":", &server.port().to_string()]);
        }
        Url { target: start.len(), text: start, https, server }.with(text, target)
    }

    /// Reads a reference as it stands in `Location`: a whole address, `//host/path`, `/path`, `path` or `?query`, the
    /// incomplete ones seen from here (RFC 3986 section 5.2).
    ///
    /// # Errors
    /// Those of [`Url::parse`].
    pub fn join(&self, reference: &str) -> Result<Url> {
        let relative = without_fragment(reference);
        let path = self.target().split('?').next().unwrap_or_default();
        match relative.find([':', '/', '?']).map(|at| &relative[at..]) {
            Some(rest) if rest.starts_with(':') => Url::parse(reference),
            _ if relative.starts_with("//") => Url::parse(&format!("{}:{relative}", self.scheme())),
            _ if relative.is_empty() => Ok(self.clone()),
            _ if relative.starts_with('/') => self.clone().with(reference, relative),
            _ if relative.starts_with('?') => self.clone().with(reference, &format!("{path}{relative}")),
            _ => {
                let folder = path.rfind('/').map_or("/", |at| &path[..=at]);
                self.clone().with(reference, &format!("{folder}{relative}"))
            }
        }
    }

    /// With `name=value` pairs that are already encoded, after those that are there.
    pub(crate) fn add_query(&mut self, pairs: &str) {
        if !pairs.is_empty() {
            self.text.push(if self.target().contains('?') { '&' } else { '?' });
            self.text.push_str(pairs);
        }
    }

    /// This server with another path and query; `text` is for the error.
    fn with(mut self, text: &str, target: &str) -> Result<Url> {
        self.text.truncate(self.target);
        let mut rest = target.as_bytes();
        while let [byte, after @ ..] = rest {
            match byte {
                // In a path a dot is one however it is written (RFC 3986 section 6.2.2.2): others resolve it, too.
                b'%' if matches!(after, [b'2', b'e' | b'E', ..]) && !self.target().contains('?') => {
                    self.text.push('.');
                    rest = &after[2..];
                    continue;
                }
                b'%' if !matches!(after, [a, b, ..] if a.is_ascii_hexdigit() && b.is_ascii_hexdigit()) => {
                    return Err(invalid(text, "after % come two hexadecimal digits (%25 for the sign itself)"));
                }
                0..=b' ' | 0x7f => return Err(invalid(text, "a space or control character inside (%20 for a space)")),
                b'"' | b'<' | b'>' | b'\\' | b'^' | b'`' | b'{' | b'|' | b'}' | 0x80.. => {
                    self.text += &format!("%{byte:02X}");
                }
                byte => self.text.push(char::from(*byte)),
            }
            rest = after;
        }
        let target = self.target();
        let (path, query) = target.split_at(target.find('?').unwrap_or(target.len()));
        if !path.starts_with('/') || path.contains("/.") {
            let clean = without_dots(path) + query;
            self.text.truncate(self.target);
            self.text.push_str(&clean);
        }
        Ok(self)
    }

    /// `http` or `https`.
    pub fn scheme(&self) -> &'static str {
        if self.https { "https" } else { "http" }
    }

    /// Whether the conversation is encrypted.
    pub fn is_https(&self) -> bool {
        self.https
    }

    /// Whom to connect to.
    pub fn server(&self) -> &Target {
        &self.server
    }

    /// Path and query: what is asked for. Begins with `/`.
    pub fn target(&self) -> &str {
        &self.text[self.target..]
    }

    /// The host and, where it is not the scheme's own, the port: what `Host` says (RFC 9110 section 7.2).
    pub fn host_field(&self) -> &str {
        &self.text[self.scheme().len() + "://".len()..self.target]
    }

    /// Whether scheme, host and port are the same: the border that credentials do not cross (RFC 6454 section 5).
    pub fn same_origin(&self, other: &Url) -> bool {
        (self.https, &self.server) == (other.https, &other.server)
    }
}

impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Undoes [`percent`](crate::encode::percent). `None` where a `%` has no two digits behind it.
///
/// ```
/// assert_eq!(netprimer::url::parse_percent("a%2Fb").as_deref(), Some(&b"a/b"[..]));
/// assert_eq!(netprimer::url::parse_percent("100%"), None);
/// ```
pub fn parse_percent(text: &str) -> Option<Vec<u8>> {
    let (bytes, whole) = without_percent(text);
    whole.then_some(bytes)
}

/// What stands behind a text, and whether each `%` has its two digits: one without stays as it is.
fn without_percent(text: &str) -> (Vec<u8>, bool) {
    let mut parts = text.split('%');
    let (mut bytes, mut whole) = (Vec::from(parts.next().unwrap_or_default()), true);
    for part in parts {
        let digits = part.get(..2).filter(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()));
        let byte = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok());
        whole &= byte.is_some();
        bytes.push(byte.unwrap_or(b'%'));
        bytes.extend_from_slice(&part.as_bytes()[byte.map_or(0, |_| 2)..]);
    }
    (bytes, whole)
}

/// Undoes [`form`](crate::encode::form): the names and values of a query or a form. What is no encoding stays as it is, as browsers and Python have it.
///
/// ```
/// assert_eq!(netprimer::url::parse_form("name=A+%26+B&100%=%C3%A9%2"), [("name".into(), "A & B".into()), ("100%".into(), "é%2".into())]);
/// ```
pub fn parse_form(text: &str) -> Vec<(String, String)> {
    let plain = |text: &str| String::from_utf8_lossy(&without_percent(&text.replace('+', " ")).0).into_owned();
    let fields = text.split('&').filter(|field| !field.is_empty());
    fields.map(|field| field.split_once('=').unwrap_or((field, ""))).map(|(n, v)| (plain(n), plain(v))).collect()
}

fn invalid(text: &str, why: &str) -> Error {
    Error::Invalid(format!("\"{}\": {why}", shown(text)).into())
}

/// What may be shown of an address before it was parsed: no name and password.
pub(crate) fn shown(text: &str) -> String {
    let start = text.find("//").map_or(0, |at| at + 2);
    let end = text[start..].find(['/', '?', '#']).map_or(text.len(), |at| start + at);
    let host = text[start..end].rfind('@').map_or(start, |at| start + at + 1);
    visible([&text[..start], &text[host..]].concat().as_bytes())
}

fn without_fragment(text: &str) -> &str {
    text.split('#').next().unwrap_or(text)
}

/// The path with `.` and `..` carried out (RFC 3986 section 5.2.4): nothing is above the root.
fn without_dots(path: &str) -> String {
    let mut kept = Vec::new();
    let mut parts = path.split('/').skip(1).peekable();
    while let Some(part) = parts.next() {
        match part {
            "." => {}
            ".." => drop(kept.pop()),
            part => kept.push(part),
        }
        if matches!(part, "." | "..") && parts.peek().is_none() {
            kept.push(""); // what was a folder stays one
        }
    }
    format!("/{}", kept.join("/"))
}
