//! Sending: the envelope, recipient by recipient, then the message, and what the server said to each.
//!
//! ```text
//! C: MAIL FROM:<a@example.com>\r\n         with PIPELINING all of this leaves in one write,
//!    RCPT TO:<b@example.com>\r\n           and its replies come together: one round trip;
//!    DATA\r\n
//! S: 250 OK\r\n 250 OK\r\n 354 go\r\n
//! C: the message ... \r\n.\r\n              and one more for the message
//! S: 250 taken\r\n
//! ```
//!
//! RFC 5321 sections 3.3 and 4.2.5; RFC 2920.
//!
//! May use: everything up to dial, and its neighbours.

use crate::deadline::Deadline;
use crate::error::{Error, Reply, Result};
use crate::smtp::client::{Smtp, gone};
use crate::smtp::message::{Envelope, Message, MessageBuilder};
use crate::smtp::wire;
use std::{error, fmt};

/// Commands in one write: the replies to them must fit into what the kernels keep, or both sides wait to write (RFC 2920
/// section 3.1). Servers take 100 recipients at least (RFC 5321 section 4.5.3.1.8).
const TOGETHER: usize = 100;

/// A message that was taken, for one recipient at least.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sent {
    /// What the server said when it took the message, its name for it for instance.
    pub reply: Reply,
    /// Those for whom it was not taken.
    pub refused: Vec<Refused>,
}

/// A recipient that the server does not take, and why: a `4xx` may go better later, a `5xx` will not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// Who.
    pub address: String,
    /// What the server said.
    pub reply: Reply,
}

/// The cause in an [`Error::Other`]: the connection was lost behind the final dot, before the reply. The server may have taken
/// the message or not (RFC 1047), so sending it again may give it twice.
#[derive(Debug)]
pub struct Unknown(pub Error);

impl fmt::Display for Unknown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "unknown whether it was taken: all of it was sent, and then: {}", self.0)
    }
}

impl error::Error for Unknown {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        Some(&self.0)
    }
}

/// All were refused: a line for each.
pub(super) fn for_nobody(refused: &[Refused]) -> Error {
    let lasting = refused.iter().find(|one| one.reply.code / 100 == 5).or(refused.first());
    let code = lasting.map_or(554, |one| one.reply.code);
    let lines = refused.iter().map(|one| format!("{}: {}", one.address, one.reply)).collect();
    Error::Reply(Box::new(Reply { code, lines }))
}

/// The bytes of the message in a block: neither the dots that were added nor the end count (RFC 1870 section 5).
fn size_of(block: &[u8]) -> usize {
    let pairs = block.iter().zip(block.iter().skip(1));
    let dots = usize::from(block.starts_with(b".")) + pairs.filter(|(a, b)| (**a == b'\n') & (**b == b'.')).count();
    block.len() - dots - 2 // one of the dots is that of the end
}

impl Smtp {
    /// Sends a message to all that stand in its From, To, Cc and Bcc; Bcc itself is not sent.
    ///
    /// # Errors
    /// Those of [`Message::new`] and [`send_to`](Smtp::send_to).
    pub fn send(&mut self, message: &MessageBuilder<'_>) -> Result<Sent> {
        let message = Message::new(message)?;
        self.send_to(message.envelope(), message.bytes())
    }

    /// Sends bytes as they are, but for line ends, to this envelope. Two round trips with PIPELINING.
    ///
    /// One recipient that is refused is no error. Whatever the error, the connection can be used again, unless it was lost.
    ///
    /// # Errors
    /// Before anything is sent: [`Error::Invalid`] for an address, those of [`wire::block`], [`Error::TooLong`] for more than
    /// the server takes, [`Error::Protocol`] for what it cannot take. [`Error::Reply`] when it refuses the message, or every
    /// recipient: then with a line for each. [`Error::Other`] with [`Unknown`] when only the last reply is missing.
    pub fn send_to(&mut self, envelope: &Envelope, message: &[u8]) -> Result<Sent> {
        let (reply, refused) = self.transaction(envelope, &wire::block(message)?)?;
        match reply {
            Some(reply) => Ok(Sent { reply, refused }),
            None => Err(for_nobody(&refused)),
        }
    }

    /// One message: what was said when it was taken, if anybody takes it, and who was refused.
    pub(super) fn transaction(&mut self, envelope: &Envelope, block: &[u8]) -> Result<(Option<Reply>, Vec<Refused>)> {
        let mut commands = vec![self.mail_line(envelope, block)?];
        for address in &envelope.to {
            commands.push(format!("RCPT TO:<{address}>\r\n"));
        }
        commands.push("DATA\r\n".into());
        let together = if self.extensions.has("PIPELINING") { TOGETHER } else { 1 };
        let mut replies: Vec<Reply> = Vec::new();
        for group in commands.chunks(together) {
            // Nothing goes on without a sender, and DATA not without a recipient; in one write we cannot know yet.
            let in_vain = |replies: &[Reply]| {
                let refused = |reply: &Reply| reply.code / 100 != 2;
                replies.first().is_some_and(refused)
                    || (replies.len() + 1 == commands.len() && replies.iter().skip(1).all(refused))
            };
            if in_vain(&replies) {
                break;
            }
            let heard = self.turn(group.concat().as_bytes(), group.len(), &mut replies);
            // Who refuses and closes the connection has said why.
            if !in_vain(&replies) {
                heard?;
            }
        }
        let data = if replies.len() == commands.len() { replies.pop() } else { None };
        let go = data.as_ref().is_some_and(|reply| reply.code == 354);
        let mut replies = replies.into_iter();
        let mail = replies.next().ok_or_else(gone)?;
        let (mail, recipients) = (mail.expect(2), envelope.to.iter().cloned().zip(replies));
        let refused = recipients.filter(|(_, reply)| reply.code / 100 != 2);
        let refused: Vec<Refused> = refused.map(|(address, reply)| Refused { address, reply }).collect();
        if mail.is_ok() && refused.len() < envelope.to.len() {
            match data.ok_or_else(gone).and_then(|reply| reply.expect(354)) {
                Ok(_) => return Ok((Some(self.message(block, Deadline::after(self.options.taking))?), refused)),
                Err(error) => {
                    self.start_over();
                    return Err(error);
                }
            }
        }
        if go {
            // The server waits for a message that nobody is to get: an empty one (RFC 2920 section 3.1). What it says to that
            // is not why nobody gets it.
            let _ = self.command(".");
        }
        self.start_over();
        mail.map(|_| (None, refused))
    }

    /// Commands in one write, and what is said to each, as far as it is said.
    fn turn(&mut self, commands: &[u8], replies: usize, heard: &mut Vec<Reply>) -> Result<()> {
        let mut by = Deadline::after(self.options.dial.reply);
        self.write(commands, by)?;
        for _ in 0..replies {
            heard.push(self.read_by(by)?);
            by = Deadline::after(self.options.dial.reply);
        }
        Ok(())
    }

    /// Forgets what was begun, or the connection, if the server does not.
    fn start_over(&mut self) {
        if self.reset().is_err() {
            self.conn = None;
        }
    }

    fn mail_line(&self, envelope: &Envelope, block: &[u8]) -> Result<String> {
        let addresses = || envelope.to.iter().chain(Some(&envelope.from).filter(|from| !from.is_empty()));
        addresses().try_for_each(|address| wire::mailbox(address))?;
        if envelope.to.is_empty() {
            return Err(Error::Invalid("an envelope needs a recipient".into()));
        }
        let mut line = format!("MAIL FROM:<{}>", envelope.from);
        let size = size_of(block);
        if self.extensions.size().is_some_and(|most| size > most) {
            return Err(Error::TooLong("a message for this server (SIZE)".into(), self.extensions.size().unwrap_or(0)));
        }
        if self.extensions.has("SIZE") {
            line += &format!(" SIZE={size}");
        }
        let mut need = |needed: bool, keyword: &str, parameter: &str| match needed {
            true if self.extensions.has(keyword) => {
                line += parameter;
                Ok(())
            }
            true => {
                Err(Error::Protocol(format!("the message needs {keyword}, which the server does not offer").into()))
            }
            false => Ok(()),
        };
        let head_end = block.windows(4).position(|four| four == b"\r\n\r\n").unwrap_or(block.len());
        let utf8 = !addresses().all(|address| address.is_ascii()) || !block[..head_end].is_ascii();
        need(!block.is_ascii(), "8BITMIME", " BODY=8BITMIME")?;
        need(utf8, "SMTPUTF8", " SMTPUTF8")?;
        Ok(line + "\r\n")
    }

    fn message(&mut self, block: &[u8], deadline: Deadline) -> Result<Reply> {
        self.write(block, deadline)?;
        let unknown = |error| match error {
            Error::Reply(_) => error, // 421: it was not taken
            lost => Error::Other("send the message".into(), Box::new(Unknown(lost))),
        };
        self.read_by(deadline).map_err(unknown)?.expect(2)
    }

    /// The message behind a DATA that was sent by [`command`](Smtp::command).
    ///
    /// # Errors
    /// As [`send_to`](Smtp::send_to); but one that cannot be sent loses the connection, on which the server waits for it.
    pub fn data(&mut self, message: &[u8]) -> Result<Reply> {
        let deadline = Deadline::after(self.options.taking); // to stuff a long one takes a while too
        let block = wire::block(message).inspect_err(|_| self.conn = None)?;
        self.message(&block, deadline)
    }
}
