//! Network programming in plain, blocking Rust: the batteries that `std::net` does not bring, written to be read.
//!
//! The library stands under a course: each lesson is an example (`cargo run --example NAME`), a text (`lessons/NAME.md`) and an
//! exercise. Start with the README; come here to see how a thing is done, or to use it.
//!
//! | lesson | in this library | is about |
//! |---|---|---|
//! | `00_start` | [`lab::ready`] | is this machine ready; the Rust you need |
//! | `01_overview` | [`lab::all`] | the tour: every protocol once; the families of tools |
//! | `02_1_tcp_server` | [`finish`] only: the example is plain std | a read is not a message; bytes are not text |
//! | `02_2_tcp_client` | [`finish`] only | connect to each address with one deadline; half-close |
//! | `02_3_udp_server` | [`finish`] only | a datagram is a message; whom may you answer? |
//! | `02_4_udp_client` | [`finish`] only | loss, timeout, resend, a stranger's answer |
//! | `02_5_threaded_server` | [`finish`]; then [`server`] | a thread per connection, and what it still lacks |
//! | `03_1_http_by_hand` | [`http`] | GET, POST, chunks, redirects, keep-alive; what ends a body; the same over TLS |
//! | `03_2_1_http_get` | [`web`] | GET with ureq: status, text, query, fields, JSON |
//! | `03_2_2_http_post` | [`web`] | POST with ureq: a form, JSON, a file |
//! | `03_2_3_http_session` | [`web`] | cookies by hand and by the server, default fields, connections kept |
//! | `03_2_4_http_retry` | [`web`], [`retry`] | every limit at work; what may be sent twice; a policy per address |
//! | `04_1_websocket_server` | [`websocket`] | messages both ways; a page on the same port; whose pages may connect |
//! | `04_2_websocket_client` | [`websocket`] | connect, send, receive; masks and lengths; ping and pong; closing |
//! | `05_ftp` | [`ftp`] | two connections; the address not to be believed; what TLS changes; whether it was all |
//! | `06_smtp` | [`smtp`] | a message over STARTTLS after a login; envelope against head; nothing smuggled |
//! | `07_1_dns` | [`dns`] | forward, reverse, the packet field by field |
//! | `07_2_port_scan` | [`scan`] | open, closed, filtered and why; only what you may scan |
//! | `08_1_concurrent_http` | [`gather`], [`web`] | threads where Python has tasks; order kept, a limit, errors apart |
//! | `08_2_concurrent_websocket` | [`websocket`] | receive while you send; whole frames from many threads; coming back |
//! | `09_best_practices` | [`retry`], [`deadline`], [`pool`], [`gather`] | five stations, first broken, then right |
//! | `10_summary` | all of them | which tool for which job; a monitor that looks, reports, uploads and mails |
//!
//! # The ground everything stands on
//!
//! A file uses only files of lower rank; a test reads the sources and keeps it so.
//!
//! | rank | modules | what they add |
//! |---|---|---|
//! | 7 | [`check`] | the exercises: what each checker sends and expects |
//! | 6 | [`lab`] | peers for lessons and tests, on this machine |
//! | 5 | [`dns`] [`http`] [`web`] [`websocket`] [`ftp`] [`smtp`] [`url`] | names and addresses: messages, and a resolver that believes only its own answer; HTTP/1.1 by hand, and with ureq; messages both ways; files to and fro; mail; addresses of the web |
//! | 4 | [`reply`] [`dial`] [`fault`] [`scan`] | three-digit replies; whom to call and how; a proxy that damages what passes; who listens |
//! | 3 | [`text`] [`trace`] [`server`] | lines with limits; the wire made visible; a thread for each connection |
//! | 2 | [`stream`] [`retry`] [`pool`] [`gather`] | a connection with a deadline, with or without TLS; trying again; connections kept; many jobs at once |
//! | 1 | [`deadline`] [`part`] | one total time; a file that has its name only when it is whole |
//! | 0 | [`error`] [`encode`] | what can go wrong; bytes as text |
//!
//! # A first example
//!
//! Every client is a target, a way to connect, and lines with limits; every wait ends.
//!
//! ```
//! use netprimer::dial::{Dial, Target};
//! use netprimer::lab::script::{self, Step};
//! use netprimer::text::TextConn;
//!
//! // A peer on this machine that says what a mail server would, and hears what a client must say.
//! let peer = script::play([Step::say("220 ready\r\n"), Step::hear("QUIT\r\n"), Step::say("221 bye\r\n")])?;
//!
//! let target = Target::from(peer.addr());
//! let mut server = TextConn::new(Dial::default().open(&target)?, Default::default());
//! server.read_reply()?.expect(2)?;
//! let goodbye = server.command("QUIT")?.expect(221)?;
//! assert_eq!(goodbye.lines, ["bye"]);
//! peer.verdict()?;
//! # Ok::<(), netprimer::Error>(())
//! ```

// Here and not in Cargo.toml: a learner's own example needs no documentation.
#![warn(missing_docs)]

#[cfg(feature = "lab")]
pub mod check;
pub mod deadline;
pub mod dial;
pub mod dns;
pub mod encode;
pub mod error;
pub mod fault;
pub mod ftp;
pub mod gather;
pub mod http;
#[cfg(feature = "lab")]
pub mod lab;
pub mod part;
pub mod pool;
pub mod reply;
pub mod retry;
pub mod scan;
pub mod server;
pub mod smtp;
pub mod stream;
pub mod text;
pub mod trace;
pub mod url;
pub mod web;
pub mod websocket;

pub use deadline::Deadline;
pub use error::{Error, Reply, Result, finish};

/// The Rust in our texts runs as doctests, with the packages of this one. `tests/pairing.rs` knows when a text is missing.
#[cfg(doctest)]
mod texts {
    macro_rules! texts {
        ($($name:ident = $path:literal),* $(,)?) => { $(#[doc = include_str!($path)] mod $name {})* };
    }
    texts! {
        readme = "../README.md",
        course = "../lessons/README.md",
        lesson_00 = "../lessons/00_start.md",
        lesson_01 = "../lessons/01_overview.md",
        lesson_02_1 = "../lessons/02_1_tcp_server.md",
        lesson_02_2 = "../lessons/02_2_tcp_client.md",
        lesson_02_3 = "../lessons/02_3_udp_server.md",
        lesson_02_4 = "../lessons/02_4_udp_client.md",
        lesson_02_5 = "../lessons/02_5_threaded_server.md",
        lesson_03_1 = "../lessons/03_1_http_by_hand.md",
        lesson_03_2_1 = "../lessons/03_2_1_http_get.md",
        lesson_03_2_2 = "../lessons/03_2_2_http_post.md",
        lesson_03_2_3 = "../lessons/03_2_3_http_session.md",
        lesson_03_2_4 = "../lessons/03_2_4_http_retry.md",
        lesson_04_1 = "../lessons/04_1_websocket_server.md",
        lesson_04_2 = "../lessons/04_2_websocket_client.md",
        lesson_05 = "../lessons/05_ftp.md",
        lesson_06 = "../lessons/06_smtp.md",
        lesson_07_1 = "../lessons/07_1_dns.md",
        lesson_07_2 = "../lessons/07_2_port_scan.md",
        lesson_08_1 = "../lessons/08_1_concurrent_http.md",
        lesson_08_2 = "../lessons/08_2_concurrent_websocket.md",
        lesson_09 = "../lessons/09_best_practices.md",
        lesson_10 = "../lessons/10_summary.md",
    }
}
