//! One conversation over HTTP, damaged at every byte: it ends in the right answer or in an error, and in time.

use crate::site;
use netprimer::dial::Dial;
use netprimer::fault::{Fault, FaultProxy};
use netprimer::http::{Client, Method, Options, Request};
use netprimer::trace::{Side, Transcript};
use netprimer::{Error, Result};
use site::{Site, site};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

const CHUNKED: &[u8] =
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;x=y\r\nHello\r\n7\r\n, world\r\n0\r\nA: b\r\n\r\n";
const LENGTH: &[u8] =
    b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n\xe4\xbd\xa0\xe5\xa5\xbd";

fn golden() -> Site {
    site(None, |asked| match asked.head.target.as_str() {
        "/chunked" => CHUNKED.to_vec(),
        _ if asked.body == b"0123456789" => LENGTH.to_vec(),
        _ => b"HTTP/1.1 400 Bad\r\nContent-Length: 0\r\n\r\n".to_vec(),
    })
}

/// Two turns on one connection: a GET and a POST. How many answers were right, and the error that ended it.
fn converse(addr: SocketAddr, dial: Dial) -> (usize, Result<()>) {
    let mut client = Client::with(Options { dial, ..Options::default() });
    let mut right = 0;
    let mut turn = |request: Request, wanted: &str| {
        let answer = client.send(&request)?;
        assert_eq!(answer.status, 200, "damage must not look like another answer");
        assert_eq!(answer.text()?, wanted, "damage must not look like another answer");
        right += 1;
        Ok(())
    };
    let result = turn(Request::new(Method::Get, &format!("http://{addr}/chunked")), "Hello, world")
        .and_then(|()| turn(Request::new(Method::Post, &format!("http://{addr}/post")).body("0123456789"), "你好"));
    (right, result)
}

/// What each side says when nothing is damaged.
fn lengths(site: &Site) -> (usize, usize) {
    let wire = Transcript::new();
    let dial = Dial { trace: Some(Arc::new(wire.clone())), ..Dial::default() };
    let (right, result) = converse(site.url("").replace("http://", "").parse().unwrap(), dial);
    result.unwrap();
    assert_eq!(right, 2);
    (wire.sent_by(Side::Client).len(), wire.sent_by(Side::Server).len())
}

/// Does the work for each number on a few threads.
fn each(numbers: Vec<u64>, work: impl Fn(u64) + Sync) {
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                while let Some(number) = numbers.get(next.fetch_add(1, Ordering::Relaxed)) {
                    work(*number);
                }
            });
        }
    });
}

fn damaged(site: &Site, side: Side, fault: Fault, dial: Dial) -> (usize, Result<()>) {
    let proxy = FaultProxy::to(site.url("").replace("http://", ""));
    let proxy = match side {
        Side::Client => proxy.up(fault),
        Side::Server => proxy.down(fault),
    };
    let proxy = proxy.start().unwrap();
    converse(proxy.addr(), dial)
}

#[test]
fn cut_at_every_byte() {
    let site = golden();
    let (up, down) = lengths(&site);
    assert_eq!(down, CHUNKED.len() + LENGTH.len());
    for (side, whole) in [(Side::Client, up), (Side::Server, down)] {
        each((0..whole as u64).collect(), |after| {
            let start = Instant::now();
            let (right, result) = damaged(&site, side, Fault::Cut { after }, Dial::default());
            let Err(error) = result else {
                // The end came between the turns, and was seen before the second: that took a connection of its own.
                return assert_eq!((side, after, right), (Side::Server, CHUNKED.len() as u64, 2));
            };
            assert!(matches!(error, Error::Closed(_) | Error::Io(..)), "{side:?} cut at {after}: {error:?}");
            if side == Side::Server {
                assert_eq!(right, usize::from(after >= CHUNKED.len() as u64), "cut at {after}");
            }
            assert!(start.elapsed() < Duration::from_secs(5), "cut at {after} took {:?}", start.elapsed());
        });
    }
}

#[test]
fn one_byte_at_a_time() {
    let site = golden();
    for side in [Side::Client, Side::Server] {
        let (right, result) = damaged(&site, side, Fault::Slice(1), Dial::default());
        result.unwrap();
        assert_eq!(right, 2);
    }
}

#[test]
fn a_silence_at_every_tenth_byte() {
    let site = golden();
    let (up, down) = lengths(&site);
    let limit = Duration::from_millis(200);
    for (side, whole) in [(Side::Client, up), (Side::Server, down)] {
        each((0..whole as u64).step_by(10).collect(), |after| {
            let dial = Dial { reply: limit, ..Dial::default() };
            let start = Instant::now();
            let (right, result) = damaged(&site, side, Fault::Stall { after }, dial);
            let error = result.expect_err("nobody can know what the silence would have said");
            assert!(matches!(error, Error::Timeout(_)), "{side:?} silent at {after}: {error:?}");
            // Each turn has a deadline of its own.
            let took = start.elapsed();
            assert!(
                took >= limit && took < limit * 2 + Duration::from_secs(3),
                "{side:?} silent at {after}, {right} right: {took:?}"
            );
        });
    }
}
