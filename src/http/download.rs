//! A body into a file, which has its name only once it is whole.
//!
//! May use: error, part, and response of its own folder.

use super::response::Response;
use crate::error::{Error, Result};
use crate::part::Part;
use std::io::{Read, Write};
use std::path::Path;

/// One read and one write: large enough that the system calls do not count.
const PIECE: usize = 256 << 10;

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
            part.write_all(&piece[..n]).map_err(Error::io(format!("write {}", path.display())))?;
            done += n as u64;
            progress(done, all);
        }
        part.name(path)?;
        Ok(done)
    }
}
