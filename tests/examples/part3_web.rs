//! Lessons 3.2.1 to 3.2.3 as a learner meets them: the programs with their options, against the lab, against servers that
//! lie or are silent.

use crate::part3_http::is_harmless;
use crate::{PROGRAMS, support};
use netprimer::lab::http::{self, Lab};
use netprimer::lab::script::{self, Script, Step};
use netprimer::lab::tls::{Acceptor, Certificate};
use serde_json::Value;
use std::process::Stdio;
use std::thread;
use std::time::Instant;
use support::LIMIT;
use support::files::{Folder, read, root};
use support::programs::{Running, close, first_line, python_with, run};
use support::sockets::closed_port;

const GET: &str = "03_2_1_http_get";
const POST: &str = "03_2_2_http_post";
const SESSION: &str = "03_2_3_http_session";
/// Each, and how many lines the head of its request has.
const ALL: [(&str, usize); 3] = [(GET, 6), (POST, 8), (SESSION, 6)];

fn lab() -> Lab {
    http::start(http::Options::default()).unwrap()
}

/// Hears a head of so many lines, and then does this; and the address where.
fn peer(lines: usize, then: impl IntoIterator<Item = Step>) -> (Script, String) {
    let head = std::iter::repeat_n(Step::HearLine, lines);
    let peer = script::play(head.chain(then)).unwrap();
    let url = format!("http://{}/", peer.addr());
    (peer, url)
}

fn answering(lines: usize, bytes: &str) -> (Script, String) {
    peer(lines, [Step::say(bytes), Step::Finish, Step::HearEnd])
}

/// What a program prints when all goes well.
fn prints(program: &str, args: &[&str]) -> String {
    let left = PROGRAMS.run(program, args, b"");
    assert_eq!((left.status, left.err.as_str()), (0, ""), "{program} {args:?}");
    String::from_utf8(left.out).unwrap()
}

/// What it prints behind the line that announces its server.
fn behind_the_announcement(out: &str) -> &str {
    let rest = out.strip_prefix("lab: HTTP server on 127.0.0.1:").expect(out);
    rest.split_once('\n').unwrap().1
}

#[test]
fn get_shows_the_page_the_query_the_field_and_what_is_not_there() {
    let out = prints(GET, &[]);
    for part in [
        "/encoding/utf8 -> 200 OK\n<!DOCTYPE html>\n<title>你好，世界</title>\n<p>你好，世界</p>\n",
        "/get?key1=value1&key2=value2 -> 200 OK\n  the server saw {\"key1\":\"value1\",\"key2\":\"value2\"}\n",
        "/headers -> 200 OK\n  the server saw \"Mozilla/5.0\"\n",
        "/status/404 -> 404 Not Found\n  as an error: ask for http://127.0.0.1:",
    ] {
        assert!(out.contains(part), "{part:?} in {out}");
    }
    let (_, last) = out.split_once("/status/404: the server answered 404 Not Found\nhttps://127.0.0.1:").expect(&out);
    assert!(last.ends_with("/status/204 -> 204 No Content\n"), "{out}");

    let lab = lab();
    let args =
        ["--param", "name=你好 & co", "--param", "empty=", "--header", "X-Lesson=3.2", "--header", "User-Agent=me"];
    let out = prints(GET, &[&[lab.url("/get?a=1").as_str()], &args[..]].concat());
    assert!(out.contains("\"name\": \"你好 & co\"") && out.contains("\"X-Lesson\": \"3.2\""), "{out}");
    let asked = &lab.requests()[0].head;
    assert_eq!(asked.target, "/get?a=1&name=%E4%BD%A0%E5%A5%BD+%26+co&empty=");
    assert_eq!(asked.headers.all("User-Agent").collect::<Vec<_>>(), ["me"]);
    // The options alone go to a server of its own; pages come in the charset that they name.
    let out = prints(GET, &["--param", "a=b"]);
    assert!(behind_the_announcement(&out).contains("/get?a=b -> 200 OK\n"), "{out}");
    for page in ["/encoding/gbk", "/encoding/big5"] {
        assert!(prints(GET, &["--page", page]).contains("<title>你好，世界</title>"), "{page}");
    }
    let out = prints(GET, &[&lab.url("/redirect/2")]);
    assert!(out.starts_with(&format!("{} -> 200 OK\n", lab.url("/get"))), "{out}");
}

#[test]
fn post_sends_a_form_json_and_a_file_and_leaves_no_file_behind() {
    let folder = Folder::new();
    let mut command = PROGRAMS.command(POST);
    let left = run(command.env("TMPDIR", folder.path()).env("TMP", folder.path()), b"");
    let out = left.text();
    let saw = "the server saw the form {\"key1\":\"value1\",\"key2\":\"value2\"}\n\
               the server saw the JSON {\"key\":\"value\"}\nthe server saw the file {\"file\":\"Hello, 你好\\n\"}\n";
    assert_eq!((left.status, behind_the_announcement(&out)), (0, saw));
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    let nowhere = folder.path().join("nowhere");
    run(command.env("TMPDIR", &nowhere).env("TMP", &nowhere), b"").is_error(1, "make the folder ");

    let lab = lab();
    let url = lab.url("/post");
    prints(POST, &[&url, "--data", "key=value", "--data", "name=你好 & co"]);
    prints(POST, &[&url, "--json", r#"{"list": [1, null, "你好"]}"#]);
    let file = folder.file("a\"b.bin", b"\x00\xff\r\n--x");
    let out = prints(POST, &[&url, "--data", "title=你好", "--file", file.to_str().unwrap()]);
    assert!(out.contains("\"title\": \"你好\""), "{out}");
    prints(POST, &[&url]);
    let sent = lab.requests();
    let kind = |n: usize| sent[n].head.headers.get("Content-Type").unwrap();
    assert_eq!(sent[0].body, b"key=value&name=%E4%BD%A0%E5%A5%BD+%26+co");
    assert_eq!((kind(0), kind(1)), ("application/x-www-form-urlencoded", "application/json"));
    assert_eq!(sent[1].body, r#"{"list":[1,null,"你好"]}"#.as_bytes());
    let boundary = kind(2).strip_prefix("multipart/form-data; boundary=").unwrap();
    let parts = format!(
        "--{boundary}\r\nContent-Disposition: form-data; name=\"title\"\r\n\r\n你好\r\n--{boundary}\r\n\
         Content-Disposition: form-data; name=\"file\"; filename=\"a%22b.bin\"\r\n\
         Content-Type: application/octet-stream\r\n\r\n"
    );
    let wanted = [parts.as_bytes(), b"\x00\xff\r\n--x", format!("\r\n--{boundary}--\r\n").as_bytes()].concat();
    assert_eq!(sent[2].body.escape_ascii().to_string(), wanted.escape_ascii().to_string());
    assert_eq!((kind(3), sent[3].body.len()), ("application/x-www-form-urlencoded", 0));

    // What the server does not want is an answer; what is not there is an error.
    let big = folder.file("big", vec![b'x'; 2 << 20]);
    let out = prints(POST, &[&url, "--file", big.to_str().unwrap()]);
    assert!(out.contains("/post -> 413 "), "{out}");
    let missing = folder.path().join("missing");
    PROGRAMS
        .run(POST, ["--file", missing.to_str().unwrap()], b"")
        .is_error(1, &format!("read {}: ", missing.display()));
    assert_eq!(lab.requests().len(), 4);
}

#[test]
fn a_session_keeps_cookies_fields_and_the_connection() {
    let out = prints(SESSION, &[]);
    let wanted = "by hand: the server saw {\"name\":\"value\"}\n\
        /cookies/set?sid=31d4: the server saw {\"name\":\"value\",\"sid\":\"31d4\"}\n\
        /cookies: the server saw {\"name\":\"value\",\"sid\":\"31d4\"}\n\
        /cookies/delete?sid: the server saw {\"name\":\"value\"}\n\
        every request has \"zh\" and {\"lang\":\"zh\"}\nthe server counted: requests 7, connections 1\n";
    assert_eq!(behind_the_announcement(&out), wanted);

    let lab = lab();
    let out =
        prints(SESSION, &[&lab.url("/cookies"), "--cookie", "a=1", "--cookie", "b=2; Path=/other", "--times", "3"]);
    assert!(out.ends_with("the jar has a=1\nthe jar has b=2\n"), "{out}");
    let sent = lab.requests();
    let cookies: Vec<_> = sent.iter().map(|request| request.head.headers.get("Cookie")).collect();
    assert_eq!(cookies, [Some("a=1"); 3]);
    assert!(sent.iter().all(|request| request.connection == 0));
    assert!(prints(SESSION, &["--times", "2"]).ends_with("requests 2, connections 1\n"));

    // Not every cookie that a server sends is taken.
    let page = "/response-headers?Set-Cookie=evil%3D1%3B%20Domain%3Dother.example&Set-Cookie=good%3D1";
    let out = prints(SESSION, &[&lab.url(page)]);
    assert!(out.contains("the jar has good=1\n") && !out.contains("the jar has evil"), "{out}");
    PROGRAMS
        .run(SESSION, [&lab.url("/cookies"), "--cookie", "a=1; Domain=other.example"], b"")
        .is_error(2, "no cookie for");

    // Nobody who watches sees what we send.
    let left = PROGRAMS.run(SESSION, ["--wire", "--page", "/status/204", "--cookie", "key=31d4"], b"");
    assert!(left.err.contains("C: cookie: ") && !left.err.contains("31d4"), "{}", left.err);
}

#[test]
fn wrong_arguments_are_status_2() {
    for program in [GET, POST, SESSION] {
        for (args, says) in [
            (&["ftp://127.0.0.1/"][..], "only http:// and https://"),
            (&["http://127.0.0.1/a b"], "%20 for a space"),
            (&["http://127.0.0.1/\r\nX-Evil: 1"], "control character"),
            (&["--page", "get"], "a page begins with /"),
            (&["--page", "/get", "http://127.0.0.1/"], "cannot be used with"),
            (&["--timeout=soon"], "not a number of seconds"),
            (&["--timeout=0"], "a number of seconds above 0"),
            (&["--timeout=-1"], "a number of seconds above 0"),
            (&["http://127.0.0.1:99999/"], "a port is a number from 0 to 65535"),
            (&["http://256.1.1.1/"], "numbers from 0 to 255"),
            (&["--nonsense"], "unexpected argument"),
        ] {
            PROGRAMS.run(program, args, b"").is_error(2, says);
        }
        let left = PROGRAMS.run(program, ["--help"], b"");
        assert!(left.status == 0 && left.err.is_empty() && left.text().contains("[URL]"), "{}", left.text());
    }
    for (program, args, says) in [
        (GET, &["--param", "novalue"][..], "NAME=VALUE"),
        (GET, &["--header", "X-Name=me\r\nX-Role: admin"], "control character"),
        (GET, &["--header", "X Name=me"], "no name for a header field"),
        (GET, &["--header", "Host=other.example"], "written by ureq itself"),
        (POST, &["--json", "{\"key\": }"], "no JSON: expected value"),
        (POST, &["--json", "1", "--data", "a=b"], "cannot be used with"),
        (POST, &["--json", "1", "--file", "x"], "cannot be used with"),
        (SESSION, &["--cookie", "novalue"], "a cookie is written NAME=VALUE"),
        (SESSION, &["--cookie", "a=b\r\nc"], "is no cookie"),
        (SESSION, &["--times", "0"], "a whole number from 1 to 100"),
    ] {
        PROGRAMS.run(program, args, b"").is_error(2, says);
    }
}

pub fn who_is_not_there_silent_or_cut_off_is_an_error() {
    let (addr, _held) = closed_port();
    let lab = lab();
    let tls = Some(Acceptor::new(Certificate::Expired).unwrap());
    let expired = http::start(http::Options { tls, ..http::Options::default() }).unwrap();
    thread::scope(|scope| {
        for (program, lines) in ALL {
            // It hears the whole request, and says nothing.
            let (silent, nothing) = peer(lines, [Step::HearEnd]);
            let cases = [
                (format!("http://{addr}/"), format!("connect to {addr}: ")),
                (nothing, "no answer in time".to_owned()),
                (expired.url("/post"), "TLS handshake with 127.0.0.1: ".to_owned()),
            ];
            scope.spawn(move || {
                for (url, says) in cases {
                    let begin = Instant::now();
                    PROGRAMS.run(program, ["--timeout", "1", &url], b"").is_error(1, &says);
                    assert!(begin.elapsed() < LIMIT, "{:?}", begin.elapsed());
                }
                silent.verdict().unwrap();
            });
        }
        for (page, timeout, says) in [
            ("/drip?duration=8&delay=0", "1", "no answer in time"), // each byte comes in time, all of them do not
            ("/wrong/cut", "10", "closed the connection too early"),
            ("/wrong/cut-chunked", "10", "closed the connection too early"),
            ("/wrong/two-lengths", "10", "content-length"),
            ("/wrong/no-http", "10", "invalid HTTP version"),
            ("/wrong/loop", "10", "redirects"),
            ("/wrong/to-file", "10", "only http:// and https://"),
        ] {
            let url = lab.url(page);
            scope.spawn(move || {
                for program in [GET, SESSION] {
                    PROGRAMS.run(program, ["--timeout", timeout, &url], b"").is_error(1, says);
                }
            });
        }
    });
    let (_peer, url) = answering(8, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf");
    PROGRAMS.run(POST, [&url], b"").is_error(1, "closed the connection too early");
    assert!(expired.requests().is_empty());
}

#[test]
fn a_stranger_does_not_command_the_terminal() {
    let evil = "\u{1b}]0;x\u{7}\u{9b}2J\u{8}\r";
    let answer = format!(
        "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nSet-Cookie: a=\x1b[2J\r\nX: \u{9b}2J\r\n\r\n{evil}",
        evil.len()
    );
    for (program, lines) in ALL {
        for answer in [&answer, &answer.replace("a=\x1b[2J", "a=\u{9b}2J"), &answer.replace("OK", "\x1b[2J")] {
            let (_peer, url) = answering(lines, answer);
            let left = PROGRAMS.run(program, ["--wire", &url], b"");
            is_harmless(&left.text());
            assert!(!left.err.contains("panicked"), "{}", left.err);
        }
    }
}

#[test]
fn a_closed_output_ends_it_quietly() {
    let lab = lab();
    let long = format!("x={}", "y".repeat(1_000));
    let stream = lab.url(&format!("/stream/100?{long}"));
    let (post, big) = (lab.url("/post"), format!("x={}", "y".repeat(100_000)));
    for (program, args) in
        [(GET, vec![&stream[..]]), (POST, vec![&post, "--data", &big]), (SESSION, vec![&stream, "--times", "2"])]
    {
        // More than a pipe holds, and one line of it is read, as by `| head -n 1`.
        let (running, stdout) = Running::unheard(PROGRAMS.command(program).args(args), Stdio::piped());
        let (line, reader) = first_line(stdout.unwrap());
        assert!(line.contains(" -> 200 OK"), "{line}");
        close(reader);
        let left = running.end();
        assert!(left.status == 0 && !left.err.contains("panicked"), "{}: {}", left.status, left.err);
    }
}

/// The line to take home names what this project builds ureq with, so that the code beside it, which runs here, runs there.
#[test]
fn the_line_to_take_home_installs_what_is_used_here() {
    let manifest = read(root(), "Cargo.toml");
    let line = manifest.lines().find(|line| line.starts_with("ureq = ")).unwrap();
    let features: Vec<&str> = line.split('[').nth(1).unwrap().split('"').skip(1).step_by(2).collect();
    let add = format!("\ncargo add ureq@~3.5 --no-default-features --features {}\n", features.join(","));
    assert!(line.contains("\"~3.5.") && line.contains("default-features = false"), "{line}");
    assert!(read(root(), "lessons/03_2_1_http_get.md").contains(&add), "{add}");
}

/// On Linux OpenSSL reads from this variable whom the system trusts.
#[test]
fn https_trusts_whom_this_system_trusts() {
    let tls = Some(Acceptor::new(Certificate::Good).unwrap());
    let lab = http::start(http::Options { tls, ..http::Options::default() }).unwrap();
    let folder = Folder::new();
    let pem = folder.file("ca.pem", netprimer::lab::tls::ca_pem().unwrap());
    let url = lab.url("/anything");
    for (program, _) in ALL {
        let mut command = PROGRAMS.command(program);
        run(command.arg(&url), b"").is_error(1, "TLS handshake with 127.0.0.1: ");
        if cfg!(target_os = "linux") {
            let left = run(command.env("SSL_CERT_FILE", &pem), b"");
            assert!(left.status == 0 && left.text().starts_with(&format!("{url} -> 200 OK\n")), "{}", left.text());
        }
    }
}

/// What our lab says to these programs, the server whose shape it has says too.
#[test]
fn at_httpbin_they_do_the_same() {
    let Some(mut command) = python_with("httpbin", "web_server.py") else { return };
    let server = Running::server(command.args(["httpbin", "HTTP/1.1"]));
    let folder = Folder::new();
    let file = folder.file("test.txt", "Hello, 你好\n");
    let (lab, site) = (lab(), format!("http://{}", server.addr()));
    for (program, path, args, wanted) in [
        (GET, "/get?a=1", &["--param", "name=你好 & co", "--header", "X-Lesson=3.2"][..], ["args", "origin"]),
        (POST, "/post", &["--data", "key=value", "--data", "name=你好 & co"], ["form", "files"]),
        (POST, "/post", &["--json", r#"{"key": [1, null, "你好"]}"#], ["json", "data"]),
        (POST, "/post", &["--data", "title=你好", "--file", file.to_str().unwrap()], ["form", "files"]),
        (SESSION, "/cookies/set?sid=31d4", &["--cookie", "name=value; Path=/"], ["cookies", "none"]),
    ] {
        let [ours, theirs] = [&lab.url(""), &site].map(|base| {
            let out = prints(program, &[&[format!("{base}{path}").as_str()], args].concat());
            let (head, rest) = out.split_once('\n').unwrap();
            assert!(head.ends_with(" -> 200 OK"), "{head}");
            let rest = rest.replace(base, "");
            // Behind it a session lists its jar.
            let json = serde_json::Deserializer::from_str(&rest).into_iter::<Value>().next().unwrap().unwrap();
            wanted.map(|name| json[name].clone())
        });
        assert_eq!(ours, theirs, "{program} {path} {args:?}");
    }
}
