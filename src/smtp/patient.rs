//! Sending again where the server said "not now": a greylisting server takes from strangers only what comes twice.
//!
//! ```text
//! C: RCPT TO:<b@example.com>               S: 450 4.7.1 try again in a minute
//!    a pause, then
//! C: RCPT TO:<b@example.com>               S: 250 OK
//! ```
//!
//! RFC 5321 sections 4.2.1 and 4.5.4.1: `4xx` may go better later, `5xx` will not.
//!
//! May use: everything up to dial, and its neighbours.

use crate::error::{Error, Result};
use crate::retry::{Policy, pause, retry_with};
use crate::smtp::client::Smtp;
use crate::smtp::message::{Message, MessageBuilder};
use crate::smtp::send::{Sent, for_nobody};
use crate::smtp::wire;
use std::cell::Cell;

impl Smtp {
    /// [`send`](Smtp::send) that tries again, as the policy says, for those recipients who were refused with a `4xx`, and for
    /// none that has the message already or was refused for good. (Where it is the message that is refused, all are tried again.)
    ///
    /// `refused` then holds all who do not have it. A lost connection ends it: whether to connect anew is the caller's to
    /// say. (Lost behind a final dot that was not the first, it leaves open whether those with a `4xx` have it.)
    ///
    /// # Errors
    /// As [`send`](Smtp::send), of the last attempt, where nobody has the message.
    pub fn send_patiently(&mut self, message: &MessageBuilder<'_>, policy: &Policy) -> Result<Sent> {
        let message = Message::new(message)?;
        let block = wire::block(message.bytes())?;
        let mut left = message.envelope().clone();
        let (mut taken, mut never, mut later) = (None, Vec::new(), Vec::new());
        let lost = Cell::new(false);
        let again = |error: &Error| matches!(error, Error::Reply(reply) if reply.code / 100 == 4 && !lost.get());
        let done = retry_with(policy, again, pause, |_| {
            let outcome = self.transaction(&left, &block);
            lost.set(self.conn.is_none());
            let (reply, refused) = outcome?;
            taken = reply.or(taken.take());
            let (now_later, now_never) = refused.into_iter().partition(|one| one.reply.code / 100 == 4);
            later = now_later;
            never.extend::<Vec<_>>(now_never);
            left.to = later.iter().map(|one| one.address.clone()).collect();
            if later.is_empty() { Ok(()) } else { Err(for_nobody(&later)) }
        });
        never.append(&mut later);
        match (taken, done) {
            (Some(reply), _) => Ok(Sent { reply, refused: never }),
            (None, Err(error)) => Err(error),
            (None, Ok(())) => Err(for_nobody(&never)),
        }
    }
}
