//! Network programming in plain, blocking Rust: the batteries that `std::net` does not bring, written to be read.

#![warn(missing_docs)]

#[cfg(feature = "lab")]
pub mod check;
pub mod deadline;
pub mod encode;
pub mod error;
pub mod stream;
pub mod trace;

pub use deadline::Deadline;
pub use error::{Error, Reply, Result, finish};
