//! Commands about files and folders, and files of ours: what else an FTP client does.
//!
//! ```text
//! SIZE a      213 1234                   RNFR a   350 and the new name?   RNTO b   250 done
//! MDTM a      213 20250101120000         MLSD     (on the data connection)
//! ```
//!
//! RFC 959 section 4.1, RFC 3659.
//!
//! May use: error, part, reply, and its own folder.

use super::Type;
use super::client::{Ftp, with};
use super::entry::Entry;
use super::wire;
use crate::error::{Error, Result};
use crate::part::Part;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::time::SystemTime;

impl Ftp {
    /// Downloads a file into a file of ours, and gives its length. It has its name only when it is whole: until then it stands
    /// beside its place, and what was there before stays untouched.
    ///
    /// # Errors
    /// Those of [`Ftp::retr`], and [`Error::Io`] when the file cannot be written.
    pub fn fetch(&mut self, remote: &str, local: impl AsRef<Path>) -> Result<u64> {
        self.fetch_with(remote, local, |_, _| {})
    }

    /// [`Ftp::fetch`], with somebody who is told how many bytes have come, and how many there are where the server says so.
    ///
    /// # Errors
    /// Those of [`Ftp::fetch`].
    pub fn fetch_with(
        &mut self,
        remote: &str,
        local: impl AsRef<Path>,
        mut progress: impl FnMut(u64, Option<u64>),
    ) -> Result<u64> {
        let mut part = Part::beside(local.as_ref())?;
        let came = self.download(remote, 0, &mut part, &mut progress)?;
        part.name(local.as_ref())?;
        Ok(came)
    }

    /// Uploads a file of ours, and gives its length.
    ///
    /// # Errors
    /// Those of [`Ftp::stor`]; [`Error::Io`] when the file cannot be read, or was changed while it was read: then what the server
    /// has is neither the old one nor the new one.
    pub fn store(&mut self, local: impl AsRef<Path>, remote: &str) -> Result<u64> {
        self.store_with(local, remote, |_, _| {})
    }

    /// [`Ftp::store`], with somebody who is told how many bytes have gone, and how many there are.
    ///
    /// # Errors
    /// Those of [`Ftp::store`].
    pub fn store_with(
        &mut self,
        local: impl AsRef<Path>,
        remote: &str,
        mut progress: impl FnMut(u64, Option<u64>),
    ) -> Result<u64> {
        let phase = format!("read {}", local.as_ref().display());
        let opened = File::open(&local).and_then(|file| Ok((file.metadata()?, file)));
        let (before, file) = opened.map_err(Error::io(phase.clone()))?;
        if before.is_dir() {
            return Err(Error::Io(phase.into(), io::ErrorKind::IsADirectory.into()));
        }
        let all = before.len();
        // A file that grows as fast as it is read has no end. Devices and pipes have no length.
        let most = if before.is_file() { all } else { u64::MAX };
        let mut told = |sent| progress(sent, before.is_file().then_some(all));
        let sent = self.upload("STOR", remote, 0, &mut (&file).take(most), &mut told)?;
        let after = file.metadata().map_err(Error::io(phase.clone()))?;
        let same = sent == all && after.len() == all && after.modified().ok() == before.modified().ok();
        if before.is_file() && !same {
            return Err(Error::Io(phase.into(), io::Error::other("it was changed while it was uploaded")));
        }
        Ok(sent)
    }

    /// The lines of LIST, as the server wrote them for people: there is no rule for how they look. `path` may be empty for the folder
    /// we are in. For values there is [`Ftp::mlsd`].
    ///
    /// # Errors
    /// Those of [`Ftp::lines`].
    pub fn list(&mut self, path: &str) -> Result<Vec<String>> {
        self.lines(&listing("LIST", path)?)
    }

    /// The names in a folder.
    ///
    /// # Errors
    /// Those of [`Ftp::lines`]. Some servers refuse with 550 when there is nothing in it.
    pub fn nlst(&mut self, path: &str) -> Result<Vec<String>> {
        self.lines(&listing("NLST", path)?)
    }

    /// What is in a folder, as values: names, sizes, times.
    ///
    /// # Errors
    /// Those of [`Ftp::lines`], and of [`Entry::parse`].
    pub fn mlsd(&mut self, path: &str) -> Result<Vec<Entry>> {
        self.lines(&listing("MLSD", path)?)?.iter().map(|line| Entry::parse(line)).collect()
    }

    /// The size of a file in bytes.
    ///
    /// # Errors
    /// Those of [`Ftp::command`]; [`Error::Reply`] when there is no such file; [`Error::Protocol`] when what comes is no size.
    pub fn size(&mut self, path: &str) -> Result<u64> {
        let command = with("SIZE", path)?;
        self.put_in_force(Type::Image)?; // as text it may have another (RFC 3659 section 4)
        wire::parse_size(&self.command(&command)?.expect(213)?)
    }

    /// When a file was changed.
    ///
    /// # Errors
    /// Those of [`Ftp::size`].
    pub fn mdtm(&mut self, path: &str) -> Result<SystemTime> {
        wire::parse_time(&self.command(&with("MDTM", path)?)?.expect(213)?)
    }

    /// Gives a file another name.
    ///
    /// # Errors
    /// Those of [`Ftp::command`]; [`Error::Reply`] when the server refuses.
    pub fn rename(&mut self, from: &str, to: &str) -> Result<()> {
        let (from, to) = (with("RNFR", from)?, with("RNTO", to)?);
        self.command(&from)?.expect(350)?;
        self.done(&to)
    }

    /// Deletes a file.
    ///
    /// # Errors
    /// Those of [`Ftp::rename`].
    pub fn delete(&mut self, path: &str) -> Result<()> {
        self.done(&with("DELE", path)?)
    }

    /// Makes a folder.
    ///
    /// # Errors
    /// Those of [`Ftp::rename`].
    pub fn mkdir(&mut self, path: &str) -> Result<()> {
        self.done(&with("MKD", path)?)
    }

    /// Removes an empty folder.
    ///
    /// # Errors
    /// Those of [`Ftp::rename`].
    pub fn rmdir(&mut self, path: &str) -> Result<()> {
        self.done(&with("RMD", path)?)
    }

    /// Does nothing, and shows that the server is still there.
    ///
    /// # Errors
    /// Those of [`Ftp::command`].
    pub fn noop(&mut self) -> Result<()> {
        self.done("NOOP")
    }

    /// What the server can do beyond RFC 959, one word or a few for each (RFC 2389); nothing where it does not know the question.
    ///
    /// # Errors
    /// Those of [`Ftp::command`].
    pub fn feat(&mut self) -> Result<Vec<String>> {
        let reply = self.command("FEAT")?;
        if reply.code / 100 == 5 {
            return Ok(Vec::new());
        }
        let lines = reply.expect(211)?.lines;
        // The first and the last line are the server's own words.
        let inner = lines.get(1..lines.len().saturating_sub(1)).unwrap_or_default();
        Ok(inner.iter().map(|line| line.trim().to_owned()).collect())
    }

    fn done(&mut self, command: &str) -> Result<()> {
        self.command(command)?.expect(2)?;
        Ok(())
    }
}

/// A listing of a folder, or of where we are. What looks like an option to the server gets a `./` in front.
fn listing(command: &str, path: &str) -> Result<String> {
    match path {
        "" => Ok(command.to_owned()),
        path if path.starts_with('-') => with(command, &format!("./{path}")),
        path => with(command, path),
    }
}
