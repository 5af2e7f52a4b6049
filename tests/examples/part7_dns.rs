//! Lesson 7.1 as a learner meets it: the program with its options, against the lab, against servers that lie or are silent,
//! and beside the calls of the usual Python listing.

use crate::{PROGRAMS, support};
use netprimer::dns::{AA, Data, IN, Kind, Message, Name, Record};
use netprimer::lab::dns::{Lie, NameServer, Options, Zone, reply, serve, start};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use support::LIMIT;
use support::network::{self, NAMES};
use support::programs::{Running, close, first_line, run, told, tool};
use support::sockets::udp;

fn dns<S: AsRef<std::ffi::OsStr>>(args: impl IntoIterator<Item = S>) -> (i32, String, String) {
    PROGRAMS.run("07_1_dns", args, b"").parts()
}

/// What it prints about these questions, asked at this server.
fn asked(lab: &NameServer, args: &[&str]) -> String {
    let (status, out, err) = dns(["--server", &lab.addr().to_string()].iter().chain(args));
    assert_eq!((status, err.as_str()), (0, ""), "{args:?}");
    out
}

fn lab(lies: Vec<Lie>) -> NameServer {
    start(Options { zone: Zone::lesson(), lies, ..Options::default() }).unwrap()
}

#[test]
fn without_arguments_it_asks_a_server_of_its_own() {
    let (status, out, err) = dns([""; 0]);
    assert_eq!((status, err.as_str()), (0, ""), "{out}");
    let (first, rest) = out.split_once('\n').unwrap();
    let port: u16 = first.strip_prefix("lab: DNS server on 127.0.0.1:").expect(first).parse().unwrap();
    assert!(port > 0);
    let expected = "\
www.example.com -> 93.184.216.34
www.example.com -> 2606:2800:220:1:248:1893:25c8:1946
93.184.216.34 -> www.example.com, confirmed
2606:2800:220:1:248:1893:25c8:1946 -> www.example.com, confirmed
";
    assert_eq!(rest, expected);
}

#[test]
fn no_is_an_answer() {
    let lab = lab(vec![]);
    let questions = [
        "nobody.example.com",
        "_tcp.example.com",
        "93.184.216.1",
        "93.184.216.66",
        "::ffff:93.184.216.34",
        "LOCALHOST.",
    ];
    let expected = "\
nobody.example.com -> no such name
_tcp.example.com -> the name exists, but has no A record
93.184.216.1 -> no name
93.184.216.66 -> www.example.com, NOT confirmed
::ffff:93.184.216.34 -> www.example.com, confirmed
LOCALHOST -> 127.0.0.1
LOCALHOST -> ::1
";
    assert_eq!(asked(&lab, &questions), expected);
}

#[test]
fn other_types_of_records() {
    let lab = lab(vec![]);
    for (kind, name, expected) in [
        (
            "MX",
            "example.com",
            "example.com 300 IN MX 10 mail.example.com\nexample.com 300 IN MX 20 backup.example.com\n",
        ),
        ("txt", "example.com", "example.com 300 IN TXT \"v=spf1 -all\"\n"),
        ("NS", "example.com.", "example.com 3600 IN NS ns.example.com\n"),
        ("CNAME", "web.example.com", "web.example.com 300 IN CNAME www.example.com\n"),
        ("A", "web.example.com", "www.example.com 300 IN A 93.184.216.34\n"),
        ("SRV", "_ftp._tcp.example.com", "_ftp._tcp.example.com 300 IN SRV 0 5 2121 www.example.com\n"),
        ("PTR", "93.184.216.34", "34.216.184.93.in-addr.arpa 300 IN PTR www.example.com\n"),
        ("AAAA", "ns.example.com", "ns.example.com -> the name exists, but has no AAAA record\n"),
        ("TYPE65", "www.example.com", "www.example.com -> the name exists, but has no TYPE65 record\n"),
        ("MX", "nobody.example.com", "nobody.example.com -> no such name\n"),
    ] {
        assert_eq!(asked(&lab, &["--kind", kind, name]), expected);
    }
    let soa = "example.com 3600 IN SOA ns.example.com hostmaster.example.com 1 7200 900 1209600 300\n";
    assert_eq!(asked(&lab, &["--kind=SOA", "example.com"]), soa);
}

#[test]
fn every_message_is_explained() {
    let lab = lab(vec![]);
    let out = asked(&lab, &["--explain", "--kind", "A", "www.example.com"]);
    let rows = [
        "C -> S  44 bytes\nbyte  +0 +1 +2 +3 +4 +5 +6 +7   what it means\n",
        "\n0002  01 00                     a query, RD ",
        "\n000c  03 77 77 77               label \"www\"\n",
        "\n\nS -> C  60 bytes\nbyte  +0",
        "\n0021  c0 0c                     pointer ──> 000c: www.example.com\n",
        "\n002d  5d b8 d8 22               93.184.216.34\n",
        "\n\nwww.example.com 300 IN A 93.184.216.34\n",
    ];
    let mut rest = out.as_str();
    for row in rows {
        rest = rest.split_once(row).unwrap_or_else(|| panic!("{row:?} in this order in {out}")).1;
    }
    assert_eq!(rest, "");

    // What does not fit comes over TCP: four messages, the second of them cut.
    let out = asked(&lab, &["--explain", "--kind", "TXT", "big.example.com"]);
    let messages: Vec<&str> = out.split("byte  +0").collect();
    assert_eq!(messages.len(), 5, "{out}");
    let words = messages[2].split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(words.contains("TC truncated") && words.contains(" 0 answers"), "{words}");
    assert!(messages[4].contains(" 1 answer\n") && messages[4].matches("label").count() == 3, "{}", messages[4]);
    let wide = messages[..4].concat().lines().map(|line| line.chars().count()).max();
    assert!(wide <= Some(76), "{wide:?}");
}

#[test]
fn what_lies_is_explained_and_not_believed() {
    let lies = vec![Lie::Junk, Lie::Cut, Lie::WrongId(2), Lie::OtherQuestion, Lie::Stray];
    let out = asked(&lab(lies), &["--explain", "www.example.com"]);
    assert!(out.contains("HERE IT BREAKS") && out.contains("bank.example") && out.contains("192.0.2.66"), "{out}");
    let answers: Vec<&str> = out.lines().filter(|line| line.starts_with("www.example.com -> ")).collect();
    assert_eq!(answers, ["www.example.com -> 93.184.216.34", "www.example.com -> 2606:2800:220:1:248:1893:25c8:1946"]);
}

#[test]
fn the_wire_is_told_on_stderr() {
    let lab = lab(vec![]);
    let address = lab.addr().to_string();
    let (status, out, err) = dns(["--wire", "--server", &address, "--kind", "A", "www.example.com"]);
    assert_eq!((status, out.as_str()), (0, "www.example.com 300 IN A 93.184.216.34\n"));
    assert!(err.starts_with("C:       0  1  2") && err.contains("\nS: 0000 "), "{err}");
    assert!(err.contains(".example.com") && err.lines().all(|line| line.len() <= 76), "{err}");
    let begin = Instant::now();
    let out = asked(&lab, &["--slow=0.1", "--explain", "--kind", "A", "www.example.com"]);
    assert!(
        out.contains("pointer") && begin.elapsed() >= Duration::from_millis(200),
        "a pause before each turn: {out}"
    );
}

#[test]
fn wrong_arguments_are_status_2() {
    for (args, says) in [
        (&["a..b"][..], "a label is empty"),
        (&[""], "a label is empty"),
        (&["b\u{fc}cher.example"], "xn--"),
        (&["two words"], "\\DDD"),
        (&["\u{1b}]0;x\u{7}"], "\\DDD"),
        (&[&format!("{}.example", "x".repeat(64))], "longer than 63"),
        (&[&["x"; 130].join(".")], "longer than 255"),
        (&["--kind", "NONE", "example.com"], "no type of record"),
        (&["--kind"], "a value is required"),
        (&["--server", "127.0.0.1:65536"], "a port is a number"),
        (&["--server", "[::1"], "a bracket is not closed"),
        (&["--server", ""], "a host has a name"),
        (&["--server", "127.0.0.1:5300", "--system"], "cannot be used with"),
        (&["--slow=often"], "not a number of seconds"),
        (&["--nonsense"], "unexpected argument"),
    ] {
        let (status, out, err) = dns(args);
        assert_eq!((status, out.as_str()), (2, ""), "{args:?}: {err}");
        assert!(err.starts_with("error: ") && err.contains(says) && !err.contains("panicked"), "{args:?}: {err}");
    }
    let (status, out, err) = dns(["--help"]);
    assert_eq!((status, err.as_str()), (0, ""));
    assert!(out.contains("--explain") && out.contains("[QUESTION]..."), "{out}");
}

pub fn who_does_not_answer_is_an_error() {
    let failed = |args: &[&str], says: &str| {
        let (status, out, err) = dns(args);
        assert_eq!((status, out.as_str()), (1, ""), "{args:?}: {err}");
        assert!(err.starts_with("error: look up ") && err.contains(says), "{err}");
    };
    // Held, and deaf to all but one stranger: for us nobody listens there.
    let (closed, stranger) = (udp(), udp());
    closed.connect(stranger.local_addr().unwrap()).unwrap();
    let closed = closed.local_addr().unwrap().to_string();
    let silent = udp();
    let address = silent.local_addr().unwrap().to_string();
    let begin = Instant::now();
    if cfg!(target_os = "linux") {
        failed(&["--server", &closed, "www.example.com"], "Connection refused");
    }
    failed(&["--server", &address, "93.184.216.34"], "34.216.184.93.in-addr.arpa PTR at 127.0.0.1:");
    // Two attempts of two seconds, and a machine that is busy.
    assert!((Duration::from_secs(4)..LIMIT).contains(&begin.elapsed()), "{:?}", begin.elapsed());

    let (lab, fails) = (lab(vec![]), lab(vec![Lie::Fails]));
    failed(&["--server", &lab.addr().to_string(), "www.example.org"], "refused (REFUSED)");
    let (status, out, err) = dns(["--server", &lab.addr().to_string(), "loop.example.com"]);
    assert_eq!((status, out.as_str()), (1, ""));
    assert!(err.starts_with("error: the aliases do not end after 8"), "{err}");
    failed(&["--server", &fails.addr().to_string(), "www.example.com"], "failed (SERVFAIL)");
}

#[test]
fn what_was_found_is_printed_before_the_error() {
    let lab = lab(vec![]);
    let (status, out, err) =
        dns(["--server", &lab.addr().to_string(), "ns.example.com", "www.example.org", "x.example.com"]);
    assert_eq!((status, out.as_str()), (1, "ns.example.com -> 192.0.2.53\n"));
    assert!(err.contains("www.example.org A"), "{err}");
}

/// A name with all that a terminal obeys, a dot inside a label, and bytes that are no text.
fn hostile() -> Name {
    Name::parse(r"\027]0\;x\007.a\.b\010error:\032\013\000.\155\255.evil").unwrap()
}

#[test]
fn names_and_texts_of_strangers_are_printed_safely() {
    let lab = serve(|query: &Message| {
        let owner = query.questions.first()?.name.clone();
        let record = |data| Record { name: owner.clone(), class: IN, ttl: 1, data };
        let answers = match query.questions.first()?.kind.to_string().as_str() {
            "PTR" => (0..20).map(|_| record(Data::Ptr(hostile()))).collect(),
            "TXT" => vec![record(Data::Txt(vec![b"\x1b[2J\"\r\nerror: \xff\x00".to_vec(), Vec::new()]))],
            "TYPE65" => vec![record(Data::Other { kind: Kind(65), bytes: b"\x1b[2J".to_vec() })],
            "CNAME" => vec![record(Data::Cname(hostile()))],
            _ => Vec::new(),
        };
        let answer = reply(query);
        Some(Message { answers, flags: answer.flags | AA, ..answer })
    })
    .unwrap();
    let shown = hostile().to_string();
    for (args, lines) in [
        (&["192.0.2.1"][..], 20),
        (&["--kind", "TXT", "x.example"], 1),
        (&["--kind", "TYPE65", "x.example"], 1),
        (&["--kind", "CNAME", "x.example"], 1),
        (&[&shown], 1),
        (&["--explain", "192.0.2.1"], usize::MAX),
        (&["--explain", "--kind", "TXT", "x.example"], usize::MAX),
    ] {
        let out = asked(&lab, args);
        let bad = out.chars().find(|c| c.is_control() && *c != '\n' || !c.is_ascii() && !"─>".contains(*c));
        assert_eq!(bad, None, "{args:?}: {out:?}");
        assert!(!out.lines().any(|line| line.starts_with("error")), "{out}");
        assert!(lines == usize::MAX || out.lines().count() == lines, "{args:?}: {out}");
    }
    assert!(asked(&lab, &["192.0.2.1"]).starts_with(&format!("192.0.2.1 -> {shown}, NOT confirmed\n")));
}

#[test]
fn a_closed_output_ends_it_quietly() {
    let lab = lab(vec![]);
    // Far more than a pipe holds, and one line of it is read, as by `| head -n 1`.
    let mut command = PROGRAMS.command("07_1_dns");
    command.args(["--explain", "--server", &lab.addr().to_string()]).args(vec!["www.example.com"; 200]);
    let (program, stdout) = Running::unheard(&mut command, Stdio::piped());
    let (line, reader) = first_line(stdout.unwrap());
    assert_eq!(line, "C -> S  44 bytes");
    close(reader);
    let left = program.end();
    assert_eq!((left.status, left.err.as_str()), (0, ""));
}

/// The usual Python calls, `--system` and std beside each other: all ask port 53 of 127.0.0.1, where the lab listens.
#[test]
fn the_usual_python_calls_and_this_program_agree() {
    if let Some(program) = told() {
        return inside(&program);
    }
    if tool("python3").is_some() {
        // Built here: inside there may be no way to build.
        let program = PROGRAMS.path("07_1_dns");
        network::own("the_usual_python_calls_and_this_program_agree", program.to_str().unwrap(), &NAMES, "");
    }
}

/// The usual calls, with what they raise.
const PYTHON: &str = "
import socket
print(socket.gethostbyname('www.example.com'))
print(socket.gethostbyaddr('93.184.216.34')[0])
print(socket.gethostbyaddr('93.184.216.66')[0])
for call, question in ((socket.gethostbyname, 'nobody.example.com'), (socket.gethostbyname, 'mail6.example.com'),
                       (socket.gethostbyname, 'www.example.org'), (socket.gethostbyaddr, '93.184.216.1')):
    try:
        print(call(question))
    except OSError as error:
        print(type(error).__name__)
";

fn inside(program: &str) {
    let mut zone = Zone::lesson();
    let six = Data::Aaaa("2001:db8::25".parse().unwrap());
    zone.push(Record { name: Name::parse("mail6.example.com").unwrap(), class: IN, ttl: 1, data: six });
    let lab = start(Options { zone, port: 53, ..Options::default() }).unwrap();
    assert_eq!(lab.addr().port(), 53);

    let (status, out, err) = run(Command::new("python3").args(["-c", PYTHON]), b"").parts();
    assert_eq!(status, 0, "{err}");
    // It believes the liar, cannot say that there is only an IPv6 address, and raises the same for a name that is
    // missing and a server that refuses.
    let expected = "93.184.216.34\nwww.example.com\nwww.example.com\ngaierror\ngaierror\ngaierror\nherror\n";
    assert_eq!(out, expected);

    let system = |args: &[&str]| run(Command::new(program).arg("--system").args(args), b"").parts();
    let (status, out, err) = system(&["www.example.com", "93.184.216.66", "nobody.example.com", "mail6.example.com"]);
    assert_eq!((status, err.as_str()), (0, ""));
    let mut lines: Vec<&str> = out.lines().collect();
    lines[2..4].sort(); // the system puts those first that it can reach
    let expected = [
        "www.example.com -> 93.184.216.34",
        "www.example.com -> 2606:2800:220:1:248:1893:25c8:1946",
        "std: www.example.com -> 2606:2800:220:1:248:1893:25c8:1946",
        "std: www.example.com -> 93.184.216.34",
        "93.184.216.66 -> www.example.com, NOT confirmed",
        "nobody.example.com -> no such name",
    ];
    assert_eq!(lines[..6], expected, "{out}");
    assert!(lines[6].starts_with("std: look up nobody.example.com: "), "{out}");
    assert_eq!(lines[7..], ["mail6.example.com -> 2001:db8::25", "std: mail6.example.com -> 2001:db8::25"]);

    let (status, _, err) = system(&["www.example.org"]);
    assert!(status == 1 && err.contains("127.0.0.1:53: the server refused"), "{err}");
}
