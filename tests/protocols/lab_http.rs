//! The lab's web server, byte by byte: what it answers, what it refuses, and that nobody can hold it or fill its memory.

use crate::support;
use netprimer::Deadline;
use netprimer::dial::{Dial, Target};
use netprimer::http::chunked::Dechunker;
use netprimer::http::head::{Limits as HeadLimits, ResponseHead, parse_response};
use netprimer::lab::http::{self, Lab, Limits, Options};
use netprimer::lab::tls::{Acceptor, Certificate, trust};
use netprimer::stream::{Stream, upgrade};
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::thread;
use std::time::{Duration, Instant};
use support::LIMIT;
use support::sockets::dial;

fn lab() -> Lab {
    http::start(Options::default()).unwrap()
}

/// A lab whose patience ends before a test's does.
fn impatient() -> Lab {
    let short = Duration::from_millis(300);
    // Idle time runs from the accept on: long enough for a client on a busy machine to send its first byte.
    let idle = Duration::from_secs(1);
    let limits = Limits { idle, head: short, body_grace: short, write: short, ..Limits::default() };
    http::start(Options { limits, ..Options::default() }).unwrap()
}

/// Everything that comes until the end. A reset is an end too.
fn all(tcp: &mut TcpStream) -> Vec<u8> {
    let (mut bytes, mut piece) = (Vec::new(), [0; 16 << 10]);
    loop {
        match tcp.read(&mut piece) {
            Ok(0) => return bytes,
            Ok(n) => bytes.extend_from_slice(&piece[..n]),
            Err(error) if error.kind() == ErrorKind::ConnectionReset => return bytes,
            Err(error) => panic!("after {:?}: {error}", String::from_utf8_lossy(&bytes)),
        }
    }
}

/// Sends these bytes, says that no more come, and gives what came.
fn exchange(lab: &Lab, bytes: &[u8]) -> Vec<u8> {
    let mut tcp = dial(lab.addr());
    // The server may have refused and gone before all was sent.
    let _ = tcp.write_all(bytes);
    let _ = tcp.shutdown(Shutdown::Write);
    all(&mut tcp)
}

/// The same as text.
fn talk(lab: &Lab, bytes: impl AsRef<[u8]>) -> String {
    String::from_utf8_lossy(&exchange(lab, bytes.as_ref())).into_owned()
}

/// The same without an end of ours: the server must not wait for it.
fn ask(lab: &Lab, bytes: impl AsRef<[u8]>) -> String {
    let mut tcp = dial(lab.addr());
    let _ = tcp.write_all(bytes.as_ref());
    String::from_utf8_lossy(&all(&mut tcp)).into_owned()
}

struct Answer {
    head: ResponseHead,
    body: Vec<u8>,
}

impl Answer {
    fn field(&self, name: &str) -> &str {
        self.head.headers.get(name).unwrap_or_default()
    }

    fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    #[track_caller]
    fn json(&self) -> serde_json::Value {
        assert_eq!(self.field("Content-Type"), "application/json", "{}", self.text());
        serde_json::from_slice(&self.body).unwrap()
    }
}

/// One answer off the front of what came, its body by the rules of RFC 9112 section 6.3.
fn answer(bytes: &mut &[u8], method: &str) -> Answer {
    let limits = HeadLimits { line: 2_000_000, head: 2_000_000, fields: 20_000 };
    let (head, used) = parse_response(bytes, &limits).unwrap().expect("a whole head");
    *bytes = &bytes[used..];
    let length = head.headers.content_length().unwrap();
    let body = if method == "HEAD" || head.status < 200 || matches!(head.status, 204 | 304) {
        Vec::new()
    } else if head.headers.is_chunked().unwrap() {
        assert_eq!(length, None, "two ends");
        let (mut dechunker, mut body) = (Dechunker::default(), vec![0; bytes.len()]);
        let (used, got) = dechunker.feed(bytes, &mut body).unwrap();
        assert!(dechunker.is_done(), "the last chunk is missing");
        *bytes = &bytes[used..];
        body.truncate(got);
        body
    } else {
        let n = length.map_or(bytes.len(), |length| length as usize);
        let (body, rest) = bytes.split_at(n);
        *bytes = rest;
        body.to_vec()
    };
    Answer { head, body }
}

/// Sends one request and gives its answer; nothing may come behind it.
#[track_caller]
fn get(lab: &Lab, request: &str) -> Answer {
    let (method, target) = request.split_once(' ').unwrap();
    let request_bytes = format!("{method} {target} HTTP/1.1\r\nHost: lab\r\nConnection: close\r\n\r\n");
    let bytes = exchange(lab, request_bytes.as_bytes());
    let mut rest = bytes.as_slice();
    let answer = answer(&mut rest, method);
    assert!(rest.is_empty(), "{request}: {} bytes too many", rest.len());
    answer
}

#[track_caller]
fn post(lab: &Lab, target: &str, kind: &str, body: &[u8]) -> Answer {
    let head = format!(
        "POST {target} HTTP/1.1\r\nHost: lab\r\nContent-Type: {kind}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    let bytes = exchange(lab, &[head.as_bytes(), body].concat());
    answer(&mut bytes.as_slice(), "POST")
}

fn status(text: &str) -> &str {
    text.get(9..12).unwrap_or(text)
}

#[test]
fn get_has_the_shape_that_is_known() {
    let lab = lab();
    let bytes = talk(
        &lab,
        "GET /get?k=1&k=2&a+b=%E4%BD%A0&e HTTP/1.1\r\nhost: lab:80\r\nuser-agent: me\r\nX-a: 1\r\nx-A: 2\r\n\r\n",
    );
    let seen = answer(&mut bytes.as_bytes(), "GET").json();
    assert_eq!(
        seen,
        serde_json::json!({
            "args": {"k": ["1", "2"], "a b": "你", "e": ""},
            "headers": {"Host": "lab:80", "User-Agent": "me", "X-A": "1,2"},
            "origin": "127.0.0.1",
            "url": "http://lab:80/get?k=1&k=2&a+b=%E4%BD%A0&e"
        })
    );
    assert!(bytes.contains("\"args\": {\n    \"a b\""), "sorted, indented by two: {bytes}");
    let request = &lab.requests()[0];
    assert_eq!(
        (request.head.method.as_str(), request.head.headers.get("X-A"), request.connection),
        ("GET", Some("1"), 0)
    );
}

#[test]
fn a_body_is_shown_as_what_it_says_it_is() {
    let lab = lab();
    let form =
        post(&lab, "/post?q=1", "application/x-www-form-urlencoded; charset=utf-8", b"a=1&a=2&b=%26+%E4%BD%A0&c")
            .json();
    assert_eq!(form["form"], serde_json::json!({"a": ["1", "2"], "b": "& 你", "c": ""}));
    assert_eq!((&form["data"], &form["json"], &form["args"]["q"]), (&"".into(), &serde_json::Value::Null, &"1".into()));
    let json = post(&lab, "/post", "application/json", "{\"key\": \"你好\"}".as_bytes()).json();
    assert_eq!((&json["json"]["key"], json["data"].as_str()), (&"你好".into(), Some("{\"key\": \"你好\"}")));
    let bytes = post(&lab, "/post", "application/octet-stream", b"\xff\x00").json();
    assert_eq!(bytes["data"], "data:application/octet-stream;base64,/wA=");
    let deep = post(&lab, "/post", "application/json", "[".repeat(1 << 20).as_bytes()).json();
    assert_eq!(deep["json"], serde_json::Value::Null, "nested deeper than any stack");
    let wide = format!("{}0{}{}", "[".repeat(100), ",0".repeat(400_000), "]".repeat(100));
    let shown = post(&lab, "/post", "application/json", wide.as_bytes());
    assert!(shown.body.len() < 3 * wide.len(), "{} bytes of {}", shown.body.len(), wide.len());
}

#[test]
fn a_body_of_several_parts() {
    let lab = lab();
    let body = "ignored\r\n--B x\r\nContent-Disposition: form-data; name=\"a;\\\"b\"\r\n\r\n1\r\n--B x\r\n\
        content-disposition: form-data; name=file; filename=\"n; o.txt\"\r\nContent-Type: text/plain\r\n\r\n你好\r\n--B\r\n\r\n--B x\r\n\
        Content-Disposition: form-data; name=\"file\"; filename=\"\"\r\n\r\n\r\n--B x--\r\nignored";
    let seen = post(&lab, "/upload", "multipart/form-data; charset=x; boundary=\"B x\"", body.as_bytes()).json();
    assert_eq!(seen["form"], serde_json::json!({"a;\"b": "1"}));
    assert_eq!(seen["files"], serde_json::json!({"file": ["你好\r\n--B\r\n", ""]}));
    let kind = "multipart/form-data; boundary=B";
    let good = "--B\r\nContent-Disposition: form-data; name=\"f\"; filename=\"x\"\r\n\r\n\u{0}\u{ff}\r\n--B--";
    assert_eq!(post(&lab, "/post", kind, good.as_bytes()).json()["files"]["f"], "\u{0}\u{ff}");
    for cut in 0..good.len() {
        if good.is_char_boundary(cut) {
            assert_eq!(post(&lab, "/post", kind, &good.as_bytes()[..cut]).head.status, 400, "cut at {cut}");
        }
    }
    for kind in ["multipart/form-data", "multipart/form-data; boundary=", "multipart/form-data; boundary"] {
        assert_eq!(post(&lab, "/post", kind, good.as_bytes()).head.status, 400, "{kind}");
    }
    let nameless = "--B\r\nContent-Disposition: form-data\r\n\r\n1\r\n--B--";
    assert_eq!(post(&lab, "/post", kind, nameless.as_bytes()).head.status, 400);
    assert_eq!(
        post(&lab, "/post", kind, format!("{}--B--", good.replace("--B--", "").repeat(1_100)).as_bytes()).head.status,
        413
    );
    assert_eq!(
        [1_000, 1_001]
            .map(|n| post(&lab, "/post", "application/x-www-form-urlencoded", "a&".repeat(n).as_bytes()).head.status),
        [200, 413]
    );
    let without_end = "a&".repeat(1_000) + "a";
    assert_eq!(post(&lab, "/post", "application/x-www-form-urlencoded", without_end.as_bytes()).head.status, 413);
}

#[test]
fn methods_and_paths() {
    let lab = lab();
    for (request, wanted) in [
        ("GET /nowhere", 404),
        ("GET /get/", 404),
        ("GET //", 404),
        ("POST /get", 405),
        ("get /get", 405),
        ("GET /post", 405),
        ("TRACE /get", 405),
        ("OPTIONS /get", 200),
        ("OPTIONS *", 200),
        ("GET http://lab/get", 200),
        ("GET get", 400),
        ("CONNECT lab:80", 400),
        ("GET /get#part", 400),
        ("GET /a/../get", 400),
        ("GET /%2e%2E/get", 400),
        ("GET /get%00", 400),
        ("GET /get%0a", 400),
        ("GET /%ff", 400),
        ("GET /%g0", 400),
        ("GET /get%2", 400),
        ("GET /anything/a%2Fb", 200),
        ("DELETE /anything", 200),
        ("PUT /put", 200),
        ("PATCH /patch", 200),
        ("DELETE /delete", 200),
    ] {
        let answer = get(&lab, request);
        assert_eq!(answer.head.status, wanted, "{request}");
        if wanted == 405 {
            assert!(answer.field("Allow").contains("OPTIONS"), "{request}");
        }
    }
    assert_eq!(get(&lab, "POST /get").field("Allow"), "GET, HEAD, OPTIONS");
    assert_eq!(get(&lab, "OPTIONS /post").field("Allow"), "POST, OPTIONS");
}

#[test]
fn what_the_front_page_lists_is_there() {
    let lab = lab();
    let page = get(&lab, "GET /");
    assert_eq!((page.head.status, page.field("Content-Type")), (200, "text/html; charset=utf-8"));
    let links: Vec<String> = page
        .text()
        .split("href=\"")
        .skip(1)
        .map(|link| link.split('"').next().unwrap().replace("&amp;", "&"))
        .collect();
    assert!(links.len() > 40, "{links:?}");
    for link in links.iter().filter(|link| *link != "/silent" && !link.starts_with("/wrong/")) {
        let link = link.replace("duration=1", "duration=0.01");
        let method = if link == "/post" { "POST" } else { "GET" };
        let status = get(&lab, &format!("{method} {link}")).head.status;
        assert!(!matches!(status, 400 | 405 | 500) && (status != 404 || link == "/status/404"), "{link}: {status}");
    }
    assert_eq!(page.body, get(&lab, "GET /html").body);
}

#[test]
fn every_status_in_its_form() {
    let lab = lab();
    for code in 200..600 {
        let answer = get(&lab, &format!("GET /status/{code}"));
        assert_eq!((answer.head.status, answer.body.len()), (code, 0));
    }
    for code in ["100", "199", "600", "99999999999999999999", "-1", "x", ""] {
        assert_eq!(get(&lab, &format!("GET /status/{code}")).head.status, 400, "{code}");
    }
    assert!(get(&lab, "GET /status/401").field("WWW-Authenticate").starts_with("Basic"));
    assert_eq!(get(&lab, "GET /status/302").field("Location"), "/redirect/1");
    let none = talk(&lab, "GET /status/204 HTTP/1.1\r\nHost: a\r\n\r\n");
    assert!(!none.contains("Content-Length"), "{none}");
}

#[test]
fn head_is_get_without_a_body() {
    let lab = lab();
    for target in ["/get", "/bytes/100", "/chunked", "/close", "/drip?duration=0&delay=0", "/stream/2", "/nowhere"] {
        let head = get(&lab, &format!("HEAD {target}"));
        let full = get(&lab, &format!("GET {target}"));
        assert_eq!((head.head.status, head.body.len()), (full.head.status, 0), "{target}");
        for name in ["Content-Type", "Content-Length", "Transfer-Encoding", "Content-Encoding"] {
            assert_eq!(head.field(name), full.field(name), "{target}");
        }
    }
    let text = talk(&lab, "HEAD /get HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n");
    assert!(text.starts_with("HTTP/1.1 400") && text.ends_with("\r\n\r\n"), "{text}");
}

#[test]
fn redirects_cookies_and_passwords() {
    let lab = lab();
    let to = |request: &str| {
        let answer = get(&lab, request);
        (answer.head.status, answer.field("Location").to_owned())
    };
    assert_eq!(to("GET /redirect/2"), (302, "/redirect/1".into()));
    assert_eq!(to("GET /redirect/1"), (302, "/get".into()));
    assert_eq!(to("POST /redirect/2?status_code=307"), (307, "/redirect/1?status_code=307".into()));
    assert_eq!(to("GET /absolute-redirect/1"), (302, lab.url("/get")));
    assert_eq!(
        to("GET /redirect-to?url=http%3A%2F%2Fx%2F%E4%BD%A0+b&status_code=308"),
        (308, "http://x/%E4%BD%A0%20b".into())
    );
    for wrong in ["/redirect/0", "/redirect/101", "/redirect/x", "/redirect-to", "/redirect-to?url=/&status_code=200"] {
        assert_eq!(to(&format!("GET {wrong}")).0, 400, "{wrong}");
    }
    let set = get(&lab, "GET /cookies/set?a=1&b=2");
    let cookies: Vec<&str> = set.head.headers.all("Set-Cookie").collect();
    assert_eq!(
        (set.head.status, set.field("Location"), cookies),
        (302, "/cookies", vec!["a=1; Path=/", "b=2; Path=/"])
    );
    assert_eq!(get(&lab, "GET /cookies/set/n/v").field("Set-Cookie"), "n=v; Path=/");
    assert!(get(&lab, "GET /cookies/delete?n").field("Set-Cookie").contains("Max-Age=0"));
    let bytes = talk(&lab, "GET /cookies HTTP/1.1\r\nHost: a\r\nCookie: a=1; b=\"2\"\r\nCookie: c=x=y\r\n\r\n");
    assert_eq!(
        answer(&mut bytes.as_bytes(), "GET").json(),
        serde_json::json!({"cookies": {"a": "1", "b": "2", "c": "x=y"}})
    );
    let auth = |field: &str| {
        status(&talk(&lab, format!("GET /basic-auth/me/p%20w HTTP/1.1\r\nHost: a\r\n{field}\r\n"))).to_owned()
    };
    assert_eq!(auth(""), "401");
    assert_eq!(auth("Authorization: Basic bWU6cCB3\r\n"), "200");
    assert_eq!(auth("Authorization: basic bWU6cCB3\r\n"), "200");
    for wrong in ["Basic", "Basic bWU6cCB4", "Bearer bWU6cCB3", "bWU6cCB3"] {
        assert_eq!(auth(&format!("Authorization: {wrong}\r\n")), "401", "{wrong}");
    }
}

#[test]
fn nothing_that_is_said_again_can_begin_a_field() {
    let lab = lab();
    for target in [
        "/redirect-to?url=/a%0d%0aSet-Cookie:%20x=1",
        "/redirect-to?url=/a%00",
        "/cookies/set?n=a%0d%0aSet-Cookie:%20x=1",
        "/cookies/set?a%0d%0aSet-Cookie:%20x=1",
        "/cookies/set?n=a;b",
        "/cookies/set/n/a%20b",
        "/cookies/delete?n%0aX-Evil:%201",
        "/response-headers?X=a%0d%0aX-Evil:%201",
        "/response-headers?X=a%0aX-Evil:%201",
        "/response-headers?X=a%00",
        "/response-headers?X-Evil%3a%20a=1",
        "/response-headers?=1",
        "/response-headers?X=%E4%BD%A0",
        "/response-headers?Content-Length=0",
        "/response-headers?transfer-encoding=chunked",
    ] {
        let text = talk(&lab, format!("GET {target} HTTP/1.1\r\nHost: a\r\n\r\n"));
        assert_eq!(status(&text), "400", "{target}");
        assert!(!text.lines().any(|line| line.starts_with("X-Evil") || line.starts_with("Set-Cookie")), "{text}");
    }
    let good = get(&lab, "GET /response-headers?X-A=a+b&x-a=2&Content-Type=text/plain");
    assert_eq!(good.head.headers.all("X-A").collect::<Vec<_>>(), ["a b", "2"]);
    assert_eq!(good.head.headers.all("Content-Type").collect::<Vec<_>>(), ["text/plain"]);
}

#[test]
fn what_it_makes_up_has_an_end() {
    let lab = lab();
    assert_eq!(get(&lab, "GET /bytes/99999999999999999999999").body.len(), 100 << 10);
    assert_eq!(get(&lab, "GET /bytes/0").body.len(), 0);
    let sixty = get(&lab, "GET /bytes/64").body;
    assert_eq!(sixty, get(&lab, "GET /bytes/64").body);
    assert_ne!(get(&lab, "GET /bytes/64").body, get(&lab, "GET /bytes/64?seed=7").body);
    assert_eq!(get(&lab, "GET /drip?numbytes=999999999&duration=0&delay=0").body.len(), 100 << 10);
    assert_eq!(get(&lab, "GET /drip?numbytes=7&duration=0.02&delay=0&code=201").body, b"*******");
    assert_eq!(get(&lab, "GET /stream/3").text().lines().count(), 3);
    assert!(get(&lab, &format!("GET /stream/99999?{}", "a".repeat(8_000))).body.len() <= 100 << 10);
    assert_eq!(get(&lab, "GET /chunked").text(), "你好, in three chunks\n");
    assert_eq!(get(&lab, "GET /close").text(), "Hello\n");
    for wrong in [
        "/delay/-1",
        "/delay/x",
        "/delay/NaN",
        "/bytes/-1",
        "/drip?numbytes=x",
        "/drip?duration=-1",
        "/drip?code=99",
        "/chunked?pause=x",
    ] {
        assert_eq!(get(&lab, &format!("GET {wrong}")).head.status, 400, "{wrong}");
    }
    // Ten seconds at most, and not even those when the lab ends.
    let start = Instant::now();
    let mut waiting: Vec<TcpStream> = Vec::new();
    let targets = ["/delay/1e9", "/drip?duration=inf", "/silent", "/chunked?pause=9"];
    for target in targets {
        let mut tcp = dial(lab.addr());
        write!(tcp, "GET {target} HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
        waiting.push(tcp);
    }
    let came = |target: &str| lab.requests().iter().any(|request| request.head.target == target);
    while !targets.into_iter().all(came) && start.elapsed() < LIMIT {
        thread::yield_now();
    }
    drop(lab);
    waiting.iter_mut().for_each(|tcp| drop(all(tcp)));
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
}

#[test]
fn a_delay_takes_its_time() {
    let lab = lab();
    let start = Instant::now();
    assert_eq!(get(&lab, "POST /delay/0.2?a=1").json()["args"]["a"], "1");
    assert!(start.elapsed() >= Duration::from_millis(200));
}

#[test]
fn flaky_fails_so_often_and_says_when_to_come_again() {
    let lab = lab();
    let answers: Vec<u16> = (0..6).map(|_| get(&lab, "GET /flaky?fail=2&key=a").head.status).collect();
    assert_eq!(answers, [503, 503, 200, 503, 503, 200]);
    assert_eq!(get(&lab, "POST /flaky?fail=1&key=b&status=429&after=7").field("Retry-After"), "7");
    assert_eq!(get(&lab, "POST /flaky?fail=1&key=b&status=429&after=7").json()["attempt"], 2);
    let date = get(&lab, "GET /flaky?fail=1&key=c&after=99999999999&form=date");
    assert!(date.field("Retry-After").ends_with(" GMT"), "{}", date.field("Retry-After"));
    assert_eq!(get(&lab, "GET /flaky?fail=0").head.status, 200);
    for n in 0..2_500 {
        assert_eq!(get(&lab, &format!("GET /flaky?key={n}")).head.status, 503);
    }
    for wrong in ["fail=x", "status=200", "after=-1", "after=soon"] {
        assert_eq!(get(&lab, &format!("GET /flaky?{wrong}")).head.status, 400, "{wrong}");
    }
}

#[test]
fn smuggling_is_refused_and_ends_the_connection() {
    let lab = lab();
    let get = |fields: &str| format!("GET /get HTTP/1.1\r\nHost: a\r\n{fields}\r\n");
    let post = |fields: &str, body: &str| format!("POST /post HTTP/1.1\r\nHost: a\r\n{fields}\r\n{body}");
    let chunks = "5\r\nHello\r\n0\r\n\r\n";
    let second = "GET /second HTTP/1.1\r\nHost: a\r\n\r\n";
    for request in [
        post("Content-Length: 5\r\nContent-Length: 6\r\n", "Hello"),
        post("Content-Length: 5, 6\r\n", "Hello"),
        post("Content-Length: 5, 5\r\n", "Hello"),
        post("Content-Length: +5\r\n", "Hello"),
        post("Content-Length: -5\r\n", "Hello"),
        post("Content-Length: 0x5\r\n", "Hello"),
        post("Content-Length: 5x\r\n", "Hello"),
        post("Content-Length: 5 5\r\n", "Hello"),
        post("Content-Length:\r\n", "Hello"),
        post("Content-Length: 99999999999999999999999\r\n", "Hello"),
        post("Content-Length : 5\r\n", "Hello"),
        post("Content-Length: 5\r\n X-Fold: 1\r\n", "Hello"),
        post("Content-Length:\r\n 5\r\n", "Hello"),
        post("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", chunks),
        post("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", chunks),
        post("Transfer-Encoding: xchunked\r\n", chunks),
        post("Transfer-Encoding: gzip, chunked\r\n", chunks),
        post("Transfer-Encoding: chunked, identity\r\n", chunks),
        post("Transfer-Encoding: identity\r\n", chunks),
        post("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", chunks),
        post("Transfer-Encoding: \u{b}chunked\r\n", chunks),
        post("Transfer-Encoding:\r\n", chunks),
        post("Transfer-Encoding: chunked\r\n", "5\nHello\n0\n\n"),
        post("Transfer-Encoding: chunked\r\n", "5\r\nHelloXX0\r\n\r\n"),
        post("Transfer-Encoding: chunked\r\n", "0x5\r\nHello\r\n0\r\n\r\n"),
        post("Transfer-Encoding: chunked\r\n", "-1\r\nHello\r\n0\r\n\r\n"),
        post("Transfer-Encoding: chunked\r\n", " 5\r\nHello\r\n0\r\n\r\n"),
        post("Transfer-Encoding: chunked\r\n", "fffffffffffffffff\r\nHello\r\n0\r\n\r\n"),
        post("Transfer-Encoding: chunked\r\n", "\r\n0\r\n\r\n"),
        post("Transfer-Encoding: chunked\r\n", "0\r\nBad Trailer: 1\r\n\r\n"),
        post("Transfer-Encoding: chunked\r\n", &format!("5;{}\r\nHello\r\n0\r\n\r\n", "a".repeat(5_000))),
        "POST /post HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n".into(),
        get("X: a\0b\r\n"),
        get("X: a\rb\r\n"),
        get("X: a\nY: b\r\n"),
        get("X\0: a\r\n"),
        get("X a\r\n"),
        get(": a\r\n"),
        get("X : a\r\n"),
        get(" X: a\r\n"),
        get("\tX: a\r\n"),
        get("Host: b\r\n"),
        get("Host: a\r\n"),
        "GET /get HTTP/1.1\r\n\r\n".into(),
        "GET /get HTTP/1.1\r\n Host: a\r\n\r\n".into(),
        "GET /get HTTP/1.1\r\nHost: a b\r\n\r\n".into(),
        "GET /get HTTP/1.1\r\nHost: a/b\r\n\r\n".into(),
        "GET /get HTTP/1.1\r\nHost: u@a\r\n\r\n".into(),
        "GET /get HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n".into(),
        " GET /get HTTP/1.1\r\nHost: a\r\n\r\n".into(),
        "\nGET /get HTTP/1.1\r\nHost: a\r\n\r\n".into(),
        "\r\n\r\nGET /get HTTP/1.1\r\nHost: a\r\n\r\n".into(),
        "GET /get HTTP/1.1\nHost: a\n\n".into(),
        "GET  /get HTTP/1.1\r\nHost: a\r\n\r\n".into(),
        "GET\t/get HTTP/1.1\r\nHost: a\r\n\r\n".into(),
        "GET /get HTTP/1.1 \r\nHost: a\r\n\r\n".into(),
        "GET /get\r\nHost: a\r\n\r\n".into(),
        "GET /get HTTP/1.10\r\nHost: a\r\n\r\n".into(),
        "GET /get HTTP/2.0\r\nHost: a\r\n\r\n".into(),
        "GET /get http/1.1\r\nHost: a\r\n\r\n".into(),
        "GET /g\u{7f}et HTTP/1.1\r\nHost: a\r\n\r\n".into(),
        "GET /你好 HTTP/1.1\r\nHost: a\r\n\r\n".into(),
        "G(T /get HTTP/1.1\r\nHost: a\r\n\r\n".into(),
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".into(),
        "\x16\x03\x01\x02\x00\x01\x00\x01\n".into(),
    ] {
        // It does not wait for our end, and what stands behind is never looked at.
        let text = ask(&lab, format!("{request}{second}"));
        assert_eq!(status(&text), "400", "{request:?}: {text}");
        assert_eq!(text.lines().filter(|line| line.starts_with("HTTP/")).count(), 1, "{request:?}: {text}");
        assert!(text.contains("\r\nConnection: close\r\n"), "{text}");
    }
    assert!(lab.requests().iter().all(|request| request.head.target != "/second"));
}

#[test]
fn what_may_be_read_in_one_way_only_is_taken() {
    let lab = lab();
    for request in [
        "POST /post HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\nHello",
        "POST /post HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: Chunked\r\n\r\n5;a=b\r\nHello\r\n00\r\nX: y\r\n\r\n",
        "POST /post HTTP/1.1\r\nHost:a\r\nContent-Length:\t05 \r\n\r\nHello",
        "\r\nPOST /post HTTP/1.1\r\nHost: [::1]:80\r\nContent-Length: 5\r\n\r\nHello",
        "POST /post HTTP/1.0\r\nContent-Length: 5\r\n\r\nHello",
        "POST /post HTTP/1.1\r\nHost:\r\nContent-Length: 5\r\n\r\nHello",
    ] {
        let text = talk(&lab, request);
        assert_eq!(status(&text), "200", "{request:?}: {text}");
        assert_eq!(answer(&mut text.as_bytes(), "POST").json()["data"], "Hello");
    }
}

#[test]
fn too_much_is_refused_in_its_own_words() {
    let lab = lab();
    let get = |target: &str, fields: &str| format!("GET {target} HTTP/1.1\r\nHost: a\r\n{fields}\r\n");
    let path = |n: usize| format!("/anything/{}", "a".repeat(n - 10));
    let fields = |n: usize| "X: a\r\n".repeat(n);
    for (request, wanted) in [
        (get(&path(8 << 10), ""), "200"),
        (get(&path((8 << 10) + 1), ""), "414"),
        (get(&path(70_000), ""), "414"),
        ("a".repeat(70_000), "414"),
        (get("/get", &fields(98)), "200"),
        (get("/get", &fields(99)), "431"),
        (get("/get", &fields(300)), "431"),
        (get("/get", &format!("X: {}\r\n", "a".repeat(16_000))), "200"),
        (get("/get", &format!("X: {}\r\n", "a".repeat(70_000))), "431"),
        (get("/get", &format!("X: {}\r\n", "a".repeat(13_000)).repeat(6)), "431"),
        (format!("GET /get HTTP/1.1\r\nX: {}", "a".repeat(70_000)), "431"),
        ("GET /get HTTP/1.1\r\n".to_owned() + &fields(20_000), "431"),
        ("POST /post HTTP/1.1\r\nHost: a\r\nContent-Length: 9000000000000000000\r\n\r\n".into(), "413"),
        (format!("POST /post HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n", (1 << 20) + 1), "413"),
        (
            "POST /post HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n".to_owned()
                + &format!("10000\r\n{}\r\n", "a".repeat(1 << 16)).repeat(17),
            "413",
        ),
        (
            "POST /post HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n".to_owned()
                + &format!("1;{}\r\na\r\n", "e".repeat(4_000)).repeat(3_000),
            "413",
        ),
    ] {
        let shown = &request[..request.len().min(60)];
        let closing = request.replace("Host: a\r\n", "Host: a\r\nConnection: close\r\n");
        assert_eq!(status(&ask(&lab, closing)), wanted, "{shown:?}");
    }
}

#[test]
fn a_limit_without_end_is_none() {
    let (write, body_grace) = (Duration::MAX, Duration::MAX);
    let limits = Limits { write, body_grace, ..Limits::default() };
    let lab = http::start(Options { limits, ..Options::default() }).unwrap();
    assert_eq!(get(&lab, "GET /delay/0.01").head.status, 200);
    let mut tcp = TcpStream::connect(lab.addr()).unwrap();
    tcp.write_all(
        b"POST /post HTTP/1.1\r\nHost: a\r\nConnection: close\r\nExpect: 100-continue\r\nContent-Length: 40000\r\n\r\n",
    )
    .unwrap();
    tcp.read_exact(&mut [0; 25]).unwrap();
    tcp.write_all(&[b'x'; 40_000]).unwrap();
    assert_eq!(answer(&mut all(&mut tcp).as_slice(), "POST").head.status, 200);
}

#[test]
fn tls_where_there_is_none_is_refused_at_once() {
    let lab = lab();
    // The first bytes of a record: neither a line end nor the end of anything.
    let text = ask(&lab, [0x16, 3, 1, 2]);
    assert_eq!(status(&text), "400", "{text}");
    let tcp = netprimer::stream::connect_any(&[lab.addr()], Deadline::after(LIMIT)).unwrap();
    let error = upgrade(Box::new(tcp), "localhost", &trust().unwrap()).map(drop).unwrap_err();
    // What the systems' packages say differs.
    assert!(!cfg!(target_os = "linux") || error.to_string().contains("what came is not TLS"), "{error}");
}

#[test]
fn who_sends_on_still_hears_why() {
    let lab = lab();
    let head = "POST /post HTTP/1.1\r\nHost: a\r\nContent-Length: 20000000\r\n\r\n";
    for _ in 0..5 {
        let mut tcp = dial(lab.addr());
        tcp.write_all(head.as_bytes()).unwrap();
        let piece = vec![b'a'; 1 << 20];
        // As Python's clients: all of the body first, then a look.
        (0..20).for_each(|_| tcp.write_all(&piece).unwrap());
        let text = String::from_utf8(all(&mut tcp)).unwrap();
        assert_eq!(status(&text), "413", "{text}");
    }
}

#[test]
fn a_request_in_any_pieces_is_the_same_request() {
    let lab = lab();
    let request = b"\r\nPOST /post?a=1 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nHello\r\n2\r\n, \r\n0\r\nT: 1\r\n\r\n";
    let whole = talk(&lab, request);
    let body = |text: &str| answer(&mut text.as_bytes(), "POST").body;
    assert_eq!(status(&whole), "200", "{whole}");
    let mut tcp = dial(lab.addr());
    tcp.set_nodelay(true).unwrap();
    request.iter().for_each(|byte| tcp.write_all(&[*byte]).unwrap());
    tcp.shutdown(Shutdown::Write).unwrap();
    assert_eq!(body(&String::from_utf8(all(&mut tcp)).unwrap()), body(&whole));
    for cut in 1..request.len() {
        let mut tcp = dial(lab.addr());
        tcp.set_nodelay(true).unwrap();
        tcp.write_all(&request[..cut]).unwrap();
        tcp.write_all(&request[cut..]).unwrap();
        tcp.shutdown(Shutdown::Write).unwrap();
        assert_eq!(body(&String::from_utf8(all(&mut tcp)).unwrap()), body(&whole), "in two pieces at {cut}");
        // And cut off there: never taken for a whole one.
        let text = talk(&lab, &request[..cut]);
        assert!(text.is_empty() && cut <= 2 || status(&text) == "400", "cut at {cut}: {text}");
    }
}

#[test]
fn requests_behind_one_another_are_answered_in_order() {
    let lab = lab();
    let one = |n: usize| format!("POST /anything/{n} HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n{n:02}");
    let bytes = talk(&lab, (0..50).map(one).collect::<String>());
    let mut rest = bytes.as_bytes();
    for n in 0..50 {
        let answer = answer(&mut rest, "POST");
        assert_eq!(answer.json()["url"], format!("http://a/anything/{n}"));
        assert_eq!(answer.field("Connection"), "keep-alive");
    }
    assert_eq!(rest, b"");
    assert!(lab.requests().iter().all(|request| request.connection == 0), "one connection");
    // Old clients and those who say so: one answer, then the end.
    for request in ["GET /get HTTP/1.0\r\n\r\n", "GET /get HTTP/1.1\r\nHost: a\r\nConnection: x, Close\r\n\r\n"] {
        let text = ask(&lab, request.repeat(2));
        assert_eq!(text.matches("HTTP/1.1 200").count(), 1, "{text}");
        assert!(text.contains("Connection: close\r\n"), "{text}");
    }
    // What stands behind a body does not make it longer, and the wrapping of a small one has room.
    let limits = Limits { body: 5, ..Limits::default() };
    let small = http::start(Options { limits, ..Options::default() }).unwrap();
    let head = "POST /post HTTP/1.1\r\nHost: a\r\nConnection: close\r\nExpect: 100-continue\r\nTransfer-Encoding: chunked\r\n\r\n";
    let mut tcp = dial(small.addr());
    tcp.write_all(head.as_bytes()).unwrap();
    tcp.read_exact(&mut [0; 25]).unwrap();
    tcp.write_all(format!("5\r\nHello\r\n0\r\nX: {}\r\n\r\n", "a".repeat(100)).as_bytes()).unwrap();
    assert_eq!(answer(&mut all(&mut tcp).as_slice(), "POST").head.status, 200);
    let old = ask(&lab, "GET /chunked HTTP/1.0\r\n\r\n");
    assert!(!old.contains("chunked\r\n\r\n") && old.ends_with("\r\n\r\n你好, in three chunks\n"), "{old}");
}

#[test]
fn continue_is_said_to_those_who_wait_for_it() {
    let lab = lab();
    let mut tcp = dial(lab.addr());
    let head =
        "POST /post HTTP/1.1\r\nHost: a\r\nExpect: 100-Continue\r\nContent-Length: 5\r\nConnection: close\r\n\r\n";
    tcp.write_all(head.as_bytes()).unwrap();
    let mut interim = [0; 25];
    tcp.read_exact(&mut interim).unwrap();
    assert_eq!(&interim, b"HTTP/1.1 100 Continue\r\n\r\n");
    tcp.write_all(b"Hello").unwrap();
    let text = String::from_utf8(all(&mut tcp)).unwrap();
    assert_eq!(answer(&mut text.as_bytes(), "POST").json()["data"], "Hello");
    assert!(ask(&lab, format!("{head}Hello")).starts_with("HTTP/1.1 200"), "the body is there already");
    assert_eq!(status(&ask(&lab, head.replace("100-Continue", "200-ok"))), "417");
    assert_eq!(status(&ask(&lab, head.replace("Length: 5", "Length: 5000000"))), "413");
}

pub fn slow_clients_do_not_keep_their_places() {
    let lab = impatient();
    let start = Instant::now();
    // All of them at once, for each waits until the patience of the lab is at its end.
    let once = "GET /get HTTP/1.1\r\nHost: a\r\n\r\n";
    thread::scope(|scope| {
        // Silent from the beginning, and silent between two requests: no word for either.
        scope.spawn(|| assert_eq!(ask(&lab, ""), ""));
        scope.spawn(|| assert_eq!(ask(&lab, once).matches("HTTP/1.1").count(), 1));
        for part in [
            "GET /get HTTP/1.1\r\nHost: a\r\n",
            "POST /post HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nHell",
            "POST /post HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nHe",
        ] {
            let lab = &lab;
            scope.spawn(move || assert_eq!(status(&ask(lab, part)), "408"));
        }
        // A byte now and then, each well within every patience: the whole has its time.
        for beginning in
            ["GET /get HTTP/1.1\r\nX: ", "POST /post HTTP/1.1\r\nHost: a\r\nContent-Length: 900000\r\n\r\n"]
        {
            let mut tcp = dial(lab.addr());
            scope.spawn(move || {
                tcp.write_all(beginning.as_bytes()).unwrap();
                let mut answer = [0; 12];
                tcp.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
                while tcp.read(&mut answer).is_err() {
                    assert!(start.elapsed() < LIMIT, "still listening");
                    let _ = tcp.write_all(b"a");
                }
                assert_eq!(&answer, b"HTTP/1.1 408");
            });
        }
    });
    assert!(start.elapsed() < LIMIT, "{:?}", start.elapsed());
}

pub fn two_hundred_silent_clients_are_in_nobodys_way() {
    let lab = lab();
    let silent: Vec<TcpStream> = (0..200).map(|_| dial(lab.addr())).collect();
    for beginning in ["G", "GET / HTTP/1.1\r\nX: ", "POST /post HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n"] {
        silent.iter().for_each(|mut tcp| tcp.write_all(beginning.as_bytes()).unwrap());
        assert_eq!(get(&lab, "GET /get").head.status, 200);
    }
    assert!(lab.server().totals().peak > 100, "{:?}", lab.server());
}

#[test]
fn damage_is_answered_or_left_but_never_ends_the_service() {
    let lab = lab();
    let request =
        b"POST /post?a=%41 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5;x\r\nHello\r\n0\r\nT: 1\r\n\r\n";
    for at in 0..request.len() {
        for byte in [0, b'\n', b'\r', b' ', b'%', b':', 0xff, request[at] ^ 1] {
            let mut damaged = request.to_vec();
            damaged[at] = byte;
            let text = talk(&lab, &damaged);
            let known = ["200", "400", "404", "405"];
            assert!(known.contains(&status(&text)), "{}: {text}", damaged.escape_ascii());
        }
    }
    assert_eq!(lab.server().totals().panics, 0);
}

pub fn a_client_that_does_not_read_is_left() {
    let limits = Limits { write: Duration::from_millis(300), ..Limits::default() };
    let lab = http::start(Options { limits, ..Options::default() }).unwrap();
    let mut tcp = dial(lab.addr());
    // 100 KiB each: more than any buffer takes.
    let request = "GET /bytes/102400 HTTP/1.1\r\nHost: a\r\n\r\n".repeat(400);
    let _ = tcp.write_all(request.as_bytes());
    let start = Instant::now();
    while lab.server().active() > 0 || lab.requests().is_empty() {
        assert!(start.elapsed() < LIMIT, "{:?}", lab.server());
        thread::yield_now();
    }
}

#[test]
fn what_is_wrong_is_wrong_as_named() {
    let lab = lab();
    let wrong = |name: &str| talk(&lab, format!("GET /wrong/{name} HTTP/1.1\r\nHost: a\r\n\r\n"));
    assert_eq!(wrong("cut").split_once("\r\n\r\n").unwrap().1.len(), 500);
    assert!(wrong("cut").contains("Content-Length: 1000\r\n"));
    assert!(wrong("cut-chunked").ends_with("\r\n\r\n5\r\nHello\r\na\r\n, wor"));
    assert!(wrong("no-last-chunk").ends_with("Hello\r\n"));
    assert!(wrong("long-body").contains("Content-Length: 5\r\n\r\nHello, and"));
    assert_eq!(wrong("two-lengths").matches("Content-Length").count(), 2);
    assert!(wrong("length-and-chunked").contains("Content-Length: 4\r\nTransfer-Encoding: chunked"));
    assert!(!wrong("bare-lf").contains('\r'));
    assert!(wrong("long-field").len() > 1_000_000);
    assert_eq!(wrong("many-fields").matches("\r\nX-").count(), 10_000);
    assert_eq!(wrong("many-interim").matches("HTTP/1.1 100").count(), 5_000);
    assert_eq!(wrong("hang-up"), "");
    assert_eq!(wrong("surplus").matches("HTTP/1.1 200").count(), 2);
    assert!(wrong("stale").contains("Connection: keep-alive"));
    assert!(wrong("loop").contains("Location: /wrong/loop\r\n"));
    assert!(wrong("to-file").contains("Location: file:///etc/passwd\r\n"));
    assert_eq!(status(&wrong("nothing")), "404");
    let whole = get(&lab, "GET /wrong/cut-gzip");
    assert_eq!((whole.head.status, whole.field("Content-Encoding")), (200, "gzip"));
}

#[test]
fn gzip_is_what_others_unpack() {
    // The bytes of RFC 1952 around a stored block of RFC 1951; the peers in lab_http_peers.rs unpack them.
    let lab = lab();
    let answer = get(&lab, "GET /gzip");
    assert_eq!(answer.field("Content-Encoding"), "gzip");
    let (head, rest) = answer.body.split_at(10);
    assert_eq!(&head[..4], b"\x1f\x8b\x08\0");
    let length = u16::from_le_bytes([rest[1], rest[2]]);
    assert_eq!((rest[0], u16::from_le_bytes([rest[3], rest[4]])), (1, !length));
    let data = &rest[5..5 + usize::from(length)];
    let json: serde_json::Value = serde_json::from_slice(data).unwrap();
    assert_eq!((&json["gzipped"], &json["method"]), (&true.into(), &"GET".into()));
    let trailer = &rest[5 + usize::from(length)..];
    assert_eq!(trailer[..4], netprimer::encode::crc32(data).to_le_bytes());
    assert_eq!(trailer[4..], u32::from(length).to_le_bytes());
}

#[test]
fn over_tls_the_end_is_marked_unless_it_is_cut() {
    let tls = Some(Acceptor::new(Certificate::Good).unwrap());
    let lab = http::start(Options { tls, ..Options::default() }).unwrap();
    let ask = |target: &str| {
        let target_of_dial = Target::from(lab.addr());
        let mut tcp = Dial::default().open(&target_of_dial).unwrap();
        tcp.set_deadline(Deadline::after(LIMIT));
        let mut stream = upgrade(tcp, "localhost", &trust().unwrap()).unwrap();
        write!(stream, "GET {target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").unwrap();
        let mut bytes = Vec::new();
        let end = stream.read_to_end(&mut bytes).map(drop);
        (bytes, end)
    };
    let (bytes, end) = ask("/get");
    assert_eq!(answer(&mut bytes.as_slice(), "GET").json()["url"], "https://localhost/get");
    end.unwrap();
    assert!(lab.url("/get").starts_with("https://127.0.0.1:"), "{}", lab.url("/get"));
    let (bytes, end) = ask("/close");
    assert!(bytes.ends_with(b"Hello\n"));
    end.unwrap();
    let (bytes, end) = ask("/wrong/cut-close");
    assert!(bytes.ends_with(b"Hello, wor"));
    assert!(end.is_err(), "a cut must not look like an end");
}

#[test]
fn its_end_ends_everything() {
    let lab = lab();
    let mut idle = dial(lab.addr());
    idle.write_all(b"GET /get HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
    let mut first = [0; 12];
    idle.read_exact(&mut first).unwrap();
    let addr = lab.addr();
    let start = Instant::now();
    let drained = lab.stop(Duration::ZERO);
    assert_eq!(drained.stuck, 0);
    assert!(start.elapsed() < LIMIT);
    all(&mut idle);
    assert!(TcpStream::connect(addr).is_err(), "nobody listens any more");
}

#[test]
fn what_is_kept_of_the_past_has_an_end() {
    let lab = lab();
    let body = vec![b'a'; 1 << 20];
    (0..20).for_each(|_| drop(post(&lab, "/post", "text/plain", &body)));
    let kept = lab.requests();
    assert!((10..=16).contains(&kept.len()), "{}", kept.len());
    let numbers: Vec<u64> = kept.iter().map(|request| request.connection).collect();
    assert!(numbers.is_sorted() && numbers.last() == Some(&19), "the last ones: {numbers:?}");
}

/// The two sides were written against the RFC, not against each other; here they meet.
#[test]
fn our_client_notices_what_is_wrong_and_takes_what_is_right() {
    let lab = lab();
    let ask = |path: &str| netprimer::http::get(&lab.url(path)).and_then(|answer| answer.bytes());
    assert_eq!(ask("/chunked").unwrap(), "你好, in three chunks\n".as_bytes());
    assert_eq!(ask("/close").unwrap(), b"Hello\n");
    assert_eq!(ask("/bytes/102400").unwrap().len(), 102_400);
    assert_eq!(ask("/drip?numbytes=9&duration=0.05&delay=0").unwrap(), b"*********");
    assert!(String::from_utf8(ask("/redirect/5").unwrap()).unwrap().contains("/get"));
    for name in [
        "cut",
        "cut-chunked",
        "no-last-chunk",
        "two-lengths",
        "bad-chunk",
        "bare-lf",
        "no-http",
        "long-field",
        "many-fields",
        "many-interim",
        "hang-up",
        "loop",
        "to-file",
    ] {
        let got = ask(&format!("/wrong/{name}"));
        assert!(got.is_err(), "{name}: {:?}", got.map(|body| body.escape_ascii().to_string()));
    }
}
