//! WebSocket with what others wrote: Python's websockets and npm's ws on either side, and a browser that drives the page.

use crate::support;

use netprimer::lab::tls::{self, Acceptor, Certificate};
use netprimer::lab::ws::{self, Lab, Options};
use netprimer::websocket::{self, CloseCode, Message, Reconnect, Refused, Socket};
use netprimer::{Error, retry::Policy};
use std::error::Error as _;
use std::process::Command;
use std::time::Duration;
use support::LIMIT;
use support::files::Folder;
use support::programs::{Left, Running, python_with, run, tool};

const SIZES: [usize; 8] = [0, 1, 125, 126, 127, 65_535, 65_536, 1 << 20];

fn lab() -> Lab {
    ws::start(Options::default()).unwrap()
}

/// What a program of others says at its end; the lines must be these.
fn says(command: &mut Command, lines: &[&str]) {
    let Left { status, out, err } = run(command, b"");
    let out = String::from_utf8(out).unwrap();
    assert_eq!((status, out.lines().collect::<Vec<_>>()), (0, lines.to_vec()), "{err}");
}

// ---- our server ----

#[test]
fn the_usual_python_client() {
    let Some(mut client) = python_with("websockets", "ws_client.py") else { return };
    // The usual client is written for a server that answers with more than it got.
    let server = netprimer::server::Server::bind("localhost:0").unwrap();
    let running = websocket::serve(server, Default::default(), |client| {
        while let Some(message) = client.receive()? {
            client.send(format!("the server answers: {message}"))?;
        }
        Ok(())
    });
    let running = running.unwrap();
    let uri = format!("ws://localhost:{}", running.addr().port());
    says(client.args([&uri, "once"]), &["received: the server answers: Hello, Server!"]);
    let totals = running.server().totals();
    assert_eq!((totals.accepted, totals.failed, totals.panics), (1, 0, 0));
}

#[test]
fn python_sends_all_sizes_fragments_and_pings() {
    let Some(mut client) = python_with("websockets", "ws_client.py") else { return };
    let lab = lab();
    says(client.args([&lab.url("/"), "many"]), &["closed: 4001 再见"]);
}

#[test]
fn python_listens_until_the_server_closes() {
    let Some(mut client) = python_with("websockets", "ws_client.py") else { return };
    let lab = lab();
    let news: Vec<String> = (1..=5).map(|n| format!("received: news {n} of 5")).collect();
    let mut lines: Vec<&str> = news.iter().map(String::as_str).collect();
    lines.push("closed: 1000 that was all");
    says(client.args([&lab.url("/news"), "listen"]), &lines);
}

#[test]
fn python_hears_1001_when_the_server_stops() {
    let Some(mut client) = python_with("websockets", "ws_client.py") else { return };
    let lab = lab();
    let client = Running::start(client.args([&lab.url("/"), "listen"]));
    assert_eq!(client.line(), "received: Hello, Server!");
    let drained = lab.stop(LIMIT);
    assert_eq!(
        (drained.finished + drained.forced, drained.stuck),
        (1, 0),
        "how quickly Python answers is not ours to say"
    );
    assert_eq!(client.line(), "closed: 1001 the server stops");
}

#[test]
fn what_python_is_refused() {
    if python_with("websockets", "ws_client.py").is_none() {
        return;
    }
    let serve = websocket::Serve { protocols: vec!["v1".into(), "v2".into()], ..Default::default() };
    let lab = ws::start(Options { serve, ..Options::default() }).unwrap();
    for (what, says_so) in [("too_big", "closed: 1009"), ("foreign", "refused: 403"), ("protocols", "agreed: v1")] {
        let mut client = python_with("websockets", "ws_client.py").unwrap();
        says(client.args([&lab.url("/"), what]), &[says_so]);
    }
}

#[test]
fn python_over_tls() {
    let Some(mut client) = python_with("websockets", "ws_client.py") else { return };
    let folder = Folder::new();
    let ca = folder.file("ca.pem", tls::ca_pem().unwrap());
    let acceptor = Acceptor::new(Certificate::Good).unwrap();
    let lab = ws::start(Options { tls: Some(acceptor), ..Options::default() }).unwrap();
    says(client.args([&lab.url("/"), "secure"]).arg(ca), &["received: Hello, Server!"]);
}

fn node() -> Option<Command> {
    let mut command = tool("node")?;
    // The first in PATH may be one without Debian's modules; they work with any.
    command.env("NODE_PATH", "/usr/share/nodejs");
    let has_it = command.args(["-e", "require('ws')"]).output().is_ok_and(|output| output.status.success());
    if !has_it {
        support::missing("ws for node", "node does not find it under /usr/share/nodejs");
        return None;
    }
    let mut command = tool("node")?;
    command.env("NODE_PATH", "/usr/share/nodejs").arg(support::files::root().join("tests/python/ws_peer.js"));
    Some(command)
}

#[test]
fn npm_ws_sends_all_sizes() {
    let Some(mut client) = node() else { return };
    let lab = lab();
    says(client.args(["client", &lab.url("/")]), &["closed: 4001 再见"]);
}

// ---- our client ----

fn all_sizes(socket: &mut Socket) {
    for size in SIZES {
        for message in [Message::text("x".repeat(size)), Message::binary(vec![0xff; size])] {
            socket.send(message.clone()).unwrap();
            assert!(websocket::receive(socket).unwrap().unwrap() == message, "{size}");
        }
    }
    socket.send("你好".into()).unwrap();
    assert_eq!(websocket::receive(socket).unwrap().unwrap().to_string(), "你好");
}

#[test]
fn our_client_with_python() {
    let Some(mut server) = python_with("websockets", "ws_server.py") else { return };
    let server = Running::server(&mut server);
    let url = |path: &str| format!("ws://{}{path}", server.addr());
    let mut socket = websocket::connect(&url("/")).unwrap();
    all_sizes(&mut socket);
    let theirs = websocket::close(&mut socket, CloseCode::Library(4001), "再见").unwrap().unwrap();
    assert_eq!((u16::from(theirs.code), theirs.reason.as_str()), (4001, "再见"));
    assert_eq!(server.line(), "closed: 4001 再见");

    let mut socket = websocket::connect(&url("/close")).unwrap();
    let Message::Close(Some(frame)) = socket.read().unwrap() else { panic!("no Close") };
    assert_eq!((u16::from(frame.code), frame.reason.as_str()), (4002, "再见"));
    for (path, text) in [("/ping", "ten pongs"), ("/fragments", "你好")] {
        let mut socket = websocket::connect(&url(path)).unwrap();
        assert_eq!(websocket::receive(&mut socket).unwrap().unwrap().to_string(), text);
        assert_eq!(websocket::receive(&mut socket).unwrap(), None, "{path}");
    }

    let mut socket = websocket::connect(&url("/big")).unwrap();
    assert!(matches!(websocket::receive(&mut socket), Err(Error::TooLong(_, 0x10_0000))));
    assert_eq!(server.line(), "closed: 1009");

    let options = websocket::Options {
        headers: vec![("X-Name".into(), "learner".into())],
        protocols: vec!["v1".into(), "v2".into()],
        ..Default::default()
    };
    let (mut socket, answer) = websocket::connect_and_see(&url("/headers"), &options).unwrap();
    assert_eq!(answer.headers().get("sec-websocket-protocol").unwrap(), "v2");
    assert_eq!(websocket::receive(&mut socket).unwrap().unwrap().to_string(), "learner v2");
}

#[test]
fn our_client_with_npm_ws() {
    let Some(mut server) = node() else { return };
    let server = Running::server(server.arg("server"));
    let url = |path: &str| format!("ws://{}{path}", server.addr());
    let mut socket = websocket::connect(&url("/")).unwrap();
    all_sizes(&mut socket);
    let theirs = websocket::close(&mut socket, CloseCode::Normal, "再见").unwrap().unwrap();
    assert_eq!((u16::from(theirs.code), theirs.reason.as_str()), (1000, "再见"));
    assert_eq!(server.line(), "closed: 1000 再见");

    let mut socket = websocket::connect(&url("/close")).unwrap();
    let Message::Close(Some(frame)) = socket.read().unwrap() else { panic!("no Close") };
    assert_eq!((u16::from(frame.code), frame.reason.as_str()), (4003, "再见"));
    let mut socket = websocket::connect(&url("/ping")).unwrap();
    assert_eq!(websocket::receive(&mut socket).unwrap().unwrap().to_string(), "ten pongs");
    let mut socket = websocket::connect(&url("/gone")).unwrap();
    assert!(matches!(websocket::receive(&mut socket), Err(Error::Closed(_) | Error::Io(..))));

    // Reading in one thread while another sends, with a server that answers all of it.
    let mut socket = websocket::connect(&url("/")).unwrap();
    let mut sender = websocket::sender(&socket);
    let writer =
        std::thread::spawn(move || (0..2000).try_for_each(|n| sender.send(format!("{n} {}", "y".repeat(2000)))));
    for n in 0..2000 {
        let message = websocket::receive(&mut socket).unwrap().unwrap().to_string();
        assert!(message.starts_with(&format!("{n} y")) && message.ends_with('y'), "{n}");
    }
    writer.join().unwrap().unwrap();
}

#[test]
fn our_client_comes_back_to_python() {
    let Some(mut server) = python_with("websockets", "ws_server.py") else { return };
    let server = Running::server(&mut server);
    let policy = Policy { total: 3, backoff_factor: 0.01, ..Policy::default() };
    let mut link = Reconnect::new(&format!("ws://{}/close", server.addr())).policy(policy);
    for _ in 0..3 {
        let mut socket = link.connect().unwrap();
        assert_eq!(websocket::receive(&mut socket).unwrap(), None);
    }
    drop(server);
    assert!(link.connect().is_err());
}

#[test]
fn what_python_refuses_our_client() {
    let Some(mut server) = python_with("websockets", "ws_server.py") else { return };
    let server = Running::server(&mut server);
    for (status, again) in [(401, false), (403, false), (404, false), (429, true), (503, true)] {
        let error = websocket::connect(&format!("ws://{}/refuse/{status}", server.addr())).unwrap_err();
        let refused = error.source().and_then(|cause| cause.downcast_ref::<Refused>());
        let refused = refused.unwrap_or_else(|| panic!("{error:?}"));
        assert_eq!(refused.status, status);
        assert!(error.to_string().ends_with(&format!("refused with status {status}: not today")), "{error}");
        assert_eq!(websocket::is_transient(&error), again);
    }
}

// ---- the page ----

#[test]
fn a_browser_drives_the_page() {
    let Some(mut script) = support::programs::python("ws_browser.py") else { return };
    let Some(browser) = tool("chromium") else { return };
    let folder = Folder::new();
    let lab = lab();
    let port = lab.addr().port();
    script.arg(browser.get_program()).arg(folder.path()).arg(format!("http://{}/", lab.addr()));
    if let Some(picture) = std::env::var_os("NETPRIMER_PICTURE") {
        script.arg(picture);
    }
    let mut script = Running::start(&mut script);
    script.shows("connected");
    script.shows("echo");
    let drained = lab.stop(LIMIT);
    assert_eq!((drained.forced, drained.stuck), (0, 0), "the browser answers our Close");
    drop(lab);
    script.type_in("stopped\n");
    script.shows("lost");
    let _again = ws::start(Options { port, ..Options::default() }).unwrap();
    script.type_in("there again\n");
    script.shows("reconnected");
    script.shows("chat");
    let left = script.end();
    assert_eq!((left.status, left.text().lines().last()), (0, Some("bye")), "{}", left.text());
}

// ---- Autobahn's suite ----

/// Everything but speed (9) and compression (12, 13), which we do not have.
const CASES: &str = r#""cases": ["*"], "exclude-cases": ["9.*", "12.*", "13.*"], "exclude-agent-cases": {}"#;

/// How many cases ended how, from the suite's index.
fn judged(folder: &std::path::Path) -> Vec<(String, usize)> {
    let index = std::fs::read_to_string(folder.join("index.json")).unwrap();
    let words = index.split("\"behavior\": \"").skip(1).map(|rest| rest.split('"').next().unwrap().to_owned());
    let closes = index.split("\"behaviorClose\": \"").skip(1).map(|rest| rest.split('"').next().unwrap().to_owned());
    let mut counts = std::collections::BTreeMap::new();
    for (word, close) in words.zip(closes) {
        let bad = ["FAILED", "WRONG CODE", "UNCLEAN", "FAILED BY CLIENT"].contains(&close.as_str());
        *counts.entry(if bad { format!("{word}, closed {close}") } else { word }).or_default() += 1;
    }
    counts.into_iter().collect()
}

#[test]
fn autobahn() {
    let Some(folder) = std::env::var_os("NETPRIMER_AUTOBAHN").map(std::path::PathBuf::from) else {
        support::not_allowed("Autobahn's suite", "it needs Python 2.7; benches/autobahn.sh runs it where there is one");
        return;
    };
    let wstest = || Command::new(folder.join("venv/bin/wstest"));
    let spec = |name: &str, text: String| {
        let path = folder.join(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    let expected: Vec<_> =
        [("INFORMATIONAL", 3), ("NON-STRICT", 2), ("OK", 242)].map(|(a, b)| (a.to_owned(), b)).into();
    let quiet = Duration::from_secs(300);

    let lab = lab();
    let server = folder.join("server");
    let servers = format!(r#"[{{"agent": "netprimer", "url": "{}"}}]"#, lab.url("/"));
    let text = format!(r#"{{"outdir": {:?}, "servers": {servers}, {CASES}}}"#, server.display());
    let mut client = wstest();
    let left =
        Running::start(client.args(["-m", "fuzzingclient", "-s"]).arg(spec("client.json", text)).current_dir(&folder));
    let left = left.end_within(quiet);
    assert_eq!(left.status, 0, "{}", left.text());
    let found = judged(&server);
    support::note(&format!("our server: {found:?}"));
    assert_eq!(found, expected);

    // The suite's server takes no port 0.
    let port = support::sockets::listen().1.port();
    let client = folder.join("client");
    let text = format!(r#"{{"outdir": {:?}, "url": "ws://127.0.0.1:{port}", {CASES}}}"#, client.display());
    let mut suite = wstest();
    let suite =
        suite.args(["-m", "fuzzingserver", "-w", "0", "-s"]).arg(spec("server.json", text)).current_dir(&folder);
    let _suite = Running::start(suite);
    let at = |path: &str| format!("ws://127.0.0.1:{port}{path}");
    let policy = Policy { total: 100, backoff_factor: 0.1, backoff_max: 0.2, ..Policy::default() };
    let mut socket = Reconnect::new(&at("/getCaseCount")).policy(policy).connect().unwrap();
    let count: usize = websocket::receive(&mut socket).unwrap().unwrap().to_string().parse().unwrap();
    for case in 1..=count {
        let mut socket = websocket::connect(&at(&format!("/runCase?case={case}&agent=netprimer"))).unwrap();
        // Many cases end with an error: that is what they are for.
        while let Ok(Some(message)) = websocket::receive(&mut socket) {
            if socket.send(message).is_err() {
                break;
            }
        }
    }
    let mut socket = websocket::connect(&at("/updateReports?agent=netprimer")).unwrap();
    let _ = websocket::receive(&mut socket);
    let found = judged(&client);
    support::note(&format!("our client: {found:?}"));
    assert_eq!(found, expected);
}
