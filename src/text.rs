//! Lines and dot blocks: what FTP, SMTP and their kin speak on a connection.
//!
//! ```text
//! NOOP\r\n                      a line ends with CRLF, and only with CRLF (RFC 5321 section 2.3.8)
//!
//! first line\r\n                a block of lines ends with a line that is one dot;
//! ..and a dot\r\n               a line of the text that begins with a dot gets a second one in front
//! .\r\n                         (dot-stuffing, RFC 5321 section 4.5.2)
//! ```
//!
//! Strict on purpose: two programs that disagree on where a line ends let one message hide inside another (CVE-2023-51764).
//! The limit sits inside the read, so that a peer that never ends its line cannot fill the memory.
//!
//! May use: error, deadline, stream.

use crate::deadline::Deadline;
use crate::error::{Error, Result};
use crate::stream::{BoxStream, Stream};
use std::io::{BufRead, BufReader, Read, Write};

/// How much of a peer's text we take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of one line without its CRLF. Default 8,192, as CPython's ftplib and smtplib allow; RFC 5321 section
    /// 4.5.3.1.5 asks for 510 in a reply, servers send more.
    pub line: usize,
    /// Lines of one reply. Default 512: the longest honest ones are greetings and feature lists of some dozens.
    pub lines: usize,
    /// Bytes of one block. Default 10 MiB, a usual limit for a message.
    pub block: usize,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits { line: 8_192, lines: 512, block: 10 << 20 }
    }
}

/// Reads one line and gives it back without its CRLF; `None` when the stream ends where a line would begin.
///
/// # Errors
/// [`Error::TooLong`] past `limit` bytes, [`Error::Protocol`] for a line that ends with LF alone or has a CR or NUL inside,
/// [`Error::Closed`] for a stream that ends within a line, and what the reader itself reports.
///
/// ```
/// use netprimer::text::read_line;
/// let mut wire: &[u8] = b"220 ready\r\n";
/// assert_eq!(read_line(&mut wire, 512)?, Some(b"220 ready".to_vec()));
/// assert_eq!(read_line(&mut wire, 512)?, None);
/// # Ok::<(), netprimer::Error>(())
/// ```
pub fn read_line(reader: &mut impl BufRead, limit: usize) -> Result<Option<Vec<u8>>> {
    let phase = "read a line";
    let mut line = Vec::new();
    let most = limit.saturating_add(2); // the line and its CRLF
    reader.by_ref().take(most as u64).read_until(b'\n', &mut line).map_err(Error::io(phase))?;
    match line.as_slice() {
        [] => Ok(None),
        [text @ .., b'\r', b'\n'] if !text.iter().any(|byte| matches!(byte, b'\r' | 0)) => Ok(Some(text.to_vec())),
        [.., b'\r', b'\n'] => Err(Error::Protocol("a line has a CR or a NUL inside (RFC 5321 section 2.3.8)".into())),
        [.., b'\n'] => {
            Err(Error::Protocol("a line ends with LF alone instead of CRLF (RFC 5321 section 2.3.8)".into()))
        }
        _ if line.len() == most => Err(Error::TooLong(phase.into(), limit)),
        _ => Err(Error::Closed(phase.into())),
    }
}

/// Writes one line and its CRLF in a single write.
///
/// # Errors
/// [`Error::Invalid`] when the line has a CR, LF or NUL inside: it would be two commands to the peer (CVE-2019-9740 is one of
/// many); and what the writer reports.
pub fn write_line(writer: &mut impl Write, line: &str) -> Result<()> {
    if line.contains(['\r', '\n', '\0']) {
        return Err(Error::Invalid("a line to send has a CR, LF or NUL inside: it would end early".into()));
    }
    writer.write_all(format!("{line}\r\n").as_bytes()).map_err(Error::io("send a line"))
}

/// Reads a block up to the line that is one dot, takes the stuffed dots away, and keeps each line's CRLF.
///
/// # Errors
/// Those of [`read_line`]; [`Error::TooLong`] past `limits.block`; [`Error::Closed`] when the dot never comes.
pub fn read_block(reader: &mut impl BufRead, limits: &Limits) -> Result<Vec<u8>> {
    let mut block = Vec::new();
    loop {
        let line = read_line(reader, limits.line)?.ok_or(Error::Closed("read a block of lines".into()))?;
        let text = match line.as_slice() {
            b"." => return Ok(block),
            [b'.', rest @ ..] => rest,
            all => all,
        };
        if block.len() + text.len() + 2 > limits.block {
            return Err(Error::TooLong("read a block of lines".into(), limits.block));
        }
        block.extend_from_slice(text);
        block.extend_from_slice(b"\r\n");
    }
}

/// A block as it travels: every line end is CRLF whatever it was, a line that begins with a dot has a second one, and a
/// line with one dot ends it. So no text can end its block early.
///
/// ```
/// use netprimer::text::stuffed;
/// assert_eq!(stuffed(b"one\n.two\r\n"), b"one\r\n..two\r\n.\r\n");
/// assert_eq!(stuffed(b"\r.\r"), b"\r\n..\r\n.\r\n");
/// assert_eq!(stuffed(b""), b".\r\n");
/// ```
pub fn stuffed(text: &[u8]) -> Vec<u8> {
    let mut block = Vec::with_capacity(text.len() + text.len() / 32 + 5);
    let mut rest = text;
    if travels_as_it_is(text) {
        block.extend_from_slice(text);
        rest = b"";
    }
    while !rest.is_empty() {
        let end = rest.iter().position(|byte| matches!(byte, b'\r' | b'\n')).unwrap_or(rest.len());
        let (line, after) = rest.split_at(end);
        if line.first() == Some(&b'.') {
            block.push(b'.');
        }
        block.extend_from_slice(line);
        block.extend_from_slice(b"\r\n");
        rest = match after {
            [b'\r', b'\n', more @ ..] | [_, more @ ..] => more,
            [] => after,
        };
    }
    block.extend_from_slice(b".\r\n");
    block
}

/// Whether this byte is in the text. Not [`slice::contains`]: a look without an early end is what a compiler turns into many
/// bytes at a time.
pub(crate) fn has(text: &[u8], byte: u8) -> bool {
    text.iter().fold(false, |any, own| any | (*own == byte))
}

/// Whether a line has more bytes than this, its end not counted.
pub(crate) fn has_line_longer_than(text: &[u8], most: usize) -> bool {
    // Such a line covers a whole piece of half that length: where each has a line end, no closer look is needed.
    let perhaps = text.chunks_exact((most / 2).max(1)).any(|piece| !piece.contains(&b'\n'));
    perhaps && text.split(|byte| matches!(byte, b'\r' | b'\n')).any(|line| line.len() > most)
}

/// Whether each line of this text ends with CRLF already and none begins with a dot, which is so for most: each pair of
/// neighbours is looked at, as in [`has`].
fn travels_as_it_is(text: &[u8]) -> bool {
    let pairs = text.iter().zip(text.iter().skip(1));
    let odd = |(a, b): (&u8, &u8)| ((*a == b'\r') != (*b == b'\n')) | ((*a == b'\n') & (*b == b'.'));
    text.ends_with(b"\r\n")
        && !text.starts_with(b"\n")
        && !text.starts_with(b".")
        && !pairs.fold(false, |any, pair| any | odd(pair))
}

/// A connection that speaks lines: a buffer for reading, limits, and the stream's deadline. After a read that failed or was late half a line may be lost: close it.
#[derive(Debug)]
pub struct TextConn {
    stream: BufReader<BoxStream>,
    limits: Limits,
}

impl TextConn {
    /// Takes a stream over, before its first byte is read.
    pub fn new(stream: impl Stream + 'static, limits: Limits) -> TextConn {
        // 4 KiB holds nearly every reply whole, so that a turn costs one read.
        TextConn { stream: BufReader::with_capacity(4096, Box::new(stream)), limits }
    }

    /// Everything from now on must be done by then.
    pub fn until(&mut self, deadline: Deadline) -> &mut TextConn {
        self.stream.get_mut().set_deadline(deadline);
        self
    }

    /// The limits this connection was made with.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// For the readers of this module and of `reply`.
    pub fn reader(&mut self) -> &mut impl BufRead {
        &mut self.stream
    }

    /// The stream below, to write to.
    pub fn stream(&mut self) -> &mut dyn Stream {
        self.stream.get_mut()
    }

    /// Reads a line: see [`read_line`].
    ///
    /// # Errors
    /// Those of [`read_line`], and [`Error::Closed`] where the stream ends.
    pub fn read_line(&mut self) -> Result<Vec<u8>> {
        read_line(&mut self.stream, self.limits.line)?.ok_or(Error::Closed("read a line".into()))
    }

    /// Writes a line: see [`write_line`].
    ///
    /// # Errors
    /// Those of [`write_line`].
    pub fn write_line(&mut self, line: &str) -> Result<()> {
        write_line(self.stream.get_mut(), line)
    }

    /// Writes a line that is no business of those who watch: a password.
    ///
    /// # Errors
    /// Those of [`write_line`].
    pub fn write_secret(&mut self, line: &str) -> Result<()> {
        self.stream.get_mut().secret(true);
        let sent = write_line(self.stream.get_mut(), line);
        self.stream.get_mut().secret(false);
        sent
    }

    /// How many bytes came that nobody has read yet: before a command there should be none.
    pub fn unread(&self) -> usize {
        self.stream.buffer().len()
    }

    /// Gives the stream back, to put TLS on it for instance.
    ///
    /// # Errors
    /// [`Error::Protocol`] when bytes are still unread: what was said before TLS must not count after it (RFC 3207
    /// section 4.2, CVE-2021-22947).
    pub fn into_stream(self) -> Result<BoxStream> {
        match self.unread() {
            0 => Ok(self.stream.into_inner()),
            n => Err(Error::Protocol(format!("{n} bytes came before they were asked for").into())),
        }
    }
}
