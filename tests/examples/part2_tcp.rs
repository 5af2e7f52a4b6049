//! What the TCP examples of part 2 do: the built programs, run as a learner runs them, against clients and servers that
//! send pieces, drip, reset, stay silent or speak Python.

use crate::{PROGRAMS, support};
use std::ffi::OsStr;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};
use support::programs::{self, Left, Running, tool, under};
use support::sockets::{closed_port, has_ipv6, pair};
use support::{LIMIT, note, uninterrupted};

#[allow(dead_code)]
#[path = "../../examples/02_2_tcp_client.rs"]
mod client;

#[allow(dead_code)]
#[path = "../../examples/02_5_threaded_server.rs"]
mod threaded;

const SERVER: &str = "02_1_tcp_server";
const CLIENT: &str = "02_2_tcp_client";
const THREADED: &str = "02_5_threaded_server";
const ANSWER: &str = "Hello, Client!\n";

// ---- 2.1: where a message ends ----

#[test]
fn a_message_in_pieces_is_one_message() {
    let server = server(SERVER);
    let mut client = server.dial();
    for piece in [&b"Hel"[..], &"lo, 你".as_bytes()[..6], &"你".as_bytes()[2..], "好\nnext".as_bytes()] {
        client.write_all(piece).unwrap();
        tick();
    }
    assert_eq!(rest_of(&client), ANSWER);
    // Two pieces cut 你 in the middle, and what follows the newline is no part of the message.
    assert_eq!(server.line(), format!("{} sent 14 bytes, ended by a newline: \"Hello, 你好\\n\"", peer(&client)));
}

#[test]
fn a_half_close_ends_a_message_and_does_not_cost_the_answer() {
    let server = server(SERVER);
    for (sent, shown) in
        [("Hello", "5 bytes, ended by the client's FIN: \"Hello\""), ("", "0 bytes, ended by the client's FIN: \"\"")]
    {
        let mut client = server.dial();
        client.write_all(sent.as_bytes()).unwrap();
        client.shutdown(Shutdown::Write).unwrap();
        assert_eq!(rest_of(&client), ANSWER);
        assert_eq!(server.line(), format!("{} sent {shown}", peer(&client)));
    }
}

#[test]
fn a_message_over_the_limit_is_cut_and_the_answer_survives_the_unread_rest() {
    let server = server(SERVER);
    let mut client = server.dial();
    client.write_all(&vec![b'x'; 1 << 20]).unwrap();
    client.shutdown(Shutdown::Write).unwrap();
    assert_eq!(rest_of(&client), ANSWER);
    let line = server.line();
    assert!(line.starts_with(&format!("{} sent 1024 bytes, ended by our size limit: \"xxx", peer(&client))), "{line}");
    assert_eq!(line.matches('x').count(), 1024);
}

/// Each of these lasts as long as the time limit of the server: at once.
pub fn our_time_limit_ends_a_message_without_an_end() {
    thread::scope(|scope| {
        for client in [
            a_silent_client_holds_the_next_one_no_longer_than_that,
            a_drip_does_not_stretch_it,
            the_usual_python_client_gets_its_answers,
        ] {
            scope.spawn(client);
        }
    });
}

fn a_silent_client_holds_the_next_one_no_longer_than_that() {
    let server = server(SERVER);
    let start = Instant::now();
    let silent = server.dial();
    let mut next = server.dial();
    next.write_all(b"me too\n").unwrap();
    assert_eq!(rest_of(&silent), ANSWER);
    assert!(start.elapsed() >= Duration::from_millis(1900), "{:?}", start.elapsed());
    assert_eq!(server.line(), format!("{} sent 0 bytes, ended by our time limit: \"\"", peer(&silent)));
    drop(silent);
    assert_eq!(rest_of(&next), ANSWER);
}

fn a_drip_does_not_stretch_it() {
    let server = server(SERVER);
    let client = server.dial();
    let mut tap = client.try_clone().unwrap();
    let (stop, stopped) = mpsc::channel::<()>();
    let drip = thread::spawn(move || {
        let mut drops = 0;
        while stopped.recv_timeout(Duration::from_millis(50)).is_err() && drops < 600 && tap.write_all(b".").is_ok() {
            drops += 1;
        }
        drops
    });
    assert_eq!(rest_of(&client), ANSWER);
    stop.send(()).unwrap();
    let drops = drip.join().unwrap();
    assert!((2..600).contains(&drops), "the server waited for {drops} drops");
    let line = server.line();
    assert!(line.contains("ended by our time limit: \"..") && line.ends_with('"'), "{line}");
}

fn the_usual_python_client_gets_its_answers() {
    for (name, answer) in [(SERVER, "Hello, Client!\n\n"), (THREADED, "Hello, Server!\n")] {
        let server = server(name);
        let Some(mut client) = python("tcp_client.py", server.addr().port()) else { return };
        let output = programs::run(&mut client, b"");
        assert_eq!((text(&output.out).as_str(), output.status), (answer, 0), "{}", output.err);
        if name == THREADED {
            server.line();
        }
        let last = server.line();
        let expected = ["14 bytes, ended by our time limit: \"Hello, Server!\"", "14 bytes sent back"];
        assert!(expected.iter().any(|end| last.ends_with(end)), "{last}");
    }
}

// ---- 2.1: bytes, and peers that go wrong ----

#[test]
fn bytes_that_are_no_text_are_shown_and_cannot_play_with_the_terminal() {
    let server = server(SERVER);
    let ask = |bytes: &[u8]| {
        let mut client = server.dial();
        client.write_all(bytes).unwrap();
        assert_eq!(rest_of(&client), ANSWER);
        let line = server.line();
        line.split_once("newline: ").expect("the message").1.to_owned()
    };
    assert_eq!(ask(b"\xff\xfe\x1b[2J\n"), r#"b"\xff\xfe\x1b[2J\n""#);
    assert_eq!(ask(b"\x1b]0;title\x07\r\n"), r#""\u{1b}]0;title\u{7}\r\n""#);
    assert_eq!(ask("a\u{202e}b\n".as_bytes()), r#""a\u{202e}b\n""#);
    assert_eq!(ask(&"你".as_bytes()[..2].iter().chain(b"\n").copied().collect::<Vec<u8>>()), r#"b"\xe4\xbd\n""#);
}

#[test]
fn a_client_that_leaves_or_resets_does_not_end_the_server() {
    let server = server(SERVER);
    for _ in 0..20 {
        drop(server.dial()); // a FIN at once: the answer finds nobody
        let mut hasty = server.dial();
        hasty.write_all(b"x\n").unwrap();
        uninterrupted(|| hasty.peek(&mut [0; 1])).unwrap(); // the answer is here, unread: now a close is a reset
    }
    let mut client = server.dial();
    client.write_all(b"still there?\n").unwrap();
    assert_eq!(rest_of(&client), ANSWER);
}

#[test]
fn a_reset_in_the_middle_of_a_message_is_one_line() {
    for name in [SERVER, THREADED] {
        let server = server(name);
        let Some(mut reset) = python("tcp_reset.py", server.addr().port()) else { return };
        let reset = programs::run(&mut reset, b"");
        assert_eq!(reset.status, 0, "{}", reset.err);
        let line = loop {
            let line = server.line();
            if !line.ends_with(": connected") {
                break line;
            }
        };
        assert!(line.to_lowercase().contains("reset"), "{line}");
        let mut client = server.dial();
        client.write_all(b"x\n").unwrap();
        assert_eq!(one(&client).unwrap(), 1, "{name} is gone");
        assert!(server.line().starts_with(&peer(&client).to_string()), "a reset is one line");
    }
}

// ---- 2.2 ----

#[test]
fn our_client_talks_to_our_servers() {
    for (name, answer) in [(SERVER, "Hello, Client!"), (THREADED, "Hello, Server!")] {
        let server = server(name);
        let output = run(CLIENT, [&server.addr().to_string()]);
        let expected = format!("connected to {0}\n{0} answered 15 bytes: \"{answer}\\n\"\n", server.addr());
        assert_eq!((output.text(), output.status), (expected, 0));
    }
}

#[test]
fn ipv6_works_both_ways() {
    if !has_ipv6("ipv6_works_both_ways") {
        return;
    }
    for name in [SERVER, THREADED] {
        let server = Running::server(PROGRAMS.command(name).arg("[::1]:0"));
        assert!(server.addr().is_ipv6());
        let output = run(CLIENT, [&server.addr().to_string()]);
        assert_eq!(output.status, 0, "{}", output.text());
    }
}

#[test]
fn a_name_with_several_addresses_is_tried_address_by_address() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let good = listener.local_addr().unwrap();
    let deadline = Instant::now() + LIMIT;
    let ((one, _kept), (two, _kept_too)) = (closed_port(), closed_port());
    let found = client::connect(&[one, good], deadline).unwrap();
    assert_eq!(found.peer_addr().unwrap(), good);

    let error = client::connect(&[one, two], deadline).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
    assert!(error.to_string().starts_with(&format!("connect to {one}: ")), "{error}");
    assert!(error.to_string().contains(&format!("; {two}: ")), "{error}");
    assert_eq!(client::connect(&[], deadline).unwrap_err().kind(), ErrorKind::NotFound);
}

/// Linux leaves a request unanswered while the queue of a listener is full, as a firewall that drops would.
#[cfg(target_os = "linux")]
pub fn a_silent_address_is_a_timeout_and_leaves_time_for_the_next() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = silent.local_addr().unwrap();
    let mut queue = Vec::new();
    while let Ok(stream) = TcpStream::connect_timeout(&address, Duration::from_millis(300)) {
        queue.push(stream);
        assert!(queue.len() < 10_000, "this backlog has no end");
    }
    let start = Instant::now();
    let error = client::connect(&[address], start + Duration::from_millis(300)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TimedOut, "{error}");
    let took = start.elapsed();
    assert!((Duration::from_millis(290)..LIMIT / 2).contains(&took), "{took:?}");

    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let good = listener.local_addr().unwrap();
    let found = client::connect(&[address, good], Instant::now() + Duration::from_secs(8)).unwrap();
    assert_eq!(found.peer_addr().unwrap(), good);
}

#[test]
fn an_answer_is_read_to_its_end_and_not_further_than_the_limit() {
    let (ours, mut peer) = pair();
    let writer = thread::spawn(move || {
        for byte in "Hello, 你好!".as_bytes().chunks(1) {
            peer.write_all(byte).unwrap();
        }
    });
    let answer = client::read_answer(&ours, Instant::now() + LIMIT).unwrap();
    assert_eq!(String::from_utf8(answer).unwrap(), "Hello, 你好!");
    writer.join().unwrap();

    let (ours, mut peer) = pair();
    let flood = thread::spawn(move || while peer.write_all(&[b'x'; 4096]).is_ok() {});
    let error = client::read_answer(&ours, Instant::now() + LIMIT).unwrap_err();
    assert_eq!((error.kind(), error.to_string().as_str()), (ErrorKind::InvalidData, "longer than 65536 bytes"));
    drop(ours);
    flood.join().unwrap();
}

#[test]
fn an_answer_that_drips_ends_with_the_deadline() {
    let (ours, mut peer) = pair();
    let (stop, stopped) = mpsc::channel::<()>();
    let drip = thread::spawn(move || {
        while stopped.recv_timeout(Duration::from_millis(20)).is_err() && peer.write_all(b".").is_ok() {}
    });
    let start = Instant::now();
    let error = client::read_answer(&ours, start + Duration::from_millis(300)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TimedOut, "{error}");
    let took = start.elapsed();
    assert!((Duration::from_millis(290)..LIMIT / 2).contains(&took), "{took:?}");
    stop.send(()).unwrap();
    drip.join().unwrap();
}

// ---- 2.5 ----

#[test]
fn a_silent_client_holds_nobody_up_when_each_has_a_thread() {
    let server = server(THREADED);
    let silent: Vec<TcpStream> = (0..20).map(|_| server.dial()).collect();
    for round in 0..3 {
        for client in &silent[10..] {
            let sent = format!("round {round} from {}", peer(client));
            (&mut &*client).write_all(sent.as_bytes()).unwrap();
            let mut back = vec![0; sent.len()];
            (&mut &*client).read_exact(&mut back).unwrap();
            assert_eq!(back, sent.as_bytes());
        }
    }
}

#[test]
fn the_echo_is_exact_and_arrives_after_the_client_has_half_closed() {
    let server = server(THREADED);
    let client = server.dial();
    let sent: Vec<u8> = (0..100_000u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let mut writer = client.try_clone().unwrap();
    let bytes = sent.clone();
    let writing = thread::spawn(move || {
        writer.write_all(&bytes).unwrap();
        writer.shutdown(Shutdown::Write).unwrap();
    });
    writing.join().unwrap(); // 100 kB fit into the buffers on the way, so the whole echo is read after the half-close
    let mut back = Vec::new();
    (&client).read_to_end(&mut back).unwrap();
    assert!(back == sent, "{} bytes came back, or others", back.len());
    assert_eq!(server.line(), format!("{}: connected", peer(&client)));
    assert_eq!(server.line(), format!("{}: 100000 bytes sent back", peer(&client)));
}

pub fn whoever_says_nothing_or_takes_nothing_is_idle() {
    let idle = Duration::from_millis(200);
    let (ours, _silent) = pair();
    let start = Instant::now();
    let error = threaded::echo(&ours, idle).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut), "{error}");
    assert!(start.elapsed() >= Duration::from_millis(190), "{:?}", start.elapsed());

    let (ours, mut greedy) = pair();
    let flood = thread::spawn(move || while greedy.write_all(&[b'x'; 1 << 16]).is_ok() {});
    let error = threaded::echo(&ours, idle).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut), "{error}");
    assert!(start.elapsed() < LIMIT / 2, "{:?}: that was not the idle time", start.elapsed());
    drop(ours);
    flood.join().unwrap();
}

/// Ctrl-Z and fg in the terminal of a server: a read that has a timeout is interrupted by that (signal(7)).
#[cfg(unix)]
#[test]
fn a_pause_of_the_whole_program_costs_no_connection() {
    let server = server(THREADED);
    let mut client = server.dial();
    for signal in ["STOP", "CONT", "STOP", "CONT"] {
        client.write_all(b"x").unwrap();
        if signal == "STOP" {
            assert_eq!(one(&client).unwrap(), 1);
        }
        let kill = format!("kill -{signal} {}", server.id());
        assert_eq!(support::programs::run(Command::new("sh").args(["-c", &kill]), b"").status, 0);
        if signal == "CONT" {
            assert_eq!(one(&client).unwrap(), 1, "interrupted, and the connection is gone");
        }
    }
}

/// 20 clients and descriptors for a few: the others wait in the backlog, and the accept loop neither ends nor spins.
#[cfg(unix)]
pub fn no_descriptor_left_is_survived_with_a_pause() {
    let server = Running::server(under("ulimit -n 10", &PROGRAMS.path(THREADED)).arg("127.0.0.1:0"));
    let mut clients: Vec<TcpStream> = (0..20).map(|_| server.dial()).collect();
    let start = Instant::now();
    let mut failures = 0;
    while failures < 4 {
        failures += usize::from(server.line().starts_with("accept: "));
    }
    assert!(start.elapsed() >= Duration::from_millis(290), "four failures in {:?}: it spins", start.elapsed());
    // The first ones leave, and those behind them are served, each in its turn.
    while !clients.is_empty() {
        let mut client = clients.remove(0);
        client.write_all(b"x").unwrap();
        assert_eq!(one(&client).unwrap(), 1);
    }
}

#[cfg(unix)]
#[test]
fn one_at_a_time_survives_that_too() {
    let server = Running::server(under("ulimit -n 4", &PROGRAMS.path(SERVER)).arg("127.0.0.1:0"));
    let _client = server.dial();
    let start = Instant::now();
    for _ in 0..4 {
        let line = server.line();
        assert!(line.starts_with("accept: "), "{line}");
    }
    assert!(start.elapsed() >= Duration::from_millis(290), "four failures in {:?}: it spins", start.elapsed());
}

/// Root feels no limit on processes, so the server runs as a user of its own; a user who is not root may have any
/// number of processes already, so there it is left out.
#[cfg(target_os = "linux")]
#[test]
fn no_thread_left_costs_that_client_only() {
    let (Some(mut alone), Some(mut server)) = (tool("setpriv"), tool("prlimit")) else { return };
    // A number that no other run of this test has, because the limit counts all processes of a user.
    let user = 1_000_000 + std::process::id();
    let user = [format!("--reuid={user}"), format!("--regid={user}"), "--clear-groups".to_owned()];
    let allowed = programs::run(alone.args(&user).arg(PROGRAMS.path(THREADED)).args(["a", "b"]), b"");
    if allowed.status != 2 {
        return note(&format!("skipped: no program can be run as another user here: {}", allowed.err));
    }
    server.args(["--nproc=4", "setpriv"]).args(&user).arg(PROGRAMS.path(THREADED)).arg("127.0.0.1:0");
    let server = Running::server(&mut server);
    let mut served = Vec::new();
    let mut turned_away = 0;
    for _ in 0..6 {
        let mut client = server.dial();
        client.write_all(b"x").unwrap();
        match one(&client) {
            Ok(1) => served.push(client),
            _ => turned_away += 1,
        }
    }
    assert_eq!((served.len(), turned_away), (3, 3));
    assert!((0..9).any(|_| server.line().contains("no thread: ")));
    drop(served.pop());
    // A thread ends a moment after its connection does: until then, newcomers are turned away like those before.
    let start = Instant::now();
    loop {
        let mut client = server.dial();
        let answered = client.write_all(b"x").and_then(|()| one(&client));
        if matches!(answered, Ok(1)) {
            break;
        }
        assert!(start.elapsed() < LIMIT, "the place never became free");
    }
}

// ---- the usual Python listings, both ways ----

#[test]
fn the_usual_python_servers_serve_our_client() {
    for (script, answer) in [
        ("tcp_server.py", "14 bytes: \"Hello, Client!\""),
        ("tcp_threaded_server.py", "15 bytes: \"Hello, Server!\\n\""),
    ] {
        let Some(mut server) = python(script, 0) else { return };
        let server = Running::server(&mut server);
        // The usual listing knows IPv4 only: the name leads to it, even where localhost means [::1] first.
        let output = run(CLIENT, [format!("localhost:{}", server.addr().port())]);
        assert_eq!(output.status, 0, "{}", output.text());
        assert!(output.text().ends_with(&format!(" answered {answer}\n")), "{}", output.text());
    }
}

// ---- wrong arguments, and a system that says no ----

#[test]
fn wrong_arguments_end_with_2_and_say_what_is_right() {
    for name in [SERVER, CLIENT, THREADED] {
        for addr in ["127.0.0.1:99999", "127.0.0.1", "here", "", "[::1]", "127.0.0.1:-1", "127.0.0.1:http"] {
            let output = run(name, [addr]);
            output.is_error(2, addr);
            assert!(output.text().contains(&format!("usage: {name} [ADDR]")), "{}", output.text());
        }
        run(name, ["127.0.0.1:0", "127.0.0.1:0"]).is_error(2, "one address at most");
        for help in ["--help", "-h"] {
            let usage = (0, format!("usage: {name} [ADDR]\n"), String::new());
            assert_eq!(run(name, [help]).parts(), usage, "who asks for help made no mistake");
        }
        #[cfg(unix)]
        {
            use std::os::unix::ffi::OsStrExt;
            run(name, [OsStr::from_bytes(b"\xff:1")]).is_error(2, "an address is text");
        }
    }
}

#[test]
fn a_name_that_cannot_be_is_an_error_without_a_packet() {
    // A label has at most 63 bytes (RFC 1035 section 2.3.4): this one is refused on this machine.
    let addr = format!("{}.test:8888", "a".repeat(64));
    for name in [SERVER, CLIENT, THREADED] {
        run(name, [&addr]).is_error(1, &addr);
    }
}

#[test]
fn a_system_that_says_no_is_an_error_with_a_hint() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = taken.local_addr().unwrap().to_string();
    for name in [SERVER, THREADED] {
        run(name, [&addr]).is_error(1, &format!("listen on {addr}: "));
        // TEST-NET-1 (RFC 5737): nobody's address, so not this machine's either.
        run(name, ["192.0.2.1:0"]).is_error(1, "hint: this machine has no such address");
    }
    let (nobody, _kept) = closed_port();
    let output = run(CLIENT, [nobody.to_string()]);
    output.is_error(1, &format!("connect to {nobody}: "));
    output.is_error(1, "hint: nobody listens there");
}

#[cfg(target_os = "linux")]
#[test]
fn a_reserved_port_is_an_error_with_a_hint() {
    let Some(mut child) = tool("setpriv") else { return };
    let first_free = std::fs::read_to_string("/proc/sys/net/ipv4/ip_unprivileged_port_start").unwrap_or_default();
    if first_free.trim().parse().unwrap_or(0) < 1024 {
        return note("skipped: ports below 1024 are free for everybody here");
    }
    // Without the right to use such ports, whoever runs this; nothing is bound, so no port is taken.
    child.args(["--bounding-set=-net_bind_service", "--inh-caps=-net_bind_service"]);
    let output = programs::run(child.arg(PROGRAMS.path(SERVER)).arg("127.0.0.1:1"), b"");
    if output.err.starts_with("setpriv: ") {
        return note(&format!("skipped: no right can be given away here: {}", output.err));
    }
    output.is_error(1, "listen on 127.0.0.1:1: ");
    output.is_error(1, "hint: ports below 1024");
}

#[cfg(unix)]
#[test]
fn a_closed_stdout_ends_a_program_without_a_panic() {
    let closed = || {
        let (ours, _peer) = pair();
        ours.shutdown(Shutdown::Write).unwrap(); // whoever writes into this now gets a broken pipe
        Stdio::from(std::os::fd::OwnedFd::from(ours))
    };
    let ends = |name, addr: &str| Running::unheard(PROGRAMS.command(name).arg(addr), closed()).0.end();
    for name in [SERVER, THREADED] {
        ends(name, "127.0.0.1:0").is_error(1, "error: ");
    }
    let server = server(SERVER);
    ends(CLIENT, &server.addr().to_string()).is_error(1, "error: ");
}

// ---- helpers ----

fn server(name: &str) -> Running {
    Running::server(PROGRAMS.command(name).arg("127.0.0.1:0"))
}

fn run<S: AsRef<OsStr>>(name: &str, args: impl IntoIterator<Item = S>) -> Left {
    PROGRAMS.run(name, args, b"")
}

fn python(script: &str, port: u16) -> Option<Command> {
    let mut command = programs::python(script)?;
    command.arg(port.to_string());
    Some(command)
}

fn peer(client: &TcpStream) -> SocketAddr {
    client.local_addr().unwrap()
}

/// Reads one byte, or 0 at the end.
fn one(mut client: &TcpStream) -> io::Result<usize> {
    uninterrupted(|| client.read(&mut [0; 1]))
}

/// All that still comes, up to the FIN.
fn rest_of(mut client: &TcpStream) -> String {
    let mut rest = Vec::new();
    client.read_to_end(&mut rest).unwrap();
    text(&rest)
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A moment between two pieces, so that they mostly travel apart; right or wrong does not hang on it.
fn tick() {
    let never = mpsc::channel::<()>();
    let _ = never.1.recv_timeout(Duration::from_millis(20));
}
