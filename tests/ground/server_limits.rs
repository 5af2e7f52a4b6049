//! The server at the limits of a process: descriptors and threads. Each test runs the server in a process of its own,
//! because "none left" is a property of a process; its comment says by which means it gets there.

use crate::support;
use netprimer::server::{Conn, Server};
use netprimer::{Error, Result};
use std::fs::File;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::Command;
use std::sync::{Arc, Barrier, Mutex, MutexGuard, PoisonError, mpsc};
use std::thread;
use std::time::{Duration, Instant};
use support::echo::{PROGRAMS, ask, echo_server};
use support::programs::{self, Running, again, told, under, with_threads};
use support::sockets::dial;
use support::sockets::own_home;
use support::{LIMIT, note};

/// Lets time pass without anything to wait for: a channel that never hears anything is a clock.
fn pass(time: Duration) {
    let (_silent, clock) = mpsc::channel::<()>();
    let _ = clock.recv_timeout(time);
}

/// Two tests need most of this process's descriptors: one after the other.
static CROWD: Mutex<()> = Mutex::new(());

/// How many clients this process can be at once, `wanted` at most; fewer are named.
fn crowd(wanted: usize) -> (usize, MutexGuard<'static, ()>) {
    let alone = CROWD.lock().unwrap_or_else(PoisonError::into_inner);
    let limit = programs::run(Command::new("sh").args(["-c", "ulimit -n"]), b"").text();
    let limit = limit.trim().parse::<usize>().unwrap_or(usize::MAX);
    let number = limit.saturating_sub(300).min(wanted) / 4 * 4;
    if number < wanted {
        note(&format!("{number} connections instead of {wanted}: a process may have {limit} descriptors here"));
    }
    (number, alone)
}

/// Means: server and clients in two processes, because each of them needs a descriptor for each connection.
#[test]
fn a_burst_of_a_thousand_is_served_without_a_failure() {
    let (number, _alone) = crowd(1_000);
    let server = Running::server(&mut echo_server(&["--max", "1000", "--quiet"]));
    let (addr, ready) = (server.addr(), Arc::new(Barrier::new(number)));
    let clients = (0..number).map(|_| {
        let ready = Arc::clone(&ready);
        let go = move || {
            ready.wait();
            let start = Instant::now();
            let mut client = dial(addr);
            let connected = start.elapsed();
            ask(&mut client).unwrap();
            (connected, start.elapsed(), client)
        };
        thread::Builder::new().stack_size(64 << 10).spawn(go).unwrap()
    });
    let clients: Vec<_> = clients.collect();
    let times: Vec<_> = clients.into_iter().map(|client| client.join().unwrap()).collect();
    let connect = times.iter().map(|times| times.0).max().unwrap();
    let answer = times.iter().map(|times| times.1).max().unwrap();
    note(&format!("burst of {number}: slowest connect {connect:.1?}, slowest answer {answer:.1?}"));
}

/// Means: as above.
#[test]
fn ten_thousand_connections_at_once() {
    let (number, _alone) = crowd(10_000);
    let server = Running::server(&mut echo_server(&["--max", "10000", "--quiet"]));
    let start = Instant::now();
    let addr = server.addr();
    let connect = move || {
        let clients = (0..number / 4).map(|_| {
            let mut client = dial(addr);
            ask(&mut client).unwrap();
            client
        });
        clients.collect::<Vec<_>>()
    };
    let threads: Vec<_> = (0..4).map(|_| thread::spawn(connect)).collect();
    let mut all: Vec<TcpStream> = threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect();
    assert_eq!(all.len(), number);
    note(&format!("{number} connections open after {:.1?}", start.elapsed()));
    // All are there at the same time, and each is answered.
    all.iter_mut().for_each(|client| ask(client).unwrap());
}

/// Means: `ulimit -n 64` in the child.
pub fn without_descriptors_it_waits_instead_of_spinning() {
    let mut command = under("ulimit -n 64", &PROGRAMS.path("echo-server"));
    let mut server = Running::server(command.arg("127.0.0.1:0"));
    // 100 callers: about 57 can be accepted, the others stand in the kernel's queue.
    let mut inside: Vec<TcpStream> = (0..100).map(|_| server.dial()).collect();
    let outside = inside.split_off(40);
    inside.iter_mut().for_each(|caller| ask(caller).unwrap());
    assert!(server.line().starts_with("cannot accept clients: "), "and it says so");
    if let Some(before) = server.cpu() {
        let start = Instant::now();
        pass(Duration::from_secs(1));
        let (used, passed) = (server.cpu().unwrap() - before, start.elapsed());
        assert!(used < passed / 20, "{used:?} of {passed:?}");
        let complaints = server.lines().iter().filter(|line| line.starts_with("cannot accept")).count() as u64;
        assert!(complaints <= passed.as_secs() + 1, "{complaints} lines in {passed:?}");
    }
    // Who is inside is served all the time; who waits, as soon as others leave.
    inside.iter_mut().for_each(|caller| ask(caller).unwrap());
    drop(inside);
    for mut caller in outside {
        ask(&mut caller).unwrap();
    }
    let start = Instant::now();
    ask(&mut server.dial()).unwrap();
    note(&format!("ulimit -n 64: a new client is answered {:.1?} after the crowd has left", start.elapsed()));
    assert!(start.elapsed() < LIMIT);
    assert!(server.is_running());
}

/// Means: this test program once more, under `ulimit -n 64`, where it runs the function below.
#[test]
fn stop_needs_no_descriptor() {
    if told().is_some() {
        return stop_without_descriptors();
    }
    again("stop_needs_no_descriptor", "in here", |program| under("ulimit -n 64", program));
}

fn stop_without_descriptors() {
    let echo = |mut conn: Conn| -> Result<()> {
        let mut buffer = [0; 6];
        while conn.stream.read(&mut buffer).map_err(Error::io("read"))? > 0 {
            conn.stream.write_all(&buffer).map_err(Error::io("write"))?;
        }
        Ok(())
    };
    // First with a worker that sleeps in accept, then with several that pause because accept fails.
    for crowd in [0, 10] {
        let handle = Server::bind(own_home()).unwrap().start(echo).unwrap();
        let addr = handle.addr();
        let mut clients: Vec<TcpStream> = (0..crowd).map(|_| TcpStream::connect(addr).unwrap()).collect();
        clients.iter_mut().for_each(|client| ask(client).unwrap());
        let kept = clients.len() / 2;
        clients.truncate(kept);
        let mut files = Vec::new();
        let error = loop {
            match File::open("/dev/null") {
                Ok(file) => files.push(file),
                Err(error) => break error,
            }
        };
        assert_eq!(error.raw_os_error(), Some(24), "EMFILE: {error}");
        let start = Instant::now();
        let drained = handle.stop(Duration::from_millis(100));
        assert!(start.elapsed() < LIMIT, "{:?}", start.elapsed());
        assert_eq!(drained.stuck, 0, "{drained:?}");
        assert!(drained.forced <= kept, "{drained:?}");
        drop((files, clients));
        assert!(Server::bind(addr).is_ok(), "the port is free");
    }
}

/// Means: a child under another user, because a limit of threads (`ulimit -u`) does not stop root; needs root, `setpriv` and
/// `prlimit`. The same is tried on any system with an injected spawner in `src/server/tests.rs`.
#[test]
fn without_threads_it_turns_away_and_goes_on() {
    let Some(mut command) = with_threads(20, &PROGRAMS.path("echo-server")) else { return };
    let mut server = Running::server(command.arg("127.0.0.1:0"));
    let mut callers: Vec<TcpStream> = (0..40).map(|_| server.dial()).collect();
    let served = callers.iter_mut().filter_map(|caller| ask(caller).ok()).count();
    note(&format!("20 threads: {served} of 40 callers served, the others turned away"));
    assert!((10..20).contains(&served), "{served}");
    drop(callers);
    let complaint = std::iter::repeat_with(|| server.line()).find(|line| line.contains("no thread for it"));
    assert!(complaint.is_some());
    // The places are free again: sooner or later the next caller finds one.
    let start = Instant::now();
    while ask(&mut server.dial()).is_err() {
        assert!(start.elapsed() < LIMIT, "nobody is served any more");
        thread::yield_now();
    }
    assert!(server.is_running());
}
