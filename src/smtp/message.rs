//! A message and its envelope: what mail-builder makes, behind a door that closes its holes.
//!
//! ```text
//! From: =?utf-8?B?5Y+R5Lu25Lq6?= <sender@example.com>\r\n     names and subjects: ASCII around the other letters (RFC 2047)
//! To: <receiver@example.com>\r\n
//! Subject: =?utf-8?B?5rWL6K+V6YKu5Lu2?=\r\n
//! Message-ID: <18c5.9a3f@example.com>\r\n
//! Content-Type: text/plain; charset="utf-8"\r\n
//! Content-Transfer-Encoding: base64\r\n
//! \r\n
//! 6L+Z5piv5LiA5bCB5rWL6K+V6YKu5Lu2\r\n                        the text itself (RFC 2045)
//! ```
//!
//! RFC 5322; RFC 2045 to 2047; RFC 2231 (file names). Servers deliver to the envelope and never look into this: a Bcc that
//! stood in it would be read by everybody, so it goes into the envelope only.
//!
//! May use: error, and its neighbours.

use crate::error::{Error, Result};
use crate::smtp::check;
use std::hash::{BuildHasher, RandomState};
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

pub use mail_builder::MessageBuilder;
pub use mail_builder::headers::address::Address;
pub use mail_builder::headers::content_type::ContentType;
pub use mail_builder::headers::message_id::MessageId;
pub use mail_builder::headers::raw::Raw;
pub use mail_builder::headers::text::Text;
pub use mail_builder::headers::{HeaderType, url::URL};
pub use mail_builder::mime::{BodyPart, MimePart};

/// Who sends, and who is to get it: what the servers read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Envelope {
    /// Who hears of it when it cannot be delivered; empty for messages that are such news themselves.
    pub from: String,
    /// Everybody who is to get it, each once.
    pub to: Vec<String>,
}

/// A message, ready to travel, and its envelope.
///
/// ```
/// use netprimer::smtp::{Message, MessageBuilder};
/// let builder = MessageBuilder::new()
///     .from(("发件人", "sender@example.com"))
///     .to("receiver@example.com")
///     .bcc("secret@example.com")
///     .subject("测试邮件")
///     .text_body("这是一封测试邮件")
///     .attachment("text/plain", "报告.txt", "Hello");
/// let message = Message::new(&builder)?;
/// assert_eq!(message.envelope().to, ["receiver@example.com", "secret@example.com"]);
/// let text = String::from_utf8_lossy(message.bytes());
/// assert!(text.contains("To: <receiver@example.com>\r\n") && !text.contains("secret"));
/// # Ok::<(), netprimer::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    envelope: Envelope,
    bytes: Vec<u8>,
}

impl Message {
    /// Checks a message of mail-builder and writes it: with an own Message-ID in the domain of its sender, without Bcc, each
    /// byte of an attachment as it was.
    ///
    /// The envelope's sender is that of `Sender`, else of `From`; its recipients are those of To, Cc and Bcc.
    ///
    /// # Errors
    /// [`Error::Invalid`] for what could end a line of the head early or begin a field of its own, for a field twice that may
    /// stand there once (RFC 5322 section 3.6), for an address that is none, and without sender or recipient.
    pub fn new(builder: &MessageBuilder<'_>) -> Result<Message> {
        let mut builder = builder.clone();
        let found = check::head(&mut builder)?;
        let (Some(from), Some(_)) = (found.sender.or(found.from.first().cloned()), found.to.first()) else {
            return Err(Error::Invalid("a message needs a sender (From) and a recipient (To, Cc or Bcc)".into()));
        };
        if !found.has_id {
            builder = builder.message_id(new_id(&from));
        }
        check::body(&mut builder)?;
        let mut bytes = builder.write_to_vec().map_err(Error::io("write the message"))?;
        if !bytes.ends_with(b"\r\n") {
            bytes.extend_from_slice(b"\r\n");
        }
        Ok(Message { envelope: Envelope { from, to: found.to }, bytes })
    }

    /// Who sends it, and who is to get it.
    pub fn envelope(&self) -> &Envelope {
        &self.envelope
    }

    /// Head and body, with CRLF at the end of each line of text.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Writes it to a file, `message.eml` for instance, which mail programs open.
    ///
    /// # Errors
    /// [`Error::Io`] when the file cannot be written.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        let path = path.as_ref();
        std::fs::write(path, &self.bytes).map_err(Error::io(format!("write {}", path.display())))
    }
}

/// A name for this message that no other has (RFC 5322 section 3.6.4), and that tells nothing about this machine.
fn new_id(from: &str) -> String {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos());
    let domain = from.rsplit_once('@').map_or("localhost", |(_, domain)| domain);
    let domain = if domain.is_ascii() { domain } else { "localhost" };
    format!("{since:x}.{:016x}@{domain}", RandomState::new().hash_one(since))
}
