//! Many jobs at once on threads, and their results in the order of the jobs.
//!
//! Nothing travels here. For those who come from Python's asyncio: [`Gather::run`] is `gather(.., return_exceptions=True)`,
//! [`Gather::all`] is `gather(..)`, and the limits are the semaphores one would put around the tasks. A job is plain blocking
//! code that keeps to the deadline it is given: a thread cannot be stopped from outside.
//!
//! May use: error, deadline.

use crate::deadline::Deadline;
use crate::error::{Error, Result};
use std::any::Any;
use std::collections::{HashMap, VecDeque};
use std::hash::Hash;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError, mpsc};
use std::thread;
use std::time::Duration;

/// How many jobs run at once, and for how long.
///
/// ```
/// use netprimer::gather::Gather;
/// let squares = Gather::default().all(1..=4, |n, _deadline| Ok(n * n))?;
/// assert_eq!(squares, [1, 4, 9, 16]);
/// # Ok::<(), netprimer::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Gather {
    /// How many jobs run at once. Default 16.
    pub workers: usize,
    /// How many of them with the same key (see [`Gather::each`]): for one host, say. Default: as many as there are workers.
    pub per_key: usize,
    /// How long one job may take. Default: as long as all together.
    pub each: Option<Duration>,
    /// By when everything must be done. Default: never.
    pub deadline: Deadline,
    /// The stack of each thread, in bytes. Default 256 KiB: memory is used only where it is touched, and 2,000 threads
    /// of std's 2 MiB would reserve 4 GiB of addresses.
    pub stack: usize,
}

impl Default for Gather {
    fn default() -> Gather {
        Gather { workers: 16, per_key: usize::MAX, each: None, deadline: Deadline::NEVER, stack: 256 << 10 }
    }
}

impl Gather {
    /// Runs every job and keeps the errors apart: one result for each job, in the order of the jobs. A job that panics
    /// gives [`Error::Other`]; one that was not begun before the deadline [`Error::Timeout`].
    ///
    /// # Errors
    /// [`Error::Io`] when not one thread can be had; [`Error::Invalid`] for a limit of 0.
    pub fn run<J: Send, T: Send>(
        &self,
        jobs: impl IntoIterator<Item = J>,
        work: impl Fn(J, Deadline) -> Result<T> + Sync,
    ) -> Result<Vec<Result<T>>> {
        let mut results = Vec::new();
        self.each(
            jobs,
            |_| (),
            work,
            |number, result| {
                put(&mut results, number, result);
                true
            },
        )?;
        // Every job has its result: `each` calls back once for each, and we never told it to stop.
        Ok(results.into_iter().flatten().collect())
    }

    /// Runs every job until one fails: its error is returned, and jobs that have not begun are not begun any more. Those at
    /// work are waited for; what they give is dropped.
    ///
    /// # Errors
    /// The first error in time, and those of [`Gather::run`].
    pub fn all<J: Send, T: Send>(
        &self,
        jobs: impl IntoIterator<Item = J>,
        work: impl Fn(J, Deadline) -> Result<T> + Sync,
    ) -> Result<Vec<T>> {
        let mut results = Vec::new();
        let mut first = None;
        self.each(
            jobs,
            |_| (),
            work,
            |number, result| match result {
                Ok(value) => {
                    put(&mut results, number, value);
                    true
                }
                Err(error) => {
                    first.get_or_insert(error);
                    false
                }
            },
        )?;
        match first {
            Some(error) => Err(error),
            None => Ok(results.into_iter().flatten().collect()),
        }
    }

    /// Runs the jobs and hands each result to `done` as soon as it is there, with the number of its job from 0, on the calling
    /// thread. Once `done` has returned false, no further job is begun. `key` says which jobs share the limit
    /// [`Gather::per_key`].
    ///
    /// # Errors
    /// [`Error::Io`] when not one thread can be had; [`Error::Invalid`] for a limit of 0.
    pub fn each<J: Send, T: Send, K: Hash + Eq + Clone + Send>(
        &self,
        jobs: impl IntoIterator<Item = J>,
        key: impl Fn(&J) -> K,
        work: impl Fn(J, Deadline) -> Result<T> + Sync,
        mut done: impl FnMut(usize, Result<T>) -> bool,
    ) -> Result<()> {
        if self.workers == 0 || self.per_key == 0 {
            return Err(Error::Invalid("a limit of 0 lets no job begin".into()));
        }
        let waiting: VecDeque<_> = jobs.into_iter().enumerate().map(|(number, job)| (number, key(&job), job)).collect();
        let threads = self.workers.min(waiting.len());
        let state = Mutex::new(State { waiting, at_work: HashMap::new() });
        let queue = Queue { per_key: self.per_key, state, changed: Condvar::new() };
        let (say, hear) = mpsc::channel();
        thread::scope(|scope| {
            for started in 0..threads {
                let (queue, work, say) = (&queue, &work, say.clone());
                let builder = thread::Builder::new().name("gather".into()).stack_size(self.stack);
                let worker = move || {
                    while let Some((number, key, job)) = queue.next() {
                        let result = self.one(job, work);
                        queue.finished(&key);
                        let _ = say.send((number, result)); // the caller hears until all workers have ended
                    }
                };
                match builder.spawn_scoped(scope, worker) {
                    Ok(_) => {}
                    Err(cause) if started == 0 => return Err(Error::not_started("start a thread")(cause)),
                    Err(_) => break, // fewer do as well
                }
            }
            drop(say);
            for (number, result) in hear {
                if !done(number, result) {
                    queue.close();
                }
            }
            Ok(())
        })
    }

    fn one<J, T>(&self, job: J, work: &impl Fn(J, Deadline) -> Result<T>) -> Result<T> {
        self.deadline.left("wait for a turn")?;
        let deadline = self.each.map_or(self.deadline, |each| self.deadline.earlier(Deadline::after(each)));
        catch_unwind(AssertUnwindSafe(|| work(job, deadline))).unwrap_or_else(|panic| Err(panicked(panic.as_ref())))
    }
}

/// Does one piece of work on a thread of its own, and waits no longer than this for it: Python's `wait_for`. Where every turn of a
/// conversation has its limit but nothing limits the number of turns, this does. It cannot stop the work (nothing can stop a
/// thread): that goes on unheard, until it or the program ends. So it is for what must not hold up the end of a program.
///
/// # Errors
/// Those of `work`; [`Error::Timeout`] with `phase` when it is not done in time; [`Error::Io`] when there is no thread to be had;
/// [`Error::Other`] when it panics.
///
/// ```
/// use netprimer::{Deadline, Error, gather};
/// use std::time::Duration;
/// let (_open, silence) = std::sync::mpsc::channel::<()>();
/// let work = move || silence.recv().map_err(|_| Error::Closed("listen".into()));
/// let late = gather::wait_for(Deadline::after(Duration::from_millis(50)), "listen", work);
/// assert!(matches!(late, Err(Error::Timeout(_))));
/// assert_eq!(gather::wait_for(Deadline::NEVER, "add", || Ok(1 + 1))?, 2);
/// # Ok::<(), Error>(())
/// ```
pub fn wait_for<T: Send + 'static>(
    deadline: Deadline,
    phase: &'static str,
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    let (say, hear) = mpsc::channel();
    let job = move || {
        let result = catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| Err(panicked(panic.as_ref())));
        let _ = say.send(result); // nobody may wait for it any more
    };
    let left = deadline.left(phase)?;
    thread::Builder::new().name("wait_for".into()).spawn(job).map_err(Error::not_started("start a thread"))?;
    let late = || Error::Timeout(phase.into());
    // A thread that has ended has sent its result: there is no other end.
    left.map_or_else(|| hear.recv().map_err(|_| late()), |left| hear.recv_timeout(left).map_err(|_| late()))?
}

fn put<T>(results: &mut Vec<Option<T>>, number: usize, result: T) {
    if results.len() <= number {
        results.resize_with(number + 1, || None);
    }
    results[number] = Some(result);
}

fn panicked(panic: &(dyn Any + Send)) -> Error {
    let text = panic.downcast_ref::<String>().map(String::as_str).or(panic.downcast_ref::<&str>().copied());
    Error::Other("a job panicked".into(), text.unwrap_or("without a text").into())
}

/// The jobs that wait, in order, and how many of each key are at work.
struct Queue<K, J> {
    per_key: usize,
    state: Mutex<State<K, J>>,
    changed: Condvar,
}

struct State<K, J> {
    waiting: VecDeque<(usize, K, J)>,
    at_work: HashMap<K, usize>,
}

impl<K: Hash + Eq + Clone, J> Queue<K, J> {
    fn lock(&self) -> MutexGuard<'_, State<K, J>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The first job whose key has a place; waits while all that are left must wait for others. `None`: there is no more.
    fn next(&self) -> Option<(usize, K, J)> {
        let mut state = self.lock();
        loop {
            let State { waiting, at_work } = &mut *state;
            let free = |(_, key, _): &(usize, K, J)| at_work.get(key).is_none_or(|busy| *busy < self.per_key);
            if let Some(job) = waiting.iter().position(free).and_then(|at| waiting.remove(at)) {
                *at_work.entry(job.1.clone()).or_default() += 1;
                return Some(job);
            }
            if waiting.is_empty() {
                return None;
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn finished(&self, key: &K) {
        let mut state = self.lock();
        if let Some(busy) = state.at_work.get_mut(key) {
            *busy -= 1;
        }
        drop(state);
        self.changed.notify_all();
    }

    fn close(&self) {
        self.lock().waiting.clear();
        self.changed.notify_all();
    }
}
