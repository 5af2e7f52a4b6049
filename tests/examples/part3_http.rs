//! Lesson 3.1 as a learner meets it: the program with its options, against the lab, against servers that lie or are
//! silent.

use crate::{PROGRAMS, support};
use netprimer::lab::http::{self, Lab};
use netprimer::lab::script::{self, Script, Step};
use netprimer::lab::tls::{Acceptor, Certificate};
use std::process::Stdio;
use std::thread;
use std::time::{Duration, Instant};
use support::LIMIT;
use support::programs::{Left, Running, close, first_line};
use support::sockets::{closed_port, has_ipv6};

fn http<S: AsRef<std::ffi::OsStr>>(args: impl IntoIterator<Item = S>) -> Left {
    PROGRAMS.run("03_1_http_by_hand", args, b"")
}

fn lab() -> Lab {
    http::start(http::Options::default()).unwrap()
}

/// What it prints when all goes well.
fn printed(args: &[&str]) -> String {
    let left = http(args);
    assert_eq!((left.status, left.err.as_str()), (0, ""), "{args:?}");
    String::from_utf8(left.out).unwrap()
}

/// Plays an answer to one GET, and the address where.
fn answers(bytes: impl AsRef<[u8]>) -> (Script, String) {
    let head = std::iter::repeat_n(Step::HearLine, 6); // request line, four fields, the empty line
    let peer = script::play(head.chain([Step::say(bytes), Step::Finish, Step::HearEnd])).unwrap();
    let url = format!("http://{}/", peer.addr());
    (peer, url)
}

/// Nothing that a terminal would obey.
pub fn is_harmless(text: &str) {
    let bad = text.chars().find(|c| c.is_control() && !"\n\t".contains(*c));
    assert_eq!(bad, None, "{text:?}");
}

#[test]
fn without_arguments_it_goes_through_all_at_servers_of_its_own() {
    let out = printed(&[]);
    let port = out.strip_prefix("lab: HTTP server on 127.0.0.1:").expect(&out).lines().next().unwrap();
    assert!(port.parse::<u16>().unwrap() > 0);
    let ends: Vec<&str> = out.lines().filter_map(|line| line.split_once(" bytes, ")).map(|(_, end)| end).collect();
    let (length, chunks) = ("ended by Content-Length; connection kept", "ended by the last chunk; connection kept");
    let (none, close) = ("no body follows; connection kept", "ended by the close; connection closed");
    assert_eq!(ends, [length, length, length, length, none, chunks, close, length, length], "{out}");
    for part in [
        "\n<p>你好，世界</p>\n",
        "\n    \"key\": \"value\"\n",
        "/get?name=%E4%BD%A0%E5%A5%BD&sum=1+%2B+1 -> 200 OK\n",
        "\n  redirects followed: 2\n",
        "\nthe server counted 10 requests on 2 connections\nhttps://127.0.0.1:",
    ] {
        assert!(out.contains(part), "{part:?} in {out}");
    }
    assert!(out.ends_with("\nrefused: TLS handshake with 127.0.0.1: its certificate has expired\n"), "{out}");
}

#[test]
fn a_url_is_asked_and_nobody_else() {
    let lab = lab();
    let url = lab.url("/get?a=1");
    let out = printed(&[&url]);
    assert!(out.starts_with(&format!("{url} -> 200 OK\n")) && out.contains("\"a\": \"1\""), "{out}");

    let out = printed(&[&lab.url("/post"), "--data", "key=value", "--data", "name=你好 & co", "--data=empty="]);
    assert!(out.contains("\"name\": \"你好 & co\"") && out.contains("\"key\": \"value\""), "{out}");
    let sent = lab.requests();
    let line = |n: usize| (sent[n].head.method.as_str(), sent[n].head.target.as_str());
    assert_eq!((sent.len(), line(0), line(1)), (2, ("GET", "/get?a=1"), ("POST", "/post")));
    assert_eq!(sent[1].body, b"key=value&name=%E4%BD%A0%E5%A5%BD+%26+co&empty=");

    // A status is an answer; a redirect after a POST is followed with GET.
    let out = printed(&[&lab.url("/status/404")]);
    assert!(out.contains("/status/404 -> 404 Not Found\n"), "{out}");
    let out = printed(&[&lab.url("/redirect-to?url=/get"), "--data", "key=value"]);
    assert!(out.contains("/get -> 200 OK\n  redirects followed: 1\n"), "{out}");
    assert_eq!(lab.requests().last().unwrap().head.method, "GET");
}

#[test]
fn a_page_of_its_own_server() {
    let out = printed(&["--page", "/chunked"]);
    assert!(out.starts_with("lab: HTTP server on 127.0.0.1:"), "{out}");
    assert!(out.ends_with("  24 bytes, ended by the last chunk; connection kept\n你好, in three chunks\n"), "{out}");
    let out = printed(&["--data", "key=value"]);
    assert!(
        out.contains("/post -> 200 OK\n") && out.contains("\"key\": \"value\"") && !out.contains("/chunked"),
        "{out}"
    );
}

#[test]
fn an_address_of_ipv6() {
    if !has_ipv6("lesson 3.1 over IPv6") {
        return;
    }
    let listener = std::net::TcpListener::bind("[::1]:0").unwrap();
    let addr = listener.local_addr().unwrap();
    let program = Running::start(PROGRAMS.command("03_1_http_by_hand").arg(format!("http://{addr}/x")));
    let mut asked = support::sockets::limited(listener.accept().unwrap().0);
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        support::uninterrupted(|| std::io::Read::read_exact(&mut asked, &mut byte)).unwrap();
        head.push(byte[0]);
    }
    let host = format!("GET /x HTTP/1.1\r\nHost: {addr}\r\n");
    assert!(head.starts_with(host.as_bytes()), "{}", head.escape_ascii());
    std::io::Write::write_all(&mut asked, b"HTTP/1.1 204 No Content\r\n\r\n").unwrap();
    let left = program.end();
    assert_eq!(left.status, 0, "{}", left.err);
    assert!(left.text().ends_with("0 bytes, no body follows; connection kept\n"), "{}", left.text());
}

#[test]
fn the_wire_is_told_on_stderr() {
    let lab = lab();
    let left = http(["--wire", &lab.url("/status/201"), "--data", "key=value"]);
    assert_eq!(left.status, 0, "{}", left.err);
    assert_eq!(
        left.out,
        format!("{} -> 201 Created\n  0 bytes, ended by Content-Length; connection kept\n", lab.url("/status/201"))
            .as_bytes()
    );
    assert!(left.err.starts_with("C: POST /status/201 HTTP/1.1\\r\\n\nC: Host: "), "{}", left.err);
    assert!(left.err.contains("\nC: key=value\nS: HTTP/1.1 201 Created\\r\\n\n"), "{}", left.err);
    assert!(left.err.lines().all(|line| line.len() <= 76), "{}", left.err);

    let begin = Instant::now();
    let left = http(["--slow=0.1", &lab.url("/status/201")]);
    assert!(left.status == 0 && left.err.starts_with("C: GET ") && begin.elapsed() >= Duration::from_millis(200));
}

#[test]
fn wrong_arguments_are_status_2() {
    for (args, says) in [
        (&["ftp://127.0.0.1/"][..], "only http:// and https://"),
        (&["127.0.0.1:8080"], "begins with http://"),
        (&[""], "begins with http://"),
        (&["http://127.0.0.1:99999/"], "a port is a number from 0 to 65535"),
        (&["http://me:secret@127.0.0.1/"], "do not belong into an address"),
        (&["http://127.0.0.1/a b"], "%20 for a space"),
        (&["http://127.0.0.1/\r\nX-Evil: 1"], "control character"),
        (&["http://127.0.0.1/\u{1b}[2J"], "control character"),
        (&["--page", "get"], "a page begins with /"),
        (&["--page", "/a b"], "%20 for a space"),
        (&["--page", "/get", "http://127.0.0.1/"], "cannot be used with"),
        (&["--data", "novalue", "--page", "/post"], "NAME=VALUE"),
        (&["--data"], "value is required"),
        (&["--data", "a=b", "c=d"], "begins with http://"), // a URL with a `=` inside is no field of the form
        (&["--timeout=soon"], "not a number of seconds"),
        (&["--timeout=-1"], "a number of seconds"),
        (&["--nonsense"], "unexpected argument"),
        (&["http://127.0.0.1/", "http://127.0.0.1/"], "unexpected argument"),
    ] {
        let left = http(args);
        left.is_error(2, says);
    }
    let left = http(["--help"]);
    let help = left.text();
    assert!(left.status == 0 && left.err.is_empty() && help.contains("[URL]") && help.contains("--data"), "{help}");
}

pub fn who_is_not_there_or_silent_is_an_error_in_time() {
    let (addr, _held) = closed_port();
    http([format!("http://{addr}/")]).is_error(1, &format!("connect to {addr}: "));

    let lab = lab();
    let drip = lab.url("/drip?duration=8&delay=0"); // each byte comes in time, all of them do not
    thread::scope(|scope| {
        for (url, says) in [(lab.url("/silent"), "read the answer of 127.0.0.1"), (drip, "read the body: ")] {
            scope.spawn(move || {
                let begin = Instant::now();
                http(["--timeout", "1", &url]).is_error(1, says);
                assert!(begin.elapsed() >= Duration::from_secs(1) && begin.elapsed() < LIMIT, "{:?}", begin.elapsed());
            });
        }
    });
    http(["--timeout", "0", &lab.url("/get")]).is_error(2, "a number of seconds above 0");
}

#[test]
fn what_is_wrong_with_an_answer_is_said() {
    let lab = lab();
    for (page, says) in [
        ("/wrong/cut", "read the body, 500 bytes before its end"),
        ("/wrong/cut-chunked", "before its last chunk"),
        ("/wrong/no-last-chunk", "before its last chunk"),
        ("/wrong/two-lengths", "Content-Length is no single number"),
        ("/wrong/bad-chunk", "no size of a chunk"),
        ("/wrong/bare-lf", "LF"),
        ("/wrong/many-fields", "100"),
        ("/wrong/long-field", "longer than the limit of"),
        ("/wrong/many-interim", "8"),
        ("/wrong/hang-up", "closed"),
        ("/wrong/loop", "in a circle"),
        ("/wrong/to-file", "only http:// and https://"),
        ("/redirect/11", "follow redirects"),
        ("/encoding/gbk", "no UTF-8"),
        ("/encoding/broken", "no UTF-8"),
    ] {
        http([lab.url(page)]).is_error(1, says);
    }
}

#[test]
fn a_stranger_does_not_command_the_terminal() {
    let evil = "\u{1b}]0;x\u{7}\u{9b}2J\u{8}\r";
    let body = format!("{evil}\nerror: \u{0}\n你好\n");
    let (_peer, url) = answers(format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len()));
    let out = printed(&[&url]);
    is_harmless(&out);
    assert!(out.ends_with("\\u{1b}]0;x\\u{7}\\u{9b}2J\\u{8}\\r\nerror: \\u{0}\n你好\n"), "{out}");

    for head in [
        "HTTP/1.1 200 \x1b[2J\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nX-\x1b[2J: y\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nX: \x1b[2J\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 302 Found\r\nLocation: http://\x1b[2J/\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: \x07\r\n\r\n",
        "\x1b[2J\r\n\r\n",
    ] {
        let (_peer, url) = answers(head);
        let left = http([&url]);
        left.is_error(1, "");
        is_harmless(&left.text());
    }
    // Beyond ASCII a reason may have anything (RFC 9112 section 4), the bytes of a terminal's commands too.
    let (_peer, url) = answers(b"HTTP/1.1 200 \x9b2J\xff\r\nContent-Length: 0\r\n\r\n");
    let left = http(["--wire", &url]);
    is_harmless(&left.text());
    assert_eq!(left.status, 0, "{}", left.err);
}

#[test]
fn a_certificate_that_this_system_does_not_trust() {
    let tls = Some(Acceptor::new(Certificate::Good).unwrap());
    let lab = http::start(http::Options { tls, ..http::Options::default() }).unwrap();
    http([lab.url("/get")]).is_error(1, "TLS handshake with 127.0.0.1: ");
    assert!(lab.requests().is_empty());
}

#[test]
fn a_closed_output_ends_it_quietly() {
    let lab = lab();
    // More than a pipe holds, and one line of it is read, as by `| head -n 1`.
    let mut command = PROGRAMS.command("03_1_http_by_hand");
    command.arg(lab.url("/stream/100")).args(["--data", &format!("x={}", "y".repeat(1000))]);
    command.arg("--wire");
    let (program, stdout) = Running::unheard(&mut command, Stdio::piped());
    let (line, reader) = first_line(stdout.unwrap());
    assert!(line.contains("/stream/100 -> "), "{line}");
    close(reader);
    let left = program.end();
    assert!(left.status == 0 && !left.err.contains("panicked"), "{}: {}", left.status, left.err);
}
