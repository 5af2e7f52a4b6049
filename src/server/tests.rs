//! What a system does only when it is short of something: tried with an injected spawner, and as a pure function.

use super::crew::helps_at_once;
use super::{Conn, Handle, Server};
use crate::error::Error;
use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

#[test]
fn what_accept_can_say() {
    let at_once = |code| helps_at_once(&io::Error::from_raw_os_error(code));
    #[cfg(target_os = "linux")]
    for (code, expected) in [(4, true), (103, true), (24, false), (23, false), (105, false), (12, false), (22, false)] {
        assert_eq!(at_once(code), expected, "{}", io::Error::from_raw_os_error(code));
    }
    assert!(!at_once(i32::MAX), "what nobody knows is worth a pause");
}

/// A server whose first worker starts, and of whose later ones `fails` says whether there is a thread for them.
fn without_threads(places: usize, fails: impl Fn(usize) -> bool + Send + Sync + 'static) -> Handle {
    let mut server = Server::bind("127.0.0.1:0").unwrap().places(places);
    let spawned = AtomicUsize::new(0);
    server.options.spawner = Box::new(move |builder, task| match spawned.fetch_add(1, Ordering::SeqCst) {
        n if n > 0 && fails(n) => Err(ErrorKind::WouldBlock.into()), // EAGAIN, as pthread_create says
        _ => builder.spawn(task).map(drop),
    });
    let echo = |mut conn: Conn| {
        let mut byte = [0; 1];
        while conn.stream.read(&mut byte).map_err(Error::io("read"))? > 0 {
            conn.stream.write_all(&byte).map_err(Error::io("write"))?;
        }
        Ok(())
    };
    server.start(echo).unwrap()
}

/// A client that stays, if it was served.
fn call(handle: &Handle) -> Option<TcpStream> {
    let mut tcp = TcpStream::connect_timeout(&handle.addr(), Duration::from_secs(10)).unwrap();
    tcp.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    let _ = tcp.write_all(b"x");
    match tcp.read(&mut [0; 1]) {
        Ok(1) => Some(tcp),
        Ok(_) => None,
        Err(error) if error.kind() == ErrorKind::ConnectionReset => None,
        Err(error) => panic!("neither served nor turned away: {error}"),
    }
}

#[test]
fn one_failed_thread_in_three_costs_one_client_each() {
    let handle = without_threads(100, |n| n % 3 == 0);
    let inside: Vec<TcpStream> = (0..90).filter_map(|_| call(&handle)).collect();
    let totals = handle.totals();
    assert_eq!(inside.len() + totals.no_thread as usize, 90, "{totals:?}");
    assert_eq!(totals.active, inside.len());
    assert!((25..=35).contains(&totals.no_thread), "{totals:?}");
    drop(inside);
    assert_eq!(handle.stop(Duration::from_secs(10)).stuck, 0);
}

#[test]
fn without_any_further_thread_the_service_goes_on() {
    let handle = without_threads(100, |_| true);
    for _ in 0..10 {
        assert!(call(&handle).is_none(), "the only worker stays at the door");
    }
    assert_eq!(handle.totals().no_thread, 10);
    assert_eq!(handle.stop(Duration::from_secs(10)).stuck, 0);
}

#[test]
fn not_even_a_first_thread_is_an_error() {
    let mut server = Server::bind("127.0.0.1:0").unwrap();
    let addr = server.addr();
    server.options.spawner = Box::new(|_, _| Err(ErrorKind::WouldBlock.into()));
    assert!(server.start(|_| Ok(())).is_err());
    assert!(TcpStream::connect(addr).is_err(), "nobody listens on behalf of nobody");
}
