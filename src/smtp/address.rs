//! What may stand in a command: an address of the envelope, a word.
//!
//! ```text
//! MAIL FROM:<sender@example.com> SIZE=1024 BODY=8BITMIME\r\n      a path, then parameters
//! RCPT TO:<"a b"@example.com>\r\n                                 what is no plain word stands in quotes
//! RCPT TO:<user@[127.0.0.1]>\r\n                                  a domain can be an address, in brackets
//! ```
//!
//! RFC 5321 sections 4.1.2, 4.1.3 and 4.5.3.1; RFC 6531. The client and the lab's server both use it.
//!
//! May use: encode, error.

use crate::error::{Error, Result};
use std::net::{Ipv4Addr, Ipv6Addr};

/// The longest path with its `<` and `>`, local part and domain (RFC 5321 section 4.5.3.1).
const LONGEST: (usize, usize, usize) = (256, 64, 255);

/// Whether this is an address that can stand in an envelope: `local@domain` (RFC 5321 section 4.1.2; with letters of all
/// languages, RFC 6531 section 3.3). What it says about the text behind it: nothing in it can end the line or the path.
///
/// # Errors
/// [`Error::Invalid`] with the reason.
///
/// ```
/// use netprimer::smtp::wire::mailbox;
/// assert!(mailbox("user@example.com").is_ok() && mailbox("\"a b\"@[127.0.0.1]").is_ok());
/// assert!(mailbox("a b@example.com").is_err() && mailbox("a@x>\r\nRCPT TO:<b@y").is_err());
/// ```
pub fn mailbox(address: &str) -> Result<()> {
    let bad = |why: &str| {
        let shown: String = crate::encode::visible(address.as_bytes()).chars().take(80).collect();
        Err(Error::Invalid(format!("\"{shown}\" is no address for an envelope: {why}").into()))
    };
    if address.eq_ignore_ascii_case("postmaster") {
        return Ok(()); // the one that needs no domain (RFC 5321 section 4.5.1)
    }
    let Some((local, domain)) = address.rsplit_once('@') else { return bad("there is no @") };
    if address.len() + 2 > LONGEST.0 || local.len() > LONGEST.1 || domain.len() > LONGEST.2 {
        return bad("it is too long");
    }
    let atom = |text: &str| {
        let fits = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-/=?^_`{|}~".contains(c) || !c.is_ascii();
        !text.is_empty() && text.chars().all(|c| fits(c) && !c.is_control() && !c.is_whitespace())
    };
    let quoted = || {
        let Some(mut rest) = local.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).map(str::chars) else {
            return false;
        };
        while let Some(c) = rest.next() {
            let c = if c == '\\' { rest.next() } else { Some(c).filter(|c| *c != '"') };
            if c.is_none_or(char::is_control) {
                return false;
            }
        }
        true
    };
    if !local.split('.').all(atom) && !quoted() {
        return bad("what stands before the @ needs quotes, or cannot be written at all");
    }
    let label = |text: &str| {
        let fits = |c: char| c.is_ascii_alphanumeric() || c == '-' || (!c.is_ascii() && !c.is_control());
        !text.is_empty() && text.len() <= 63 && text.chars().all(|c| fits(c) && !c.is_whitespace())
    };
    // A word in a grammar has no capitals (RFC 5234 section 2.3).
    let literal = |text: &str| match text.split_at_checked(5) {
        Some((tag, six)) if tag.eq_ignore_ascii_case("IPv6:") => six.parse::<Ipv6Addr>().is_ok(),
        _ => text.parse::<Ipv4Addr>().is_ok(),
    };
    match domain.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        Some(address) if literal(address) => Ok(()),
        None if domain.split('.').all(label) => Ok(()),
        _ => bad("what stands behind the @ is no domain"),
    }
}

/// Whether this may stand in a command as one word: a parameter such as `SIZE=10` or the name behind EHLO.
///
/// # Errors
/// [`Error::Invalid`] for an empty one, and for spaces, control characters and everything that is not ASCII.
pub fn word(text: &str) -> Result<()> {
    match !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic()) {
        true => Ok(()),
        false => {
            let shown = crate::encode::visible(text.as_bytes());
            Err(Error::Invalid(format!("\"{shown}\" is no word for a command").into()))
        }
    }
}
