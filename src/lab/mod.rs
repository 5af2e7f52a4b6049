//! The laboratory: small servers on 127.0.0.1 for lessons and tests, so that a class needs no internet.
//!
//! Each is bound before its `start` returns, tells its address, and ends when it is dropped. They speak to this machine only.
//!
//! May use: everything below rank 6.

pub mod dns;
mod zone;
