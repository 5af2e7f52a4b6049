//! The server against clients that behave and clients that do not, inside one process. What needs a limit of its own
//! (descriptors, threads) stands in `server_limits.rs`.
//!
//! Nothing here sleeps to wait for something: tests wait for events, with a limit.

use crate::support;
use netprimer::server::{Conn, Drained, Event, Handle, MOST_PLACES, Server};
use netprimer::stream::{self, Stream, Tcp};
use netprimer::{Deadline, Error, Result};
use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};
use support::sockets::{has_ipv6, homes, own_home};
use support::{LIMIT, note};

fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

/// An event that can be kept.
#[derive(Debug, PartialEq)]
enum Seen {
    Accepted(SocketAddr),
    Ended(SocketAddr, Option<ErrorKind>),
    Panicked(SocketAddr, String),
    Refused(SocketAddr),
    Other(String),
}

fn watched(server: Server) -> (Server, Receiver<Seen>) {
    let (say, seen) = mpsc::channel();
    let server = server.on_event(move |event| {
        let _ = say.send(match event {
            Event::Accepted(peer) => Seen::Accepted(peer),
            Event::Ended(peer, result) => Seen::Ended(peer, result.as_ref().err().map(Error::kind)),
            Event::Panicked(peer, text) => Seen::Panicked(peer, text.to_owned()),
            Event::Refused(peer) => Seen::Refused(peer),
            other => Seen::Other(format!("{other:?}")),
        });
    });
    (server, seen)
}

fn next(seen: &Receiver<Seen>) -> Seen {
    seen.recv_timeout(LIMIT).expect("an event in time")
}

fn bind() -> Server {
    Server::bind("127.0.0.1:0").unwrap()
}

fn echo(mut conn: Conn) -> Result<()> {
    let mut buffer = [0; 4096];
    loop {
        match conn.stream.read(&mut buffer).map_err(Error::io("read"))? {
            0 => return Ok(()),
            n => conn.stream.write_all(&buffer[..n]).map_err(Error::io("write"))?,
        }
    }
}

/// A client whose every read and write ends in time.
fn client(addr: SocketAddr) -> Tcp {
    let mut tcp = stream::connect(&addr.ip().to_string(), addr.port(), Deadline::after(LIMIT)).unwrap();
    tcp.set_deadline(Deadline::after(LIMIT));
    tcp
}

fn near(tcp: &Tcp) -> SocketAddr {
    tcp.socket().local_addr().unwrap()
}

fn ask(tcp: &mut Tcp, text: &str) -> io::Result<()> {
    tcp.write_all(text.as_bytes())?;
    let mut answer = vec![0; text.len()];
    tcp.read_exact(&mut answer)?;
    assert_eq!(answer, text.as_bytes());
    Ok(())
}

fn served(addr: SocketAddr) {
    ask(&mut client(addr), "你好").unwrap();
}

/// What a stop gives when nobody was there.
const NOBODY: Drained = Drained { finished: 0, forced: 0, stuck: 0 };

#[test]
fn both_families_are_served_and_the_port_is_known_at_once() {
    for host in homes() {
        let server = Server::bind(host).unwrap();
        let addr = server.addr();
        assert_ne!(addr.port(), 0);
        let mut early = client(addr); // before anybody accepts: the kernel's queue waits for us
        let handle = server.start(echo).unwrap();
        ask(&mut early, "early").unwrap();
        served(addr);
        drop(early);
        assert_eq!(handle.stop(LIMIT).stuck, 0);
    }
}

#[test]
fn a_bad_address_is_named() {
    let taken = bind();
    let error = Server::bind(taken.addr()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AddrInUse);
    assert!(error.to_string().starts_with(&format!("listen on {}: ", taken.addr())), "{error}");
    for addr in ["127.0.0.1:99999", "127.0.0.1", "nonsense"] {
        assert_eq!(Server::bind(addr).unwrap_err().kind(), ErrorKind::InvalidInput, "{addr}");
    }
    for places in [0, MOST_PLACES + 1] {
        assert!(matches!(bind().places(places).start(echo), Err(Error::Invalid(_))), "{places}");
    }
}

#[test]
fn never_more_than_the_places_and_nobody_is_lost() {
    let most = Arc::new(AtomicUsize::new(0));
    let (now, peak) = (AtomicUsize::new(0), Arc::clone(&most));
    let handle = bind().places(3).start(move |conn| {
        peak.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
        let result = echo(conn);
        now.fetch_sub(1, Ordering::SeqCst);
        result
    });
    let handle = handle.unwrap();
    let addr = handle.addr();
    let clients: Vec<_> = (0..30).map(|_| thread::spawn(move || served(addr))).collect();
    clients.into_iter().for_each(|client| client.join().unwrap());
    assert!(most.load(Ordering::SeqCst) <= 3);
    let drained = handle.stop(LIMIT);
    assert_eq!((drained.forced, drained.stuck), (0, 0));
    let totals = handle.totals();
    assert_eq!((totals.accepted, totals.active, totals.failed, totals.refused), (30, 0, 0, 0), "{totals:?}");
    assert!(totals.peak <= 3, "{totals:?}");
}

#[test]
fn over_the_cap_a_caller_waits() {
    let (server, seen) = watched(bind().places(1));
    let handle = server.start(echo).unwrap();
    let mut first = client(handle.addr());
    ask(&mut first, "first").unwrap();
    let mut second = client(handle.addr()); // connected by the kernel, not by the server
    second.write_all(b"second").unwrap();
    second.set_patience(Some(ms(100)));
    assert_eq!(second.read(&mut [0; 9]).unwrap_err().kind(), ErrorKind::WouldBlock, "no place yet");
    second.set_patience(None);
    let (a, b) = (near(&first), near(&second));
    drop(first);
    second.read_exact(&mut [0; 6]).unwrap();
    assert_eq!([next(&seen), next(&seen), next(&seen)], [Seen::Accepted(a), Seen::Ended(a, None), Seen::Accepted(b)]);
}

#[test]
fn over_the_cap_a_caller_is_told_when_that_is_asked_for() {
    let (server, seen) = watched(bind().places(1).refuse_with("421 too many\r\n"));
    let handle = server.start(echo).unwrap();
    let mut first = client(handle.addr());
    ask(&mut first, "first").unwrap();
    next(&seen);
    // Each says something that nobody wants to know, and the connection must not be reset for it: a reset makes writing
    // fail here, and on other systems takes the line away.
    // 50 of them, because from the 65th on who is not yet gone a caller is closed without such patience.
    for _ in 0..50 {
        let mut late = client(handle.addr());
        late.write_all(&[b'x'; 5_000]).unwrap();
        let mut line = String::new();
        late.read_to_string(&mut line).expect("the line, then the end, and no reset");
        assert_eq!(line, "421 too many\r\n");
        assert_eq!(next(&seen), Seen::Refused(near(&late)));
        late.write_all(&[b'x'; 5_000]).expect("and he can finish what he came to say");
        late.write_all(&[b'x'; 5_000]).expect("and he can finish what he came to say");
    }
    ask(&mut first, "still here").unwrap();
    drop(first);
    assert!(matches!(next(&seen), Seen::Ended(_, None)));
    served(handle.addr());
    let totals = handle.totals();
    assert_eq!((totals.accepted, totals.refused, totals.peak), (2, 50, 1), "{totals:?}");
}

pub fn refused_callers_who_stay_cost_nothing_for_long() {
    let handle = bind().places(1).refuse_with("421 too many\r\n").start(echo).unwrap();
    let mut first = client(handle.addr());
    ask(&mut first, "first").unwrap();
    let mut crowd: Vec<Tcp> = (0..150).map(|_| client(handle.addr())).collect();
    let start = Instant::now();
    for late in &mut crowd {
        let mut line = [0; 14];
        late.read_exact(&mut line).expect("everybody is told, also those for whom nobody waits");
        assert_eq!(&line, b"421 too many\r\n");
    }
    assert!(start.elapsed() < LIMIT, "{:?}", start.elapsed());
    ask(&mut first, "still here").unwrap();
    drop(first);
    assert_eq!(handle.stop(LIMIT).stuck, 0);
    assert_eq!(handle.totals().refused, 150);
}

#[test]
fn a_panic_costs_one_connection_and_no_place() {
    let (server, seen) = watched(bind().places(8));
    // An unwinding without the hook's message: 3,334 of those would bury the test's own output.
    let handle = server.start(|mut conn| {
        let mut number = [0; 4];
        conn.stream.read_exact(&mut number).map_err(Error::io("read the number"))?;
        if u32::from_be_bytes(number) % 3 == 0 {
            std::panic::resume_unwind(Box::new("one of three"));
        }
        conn.stream.write_all(&number).map_err(Error::io("write it back"))
    });
    let handle = handle.unwrap();
    let addr = handle.addr();
    let work = Arc::new(AtomicUsize::new(0));
    let clients = (0..8).map(|_| {
        let work = Arc::clone(&work);
        thread::spawn(move || {
            let mut answered = 0;
            loop {
                let n = work.fetch_add(1, Ordering::Relaxed);
                if n >= 10_000 {
                    return answered;
                }
                let mut tcp = client(addr);
                tcp.write_all(&(n as u32).to_be_bytes()).unwrap();
                let mut answer = Vec::new();
                tcp.read_to_end(&mut answer).unwrap();
                assert_eq!(answer.is_empty(), n.is_multiple_of(3));
                answered += usize::from(!answer.is_empty());
            }
        })
    });
    let clients: Vec<_> = clients.collect();
    assert_eq!(clients.into_iter().map(|client| client.join().unwrap()).sum::<usize>(), 6_666);
    let (mut panics, mut ended) = (0, 0);
    while panics + ended < 10_000 {
        match next(&seen) {
            Seen::Accepted(_) => {}
            Seen::Ended(_, None) => ended += 1,
            Seen::Panicked(_, text) if text == "one of three" => panics += 1,
            other => panic!("{other:?}"),
        }
    }
    assert_eq!((panics, ended), (3_334, 6_666));
    let totals = handle.totals();
    assert_eq!((totals.panics, totals.active, totals.accepted), (3_334, 0, 10_000));
    assert_eq!(handle.stop(LIMIT), NOBODY);
}

#[test]
fn what_a_panic_said_is_not_lost() {
    let (server, seen) = watched(bind());
    let handle = server.start(|conn| panic!("cannot serve {}", conn.peer)).unwrap();
    let tcp = client(handle.addr());
    assert_eq!(next(&seen), Seen::Accepted(near(&tcp)));
    assert_eq!(next(&seen), Seen::Panicked(near(&tcp), format!("cannot serve {}", near(&tcp))));
}

#[test]
fn panics_where_nobody_expects_them_cost_no_place_either() {
    struct Bomb;
    impl Drop for Bomb {
        fn drop(&mut self) {
            std::panic::resume_unwind(Box::new("again"));
        }
    }
    let server = bind().places(1).on_event(|_| std::panic::resume_unwind(Box::new("the observer")));
    let calls = AtomicUsize::new(0);
    let handle = server.start(move |conn| match calls.fetch_add(1, Ordering::SeqCst) {
        0 => std::panic::resume_unwind(Box::new(Bomb)),
        _ => echo(conn),
    });
    let handle = handle.unwrap();
    assert_eq!(client(handle.addr()).read(&mut [0; 1]).unwrap(), 0);
    served(handle.addr());
    assert_eq!(handle.totals().panics, 1);
}

pub fn a_handler_that_never_returns_costs_one_place_and_is_reported() {
    let (release, gate) = mpsc::channel::<()>();
    let (gate, (inside, entered)) = (Mutex::new(gate), mpsc::channel());
    let (server, seen) = watched(Server::bind(own_home()).unwrap().places(2));
    let handle = server.start(move |mut conn| {
        let mut first = [0; 1];
        conn.stream.read_exact(&mut first).map_err(Error::io("read"))?;
        if &first == b"!" {
            let _ = inside.send(());
            let _ = gate.lock().unwrap().recv(); // nothing that a shutdown of the connection could end
        }
        conn.stream.write_all(&first).map_err(Error::io("write"))?;
        echo(conn)
    });
    let handle = handle.unwrap();
    let addr = handle.addr();
    let mut stuck = client(addr);
    stuck.write_all(b"!").unwrap();
    entered.recv_timeout(LIMIT).unwrap();
    for _ in 0..10 {
        served(addr);
    }
    let start = Instant::now();
    let drained = handle.stop(Duration::ZERO);
    assert_eq!(drained.stuck, 1, "{drained:?}");
    assert!(start.elapsed() < LIMIT, "{:?}", start.elapsed());
    let again = Server::bind(addr).expect("the port is free although a handler still runs");
    drop(again);
    // Once it returns, its thread ends like any other.
    release.send(()).unwrap();
    while !matches!(next(&seen), Seen::Ended(peer, _) if peer == near(&stuck)) {}
    assert_eq!(handle.active(), 0);
}

#[test]
fn stop_wakes_those_who_accept() {
    for host in [own_home()].into_iter().chain(has_ipv6("what listens on ::1").then(|| "[::1]:0".to_owned())) {
        let handle = Server::bind(host).unwrap().start(echo).unwrap();
        let addr = handle.addr();
        // Several workers wait afterwards: as many as were needed at once.
        let mut crowd: Vec<Tcp> = (0..20).map(|_| client(addr)).collect();
        crowd.iter_mut().for_each(|tcp| ask(tcp, "hi").unwrap());
        drop(crowd);
        let start = Instant::now();
        let drained = handle.stop(LIMIT);
        assert_eq!((drained.forced, drained.stuck), (0, 0));
        assert!(start.elapsed() < LIMIT, "{:?}", start.elapsed());
        assert_eq!(TcpStream::connect(addr).unwrap_err().kind(), ErrorKind::ConnectionRefused);
        assert_eq!(handle.stop(LIMIT), NOBODY, "stopping twice does no harm");
    }
}

#[test]
fn stop_while_full_ends_all_who_wait_for_something() {
    for refuse in [false, true] {
        let server = bind().places(2);
        let server = if refuse { server.refuse_with("421 too many\r\n") } else { server };
        let handle = server.start(echo).unwrap();
        let mut inside = [client(handle.addr()), client(handle.addr())];
        inside.iter_mut().for_each(|tcp| ask(tcp, "hi").unwrap());
        let mut outside: Vec<Tcp> = (0..5).map(|_| client(handle.addr())).collect();
        if refuse {
            outside.iter_mut().for_each(|tcp| tcp.read_exact(&mut [0; 14]).unwrap());
        }
        assert_eq!(handle.active(), 2);
        let start = Instant::now();
        assert_eq!(handle.stop(ms(50)), Drained { finished: 0, forced: 2, stuck: 0 });
        assert!(start.elapsed() < LIMIT, "{:?}", start.elapsed());
        for tcp in inside.iter_mut().chain(&mut outside) {
            assert!(matches!(tcp.read(&mut [0; 1]).map_err(|e| e.kind()), Ok(0) | Err(ErrorKind::ConnectionReset)));
        }
        assert_eq!(handle.totals().active, 0);
    }
}

#[test]
fn stop_ends_a_write_that_nobody_reads() {
    let (server, seen) = watched(bind().idle(None));
    let (writing, began) = mpsc::channel();
    let handle = server.start(move |mut conn| {
        let piece = vec![0; 1 << 20];
        loop {
            let _ = writing.send(conn.stream.write(&piece).map_err(Error::io("write"))?);
        }
    });
    let handle = handle.unwrap();
    let peer = client(handle.addr()); // neither reads nor writes
    began.recv_timeout(LIMIT).unwrap();
    assert_eq!(handle.stop(ms(50)), Drained { finished: 0, forced: 1, stuck: 0 });
    assert_eq!(next(&seen), Seen::Accepted(near(&peer)));
    assert!(matches!(next(&seen), Seen::Ended(_, Some(_))));
}

#[test]
fn a_handler_that_asks_ends_within_the_grace() {
    let (server, seen) = watched(bind());
    let handle = server.start(|mut conn| {
        // A protocol with turns: between two of them the handler asks whether to go on.
        while !conn.stopping() {
            conn.stream.read_exact(&mut [0; 1]).map_err(Error::io("read"))?;
        }
        conn.stream.write_all(b"bye").map_err(Error::io("write"))
    });
    let handle = handle.unwrap();
    let mut tcp = client(handle.addr());
    assert_eq!(next(&seen), Seen::Accepted(near(&tcp)));
    let addr = handle.addr();
    let stopper = thread::spawn(move || handle.stop(LIMIT));
    // Each byte is a turn. The stop is known once nobody can connect; one more turn is enough then.
    while TcpStream::connect(addr).is_ok() {
        thread::yield_now();
    }
    tcp.write_all(b".").unwrap();
    let mut answer = String::new();
    tcp.read_to_string(&mut answer).unwrap();
    assert_eq!(answer, "bye");
    // The probes of the loop may have been accepted, too.
    assert!(matches!(stopper.join().unwrap(), Drained { finished: 1.., forced: 0, stuck: 0 }));
}

#[test]
fn stop_ends_also_what_a_handler_waits_for_beside_its_connection() {
    let (say, told) = mpsc::channel();
    let handle = bind().start(move |mut conn| {
        let (go, wait) = mpsc::channel();
        let go_again = go.clone();
        conn.on_stop(move || drop(go));
        conn.on_stop(move || go_again.send("stop").unwrap()); // the last one counts
        say.send((conn.number, wait.recv_timeout(LIMIT).unwrap())).unwrap();
        // Stop shuts the connection at that moment, so whoever comes after it is too late to be called: now, then.
        assert_eq!(conn.stream.read(&mut [0]).unwrap(), 0);
        let (go, wait) = mpsc::channel();
        conn.on_stop(move || go.send(()).unwrap());
        wait.try_recv().unwrap();
        Ok(())
    });
    let handle = handle.unwrap();
    let _clients: Vec<Tcp> = (0..2).map(|_| client(handle.addr())).collect();
    while handle.active() < 2 {
        thread::yield_now();
    }
    assert_eq!(handle.stop(Duration::ZERO), Drained { finished: 0, forced: 2, stuck: 0 });
    assert_eq!(handle.totals().panics, 0);
    let mut all: Vec<_> = told.try_iter().collect();
    all.sort();
    assert_eq!(all, [(1, "stop"), (2, "stop")]);
}

#[test]
fn a_hundred_starts_and_stops_leave_the_port_free() {
    let mut addr = Server::bind(own_home()).unwrap().addr();
    for turn in 0..100 {
        let server = Server::bind(addr).unwrap_or_else(|error| panic!("turn {turn}: {error}"));
        let handle = server.start(echo).unwrap();
        addr = handle.addr();
        let mut open = client(addr);
        ask(&mut open, "open").unwrap();
        served(addr);
        drop(handle); // no grace: the open connection is cut
        assert!(matches!(open.read(&mut [0; 1]).map_err(|e| e.kind()), Ok(0) | Err(ErrorKind::ConnectionReset)));
    }
    assert_eq!(TcpStream::connect(addr).unwrap_err().kind(), ErrorKind::ConnectionRefused);
}

#[test]
fn a_hundred_silent_clients_are_sent_home_and_hold_nobody_up() {
    let (server, seen) = watched(bind().idle(Some(ms(300))));
    let handle = server.start(echo).unwrap();
    let silent: Vec<Tcp> = (0..100).map(|_| client(handle.addr())).collect();
    served(handle.addr());
    let mut timeouts = 0;
    while timeouts < silent.len() {
        match next(&seen) {
            Seen::Ended(_, Some(ErrorKind::TimedOut)) => timeouts += 1,
            Seen::Accepted(_) | Seen::Ended(_, None) => {}
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(handle.active(), 0);
    assert_eq!(handle.totals().failed, 100);
}

pub fn a_client_that_stops_reading_is_sent_home() {
    let (server, seen) = watched(bind().idle(Some(ms(300))));
    let handle = server.start(echo).unwrap();
    let mut tcp = client(handle.addr());
    // 20 MB of which the echo is never read: both ways fill up, then the server's write waits in vain.
    assert!(tcp.write_all(&vec![7; 20 << 20]).is_err(), "20 MB fit into no buffer on the way");
    assert_eq!(next(&seen), Seen::Accepted(near(&tcp)));
    assert_eq!(next(&seen), Seen::Ended(near(&tcp), Some(ErrorKind::TimedOut)));
}

pub fn a_drip_does_not_outlive_the_total() {
    // One byte a second against a total of eight, a twentieth of it: the idle time never passes.
    let (server, seen) = watched(bind().idle(Some(LIMIT)).total(Some(ms(400))));
    let handle = server.start(echo).unwrap();
    let start = Instant::now();
    let mut tcp = client(handle.addr());
    let clock = mpsc::channel::<()>().1;
    let mut sent = 0;
    while tcp.write_all(b".").is_ok() && start.elapsed() < LIMIT {
        sent += 1;
        let _ = clock.recv_timeout(ms(50));
    }
    assert_eq!(next(&seen), Seen::Accepted(near(&tcp)));
    assert_eq!(next(&seen), Seen::Ended(near(&tcp), Some(ErrorKind::TimedOut)));
    assert!(start.elapsed() >= ms(400) && sent > 1, "{sent} bytes in {:?}", start.elapsed());
}

#[test]
fn one_byte_at_a_time_comes_back_whole() {
    let handle = bind().start(echo).unwrap();
    let mut tcp = client(handle.addr());
    let text: Vec<u8> = (0..=255).collect();
    text.iter().for_each(|byte| tcp.write_all(&[*byte]).unwrap());
    tcp.finish().unwrap();
    let mut answer = Vec::new();
    let mut one = [0; 1];
    while tcp.read(&mut one).unwrap() == 1 {
        answer.push(one[0]);
    }
    assert_eq!(answer, text);
}

#[test]
fn clients_that_reset_are_a_normal_end() {
    let (server, seen) = watched(bind());
    let handle = server.start(echo).unwrap();
    for _ in 0..200 {
        let mut tcp = client(handle.addr());
        tcp.write_all(b"an answer that nobody reads").unwrap();
        assert_eq!(tcp.socket().peek(&mut [0; 1]).unwrap(), 1);
        drop(tcp); // with unread bytes: the kernel sends a reset
    }
    let (mut ended, mut resets) = (0, 0);
    while ended < 200 {
        match next(&seen) {
            Seen::Accepted(_) => continue,
            Seen::Ended(_, Some(ErrorKind::ConnectionReset)) => resets += 1,
            Seen::Ended(_, None | Some(ErrorKind::BrokenPipe)) => {}
            other => panic!("{other:?}"),
        }
        ended += 1;
    }
    assert!(resets > 0, "none of 200 was seen as a reset");
    served(handle.addr());
    assert_eq!(handle.totals().panics, 0);
}

#[test]
fn thousands_in_a_row() {
    // NETPRIMER_LOAD=1 makes it 20,000, for a release build in CI.
    let attempts = if support::load() { 20_000 } else { 2_000 };
    let handle: Handle = bind().start(echo).unwrap();
    let start = Instant::now();
    for _ in 0..attempts {
        let mut tcp = client(handle.addr());
        ask(&mut tcp, "one of many").unwrap();
        tcp.finish().unwrap();
        assert_eq!(tcp.read(&mut [0; 1]).unwrap(), 0);
    }
    note(&format!("{attempts} connections in a row: {:.1?}", start.elapsed()));
    let totals = handle.totals();
    assert_eq!((totals.accepted, totals.failed, totals.accept_errors), (attempts, 0, 0), "{totals:?}");
}

#[test]
fn waiting_ends_when_another_thread_stops() {
    let handle = Arc::new(bind().start(echo).unwrap());
    let (done, waited) = mpsc::channel();
    let waiter = Arc::clone(&handle);
    thread::spawn(move || {
        waiter.wait();
        done.send(()).unwrap();
    });
    served(handle.addr());
    assert!(waited.try_recv().is_err());
    let _ = handle.stop(LIMIT);
    waited.recv_timeout(LIMIT).unwrap();
}
