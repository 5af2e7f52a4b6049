//! Connections kept for the next who needs one.
//!
//! Nothing of its own travels here: a kept connection saves the handshake of TCP, and that of TLS, for every turn but the first.
//! The price is that the peer may have closed it meanwhile. A pool looks before it gives one away ([`Manage::is_broken`]),
//! and still the peer may close in the very next moment: whoever uses a kept connection must be able to try again.
//!
//! May use: error, deadline.

use crate::deadline::Deadline;
use crate::error::Result;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How to make a connection, and how to see that it is dead.
pub trait Manage: Send + Sync {
    /// What is kept.
    type Conn: Send;

    /// Makes a new one before the deadline.
    ///
    /// # Errors
    /// Whatever stands in the way; whoever asked the pool gets it.
    fn connect(&self, deadline: Deadline) -> Result<Self::Conn>;

    /// Whether a kept one is of no use any more. Must not wait: a look at the socket, not a question to the peer.
    fn is_broken(&self, conn: &mut Self::Conn) -> bool;
}

/// Connections of one kind, to one place.
///
/// ```
/// use netprimer::pool::{Manage, Pool};
/// use netprimer::{Deadline, Result};
/// use std::time::Duration;
///
/// struct Numbered;
/// impl Manage for Numbered {
///     type Conn = String;
///     fn connect(&self, _: Deadline) -> Result<String> {
///         Ok("a connection".into())
///     }
///     fn is_broken(&self, _: &mut String) -> bool {
///         false
///     }
/// }
///
/// let pool = Pool::new(Numbered, 4);
/// let soon = Duration::from_secs(1).into();
/// let first = pool.with(soon, |_, used| Ok(used))?; // made, and given back
/// let second = pool.with(soon, |_, used| Ok(used))?; // the same one again
/// assert_eq!((first, second, pool.made()), (false, true, 1));
/// # Ok::<(), netprimer::Error>(())
/// ```
#[derive(Debug)]
pub struct Pool<M: Manage> {
    manage: M,
    most: usize,
    idle: Duration,
    state: Mutex<State<M::Conn>>,
    freed: Condvar,
}

#[derive(Debug)]
struct State<C> {
    /// The one given back last is taken first: it is the least likely to have been closed by its peer.
    kept: Vec<(C, Instant)>,
    /// Given away, or being made.
    out: usize,
    made: u64,
}

/// Kept no longer than this: servers close idle connections after 5 s (Apache httpd) to 75 s (nginx).
const IDLE: Duration = Duration::from_secs(15);

impl<M: Manage> Pool<M> {
    /// At most `most` connections at a time (at least 1). What was kept for 15 s is closed when one is asked for.
    pub fn new(manage: M, most: usize) -> Pool<M> {
        let state = Mutex::new(State { kept: Vec::new(), out: 0, made: 0 });
        Pool { manage, most: most.max(1), idle: IDLE, state, freed: Condvar::new() }
    }

    /// How long one is kept without use, instead of 15 s.
    pub fn idle(mut self, time: Duration) -> Pool<M> {
        self.idle = time;
        self
    }

    /// How many were made so far: fewer than were asked for, or the pool is of no use.
    pub fn made(&self) -> u64 {
        self.lock().made
    }

    /// Takes a kept connection, or makes one, or waits until one is given back, all before the deadline, and does `turn` with it.
    /// `turn` is told whether the connection was used before: then the peer may have closed it already, and what may be
    /// asked twice can be asked again.
    ///
    /// After `Ok` the connection is kept; after an error it is dropped, because nobody knows what the next one would read
    /// from it.
    ///
    /// # Errors
    /// [`crate::Error::Timeout`] when all are in use until the deadline; the error of [`Manage::connect`]; that of `turn`.
    pub fn with<T>(&self, deadline: Deadline, turn: impl FnOnce(&mut M::Conn, bool) -> Result<T>) -> Result<T> {
        let (kept, place) = self.place(deadline)?;
        let used = kept.is_some();
        let mut conn = match kept {
            Some(conn) => conn,
            // Made outside the lock: a slow peer must not hold up those who give back.
            None => self.manage.connect(deadline)?,
        };
        self.lock().made += u64::from(!used);
        let done = turn(&mut conn, used)?;
        self.lock().kept.push((conn, Instant::now()));
        drop(place);
        Ok(done)
    }

    /// The right to have one connection, and a kept one where there is one that lives.
    fn place(&self, deadline: Deadline) -> Result<(Option<M::Conn>, Place<'_, M>)> {
        let mut state = self.lock();
        while state.out == self.most {
            state = match deadline.left("wait for a connection of the pool")? {
                None => self.freed.wait(state).unwrap_or_else(PoisonError::into_inner),
                Some(rest) => self.freed.wait_timeout(state, rest).unwrap_or_else(PoisonError::into_inner).0,
            };
        }
        state.out += 1;
        drop(state);
        let place = Place(self);
        // Statements of their own, so that the lock is free while a connection is closed or looked at. All that are too old,
        // because whoever takes the newest never comes to those below.
        let old: Vec<_> = self.lock().kept.extract_if(.., |(_, since)| since.elapsed() >= self.idle).collect();
        drop(old);
        loop {
            let newest = self.lock().kept.pop();
            let Some((mut conn, _)) = newest else { return Ok((None, place)) };
            if !self.manage.is_broken(&mut conn) {
                return Ok((Some(conn), place));
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, State<M::Conn>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One of the connections that may exist; free again when this is dropped, whatever happened.
struct Place<'p, M: Manage>(&'p Pool<M>);

impl<M: Manage> Drop for Place<'_, M> {
    fn drop(&mut self) {
        self.0.lock().out -= 1;
        self.0.freed.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Error;
    use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
    use std::sync::mpsc;
    use std::thread;

    #[derive(Default)]
    struct Fake {
        made: AtomicUsize,
        broken: AtomicBool,
        refuses: AtomicBool,
    }

    impl Manage for Fake {
        type Conn = usize;
        fn connect(&self, _: Deadline) -> Result<usize> {
            match self.refuses.load(Ordering::SeqCst) {
                true => Err(Error::Timeout("connect".into())),
                false => Ok(self.made.fetch_add(1, Ordering::SeqCst) + 1),
            }
        }
        fn is_broken(&self, _: &mut usize) -> bool {
            self.broken.load(Ordering::SeqCst)
        }
    }

    fn soon() -> Deadline {
        Deadline::after(Duration::from_secs(5))
    }

    /// Which connection a turn got, and whether it was used before.
    fn turn(pool: &Pool<Fake>) -> (usize, bool) {
        pool.with(soon(), |conn, used| Ok((*conn, used))).unwrap()
    }

    #[test]
    fn one_is_used_again_and_again() {
        let pool = Pool::new(Fake::default(), 4);
        assert_eq!([turn(&pool), turn(&pool), turn(&pool)], [(1, false), (1, true), (1, true)]);
        assert_eq!(pool.made(), 1);
    }

    #[test]
    fn what_broke_failed_or_lay_too_long_is_not_used_again() {
        let pool = Pool::new(Fake::default(), 4);
        turn(&pool);
        pool.manage.broken.store(true, Ordering::SeqCst);
        assert_eq!(turn(&pool), (2, false), "the peer has closed it");
        pool.manage.broken.store(false, Ordering::SeqCst);
        let failed: Result<()> = pool.with(soon(), |_, _| Err(Error::Timeout("read".into())));
        assert!(failed.is_err());
        assert_eq!(turn(&pool), (3, false), "an unread answer may lie in it");
        let pool = pool.idle(Duration::ZERO);
        assert_eq!(turn(&pool), (4, false), "it lay too long");
    }

    #[test]
    fn what_lies_under_others_does_not_lie_for_ever() {
        let idle = Duration::from_millis(20);
        let pool = Pool::new(Fake::default(), 4).idle(idle);
        pool.with(soon(), |_, _| Ok(turn(&pool))).unwrap();
        assert_eq!(pool.lock().kept.len(), 2);
        let start = Instant::now();
        while start.elapsed() <= idle {
            turn(&pool); // the newest, again and again
        }
        let others = pool.with(soon(), |_, _| Ok(pool.lock().kept.len())).unwrap();
        assert_eq!(others, 0, "the other one is closed");
    }

    #[test]
    fn the_limit_holds_and_waiting_ends() {
        let pool = Pool::new(Fake::default(), 1);
        let busy = pool.with(soon(), |_, _| {
            let late = Deadline::after(Duration::from_millis(50));
            Ok(pool.with(late, |_, _| Ok(())))
        });
        assert!(matches!(busy, Ok(Err(Error::Timeout(_)))), "{busy:?}");
        let (at_work, hear) = mpsc::channel();
        let (go, wait) = mpsc::channel::<()>();
        thread::scope(|scope| {
            let pool = &pool;
            scope.spawn(move || {
                pool.with(soon(), |_, _| {
                    at_work.send(()).unwrap();
                    wait.recv().unwrap();
                    Ok(())
                })
            });
            hear.recv().unwrap();
            let second = scope.spawn(|| turn(pool));
            go.send(()).unwrap();
            assert_eq!(second.join().unwrap(), (1, true));
        });
    }

    #[test]
    fn a_failure_or_a_panic_gives_the_place_back() {
        let pool = Pool::new(Fake::default(), 1);
        pool.manage.refuses.store(true, Ordering::SeqCst);
        assert!(matches!(pool.with(soon(), |_, _| Ok(())), Err(Error::Timeout(phase)) if phase == "connect"));
        pool.manage.refuses.store(false, Ordering::SeqCst);
        let panicked =
            thread::scope(|scope| scope.spawn(|| pool.with(soon(), |_, _| -> Result<()> { panic!("!") })).join());
        assert!(panicked.is_err());
        assert_eq!(turn(&pool), (2, false));
    }
}
