//! Many jobs at once: order, limits, errors, deadlines; and what happens when a job panics.

use crate::support::LIMIT;
use netprimer::gather::Gather;
use netprimer::{Deadline, Error, Result};
use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Barrier, Condvar, Mutex};
use std::time::{Duration, Instant};

/// Counts who is inside at the same time, and the most there ever were.
#[derive(Default)]
struct Room {
    now: AtomicUsize,
    most: AtomicUsize,
}

impl Room {
    fn visit(&self) {
        let now = self.now.fetch_add(1, Ordering::SeqCst) + 1;
        self.most.fetch_max(now, Ordering::SeqCst);
        std::thread::yield_now();
        self.now.fetch_sub(1, Ordering::SeqCst);
    }
}

#[test]
fn results_stand_in_the_order_of_the_jobs() {
    let results = Gather::default().all(0..500, |n, _| Ok(n * 2)).unwrap();
    assert_eq!(results, Vec::from_iter((0..500).map(|n| n * 2)));
    assert_eq!(Gather::default().all(0..0, |n: i32, _| Ok(n)).unwrap(), [0; 0]);
}

#[test]
fn errors_and_panics_stay_with_their_job() {
    let results = Gather::default().run(0..6, |n, _| match n {
        2 => Err(Error::Invalid("two".into())),
        4 => panic!("four"),
        n => Ok(n),
    });
    let texts =
        results.unwrap().into_iter().map(|result| result.map_or_else(|error| error.to_string(), |n| n.to_string()));
    assert_eq!(Vec::from_iter(texts), ["0", "1", "two", "3", "a job panicked: four", "5"]);
}

#[test]
fn no_more_run_at_once_than_may_and_as_many_as_may() {
    let room = Room::default();
    Gather { workers: 3, ..Gather::default() }
        .run(0..300, |_, _| {
            room.visit();
            Ok(())
        })
        .unwrap();
    assert!(room.most.load(Ordering::SeqCst) <= 3);
    // Passes only when all eight are there at the same time.
    let barrier = Barrier::new(8);
    let together = Gather { workers: 8, ..Gather::default() };
    together
        .run(0..8, |_, _| {
            barrier.wait();
            Ok(())
        })
        .unwrap();
}

#[test]
fn each_key_has_its_own_limit_and_holds_up_nobody_else() {
    let rooms: HashMap<&str, Room> = ["a", "b", "c"].map(|host| (host, Room::default())).into();
    let jobs = (0..300).map(|n| (["a", "b", "c"][n % 3], n));
    let gather = Gather { workers: 9, per_key: 2, ..Gather::default() };
    let mut heard = 0;
    let count = |_, result: Result<()>| {
        heard += usize::from(result.is_ok());
        true
    };
    gather
        .each(
            jobs,
            |(host, _)| *host,
            |(host, _), _| {
                rooms[host].visit();
                Ok(())
            },
            count,
        )
        .unwrap();
    assert_eq!(heard, 300);
    assert!(rooms.values().all(|room| room.most.load(Ordering::SeqCst) <= 2));
    // All of the first key come first in the queue; those of the second must not wait behind them.
    let barrier = Barrier::new(2);
    let jobs = ["a", "a", "a", "b"];
    let gather = Gather { workers: 2, per_key: 1, ..Gather::default() };
    let once = AtomicUsize::new(0);
    gather
        .each(
            jobs,
            |host| *host,
            |host, _| {
                if host == "b" || once.fetch_add(1, Ordering::SeqCst) == 0 {
                    barrier.wait();
                }
                Ok(())
            },
            |_, _| true,
        )
        .unwrap();
}

#[test]
fn the_first_error_keeps_the_rest_from_beginning() {
    let begun = AtomicUsize::new(0);
    let one_by_one = Gather { workers: 1, ..Gather::default() };
    let work = (Mutex::new(()), Condvar::new());
    let result = one_by_one.each(
        0..1_000,
        |_| (),
        |n, _| {
            begun.fetch_add(1, Ordering::SeqCst);
            if n > 2 {
                // It takes its time, so that the caller hears of the error and says stop meanwhile. All of them would
                // take 100 s.
                drop(work.1.wait_timeout(work.0.lock().unwrap(), Duration::from_millis(100)).unwrap());
            }
            if n == 2 { Err(Error::Invalid("two".into())) } else { Ok(()) }
        },
        |_, result: Result<()>| result.is_ok(),
    );
    assert!(result.is_ok());
    assert!(begun.load(Ordering::SeqCst) <= 100, "{begun:?} jobs were begun");
    let first = Gather::default().all(0..100, |n, _| if n == 7 { Err(Error::Invalid("seven".into())) } else { Ok(n) });
    assert_eq!(first.unwrap_err().to_string(), "seven");
}

#[test]
fn what_has_not_begun_at_the_deadline_does_not_begin() {
    let gather = Gather { workers: 1, deadline: Deadline::after(Duration::from_millis(50)), ..Gather::default() };
    let start = Instant::now();
    let begun = AtomicUsize::new(0);
    let results = gather.run(0..50, |_, deadline: Deadline| {
        begun.fetch_add(1, Ordering::SeqCst);
        // A job that keeps to its deadline, as a read on a silent connection would.
        let never = (Mutex::new(()), Condvar::new());
        while let Ok(Some(rest)) = deadline.left("work") {
            drop(never.1.wait_timeout(never.0.lock().unwrap(), rest).unwrap());
        }
        Ok(())
    });
    let results = results.unwrap();
    // On a machine that stands still for so long, not even the first one begins.
    let begun = begun.into_inner();
    assert!(begun <= 1, "{begun} jobs were begun");
    assert!(results[..begun].iter().all(Result::is_ok), "{results:?}");
    assert!(results[begun..].iter().all(|result| matches!(result, Err(Error::Timeout(_)))), "{results:?}");
    assert!(start.elapsed() < LIMIT);
}

#[test]
fn each_job_has_its_own_time_within_the_whole() {
    let gather =
        Gather { each: Some(Duration::from_secs(3)), deadline: Duration::from_secs(60).into(), ..Gather::default() };
    let rests = gather.all(0..3, |_, deadline| deadline.left("work")).unwrap();
    assert!(rests.iter().all(|rest| rest.is_some_and(|rest| rest <= Duration::from_secs(3))), "{rests:?}");
}

#[test]
fn results_are_heard_as_they_come() {
    // The first job waits until the caller has heard of the second.
    let heard = (Mutex::new(false), Condvar::new());
    let mut order = Vec::new();
    Gather { workers: 2, ..Gather::default() }
        .each(
            0..2,
            |_| (),
            |n, _| {
                if n == 0 {
                    let wait =
                        heard.1.wait_timeout_while(heard.0.lock().unwrap(), Duration::from_secs(10), |heard| !*heard);
                    assert!(*wait.unwrap().0);
                }
                Ok(())
            },
            |number, result: Result<()>| {
                result.unwrap();
                order.push(number);
                *heard.0.lock().unwrap() = true;
                heard.1.notify_all();
                true
            },
        )
        .unwrap();
    assert_eq!(order, [1, 0]);
}

#[test]
fn two_thousand_at_once() {
    let barrier = Barrier::new(2_000);
    let gather = Gather { workers: 2_000, stack: 64 << 10, ..Gather::default() };
    let done = gather
        .all(0..2_000, |n, _| {
            barrier.wait();
            Ok(n)
        })
        .unwrap();
    assert_eq!(done.len(), 2_000);
}

#[test]
fn a_limit_of_nothing_is_refused() {
    for gather in [Gather { workers: 0, ..Gather::default() }, Gather { per_key: 0, ..Gather::default() }] {
        assert!(matches!(gather.run(0..3, |n, _| Ok(n)), Err(Error::Invalid(_))));
    }
}
