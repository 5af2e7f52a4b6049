//! The workers: who accepts, who serves, who ends, and the one lock that knows.
//!
//! The lock is taken three times for each connection (it got a place, it gave it back, its worker goes back to accept)
//! and never while bytes are read or written, nor around a system call that can wait.
//!
//! May use: error, deadline, stream, encode.

use super::goodbye::{self, Refused};
use super::{Conn, Event, Totals};
use crate::deadline::Deadline;
use crate::error::Result;
use crate::stream::{Stream, Tcp};
use std::any::Any;
use std::collections::HashMap;
use std::io::{self, ErrorKind};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::thread;
use std::time::{Duration, Instant};
use std::{fmt, mem};

/// So many workers may wait in accept after their connection; one more ends instead. Enough for short connections to
/// find a thread that exists, few enough not to matter in memory.
const SPARE: usize = 64;

/// The pause after a failed accept: doubled each time, as in Go's net/http.
const FIRST_PAUSE: Duration = Duration::from_millis(5);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

type Handler = dyn Fn(Conn) -> Result<()> + Send + Sync;
type Observer = dyn Fn(Event<'_>) + Send + Sync;
type Task = Box<dyn FnOnce() + Send>;
pub(super) type OnStop = Box<dyn FnOnce() + Send>;
/// Starts a thread. Tests put one in its place that fails as a system does that has no threads left.
type Spawner = Box<dyn Fn(thread::Builder, Task) -> io::Result<()> + Send + Sync>;

pub(super) struct Options {
    pub(super) places: usize,
    pub(super) refuse: Option<String>,
    pub(super) idle: Option<Duration>,
    pub(super) total: Option<Duration>,
    pub(super) stack: usize,
    pub(super) observer: Option<Box<Observer>>,
    pub(super) spawner: Spawner,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            places: 256,
            refuse: None,
            idle: Some(Duration::from_secs(30)),
            total: None,
            stack: 256 << 10,
            observer: None,
            spawner: Box::new(|builder, task| builder.spawn(task).map(drop)),
        }
    }
}

pub(super) struct Crew {
    options: Options,
    handler: Box<Handler>,
    // Weak, because a handler that never returns must not keep the port.
    listener: Weak<TcpListener>,
    stopping: AtomicBool,
    state: Mutex<State>,
    pub(super) changed: Condvar,
}

#[derive(Default)]
pub(super) struct State {
    /// Threads of ours that exist.
    pub(super) alive: usize,
    /// Of those, how many are in accept or on their way there.
    waiting: usize,
    /// Of those, how many pause because accept failed.
    pausing: usize,
    /// The connections being served, each under its number, and how to end it.
    pub(super) open: HashMap<u64, Open>,
    /// The number of the latest.
    latest: u64,
    pub(super) totals: Totals,
    /// Connections that have ended: each gave a descriptor back.
    ended: u64,
    /// When a failed accept was last reported, and how many failed since.
    reported: Option<Instant>,
    unreported: u64,
    /// Where refused callers go, and how to end the one who is being seen off.
    goodbyes: Option<SyncSender<Refused>>,
    goodbye: Weak<TcpStream>,
    /// Stop has shut the connections.
    pub(super) forced: bool,
    pub(super) stopped: bool,
}

/// How to end a connection that is being served.
pub(super) struct Open {
    pub(super) socket: Weak<TcpStream>,
    pub(super) on_stop: Option<OnStop>,
}

impl Crew {
    pub(super) fn new(listener: Weak<TcpListener>, options: Options, handler: Box<Handler>) -> Arc<Crew> {
        let (stopping, state, changed) = (AtomicBool::new(false), Mutex::default(), Condvar::new());
        Arc::new(Crew { options, handler, listener, stopping, state, changed })
    }

    /// No code that may panic runs under this lock, so a poisoned one is as good as any.
    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn stopping(&self) -> bool {
        self.stopping.load(Ordering::Relaxed)
    }

    /// Starts the first worker and, where callers are to be refused, the thread that says goodbye to them.
    pub(super) fn begin(self: &Arc<Crew>) -> io::Result<()> {
        if self.options.refuse.is_some() {
            let (sender, receiver) = goodbye::queue();
            let mut state = self.lock();
            state.goodbyes = Some(sender);
            state.alive += 1;
            drop(state);
            let worker = Worker { crew: Arc::clone(self), waiting: false, serving: None };
            self.spawn(Box::new(move || worker.see_off(receiver)))?;
        }
        let mut state = self.lock();
        state.alive += 1;
        state.waiting += 1;
        drop(state);
        let worker = Worker { crew: Arc::clone(self), waiting: true, serving: None };
        self.spawn(Box::new(move || worker.run(None)))
    }

    /// From now on every worker that comes to know it ends. Gives how many connections are open and how many workers
    /// sleep in accept.
    pub(super) fn dismiss(&self) -> (usize, usize) {
        let mut state = self.lock();
        self.stopping.store(true, Ordering::Relaxed);
        state.goodbyes = None;
        let goodbye = state.goodbye.upgrade();
        let numbers = (state.open.len(), state.waiting - state.pausing);
        drop(state);
        if let Some(socket) = goodbye {
            let _ = socket.shutdown(Shutdown::Both);
        }
        self.changed.notify_all();
        numbers
    }

    fn spawn(&self, task: Task) -> io::Result<()> {
        (self.options.spawner)(thread::Builder::new().name("server".into()).stack_size(self.options.stack), task)
    }

    fn tell(&self, event: Event<'_>) {
        if let Some(observer) = &self.options.observer {
            // A log that fails must not end the service.
            let _ = catch_unwind(AssertUnwindSafe(|| observer(event))).map_err(message);
        }
    }

    /// The most threads there may be: one for each place; where callers are told that there is none left, one more, who
    /// tells them, and the one that says goodbye.
    fn most(&self) -> usize {
        self.options.places + if self.options.refuse.is_some() { 2 } else { 0 }
    }

    /// After a failed accept: pauses where asking again at once could not help. False when the server is to stop.
    fn bear(&self, error: &io::Error, pause: &mut Duration) -> bool {
        let mut state = self.lock();
        if self.stopping() {
            return false;
        }
        state.totals.accept_errors += 1;
        state.unreported += 1;
        if state.reported.is_none_or(|last| last.elapsed() >= Duration::from_secs(1)) {
            state.reported = Some(Instant::now());
            let times = mem::take(&mut state.unreported);
            drop(state);
            self.tell(Event::AcceptFailed(error, times));
            state = self.lock();
        }
        if !helps_at_once(error) {
            state.pausing += 1;
            let ended = state.ended;
            let same = |state: &mut State| !self.stopping() && state.ended == ended;
            state = self.changed.wait_timeout_while(state, *pause, same).unwrap_or_else(PoisonError::into_inner).0;
            state.pausing -= 1;
            *pause = (*pause * 2).min(LONGEST_PAUSE);
        }
        drop(state);
        !self.stopping()
    }

    /// Tells the caller why, if there is a line for it.
    fn turn_away(&self, stream: Tcp) {
        let Some(line) = &self.options.refuse else { return };
        let refused = goodbye::refuse(stream, line);
        let sent = match &self.lock().goodbyes {
            Some(queue) => queue.try_send(refused),
            None => return,
        };
        if let Err(TrySendError::Full(refused)) = sent {
            refused.leave();
        }
    }
}

impl fmt::Debug for Crew {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Crew({} of {} places taken)", self.lock().open.len(), self.options.places)
    }
}

/// Whether accept can be called again at once: a signal came, or a caller left before his turn. Without descriptors or
/// memory (EMFILE, ENFILE, ENOBUFS, ENOMEM) the same answer would come at once, again and again; what is unknown is
/// treated so too.
pub(super) fn helps_at_once(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::Interrupted | ErrorKind::ConnectionAborted)
}

/// What a panic said.
fn message(panic: Box<dyn Any + Send>) -> String {
    let panic = match panic.downcast::<String>() {
        Ok(text) => return *text,
        Err(panic) => panic,
    };
    match panic.downcast::<&'static str>() {
        Ok(text) => (*text).to_owned(),
        Err(unknown) => {
            mem::forget(unknown); // dropping a value that we do not know could panic again
            "a panic without a text".to_owned()
        }
    }
}

/// A thread's entry in the count. Dropping it takes the thread off, and frees its place, however it ended.
struct Worker {
    crew: Arc<Crew>,
    waiting: bool,
    serving: Option<u64>,
}

impl Worker {
    /// Serves the caller that it was started for, then those it accepts itself.
    fn run(mut self, first: Option<(Tcp, SocketAddr)>) {
        if let Some((stream, peer)) = first {
            self.serve(stream, peer);
            if !self.go_back() {
                return;
            }
        }
        let mut pause = FIRST_PAUSE;
        while let Some(listener) = self.crew.listener.upgrade() {
            let accepted = listener.accept();
            drop(listener);
            let go_on = match accepted.and_then(|(socket, peer)| Ok((Tcp::new(socket)?, peer))) {
                Ok((stream, peer)) => {
                    pause = FIRST_PAUSE;
                    self.take(stream, peer)
                }
                Err(error) => self.crew.bear(&error, &mut pause),
            };
            if !go_on {
                return;
            }
        }
    }

    /// Serves a caller, or turns him away. False when this worker is to end.
    fn take(&mut self, stream: Tcp, peer: SocketAddr) -> bool {
        let mut state = self.crew.lock();
        if self.crew.stopping() {
            return false;
        }
        if state.open.len() >= self.crew.options.places {
            state.totals.refused += 1;
            drop(state);
            self.crew.turn_away(stream);
            self.crew.tell(Event::Refused(peer));
            return true;
        }
        state.latest += 1;
        let id = state.latest;
        state.totals.accepted += 1;
        state.open.insert(id, Open { socket: stream.closer(), on_stop: None });
        if state.waiting == 1 && state.alive < self.crew.most() {
            state.alive += 1;
            drop(state);
            self.hand_over(id, stream, peer);
            return true;
        }
        state.waiting -= 1;
        drop(state);
        self.waiting = false;
        self.serving = Some(id);
        self.serve(stream, peer);
        self.go_back()
    }

    /// The last one in accept stays there, and starts a thread for the caller instead. So a burst is taken out of the
    /// kernel's short queue as fast as one thread can, without waiting for another to be given a processor.
    fn hand_over(&self, id: u64, stream: Tcp, peer: SocketAddr) {
        // If there is no thread to be had, the task is dropped, and the worker in it takes itself and the place off the
        // count. The caller is kept beside it, so that he can be told.
        let caller = Arc::new(Mutex::new(Some((stream, peer))));
        let worker = Worker { crew: Arc::clone(&self.crew), waiting: false, serving: Some(id) };
        let his = Arc::clone(&caller);
        let task = move || {
            let first = his.lock().unwrap_or_else(PoisonError::into_inner).take();
            worker.run(first);
        };
        if let Err(error) = self.crew.spawn(Box::new(task)) {
            let mut state = self.crew.lock();
            state.totals.accepted -= 1;
            state.totals.no_thread += 1;
            drop(state);
            if let Some((stream, _)) = caller.lock().unwrap_or_else(PoisonError::into_inner).take() {
                self.crew.turn_away(stream);
            }
            self.crew.tell(Event::NoThread(peer, &error));
        }
    }

    fn serve(&mut self, mut stream: Tcp, peer: SocketAddr) {
        let crew = &self.crew;
        crew.tell(Event::Accepted(peer));
        stream.set_patience(crew.options.idle);
        stream.set_deadline(crew.options.total.map_or(Deadline::NEVER, Deadline::after));
        let conn = Conn { stream, peer, number: self.serving.unwrap_or_default(), crew: Arc::clone(crew) };
        let result = catch_unwind(AssertUnwindSafe(|| (crew.handler)(conn))).map_err(message);
        let mut state = crew.lock();
        match &result {
            Ok(Ok(())) => {}
            Ok(Err(_)) => state.totals.failed += 1,
            Err(_) => state.totals.panics += 1,
        }
        state.totals.peak = state.totals.peak.max(state.open.len());
        // It is dropped after the lock: what the handler left in it may be anything.
        let _open = self.serving.take().and_then(|id| state.open.remove(&id));
        state.ended += 1;
        let pausing = state.pausing > 0;
        drop(state);
        if pausing {
            crew.changed.notify_all();
        }
        match &result {
            Ok(result) => crew.tell(Event::Ended(peer, result)),
            Err(text) => crew.tell(Event::Panicked(peer, text)),
        }
    }

    /// From a caller who has gone to accept. False when this worker is to end.
    fn go_back(&mut self) -> bool {
        // Others go first, while we do not count as waiting: then the next caller is often there when we come to accept,
        // and we need not sleep and be woken. A tenth more short connections.
        thread::yield_now();
        let mut state = self.crew.lock();
        if self.crew.stopping() || state.waiting >= SPARE {
            return false;
        }
        state.waiting += 1;
        self.waiting = true;
        true
    }

    fn see_off(self, callers: Receiver<Refused>) {
        for refused in callers {
            let mut state = self.crew.lock();
            if self.crew.stopping() {
                return;
            }
            state.goodbye = refused.closer();
            drop(state);
            refused.see_off();
        }
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        let mut state = self.crew.lock();
        state.alive -= 1;
        state.waiting -= usize::from(self.waiting);
        let _open = self.serving.and_then(|id| state.open.remove(&id));
        drop(state);
        if self.crew.stopping() {
            self.crew.changed.notify_all();
        }
    }
}
