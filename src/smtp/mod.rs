//! SMTP, as a client: hands a message to a mail server, over TLS, and says what became of it.
//!
//! ```text
//! C: EHLO localhost                        S: 250-mail.example          what both can do
//!                                             250-PIPELINING
//!                                             250 STARTTLS
//! C: STARTTLS                              S: 220 go ahead              TLS begins here, and all is asked anew
//! C: AUTH PLAIN AHVzZXIAcGFzc3dvcmQ=       S: 235 welcome
//! C: MAIL FROM:<sender@example.com>        S: 250 OK                    the envelope: what the servers read
//! C: RCPT TO:<receiver@example.com>        S: 250 OK
//! C: DATA                                  S: 354 go ahead
//! C: Subject: Hello                        the message: what people read
//!    ...
//!    .                                     S: 250 taken
//! C: QUIT                                  S: 221 bye
//! ```
//!
//! RFC 5321; RFC 3207 (STARTTLS), RFC 4954 (AUTH), RFC 2920 (PIPELINING), RFC 1870 (SIZE), RFC 6152 (8BITMIME), RFC 6531
//! (SMTPUTF8), RFC 2034 and RFC 3463 (status codes).
//!
//! | file | what it holds |
//! |---|---|
//! | `wire` | what a server offers, the message as it travels |
//! | `address`, `status` | what may stand in a command; why something was refused |
//! | `auth` | how to log in |
//! | `client` | [`Smtp`]: greeting, EHLO, TLS, commands |
//! | `login`, `send` | [`Smtp`]: AUTH; MAIL, RCPT, DATA |
//! | `message` | [`Message`]: what mail-builder made, made safe |
//! | `check` | what mail-builder itself lets through |
//! | `patient` | sending again where the server said "not now" |
//!
//! May use: everything up to dial.

mod address;
pub mod auth;
mod check;
mod client;
mod login;
pub mod message;
mod patient;
mod send;
mod status;
pub mod wire;

pub use client::{Options, Smtp, StartTls};
pub use message::{Envelope, Message, MessageBuilder};
pub use send::{Refused, Sent, Unknown};
