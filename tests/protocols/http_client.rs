//! The HTTP client against servers that do as they are told: right answers, wrong ones, late ones, and those that lead astray.

use crate::{site, support};
use netprimer::dial::Dial;
use netprimer::fault::{Fault, FaultProxy};
use netprimer::http::{self, Client, CloseReason, Framing, Method, Options, Refused, Request};
use netprimer::lab::script::{self, Script, Step};
use netprimer::lab::tls::{self, Acceptor, Certificate};
use netprimer::trace::{Side, Transcript, What};
use netprimer::{Error, Result};
use site::{Asked, Site, site};
use std::collections::HashSet;
use std::error::Error as _;
use std::fmt::Write as _;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, Instant};
use std::{fs, io, process};
use support::LIMIT;

/// A GET of ours has so many lines.
const REQUEST: [Step; 6] = [const { Step::HearLine }; 6];

/// A peer that hears one GET and then does this, with everyone who connects.
fn peer(then: impl IntoIterator<Item = Step>) -> Script {
    script::play(REQUEST.into_iter().chain(then)).unwrap()
}

fn url(peer: &Script) -> String {
    format!("http://{}/x", peer.addr())
}

/// GET from a peer that says these bytes and leaves.
fn answered(bytes: impl AsRef<[u8]>) -> Result<(u16, Framing, bool, Vec<u8>)> {
    let peer = peer([Step::say(bytes)]);
    let mut client = Client::new();
    let mut response = client.get(&url(&peer))?;
    let (framing, certain) = (response.body.framing(), response.body.is_certain());
    Ok((response.status, framing, certain, response.bytes()?))
}

fn ok(body: &str) -> Vec<u8> {
    format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len()).into_bytes()
}

fn to(status: u16, location: &str) -> Vec<u8> {
    format!("HTTP/1.1 {status} There\r\nLocation: {location}\r\nContent-Length: 4\r\n\r\nmove").into_bytes()
}

fn quick(reply: Duration) -> Client {
    Client::with(Options { dial: Dial { reply, ..Dial::default() }, ..Options::default() })
}

#[test]
fn a_request_byte_for_byte_in_one_write() {
    let site = site(None, |_| ok("Hello"));
    let wire = Transcript::new();
    let dial = Dial { trace: Some(Arc::new(wire.clone())), ..Dial::default() };
    let mut client = Client::with(Options { dial, ..Options::default() });
    let post = Request::new(Method::Post, &site.url("/a/../b?x=1#top"))
        .query(&[("name", "A & 你"), ("n", "")])
        .header("Accept", "text/plain")
        .form(&[("key 1", "v+1")]);
    assert_eq!(client.send(&post).unwrap().text().unwrap(), "Hello");
    let host = site.url("").replace("http://", "");
    let expected = format!(
        "POST /b?x=1&name=A+%26+%E4%BD%A0&n= HTTP/1.1\r\nHost: {host}\r\nAccept: text/plain\r\n\
         Content-Type: application/x-www-form-urlencoded\r\nUser-Agent: netprimer/0.1\r\nAccept-Encoding: identity\r\n\
         Content-Length: 11\r\n\r\nkey+1=v%2B1"
    );
    assert_eq!(String::from_utf8(wire.sent_by(Side::Client)).unwrap(), expected);
    assert_eq!(
        wire.pieces().iter().filter(|piece| piece.side == Side::Client).count(),
        1,
        "head and body in one write"
    );
}

#[test]
fn every_method_says_what_it_must() {
    let site = site(None, |asked| if asked.head.method == "HEAD" { ok("Hello")[..38].to_vec() } else { ok("Hello") });
    let mut client = Client::new();
    let all = [Method::Get, Method::Head, Method::Post, Method::Put, Method::Delete, Method::Patch, Method::Options];
    for method in all {
        let response = client.send(&Request::new(method, &site.url("/"))).unwrap();
        assert_eq!(response.headers.get("Content-Length"), Some("5"));
        let body = response.text().unwrap();
        assert_eq!(body, if method == Method::Head { "" } else { "Hello" }, "{method:?}");
    }
    let big = vec![b'x'; 1 << 20];
    client.send(&Request::new(Method::Put, &site.url("/")).body(big.clone())).unwrap().text().unwrap();
    let asked = site.asked();
    let lengths: Vec<_> = asked.iter().map(|one| one.field("Content-Length")).collect();
    assert_eq!(lengths, [None, None, Some("0"), Some("0"), None, Some("0"), None, Some("1048576")]);
    assert!(asked.iter().all(|one| one.connection == 0), "all on one connection");
    assert_eq!(asked[7].body, big);
}

#[test]
fn four_ways_to_end() {
    let head = "HTTP/1.1 200 OK\r\n";
    let (chunked, length) = ("Transfer-Encoding: chunked\r\n", "Content-Length: 5\r\n");
    for (answer, framing, certain, body) in [
        (format!("{head}{length}\r\nHello"), Framing::Length(5), true, "Hello"),
        (format!("{head}{chunked}\r\n5;a=b\r\nHello\r\n0\r\nX: y\r\n\r\n"), Framing::Chunked, true, "Hello"),
        (format!("{head}{chunked}{length}\r\n3\r\nabc\r\n0\r\n\r\n"), Framing::Chunked, true, "abc"),
        (format!("{head}\r\nHello"), Framing::UntilClose, false, "Hello"),
        ("HTTP/1.0 200 OK\r\n\r\nHello".into(), Framing::UntilClose, false, "Hello"),
        (format!("HTTP/1.1 204 No Content\r\n{length}\r\n"), Framing::None, true, ""),
        (format!("HTTP/1.1 304 Not Modified\r\n{chunked}\r\n"), Framing::None, true, ""),
    ] {
        let got = answered(&answer).unwrap();
        assert_eq!((got.1, got.2, got.3.as_slice()), (framing, certain, body.as_bytes()), "{answer}");
    }
}

#[test]
fn what_is_cut_is_an_error() {
    for answer in [
        "",
        "H",
        "HTTP/1.1 200 OK\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhi",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nHel",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nHello\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nHello\r\n0\r\n",
        "HTTP/1.1 100 Continue\r\n\r\n",
    ] {
        let got = answered(answer);
        assert!(matches!(got, Err(Error::Closed(_))), "{answer:?} gave {got:?}");
    }
    // A reset is no end either, not even of a body that ends with the connection. The rest of the request lies unread.
    for field in ["Content-Length: 10\r\n", ""] {
        let answer = format!("HTTP/1.1 200 OK\r\n{field}\r\nhi");
        let peer = script::play([Step::HearLine, Step::say(answer), Step::Slam]).unwrap();
        let got = Client::new().get(&url(&peer)).and_then(|response| response.bytes());
        assert!(matches!(&got, Err(error) if error.is_transient()), "{field:?} gave {got:?}");
    }
}

#[test]
fn what_may_not_be_is_an_error_on_the_wire_too() {
    for answer in [
        "SSH-2.0-OpenSSH\r\n\r\n",
        "HTTP/1.1 200 OK\nContent-Length: 2\n\nhi",
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 5\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\nContent-Length: 2, 5\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n",
        "HTTP/1.1 200 OK\r\nX : y\r\n\r\n",
        "HTTP/1.1 200 OK\r\nX: y\r\n z\r\n\r\n",
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhelloXX",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0x5\r\nhello\r\n0\r\n\r\n",
        "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    ] {
        let got = answered(answer);
        assert!(matches!(got, Err(Error::Protocol(_))), "{answer:?} gave {got:?}");
    }
}

#[test]
fn interim_answers_have_an_end() {
    let interim = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n";
    let real = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi";
    assert_eq!(answered(interim.repeat(4) + real).unwrap().3, b"hi");
    assert!(matches!(answered(interim.repeat(4) + "HTTP/1.1 102 x\r\n\r\n" + real), Err(Error::TooLong(_, 8))));
    assert!(matches!(answered(interim.repeat(5_000)), Err(Error::TooLong(_, 8))));
    let long = format!("HTTP/1.1 103 x\r\nA: {0}\r\nB: {0}\r\n\r\n", "x".repeat(15 << 10));
    assert!(matches!(answered(long.repeat(3) + real), Err(Error::TooLong(..))), "their heads count together");
}

#[test]
fn heads_without_end() {
    for answer in [
        format!("HTTP/1.1 200 OK\r\nX: {}", "a".repeat(1 << 20)),
        format!("HTTP/1.1 200 OK\r\n{}", "A: b\r\n".repeat(10_000)),
        "H".repeat(100_000),
        format!("HTTP/1.1 200 OK\r\n{}", format!("A: {}\r\n", "b".repeat(10_000)).repeat(20)),
    ] {
        assert!(matches!(answered(&answer), Err(Error::TooLong(..))), "{:?}", &answer[..30]);
    }
}

#[test]
fn memory_follows_what_comes() {
    let huge = "HTTP/1.1 200 OK\r\nContent-Length: 9000000000000000000\r\n\r\nhi";
    assert!(matches!(answered(huge), Err(Error::TooLong(_, 10_485_760))), "past the limit at once");
    let peer = peer([Step::say(huge)]);
    let mut client = Client::with(Options { body: u64::MAX, ..Options::default() });
    let got = client.get(&url(&peer)).unwrap().bytes();
    assert!(matches!(&got, Err(Error::Closed(_))), "{got:?}");

    for answer in ["Transfer-Encoding: chunked\r\n\r\n3e9\r\n", "\r\n"] {
        let answer = format!("HTTP/1.1 200 OK\r\n{answer}{}\r\n0\r\n\r\n", "x".repeat(1001));
        let peer = self::peer([Step::say(answer)]);
        let mut client = Client::with(Options { body: 1000, ..Options::default() });
        assert!(matches!(client.get(&url(&peer)).unwrap().bytes(), Err(Error::TooLong(_, 1000))));
    }
}

#[test]
fn one_connection_carries_turn_after_turn() {
    let answer = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nHello\r\n0\r\n\r\n";
    let turn = || REQUEST.into_iter().chain([Step::say(answer)]);
    let peer = script::play(turn().chain(turn()).chain(turn()).chain([Step::HearEnd])).unwrap();
    let mut client = Client::new();
    assert_eq!(client.reusable(), Err(CloseReason::NotOpened));
    for _ in 0..3 {
        assert_eq!(client.get(&url(&peer)).unwrap().text().unwrap(), "Hello");
        assert_eq!(client.reusable(), Ok(()));
    }
    drop(client);
    peer.verdict().unwrap();
}

#[test]
fn why_a_connection_is_not_used_again() {
    let reason = |answer: &str, request: fn(Request) -> Request| {
        let site = site(None, {
            let answer = answer.to_owned();
            move |_| answer.clone().into_bytes()
        });
        let mut client = Client::new();
        client.send(&request(Request::new(Method::Get, &site.url("/")))).unwrap().bytes().unwrap();
        client.reusable()
    };
    let plain = |request| request;
    let (head, hi) = ("HTTP/1.1 200 OK\r\n", "Content-Length: 2\r\n\r\nhi");
    assert_eq!(reason(&format!("{head}{hi}"), plain), Ok(()));
    let surplus = format!("{head}{hi}{head}{hi}");
    assert_eq!(reason(&surplus, plain), Err(CloseReason::Surplus), "a second answer that nobody asked for");
    assert_eq!(reason("HTTP/1.1 204 x\r\nContent-Length: 2\r\n\r\nhi", plain), Err(CloseReason::Surplus));
    assert_eq!(reason(&format!("{head}Connection: x, Close\r\n{hi}"), plain), Err(CloseReason::TheyAsked));
    assert_eq!(reason(&format!("HTTP/1.0 200 OK\r\n{hi}"), plain), Err(CloseReason::TheyAsked));
    assert_eq!(reason(&format!("{head}\r\nhi"), plain), Err(CloseReason::BodyHasNoEnd));
    let both = format!("{head}Transfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n2\r\nhi\r\n0\r\n\r\n");
    assert_eq!(reason(&both, plain), Err(CloseReason::TwoLengths));
    let close = |request: Request| request.header("Connection", "close");
    assert_eq!(reason(&format!("{head}{hi}"), close), Err(CloseReason::WeAsked));
}

#[test]
fn a_body_that_nobody_reads() {
    let site = site(None, |asked| match asked.head.target.as_str() {
        "/long" => ok(&"x".repeat(100_000)),
        "/endless" => b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nHello\r\n".to_vec(),
        _ => ok("Hello"),
    });
    let mut client = Client::new();
    drop(client.get(&site.url("/short")).unwrap());
    assert_eq!(client.reusable(), Ok(()), "a little is read for nothing");
    let mut some = [0; 2];
    client.get(&site.url("/short")).unwrap().body.read_exact(&mut some).unwrap();
    assert_eq!((client.reusable(), &some), (Ok(()), b"He"));

    drop(client.get(&site.url("/long")).unwrap());
    assert_eq!(client.reusable(), Err(CloseReason::BodyNotRead));
    let start = Instant::now();
    drop(client.get(&site.url("/endless")).unwrap());
    assert!(client.reusable().is_err() && start.elapsed() < LIMIT / 2, "{:?}", start.elapsed());
    std::mem::forget(client.get(&site.url("/short")).unwrap());
    assert_eq!(client.reusable(), Err(CloseReason::BodyNotRead), "its bytes are no answer to the next request");
    assert_eq!(client.get(&site.url("/short")).unwrap().text().unwrap(), "Hello");
    let connections: Vec<_> = site.asked().iter().map(|one| one.connection).collect();
    assert_eq!(connections, [0, 0, 0, 1, 2, 3]);
}

#[test]
fn a_stale_connection_costs_nothing_where_asking_twice_does_no_harm() {
    // Each connection answers once; the second request on it meets silence and the end.
    let met = Arc::new(Mutex::new(HashSet::new()));
    let site =
        site(None, move |asked| if met.lock().unwrap().insert(asked.connection) { ok("Hello") } else { Vec::new() });
    for method in [Method::Get, Method::Delete, Method::Put] {
        let mut client = Client::new();
        for _ in 0..3 {
            let response = client.send(&Request::new(method, &site.url("/")).header("X-A", "b")).unwrap();
            assert_eq!(response.text().unwrap(), "Hello");
            assert_eq!(client.reusable(), Ok(()));
        }
    }
    assert_eq!(site.asked().len(), 3 * 5, "one request each that was repeated");

    let mut client = Client::new();
    let post = Request::new(Method::Post, &site.url("/"));
    client.send(&post).unwrap().text().unwrap();
    let error = client.send(&post).unwrap_err();
    assert!(matches!(error, Error::Closed(_) | Error::Io(..)), "{error:?}");
    assert_eq!(client.reusable(), Err(CloseReason::Failed));
    assert_eq!(client.send(&post).unwrap().text().unwrap(), "Hello");
    assert_eq!(site.asked().len(), 15 + 3, "a POST is never repeated");
}

#[test]
fn what_came_since_the_last_turn_is_no_answer() {
    // The server says goodbye, or says more than it was asked, after its answer is complete.
    for late in [Step::Finish, Step::say("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil")] {
        let lines = std::iter::repeat_n(Step::HearLine, 7);
        let peer = script::play(lines.chain([Step::say(ok("Hello")), late, Step::Hold])).unwrap();
        let wire = peer.wire();
        let mut client = Client::new();
        for turn in 1..=3 {
            let response = client.send(&Request::new(Method::Post, &url(&peer))).unwrap();
            assert_eq!(response.text().unwrap(), "Hello");
            // Both pieces are on their way once the peer has written them; on loopback they are here then.
            let start = Instant::now();
            while wire.pieces().iter().filter(|piece| piece.side == Side::Server).count() < 2 * turn {
                assert!(start.elapsed() < LIMIT);
                std::thread::yield_now();
            }
        }
        drop(client);
        peer.verdict().unwrap();
    }
}

#[test]
fn only_a_used_connection_that_says_nothing_is_replaced() {
    let silent = site(None, |_| Vec::new());
    assert!(matches!(Client::new().get(&silent.url("/")), Err(Error::Closed(_))));
    assert_eq!(silent.lines(), ["GET /"], "a new connection that dies is not tried twice");

    let half = site(None, |asked| if asked.head.target == "/half" { b"HTTP/1.1 200".to_vec() } else { ok("hi") });
    let mut client = Client::new();
    client.get(&half.url("/")).unwrap().text().unwrap();
    assert!(matches!(client.get(&half.url("/half")), Err(Error::Closed(_))));
    assert_eq!(half.lines(), ["GET /", "GET /half"], "half an answer is an answer");
}

/// A site whose `/S` redirects with status S to `/end`.
fn redirecting() -> Site {
    site(None, |asked| match asked.head.target[1..].parse() {
        Ok(status) => to(status, "end"),
        Err(_) => ok("end"),
    })
}

#[test]
fn who_asks_again_and_how() {
    use Method::{Delete, Get, Head, Post, Put};
    for (status, method, then) in [
        (301, Get, "GET /end"),
        (301, Post, "GET /end"),
        (301, Put, "PUT /end body"),
        (302, Post, "GET /end"),
        (302, Delete, "DELETE /end body"),
        (302, Head, "HEAD /end"),
        (303, Post, "GET /end"),
        (303, Put, "GET /end"),
        (303, Delete, "GET /end"),
        (307, Post, "POST /end body"),
        (307, Put, "PUT /end body"),
        (308, Post, "POST /end body"),
        (308, Get, "GET /end"),
    ] {
        let site = redirecting();
        let mut request = Request::new(method, &site.url(&format!("/{status}")))
            .header("Content-Type", "text/plain")
            .header("X-A", "b");
        if !matches!(method, Get | Head) {
            request = request.body("body");
        }
        let mut client = Client::new();
        if method == Head {
            // This site sends a body after HEAD too, as no server should: the connection is not used again.
            assert_eq!(client.send(&request).unwrap().url.target(), "/end");
        } else {
            let response = client.send(&request).unwrap();
            assert_eq!((response.url.target(), response.redirects), ("/end", 1));
            assert_eq!(response.text().unwrap(), "end");
        }
        let asked = site.asked();
        assert_eq!(asked[1].line(), then, "{status} {method:?}");
        let changed = method != Get && then.starts_with("GET");
        assert_eq!(asked[1].field("Content-Type").is_none(), changed, "{status} {method:?}");
        assert_eq!(asked[1].field("X-A"), Some("b"));
        assert!(method == Head || asked[1].connection == 0, "the body of a redirect is read away");
    }
    for status in [300, 304, 305, 306] {
        let site = site(None, move |_| to(status, "/end"));
        let mut client = Client::new();
        assert_eq!(client.get(&site.url("/")).unwrap().status, status, "no redirect to follow");
    }
    let site = redirecting();
    let mut client = Client::with(Options { redirects: 0, ..Options::default() });
    let response = client.get(&site.url("/302")).unwrap();
    assert_eq!((response.status, response.headers.get("Location")), (302, Some("end")), "an answer like any other");
}

#[test]
fn redirects_end() {
    let count = |asked: &Asked| asked.head.target[1..].parse::<u32>().unwrap();
    let site = site(None, move |asked| match count(asked) {
        0 => ok("there"),
        n => to(302, &format!("/{}", n - 1)),
    });
    assert_eq!(http::get(&site.url("/10")).unwrap().text().unwrap(), "there");
    assert!(matches!(http::get(&site.url("/11")), Err(Error::TooLong(_, 10))));
    assert_eq!(site.asked().len(), 11 + 11, "the one too many is not asked for");

    for (loops, asked) in [("/self", 1), ("/a", 2)] {
        let site = self::site(None, |asked| match asked.head.target.as_str() {
            "/a" => to(302, "/b"),
            "/b" => to(302, "/a#again"),
            _ => to(302, "/self"),
        });
        let error = http::get(&site.url(loops)).unwrap_err();
        assert!(matches!(&error, Error::Protocol(why) if why.contains("circle")), "{error:?}");
        assert_eq!(site.asked().len(), asked);
    }
}

#[test]
fn redirects_that_lead_astray() {
    for location in [
        "file:///etc/passwd",
        "ftp://127.0.0.1/",
        "javascript:alert(1)",
        "data:text/plain,x",
        "http://user:pw@127.0.0.1/",
        "/a b",
        "/a\tb",
        "/%zz",
        "//",
        "http://",
        "http://[::1/",
        "http:/x",
        "http://127.0.0.1:99999/",
        "gopher://127.0.0.1:6379/_FLUSHALL",
    ] {
        let site = site(None, move |_| to(302, location));
        let error = http::get(&site.url("/")).unwrap_err();
        assert!(matches!(error, Error::Protocol(_)), "{location:?} gave {error:?}");
        assert_eq!(site.asked().len(), 1);
    }
    for fields in ["", "Location: /a\r\nLocation: /b\r\n", "Location: /\0\r\n", "Location: /a\rX: y\r\n"] {
        let error = answered(format!("HTTP/1.1 302 x\r\n{fields}Content-Length: 0\r\n\r\n")).unwrap_err();
        assert!(matches!(error, Error::Protocol(_)), "{fields:?} gave {error:?}");
    }
}

#[test]
fn secrets_stay_at_their_origin() {
    // a leads to b, b leads back to a: what was taken away on the way does not come back.
    let home: Arc<OnceLock<String>> = Arc::default();
    let b = {
        let home = Arc::clone(&home);
        site(None, move |_| to(307, home.get().unwrap()))
    };
    let there = b.url("/b");
    let a = site(None, move |asked| match asked.head.target.as_str() {
        "/start" => to(302, "/own"),
        "/own" => to(307, &there),
        _ => ok("back"),
    });
    home.set(a.url("/back")).unwrap();
    let request = Request::new(Method::Get, &a.url("/start"))
        .basic_auth("me", "pw:1")
        .header("Cookie", "a=b")
        .header("proxy-authorization", "x")
        .secret_header("X-Api-Key", "k")
        .header("X-Plain", "p");
    let mut client = Client::new();
    assert_eq!(client.send(&request).unwrap().text().unwrap(), "back");
    let secrets = |asked: &Asked| {
        ["Authorization", "Cookie", "Proxy-Authorization", "X-Api-Key"].map(|name| asked.field(name).is_some())
    };
    let (at_a, at_b) = (a.asked(), b.asked());
    assert_eq!(at_a[0].field("Authorization"), Some("Basic bWU6cHc6MQ=="));
    assert_eq!((secrets(&at_a[0]), secrets(&at_a[1])), ([true; 4], [true; 4]), "the same origin");
    assert_eq!((secrets(&at_b[0]), secrets(&at_a[2])), ([false; 4], [false; 4]));
    assert_eq!((at_b[0].field("X-Plain"), at_a[2].field("X-Plain")), (Some("p"), Some("p")));
    assert_eq!(at_b[0].field("Host").unwrap(), b.url("").replace("http://", ""));
    assert_eq!(a.lines(), ["GET /start", "GET /own", "GET /back"]);
}

#[test]
fn who_watches_the_wire_sees_no_secret() {
    let site = site(None, |_| ok("hi"));
    let wire = Transcript::new();
    let dial = Dial { trace: Some(Arc::new(wire.clone())), ..Dial::default() };
    let mut client = Client::with(Options { dial, ..Options::default() });
    let request = Request::new(Method::Post, &site.url("/"))
        .basic_auth("me", "hunter2")
        .secret_header("X-Key", "hunter3")
        .body("body");
    let shown = format!("{request:?}");
    assert!(!shown.contains("hunter") && !shown.contains("aHVudGVy"), "{shown}");
    client.send(&request).unwrap().text().unwrap();
    let asked = &site.asked()[0];
    assert_eq!((asked.field("Authorization"), asked.field("X-Key")), (Some("Basic bWU6aHVudGVyMg=="), Some("hunter3")));
    assert_eq!(asked.body, b"body");
    let seen = String::from_utf8(wire.sent_by(Side::Client)).unwrap();
    assert!(seen.contains("Authorization: ") && !seen.contains("aHVudGVy") && !seen.contains("hunter"), "{seen}");
    assert_eq!(wire.pieces().iter().filter(|piece| matches!(piece.what, What::Secret(_))).count(), 2);
}

#[test]
fn what_cannot_be_sent_is_refused_before_connecting() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let new = |url: &str| Request::new(Method::Get, url);
    let get = || new(&url);
    for request in [
        new(&format!("{url}a b")),
        new(&format!("{url}a\r\nX: y")),
        new(&url.replace("http", "gopher")),
        new(&url.replace("127", "me:pw@127")),
        new(&format!("{url}\0")),
        new("/x"),
        new(""),
        get().header("X y", "z"),
        get().header("X", "a\r\nb: c"),
        get().header("X", "a\nb"),
        get().header("X", "a\0"),
        get().header("", "a"),
        get().header("X:", "a"),
        get().secret_header("X", "a\r\n b"),
        get().header("Host", "other"),
        get().header("content-length", "5"),
        get().header("Transfer-Encoding", "chunked"),
        get().basic_auth("a:b", "c"),
        get().basic_auth("a", "b\r\n"),
        get().basic_auth("a\0", "b"),
    ] {
        let error = Client::new().send(&request).unwrap_err();
        assert!(matches!(error, Error::Invalid(_)), "{request:?} gave {error:?}");
    }
    assert_eq!(listener.accept().unwrap_err().kind(), io::ErrorKind::WouldBlock, "nobody came");
}

#[test]
fn one_deadline_for_everything() {
    let limit = Duration::from_millis(300);
    let drip = |bytes: &str| Step::Drip(bytes.into(), Duration::from_millis(40));
    let (head, long) = ("HTTP/1.1 200 OK\r\n", "a".repeat(100));
    let scripts = [
        vec![Step::Hold],
        vec![drip(&format!("{head}X: {long}"))],
        vec![drip(&"HTTP/1.1 100 Continue\r\n\r\n".repeat(4))],
        vec![Step::say(format!("{head}Content-Length: 100\r\n\r\n")), drip(&long)],
        vec![Step::say(format!("{head}\r\n")), drip(&long)],
        vec![Step::say(format!("{head}Transfer-Encoding: chunked\r\n\r\n")), drip(&"1\r\nx\r\n".repeat(20))],
        vec![Step::say(format!("{head}Transfer-Encoding: chunked\r\n\r\n0\r\nX: ")), drip(&long)],
    ];
    std::thread::scope(|scope| {
        for script in scripts {
            scope.spawn(move || {
                let peer = peer(script.clone());
                let start = Instant::now();
                let error = quick(limit).get(&url(&peer)).and_then(|response| response.bytes()).unwrap_err();
                assert!(matches!(error, Error::Timeout(_)), "{script:?} gave {error:?}");
                let took = start.elapsed();
                assert!(took >= limit && took < LIMIT / 2, "{script:?} took {took:?}");
            });
        }
        // Over TLS: a record for each byte, and records that come a few bytes at a time.
        scope.spawn(move || {
            let body = format!("{head}Content-Length: 65536\r\n\r\n{}", "x".repeat(65536));
            let sealed = [Step::StartTls(Certificate::Good)].into_iter().chain(REQUEST);
            let records = script::play(sealed.chain([drip(&body)])).unwrap();
            let sealed = site(Some(Acceptor::new(Certificate::Good).unwrap()), move |_| body.clone().into_bytes());
            let addr: SocketAddr = sealed.url("").trim_start_matches("https://").parse().unwrap();
            let proxy = FaultProxy::to(addr).down(Fault::Slice(32)).start().unwrap(); // 32 bytes a millisecond
            let limit = Duration::from_millis(500);
            for addr in [records.addr(), proxy.addr()] {
                let dial = Dial { reply: limit, tls: Some(tls::trust().unwrap()), ..Dial::default() };
                let mut client = Client::with(Options { dial, ..Options::default() });
                let start = Instant::now();
                let got = client.get(&format!("https://{addr}/x")).and_then(|response| response.bytes());
                assert!(matches!(got, Err(Error::Timeout(_))), "{got:?}");
                let took = start.elapsed();
                assert!(took >= limit && took < limit + Duration::from_secs(2), "{took:?}");
            }
        });
        // A reader that never reads.
        scope.spawn(move || {
            let peer = script::play([Step::Wait(LIMIT)]).unwrap();
            let start = Instant::now();
            let error = quick(limit).send(&Request::new(Method::Put, &url(&peer)).body(vec![0; 64 << 20])).unwrap_err();
            assert!(matches!(error, Error::Timeout(_)) && start.elapsed() < LIMIT / 2, "{error:?}");
        });
        // Redirects do not start the clock anew: each takes less than the limit, and they would go on for ten.
        scope.spawn(move || {
            let peer = peer([
                Step::Wait(Duration::from_millis(150)),
                Step::say("HTTP/1.1 302 x\r\nLocation: y?\r\nContent-Length: 0\r\n\r\n"),
            ]);
            let site = site(None, {
                let slow = url(&peer);
                move |_| to(302, &slow)
            });
            let start = Instant::now();
            let error = quick(Duration::from_millis(200)).get(&site.url("/")).unwrap_err();
            assert!(matches!(error, Error::Timeout(_)) && start.elapsed() < Duration::from_secs(2), "{error:?}");
        });
    });
}

#[test]
fn a_status_is_data_until_it_is_asked_for() {
    let site = site(None, |asked| {
        format!("HTTP/1.1 {} Why Not\r\nContent-Length: 4\r\n\r\nsome", &asked.head.target[1..]).into_bytes()
    });
    let mut client = Client::new();
    assert_eq!(client.get(&site.url("/404")).unwrap().text().unwrap(), "some", "an error has a page too");
    for status in [400u16, 404, 500, 503, 999] {
        let error = client.get(&site.url(&format!("/{status}"))).unwrap().error_for_status().unwrap_err();
        let refused = error.source().and_then(|cause| cause.downcast_ref::<Refused>());
        assert_eq!(refused, Some(&Refused { status, reason: "Why Not".into() }));
        assert!(error.to_string().ends_with(&format!("{status} Why Not")), "{error}");
        assert!(!error.is_transient());
    }
    for status in [200, 299, 399] {
        assert_eq!(client.get(&site.url(&format!("/{status}"))).unwrap().error_for_status().unwrap().status, status);
    }
    assert!(site.asked().iter().all(|one| one.connection == 0), "what error_for_status drops is read away");
}

#[test]
fn text_is_text() {
    let chinese = "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n你好";
    assert_eq!(String::from_utf8(answered(chinese).unwrap().3).unwrap(), "你好");
    for answer in [&b"HTTP/1.1 200 OK\r\n\r\nab\xff"[..], b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\nab"] {
        let peer = peer([Step::say(answer)]);
        let got = Client::new().get(&url(&peer)).unwrap().text();
        assert!(matches!(got, Err(Error::Protocol(_))), "{got:?}");
    }
    let coded =
        peer([Step::say("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 20\r\n\r\n"), Step::Hold]);
    let head = Client::new().send(&Request::new(Method::Head, &url(&coded))).unwrap().text();
    assert_eq!(head.unwrap(), "", "nothing comes, so nothing is compressed");
}

#[test]
fn every_size_of_a_read_gives_the_same() {
    for answer in [
        "Content-Length: 26\r\n\r\nabcdefghijklmnopqrstuvwxyz",
        "\r\nabcdefghijklmnopqrstuvwxyz",
        "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n10\r\ndefghijklmnopqrs\r\n7\r\ntuvwxyz\r\n0\r\n\r\n",
    ] {
        let peer = peer([Step::say(format!("HTTP/1.1 200 OK\r\n{answer}"))]);
        for size in 1..=27 {
            let mut client = Client::new();
            let (mut body, mut piece) = (Vec::new(), vec![0; size]);
            let mut response = client.get(&url(&peer)).unwrap();
            loop {
                match response.body.read(&mut piece).unwrap() {
                    0 => break,
                    n => body.extend_from_slice(&piece[..n]),
                }
            }
            assert_eq!(body, b"abcdefghijklmnopqrstuvwxyz", "{size} {answer:?}");
            assert_eq!(response.body.read(&mut piece).unwrap(), 0, "the end stays the end");
        }
    }
}

#[test]
fn an_error_in_a_body_stays_one() {
    let peer = peer([Step::say("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\nzz\r\n0\r\n\r\n")]);
    let mut client = Client::new();
    let mut response = client.get(&url(&peer)).unwrap();
    let mut all = String::new();
    assert!(response.body.read_to_string(&mut all).is_err());
    assert!(response.body.read(&mut [0; 8]).is_err(), "what comes after is no body");
    drop(response);
    assert_eq!(client.reusable(), Err(CloseReason::Failed));
}

#[test]
fn an_address_of_ipv6_stands_in_brackets() {
    let Ok(listener) = TcpListener::bind("[::1]:0") else {
        return support::missing("IPv6", "this machine has no [::1]");
    };
    let addr = listener.local_addr().unwrap();
    let served = std::thread::spawn(move || {
        let mut peer = listener.accept().unwrap().0;
        peer.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        let (mut come, mut piece) = (Vec::new(), [0; 1024]);
        while !come.ends_with(b"\r\n\r\n") {
            let n = peer.read(&mut piece).unwrap();
            assert!(n > 0);
            come.extend_from_slice(&piece[..n]);
        }
        peer.write_all(&ok("six")).unwrap();
        String::from_utf8(come).unwrap()
    });
    assert_eq!(http::get(&format!("http://{addr}/")).unwrap().text().unwrap(), "six");
    assert!(served.join().unwrap().contains(&format!("\r\nHost: {addr}\r\n")));
}

/// A folder of this test's own, removed at the end.
struct Folder(std::path::PathBuf);

impl Folder {
    fn new(name: &str) -> Folder {
        let path = std::env::temp_dir().join(format!("netprimer-{name}-{}", process::id()));
        fs::create_dir_all(&path).unwrap();
        Folder(path)
    }

    fn names(&self) -> Vec<String> {
        let mut names: Vec<_> =
            fs::read_dir(&self.0).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[test]
fn a_download_has_its_name_once_it_is_whole() {
    let folder = Folder::new("download");
    let path = folder.0.join("file.txt");
    let body = "你好".repeat(100_000);
    let whole = body.clone();
    let site = site(None, move |asked| match asked.head.target.as_str() {
        "/cut" => b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\nConnection: close\r\n\r\nhi".to_vec(),
        "/chunked" => b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n".to_vec(),
        _ => ok(&whole),
    });
    let mut steps = Vec::new();
    let mut client = Client::new();
    let saved = client.get(&site.url("/")).unwrap().save(&path, |done, all| {
        steps.push((done, all));
        assert!(!path.exists() && folder.names().len() == 1, "not under its name yet");
    });
    assert_eq!(saved.unwrap(), 600_000);
    assert_eq!((steps.first(), steps.last()), (Some(&(0, Some(600_000))), Some(&(600_000, Some(600_000)))));
    assert!(steps.windows(2).all(|two| two[0].0 < two[1].0));
    assert_eq!((fs::read_to_string(&path).unwrap(), folder.names()), (body.clone(), vec!["file.txt".to_owned()]));

    let error = client.get(&site.url("/cut")).unwrap().save(&path, |_, _| {}).unwrap_err();
    assert!(matches!(error, Error::Closed(_)), "{error:?}");
    assert_eq!((fs::read_to_string(&path).unwrap(), folder.names().len()), (body, 1), "the old one is as it was");

    let mut all = Some(0);
    assert_eq!(client.get(&site.url("/chunked")).unwrap().save(&path, |_, of| all = of).unwrap(), 2);
    assert_eq!((all, fs::read_to_string(&path).unwrap()), (None, "hi".to_owned()));

    for (place, invalid) in
        [(folder.0.clone(), true), (folder.0.join("no/such"), false), ("..".into(), true), ("".into(), true)]
    {
        let error = client.get(&site.url("/chunked")).unwrap().save(&place, |_, _| {}).unwrap_err();
        assert_eq!(matches!(error, Error::Invalid(_)), invalid, "{error:?}");
        assert!(invalid || matches!(error, Error::Io(..)), "{error:?}");
    }
    assert_eq!(folder.names().len(), 1);
}

/// A limit on the size of files stands for a full disk, which a test cannot have: the same write fails in the same place.
#[cfg(unix)]
#[test]
fn no_room_is_a_clear_error() {
    use support::programs::{again, told, under};
    if let Some(folder) = told() {
        let site = site(None, |_| ok(&"x".repeat(1 << 20)));
        let error =
            http::get(&site.url("/")).unwrap().save(std::path::Path::new(&folder).join("big"), |_, _| {}).unwrap_err();
        assert!(matches!(error, Error::Io(..)), "{error:?}");
        let mut said = String::new();
        write!(said, "{error}").unwrap();
        assert!(said.starts_with("write ") && said.contains("big: "), "{said}");
        return;
    }
    let folder = Folder::new("full");
    let tell = folder.0.to_str().unwrap();
    again("no_room_is_a_clear_error", tell, |program| under("trap '' XFSZ; ulimit -f 128", program));
    assert_eq!(folder.names(), [""; 0], "nothing is left");
}

fn secure() -> Options {
    Options { dial: Dial { tls: Some(tls::trust().unwrap()), ..Dial::default() }, ..Options::default() }
}

#[test]
fn https_is_the_same_conversation() {
    let acceptor = Acceptor::new(Certificate::Good).unwrap();
    let site = site(Some(acceptor), |asked| match asked.head.target.as_str() {
        "/until-close" => b"HTTP/1.1 200 OK\r\n\r\nHello".to_vec(),
        "/big" => ok(&"x".repeat(300_000)),
        _ => ok("Hello"),
    });
    let mut client = Client::with(secure());
    for _ in 0..2 {
        assert_eq!(client.get(&site.url("/")).unwrap().text().unwrap(), "Hello");
    }
    assert_eq!(client.get(&site.url("/big")).unwrap().bytes().unwrap().len(), 300_000);
    client.send(&Request::new(Method::Put, &site.url("/put")).body(vec![b'x'; 200_000])).unwrap().text().unwrap();
    let mut response = client.get(&site.url("/until-close")).unwrap();
    assert!(response.body.is_certain(), "TLS marks its end");
    assert_eq!(response.text().unwrap(), "Hello");
    assert!(site.asked().iter().all(|one| one.connection == 0));
    assert_eq!(client.get(&site.url("/")).unwrap().text().unwrap(), "Hello");

    let error = http::get(&site.url("/")).unwrap_err();
    assert!(error.to_string().contains("not trusted"), "{error}");
    let error = http::get(&site.url("/").replace("https", "http")).unwrap_err();
    assert!(matches!(error, Error::Closed(_) | Error::Io(..) | Error::Protocol(_)), "{error:?}");
}

#[test]
fn a_cut_is_noticed_over_tls_too() {
    let acceptor = Acceptor::new(Certificate::Good).unwrap();
    let server = netprimer::server::Server::bind("127.0.0.1:0").unwrap().start(move |conn| {
        let mut stream = acceptor.accept(conn.stream)?;
        let mut come = [0; 4096];
        let _ = stream.read(&mut come);
        stream.write_all(b"HTTP/1.1 200 OK\r\n\r\nhalf of the tr").map_err(Error::io("answer"))?;
        Ok(()) // dropped after a write: no close_notify
    });
    let server = server.unwrap();
    let mut client = Client::with(secure());
    let error = client.get(&format!("https://{}/", server.addr())).unwrap().text().unwrap_err();
    assert!(matches!(&error, Error::Io(..)) && error.to_string().contains("cut off"), "{error:?}");
    assert!(error.is_transient(), "as a reset would be");
}

#[test]
fn what_tls_has_unpacked_and_nobody_asked_for_is_no_answer() {
    // One record: an answer that fills the client's buffer to the last byte, and behind it another.
    let acceptor = Acceptor::new(Certificate::Good).unwrap();
    let site = site(Some(acceptor), |asked| match asked.connection {
        0 => {
            let head = "HTTP/1.1 200 OK\r\nContent-Length: 8000\r\n";
            let filler = "x".repeat(8192 - 8000 - head.len() - "X: \r\n\r\n".len());
            format!("{head}X: {filler}\r\n\r\n{}HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison", "y".repeat(8000))
                .into()
        }
        _ => ok("honest"),
    });
    let mut client = Client::with(secure());
    assert_eq!(client.get(&site.url("/1")).unwrap().bytes().unwrap(), [b'y'; 8000]);
    assert_eq!(client.get(&site.url("/2")).unwrap().text().unwrap(), "honest");
}

#[test]
fn from_https_to_http_only_for_those_who_say_so() {
    let plain = site(None, |_| ok("plain"));
    let there = plain.url("/");
    let acceptor = Acceptor::new(Certificate::Good).unwrap();
    let site = site(Some(acceptor), move |_| to(302, &there));
    let request = Request::new(Method::Get, &site.url("/")).basic_auth("me", "pw");
    let error = Client::with(secure()).send(&request).unwrap_err();
    assert!(matches!(&error, Error::Protocol(why) if why.contains("https to http")), "{error:?}");
    assert_eq!(plain.lines(), [""; 0]);
    let mut client = Client::with(Options { dangerously_follow_https_to_http: true, ..secure() });
    assert_eq!(client.send(&request).unwrap().text().unwrap(), "plain");
    assert_eq!(plain.asked()[0].field("Authorization"), None);
}

#[test]
fn who_refuses_a_long_body_may_say_so_at_once() {
    let peer =
        script::play([Step::HearLine, Step::say("HTTP/1.1 413 Too Large\r\nContent-Length: 3\r\n\r\nno!"), Step::Hold])
            .unwrap();
    let mut client = Client::new();
    let response = client.send(&Request::new(Method::Put, &url(&peer)).body(vec![0; 8 << 20])).unwrap();
    assert_eq!((response.status, response.text().unwrap().as_str()), (413, "no!"));
    // Here it closes with our bytes unread: the reset may destroy its answer on the way, and nothing hangs.
    let peer =
        script::play([Step::HearLine, Step::say("HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n"), Step::Slam])
            .unwrap();
    let got = quick(Duration::from_secs(4))
        .send(&Request::new(Method::Put, &url(&peer)).body(vec![0; 64 << 20]))
        .map(|response| response.status);
    assert!(matches!(got, Ok(413) | Err(Error::Io(..) | Error::Closed(_))), "{got:?}");
}
