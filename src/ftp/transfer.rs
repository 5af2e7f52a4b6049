//! Bytes to and from the server, and whether all of them came.
//!
//! The end of a data connection proves little: a server that is killed ends it too. So a transfer has succeeded when its last reply
//! says so and the number of bytes is the one that the server itself gives: in its first reply, `(6 bytes)`, or to SIZE (RFC 3659
//! section 4) where it knows that.
//!
//! May use: error, text, and its own folder.

use super::ascii::{FromWire, ToWire};
use super::client::{Ftp, with};
use super::data::{Transfer, cut_or};
use super::{Type, wire};
use crate::error::{Error, Result};
use crate::text::read_line;
use std::io::{self, BufReader, ErrorKind, Read, Write};

/// One read of a download. Larger pieces gain nothing; with 8 KiB a large file takes a third longer.
const PIECE: usize = 128 << 10;
/// One write of an upload. What was read is written at once, so that it should still be in the cache of the processor: with
/// 128 KiB a large file takes a quarter longer.
const OUT: usize = 32 << 10;
/// A listing is small, and a file may be: to zero a large buffer for it takes longer than to read it.
const SMALL: usize = 4 << 10;
/// What a line of a listing costs beside its bytes: empty ones of two bytes would take twenty times the limit otherwise.
const LINE: usize = size_of::<String>();

/// Takes how many bytes there are so far, and how many there will be where that is known.
pub(super) type Progress<'p> = &'p mut dyn FnMut(u64, Option<u64>);

impl Ftp {
    /// Downloads a file into `into` and gives the number of bytes that came. With [`Type::Ascii`] lines end with LF in `into`.
    ///
    /// # Errors
    /// [`Error::Reply`] when the server refuses or breaks off; [`Error::Closed`] when less came than the file has, also over TLS when
    /// the end was not marked; [`Error::Timeout`]; [`Error::Io`], of the network or of `into`; [`Error::Invalid`] for a name that
    /// cannot be sent. What was written to `into` before the error is no whole file.
    pub fn retr(&mut self, path: &str, into: &mut impl Write) -> Result<u64> {
        self.retr_from(path, 0, into)
    }

    /// [`Ftp::retr`] from byte `offset` on: the rest of a file of which we have a beginning (REST, RFC 3659 section 5).
    ///
    /// # Errors
    /// Those of [`Ftp::retr`]; [`Error::Reply`] when the server cannot, [`Error::Invalid`] with [`Type::Ascii`].
    pub fn retr_from(&mut self, path: &str, offset: u64, into: &mut impl Write) -> Result<u64> {
        self.download(path, offset, into, &mut |_, _| {})
    }

    /// Begins a download, always as [`Type::Image`], and gives what comes as something to read. [`Download::finish`] says whether it
    /// was all; dropped before, the transfer is given up.
    ///
    /// # Errors
    /// Those of [`Ftp::retr`].
    pub fn open(&mut self, path: &str, offset: u64) -> Result<Download<'_>> {
        let command = with("RETR", path)?;
        let transfer = self.begin(&command, Type::Image, offset)?;
        Ok(Download { transfer, path: path.to_owned(), offset, came: 0, at_end: false })
    }

    /// Uploads what `from` gives until its end, and gives the number of bytes. With [`Type::Ascii`] lines end with CRLF on the wire.
    ///
    /// # Errors
    /// Those of [`Ftp::retr`]; [`Error::Closed`] when the server has fewer bytes than were sent, [`Error::Protocol`] when it has more.
    /// After an error the server may have kept a part under that name.
    pub fn stor(&mut self, path: &str, from: &mut impl Read) -> Result<u64> {
        self.stor_from(path, 0, from)
    }

    /// [`Ftp::stor`] to byte `offset` of the file and on: the rest of a file of which the server has a beginning.
    ///
    /// # Errors
    /// Those of [`Ftp::stor`]; [`Error::Reply`] when the server cannot, [`Error::Invalid`] with [`Type::Ascii`].
    pub fn stor_from(&mut self, path: &str, offset: u64, from: &mut impl Read) -> Result<u64> {
        self.upload("STOR", path, offset, from, &mut |_| {})
    }

    /// [`Ftp::stor`] at the end of the file that is there, if there is one.
    ///
    /// # Errors
    /// Those of [`Ftp::stor`].
    pub fn appe(&mut self, path: &str, from: &mut impl Read) -> Result<u64> {
        self.upload("APPE", path, 0, from, &mut |_| {})
    }

    /// Sends a command whose answer comes as lines on a data connection, and gives them: `LIST -a`, `RETR notes.txt`. What is no
    /// UTF-8 is kept readable, with `U+FFFD` in its place.
    ///
    /// # Errors
    /// Those of [`Ftp::retr`]; [`Error::TooLong`] past the limits of a line and of all; [`Error::Protocol`] for lines that do not end
    /// with CRLF, or have a CR or NUL inside.
    pub fn lines(&mut self, command: &str) -> Result<Vec<String>> {
        let limits = self.options.limits;
        if command.contains(['\r', '\n', '\0']) {
            return Err(Error::Invalid("a command has no CR, LF or NUL inside".into()));
        }
        let mut transfer = self.begin(command, Type::Ascii, 0)?;
        let mut lines = Vec::new();
        let mut reader = BufReader::with_capacity(SMALL, Reading(&mut transfer));
        let mut room = limits.block;
        let result = loop {
            match read_line(&mut reader, limits.line) {
                Ok(None) => break Ok(()),
                Ok(Some(line)) if line.len() + LINE > room => {
                    break Err(Error::TooLong("read a listing".into(), limits.block));
                }
                Ok(Some(line)) => {
                    room -= line.len() + LINE;
                    lines.push(String::from_utf8_lossy(&line).into_owned());
                }
                Err(error) => break Err(error),
            }
        };
        match result {
            Ok(()) => transfer.received().map(|()| lines),
            Err(error @ (Error::TooLong(..) | Error::Protocol(_))) => Err(error), // dropped: given up
            Err(error) => Err(transfer.fail(error)),
        }
    }

    pub(super) fn download(
        &mut self,
        path: &str,
        offset: u64,
        into: &mut dyn Write,
        progress: Progress<'_>,
    ) -> Result<u64> {
        let (command, kind) = (with("RETR", path)?, self.wanted);
        no_offset_in_text(kind, offset)?;
        let mut transfer = self.begin(&command, kind, offset)?;
        let expected = transfer.announced.filter(|_| kind == Type::Image && offset == 0);
        let size = expected.map_or(PIECE, |all| usize::try_from(all).unwrap_or(PIECE).clamp(SMALL, PIECE));
        let mut ends = FromWire::default();
        let (mut piece, mut text, mut came) = (vec![0; size], Vec::new(), 0);
        progress(came, expected);
        loop {
            let n = match transfer.read(&mut piece) {
                Ok(n) => n,
                Err(error) => return Err(transfer.fail(cut_or("read from the data connection")(error))),
            };
            let bytes = if kind == Type::Image {
                &piece[..n]
            } else {
                text.clear();
                ends.convert(&piece[..n], &mut text);
                if n == 0 {
                    ends.end(&mut text);
                }
                text.as_slice()
            };
            // An error here drops the transfer, which gives it up.
            into.write_all(bytes).map_err(Error::io("write what was downloaded"))?;
            if n == 0 {
                break;
            }
            came += n as u64;
            progress(came, expected);
        }
        transfer.received()?;
        drop(transfer);
        if kind == Type::Image {
            self.compare(path, expected, offset, came)?;
        }
        Ok(came)
    }

    /// A download of `came` bytes is a whole one, as far as the server tells.
    fn compare(&mut self, path: &str, expected: Option<u64>, offset: u64, came: u64) -> Result<()> {
        let expected = match expected {
            Some(expected) => Some(expected),
            None => self.known_size(path)?.map(|size| size.saturating_sub(offset)),
        };
        match expected {
            Some(expected) if came < expected => {
                Err(Error::Closed(format!("read {expected} bytes, of which {came} came").into()))
            }
            Some(expected) if came > expected => {
                Err(Error::Protocol(format!("the server spoke of {expected} bytes, and {came} came").into()))
            }
            _ => Ok(()),
        }
    }

    /// The size of a file, if the server knows SIZE and has an answer.
    fn known_size(&mut self, path: &str) -> Result<Option<u64>> {
        if self.no_size {
            return Ok(None);
        }
        let reply = self.command(&with("SIZE", path)?)?;
        self.no_size = matches!(reply.code, 500 | 502 | 504);
        if reply.code == 213 { wire::parse_size(&reply).map(Some) } else { Ok(None) }
    }

    pub(super) fn upload(
        &mut self,
        verb: &str,
        path: &str,
        offset: u64,
        from: &mut dyn Read,
        progress: &mut dyn FnMut(u64),
    ) -> Result<u64> {
        let (command, kind) = (with(verb, path)?, self.wanted);
        no_offset_in_text(kind, offset)?;
        let before = match verb {
            "APPE" if kind == Type::Image => {
                self.put_in_force(kind)?; // a size is that of the type in force
                self.known_size(path)?.unwrap_or(0)
            }
            _ => offset,
        };
        let mut transfer = self.begin(&command, kind, offset)?;
        let mut ends = ToWire::default();
        let (mut piece, mut text, mut sent) = (vec![0; OUT], Vec::new(), 0);
        progress(sent);
        loop {
            let n = match from.read(&mut piece) {
                Ok(0) => break,
                Ok(n) => n,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                // Dropped, it is given up: the end of the data connection alone would say that this was the file.
                Err(error) => return Err(Error::io("read what is to be uploaded")(error)),
            };
            let bytes = if kind == Type::Image {
                &piece[..n]
            } else {
                text.clear();
                ends.convert(&piece[..n], &mut text);
                text.as_slice()
            };
            if let Err(error) = transfer.write_all(bytes) {
                return Err(transfer.fail(Error::io("write to the data connection")(error)));
            }
            sent += n as u64;
            progress(sent);
        }
        transfer.sent()?;
        let all = u128::from(before) + u128::from(sent);
        match if kind == Type::Image { self.known_size(path)? } else { None } {
            Some(size) if u128::from(size) < all => {
                Err(Error::Closed(format!("upload {all} bytes, of which the server has {size}").into()))
            }
            Some(size) if u128::from(size) > all => {
                Err(Error::Protocol(format!("the server has {size} bytes of a file of {all}").into()))
            }
            _ => Ok(sent),
        }
    }
}

fn no_offset_in_text(kind: Type, offset: u64) -> Result<()> {
    match kind {
        Type::Ascii if offset > 0 => {
            Err(Error::Invalid("an offset in text counts no bytes: use the image type".into()))
        }
        _ => Ok(()),
    }
}

/// A download to read from, which [`Ftp::open`] gives. While it lives the client can do nothing else.
#[derive(Debug)]
pub struct Download<'f> {
    transfer: Transfer<'f>,
    path: String,
    offset: u64,
    came: u64,
    at_end: bool,
}

impl Download<'_> {
    /// How many bytes the server said would come, if it did.
    pub fn announced(&self) -> Option<u64> {
        self.transfer.announced.filter(|_| self.offset == 0)
    }

    /// Says whether it was the whole file, once its end has been read, and how many bytes came. Before the end it gives the transfer up.
    ///
    /// # Errors
    /// [`Error::Invalid`] before the end; otherwise those of [`Ftp::retr`].
    pub fn finish(mut self) -> Result<u64> {
        if !self.at_end {
            return Err(Error::Invalid("finish a download: its end has not been read".into()));
        }
        self.transfer.received()?;
        let expected = self.announced();
        self.transfer.ftp.compare(&self.path, expected, self.offset, self.came)?;
        Ok(self.came)
    }

    /// Gives the transfer up. The client can be used again afterwards, unless it says otherwise.
    ///
    /// # Errors
    /// [`Error::Closed`] when the client has become unusable.
    pub fn abort(mut self) -> Result<()> {
        self.transfer.give_up();
        self.transfer.ftp.settle();
        match self.transfer.ftp.unusable() {
            None => Ok(()),
            Some(why) => Err(Error::Closed(format!("give a transfer up ({why})").into())),
        }
    }
}

impl Read for Download<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.transfer.read(buffer)?;
        self.at_end |= n == 0 && !buffer.is_empty();
        self.came += n as u64;
        Ok(n)
    }
}

/// For readers of lines.
struct Reading<'t, 'f>(&'t mut Transfer<'f>);

impl Read for Reading<'_, '_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer).map_err(|error| match cut_or("read a listing")(error) {
            Error::Io(_, cause) => cause,
            other => other.into(),
        })
    }
}
