//! Network programming in plain, blocking Rust: the batteries that `std::net` does not bring, written to be read.

#![warn(missing_docs)]

pub mod deadline;
pub mod encode;
pub mod error;
pub mod stream;
pub mod trace;

pub use deadline::Deadline;
pub use error::{Error, Reply, Result, finish};

/// The Rust in our texts runs as doctests, with the packages of this one. `tests/pairing.rs` knows when a text is missing.
#[cfg(doctest)]
mod texts {
    macro_rules! texts {
        ($($name:ident = $path:literal),* $(,)?) => { $(#[doc = include_str!($path)] mod $name {})* };
    }
    texts! {}
}
