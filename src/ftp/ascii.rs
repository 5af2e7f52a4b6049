//! Text in transit: CRLF ends a line on the wire, LF on our side (RFC 959 section 3.1.1.1).
//!
//! Bytes in, bytes out, in pieces of any size: a CR that ends one piece belongs to the LF that begins the next.
//!
//! May use: nothing of this crate.

/// From the wire: CRLF becomes LF; a CR alone stays.
#[derive(Debug, Default)]
pub(crate) struct FromWire {
    held: bool,
}

impl FromWire {
    pub(crate) fn convert(&mut self, piece: &[u8], into: &mut Vec<u8>) {
        for byte in piece {
            if self.held && *byte != b'\n' {
                into.push(b'\r');
            }
            self.held = *byte == b'\r';
            if !self.held {
                into.push(*byte);
            }
        }
    }

    /// What is still held back when nothing more comes.
    pub(crate) fn end(&mut self, into: &mut Vec<u8>) {
        if std::mem::take(&mut self.held) {
            into.push(b'\r');
        }
    }
}

/// To the wire: LF becomes CRLF; what is CRLF already stays.
#[derive(Debug, Default)]
pub(crate) struct ToWire {
    after_cr: bool,
}

impl ToWire {
    pub(crate) fn convert(&mut self, piece: &[u8], into: &mut Vec<u8>) {
        for byte in piece {
            if *byte == b'\n' && !self.after_cr {
                into.push(b'\r');
            }
            self.after_cr = *byte == b'\r';
            into.push(*byte);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn line_ends_at_every_cut() {
        let (here, wire) = (b"a\n\n\rb\r".as_slice(), b"a\r\n\r\n\rb\r".as_slice());
        for cut in 0..=wire.len() {
            let (mut from, mut text) = (FromWire::default(), Vec::new());
            from.convert(&wire[..cut], &mut text);
            from.convert(&wire[cut..], &mut text);
            from.end(&mut text);
            assert_eq!(text, here, "cut at {cut}");
        }
        for cut in 0..=here.len() {
            let (mut to, mut sent) = (ToWire::default(), Vec::new());
            to.convert(&here[..cut], &mut sent);
            to.convert(&here[cut..], &mut sent);
            assert_eq!(sent, wire, "cut at {cut}");
        }
        let mut again = Vec::new();
        ToWire::default().convert(wire, &mut again);
        assert_eq!(again, wire, "what has CRLF already is as it was");
    }
}
