//! One conversation over HTTP, damaged at every byte: it ends in the right answer or in an error, and in time.

use crate::site;
use netprimer::dial::Dial;
use netprimer::fault::{Fault, FaultProxy};
use netprimer::http::{Client, Method, Options, Request};
use netprimer::trace::{Side, Transcript};
use netprimer::web::{self, Session};
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

/// Who speaks: how many of two turns on one connection, a GET and a POST, were right, and the error that ended it.
type Speaker = fn(SocketAddr, Dial) -> (usize, Result<()>);

/// And after how many bytes the first answer may be whole. For ureq that is when the last chunk has come: of the fields after
/// the body it waits for the end only if it has read a part of them.
const SPEAKERS: [(Speaker, usize); 2] = [(by_hand, CHUNKED.len()), (by_session, CHUNKED.len() - b"A: b\r\n\r\n".len())];

fn by_hand(addr: SocketAddr, dial: Dial) -> (usize, Result<()>) {
    let mut client = Client::with(Options { dial, ..Options::default() });
    converse(|method, path, body| {
        let answer = client.send(&Request::new(method, &format!("http://{addr}{path}")).body(body))?;
        Ok((answer.status, answer.text()?))
    })
}

fn by_session(addr: SocketAddr, dial: Dial) -> (usize, Result<()>) {
    let session = Session::with(web::Options { total: dial.reply, trace: dial.trace, ..web::Options::default() });
    converse(|method, path, body| {
        let mut answer = session.request(method.as_str(), &format!("http://{addr}{path}")).body(body).send()?;
        Ok((answer.status().as_u16(), answer.text()?))
    })
}

fn converse(mut turn: impl FnMut(Method, &str, &str) -> Result<(u16, String)>) -> (usize, Result<()>) {
    let mut right = 0;
    for (method, path, body, wanted) in
        [(Method::Get, "/chunked", "", "Hello, world"), (Method::Post, "/post", "0123456789", "你好")]
    {
        match turn(method, path, body) {
            Ok(answer) => assert_eq!(answer, (200, wanted.to_owned()), "damage must not look like another answer"),
            Err(error) => return (right, Err(error)),
        }
        right += 1;
    }
    (right, Ok(()))
}

/// What each side says when nothing is damaged.
fn lengths(site: &Site, speaker: Speaker) -> (usize, usize) {
    let wire = Transcript::new();
    let dial = Dial { trace: Some(Arc::new(wire.clone())), ..Dial::default() };
    let (right, result) = speaker(site.url("").replace("http://", "").parse().unwrap(), dial);
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

fn damaged(site: &Site, speaker: Speaker, side: Side, fault: Fault, dial: Dial) -> (usize, Result<()>) {
    let proxy = FaultProxy::to(site.url("").replace("http://", ""));
    let proxy = match side {
        Side::Client => proxy.up(fault),
        Side::Server => proxy.down(fault),
    };
    let proxy = proxy.start().unwrap();
    speaker(proxy.addr(), dial)
}

/// Everybody with each side of the conversation, and how long that side is.
fn faults(site: &Site) -> Vec<((Speaker, usize), (Side, usize))> {
    let sides = |(speaker, enough)| {
        let (up, down) = lengths(site, speaker);
        assert_eq!(down, CHUNKED.len() + LENGTH.len());
        [(Side::Client, up), (Side::Server, down)].map(|side| ((speaker, enough), side))
    };
    SPEAKERS.into_iter().flat_map(sides).collect()
}

#[test]
fn cut_at_every_byte() {
    let site = golden();
    for ((speaker, enough), (side, whole)) in faults(&site) {
        let (enough, all) = (enough as u64, CHUNKED.len() as u64);
        each((0..whole as u64).collect(), |after| {
            let start = Instant::now();
            let (right, result) = damaged(&site, speaker, side, Fault::Cut { after }, Dial::default());
            let Err(error) = result else {
                // The end came between the turns, and was seen before the second: that took a connection of its own.
                let between = (enough..=all).contains(&after);
                return assert!(side == Side::Server && between && right == 2, "cut at {after}: {right} right");
            };
            assert!(matches!(error, Error::Closed(_) | Error::Io(..)), "{side:?} cut at {after}: {error:?}");
            if side == Side::Server {
                let may = usize::from(after >= all)..=usize::from(after >= enough);
                assert!(may.contains(&right), "cut at {after}: {right} right");
            }
            assert!(start.elapsed() < Duration::from_secs(5), "cut at {after} took {:?}", start.elapsed());
        });
    }
}

#[test]
fn one_byte_at_a_time() {
    let site = golden();
    for ((speaker, _), (side, _)) in faults(&site) {
        let (right, result) = damaged(&site, speaker, side, Fault::Slice(1), Dial::default());
        result.unwrap();
        assert_eq!(right, 2);
    }
}

pub fn a_silence_at_every_tenth_byte() {
    let site = golden();
    let limit = Duration::from_millis(200);
    for ((speaker, _), (side, whole)) in faults(&site) {
        each((0..whole as u64).step_by(10).collect(), |after| {
            let dial = Dial { reply: limit, ..Dial::default() };
            let start = Instant::now();
            let (right, result) = damaged(&site, speaker, side, Fault::Stall { after }, dial);
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
