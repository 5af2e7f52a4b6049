//! HTTP/1.1 by hand.
//!
//! May use: everything up to dial.

pub mod chunked;
pub mod head;
pub mod url;
