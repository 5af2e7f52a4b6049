//! Whom a checker talks to: a function of the learner's on a thread of this process, or any program at an address.
//!
//! The function runs here because then we can tell what became of it: of a panic, of an early return, the wire shows
//! no more than a connection that ends.
//!
//! May use: error.

use crate::error::{Error, Result};
use std::any::Any;
use std::io;
use std::net::TcpListener;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

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
    /// Its words.
    Panicked(String),
    /// With an error, in plain words.
    Failed(String),
    /// With `Ok(())`.
    Returned,
}

/// The learner's server at work.
pub(super) struct Running {
    result: Receiver<io::Result<()>>,
    thread: Option<JoinHandle<()>>,
    ended: Option<Ended>,
    // While we hold it too, a client that connects after the end meets silence and not chance: then we ask how it ended.
    _listener: TcpListener,
}

impl Running {
    pub(super) fn start(serve: Serve, listener: TcpListener) -> Result<Running> {
        let ours = listener.try_clone().map_err(Error::io("keep the listener"))?;
        let (tell, result) = mpsc::channel();
        let work = move || {
            // Nobody listens any more when the check is over: the process ends, and this thread with it.
            let _ = tell.send(serve(listener));
        };
        let thread = thread::Builder::new().name("serve".into()).spawn(work).map_err(Error::io("start serve()"))?;
        Ok(Running { result, thread: Some(thread), ended: None, _listener: ours })
    }

    /// How it ended, if it does so within this time.
    pub(super) fn how_it_ended(&mut self, wait: Duration) -> Option<&Ended> {
        if self.ended.is_none() {
            self.ended = match self.result.recv_timeout(wait) {
                Ok(Ok(())) => Some(Ended::Returned),
                Ok(Err(e)) => Some(Ended::Failed(plain(&e))),
                Err(RecvTimeoutError::Timeout) => None,
                // The sender fell without a word: a panic unwound the thread.
                Err(RecvTimeoutError::Disconnected) => {
                    let payload = self.thread.take().and_then(|thread| thread.join().err());
                    Some(Ended::Panicked(payload.map_or_else(String::new, |payload| words(payload.as_ref()))))
                }
            };
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

/// What the system reports has a number that is another on each system: its kind says the same everywhere.
fn plain(error: &io::Error) -> String {
    if error.raw_os_error().is_some() { error.kind().to_string() } else { error.to_string() }
}

fn words(payload: &(dyn Any + Send)) -> String {
    match (payload.downcast_ref::<&str>(), payload.downcast_ref::<String>()) {
        (Some(words), _) => (*words).to_owned(),
        (_, Some(words)) => words.clone(),
        _ => "(no words)".to_owned(),
    }
}

impl std::fmt::Display for Ended {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Ended::Panicked(words) => write!(f, "serve() panicked: {words}"),
            Ended::Failed(error) => write!(f, "serve() ended with an error: {error}"),
            Ended::Returned => write!(f, "serve() returned"),
        }
    }
}
