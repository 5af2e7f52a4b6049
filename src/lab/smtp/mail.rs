//! A message in the inbox: who sent it to whom, as the servers see it, and what a mail program would show.
//!
//! May use: encode, and its neighbours.

use super::mime;
use std::fmt;

/// A message that was taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mail {
    /// Who sent it: the envelope's sender, not that of the head.
    pub from: String,
    /// Who is to get it: the envelope's recipients.
    pub to: Vec<String>,
    /// Who had logged in, if anybody.
    pub user: Option<String>,
    /// Whether it came over TLS.
    pub secure: bool,
    /// Head and body as they came, without the doubled dots.
    pub bytes: Vec<u8>,
}

/// One part of a message: a text, an attachment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// Its type in small letters, without parameters: `text/plain`.
    pub kind: String,
    /// The name of its file, if it has one.
    pub name: Option<String>,
    /// What it holds, decoded.
    pub bytes: Vec<u8>,
}

impl Part {
    /// What it holds, as text with `\n` at the end of each line. What is no UTF-8 becomes `U+FFFD`.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes).replace("\r\n", "\n")
    }
}

impl Mail {
    /// A field of its head, decoded; of several the first.
    pub fn header(&self, name: &str) -> Option<String> {
        let (head, _) = mime::split(&self.bytes);
        mime::field(&head, name).map(|value| mime::words(&value))
    }

    /// The subject, or nothing.
    pub fn subject(&self) -> String {
        self.header("Subject").unwrap_or_default()
    }

    /// The sender as the head has it, with the name: what a mail program shows. Anybody can write anything there.
    pub fn sender(&self) -> String {
        self.header("From").unwrap_or_default()
    }

    /// Its parts in their order, those within others too; only the leaves.
    pub fn parts(&self) -> Vec<Part> {
        mime::parts(&self.bytes, 0)
    }
}

/// What a lesson prints: sender, recipients, subject, and one line for each part.
impl fmt::Display for Mail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let visible = |text: &str| crate::encode::visible(text.as_bytes());
        writeln!(f, "from {} to {}", visible(&self.from), visible(&self.to.join(", ")))?;
        writeln!(f, "From: {}", visible(&self.sender()))?;
        writeln!(f, "Subject: {}", visible(&self.subject()))?;
        for part in self.parts() {
            let name = part.name.as_ref().map(|name| format!(" {}", visible(name))).unwrap_or_default();
            writeln!(f, "{}{name}: {} bytes", visible(&part.kind), part.bytes.len())?;
        }
        Ok(())
    }
}
