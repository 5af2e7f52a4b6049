//! Whom a checker talks to: a function of the learner's on a thread of this process, or any program at an address.
//!
//! The function runs here because then we can tell what became of it: of a panic, of an early return, the wire shows
//! no more than a connection that ends.
//!
//! May use: error.

use crate::error::{Error, Result};
use std::cell::RefCell;
use std::net::TcpListener;
use std::panic::{self, PanicHookInfo};
use std::sync::Once;
use std::sync::mpsc::{self, Receiver, Sender};
use std::time::Duration;
use std::{fmt, io, thread};

/// A server as the learner writes it: it gets a listener and serves, client after client.
pub type Serve = fn(TcpListener) -> io::Result<()>;

/// Whom the checker talks to.
#[derive(Debug, Clone)]
pub enum Peer {
    /// A function, run on a thread of this process with a listener on 127.0.0.1 and a free port.
    Server(Serve),
    /// Any server in any language: host and port.
    At(String, u16),
}

/// How the learner's function ended, though it should not have.
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
    /// With `Ok(())`.
    Returned,
}

/// The learner's server at work.
pub(super) struct Running {
    news: Receiver<Ended>,
    ended: Option<Ended>,
    // While we hold it too, a client that connects after the end meets silence and not chance: then we ask how it ended.
    _listener: TcpListener,
}

impl Running {
    pub(super) fn start(serve: Serve, listener: TcpListener) -> Result<Running> {
        static WATCH: Once = Once::new();
        WATCH.call_once(watch_panics);
        let ours = listener.try_clone().map_err(Error::io("keep the listener"))?;
        let (tell, news) = mpsc::channel();
        let work = move || {
            TELL.set(Some(tell.clone()));
            let ended = match serve(listener) {
                Ok(()) => Ended::Returned,
                Err(e) => Ended::Failed(plain(&e)),
            };
            // Nobody listens when the check is over.
            let _ = tell.send(ended);
        };
        thread::Builder::new().name("serve".into()).spawn(work).map_err(Error::io("start serve()"))?;
        Ok(Running { news, ended: None, _listener: ours })
    }

    /// How it ended, if it does so within this time.
    pub(super) fn how_it_ended(&mut self, wait: Duration) -> Option<&Ended> {
        if self.ended.is_none() {
            self.ended = self.news.recv_timeout(wait).ok();
            if self.ended.is_some() {
                // A panic is told before its thread unwinds. Once that has dropped everything, the connection too, the
                // channel has no sender any more.
                let _ = self.news.recv_timeout(UNWIND);
            }
        }
        self.ended.as_ref()
    }

    /// Waits as long as it runs.
    pub(super) fn wait(mut self) -> Ended {
        loop {
            if let Some(ended) = self.how_it_ended(Duration::from_secs(3_600)) {
                return ended.clone();
            }
        }
    }
}

/// Unwinding takes less than a millisecond.
const UNWIND: Duration = Duration::from_millis(300);

thread_local! {
    /// Set on the threads that run a learner's function: who wants to know of a panic.
    static TELL: RefCell<Option<Sender<Ended>>> = const { RefCell::new(None) };
}

/// A panic in a learner's function goes into the report, with its place. The usual message and its backtrace, which can
/// take a second to print, would only stand in the way; all other threads keep them.
fn watch_panics() {
    let usual = panic::take_hook();
    panic::set_hook(Box::new(move |panic| match TELL.try_with(RefCell::take).ok().flatten() {
        Some(tell) => {
            let place = panic.location().map(|place| format!("{}:{}", place.file().replace('\\', "/"), place.line()));
            let _ = tell.send(Ended::Panicked { words: words(panic), place: place.unwrap_or_default() });
        }
        None => usual(panic),
    }));
}

/// What the system reports has a number that is another on each system: its kind says the same everywhere.
fn plain(error: &io::Error) -> String {
    if error.raw_os_error().is_some() { error.kind().to_string() } else { error.to_string() }
}

fn words(panic: &PanicHookInfo<'_>) -> String {
    match (panic.payload().downcast_ref::<&str>(), panic.payload().downcast_ref::<String>()) {
        (Some(words), _) => (*words).to_owned(),
        (_, Some(words)) => words.clone(),
        _ => "(no words)".to_owned(),
    }
}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Ended::Panicked { words, .. } => write!(f, "serve() panicked: {words}"),
            Ended::Failed(error) => write!(f, "serve() ended with an error: {error}"),
            Ended::Returned => write!(f, "serve() returned"),
        }
    }
}
