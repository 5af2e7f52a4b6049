//! What the programs of lessons 4.1, 4.2 and 8.2 have in common: the lab's server, the wire view, a Close in words, and a server
//! that Enter stops.
//!
//! A program says `#[path = "lesson/ws.rs"] mod ws;` beside `mod lesson`.
#![allow(dead_code)] // each program uses a part

#[path = "frames.rs"]
pub mod frames;

use crate::lesson::{Args, Server};
use frames::Wire;
use netprimer::Result;
use netprimer::encode::visible;
use netprimer::lab::ws::{self, Lab};
use netprimer::trace::Sink;
use netprimer::websocket::{CloseFrame, Message, Running};
use std::io::{self, IsTerminal};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

/// How long clients may take to answer our Close after Enter.
const GRACE: Duration = Duration::from_secs(5);

/// A server of our own.
pub fn start() -> Result<Lab> {
    ws::start(ws::Options::default())
}

impl Server for Lab {
    fn name(&self) -> &str {
        "WebSocket server"
    }
    fn addr(&self) -> SocketAddr {
        Lab::addr(self)
    }
}

/// An address of a WebSocket, as an argument.
pub fn url(text: &str) -> std::result::Result<String, String> {
    let known = ["ws://", "wss://"].iter().any(|scheme| text.starts_with(scheme));
    if known { Ok(text.to_owned()) } else { Err("a WebSocket address begins with ws:// or wss://".to_owned()) }
}

/// Who is to be told what passes: stderr, frame by frame, if `--wire` or `--slow` was given.
pub fn wire(args: &Args) -> Option<Arc<dyn Sink>> {
    args.shown_by(Wire::new(io::stderr()))
}

/// A Close in words: its code and its reason.
pub fn words(close: Option<&CloseFrame>) -> String {
    close.map_or("no code".to_owned(), |close| format!("{} {:?}", u16::from(close.code), close.reason.as_str()))
}

/// A message for a person. A stranger's text must not command our terminal, and not fill it.
pub fn shown(message: &Message) -> String {
    let Message::Text(text) = message else { return format!("{} bytes, not text", message.len()) };
    let shown = visible(text.as_bytes());
    let start: String = shown.chars().take(60).collect();
    format!("{} bytes: \"{start}\"{}", text.len(), if start.len() < shown.len() { "..." } else { "" })
}

/// Serves until somebody presses Enter, if this is a terminal, and says how everybody left; for ever elsewhere.
pub fn until_enter(running: &Running) {
    if !io::stdin().is_terminal() {
        running.server().wait(); // only a signal ends this program
    }
    println!("Enter stops it");
    if io::stdin().read_line(&mut String::new()).is_err() {
        running.server().wait(); // the terminal is gone, the clients are not
    }
    let open = running.clients();
    println!("stopping: 1001 to {open}; seconds to finish: {}", GRACE.as_secs());
    let drained = running.stop(GRACE);
    let totals = running.server().totals();
    println!(
        "finished: {}, cut off: {}, stuck: {}; connections in all: {}, at once: {}, ended with an error: {}",
        drained.finished, drained.forced, drained.stuck, totals.accepted, totals.peak, totals.failed
    );
}
