//! Three-digit replies, as FTP and SMTP servers give them.
//!
//! ```text
//! 250 done\r\n                  a reply of one line: code, space, text
//!
//! 220-welcome\r\n               a reply of several: code and minus,
//! 220-to this server\r\n        lines of text,
//! 220 ready\r\n                 and the same code with a space ends it
//! ```
//!
//! RFC 959 section 4.2 (in FTP the lines between may be any text), RFC 5321 section 4.2.1 (in SMTP each has the code).
//! One reader serves both: between the first line and the last a line loses `code-` where it has it.
//!
//! May use: error, text.

use crate::error::{Error, Result};
use crate::text::{Limits, TextConn, read_line};
use std::io::{BufRead, Write};

pub use crate::error::Reply;

/// Bytes of all lines of one reply: eight lines of the greatest length. What servers honestly say is a tenth of it.
const WHOLE: usize = 64 << 10;

impl Reply {
    /// Gives the reply back if its code begins with `want`: 2 takes any 2xx, 25 any 25x, 354 only itself.
    ///
    /// # Errors
    /// [`Error::Reply`] with the server's words for any other code.
    pub fn expect(self, want: u16) -> Result<Reply> {
        let width = match want {
            0..10 => 100,
            10..100 => 10,
            _ => 1,
        };
        if self.code / width == want { Ok(self) } else { Err(Error::Reply(Box::new(self))) }
    }
}

/// Reads one reply, single or multi-line. Text that is no UTF-8 is kept readable with `U+FFFD` in place of the bad bytes.
///
/// # Errors
/// [`Error::Closed`] when the stream ends before the reply does; [`Error::Protocol`] for a line that is no reply, a
/// first digit that is not 1 to 5, or an end with another code; [`Error::TooLong`] past the limits for a line or for
/// the number of lines, or past 64 KiB of several (CPython's clients have no such limits: a server could hold them for ever);
/// those of [`read_line`].
///
/// ```
/// use netprimer::reply::read_reply;
/// let reply = read_reply(&mut &b"211-Features:\r\n SIZE\r\n211 End\r\n"[..], &Default::default())?;
/// assert_eq!((reply.code, reply.lines.len()), (211, 3));
/// assert_eq!(reply.lines[1], " SIZE");
/// # Ok::<(), netprimer::Error>(())
/// ```
pub fn read_reply(reader: &mut impl BufRead, limits: &Limits) -> Result<Reply> {
    read(reader, limits, false)
}

/// [`read_reply`] for SMTP, where each line must have the code (RFC 5321 section 4.2.1).
///
/// # Errors
/// Those of [`read_reply`], and [`Error::Protocol`] for a line between without the code.
///
/// ```
/// use netprimer::reply::read_coded_reply;
/// let read = |mut wire: &[u8]| read_coded_reply(&mut wire, &Default::default());
/// assert_eq!(read(b"250-mail.example\r\n250 SIZE\r\n")?.lines.len(), 2);
/// assert!(read(b"250-mail.example\r\nSIZE\r\n250 done\r\n").is_err());
/// # Ok::<(), netprimer::Error>(())
/// ```
pub fn read_coded_reply(reader: &mut impl BufRead, limits: &Limits) -> Result<Reply> {
    read(reader, limits, true)
}

fn read(reader: &mut impl BufRead, limits: &Limits, every: bool) -> Result<Reply> {
    let mut next = || read_line(reader, limits.line)?.ok_or(Error::Closed("read a reply".into()));
    let first = next()?;
    let (code, end, text) = split(&first).ok_or_else(|| {
        let start = crate::encode::visible(&first[..first.len().min(40)]);
        Error::Protocol(format!("\"{start}\" is no reply: three digits and a space are missing").into())
    })?;
    let mut reply = Reply { code, lines: vec![text] };
    let (mut ended, mut room) = (end, WHOLE.max(limits.line).saturating_sub(first.len()));
    while !ended {
        if reply.lines.len() >= limits.lines {
            return Err(Error::TooLong("read the lines of a reply".into(), limits.lines));
        }
        let line = next()?;
        room = room.checked_sub(line.len()).ok_or(Error::TooLong("read a whole reply".into(), WHOLE))?;
        let text = match split(&line) {
            Some((same, end, text)) if same == code => {
                ended = end;
                text
            }
            Some((other, true, _)) => {
                return Err(Error::Protocol(format!("a reply that began with {code} ended with {other}").into()));
            }
            _ if every => return Err(Error::Protocol(format!("a line of the reply {code} has not its code").into())),
            _ => lossy(&line),
        };
        reply.lines.push(text);
    }
    Ok(reply)
}

/// Code, whether this line ends a reply, and the text: `None` for a line that is not of that form.
fn split(line: &[u8]) -> Option<(u16, bool, String)> {
    let (code, rest) = line.split_at_checked(3)?;
    let in_range = matches!(code[0], b'1'..=b'5') && code[1..].iter().all(u8::is_ascii_digit);
    let code = std::str::from_utf8(code).ok().filter(|_| in_range)?.parse().ok()?;
    match rest {
        [] => Some((code, true, String::new())),
        [b' ', text @ ..] => Some((code, true, lossy(text))),
        [b'-', text @ ..] => Some((code, false, lossy(text))),
        _ => None,
    }
}

fn lossy(text: &[u8]) -> String {
    String::from_utf8_lossy(text).into_owned()
}

/// Writes a reply in one write: `code-text` for all lines but the last, `code text` for that.
///
/// # Errors
/// [`Error::Invalid`] for a code outside 100 to 599, no line, or a line with CR, LF or NUL inside, which would be a second
/// reply to the peer; and what the writer reports.
pub fn write_reply(writer: &mut impl Write, reply: &Reply) -> Result<()> {
    let sound = (100..600).contains(&reply.code) && !reply.lines.iter().any(|line| line.contains(['\r', '\n', '\0']));
    let Some((last, before)) = reply.lines.split_last().filter(|_| sound) else {
        return Err(Error::Invalid(format!("{} with {:?} is no reply to send", reply.code, reply.lines).into()));
    };
    let mut wire = String::new();
    for line in before {
        wire += &format!("{}-{line}\r\n", reply.code);
    }
    wire += &format!("{} {last}\r\n", reply.code);
    writer.write_all(wire.as_bytes()).map_err(Error::io("send a reply"))
}

impl TextConn {
    /// Reads a reply: see [`read_reply`].
    ///
    /// # Errors
    /// Those of [`read_reply`].
    pub fn read_reply(&mut self) -> Result<Reply> {
        let limits = *self.limits();
        read_reply(self.reader(), &limits)
    }

    /// Sends a command and reads its reply.
    ///
    /// # Errors
    /// Those of [`TextConn::write_line`] and [`read_reply`]; [`Error::Protocol`] when bytes came before the command was sent:
    /// they would be taken for its reply, and every later one for the reply of another command.
    pub fn command(&mut self, line: &str) -> Result<Reply> {
        if self.unread() > 0 {
            return Err(Error::Protocol(format!("the server spoke before {line:.4} was sent").into()));
        }
        self.write_line(line)?;
        self.read_reply()
    }
}
