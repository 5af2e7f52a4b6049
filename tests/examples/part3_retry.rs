//! Lessons 3.2.4 and 8.1 as a learner meets them: the programs with their options, against the lab, a closed port and
//! peers that are silent; and the exercises, whose asserts their solutions keep.

use crate::{PROGRAMS, support};
use netprimer::lab::http::{self, Lab};
use netprimer::lab::script::{self, Step};
use std::process::Stdio;
use std::thread;
use std::time::{Duration, Instant};
use support::LIMIT;
use support::programs::{Left, Running, close, first_line, python_with, run};
use support::sockets::closed_port;

fn retry<S: AsRef<std::ffi::OsStr>>(args: impl IntoIterator<Item = S>) -> Left {
    PROGRAMS.run("03_2_4_http_retry", args, b"")
}

fn many<S: AsRef<std::ffi::OsStr>>(args: impl IntoIterator<Item = S>) -> Left {
    PROGRAMS.run("08_1_concurrent_http", args, b"")
}

fn lab() -> Lab {
    http::start(http::Options::default()).unwrap()
}

/// What it prints when all goes well.
fn printed(left: Left) -> String {
    assert_eq!((left.status, left.err.as_str()), (0, ""));
    String::from_utf8(left.out).unwrap()
}

/// The number before this word in the first line that has it.
fn number(text: &str, line: &str, word: &str) -> f64 {
    let line = text.lines().find(|one| one.contains(line)).unwrap_or_else(|| panic!("no {line:?} in {text}"));
    let before = line.split_once(word).unwrap_or_else(|| panic!("no {word:?} in {line}")).0;
    before.rsplit(' ').next().unwrap().parse().unwrap()
}

pub fn every_limit_bites_and_the_third_attempt_succeeds() {
    let out = printed(retry([""; 0]));
    // Each station: its title, and what is indented below it.
    let part = |title: &str| {
        let start = out.find(title).unwrap_or_else(|| panic!("no {title:?} in {out}"));
        let mut lines = out[start..].lines();
        let title = lines.next().into_iter();
        title.chain(lines.take_while(|line| line.starts_with("  "))).collect::<Vec<_>>().join("\n")
    };
    let took = |title: &str| number(&part(title), " ms", " ms");
    if cfg!(unix) {
        let connect = part("connect: ");
        assert!(connect.contains("  connect to 127.0.0.1:") && connect.ends_with(": no answer in time"), "{connect}");
        assert!(took("connect: nobody") >= 200.0);
    }
    assert!(part("read: the server").ends_with("/silent (limit: per read): no answer in time"), "{out}");
    assert!(took("read: the server") >= 200.0);
    assert!(part("read: a drip").contains(" -> 200\n  8 bytes after "), "{out}");
    assert!(took("read: a drip") >= 2_100.0, "eight pauses of 0.3 s, and none is longer than the limit for a read");
    assert!(part("total: ").ends_with(" (limit: total): no answer in time"), "{out}");
    assert!(took("total: ") >= 1_000.0);

    assert!(out.contains("\nbackoff_factor 1: the pauses are 0, 2, 4 s\n"), "{out}");
    let tries = part("retry: ");
    let ends: Vec<&str> = tries.lines().filter_map(|line| line.split_once(" -> ")).map(|(_, end)| end).collect();
    assert_eq!(ends, ["503, again after 0 s", "503, again after 0.2 s", "200"]);
    assert!(took("retry: ") >= 200.0);
    assert_eq!(part("mount: ").matches(" -> ").count(), 1, "its own policy says no");
    assert_eq!(part("Retry-After: ").matches("-> 503, again after 0.3 s\n").count(), 2, "{out}");
    assert_eq!(part("Retry-After: ").matches(" -> 200\n").count(), 2, "{out}");

    assert_eq!(part("POST: ").matches(" -> ").count(), 1, "{out}");
    assert!(part("PUT: ").contains(" -> 503, again after 0 s\n") && part("PUT: ").contains(" -> 200\n"), "{out}");
    assert!(part("POST to nobody: ").contains(", again after 0 s\n  gave up after "), "{out}");
}

#[test]
fn a_url_is_asked_as_the_options_say() {
    let lab = lab();
    let out = printed(retry([&lab.url("/flaky?fail=3"), "--backoff=0.01"]));
    let ends: Vec<&str> = out.lines().filter_map(|line| line.split_once(" -> ")).map(|(_, end)| end).collect();
    assert_eq!(ends, ["503, again after 0 s", "503, again after 0.02 s", "503, again after 0.04 s", "200"]);
    assert_eq!(lab.requests().len(), 4);

    // What stays bad is an answer, and a POST is sent once.
    let out = printed(retry([&lab.url("/status/503"), "--retries=1"]));
    assert_eq!(out.matches(" -> 503").count(), 2, "{out}");
    let out = printed(retry([&lab.url("/flaky?fail=1&key=post"), "--post"]));
    assert_eq!(out.matches(" -> ").count(), 1, "{out}");
    assert_eq!(lab.requests().last().unwrap().head.method, "POST");
    // The pauses that do not fit into the total are not begun.
    let out = printed(retry([&lab.url("/status/503"), "--total=5", "--backoff=100"]));
    assert_eq!(out.matches(" -> 503").count(), 2, "{out}");

    let left = retry(["--wire", "--page", "/flaky?fail=1&after=0"]);
    assert!(left.status == 0 && left.text().contains("-> 503, again after 0 s\n"), "{}", left.text());
    assert_eq!(left.err.matches("C: GET /flaky?fail=1&after=0 HTTP/1.1\\r\\n").count(), 2, "{}", left.err);
    assert!(left.err.contains("S: Retry-After: 0\\r\\n"), "{}", left.err);
}

pub fn what_does_not_answer_ends_in_time() {
    let (addr, _held) = closed_port();
    let (lab, nobody) = (lab(), format!("http://{addr}/"));
    let refused = format!("connect to {addr}: ");
    // Each drop comes in time, all of them do not.
    let drip = lab.url("/drip?numbytes=60&duration=6&delay=0");
    let silent = lab.url("/silent");
    let cases = [
        (&["--retries=2", "--backoff=0.05", &nobody][..], refused.as_str(), 100),
        (&["--post", "--retries=2", "--backoff=0.05", &nobody], &refused, 100), // nothing was sent
        (&["--total=2", &silent], "limit: total", 2_000),
        (&["--read=0.2", "--retries=1", &silent], "limit: per read", 400),
        (&["--total=2", &drip], "read the body of ", 2_000),
    ];
    thread::scope(|scope| {
        for (args, says, least) in cases {
            scope.spawn(move || {
                let begin = Instant::now();
                retry(args).is_error(1, says);
                let took = begin.elapsed();
                assert!(took >= Duration::from_millis(least) && took < LIMIT, "{args:?}: {took:?}");
            });
        }
    });
    // One that fails is told, and does not keep the others from being told.
    let page = lab.url("/encoding/gbk");
    let left = many([&nobody, &page, &lab.url("/wrong/cut")]);
    left.is_error(1, "2 of 3 failed");
    let lines: Vec<String> = String::from_utf8(left.out).unwrap().lines().map(str::to_owned).collect();
    assert_eq!(lines.len(), 3, "{lines:?}");
    assert!(lines[0].starts_with(&format!("{nobody}: error: {refused}")), "{lines:?}");
    let start = format!("{page}: <!DOCTYPE html>\\n<title>你好，世界");
    assert!(lines[1].starts_with(&start) && lines[2].contains("error: read the body"), "{lines:?}");
    many(["--timeout=0.2", &silent, &silent]).is_error(1, "2 of 2 failed");
}

pub fn many_pages_keep_their_order_and_are_timed_three_ways() {
    let out = printed(many(["--pages=10", "--at-once=5"]));
    let order =
        ["/delay/0.2: {", "/encoding/gbk: <", "/wrong/cut: error: ", "/status/404: error: ", "/encoding/utf8: <"];
    for (line, page) in out.lines().skip(1).zip(order) {
        assert!(line.starts_with("http://127.0.0.1:") && line.contains(page), "{page} in {out}");
        let shown = line.split_once(": ").unwrap().1.replace("\\n", "\n");
        assert!(line.contains("error") || shown.chars().count() <= 100, "{line}");
    }
    assert!(out.contains("\n10 pages, for each of which the server takes 50 ms:\n"), "{out}");
    // The server alone takes so long; how much longer it is, the machine decides.
    assert!(number(&out, "one after another", " ms") >= 500.0, "{out}");
    assert!(number(&out, "at most 5 at once", " ms") >= 100.0, "{out}");
    assert!(number(&out, "a thread for each", " ms") >= 50.0, "{out}");
    assert!(number(&out, "a thread for each", " times as fast") > 1.0, "{out}");
    if cfg!(target_os = "linux") {
        let peaks =
            ["one after", "at most", "a thread"].map(|way| number(&out[out.find("10 pages").unwrap()..], way, " MiB"));
        assert!(peaks[0] > 1.0 && peaks.is_sorted(), "{peaks:?}");
    } else {
        assert_eq!(out.matches("memory not known on this system").count(), 3, "{out}");
    }
}

#[test]
fn threads_share_the_limit_and_the_connections() {
    let lab = lab();
    let urls: Vec<String> = (0..12).map(|n| lab.url(&format!("/delay/0.02?n={n}"))).collect();
    let out = printed(many(urls.iter().map(String::as_str).chain(["--at-once", "3"])));
    let shown: Vec<&str> = out.lines().filter_map(|line| line.split_once(": ")).map(|(url, _)| url).collect();
    assert_eq!(shown, urls);
    let last = lab.requests().iter().map(|request| request.connection).max().unwrap();
    assert!(last < 3, "{} connections for three at once", last + 1);
}

/// The same pages in Python, by asyncio's `gather` and aiohttp: the same order, the same characters, the same one that fails.
#[test]
fn what_gather_of_asyncio_gets_from_the_same_server() {
    let Some(mut python) = python_with("aiohttp", "lab_aiohttp.py") else { return };
    let lab = lab();
    let pages = [
        "/delay/0.1",
        "/encoding/gbk",
        "/wrong/cut",
        "/encoding/big5",
        "/anything?name=%E4%BD%A0%E5%A5%BD",
        "/chunked",
    ];
    let urls = pages.map(|page| lab.url(page));
    let theirs = run(python.args(&urls), b"");
    assert_eq!(theirs.status, 0, "{}", theirs.err);
    let theirs: Vec<serde_json::Value> = serde_json::from_slice(&theirs.out).unwrap();
    let ours = many(&urls);
    assert_eq!((ours.status, theirs.len()), (1, urls.len()), "{}", ours.err);
    for ((line, url), theirs) in String::from_utf8(ours.out).unwrap().lines().zip(&urls).zip(theirs) {
        let ours = line.strip_prefix(&format!("{url}: ")).unwrap_or_else(|| panic!("{line}"));
        match theirs.as_str() {
            Some(text) => assert_eq!(ours, text.replace('\n', "\\n")),
            None => assert!(ours.starts_with("error: ") && url.ends_with("/wrong/cut"), "{line}: {theirs}"),
        }
    }
}

#[test]
fn a_stranger_does_not_command_the_terminal() {
    let head = std::iter::repeat_n(Step::HearLine, 6); // request line, four fields, the empty line
    let page = "\u{1b}[2J\u{7}\r\n你\n";
    let said = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{page}", page.len());
    let peer = script::play(head.chain([Step::say(said), Step::Finish, Step::HearEnd])).unwrap();
    let url = format!("http://{}/", peer.addr());
    assert_eq!(printed(many([&url])), format!("{url}: \\u{{1b}}[2J\\u{{7}}\\r\\n你\\n\n"));
    peer.verdict().unwrap();
}

#[test]
fn wrong_arguments_are_status_2() {
    for (args, says) in [
        (&["ftp://127.0.0.1/"][..], "only http:// and https://"),
        (&["127.0.0.1:8080"], "begins with http://"),
        (&["http://127.0.0.1/\u{1b}[2J"], "control character"),
        (&["--timeout=soon"], "not a number of seconds"),
        (&["--timeout", "-1"], "not a number of seconds above 0"),
        (&["--nonsense"], "unexpected argument"),
    ] {
        many(args).is_error(2, says);
        if !args[0].starts_with("--timeout") {
            retry(args).is_error(2, says);
        }
    }
    for (args, says) in [
        (&["--page", "flaky"][..], "a page begins with /"),
        (&["--page", "/a b"], "%20 for a space"),
        (&["--page", "/get", "http://127.0.0.1/"], "cannot be used with"),
        (&["--post"], "<URL|--page <PATH>>"),
        (&["--retries=1"], "<URL|--page <PATH>>"),
        (&["--retries=-1", "--page=/get"], "a whole number"),
        (&["--total=-1", "--page=/get"], "above 0"),
        (&["--connect=soon", "--page=/get"], "not a number of seconds"),
        (&["http://127.0.0.1/", "http://127.0.0.1/"], "unexpected argument"),
    ] {
        retry(args).is_error(2, says);
    }
    for (args, says) in [
        (&["--at-once=0"][..], "from 1 to 200"),
        (&["--pages=201"], "from 1 to 200"),
        (&["--pages=5", "http://127.0.0.1/"], "cannot be used with"),
        (&["http://127.0.0.1/", "nonsense"], "begins with http://"),
    ] {
        many(args).is_error(2, says);
    }
    for left in [retry(["--help"]), many(["--help"])] {
        assert!(left.status == 0 && left.err.is_empty() && left.text().contains("[URL]"), "{}", left.text());
    }
}

#[test]
fn a_closed_output_ends_it_quietly() {
    // Each writes more after its first line, as by `| head -n 1`; what it waits for comes after that line was read.
    for (name, args) in [("03_2_4_http_retry", &[][..]), ("08_1_concurrent_http", &["--pages=1"])] {
        let (program, stdout) = Running::unheard(PROGRAMS.command(name).args(args), Stdio::piped());
        let (line, reader) = first_line(stdout.unwrap());
        assert!(line.starts_with("lab: HTTP server on 127.0.0.1:"), "{line}");
        close(reader);
        let left = program.end();
        assert!(left.status == 0 && !left.err.contains("panicked"), "{name}: {}: {}", left.status, left.err);
    }
}
