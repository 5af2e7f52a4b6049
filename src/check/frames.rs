//! The part of a conversation that is WebSocket frames (RFC 6455 section 5.2), as they are behind the handshake.
//!
//! A client's mask is another one each time, so a report shows what a frame says: `text one`, `pong alive?`, `close 1000`. Where
//! frames are compared, clues of a step are about these words.
//!
//! May use: of this folder report, talk, wire.

use super::report::{End, Expected, Failure, shown};
use super::talk::{Checked, Heard, PATIENCE, Talk};
use super::wire::Wire;

/// No frame of an exercise is longer, and two bytes can say its length.
const LONGEST: usize = 8_192;

/// The first bytes of whole messages and control frames: FIN and the opcode.
pub const TEXT: u8 = 0x81;
/// See [`TEXT`].
pub const CLOSE: u8 = 0x88;
/// See [`TEXT`].
pub const PING: u8 = 0x89;
/// See [`TEXT`].
pub const PONG: u8 = 0x8a;

/// A frame: its first byte and its payload, without a mask.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame(pub u8, pub Vec<u8>);

impl Frame {
    /// A Close with this code.
    pub fn close(code: u16) -> Frame {
        Frame(CLOSE, code.to_be_bytes().to_vec())
    }

    /// As a server sends it.
    pub fn bytes(&self) -> Vec<u8> {
        let length = match self.1.len() {
            short @ 0..=125 => vec![short as u8],
            long => [&[126], &(long as u16).to_be_bytes()[..]].concat(),
        };
        [&[self.0], &length[..], &self.1].concat()
    }

    /// What it says.
    pub fn words(&self) -> String {
        shown(&self.said())
    }

    /// The same as evidence, in which a report shows each byte that is no letter.
    pub fn said(&self) -> Vec<u8> {
        let kind = match self.0 {
            TEXT => "text",
            CLOSE => "close",
            PING => "ping",
            PONG => "pong",
            _ => return format!("a frame that begins with {:02x}", self.0).into(),
        };
        match (self.0, self.1.as_slice()) {
            (_, []) => kind.into(),
            (CLOSE, [high, low, reason @ ..]) => {
                let code = u16::from_be_bytes([*high, *low]);
                [format!("{kind} {code} ").as_bytes(), reason].concat().trim_ascii_end().to_vec()
            }
            (_, payload) => [kind.as_bytes(), b" ", payload].concat(),
        }
    }
}

impl Talk {
    /// Sends this frame.
    pub fn send_frame(&mut self, frame: &Frame) {
        self.send_as(frame.bytes(), &frame.words());
    }

    /// The client's next frame, whatever it says. `what` says in the report what had to come.
    ///
    /// # Errors
    /// When none comes whole, or one without a mask.
    pub fn hear_frame(&mut self, what: &str) -> Result<Frame, Box<Failure>> {
        let frame = self.hear_frame_quietly(what)?;
        self.note('C', &frame.words());
        Ok(frame)
    }

    /// The same without a word in the report.
    ///
    /// # Errors
    /// As there.
    pub fn hear_frame_quietly(&mut self, what: &str) -> Result<Frame, Box<Failure>> {
        let head = self.hear_all(2, what)?;
        if head == b"GE" {
            self.refuse(
                what,
                &head,
                "This is the GET of a handshake, which is left out here: the frames begin at once.",
            )?;
        }
        let length = match head[1] & 0x7f {
            126 => {
                let more = self.hear_all(2, what)?;
                usize::from(u16::from_be_bytes([more[0], more[1]]))
            }
            127 => usize::MAX, // eight bytes of length follow: only what is longer than 65,535 has them
            short => usize::from(short),
        };
        if head[1] & 0x80 == 0 || length > LONGEST {
            let why = "A client masks every frame (RFC 6455 section 5.3), and no frame here has more than 8,192 bytes.";
            self.refuse(what, &head, why)?;
        }
        let mask = self.hear_all(4, what)?;
        let mut payload = self.hear_all(length, what)?;
        payload.iter_mut().zip(mask.iter().cycle()).for_each(|(byte, mask)| *byte ^= mask);
        Ok(Frame(head[0], payload))
    }

    /// This frame has to come next from the client.
    ///
    /// # Errors
    /// When another one comes, or none.
    pub fn expect_frame(&mut self, wanted: &Frame) -> Checked {
        let got = self.hear_frame(&wanted.words())?;
        if got == *wanted {
            return Ok(());
        }
        self.fail(Expected::Other(wanted.words()), got.said(), End::Open)
    }

    fn hear_all(&mut self, bytes: usize, what: &str) -> Result<Vec<u8>, Box<Failure>> {
        let patience = self.patience(PATIENCE);
        let mut got = Vec::new();
        while got.len() < bytes {
            match self.hear(bytes - got.len(), patience, Wire::read) {
                Heard::Bytes(more) => got.extend(more),
                Heard::Nothing(end) => {
                    // Half a frame is under its mask, and so another one each time.
                    return self.fail(Expected::Other(what.to_owned()), Vec::new(), end).map(|()| got);
                }
            }
        }
        Ok(got)
    }
}

#[cfg(test)]
mod tests {
    use super::super::{At, Peer, Role};
    use super::*;
    use std::io::{self, Write};
    use std::net::{SocketAddr, TcpStream};

    #[test]
    fn a_length_of_eight_bytes_is_none_of_127() {
        fn ask(server: SocketAddr) -> io::Result<Vec<u8>> {
            let long = [&[TEXT, 0xff, 0, 0, 0, 0, 0, 1, 0, 0, 1, 2, 3, 4], &[b'x'; 200][..]].concat();
            TcpStream::connect(server)?.write_all(&long).map(|()| Vec::new())
        }
        let mut talk = Talk::new(Role::Client, Peer::Client(ask), None);
        talk.step("one", "The code");
        talk.start(At::Tcp).unwrap();
        talk.accept().unwrap();
        let failure = talk.hear_frame("text one").unwrap_err();
        assert_eq!((failure.received.as_slice(), failure.end), (&[TEXT, 0xff][..], End::Open));
    }
}
