//! What ureq's parser takes in the head of an answer and this library does not: lines that end with LF alone, and interim
//! answers without end.
//!
//! ```text
//! S: HTTP/1.1 103 Early Hints\r\n\r\n      an interim answer: the real one follows (RFC 9110 section 15.2)
//! S: HTTP/1.1 200 OK\n\n                   another program may see no end of the head here (RFC 9112 section 2.2)
//! ```
//!
//! May use: error.

use crate::error::{Error, Result};

/// Interim answers before the real one, as by hand (CVE-2021-3737 was one that never stopped).
const INTERIM: usize = 8;

/// Looks at the heads of one turn as they come, in pieces of any size.
#[derive(Debug, Default)]
pub(super) struct Heads {
    // The first bytes of this head, up to the status, and how many came of the head and of its last line.
    start: [u8; 10],
    head: usize,
    line: usize,
    last: u8,
    interim: usize,
    over: bool,
}

impl Heads {
    /// Takes what came. Behind the head of the real answer it looks at nothing more.
    pub fn look(&mut self, mut bytes: &[u8]) -> Result<()> {
        while !self.over && !bytes.is_empty() {
            let end = bytes.iter().position(|byte| *byte == b'\n').map(|at| at + 1);
            let (piece, rest) = bytes.split_at(end.unwrap_or(bytes.len()));
            if let Some(start) = self.start.get_mut(self.head..) {
                let some = start.len().min(piece.len());
                start[..some].copy_from_slice(&piece[..some]);
            }
            let before = match piece {
                [.., before, _] => *before,
                _ => self.last,
            };
            (self.head, self.line) = (self.head + piece.len(), self.line + piece.len());
            self.last = piece[piece.len() - 1];
            if end.is_some() {
                if self.line < 2 || before != b'\r' {
                    return Err(Error::Protocol("a line of the head ends with LF alone".into()));
                }
                if self.line == 2 {
                    self.end()?;
                }
                self.line = 0;
            }
            bytes = rest;
        }
        Ok(())
    }

    fn end(&mut self) -> Result<()> {
        match (self.head, self.start[9]) {
            (2, _) => return Err(Error::Protocol("the head has no first line".into())),
            (_, b'1') if self.interim == INTERIM => {
                return Err(Error::TooLong("count interim answers".into(), INTERIM));
            }
            (_, b'1') => (self.interim, self.head) = (self.interim + 1, 0),
            _ => self.over = true,
        }
        Ok(())
    }
}
