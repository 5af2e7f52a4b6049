//! Sessions against servers that do as they are told: what is sent byte for byte, and what becomes of right, wrong, late and
//! hostile answers.

use crate::{site, support};
use netprimer::dial::Dial;
use netprimer::encode::{http_date, parse_http_date};
use netprimer::lab::http as lab;
use netprimer::lab::script::{self, Script, Step};
use netprimer::lab::tls::{self, Acceptor, Certificate};
use netprimer::retry::Policy;
use netprimer::trace::{Side, Transcript};
use netprimer::web::{Failure, Form, Next, Options, Response, Session};
use netprimer::{Error, http};
use site::{Asked, Site, site};
use std::collections::BTreeMap;
use std::error::Error as _;
use std::net::TcpListener;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use std::{env, fs, process};
use support::programs;

fn ok(body: &str) -> Vec<u8> {
    answer("200 OK", "", body)
}

fn answer(status: &str, fields: &str, body: impl AsRef<[u8]>) -> Vec<u8> {
    let body = body.as_ref();
    let head = format!("HTTP/1.1 {status}\r\n{fields}Content-Length: {}\r\n\r\n", body.len());
    [head.as_bytes(), body].concat()
}

fn to(status: u16, place: &str) -> Vec<u8> {
    answer(&format!("{status} There"), &format!("Location: {place}\r\n"), "moved")
}

fn secure(certificate: Certificate) -> Option<Acceptor> {
    Some(Acceptor::new(certificate).unwrap())
}

fn trusting() -> Session {
    Session::with(Options { tls: tls::trust().unwrap(), ..Options::default() })
}

/// A peer that hears a GET and then does this.
fn peer(then: impl IntoIterator<Item = Step>) -> Script {
    let request = [const { Step::HearLine }; 6]; // first line, four fields of ureq, empty line
    script::play(request.into_iter().chain(then)).unwrap()
}

fn from(peer: &Script) -> String {
    format!("http://{}/x", peer.addr())
}

fn patient() -> (Session, Arc<Mutex<Vec<Duration>>>) {
    let pauses = Arc::new(Mutex::new(Vec::new()));
    let (mut session, kept) = (Session::new(), Arc::clone(&pauses));
    session.pause_with(move |pause| kept.lock().unwrap().push(pause));
    (session, pauses)
}

fn story(history: &[netprimer::web::Attempt]) -> Vec<String> {
    history.iter().map(ToString::to_string).map(|line| line.replace("127.0.0.1", "host")).collect()
}

// --- what is sent

#[test]
fn a_get_reads_like_requests_and_arrives_like_httpbin() {
    let lab = lab::start(lab::Options::default()).unwrap();
    let mut session = Session::new();
    session.set_header("X-Course", "netprimer").unwrap();
    session.add_param("always", "1");
    let url = lab.url("/get?a=b");
    let mut response =
        session.get(&url).query("key1", "value 1&2").query("名", "你好").header("X-Lesson", "3.2").send().unwrap();
    assert_eq!((response.status().as_u16(), response.history().len()), (200, 1));
    let json: serde_json::Value = response.body_mut().read_json().unwrap();
    assert_eq!(json["args"], serde_json::json!({"a": "b", "key1": "value 1&2", "名": "你好", "always": "1"}));
    assert_eq!(json["headers"]["X-Lesson"], "3.2");
    assert_eq!(json["headers"]["X-Course"], "netprimer");
    assert_eq!(json["headers"]["User-Agent"], "netprimer/0.1");
    // A field of the request stands in place of the session's.
    session.get(&lab.url("/get")).header("x-course", "mine").send().unwrap();
    assert_eq!(lab.requests()[1].head.headers.all("x-course").collect::<Vec<_>>(), ["mine"]);
    // Both read to the end: one connection... the second not yet.
    assert!(lab.requests().iter().all(|request| request.connection == 0));
}

#[test]
fn forms_json_and_methods() {
    let lab = lab::start(lab::Options::default()).unwrap();
    let session = Session::new();
    let json = |mut response: Response| serde_json::from_str::<serde_json::Value>(&response.text().unwrap()).unwrap();
    let form = json(session.post(&lab.url("/post")).form(&[("user name", "张三"), ("x", "1+1=2&3")]).send().unwrap());
    assert_eq!(form["form"], serde_json::json!({"user name": "张三", "x": "1+1=2&3"}));
    let sent = serde_json::json!({"name": "你好", "list": [1, 2]});
    let back = json(session.put(&lab.url("/put")).json(&sent).send().unwrap());
    assert_eq!(back["json"], sent);
    assert_eq!(back["headers"]["Content-Type"], "application/json");
    assert_eq!(session.delete(&lab.url("/delete")).send().unwrap().status(), 200);
    for page in ["/get", "/gzip"] {
        assert_eq!(session.head(&lab.url(page)).send().unwrap().text().unwrap(), "", "{page}");
    }
    let mut empty = session.post(&lab.url("/post")).send().unwrap();
    assert_eq!(empty.status(), 200);
    assert!(empty.text().unwrap().contains("\"Content-Length\": \"0\""));
    assert_eq!(session.request("PATCH", &lab.url("/patch")).body("x").send().unwrap().status(), 200);
    let site = site(None, |_| ok(""));
    for method in ["PURGE", "get"] {
        session.request(method, &site.url("/")).body("x").send().unwrap();
        session.request(method, &site.url("/")).send().unwrap();
    }
    assert_eq!(site.lines(), ["PURGE / x", "PURGE /", "get / x", "get /"], "methods are compared with regard to case");
    let asked = lab.requests();
    assert_eq!(asked.iter().filter(|request| request.head.method == "GET").count(), 0);
    let auth = session.get(&lab.url("/basic-auth/user/passwd")).basic_auth("user", "passwd").send().unwrap();
    assert_eq!(auth.status(), 200);
    let refused = session.get(&lab.url("/basic-auth/user/passwd")).send().unwrap();
    assert_eq!(refused.status(), 401); // status is data
    let failure = refused.error_for_status().unwrap_err();
    assert!(failure.to_string().contains("the server answered 401 Unauthorized"), "{failure}");
}

#[test]
fn a_form_with_files_byte_for_byte() {
    let site = site(None, |_| ok(""));
    let path = env::temp_dir().join(format!("netprimer-web-{}-报告.txt", process::id()));
    fs::write(&path, "Hello, 你好\r\n--").unwrap();
    let form = Form::new()
        .text("title \"x\"\r\nX: y", "a\r\nb")
        .bytes("data", "a\"b\r\nX-Evil: 1.bin", "application/octet-stream", [0, 255])
        .file("file", &path);
    Session::new().post(&site.url("/post")).multipart(&form).send().unwrap();
    fs::remove_file(&path).unwrap();
    let asked = site.asked().remove(0);
    let kind = asked.field("content-type").unwrap();
    let boundary = kind.strip_prefix("multipart/form-data; boundary=").unwrap();
    assert!(boundary.len() > 20, "{boundary}");
    let body = String::from_utf8_lossy(&asked.body).replace(boundary, "B").replace(&process::id().to_string(), "1");
    let golden = "--B\r\n\
        Content-Disposition: form-data; name=\"title %22x%22%0D%0AX: y\"\r\n\r\n\
        a\r\nb\r\n--B\r\n\
        Content-Disposition: form-data; name=\"data\"; filename=\"a%22b%0D%0AX-Evil: 1.bin\"\r\n\
        Content-Type: application/octet-stream\r\n\r\n\
        \u{0}\u{fffd}\r\n--B\r\n\
        Content-Disposition: form-data; name=\"file\"; filename=\"netprimer-web-1-报告.txt\"\r\n\
        Content-Type: text/plain\r\n\r\n\
        Hello, 你好\r\n--\r\n--B--\r\n";
    assert_eq!(body, golden);
    let missing = Session::new().post(&site.url("/post")).multipart(&Form::new().file("file", "/no/such/file")).send();
    assert!(missing.unwrap_err().to_string().starts_with("read /no/such/file: "));
    let kind = Form::new().bytes("f", "n", "text\r\nX: y", "");
    assert!(matches!(cause(Session::new().post(&site.url("/")).multipart(&kind).send()), Error::Invalid(_)));
    assert_eq!(site.lines().len(), 1, "nothing else was sent");
}

#[test]
fn what_cannot_be_sent_is_refused_before_anything_is_connected() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let session = Session::new();
    let get = || session.get(&base);
    let mut refused = vec![
        get().header("X", "a\r\nY: b").send(),
        get().header("X", "a\0").send(),
        get().header("X y", "a").send(),
        get().header("X\r\nY", "a").send(),
        get().header("", "a").send(),
        get().header("Host", "other").send(),
        get().header("Content-Length", "5").send(),
        get().header("Transfer-Encoding", "chunked").send(),
        get().header("X", &"x".repeat(17_000)).send(),
        get().query("x", &"x".repeat(17_000)).send(),
        get().basic_auth("a:b", "c").send(),
        get().basic_auth("a", "b\nc").send(),
        session.request("GET /\r\n", &base).send(),
        session.request("", &base).send(),
        session.request(&"A".repeat(17_000), &base).send(),
    ];
    for name in ["Host", "Content-Length", "Transfer-Encoding"] {
        let request = ureq::http::Request::post(&base).header(name, "9").body(b"Hello".to_vec()).unwrap();
        refused.push(session.send(request)); // the body would not be what the head says
    }
    let port = listener.local_addr().unwrap().port();
    for url in [
        format!("{base}/a b"),
        format!("{base}/a\r\nX: y"),
        format!("{base}/\u{1}"),
        format!("http://user:pass@127.0.0.1:{port}/"),
        format!("http://127.0.0.1:{port}9999/"),
        "ftp://127.0.0.1/".into(),
        "file:///etc/passwd".into(),
        "127.0.0.1".into(),
        "http://".into(),
        // Hosts on which ureq's own parser for cookies would panic.
        "http://127.0.0.256/".into(),
        "http://1.2.3.4.5/".into(),
        "http://a.0xg/".replace('g', "f"),
        "http://xn--a/".into(),
        "http://你好/".into(),
        "http://[::1/".into(),
    ] {
        refused.push(session.get(&url).send());
    }
    for (n, result) in refused.into_iter().enumerate() {
        let failure = result.unwrap_err();
        assert!(matches!(failure.cause, Error::Invalid(_)), "{n}: {failure:?}");
        assert!(failure.history.is_empty() && !failure.to_string().contains(char::is_control), "{failure}");
    }
    assert!(listener.accept().is_err(), "nobody connected");
}

// --- time

fn cause(result: netprimer::web::Result<Response>) -> Error {
    result.unwrap_err().cause
}

fn timed(options: Options, url: &str) -> (Error, Duration) {
    let start = Instant::now();
    let session = Session::with(options);
    let error =
        session.get(url).send().map_err(|failure| failure.cause).and_then(|mut response| response.bytes()).unwrap_err();
    assert!(matches!(error, Error::Timeout(_)), "{error:?}");
    (error, start.elapsed())
}

const SOON: Duration = Duration::from_millis(200);
const LATE: Duration = Duration::from_secs(20); // below the default of 30 s; the rest is for a busy machine

pub fn a_host_that_does_not_answer_costs_the_time_to_connect() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap();
    if cfg!(target_os = "linux") {
        // Linux leaves a SYN unanswered when the queue is full, as a firewall that drops would.
        let mut queue = Vec::new();
        while let Ok(stream) = std::net::TcpStream::connect_timeout(&addr, SOON) {
            queue.push(stream);
            assert!(queue.len() < 10_000);
        }
        let (error, took) = timed(Options { connect: SOON, ..Options::default() }, &format!("http://{addr}/"));
        assert!(took >= SOON && took < LATE, "{took:?}");
        assert_eq!(error.to_string(), format!("connect to {addr}: no answer in time"));
    }
    // TLS belongs to connecting: here TCP answers, and then nobody.
    let silent = script::play([Step::Hold]).unwrap();
    let (error, took) = timed(Options { connect: SOON, ..Options::default() }, &format!("https://{}/", silent.addr()));
    assert!(took < LATE, "{took:?}");
    assert!(error.to_string().starts_with("TLS handshake with 127.0.0.1: "), "{error}");
}

#[test]
fn a_limit_without_end_is_none() {
    let lab = lab::start(lab::Options::default()).unwrap();
    let (connect, read, total) = (Duration::MAX, Some(Duration::MAX), Duration::MAX);
    let session = Session::with(Options { connect, read, total, body: u64::MAX, ..Options::default() });
    assert!(session.get(&lab.url("/get")).send().unwrap().text().is_ok());
    assert!(session.get(&lab.url("/get")).timeout(Duration::MAX).send().unwrap().text().is_ok());
}

#[test]
fn a_silent_server_costs_one_read() {
    let silent = script::play([Step::Hold]).unwrap();
    let (error, took) = timed(Options { read: Some(SOON), ..Options::default() }, &from(&silent));
    assert!(took >= SOON && took < LATE, "{took:?}");
    assert!(error.to_string().contains("limit: per read"), "{error}");
}

pub fn a_drip_defeats_the_limit_for_a_read_and_not_the_total() {
    let body = [Step::say("HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\n"), Step::Drip(vec![b'x'; 999], SOON / 10)];
    let head = [Step::Drip(b"HTTP/1.1 200 OK\r\nX: ".repeat(99), SOON / 10)];
    // No pause between two bytes may look like a silence, also where this machine has other things to do.
    let (read, total) = (SOON * 12, SOON * 15);
    support::at_once([peer(body), peer(head)], |drip| {
        let (error, took) = timed(Options { read: Some(read), total, ..Options::default() }, &from(&drip));
        assert!(took > read && took < LATE, "{took:?}");
        assert!(error.to_string().contains("limit: total"), "{error}");
    });
}

pub fn one_request_may_have_another_time() {
    let silent = script::play([Step::Hold]).unwrap();
    let start = Instant::now();
    let error = cause(Session::new().get(&from(&silent)).timeout(SOON).send());
    assert!(matches!(error, Error::Timeout(_)) && start.elapsed() < LATE, "{error:?}");
    let none = cause(Session::new().get(&from(&silent)).timeout(Duration::ZERO).send());
    assert!(matches!(none, Error::Timeout(_)));
}

// --- again

#[test]
fn the_third_attempt_succeeds_after_exactly_these_pauses() {
    let lab = lab::start(lab::Options::default()).unwrap();
    let (mut session, pauses) = patient();
    let policy = Policy { total: 5, backoff_factor: 1.0, statuses: vec![500, 503], ..Policy::default() };
    session.mount("http://", policy);
    let mut response = session.get(&lab.url("/flaky?fail=2")).send().unwrap();
    assert_eq!(response.status(), 200);
    assert!(!response.text().unwrap().is_empty());
    assert_eq!(*pauses.lock().unwrap(), [Duration::from_secs(2)], "the first retry comes at once");
    let url = lab.url("/flaky?fail=2").replace("127.0.0.1", "host");
    assert_eq!(
        story(response.history()),
        [
            format!("GET {url} -> 503, again after 0 s"),
            format!("GET {url} -> 503, again after 2 s"),
            format!("GET {url} -> 200")
        ]
    );
    assert!(lab.requests().iter().all(|request| request.connection == 0), "a short body is read, the connection kept");
}

#[test]
fn what_stays_bad_is_an_answer_with_its_history() {
    let site = site(None, |_| answer("502 Bad", "", "no"));
    let (mut session, pauses) = patient();
    session.mount("http://", Policy { total: 3, backoff_factor: 0.5, statuses: vec![502], ..Policy::default() });
    let mut response = session.get(&site.url("/")).send().unwrap();
    assert_eq!((response.status().as_u16(), response.text().unwrap().as_str()), (502, "no"));
    assert_eq!(response.history().len(), 4);
    assert_eq!(*pauses.lock().unwrap(), [Duration::from_secs(1), Duration::from_secs(2)]);
}

#[test]
fn without_a_policy_nothing_is_tried_again() {
    let site = site(None, |_| answer("503 Later", "Retry-After: 0\r\n", ""));
    assert_eq!(Session::new().get(&site.url("/")).send().unwrap().history().len(), 1);
}

#[test]
fn who_may_be_asked_twice() {
    let site = site(None, |asked| if asked.head.target == "/mute" { Vec::new() } else { answer("503 Later", "", "") });
    let (mut session, _) = patient();
    session.mount("http://", Policy { total: 2, statuses: vec![503], ..Policy::default() });
    for (method, times) in
        [("GET", 3), ("HEAD", 3), ("PUT", 3), ("DELETE", 3), ("OPTIONS", 3), ("POST", 1), ("PATCH", 1)]
    {
        let before = site.lines().len();
        session.request(method, &site.url("/")).send().unwrap();
        assert_eq!(site.lines().len() - before, times, "{method}");
    }
    // A connection that dies on the way: the server may have done it.
    let failed = |method: &str| {
        let (mut session, _) = patient(); // without a kept connection
        session.mount("http://", Policy { total: 2, ..Policy::default() });
        session.request(method, &site.url("/mute")).body("x").send().unwrap_err()
    };
    assert_eq!((failed("PUT").history.len(), failed("POST").history.len()), (3, 1));
    assert_eq!(failed("PUT").to_string(), format!("{} (attempt 3 of 3)", failed("PUT").cause));
    // Nobody there: nothing was done, whatever the method.
    let gone = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let failure = session.post(&format!("http://{gone}/")).send().unwrap_err();
    assert_eq!(failure.history.len(), 3);
    assert!(failure.cause.is_transient());
    assert_eq!(failure.cause.kind(), std::io::ErrorKind::ConnectionRefused);
    // Who knows what he does may allow it.
    session
        .mount("http://", Policy { total: 1, statuses: vec![503], allowed_methods: vec!["POST"], ..Policy::default() });
    assert_eq!(session.post(&site.url("/")).send().unwrap().history().len(), 2);
    assert_eq!(session.get(&site.url("/")).send().unwrap().history().len(), 1);
}

#[test]
fn the_longest_prefix_wins() {
    let site = site(None, |_| answer("503 Later", "", ""));
    let (mut session, _) = patient();
    let times = |total| Policy { total, statuses: vec![503], ..Policy::default() };
    session.mount("http://", times(1));
    session.mount(&site.url("/api/"), times(3));
    session.mount(&site.url("/api/never"), times(0));
    session.mount("https://", times(9));
    session.mount(&site.url("/upper/").to_uppercase(), times(4));
    assert_eq!(session.get(&site.url("/upper/x")).send().unwrap().history().len(), 5, "as in Python's requests");
    let tried = |path: &str| session.get(&site.url(path)).send().unwrap().history().len();
    assert_eq!((tried("/"), tried("/api/x"), tried("/api/never/x")), (2, 4, 1));
    session.mount("http://", times(2));
    assert_eq!(session.get(&site.url("/")).send().unwrap().history().len(), 3, "mounted anew");
}

/// The pause that one 429 with this Retry-After makes.
fn told(value: &str, policy: Policy) -> Option<Duration> {
    let value = value.to_owned();
    let site = site(None, move |asked| match asked.connection + usize::from(asked.head.target != "/") {
        0 => answer("429 Slow", &format!("Retry-After: {value}\r\n"), ""),
        _ => ok(""),
    });
    let (mut session, pauses) = patient();
    session.mount("http://", Policy { total: 1, backoff_factor: 1.0, ..policy });
    let response = session.get(&site.url("/")).timeout(Duration::from_secs(600)).send().unwrap();
    let pause = pauses.lock().unwrap().first().copied();
    (response.history().len() == 2).then(|| pause.unwrap_or_default())
}

pub fn retry_after_in_seconds_and_as_a_date() {
    let seconds = Duration::from_secs;
    let plain = Policy::default;
    assert_eq!(told("7", plain()), Some(seconds(7)));
    assert_eq!(told("0", plain()), Some(seconds(0)));
    assert_eq!(told("120", plain()), Some(seconds(60)), "nobody makes us wait longer");
    assert_eq!(told("99999999999999999999999", plain()), Some(seconds(60)));
    assert_eq!(told("120", Policy { retry_after_max: 100.0, ..plain() }), Some(seconds(100)));
    let date = http_date(SystemTime::now() + seconds(40));
    let pause = told(&date, plain()).unwrap();
    assert!(pause > seconds(5) && pause <= seconds(40), "{pause:?}");
    assert_eq!(told("Sun Nov  6 08:49:37 1994", plain()), Some(seconds(0)), "that was long ago");
    assert_eq!(told("Fri, 31 Dec 9999 23:59:59 GMT", plain()), Some(seconds(60)));
    // 429 alone is no reason, and nonsense is no Retry-After.
    for nonsense in ["-5", "+5", "soon", "1.5", "", "Fri, 99 Dec 9999 23:59:59 GMT", "Fri, 31 Dec 99999 23:59:59 GMT"] {
        assert_eq!(told(nonsense, plain()), None, "{nonsense:?}");
        assert!(told(nonsense, Policy { statuses: vec![429], ..plain() }).is_some());
    }
    assert_eq!(told("7", Policy { respect_retry_after: false, ..plain() }), None);
}

#[test]
fn a_pause_that_does_not_fit_is_not_begun() {
    let site = site(None, |_| answer("503 Later", "Retry-After: 50\r\n", ""));
    let (mut session, pauses) = patient();
    session.mount("http://", Policy { total: 10, ..Policy::default() });
    let response = session.get(&site.url("/")).send().unwrap(); // 30 s in all
    assert_eq!((response.status().as_u16(), response.history().len()), (503, 1));
    assert!(pauses.lock().unwrap().is_empty());
}

#[test]
fn a_kept_connection_that_died_is_replaced_once() {
    // Every connection serves one request, waits for the next and closes without a word.
    let served = Mutex::new(BTreeMap::new());
    let site = site(None, move |asked| {
        let mut served = served.lock().unwrap();
        let count: &mut u32 = served.entry(asked.connection).or_default();
        *count += 1;
        if *count > 1 { Vec::new() } else { ok("Hello") }
    });
    let session = Session::new();
    let get = |method: &str| session.request(method, &site.url("/")).send();
    get("GET").unwrap().text().unwrap();
    let mut second = get("GET").unwrap();
    assert_eq!(second.text().unwrap(), "Hello");
    assert!(matches!(second.history(), [first, _] if first.next == Some(Next::Replay)), "{:?}", second.history());
    assert_eq!(site.asked().iter().map(|asked| asked.connection).collect::<Vec<_>>(), [0, 0, 1]);
    // The connection of the second is kept now. What must not be done twice is not.
    let failure = get("POST").unwrap_err();
    assert!(failure.cause.is_transient(), "{failure:?}");
    assert_eq!((failure.history.len(), site.lines().len()), (1, 4));
    // A new connection that dies without a word is no stale one.
    let mute = script::play([Step::HearLine]).unwrap();
    assert_eq!(session.get(&from(&mute)).send().unwrap_err().history.len(), 1);
}

#[test]
fn a_connection_with_more_than_the_answer_is_not_used_again() {
    for tls in [None, secure(Certificate::Good)] {
        let site = site(tls, |asked| match asked.connection {
            0 => [ok("Hello"), ok("poison")].concat(),
            _ => ok("right"),
        });
        let session = trusting();
        assert_eq!(session.get(&site.url("/1")).send().unwrap().text().unwrap(), "Hello");
        assert_eq!(session.get(&site.url("/2")).send().unwrap().text().unwrap(), "right");
    }
}

#[test]
fn connections_are_kept_over_tls_too() {
    let site = site(secure(Certificate::Good), |_| ok("Hello"));
    let session = trusting();
    for _ in 0..3 {
        assert_eq!(session.get(&site.url("/")).send().unwrap().text().unwrap(), "Hello");
    }
    assert!(site.asked().iter().all(|asked| asked.connection == 0));
}

// --- redirects

#[test]
fn what_a_redirect_makes_of_a_method() {
    let site = site(None, |asked| match asked.head.target.strip_prefix("/go/") {
        Some(status) => to(status.parse().unwrap(), "/there?x=1#part"),
        None => ok(""),
    });
    let session = Session::new();
    for (status, method, after) in [
        (301, "POST", "GET /there?x=1"),
        (302, "POST", "GET /there?x=1"),
        (303, "POST", "GET /there?x=1"),
        (307, "POST", "POST /there?x=1 body"),
        (308, "POST", "POST /there?x=1 body"),
        (301, "PUT", "PUT /there?x=1 body"),
        (303, "PUT", "GET /there?x=1"),
        (303, "HEAD", "HEAD /there?x=1"),
        (302, "GET", "GET /there?x=1"),
        (308, "DELETE", "DELETE /there?x=1"),
    ] {
        let mut request = session.request(method, &site.url(&format!("/go/{status}")));
        if matches!(method, "POST" | "PUT") {
            request = request.header("Content-Type", "text/plain").body("body");
        }
        let response = request.send().unwrap();
        assert_eq!(response.url().target(), "/there?x=1");
        assert!(matches!(&response.history()[0].next, Some(Next::Redirect(place)) if place.ends_with("/there?x=1")));
        assert_eq!(site.lines().last().unwrap(), after, "{status} {method}");
        let has_kind = site.asked().last().unwrap().field("content-type").is_some();
        assert_eq!(has_kind, after.ends_with("body"), "{status} {method}");
    }
    let none = Session::with(Options { redirects: 0, ..Options::default() });
    assert_eq!(none.get(&site.url("/go/302")).send().unwrap().status(), 302);
}

pub fn redirects_that_lead_astray() {
    let lab = lab::start(lab::Options::default()).unwrap();
    let session = Session::new();
    assert_eq!(session.get(&lab.url("/redirect/10")).send().unwrap().history().len(), 11);
    let failure = session.get(&lab.url("/redirect/11")).send().unwrap_err();
    assert_eq!(
        (failure.to_string(), failure.history.len()),
        ("10 redirects, and one more to come (attempt 11 of 11)".into(), 11)
    );
    assert!(matches!(cause(session.get(&lab.url("/wrong/loop")).send()), Error::Protocol(_)));
    let before = lab.requests().len();
    assert!(matches!(cause(session.get(&lab.url("/wrong/to-file")).send()), Error::Protocol(_)));
    assert_eq!(lab.requests().len(), before + 1, "the file was not asked of the server either");
    for place in [
        "file:///etc/passwd",
        "ftp://127.0.0.1/",
        "http://user:pw@127.0.0.1/",
        "http://1.2.3.256/",
        "http://xn--a/",
        "http://[",
        "//",
        "/%zz",
    ] {
        let site = site(None, move |_| to(302, place));
        let failure = session.get(&site.url("/")).send().unwrap_err();
        assert!(matches!(failure.cause, Error::Protocol(_)), "{place}: {failure:?}");
        assert_eq!((failure.history.len(), site.lines().len()), (1, 1));
    }
    for raw in [
        "HTTP/1.1 302 Found\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 302 Found\r\nLocation: /a\r\nLocation: /b\r\nContent-Length: 0\r\n\r\n",
    ] {
        let site = site(None, move |_| raw.into());
        assert!(matches!(cause(session.get(&site.url("/")).send()), Error::Protocol(_)), "{raw}");
    }
}

#[test]
fn a_body_that_nobody_reads_costs_no_time() {
    let site = site(None, |asked| match (asked.connection, asked.head.target.as_str()) {
        (0, "/go") => b"HTTP/1.1 302 Found\r\nLocation: /there\r\nContent-Length: 10\r\n\r\n".into(),
        (1, "/there") => b"HTTP/1.1 503 Later\r\nContent-Length: 10\r\n\r\nHe".into(),
        _ => ok("Hello"),
    });
    let mut session = Session::with(Options { total: Duration::from_secs(5), ..Options::default() });
    session.mount("http://", Policy { statuses: vec![503], ..Policy::default() });
    assert_eq!(session.get(&site.url("/go")).send().unwrap().text().unwrap(), "Hello");
    assert_eq!(site.lines(), ["GET /go", "GET /there", "GET /there"]);
}

#[test]
fn https_does_not_become_http_unless_asked_by_its_name() {
    let plain = site(None, |_| ok("in the open"));
    let place = plain.url("/");
    let sealed = site(secure(Certificate::Good), move |_| to(302, &place));
    let failure = trusting().get(&sealed.url("/")).send().unwrap_err();
    assert!(failure.to_string().contains("from https to http"), "{failure}");
    assert!(plain.lines().is_empty());
    let options = Options { dangerously_follow_https_to_http: true, tls: tls::trust().unwrap(), ..Options::default() };
    assert_eq!(Session::with(options).get(&sealed.url("/")).send().unwrap().text().unwrap(), "in the open");
}

#[test]
fn secrets_do_not_cross_origins_and_do_not_come_back() {
    let home = Arc::new(Mutex::new(String::new()));
    let back = Arc::clone(&home);
    let stranger = site(None, move |_| to(302, &back.lock().unwrap()));
    let away = stranger.url("/stranger");
    let site = site(None, move |asked| match asked.head.target.as_str() {
        "/away" => to(302, &away),
        "/near" => to(302, "/here"),
        _ => ok(""),
    });
    *home.lock().unwrap() = site.url("/home");
    let mut session = Session::new();
    session.set_secret_header("X-Api-Key", "k3y").unwrap();
    let send = |path: &str| {
        let request =
            session.get(&site.url(path)).basic_auth("me", "pass").secret_header("X-Token", "t").header("X-Open", "1");
        request.header("Cookie", "a=b").send().unwrap()
    };
    let carried = |asked: &Asked| {
        let names = ["authorization", "cookie", "x-api-key", "x-token", "x-open"];
        names.map(|name| asked.field(name).is_some())
    };
    send("/near");
    assert_eq!(carried(site.asked().last().unwrap()), [true; 5], "the same origin");
    send("/away");
    assert_eq!(carried(&stranger.asked()[0]), [false, false, false, false, true]);
    assert_eq!(
        carried(site.asked().last().unwrap()),
        [false, false, false, false, true],
        "what was taken does not come back"
    );
}

// --- cookies

/// What a server there hears back of the cookies that it sets at `path`, when asked for `later`.
fn cookies(session: &Session, site: &Site, path: &str, later: &str) -> String {
    session.get(&site.url(path)).send().unwrap();
    session.get(&site.url(later)).send().unwrap();
    site.asked().last().unwrap().field("cookie").unwrap_or_default().to_owned()
}

fn setting(tls: Option<Acceptor>, lines: &'static [&'static str]) -> Site {
    site(tls, move |asked| {
        let fields: String = lines.iter().map(|line| format!("Set-Cookie: {line}\r\n")).collect();
        answer("200 OK", if asked.head.target.contains("set") { &fields } else { "" }, "")
    })
}

#[test]
fn cookies_are_kept_sent_and_deleted() {
    let lab = lab::start(lab::Options::default()).unwrap();
    let session = Session::new();
    session.set_cookie(&lab.url("/"), "manual=\"42\"; Path=/").unwrap();
    session.set_cookie(&lab.url("/"), "manual=42; Path=/").unwrap();
    let mut response = session.get(&lab.url("/cookies/set?sid=31d4")).send().unwrap();
    let json: serde_json::Value = serde_json::from_str(&response.text().unwrap()).unwrap();
    assert_eq!(json["cookies"], serde_json::json!({"manual": "42", "sid": "31d4"}));
    session.get(&lab.url("/cookies/delete?sid")).send().unwrap();
    assert_eq!(session.cookies(), [("manual".to_owned(), "42".to_owned())]);
    assert!(Session::new().cookies().is_empty(), "each session has a jar of its own");
    for bad in ["name=你好", "a=b c", "a=b,c", "a b=c", "=c"] {
        assert!(session.set_cookie(&lab.url("/"), bad).is_err(), "{bad}: the jar would keep it and not send it");
    }
    for bad in ["a=b\r\nX: y", "no pair", "a=b; Secure", "a=b; Domain=example.com", "__Host-a=b; Path=/"] {
        assert!(matches!(session.set_cookie(&lab.url("/"), bad), Err(Error::Invalid(_))), "{bad}");
    }
    let error = session.set_cookie(&lab.url("/"), "sid=hunter2; Secure").unwrap_err().to_string();
    assert!(error.contains("sid") && !error.contains("hunter2"), "{error}");
    assert_eq!(session.cookies().len(), 1);
}

#[test]
fn which_cookies_come_back_over_http() {
    for (line, back) in [
        ("a=1", "a=1"),
        ("a=\"q; Path=/", ""), // a quote that does not close is not sent
        ("a=\"q\"; Path=/", "a=\"q\""),
        ("a=1; Path=/other", ""),
        ("a=1; Path=/s", "a=1"),
        ("a=1; Max-Age=0", ""),
        ("a=1; Expires=Thu, 01 Jan 1970 00:00:00 GMT", ""),
        ("a=1; Secure", ""),
        ("a=1; HttpOnly; SameSite=Lax", "a=1"),
        ("__Secure-a=1", ""),
        ("__Host-a=1; Path=/", ""),
        ("a=1; Domain=127.0.0.1", "a=1"),
        ("a=1; Secure; Path=/; Path", ""), // an attribute without a value does not undo the one before it
        ("a=1; Domain=0.0.1", ""),
        ("a=1; Domain=com", ""),
        ("a=1; Domain=1", ""),
        ("a=1; Domain=127.0.0.1.", ""),
        ("a=1; Domain=example.com", ""),
        ("a=1\tx", ""), // control characters: a tab may stand in a field, others end the answer
        ("a=1; Path=/\t", "a=1"),
        ("=1", ""),
        ("", ""),
    ] {
        let line: &'static str = Box::leak(line.to_owned().into_boxed_str());
        let lines: &'static [&'static str] = Box::leak(vec![line].into_boxed_slice());
        let site = setting(None, lines);
        assert_eq!(cookies(&Session::new(), &site, "/s/set", "/s/later"), back, "{line}");
    }
    let twice = setting(None, &["a=1; Secure", "a=2"]);
    assert_eq!(cookies(&Session::new(), &twice, "/s/set", "/s/later"), "a=2", "the first is refused, not the second");
    let secure = setting(None, &["a=1; Secure"]);
    assert_eq!(cookies(&Session::new(), &secure, "/s/%2e%2E/set", "/s/later"), "", "one folder in two spellings");
    // What is refused is refused with its cookies: not by way of an answer that can be read in two ways either.
    let two_lengths = site(None, |_| {
        let fields = "Set-Cookie: a=1; Secure\r\nContent-Length: 5\r\nTransfer-Encoding: chunked";
        format!("HTTP/1.1 200 OK\r\n{fields}\r\n\r\n5\r\nHello\r\n0\r\n\r\n").into()
    });
    let session = Session::new();
    assert!(matches!(cause(session.get(&two_lengths.url("/")).send()), Error::Protocol(_)));
    assert!(session.cookies().is_empty());
}

#[test]
fn names_that_belong_to_all_are_no_domain() {
    // Names below localhost are ours (RFC 6761 section 6.3); the jar itself is asked, so nothing is looked up.
    let session = Session::new();
    let from = "http://www.shop.example.co.uk/";
    for (line, taken) in [
        ("a=1; Domain=example.co.uk", true),
        ("b=1; Domain=.shop.example.co.uk", true),
        ("c=1; Domain=co.uk", false),
        ("d=1; Domain=uk", false),
        ("e=1; Domain=.uk", false),
        ("f=1; Domain=uk.", false),
        ("g=1; Domain=other.co.uk", false),
        ("h=1; Domain=co.uk; Domain", false),
        ("i=1; Domain=co.uk; Domain=", false),
        ("k=1; Domain=. uk", false),
        ("l=1; Domain=. example.co.uk", true),
    ] {
        assert_eq!(session.set_cookie(from, line).is_ok(), taken, "{line}");
    }
    let names: Vec<_> = session.cookies().into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["a", "b", "l"]);
    assert!(session.set_cookie("http://com.cn/", "h=1; Domain=com.cn").is_ok(), "its own host");
    assert!(session.set_cookie("http://[0:0:0:0:0:0:0:1]/", "j=1; Secure").is_err());
    assert!(!session.cookies().iter().any(|(name, _)| name == "j"), "[::1] in another spelling");
}

#[test]
fn http_cannot_replace_what_came_over_https() {
    let sealed = setting(
        secure(Certificate::Good),
        &["sid=good; Secure; Path=/", "__Host-x=1; Secure; Path=/", "open=1; Path=/"],
    );
    let plain = setting(None, &["sid=evil; Path=/", "sid=evil", "open=2; Path=/", "__Host-x=2; Path=/"]);
    let session = trusting();
    let sorted = |text: String| {
        let mut all: Vec<_> = text.split("; ").map(str::to_owned).collect();
        all.sort();
        all
    };
    assert_eq!(sorted(cookies(&session, &sealed, "/set", "/later")), ["__Host-x=1", "open=1", "sid=good"]);
    // To this machine itself the jar sends Secure cookies over http, too: what counts is which.
    assert_eq!(sorted(cookies(&session, &plain, "/set", "/later")), ["__Host-x=1", "open=2", "sid=good"]);
    // Nor delete it; two at once, because the jar has deleted both before either is looked at.
    let gone = setting(None, &["sid=; Max-Age=0; Path=/", "__Host-x=; Max-Age=0; Path=/"]);
    assert_eq!(sorted(cookies(&session, &gone, "/set", "/later")), ["__Host-x=1", "open=2", "sid=good"]);
    session.get(&sealed.url("/later")).send().unwrap();
    let back = sealed.asked().last().unwrap().field("cookie").unwrap().to_owned();
    assert_eq!(sorted(back), ["__Host-x=1", "open=2", "sid=good"]);
}

#[test]
fn a_secure_cookie_of_a_server_stays_secure() {
    let sealed = setting(secure(Certificate::Good), &["a=1; Secure; Max-Age=600", "b=2; Max-Age=600"]);
    let session = trusting();
    session.get(&sealed.url("/set")).send().unwrap();
    // What the jar knows of it decides; to this machine it would be sent over http all the same.
    let mut jar = Vec::new();
    session.agent().cookie_jar_lock().save_json(&mut jar).unwrap();
    let kept: Vec<serde_json::Value> = serde_json::from_slice(&jar).unwrap();
    let is_secure = |name: &str| {
        let cookies = kept.iter().map(|cookie| cookie["raw_cookie"].as_str().unwrap());
        cookies.filter(|text| text.starts_with(name)).map(|text| text.contains("Secure")).collect::<Vec<_>>()
    };
    assert_eq!((is_secure("a="), is_secure("b=")), (vec![true], vec![false]), "{kept:?}");
}

#[test]
fn a_jar_that_is_filled_up_stays_small() {
    let large: &'static str = Box::leak(format!("big={}", "x".repeat(5000)).into_boxed_str());
    assert_eq!(cookies(&Session::new(), &setting(None, vec![large, "a=1"].leak()), "/set", "/x"), "a=1");
    let many: Vec<&'static str> = (0..90).map(|n| &*Box::leak(format!("c{n}=1").into_boxed_str())).collect();
    let back = cookies(&Session::new(), &setting(None, many.leak()), "/set", "/x");
    assert_eq!(back.split("; ").count(), 50);
    let long: Vec<&'static str> =
        (0..20).map(|n| &*Box::leak(format!("c{n}={}", "x".repeat(1000)).into_boxed_str())).collect();
    let back = cookies(&Session::new(), &setting(None, long.leak()), "/set", "/x");
    assert_eq!(back.split("; ").count(), 8, "8190 bytes");
}

#[test]
fn a_cookie_by_hand_and_the_jar_are_one_field() {
    let site = setting(None, &["a=jar", "b=jar"]);
    let session = Session::new();
    session.get(&site.url("/set")).send().unwrap();
    session.get(&site.url("/x")).header("Cookie", "b=hand; c=hand").send().unwrap();
    let asked = site.asked();
    let fields: Vec<_> = asked.last().unwrap().head.headers.all("cookie").collect();
    assert_eq!(fields, ["b=hand; c=hand; a=jar"]);
}

// --- bodies

#[test]
fn text_comes_out_right_in_every_charset() {
    let lab = lab::start(lab::Options::default()).unwrap();
    let session = Session::new();
    for charset in ["gbk", "big5", "utf8"] {
        let text = session.get(&lab.url(&format!("/encoding/{charset}"))).send().unwrap().text().unwrap();
        assert!(text.contains("你好") && !text.contains('\u{fffd}'), "{charset}: {text}");
    }
    assert!(session.get(&lab.url("/encoding/broken")).send().unwrap().text().unwrap().contains('\u{fffd}'));
    const GBK: &[u8] = b"\xc4\xe3\xba\xc3"; // 你好
    const BIG5: &[u8] = b"\xa7A\xa6n";
    let page = [b"<html><head><meta charset=\"GBK\"><title>".as_slice(), GBK].concat();
    let old = [b"<META http-equiv=Content-Type content='text/html; charset=big5'>".as_slice(), BIG5].concat();
    for (kind, bytes, text) in [
        ("text/html; charset=gbk", GBK, "你好"),
        ("text/html; charset=\"GBK\"", GBK, "你好"),
        ("text/html;Charset=gb2312", GBK, "你好"),
        ("text/plain; format=flowed; charset=Big5", BIG5, "你好"),
        ("application/xhtml+xml; charset=gbk", GBK, "你好"),
        ("text/html", &page, "<html><head><meta charset=\"GBK\"><title>你好"),
        ("text/html", &old, "<META http-equiv=Content-Type content='text/html; charset=big5'>你好"),
        ("application/json", "你好".as_bytes(), "你好"),
        ("text/plain; charset=nobody-knows", "你好".as_bytes(), "你好"),
        ("text/plain", b"\xff", "\u{fffd}"),
        ("application/json", b"\xff", "\u{fffd}"),
    ] {
        let (bytes, fields) = (bytes.to_vec(), format!("Content-Type: {kind}\r\n"));
        let site = site(None, move |_| answer("200 OK", &fields, &bytes));
        assert_eq!(session.get(&site.url("/")).send().unwrap().text().unwrap(), text, "{kind}");
    }
}

fn read(options: Options, url: &str) -> netprimer::Result<Vec<u8>> {
    Session::with(options).get(url).send()?.bytes()
}

/// At least so many zeros in gzip, a thousandth in size: one block of deflate with the fixed codes (RFC 1951 section 3.2.6),
/// a zero and then "the last byte, 258 times more" again and again.
pub fn bomb(size: usize) -> Vec<u8> {
    let mut bits: Vec<bool> = Vec::with_capacity(size / 18);
    let mut put = |code: &str| bits.extend(code.bytes().map(|digit| digit == b'1'));
    put("1"); // the last block,
    put("10"); // with fixed codes: the number 1, its lowest bit first
    put("00110000"); // the byte 0
    (0..=size / 258).for_each(|_| put("1100010100000")); // length 258, distance 1
    put("0000000"); // the end
    let byte = |bits: &[bool]| bits.iter().rev().fold(0, |byte, bit| byte << 1 | u8::from(*bit));
    let mut bytes = b"\x1f\x8b\x08\0\0\0\0\0\0\xff".to_vec();
    bytes.extend(bits.chunks(8).map(byte));
    bytes
}

#[test]
fn a_bomb_is_bounded() {
    let small = bomb(11 << 20);
    assert!(small.len() < 100 << 10);
    let site = site(None, move |_| answer("200 OK", "Content-Encoding: gzip\r\n", &small));
    let error = read(Options::default(), &site.url("/")).unwrap_err();
    assert!(matches!(error, Error::TooLong(_, 10_485_760)), "{error:?}");
    // A redirect with a bomb for a body is followed without looking into it, and so is a retry.
    let small = bomb(40 << 20);
    let astray = self::site(None, move |asked| match asked.head.target.as_str() {
        "/" => answer("302 There", "Location: /retry\r\nContent-Encoding: gzip\r\n", &small),
        "/retry" if asked.connection < 2 => answer("503 Later", "Content-Encoding: gzip\r\n", &small),
        _ => ok("Hello"),
    });
    let mut session = Session::new();
    session.mount("http://", Policy { statuses: vec![503], ..Policy::default() });
    assert_eq!(session.get(&astray.url("/")).send().unwrap().text().unwrap(), "Hello");
    let lab = lab::start(lab::Options::default()).unwrap();
    assert!(read(Options::default(), &lab.url("/gzip")).unwrap().windows(7).any(|w| w == b"gzipped"));
    let error = read(Options { body: 10, ..Options::default() }, &lab.url("/gzip")).unwrap_err();
    assert!(matches!(error, Error::TooLong(_, 10)), "{error:?}");
    let error = read(Options::default(), &lab.url("/wrong/cut-gzip")).unwrap_err();
    assert!(matches!(error, Error::Protocol(_) | Error::Closed(_)), "{error:?}");
    let twice = self::site(None, |_| answer("200 OK", "Content-Encoding: gzip, gzip\r\n", "x"));
    assert!(matches!(read(Options::default(), &twice.url("/")).unwrap_err(), Error::Protocol(_)));
    // An endless body and a length that nobody can have.
    let endless = "HTTP/1.1 200 OK\r\nContent-Length: 9000000000000000000\r\n\r\nxx";
    let peer = peer([Step::say(endless), Step::say(vec![b'x'; 2000])]);
    let error = read(Options { body: 1000, ..Options::default() }, &from(&peer)).unwrap_err();
    assert!(matches!(error, Error::TooLong(_, 1000)), "{error:?}");
}

#[test]
fn what_may_not_be_is_an_error_by_way_of_ureq_too() {
    let head = "HTTP/1.1 200 OK\r\n";
    let chunked = format!("{head}Transfer-Encoding: chunked\r\n\r\n");
    let mut answers = Vec::new();
    for length in ["+2", "-1", "0x2", "2x", "2, 5", "2 2", "18446744073709551616", "99999999999999999999"] {
        answers.push(format!("{head}Content-Length: {length}\r\n\r\nhello"));
    }
    for chunks in
        ["0x5\r\nhello\r\n0\r\n\r\n", "-1\r\nhello", "FFFFFFFFFFFFFFFFF\r\nhello", "5\r\nhelloXX0\r\n\r\n", "g\r\n"]
    {
        answers.push(format!("{chunked}{chunks}"));
    }
    answers.extend(
        [
            "SSH-2.0-OpenSSH\r\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 5\r\n\r\nhello",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nhello",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked, identity\r\n\r\nhello",
            "HTTP/1.1 200 OK\r\nX : y\r\nContent-Length: 0\r\n\r\n",
            "HTTP/1.1 200 OK\r\nX: y\r\n z\r\nContent-Length: 0\r\n\r\n",
            "HTTP/1.1 200 OK\r\nX: a\0b\r\nContent-Length: 0\r\n\r\n",
            "HTTP/1.1 200 OK\r\nX: a\rb\r\nContent-Length: 0\r\n\r\n",
            "HTTP/1.1 200 OK\nContent-Length: 2\n\nhi",
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n",
            "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            "HTTP/1.1 302 Found\r\nLocation: /\0\r\nContent-Length: 0\r\n\r\n",
        ]
        .map(String::from),
    );
    // Without end: a line, fields, a field, the size of a chunk, what stands behind it, a field after the body.
    let endless = [
        "H".repeat(1 << 20),
        format!("{head}{}", "A: b\r\n".repeat(10_000)),
        format!("{head}X: {}", "a".repeat(1 << 20)),
        format!("{chunked}{}", "0".repeat(1 << 20)),
        format!("{chunked}5;{}", "x".repeat(1 << 20)),
        format!("{chunked}0\r\nA: {}", "b".repeat(1 << 20)),
    ];
    answers.extend(endless);
    for answer in answers {
        let shown = &answer[..answer.len().min(90)];
        let peer = peer([Step::say(&answer), Step::Hold]);
        let error = read(Options { total: LATE, ..Options::default() }, &from(&peer)).unwrap_err();
        assert!(matches!(error, Error::Protocol(_) | Error::TooLong(..)), "{shown:?} gave {error:?}");
        assert!(!error.is_transient() && !error.to_string().contains(char::is_control), "{error}");
    }
    // ureq counts no fields after the body: there the deadline alone is the limit.
    let trailers = peer([Step::say(format!("{chunked}0\r\n{}", "A: b\r\n".repeat(100_000))), Step::Hold]);
    timed(Options { total: SOON, ..Options::default() }, &from(&trailers));
}

#[test]
fn interim_answers_have_an_end() {
    let interim = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n";
    let real = "HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\nline\nline\n\r\n";
    let get = |steps: Vec<Step>| read(Options { total: LATE, ..Options::default() }, &from(&peer(steps)));
    assert_eq!(get(vec![Step::say(interim.repeat(4) + real)]).unwrap(), b"line\nline\n\r\n");
    let drip = Step::Drip((interim.to_owned() + real).into(), Duration::from_micros(100));
    assert_eq!(get(vec![drip]).unwrap(), b"line\nline\n\r\n", "byte by byte");
    for many in [interim.repeat(4) + "HTTP/1.1 102 x\r\n\r\n" + real, interim.repeat(5_000)] {
        let error = get(vec![Step::say(many), Step::Hold]).unwrap_err();
        assert!(matches!(error, Error::TooLong(_, 8)), "{error:?}");
    }
    for bare in ["HTTP/1.1 103 x\r\nLink: x\n\r\n", "HTTP/1.1 103 x\r\n\n", "\n", "\r\n"] {
        let error = get(vec![Step::say(bare.to_owned() + real), Step::Hold]).unwrap_err();
        assert!(matches!(error, Error::Protocol(_)), "{bare:?} gave {error:?}");
    }
    // Each turn has heads of its own.
    let turns = Mutex::new(0);
    let site = site(None, move |_| {
        *turns.lock().unwrap() += 1;
        let bare = if *turns.lock().unwrap() == 3 { "X: y\n" } else { "" };
        [interim.as_bytes(), &answer("200 OK", bare, "Hello")].concat()
    });
    let session = Session::new();
    let get = || session.get(&site.url("/")).send().map_err(Error::from).and_then(|mut answer| answer.text());
    assert_eq!((get().unwrap(), get().unwrap()), ("Hello".into(), "Hello".into()));
    assert!(matches!(get(), Err(Error::Protocol(_))));
}

#[test]
fn what_is_cut_is_no_answer() {
    for tls in [None, secure(Certificate::Good)] {
        let sealed = tls.is_some();
        let lab = lab::start(lab::Options { tls, ..lab::Options::default() }).unwrap();
        let session = trusting();
        let get = |name: &str| session.get(&lab.url(name)).send()?.bytes();
        for name in ["cut", "cut-chunked", "no-last-chunk"] {
            let error = get(&format!("/wrong/{name}")).unwrap_err();
            assert!(error.is_transient(), "{name} {sealed}: {error:?}");
        }
        for name in ["bad-chunk", "two-lengths", "length-and-chunked", "no-http"] {
            assert!(get(&format!("/wrong/{name}")).is_err(), "{name} {sealed}");
        }
        // Only TLS marks the end of a body that ends with the connection.
        let cut = get("/wrong/cut-close");
        assert_eq!(cut.is_err(), sealed, "{cut:?}");
        if let Err(error) = cut {
            assert!(error.to_string().contains("cut off: TLS marks its end"), "{error}");
            assert!(error.is_transient(), "as over TCP: {error:?}");
        }
        assert!(get("/close").is_ok());
    }
    // What an error leaves of a body is not the body, and a body comes once.
    let lab = lab::start(lab::Options::default()).unwrap();
    let session = Session::with(Options { body: 10, ..Options::default() });
    for (path, fits) in [("/bytes/10", true), ("/bytes/14", false)] {
        let mut response = session.get(&lab.url(path)).send().unwrap();
        assert_eq!(response.bytes().is_ok(), fits, "{path}");
        assert!(matches!(response.bytes(), Err(Error::Invalid(_))), "{path}");
    }
    // A reset in the middle of such a body is no end of it either.
    let mut steps = vec![Step::HearLine; 3]; // the rest of the request lies unread
    steps.extend([Step::say("HTTP/1.1 200 OK\r\n\r\nhalf"), Step::Slam]);
    let reset = script::play(steps).unwrap();
    let error = read(Options::default(), &from(&reset)).unwrap_err();
    assert!(error.is_transient(), "{error:?}");
}

#[test]
fn heads_have_a_limit_and_may_be_long() {
    let long = format!("X-Long: {}\r\n", "x".repeat(40_000));
    let one = site(None, move |_| answer("200 OK", &long, "Hello"));
    let session = Session::new();
    for _ in 0..2 {
        assert_eq!(session.get(&one.url("/")).send().unwrap().text().unwrap(), "Hello");
    }
    let lab = lab::start(lab::Options::default()).unwrap();
    for name in ["long-field", "many-fields"] {
        let error = cause(session.get(&lab.url(&format!("/wrong/{name}"))).send());
        assert!(!error.is_transient(), "{name}: {error:?}");
    }
}

// --- trust, and who watches

#[test]
fn a_wrong_certificate_is_refused_in_words() {
    for (certificate, words) in [
        (Certificate::Expired, "its certificate has expired"),
        (Certificate::NotYetValid, "is the clock of this machine right?"),
        (Certificate::WrongHost, "made for another"),
        (Certificate::SelfSigned, "nobody vouches for it"),
        (Certificate::UnknownAuthority, "from an authority that is not trusted here"),
        (Certificate::CommonName, "made for another"),
    ] {
        let site = site(secure(certificate), |_| ok("secret"));
        let mut session = trusting();
        session.mount("https://", Policy { total: 3, ..Policy::default() });
        let failure = session.get(&site.url("/")).send().unwrap_err();
        let text = failure.to_string();
        assert!(text.starts_with("TLS handshake with 127.0.0.1: ") && text.contains(words), "{certificate:?}: {text}");
        assert_eq!(failure.history.len(), 1, "trying again makes it no better");
        assert!(failure.source().and_then(|cause| cause.source()).is_some(), "the cause of TLS stays reachable");
        let dial = Dial { tls: Some(tls::trust().unwrap()), ..Dial::default() };
        let mut by_hand = http::Client::with(http::Options { dial, ..http::Options::default() });
        assert_eq!(by_hand.get(&site.url("/")).unwrap_err().to_string(), text, "by hand the same words");
    }
    let good = site(secure(Certificate::Good), |_| ok("Hello"));
    assert_eq!(trusting().get(&good.url("/")).send().unwrap().text().unwrap(), "Hello");
    let error = cause(Session::new().get(&good.url("/")).send());
    assert!(error.to_string().contains("not trusted here"), "the lab's authority is not the system's: {error}");
}

#[test]
fn the_trace_shows_the_conversation_and_no_secret() {
    for tls in [None, secure(Certificate::Good)] {
        let site = site(tls, |_| answer("200 OK", "Set-Cookie: sid=31d4\r\n", "Hello"));
        let wire = Transcript::new();
        let trace = Some(Arc::new(wire.clone()) as _);
        let session = Session::with(Options { trace, tls: tls::trust().unwrap(), ..Options::default() });
        let send = || {
            let request =
                session.post(&site.url("/x?q=1")).basic_auth("me", "passw0rd").secret_header("X-Api-Key", "k3y");
            request.body("the body").send().unwrap().text().unwrap()
        };
        assert_eq!((send(), send()), ("Hello".into(), "Hello".into()));
        let sent = String::from_utf8(wire.sent_by(Side::Client)).unwrap();
        assert!(sent.starts_with("POST /x?q=1 HTTP/1.1\r\n") && sent.contains("the body"), "{sent}");
        assert!(String::from_utf8(wire.sent_by(Side::Server)).unwrap().starts_with("HTTP/1.1 200 OK\r\n"));
        let shown = wire.to_string();
        assert!(shown.contains("C: ***"), "{shown}");
        for secret in ["passw0rd", "bWU6cGFzc3cwcmQ=", "k3y", "sid=31d4\r\nx"] {
            assert!(!sent.contains(secret), "{secret}: {shown}");
        }
        assert!(!sent.contains("31d4"), "a cookie is a secret, too: {sent}");
        let asked = site.asked();
        assert_eq!(asked[0].field("x-api-key"), Some("k3y"));
        assert_eq!(asked[1].field("cookie"), Some("sid=31d4"));
        assert_eq!(asked[1].field("authorization"), Some("Basic bWU6cGFzc3cwcmQ="));
    }
}

#[test]
fn a_request_shows_no_secret() {
    let session = Session::new();
    let request = session.post("http://h/").basic_auth("me", "hunter2").secret_header("X-Key", "hunter3");
    let shown = format!("{:?}", request.form(&[("password", "A")]));
    assert!(!shown.contains("hunter") && !shown.contains("61, 65"), "{shown}");
    for url in ["http://me:hunter2@h/a@b", "ftp://me:hunter2@h/a@b", "me:hunter2@h/a@b"] {
        let by_hand = netprimer::http::Request::new(netprimer::http::Method::Get, url);
        let shown = format!("{:?} {by_hand:?} {}", session.get(url), session.get(url).send().unwrap_err());
        assert!(!shown.contains("hunter") && shown.matches("h/a@b").count() == 3, "{shown}");
    }
}

#[test]
fn many_threads_share_a_session() {
    let site = site(None, |asked| ok(&asked.head.target));
    let session = Session::new();
    std::thread::scope(|scope| {
        for thread in 0..8 {
            let (session, site) = (&session, &site);
            scope.spawn(move || {
                for n in 0..20 {
                    let path = format!("/{thread}/{n}");
                    assert_eq!(session.get(&site.url(&path)).send().unwrap().text().unwrap(), path);
                }
            });
        }
    });
    let connections = site.asked().iter().map(|asked| asked.connection).max().unwrap() + 1;
    assert!(connections <= 8, "{connections}");
}

#[test]
fn memory_is_bounded_whatever_comes() {
    const BODY: u64 = 1 << 20;
    const MORE: u64 = 8 << 10; // KiB: the bodies, twice while they grow, and room for threads
    if let Some(urls) = programs::told() {
        let session = Session::with(Options { body: BODY, total: LATE, ..Options::default() });
        let options = || http::Options { body: BODY, ..http::Options::default() };
        let (good, bad) = urls.split_once(' ').unwrap();
        assert_eq!(session.get(good).send().unwrap().bytes().unwrap(), b"Hello");
        assert_eq!(http::get(good).unwrap().bytes().unwrap(), b"Hello");
        let before = support::most_memory();
        for url in bad.split(' ') {
            let by_hand = http::Client::with(options()).send_last(&http::Request::new(http::Method::Get, url));
            let by_hand = by_hand.and_then(|response| response.text());
            assert!(by_hand.is_err(), "{url}");
            assert!(
                session.get(url).send().map_err(Error::from).and_then(|mut answer| answer.bytes()).is_err(),
                "{url}"
            );
        }
        let grown = support::most_memory() - before;
        assert!(grown <= MORE, "{grown} KiB more");
        return;
    }
    if !cfg!(target_os = "linux") {
        return;
    }
    let head = "HTTP/1.1 200 OK\r\n";
    let bomb = bomb(40 << 20);
    let flood = "x".repeat(12 << 20);
    let answers: [Vec<u8>; 8] = [
        format!("{head}\r\n{flood}").into(),
        format!("{head}Content-Length: 9000000000000000000\r\n\r\n{flood}").into(),
        format!("{head}Transfer-Encoding: chunked\r\n\r\nFFFFFFFFFFFFFFF\r\n{flood}").into(),
        format!("{head}Transfer-Encoding: chunked\r\n\r\n1;{flood}").into(),
        format!("{head}X: {flood}").into(),
        format!("{head}{}", "A: b\r\n".repeat(2_000_000)).into(),
        "HTTP/1.1 100 Continue\r\n\r\n".repeat(500_000).into(),
        answer("200 OK", "Content-Encoding: gzip\r\n", &bomb),
    ];
    let good = site(None, |_| ok("Hello"));
    let bad: Vec<Script> = answers.into_iter().map(|answer| peer([Step::say(answer)])).collect();
    let urls: Vec<String> = [good.url("/")].into_iter().chain(bad.iter().map(from)).collect();
    programs::again("memory_is_bounded_whatever_comes", &urls.join(" "), |program| process::Command::new(program));
}

/// In a copy of this program, because its environment names a proxy.
#[test]
fn a_proxy_of_the_environment_is_not_asked() {
    if let Some(url) = programs::told() {
        assert_eq!(Session::new().get(&url).send().unwrap().text().unwrap(), "direct");
        assert_eq!(http::get(&url).unwrap().text().unwrap(), "direct");
        return;
    }
    let proxy = TcpListener::bind("127.0.0.1:0").unwrap();
    proxy.set_nonblocking(true).unwrap();
    let address = format!("http://{}", proxy.local_addr().unwrap());
    let site = site(None, |_| ok("direct"));
    programs::again("a_proxy_of_the_environment_is_not_asked", &site.url("/"), |program| {
        let mut command = process::Command::new(program);
        let names = ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"];
        command.envs(names.map(|name| (name, &address))).env_remove("NO_PROXY").env_remove("no_proxy");
        command
    });
    assert_eq!(site.lines(), ["GET /", "GET /"], "by ureq and by hand");
    assert!(proxy.accept().is_err(), "nobody asked the proxy");
}

// --- the pure parts

#[test]
fn dates_of_http_and_what_looks_like_them() {
    let seconds = |text| parse_http_date(text).map(|at| at.duration_since(UNIX_EPOCH).unwrap().as_secs());
    assert_eq!(seconds("Thu, 01 Jan 1970 00:00:00 GMT"), Some(0));
    assert_eq!(seconds("Thu, 29 Feb 2024 23:59:60 GMT"), Some(1_709_251_200)); // a leap second
    assert_eq!(seconds("Fri, 31 Dec 9999 23:59:59 GMT"), Some(253_402_300_799));
    assert_eq!(seconds("Sunday, 06-Nov-94 08:49:37 GMT"), Some(784_111_777));
    for days in (0..200_000).step_by(97) {
        let at = UNIX_EPOCH + Duration::from_secs(days * 86_400 + days % 86_400);
        assert_eq!(parse_http_date(&http_date(at)), Some(at));
    }
    // Whatever stands in a date, it is one or none.
    let date = b"Sun, 06 Nov 1994 08:49:37 GMT";
    for (at, byte) in (0..date.len()).flat_map(|at| (0..=255).map(move |byte| (at, byte))) {
        let mut text = date.to_vec();
        text[at] = byte;
        parse_http_date(&String::from_utf8_lossy(&text)).map(http_date);
    }
    for wrong in [
        "",
        " ",
        "Sun",
        "Sun, 06 Nov 1994 08:49:37",
        "Sun, 06 Nov 1994 08:49:37 UTC",
        "Sun, 29 Feb 2023 00:00:00 GMT",
        "Sun, 00 Nov 1994 08:49:37 GMT",
        "Sun, 06 Nov 1994 24:00:00 GMT",
        "Sun, 06 Nov 1994 08:60:37 GMT",
        "Sun, 06 Nov 1994 8:49:37 GMT",
        "Sun, 06 Nov 1994 08:49 GMT",
        "Sun, 06 nov 1994 08:49:37 GMT",
        "Sun, 06 Nov 1969 08:49:37 GMT",
        "Sun, 06 Nov 10000 08:49:37 GMT",
        "Sun, 06 Nov 99999999999999999999999 08:49:37 GMT",
        "Sun, +6 Nov 1994 08:49:37 GMT",
        "Sun, 06 Nov 1994 08:49:37 GMT GMT",
        "Sun, 你好 Nov 1994 08:49:37 GMT",
    ] {
        assert_eq!(parse_http_date(wrong), None, "{wrong}");
    }
}

#[test]
fn an_error_says_what_was_tried_and_converts() {
    let gone = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let failure: Failure = Session::new().get(&format!("http://{gone}/")).send().unwrap_err();
    assert_eq!(failure.history.len(), 1);
    assert!(failure.to_string().starts_with(&format!("connect to {gone}: ")), "{failure}");
    let cause: Error = failure.into();
    assert!(cause.is_transient());
}
