//! A body into a file, which has its name only once it is whole.
//!
//! Until then it stands beside its place under a name of its own, so that no reader, and no later run, takes a half for the whole.
//!
//! May use: error, and response of its own folder.

use super::response::Response;
use crate::error::{Error, Result};
use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::path::{Path, PathBuf};
use std::process;

/// One read and one write: large enough that the system calls do not count.
const PIECE: usize = 128 << 10;
/// So many leftovers of killed programs with our process's number are stepped over.
const NAMES: u32 = 100;

impl Response<'_> {
    /// Writes the body into a file and gives its length; what stood there before is replaced once the new one is whole.
    /// `progress` is told the bytes so far, and all where that is known. There is no limit but the disk and the deadline.
    ///
    /// # Errors
    /// Those of [`Body::bytes`](super::Body::bytes) but for the limit, and [`Error::Io`] when the file cannot be written: no
    /// permission, no room. The unfinished file is removed, and what stood there before is untouched.
    pub fn save(mut self, path: impl AsRef<Path>, mut progress: impl FnMut(u64, Option<u64>)) -> Result<u64> {
        let path = path.as_ref();
        let (mut part, all) = (Part::beside(path)?, self.body.length());
        let mut piece = vec![0; PIECE];
        let mut done = 0;
        progress(done, all);
        loop {
            let n = self.body.read(&mut piece).map_err(Error::io("read the body"))?;
            if n == 0 {
                break;
            }
            part.file.write_all(&piece[..n]).map_err(Error::io(format!("write {}", path.display())))?;
            done += n as u64;
            progress(done, all);
        }
        part.name(path)?;
        Ok(done)
    }
}

/// An unfinished file. Dropped, it is removed.
struct Part {
    path: PathBuf,
    file: File,
}

impl Part {
    fn beside(path: &Path) -> Result<Part> {
        let phase = format!("create {}", path.display());
        let bad = || Error::Invalid(format!("{phase}: this names no file").into());
        let name = path.file_name().ok_or_else(bad)?.to_string_lossy();
        if path.is_dir() {
            return Err(bad());
        }
        for n in 0..NAMES {
            let path = path.with_file_name(format!(".{name}.{}-{n}.part", process::id()));
            match OpenOptions::new().write(true).create_new(true).open(&path) {
                Ok(file) => return Ok(Part { path, file }),
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                Err(error) => return Err(Error::io(phase)(error)),
            }
        }
        Err(Error::Io(phase.into(), ErrorKind::AlreadyExists.into()))
    }

    fn name(mut self, path: &Path) -> Result<()> {
        fs::rename(&self.path, path).map_err(Error::io(format!("name {}", path.display())))?;
        self.path = PathBuf::new(); // nothing left to remove
        Ok(())
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        if !self.path.as_os_str().is_empty() {
            let _ = fs::remove_file(&self.path);
        }
    }
}
