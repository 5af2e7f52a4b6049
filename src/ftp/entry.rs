//! What a listing says about a file, and what of it may be believed.
//!
//! ```text
//! type=file;size=6;modify=20250101120000; 你好.txt      one line of MLSD: facts, a space, the name
//! ```
//!
//! RFC 3659 section 7. LIST is not read here: it has no rules.
//!
//! May use: error, encode, and wire of its own folder.

use super::wire::number;
use crate::encode::{ftp_time, parse_ftp_time, visible};
use crate::error::{Error, Result};
use std::fmt;
use std::time::SystemTime;

/// One line of MLSD.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The name as the server sent it. Before it becomes the name of a file here: [`Entry::local_name`].
    pub name: String,
    /// What the server knows of it, as it came: `Type=file;Size=6;`. Taken apart, a fact of three bytes would cost a hundred here.
    pub facts: String,
}

impl Entry {
    /// Reads a line without its CRLF.
    ///
    /// # Errors
    /// [`Error::Protocol`] when there is no space after the facts, no name, or a fact without `=` or `;`.
    ///
    /// ```
    /// let entry = netprimer::ftp::Entry::parse("Type=file;Size=6; 你好 .txt")?;
    /// assert_eq!((entry.name.as_str(), entry.size(), entry.is_file()), ("你好 .txt", Some(6), true));
    /// # Ok::<(), netprimer::Error>(())
    /// ```
    pub fn parse(line: &str) -> Result<Entry> {
        let bad = || {
            let line = visible(line.as_bytes());
            Error::Protocol(format!("\"{line:.80}\" is no line of MLSD (RFC 3659 section 7.2)").into())
        };
        let (facts, name) = line.split_once(' ').filter(|(_, name)| !name.is_empty()).ok_or_else(bad)?;
        let sound = match facts.strip_suffix(';') {
            Some(facts) => facts.split(';').all(|fact| fact.contains('=')),
            None => facts.is_empty(),
        };
        if sound { Ok(Entry { name: name.to_owned(), facts: facts.to_owned() }) } else { Err(bad()) }
    }

    /// The value of a fact, by its name in capitals or small letters.
    pub fn fact(&self, name: &str) -> Option<&str> {
        let mut facts = self.facts.split(';').filter_map(|fact| fact.split_once('='));
        facts.find(|(own, _)| own.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    /// Whether it is a file.
    pub fn is_file(&self) -> bool {
        self.fact("type").is_some_and(|kind| kind.eq_ignore_ascii_case("file"))
    }

    /// Whether it is a folder, other than the listed one itself and the one above it (`cdir` and `pdir`).
    pub fn is_folder(&self) -> bool {
        self.fact("type").is_some_and(|kind| kind.eq_ignore_ascii_case("dir"))
    }

    /// Its size in bytes, if the server says so.
    pub fn size(&self) -> Option<u64> {
        self.fact("size").and_then(number)
    }

    /// When it was changed, if the server says so.
    pub fn modified(&self) -> Option<SystemTime> {
        parse_ftp_time(self.fact("modify")?)
    }

    /// Its name, if a file of that name can be made in one of our folders and nowhere else: see [`local_name`].
    ///
    /// # Errors
    /// Those of [`local_name`].
    pub fn local_name(&self) -> Result<&str> {
        local_name(&self.name)
    }
}

impl fmt::Display for Entry {
    /// Type, size, time and name, with nothing in it that could move a cursor.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (kind, size) = (self.fact("type").unwrap_or("?"), self.size().map_or("-".into(), |size| size.to_string()));
        let modified = self.modified().map_or("-".into(), ftp_time);
        let line = format!("{kind:<4} {size:>12} {modified:>14} {}", self.name);
        f.write_str(&visible(line.as_bytes()))
    }
}

/// A name from a listing as the name of a file of ours. A server that says `../x` writes where it likes in a client that believes
/// it (CVE-2014-4877, CVE-2018-10916).
///
/// # Errors
/// [`Error::Protocol`] for an empty name, `.` and `..`, one with `/`, `\`, `:` or a control character in it, and one that begins
/// with `-`, which other programs take for an option.
pub fn local_name(name: &str) -> Result<&str> {
    let bad = matches!(name, "" | "." | "..")
        || name.starts_with('-')
        || name.contains(|c: char| matches!(c, '/' | '\\' | ':') || c.is_control());
    if bad {
        let name = visible(name.as_bytes());
        return Err(Error::Protocol(
            format!("the server lists \"{name:.80}\", which is no name for a file here").into(),
        ));
    }
    Ok(name)
}
