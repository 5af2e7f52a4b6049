//! The fields of a head: what stands between the first line and the empty one.
//!
//! RFC 9110 section 5. May use: error, encode, and head of its own folder.

use super::head::{is_token, is_value, wrong};
use crate::encode::visible;
use crate::error::{Error, Result};
use std::fmt;
use std::ops::Range;

/// The fields of a head in their order. Names are compared without regard to case (RFC 9110 section 5.1), and one name may
/// stand there several times.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Headers {
    // All of them as they travel, each with its CRLF: one piece of memory, however many they are.
    lines: String,
    // Where in there each name and each value ends.
    ends: Vec<(usize, usize)>,
}

impl Headers {
    /// No fields.
    pub fn new() -> Headers {
        Headers::default()
    }

    /// The value of the first field with this name.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.all(name).next()
    }

    /// The values of all fields with this name.
    pub fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        let same =
            move |own: &Range<usize>| own.len() == name.len() && self.lines[own.clone()].eq_ignore_ascii_case(name);
        self.places().filter(move |(own, _)| same(own)).map(|(_, value)| &self.lines[value])
    }

    /// Every field, name and value.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &str)> {
        self.places().map(|(name, value)| (&self.lines[name], &self.lines[value]))
    }

    fn places(&self) -> impl ExactSizeIterator<Item = (Range<usize>, Range<usize>)> {
        let mut start = 0;
        self.ends.iter().map(move |&(name, value)| {
            let place = (start..name, name + ": ".len()..value);
            start = value + "\r\n".len();
            place
        })
    }

    /// Adds a field.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a name that is no token, and a value with a CR, LF, NUL or another control character: it would
    /// begin a field, or a request, of its own (CVE-2019-9740, CVE-2020-26116).
    pub fn add(&mut self, name: &str, value: &str) -> Result<()> {
        let shown = || visible(name.as_bytes());
        if !is_token(name.as_bytes()) {
            let shown = shown();
            return Err(Error::Invalid(format!("\"{shown}\" is no name for a header field").into()));
        }
        if !is_value(value.as_bytes()) {
            let shown = shown();
            return Err(Error::Invalid(format!("the value of {shown} has a control character inside").into()));
        }
        self.push(name, value.trim_matches([' ', '\t']));
        Ok(())
    }

    /// Adds a field that was checked.
    pub(super) fn push(&mut self, name: &str, value: &str) {
        self.lines.push_str(name);
        let name_end = self.lines.len();
        self.lines.push_str(": ");
        self.lines.push_str(value);
        self.ends.push((name_end, self.lines.len()));
        self.lines.push_str("\r\n");
    }

    /// Room for so many fields, with so many bytes together.
    pub(super) fn with_room(fields: usize, bytes: usize) -> Headers {
        Headers { lines: String::with_capacity(bytes), ends: Vec::with_capacity(fields) }
    }

    /// Each field as a line, with its CRLF.
    pub(super) fn as_lines(&self) -> &str {
        &self.lines
    }

    /// Takes every field with this name away.
    pub fn remove(&mut self, name: &str) {
        let mut kept = Headers::new();
        for (own, value) in self.iter().filter(|(own, _)| !own.eq_ignore_ascii_case(name)) {
            kept.push(own, value);
        }
        *self = kept;
    }

    /// Whether a list such as `Connection: keep-alive, upgrade` names `word`.
    pub fn lists(&self, name: &str, word: &str) -> bool {
        self.all(name).any(|list| list.split(',').any(|own| own.trim_matches([' ', '\t']).eq_ignore_ascii_case(word)))
    }

    /// What `Content-Length` says.
    ///
    /// # Errors
    /// [`Error::Protocol`] unless it is one number of digits alone that fits 64 bits. The same number twice is allowed
    /// (RFC 9112 section 6.3, rule 5); two numbers are two ends of one body.
    pub fn content_length(&self) -> Result<Option<u64>> {
        let mut length = None;
        for text in self.all("Content-Length") {
            let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()); // `parse` would take "+2"
            match text.parse() {
                Ok(number) if digits && length.is_none_or(|before| before == number) => length = Some(number),
                _ => return Err(wrong("this Content-Length is no single number", text.as_bytes())),
            }
        }
        Ok(length)
    }

    /// Whether the body comes in chunks.
    ///
    /// # Errors
    /// [`Error::Protocol`] for every transfer coding but a single `chunked`: we know no other, and so not where such a body
    /// ends (RFC 9112 section 6.1).
    pub fn is_chunked(&self) -> Result<bool> {
        let mut codings = self.all("Transfer-Encoding");
        match (codings.next(), codings.next()) {
            (None, _) => Ok(false),
            (Some(one), None) if one.eq_ignore_ascii_case("chunked") => Ok(true),
            (Some(first), _) => Err(wrong("this transfer coding is not known here", first.as_bytes())),
        }
    }
}

/// Each field as a line, with its CRLF.
impl fmt::Display for Headers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_lines())
    }
}

impl fmt::Debug for Headers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}
