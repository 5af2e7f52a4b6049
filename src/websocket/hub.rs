//! One message to many, of whom one may be slow.
//!
//! ```text
//! hub.send(m) ──┬─> [m m]          queue ── thread ── client A
//!               ├─> []             queue ── thread ── client B
//!               └─> [m m … 64] full queue ── thread ── client C, who does not read: cut off
//! ```
//!
//! A write to a client who does not read waits for him. So each has a queue and a thread that empties it, and a queue that is
//! full has a consequence.
//!
//! May use: error.

use super::Socket;
use super::sender::{Sender, sender};
use super::writer::locked;
use crate::error::{Error, Result};
use std::collections::HashMap;
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex};
use std::thread;
use tungstenite::Message;

/// What a thread that only sends needs.
const STACK: usize = 64 << 10;

/// What happens to a client whose queue is full.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Slow {
    /// Its connection is cut; it may come back and ask what it missed. The default.
    Cut,
    /// It misses this message: good where only the latest counts, a temperature for instance.
    Skip,
}

/// Those who hear what is sent to all. Clones are the same one.
#[derive(Debug, Clone)]
pub struct Hub {
    shared: Arc<Mutex<Shared>>,
    queue: usize,
    slow: Slow,
}

#[derive(Debug, Default)]
struct Shared {
    latest: u64,
    members: HashMap<u64, Member>,
}

#[derive(Debug)]
struct Member {
    queue: SyncSender<Message>,
    sender: Sender,
}

impl Default for Hub {
    fn default() -> Hub {
        Hub::new(64, Slow::Cut)
    }
}

impl Hub {
    /// With room for so many messages that a member has not taken yet, and what happens when there is none left.
    pub fn new(queue: usize, slow: Slow) -> Hub {
        Hub { shared: Arc::default(), queue, slow }
    }

    /// From now on this client hears what is sent to all, until the seat is dropped. Reading stays with the caller.
    ///
    /// # Errors
    /// [`Error::Io`] when the system has no thread for it.
    ///
    /// ```
    /// use netprimer::{server::Server, websocket};
    /// let hub = websocket::Hub::default();
    /// let chat = websocket::serve(Server::bind("127.0.0.1:0")?, Default::default(), move |client| {
    ///     let _seat = hub.join(&client.socket)?;
    ///     while let Some(message) = client.receive()? {
    ///         hub.send(message);
    ///     }
    ///     Ok(())
    /// })?;
    ///
    /// let mut ann = websocket::connect(&format!("ws://{}/", chat.addr()))?;
    /// ann.send("I am Ann".into())?;
    /// assert_eq!(ann.read()?.to_string(), "I am Ann");
    /// let mut bob = websocket::connect(&format!("ws://{}/", chat.addr()))?;
    /// bob.send("Hello, Ann".into())?;
    /// assert_eq!(ann.read()?.to_string(), "Hello, Ann");
    /// # Ok::<(), netprimer::Error>(())
    /// ```
    pub fn join(&self, socket: &Socket) -> Result<Seat> {
        let (queue, messages) = sync_channel(self.queue);
        let sender = sender(socket);
        let mut empties = sender.clone();
        thread::Builder::new()
            .name("hub".into())
            .stack_size(STACK)
            // It ends when the seat is gone and the queue empty, or when nobody can be reached.
            .spawn(move || messages.iter().try_for_each(|message| empties.send(message)))
            .map_err(Error::not_started("start a thread to send to this client"))?;
        let mut shared = locked(&self.shared);
        shared.latest += 1;
        let number = shared.latest;
        shared.members.insert(number, Member { queue, sender });
        Ok(Seat { hub: self.clone(), number })
    }

    /// Sends to all, and waits for nobody. Gives how many of them it is on its way to.
    pub fn send(&self, message: impl Into<Message>) -> usize {
        let message = message.into();
        let mut shared = locked(&self.shared);
        let mut reached = 0;
        shared.members.retain(|_, member| match member.queue.try_send(message.clone()) {
            Ok(()) => {
                reached += 1;
                true
            }
            Err(TrySendError::Full(_)) if self.slow == Slow::Skip => true,
            // Full, or its thread has ended because the client is gone: whoever reads there will see the end.
            Err(_) => {
                member.sender.cut();
                false
            }
        });
        reached
    }

    /// How many hear what is sent.
    pub fn members(&self) -> usize {
        locked(&self.shared).members.len()
    }
}

/// A place in a [`Hub`]. Dropping it leaves the hub.
#[must_use = "dropping the seat leaves the hub"]
#[derive(Debug)]
pub struct Seat {
    hub: Hub,
    number: u64,
}

impl Drop for Seat {
    fn drop(&mut self) {
        let _member = locked(&self.hub.shared).members.remove(&self.number); // dropped after the lock
    }
}
