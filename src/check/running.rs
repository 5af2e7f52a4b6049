//! What the learner wrote, at work: a function on a thread of this process, or a program of its own.
//!
//! The function runs here because then we can tell what became of it: of a panic, of an early return, the wire shows
//! no more than a connection that ends.
//!
//! May use: error; of this folder peer.

use super::peer::Ended;
use crate::error::{Error, Result};
use std::any::Any;
use std::cell::RefCell;
use std::ffi::OsString;
use std::io::{self, ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::panic::{self, PanicHookInfo};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Once;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// Unwinding takes less than a millisecond.
const UNWIND: Duration = Duration::from_millis(300);
/// How often we look whether a program has ended: std has no wait with a limit.
const LOOK: Duration = Duration::from_millis(5);
/// More than that a program does not need to say.
const MOST: u64 = 1 << 20;

/// The learner's function or program at work. A program ends with this value; a function cannot be ended from outside, and
/// goes when its socket does.
pub(super) struct Running {
    news: Receiver<Ended>,
    ended: Option<Ended>,
    // While we hold the listener too, a client that connects after the end meets silence and not chance: then we ask how it
    // ended. Of a program it is what ends it when we drop it.
    _kept: Box<dyn Any>,
}

impl Running {
    /// Runs this on a thread of its own, and keeps what must not close before.
    pub(super) fn start(
        name: &str,
        kept: impl Any,
        work: impl FnOnce() -> io::Result<Vec<u8>> + Send + 'static,
    ) -> Result<Running> {
        static WATCH: Once = Once::new();
        WATCH.call_once(watch_panics);
        let (tell, news) = mpsc::channel();
        let watched = move || {
            TELL.set(Some(tell.clone()));
            let ended = match work() {
                Ok(answer) => Ended::Returned(answer),
                Err(e) => Ended::Failed(plain(&e)),
            };
            // Nobody listens when the check is over.
            let _ = tell.send(ended);
        };
        thread::Builder::new()
            .name(name.into())
            .spawn(watched)
            .map_err(Error::not_started(format!("start {name}()")))?;
        Ok(Running { news, ended: None, _kept: Box::new(kept) })
    }

    /// Starts a program, with the addresses behind its own arguments and this text for its stdin. What it writes to stderr is
    /// for its author.
    pub(super) fn program(command: &[OsString], addresses: &[SocketAddr], text: String) -> Result<Running> {
        let (name, args) = command.split_first().ok_or_else(|| Error::Invalid("no program is named".into()))?;
        let mut command = Command::new(name);
        command
            .args(args)
            .args(addresses.iter().map(SocketAddr::to_string))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        let mut child = command.spawn().map_err(Error::not_started(format!("start {}", name.to_string_lossy())))?;
        let (tell, news) = mpsc::channel();
        let (stop, stopped) = mpsc::channel();
        let (said, hear) = mpsc::channel();
        if let Some(mut stdin) = child.stdin.take() {
            // It need not read what is of no use to it.
            let tell = move || drop(stdin.write_all(text.as_bytes()));
            thread::Builder::new().spawn(tell).map_err(Error::not_started("tell the program"))?;
        }
        if let Some(stdout) = child.stdout.take() {
            let follow = move || {
                let mut all = Vec::new();
                let _ = stdout.take(MOST).read_to_end(&mut all); // what came before an error came
                let _ = said.send(all);
            };
            thread::Builder::new().spawn(follow).map_err(Error::not_started("follow the program"))?;
        }
        let wait = move || {
            let Some(status) = end_of(&mut child, &stopped) else { return };
            let answer = hear.recv_timeout(UNWIND).unwrap_or_default();
            let ended = if status.success() { Ended::Returned(answer) } else { Ended::Failed(status.to_string()) };
            let _ = tell.send(ended);
        };
        let wait = thread::Builder::new().spawn(wait).map_err(Error::not_started("wait for the program"))?;
        Ok(Running { news, ended: None, _kept: Box::new(Started(Some(stop), Some(wait))) })
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

/// A program that was started, and the thread that waits for its end.
struct Started(Option<Sender<()>>, Option<JoinHandle<()>>);

impl Drop for Started {
    /// No program outlives its check.
    fn drop(&mut self) {
        self.0 = None;
        if let Some(wait) = self.1.take() {
            let _ = wait.join();
        }
    }
}

/// Waits until the program ends; ends it when nobody wants to know any more.
fn end_of(child: &mut Child, stopped: &Receiver<()>) -> Option<ExitStatus> {
    loop {
        if let Ok(Some(status)) = child.try_wait() {
            return Some(status);
        }
        if stopped.recv_timeout(LOOK) == Err(RecvTimeoutError::Disconnected) {
            let _ = child.kill(); // it may be over already
            let _ = child.wait();
            return None;
        }
    }
}

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
            let _ = tell.send(Ended::Panicked { words: words(panic), place: place(panic) });
        }
        None => usual(panic),
    }));
}

/// What the system reports has a number that is another on each system: its kind says the same everywhere. A timeout has a kind of
/// its own on each, and the words of the one, "operation would block", tell nobody what happened.
fn plain(error: &io::Error) -> String {
    match (error.raw_os_error(), error.kind()) {
        (None, _) => error.to_string(),
        (_, ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
            "a read timeout ran out (WouldBlock; on Windows TimedOut)".to_owned()
        }
        (_, kind) => kind.to_string(),
    }
}

/// File and line. Those of the standard library's own code help nobody, and differ from one version to the next.
fn place(panic: &PanicHookInfo<'_>) -> String {
    let Some(place) = panic.location() else { return String::new() };
    match place.file().replace('\\', "/") {
        file if file.starts_with("/rustc/") => "in the standard library, which your code called".to_owned(),
        file => format!("{file}:{}", place.line()),
    }
}

fn words(panic: &PanicHookInfo<'_>) -> String {
    match (panic.payload().downcast_ref::<&str>(), panic.payload().downcast_ref::<String>()) {
        (Some(words), _) => (*words).to_owned(),
        (_, Some(words)) => words.clone(),
        _ => "(no words)".to_owned(),
    }
}
