//! What a server offers, and a message as it travels.
//!
//! ```text
//! 250-mail.example\r\n        the answer to EHLO
//! 250-SIZE 10485760\r\n       on each further line one extension, with its parameters
//! 250 PIPELINING\r\n
//!
//! Subject: Hello\r\n          a message: lines of at most 998 bytes
//! \r\n
//! ..hidden\r\n                one that begins with a dot has a second one (dot-stuffing)
//! .\r\n                       the end
//! ```
//!
//! RFC 5321 sections 4.1.1.1, 4.5.2 and 4.5.3.1; RFC 1870. Nothing here reads or writes a socket.
//!
//! May use: error, text, and its neighbours.

use crate::error::{Error, Reply, Result};
use crate::text;

pub use crate::smtp::address::{mailbox, word};
pub use crate::smtp::status::status;

/// The longest line of a message without its CRLF (RFC 5321 section 4.5.3.1.6).
pub const LONGEST_LINE: usize = 998;

/// What a server offers: the lines of its answer to EHLO behind the first (RFC 5321 section 4.1.1.1).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Extensions(Vec<(String, String)>);

impl Extensions {
    /// Reads them out of the answer. Keywords are the same in capitals and small letters.
    pub fn of(reply: &Reply) -> Extensions {
        let split = |line: &String| {
            // `AUTH=LOGIN` is how servers wrote it before RFC 2554.
            let (keyword, parameters) = line.split_once([' ', '=']).unwrap_or((line, ""));
            (keyword.to_ascii_uppercase(), parameters.trim().to_owned())
        };
        Extensions(reply.lines.iter().skip(1).map(split).collect())
    }

    /// The parameters of an extension, `""` where it has none; `None` where it is not offered.
    pub fn get(&self, keyword: &str) -> Option<&str> {
        self.0.iter().find(|(own, _)| own.eq_ignore_ascii_case(keyword)).map(|(_, parameters)| parameters.as_str())
    }

    /// Whether an extension is offered.
    pub fn has(&self, keyword: &str) -> bool {
        self.get(keyword).is_some()
    }

    /// The largest message that the server takes, in bytes, where it says so (RFC 1870; 0 means that it does not say).
    pub fn size(&self) -> Option<usize> {
        self.get("SIZE")?.parse().ok().filter(|size| *size > 0)
    }

    /// Whether this way to log in is offered.
    pub fn has_login(&self, mechanism: &str) -> bool {
        let mut lines = self.0.iter().filter(|(keyword, _)| keyword == "AUTH");
        lines.any(|(_, all)| all.split_whitespace().any(|own| own.eq_ignore_ascii_case(mechanism)))
    }
}

/// A message as it travels behind DATA: each line ends with CRLF, has its dot doubled where it begins with one, and a line
/// with a single dot ends it all. Whatever the message holds, no server can see an end before that.
///
/// # Errors
/// [`Error::TooLong`] for a line of more than 998 bytes; [`Error::Invalid`] for a NUL.
pub fn block(message: &[u8]) -> Result<Vec<u8>> {
    if text::has(message, 0) {
        return Err(Error::Invalid("a message has a NUL inside: a server may stop reading there".into()));
    }
    if text::has_line_longer_than(message, LONGEST_LINE) {
        return Err(Error::TooLong("a line of the message (RFC 5321 section 4.5.3.1.6)".into(), LONGEST_LINE));
    }
    Ok(text::stuffed(message))
}
