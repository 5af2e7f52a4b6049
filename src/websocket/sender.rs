//! Sending while somebody else reads: from another thread, over TCP and TLS.
//!
//! RFC 6455 section 5.4: fragments of a message, and so its bytes, must not be mixed with those of another. May use: error.

use super::line::Line;
use super::{Socket, farewell};
use crate::error::Result;
use tungstenite::protocol::frame::coding::CloseCode;
use tungstenite::{Message, WebSocket};

/// Sends on a connection that another thread reads. A clone serves a further thread.
///
/// Every frame goes out whole, whoever sends: this, the reader's pongs, the pings.
#[derive(Debug)]
pub struct Sender {
    socket: WebSocket<Line>,
}

/// A way to send on this connection from another thread. Reading stays where it is: pongs and the answer to a Close are sent by
/// whoever reads.
///
/// ```
/// # let lab = netprimer::lab::ws::start(Default::default())?;
/// # let url = lab.url("/");
/// use netprimer::websocket;
/// let mut socket = websocket::connect(&url)?;
/// let mut sender = websocket::sender(&socket);
/// let writer = std::thread::spawn(move || (1..=3).try_for_each(|n| sender.send(format!("message {n}"))));
/// for n in 1..=3 {
///     assert_eq!(socket.read()?.to_string(), format!("message {n}"));
/// }
/// writer.join().expect("the thread does not panic")?;
/// # Ok::<(), netprimer::Error>(())
/// ```
pub fn sender(socket: &Socket) -> Sender {
    let line = socket.get_ref().write_only();
    let role = line.writer().role;
    // It never reads, so it needs no room for what comes.
    let config = line.writer().limits.config().read_buffer_size(0);
    Sender { socket: WebSocket::from_raw_socket(line, role, Some(config)) }
}

impl Sender {
    /// Sends a message, and returns when the system has taken all of it.
    ///
    /// # Errors
    /// [`Error::Timeout`](crate::Error::Timeout) when the other side does not read for `Limits::write`: the connection is of no use
    /// then. [`Error::Io`](crate::Error::Io) when it is gone, or closed by us.
    pub fn send(&mut self, message: impl Into<Message>) -> Result<()> {
        Ok(self.socket.send(message.into())?)
    }

    /// Begins to close: after this nothing can be sent by anybody, and whoever reads gets the other side's Close, or a timeout
    /// after `Limits::close`.
    ///
    /// # Errors
    /// Those of [`Sender::send`]; [`Error::Invalid`](crate::Error::Invalid) as for [`close`](super::close).
    pub fn close(&mut self, code: CloseCode, reason: &str) -> Result<()> {
        Ok(self.socket.close(Some(farewell(code, reason)?))?)
    }

    /// Ends the connection at once, without a word: for a peer who does not read.
    pub fn cut(&self) {
        self.socket.get_ref().writer().cut();
    }
}

impl Clone for Sender {
    fn clone(&self) -> Sender {
        sender(&self.socket)
    }
}
