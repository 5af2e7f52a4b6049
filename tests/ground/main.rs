//! What all protocols stand on. (One test program for many files: while one test waits, the others work.)
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "../support/mod.rs"]
mod support;

mod fault;
mod gather;
mod script;
mod server;
mod server_limits;
mod stream;
mod text;
#[cfg(target_os = "linux")]
mod tls;
mod trace;
