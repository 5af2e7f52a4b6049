//! Network programming in plain, blocking Rust: the batteries that `std::net` does not bring, written to be read.

#![warn(missing_docs)]

pub mod deadline;
pub mod dial;
pub mod dns;
pub mod encode;
pub mod error;
#[cfg(feature = "lab")]
pub mod lab;
pub mod reply;
pub mod retry;
pub mod stream;
pub mod text;
pub mod trace;

pub use deadline::Deadline;
pub use error::{Error, Reply, Result, finish};
