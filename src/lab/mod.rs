//! The laboratory: peers for lessons and tests, all on this machine.
//!
//! A lab peer listens on 127.0.0.1 at a port of its own before its `start` or `play` returns, misbehaves only in ways that have a
//! name, and ends when it is dropped. There is no way to bind one elsewhere: a practice server on a real network should
//! take an edit, not an argument.
//!
//! May use: everything but `check`.

pub mod all;
pub mod dns;
pub mod echo;
pub mod ftp;
pub mod http;
mod pause;
pub mod ports;
pub mod ready;
pub mod script;
pub mod smtp;
pub mod tls;
mod udp;
pub mod ws;
mod zone;
