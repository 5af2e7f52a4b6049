//! Names and addresses: DNS by hand, from the bytes of a message to the address of a host.
//!
//! ```text
//! www.example.com A?                          -> 93.184.216.34           what address has this name?
//! 34.216.184.93.in-addr.arpa PTR?             -> www.example.com         what name has this address?
//! ```
//!
//! RFC 1034 and 1035. The way to read: [`Name`] (labels and pointers), [`Message`] (one form for questions and answers),
//! [`Resolver`] (whom to ask, what to believe). Beside that way stand the types of records, their text, what the system
//! knows, and [`explain`], which shows a message byte by byte.
//!
//! A program that only wants to connect needs none of this: [`crate::stream::resolve`] lets the system look a name up, with a
//! timeout. This module is for what std cannot say: the names of an address, mail exchangers, text, and why it failed.
//!
//! May use: error, deadline, encode, stream, trace.

mod explain;
mod lookup;
mod message;
mod name;
mod record;
mod resolver;
mod system;
mod text;

pub use explain::explain;
pub use lookup::{Lookup, addresses, names};
pub use message::{AA, Message, QR, Question, RA, RD, TC};
pub use name::Name;
pub use record::{Data, Edns, IN, Kind, Rcode, Record, UDP_SIZE};
pub use resolver::Resolver;
pub use system::Hosts;
