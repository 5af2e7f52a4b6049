//! Whom a checker talks to: a function of the learner's on a thread of this process, or any program in any language.
//!
//! May use: std alone.

use std::ffi::OsString;
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::{fmt, io};

/// A TCP server as the learner writes it: it gets a listener and serves, client after client.
pub type Serve = fn(TcpListener) -> io::Result<()>;
/// A UDP server as the learner writes it: it gets a socket and answers, datagram after datagram.
pub type ServeUdp = fn(UdpSocket) -> io::Result<()>;
/// A client as the learner writes it: it gets the address of the server, asks, and returns the answer.
pub type Ask = fn(SocketAddr) -> io::Result<Vec<u8>>;
/// The same for a client that has something to say: it also gets the text.
pub type AskWith = fn(SocketAddr, &str) -> io::Result<Vec<u8>>;
/// The same for several servers.
pub type AskAll = fn(&[SocketAddr]) -> io::Result<Vec<u8>>;

/// What the learner writes; the checker plays the other side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// [`Serve`], or a program that listens at an address.
    Server,
    /// [`ServeUdp`], or a program that listens at an address.
    UdpServer,
    /// [`Ask`], [`AskWith`] or [`AskAll`], or a program that gets the address (or all of them) as its last argument and the
    /// text as its stdin, writes the answer to its stdout and nothing else, and ends with status 0; with another one where
    /// the function returns an error.
    Client,
}

impl Role {
    /// The name of the learner's function.
    pub fn function(self) -> &'static str {
        match self {
            Role::Server | Role::UdpServer => "serve",
            Role::Client => "ask",
        }
    }

    /// What the learner's program is.
    pub(super) fn noun(self) -> &'static str {
        match self {
            Role::Server | Role::UdpServer => "server",
            Role::Client => "client",
        }
    }

    /// Whom a report calls what: first the checker, then the learner's program.
    pub(super) fn letters(self) -> (char, char) {
        match self {
            Role::Server | Role::UdpServer => ('C', 'S'),
            Role::Client => ('S', 'C'),
        }
    }
}

/// Whom the checker talks to.
#[derive(Debug, Clone)]
pub enum Peer {
    /// A function, run on a thread of this process with a listener on 127.0.0.1 and a free port.
    Server(Serve),
    /// The same with a UDP socket.
    UdpServer(ServeUdp),
    /// A function that is called with the address of the checker, once for each server that it meets.
    Client(Ask),
    /// The same with a text.
    ClientWith(AskWith),
    /// The same with several addresses.
    ClientOfAll(AskAll),
    /// Any server in any language: host and port.
    At(String, u16),
    /// Any client in any language: the program and its arguments. The address comes behind them.
    Program(Vec<OsString>),
}

impl Peer {
    pub(super) fn fits(&self, role: Role) -> bool {
        match self {
            Peer::Server(_) => role == Role::Server,
            Peer::UdpServer(_) => role == Role::UdpServer,
            Peer::Client(_) | Peer::ClientWith(_) | Peer::ClientOfAll(_) | Peer::Program(_) => role == Role::Client,
            Peer::At(..) => role != Role::Client,
        }
    }
}

/// How the learner's function, or program, ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ended {
    /// It panicked.
    Panicked {
        /// What it said.
        words: String,
        /// File and line.
        place: String,
    },
    /// With an error, in plain words.
    Failed(String),
    /// With `Ok`: of a client this is the answer.
    Returned(Vec<u8>),
}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Ended::Panicked { words, .. } => write!(f, "panicked: {words}"),
            Ended::Failed(error) => write!(f, "ended with an error: {error}"),
            Ended::Returned(_) => write!(f, "returned"),
        }
    }
}
