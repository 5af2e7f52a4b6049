//! What can go wrong, in our words, and the close code that tells the other side.
//!
//! RFC 6455 sections 7.1.7 (fail the connection) and 7.4.1 (the codes). tungstenite reports such an error and says nothing to
//! the peer, who then sees a connection that just ends.
//!
//! May use: error, encode.

use crate::encode::visible;
use crate::error::Error;
use std::{error, fmt};
use tungstenite::error::{CapacityError, ProtocolError};
use tungstenite::protocol::frame::coding::CloseCode;

/// The server answered the handshake with something else than "101 Switching Protocols".
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// The status of its answer.
    pub status: u16,
    /// The first 1,024 bytes of its body: often the reason in words, and shown if its first line has any.
    pub body: String,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let line = self.body.lines().next().filter(|line| line.contains(char::is_alphanumeric)).unwrap_or_default();
        let shown: String = visible(line.as_bytes()).chars().take(200).collect();
        write!(f, "refused with status {}", self.status)?;
        if shown.is_empty() { Ok(()) } else { write!(f, ": {shown}") }
    }
}

impl error::Error for Refused {}

impl From<tungstenite::Error> for Error {
    fn from(error: tungstenite::Error) -> Error {
        use tungstenite::Error as E;
        match error {
            E::Io(cause) => Error::io("WebSocket")(cause),
            E::ConnectionClosed | E::AlreadyClosed => Error::Closed("WebSocket, after its Close".into()),
            E::Protocol(ProtocolError::ResetWithoutClosingHandshake) => {
                Error::Closed("WebSocket, without a Close".into())
            }
            E::Capacity(CapacityError::MessageTooLong { max_size, .. }) => {
                Error::TooLong("read a message".into(), max_size)
            }
            E::Protocol(what) => Error::Protocol(format!("WebSocket: {what}").into()),
            E::WriteBufferFull(_) => Error::Invalid("send a message: longer than the limit for messages".into()),
            E::Url(what) => Error::Invalid(what.to_string().into()),
            other => Error::Other("WebSocket".into(), Box::new(other)),
        }
    }
}

/// The code that tells the other side why we end (section 7.4.1). `None` where there is nobody to be told.
pub fn close_code(error: &Error) -> Option<CloseCode> {
    match error {
        Error::TooLong(..) => Some(CloseCode::Size),
        Error::Protocol(_) => Some(CloseCode::Protocol),
        Error::Other(_, cause) if matches!(cause.downcast_ref(), Some(tungstenite::Error::Utf8(_))) => {
            Some(CloseCode::Invalid)
        }
        Error::Io(..) | Error::Closed(_) => None,
        _ => Some(CloseCode::Error),
    }
}

/// Whether the same address may be worth another try: what [`Error::is_transient`] says, and a server that is overloaded or has
/// trouble (429 and 5xx, RFC 9110 section 15.6, RFC 6585 section 4).
pub fn is_transient(error: &Error) -> bool {
    match error {
        Error::Other(_, cause) => cause
            .downcast_ref::<Refused>()
            .is_some_and(|refused| refused.status == 429 || (500..600).contains(&refused.status)),
        error => error.is_transient(),
    }
}
