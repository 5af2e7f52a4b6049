//! The fence around ureq's jar: which cookies a server may leave with us.
//!
//! ```text
//! S: Set-Cookie: sid=31d4; Path=/; Secure; HttpOnly\r\n
//! C: Cookie: sid=31d4\r\n
//! ```
//!
//! RFC 6265, and its successor draft-ietf-httpbis-rfc6265bis for `Secure` and the prefixes. The jar stores what comes; what
//! should not be there is taken out again before the answer is handed out, and what it replaced is put back. Four limits stay:
//! a request on another thread may see such a cookie in between, and without the list of public suffixes (publicsuffix.org) we
//! know `com` and guess `co.uk`, but not `github.io`; to this machine itself (127.0.0.1) the jar sends `Secure` cookies over http;
//! and one with a space, a comma or a letter beyond ASCII in its value it keeps and does not send.
//!
//! May use: error, url.

use crate::url::Url;
use ureq::http::{HeaderName, Uri};
use ureq::{Cookie, CookieJar};

// As curl has it (CURL_MAX_COOKIE sizes): bytes of a cookie, cookies of an answer, cookies and bytes for one domain.
const SIZE: usize = 4096;
const OF_ANSWER: usize = 50;
const OF_DOMAIN: usize = 50;
const BYTES_OF_DOMAIN: usize = 8190;

/// A cookie that was let in.
#[derive(Debug)]
struct Kept {
    domain: String,
    path: String,
    name: String,
    secure: bool,
    size: usize,
    // As it came, and from where: to put it back.
    line: String,
    from: Url,
}

/// What is known of the cookies in the jar.
#[derive(Debug, Default)]
pub(super) struct Fence(Vec<Kept>);

impl Fence {
    /// Takes out of the jar what these lines should not have left there, and says whether all of them may stay.
    pub fn sweep<'l>(&mut self, lines: impl Iterator<Item = &'l str>, from: &Url, jar: &mut CookieJar) -> bool {
        // What is no cookie here was none for the jar, too.
        let come: Vec<Kept> = lines.filter_map(|line| read(line, from)).collect();
        // Time has taken the others out of the jar; these perhaps one of these lines, which must not be forgotten.
        let named = |own: &Kept| come.iter().any(|kept| kept.same(own));
        self.0.retain(|own| jar.get(&own.domain, &own.path, &own.name).is_some() || named(own));
        come.into_iter().enumerate().fold(true, |all, (n, kept)| self.look(kept, jar, n < OF_ANSWER) && all)
    }

    /// Whether this cookie, which is in the jar, may stay there. If not, what it replaced comes back.
    fn look(&mut self, kept: Kept, jar: &mut CookieJar, room: bool) -> bool {
        let here = self.0.iter().filter(|own| own.domain == kept.domain && !own.same(&kept));
        let (count, bytes) = here.fold((0, kept.size), |(count, bytes), own| (count + 1, bytes + own.size));
        // Who can change what passes over http must not be able to replace what came over https.
        let over = |own: &Kept| own.secure && own.name == kept.name && related(&own.domain, &kept.domain);
        let spoils = !kept.from.is_https() && self.0.iter().any(over);
        let fits = kept.size <= SIZE && count < OF_DOMAIN && bytes <= BYTES_OF_DOMAIN;
        let stays = room && fits && !spoils && allowed(&kept);
        let known = self.0.iter().position(|own| own.same(&kept));
        if stays {
            known.map(|at| self.0.swap_remove(at));
            // Once more: what ureq takes out of an answer loses its `Secure` on the way into the jar, and a line before this
            // one may have been refused, and this one taken out with it.
            let _ = put(jar, &kept.line, &kept.from);
            if jar.get(&kept.domain, &kept.path, &kept.name).is_some() {
                self.0.push(kept);
            }
        } else {
            jar.remove(&kept.domain, &kept.path, &kept.name);
            if let Some(before) = known.and_then(|at| self.0.get(at)) {
                // It was taken before, so it is taken again.
                let _ = put(jar, &before.line, &before.from);
            }
        }
        stays
    }
}

/// Whether the jar sends such a cookie (RFC 6265 section 4.1.1): it keeps others, and nobody hears of them.
pub(super) fn is_sent(line: &str) -> bool {
    let pair = line.split(';').next().and_then(|pair| pair.split_once('='));
    pair.is_some_and(|(name, value)| {
        let value = value.trim();
        let bare = value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(value);
        let fits = |byte: u8| byte.is_ascii_graphic() && !b"\",;\\".contains(&byte);
        HeaderName::try_from(name.trim()).is_ok() && bare.bytes().all(fits)
    })
}

/// Into the jar, as if it had come from there.
pub(super) fn put(jar: &mut CookieJar, line: &str, from: &Url) -> Result<(), ureq::Error> {
    let uri: Uri = from.to_string().parse().map_err(|_| ureq::Error::BadUri(from.to_string()))?;
    jar.insert(Cookie::parse(line.to_owned(), &uri)?, &uri)
}

impl Kept {
    fn same(&self, other: &Kept) -> bool {
        (&self.domain, &self.path, &self.name) == (&other.domain, &other.path, &other.name)
    }
}

/// The attributes of this name, each with its value if it has one.
fn attributes<'l>(line: &'l str, name: &str) -> impl Iterator<Item = Option<&'l str>> {
    line.split(';').skip(1).filter_map(move |part| {
        let (own, value) = part.split_once('=').map_or((part, None), |(own, value)| (own, Some(value.trim())));
        own.trim().eq_ignore_ascii_case(name).then_some(value)
    })
}

/// The last that counts for the jar: an empty one does not undo the one before it (RFC 6265 section 5.2.3).
fn domain(line: &str) -> Option<&str> {
    attributes(line, "domain").flatten().filter(|text| !text.is_empty()).last()
}

fn path(line: &str) -> Option<&str> {
    attributes(line, "path").flatten().last()
}

/// Where the jar keeps the cookie of this line (RFC 6265 sections 5.1.4 and 5.3).
fn read(line: &str, from: &Url) -> Option<Kept> {
    let (name, value) = line.split(';').next()?.split_once('=')?;
    let host = host(from);
    // As the jar has it, which takes `. com` for `com`.
    let domain = domain(line).map(|text| text.strip_prefix('.').unwrap_or(text).trim().to_ascii_lowercase());
    let here = from.target().split('?').next().unwrap_or_default();
    let folder = here.rfind('/').filter(|at| *at > 0).map_or("/", |at| &here[..at]);
    Some(Kept {
        domain: domain.filter(|text| !text.is_empty()).unwrap_or(host),
        path: path(line).filter(|text| text.starts_with('/')).unwrap_or(folder).to_owned(),
        name: name.trim().to_owned(),
        secure: attributes(line, "secure").next().is_some(),
        size: name.len() + value.len(),
        line: line.to_owned(),
        from: from.clone(),
    })
}

/// The jar writes an IPv6 address with its brackets.
fn host(url: &Url) -> String {
    let host = url.server().host();
    if host.contains(':') { format!("[{host}]") } else { host.to_owned() }
}

fn allowed(kept: &Kept) -> bool {
    let (line, from) = (&kept.line, &kept.from);
    let host = host(from);
    let name = kept.name.to_ascii_lowercase();
    let domain = domain(line).unwrap_or_default();
    let secure = kept.secure && from.is_https();
    let for_all = domain.ends_with('.') || (kept.domain != host && belongs_to_all(&kept.domain));
    let prefixed = match name {
        name if name.starts_with("__host-") => secure && domain.is_empty() && path(line) == Some("/"),
        name if name.starts_with("__secure-") => secure,
        _ => true,
    };
    prefixed && !for_all && (secure || !kept.secure)
}

/// Under such a domain everybody can have a name: `com`, and, a guess, `co.uk` and `com.cn`.
fn belongs_to_all(domain: &str) -> bool {
    match domain.split('.').collect::<Vec<_>>()[..] {
        [_] => true,
        [second, top] => {
            top.len() == 2 && ["ac", "co", "com", "edu", "gov", "ne", "net", "or", "org"].contains(&second)
        }
        _ => false,
    }
}

fn related(a: &str, b: &str) -> bool {
    let under =
        |name: &str, domain: &str| name.strip_suffix(domain).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'));
    under(a, b) || under(b, a)
}
