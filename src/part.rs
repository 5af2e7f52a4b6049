//! A file that has its name only once it is whole.
//!
//! Until then it stands beside its place under a name of its own, so that no reader, and no later run, takes a half for the whole.
//!
//! May use: error.

use crate::error::{Error, Result};
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::process;

/// So many leftovers of killed programs with our process's number are stepped over.
const NAMES: u32 = 100;

/// An unfinished file. Dropped, it is removed.
///
/// ```
/// use netprimer::part::Part;
/// use std::io::Write;
/// # let path = std::env::temp_dir().join(format!("netprimer-part-{}", std::process::id()));
/// let mut part = Part::beside(&path)?;
/// part.write_all(b"half")?;
/// assert!(!path.exists());
/// part.name(&path)?;
/// assert_eq!(std::fs::read(&path)?, b"half");
/// # std::fs::remove_file(&path)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Part {
    path: PathBuf,
    file: File,
}

impl Part {
    /// Creates one in the folder of `path`.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a path that names no file; [`Error::Io`] when the file cannot be created.
    pub fn beside(path: &Path) -> Result<Part> {
        let phase = format!("create {}", path.display());
        let bad = || Error::Invalid(format!("{phase}: this names no file").into());
        let name = path.file_name().filter(|_| !path.is_dir()).ok_or_else(bad)?.to_string_lossy();
        let name: String = name.chars().take(50).collect(); // with what we add, a long one would be too long
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

    /// Gives it the name `path`; what had that name before is replaced.
    ///
    /// # Errors
    /// [`Error::Io`] when the system refuses; the unfinished file is removed.
    pub fn name(mut self, path: &Path) -> Result<()> {
        fs::rename(&self.path, path).map_err(Error::io(format!("name {}", path.display())))?;
        self.path = PathBuf::new(); // nothing left to remove
        Ok(())
    }
}

impl Write for Part {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }
    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        if !self.path.as_os_str().is_empty() {
            let _ = fs::remove_file(&self.path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A name may have 255 bytes on most systems; what we add must not be too much.
    #[test]
    fn a_name_as_long_as_names_may_be() {
        let folder = std::env::temp_dir().join(format!("netprimer-names-{}", process::id()));
        fs::create_dir_all(&folder).unwrap();
        for name in ["n".repeat(255), "你".repeat(85)] {
            let path = folder.join(name);
            let mut part = Part::beside(&path).unwrap();
            part.write_all(b"whole").unwrap();
            part.name(&path).unwrap();
            assert_eq!(fs::read(&path).unwrap(), b"whole");
        }
        fs::remove_dir_all(&folder).unwrap();
    }
}
