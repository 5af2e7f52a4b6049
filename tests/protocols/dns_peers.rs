//! Our DNS and that of others: the resolver asks nsd, named, knotd and dnsmasq; dig and dnspython ask the lab's name server;
//! dnspython reads and writes the same messages as our codec.
//!
//! A program that is missing is named on stderr, and what needs it is skipped; with NETPRIMER_PEERS=1 that is a failure.

use crate::support;
use netprimer::Deadline;
use netprimer::dns::{
    self, AA, Data, Edns, IN, Kind, Lookup, Message, Name, QR, Question, RA, RD, Record, Resolver, UDP_SIZE,
};
use netprimer::lab::dns::{Options, Zone, start};
use netprimer::stream::resolve;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::process::Command;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;
use support::files::Folder;
use support::network::{self, NAMES};
use support::programs::{Running, python_with, run, told, tool};
use support::sockets::both;
use support::{LIMIT, note, peers};

/// The zones that a foreign server is given: apex and text.
type Zones<'a> = &'a [(&'a str, &'a str)];

/// Starts a name server: nsd, named, knotd or dnsmasq. It is ready when this returns; `None` when it is not installed.
fn foreign(server: &str, zones: Zones<'_>) -> Option<((Running, Folder), SocketAddr)> {
    // Somebody else may take the port before the server does: then it ends, and the next try has another port.
    for _ in 0..3 {
        let mut command = tool(server)?;
        let (_, _, addr) = both();
        let folder = Folder::new();
        zones.iter().for_each(|(apex, text)| drop(folder.file(apex, text)));
        configure(&mut command, server, folder.path(), addr.port(), zones);
        let mut running = Running::start(&mut command);
        if answers(&mut running, addr, zones[0].0) {
            return Some(((running, folder), addr));
        }
    }
    panic!("{server} does not start");
}

/// Asks until there is an answer; `false` when the server ended instead.
fn answers(server: &mut Running, addr: SocketAddr, apex: &str) -> bool {
    let deadline = Deadline::after(LIMIT);
    let (_tick, timer) = mpsc::channel::<()>();
    let resolver = Resolver { attempts: 1, patience: Duration::from_millis(500), ..Resolver::at(addr) };
    let log = |server: &Running| server.said(|said| said.out.text() + &said.err.text());
    while !deadline.is_over() {
        if resolver.lookup(apex, Kind::SOA).is_ok() {
            return true;
        }
        if !server.is_running() {
            note(&log(server));
            return false;
        }
        // A foreign process has no other sign of being ready than its answer.
        let _ = timer.recv_timeout(Duration::from_millis(20));
    }
    panic!("no answer: {}", log(server));
}

fn configure(command: &mut Command, server: &str, folder: &Path, port: u16, zones: Zones<'_>) {
    let here = folder.display();
    let each = |form: &dyn Fn(&str) -> String| zones.iter().map(|(apex, _)| form(apex)).collect::<String>();
    let text = match server {
        "nsd" => {
            let zones = each(&|apex| format!("zone:\n  name: \"{apex}\"\n  zonefile: \"{apex}\"\n"));
            format!(
                "server:\n  ip-address: 127.0.0.1\n  port: {port}\n  username: \"\"\n  chroot: \"\"\n  zonesdir: \"{here}\"\n  \
                 database: \"\"\n  pidfile: \"{here}/pid\"\n  xfrdfile: \"{here}/xfrd\"\n  xfrdir: \"{here}\"\n  \
                 zonelistfile: \"{here}/list\"\n  server-count: 1\n  rrl-ratelimit: 0\nremote-control:\n  \
                 control-enable: no\n{zones}"
            )
        }
        "named" => {
            let zones = each(&|apex| format!("zone \"{apex}\" {{ type master; file \"{apex}\"; }};\n"));
            format!(
                "options {{ directory \"{here}\"; listen-on port {port} {{ 127.0.0.1; }}; listen-on-v6 {{ none; }}; \
                 pid-file \"{here}/pid\"; session-keyfile \"{here}/key\"; recursion no; dnssec-validation no; }};\n\
                 controls {{ }};\n{zones}"
            )
        }
        "knotd" => {
            let zones = each(&|apex| {
                format!("  - domain: {apex}\n    storage: {here}\n    file: {apex}\n    zonefile-sync: -1\n")
            });
            format!(
                "server:\n  rundir: {here}\n  listen: 127.0.0.1@{port}\ndatabase:\n  storage: {here}/db\nzone:\n{zones}"
            )
        }
        _ => String::new(),
    };
    let conf = folder.join("conf");
    std::fs::write(&conf, text).unwrap();
    match server {
        "nsd" => command.arg("-d").arg("-c").arg(conf),
        "named" => command.args(["-g", "-4", "-c"]).arg(conf),
        "knotd" => command.arg("-c").arg(conf),
        _ => command
            .args([
                "-k",
                "-C",
                "/dev/null",
                "--listen-address=127.0.0.1",
                "--bind-interfaces",
                "--no-resolv",
                "--no-hosts",
            ])
            .args(["-u", "root", "--local-ttl=300", "--auth-ttl=300", "-p", &port.to_string()])
            .arg("--host-record=www.zone.test,192.0.2.1,2001:db8::1")
            .args(["--cname=a1.zone.test,www.zone.test", "--cname=a2.zone.test,a1.zone.test"])
            .args(["--mx-host=zone.test,mail.zone.test,10", "--srv-host=_ftp._tcp.zone.test,www.zone.test,21,1,2"])
            .args(["--txt-record=txt.zone.test,one,two words", "--local=/zone.test/"])
            .arg(format!("--txt-record=big.zone.test{}", format!(",{}", "x".repeat(200)).repeat(8))),
    };
}

const ZONE: &str = r#"
zone.test. 300 IN SOA ns.zone.test. hostmaster.zone.test. 7 7200 900 1209600 60
zone.test. 300 IN NS ns.zone.test.
zone.test. 300 IN MX 10 mail.zone.test.
ns.zone.test. 300 IN A 127.0.0.1
www.zone.test. 300 IN A 192.0.2.1
www.zone.test. 300 IN AAAA 2001:db8::1
a1.zone.test. 300 IN CNAME www.zone.test.
a2.zone.test. 300 IN CNAME a1.zone.test.
_ftp._tcp.zone.test. 300 IN SRV 1 2 21 www.zone.test.
txt.zone.test. 300 IN TXT "one" "two words"
round.zone.test. 300 IN CNAME trip.zone.test.
trip.zone.test. 300 IN CNAME round.zone.test.
"#;

const REVERSE_4: &str = "
2.0.192.in-addr.arpa. 300 IN SOA ns.zone.test. hostmaster.zone.test. 7 7200 900 1209600 60
2.0.192.in-addr.arpa. 300 IN NS ns.zone.test.
1.2.0.192.in-addr.arpa. 300 IN PTR www.zone.test.
9.2.0.192.in-addr.arpa. 300 IN PTR www.zone.test.
";

const REVERSE_6: &str = "
8.b.d.0.1.0.0.2.ip6.arpa. 300 IN SOA ns.zone.test. hostmaster.zone.test. 7 7200 900 1209600 60
8.b.d.0.1.0.0.2.ip6.arpa. 300 IN NS ns.zone.test.
1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa. 300 IN PTR www.zone.test.
";

fn zone() -> String {
    let big = format!("big.zone.test. 300 IN TXT{}\n", format!(" \"{}\"", "x".repeat(200)).repeat(8));
    format!("{}{big}", ZONE.trim_start())
}

/// What a lookup found, as the Python side writes it.
fn shown(lookup: netprimer::Result<Lookup>) -> String {
    match lookup {
        Ok(Lookup::Found(records)) => {
            let mut data: Vec<String> = records.iter().map(|record| record.data.to_string()).collect();
            data.sort();
            data.join(" | ")
        }
        Ok(Lookup::NoData) => "no data".into(),
        Ok(Lookup::NoSuchName) => "no such name".into(),
        Err(error) => format!("error: {error}"),
    }
}

/// What every name server with these zones must tell us.
fn ask(server: &str, addr: SocketAddr) {
    let resolver = Resolver::at(addr);
    let is = |name: &str, kind, expected: &str| {
        assert_eq!(shown(resolver.lookup(name, kind)), expected, "{server}: {name} {kind}")
    };
    is("www.zone.test", Kind::A, "192.0.2.1");
    is("WWW.Zone.Test", Kind::AAAA, "2001:db8::1");
    is("a2.zone.test", Kind::A, "192.0.2.1");
    is("zone.test", Kind::MX, "10 mail.zone.test");
    is("_ftp._tcp.zone.test", Kind::SRV, "1 2 21 www.zone.test");
    is("txt.zone.test", Kind::TXT, "\"one\" \"two words\"");
    is("big.zone.test", Kind::TXT, &vec![format!("\"{}\"", "x".repeat(200)); 8].join(" "));
    is("www.zone.test", Kind::TXT, "no data");
    is("nobody.zone.test", Kind::A, "no such name");
    assert_eq!(resolver.names(IpAddr::from([192, 0, 2, 1])).unwrap(), [Name::parse("www.zone.test").unwrap()]);
    assert_eq!(resolver.names("2001:db8::1".parse().unwrap()).unwrap(), [Name::parse("www.zone.test").unwrap()]);
    let both: [IpAddr; 2] = ["192.0.2.1".parse().unwrap(), "2001:db8::1".parse().unwrap()];
    assert_eq!(resolver.addresses("a1.zone.test").unwrap(), both);
    assert_eq!(resolver.confirmed(both[1]).unwrap().len(), 1);
    if server != "dnsmasq" {
        is("_tcp.zone.test", Kind::A, "no data");
        is("a2.zone.test", Kind::CNAME, "a1.zone.test");
        is("zone.test", Kind::SOA, "ns.zone.test hostmaster.zone.test 7 7200 900 1209600 60");
        is("zone.test", Kind::NS, "ns.zone.test");
        assert_eq!(resolver.confirmed(IpAddr::from([192, 0, 2, 9])).unwrap(), [], "{server}: it says it is www");
        let circle = resolver.lookup("round.zone.test", Kind::A);
        assert!(circle.as_ref().is_err_and(|error| error.to_string().len() > 20), "{server}: {circle:?}");
        assert!(resolver.lookup("www.example.com", Kind::A).is_err(), "{server}: not its zone");
    }
}

fn ask_foreign(server: &str) {
    let zone = zone();
    let zones =
        [("zone.test", zone.as_str()), ("2.0.192.in-addr.arpa", REVERSE_4), ("8.b.d.0.1.0.0.2.ip6.arpa", REVERSE_6)];
    if let Some((_peer, addr)) = foreign(server, &zones) {
        ask(server, addr);
    }
}

#[test]
fn our_resolver_asks_nsd() {
    ask_foreign("nsd");
}

#[test]
fn our_resolver_asks_named() {
    ask_foreign("named");
}

#[test]
fn our_resolver_asks_knotd() {
    ask_foreign("knotd");
}

#[test]
fn our_resolver_asks_dnsmasq() {
    ask_foreign("dnsmasq");
}

#[test]
fn our_resolver_asks_the_lab() {
    let text = format!("{}{REVERSE_4}{REVERSE_6}", zone());
    let lab = start(Options { zone: Zone::parse(&text).unwrap(), ..Options::default() }).unwrap();
    ask("lab", lab.addr());
}

/// Numbers that are the same in every run (xorshift64, Marsaglia 2003).
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, n: u32) -> u32 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as u32 % n
    }

    fn short(&mut self) -> u16 {
        self.below(1 << 16) as u16
    }

    fn bytes(&mut self, most: u32) -> Vec<u8> {
        (0..self.below(most + 1)).map(|_| self.below(256) as u8).collect()
    }
}

/// A zone of 1,000 names with records of all types, and what to ask about it.
fn generated() -> (String, Vec<(String, Kind)>) {
    let mut numbers = Numbers(0x2545_f491_4f6c_dd1d);
    let mut text = zone()
        .lines()
        .filter(|line| line.starts_with("zone.test.") || line.starts_with("ns."))
        .map(|line| format!("{line}\n"))
        .collect::<String>();
    let mut questions = Vec::new();
    let all = [Kind::A, Kind::AAAA, Kind::CNAME, Kind::MX, Kind::TXT, Kind::SRV, Kind::NS, Kind::PTR, Kind::SOA];
    for n in 0..1000 {
        let owner = match n % 5 {
            0 => format!("host{n}.deep.er{}.zone.test", n % 7),
            1 => format!("Mixed{n}.zone.test"),
            2 => format!("dot\\.ted{n}.zone.test"),
            _ => format!("n{n}.zone.test"),
        };
        let target = |numbers: &mut Numbers| match numbers.below(4) {
            0 => "www.example.org.".to_owned(),
            _ => format!("n{}.zone.test.", numbers.below(1000)),
        };
        // An alias has no other records; aliases lead to a higher number or out of the zone, so that none goes round.
        if n % 9 == 0 {
            let to = match numbers.below(3) {
                0 => "www.example.org.".to_owned(),
                1 => format!("nobody{n}.zone.test."),
                _ => format!("n{}.zone.test.", n + 1 + numbers.below(3)),
            };
            text += &format!("{owner}. 300 IN CNAME {to}\n");
        } else {
            for _ in 0..=numbers.below(3) {
                let (one, two) = (numbers.below(250), numbers.below(250));
                text += &match numbers.below(7) {
                    0 | 1 => format!("{owner}. 300 IN A 192.0.{one}.{two}\n"),
                    2 => format!("{owner}. 300 IN AAAA 2001:db8::{one:x}:0:{two:x}\n"),
                    3 => format!("{owner}. 300 IN MX {one} {}\n", target(&mut numbers)),
                    4 => format!("{owner}. 300 IN TXT \"{}\" \"v={one} and more\"\n", "x".repeat(two as usize)),
                    5 => format!("{owner}. 300 IN SRV {one} {two} 80 {}\n", target(&mut numbers)),
                    _ => format!("{owner}. 300 IN PTR {}\n", target(&mut numbers)),
                };
            }
            if n % 50 == 1 {
                // Too long for a datagram.
                (0..8).for_each(|n| text += &format!("{owner}. 300 IN TXT \"{n}{}\"\n", "y".repeat(200)));
            }
        }
        questions.extend(all[..3].iter().map(|kind| (owner.clone(), *kind)));
        let kind = if n % 50 == 1 { Kind::TXT } else { all[numbers.below(9) as usize] };
        questions.push((owner.to_uppercase(), kind));
    }
    for n in 0..50 {
        questions.push((format!("nobody{n}.zone.test"), Kind::A));
        questions.push((format!("er{}.zone.test", n % 9), Kind::TXT));
    }
    // The same record twice is one; name servers say it once.
    let mut lines: Vec<&str> = Vec::new();
    for line in text.lines() {
        if !lines.contains(&line) {
            lines.push(line);
        }
    }
    (lines.join("\n") + "\n", questions)
}

/// What our Python program says to this input, and what it complains of.
fn through_python(args: &[&str], input: &[u8]) -> Option<(Vec<u8>, String)> {
    let left = run(python_with("dns.message", "dns_peer.py")?.args(args), input);
    assert_eq!(left.status, 0, "{}", left.err);
    Some((left.out, left.err))
}

/// What dnspython finds at this server, a line for each question.
fn dnspython(addr: SocketAddr, questions: &[(String, Kind)]) -> Option<Vec<String>> {
    let input: String = questions.iter().map(|(name, kind)| format!("{name} {kind}\n")).collect();
    let (output, complaints) = through_python(&["resolve", &addr.port().to_string()], input.as_bytes())?;
    assert_eq!(complaints, "");
    Some(String::from_utf8(output).unwrap().lines().map(str::to_owned).collect())
}

/// What dig finds: the lines of all answers, sorted.
fn dig(addr: SocketAddr, questions: &[(String, Kind)]) -> Option<Vec<String>> {
    let mut dig = tool("dig")?;
    let folder = Folder::new();
    let batch: String = questions.iter().map(|(name, kind)| format!("{name} {kind}\n")).collect();
    dig.args(["@127.0.0.1", "-p", &addr.port().to_string(), "+noall", "+answer", "+authority", "+nocookie", "-f"]);
    let text = run(dig.arg(folder.file("batch", batch)), b"").text();
    // Tabs and the case of the owner are a matter of taste: some servers repeat the question's, some the zone's.
    let plain = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase();
    // nsd names the servers of the zone with every answer; we leave that to who asks for it.
    let wanted = |line: &String| !line.is_empty() && !line.contains(" in ns ");
    let mut lines: Vec<String> = text.lines().map(plain).filter(wanted).collect();
    lines.sort();
    Some(lines)
}

#[test]
fn a_thousand_names_are_the_same_for_everybody() {
    let (text, mut questions) = generated();
    if !peers() {
        questions = questions.into_iter().step_by(3).collect();
    }
    let ours = |addr| {
        let resolver = Resolver::at(addr);
        let line = |(name, kind): &(String, Kind)| format!("{name} {kind} -> {}", shown(resolver.lookup(name, *kind)));
        questions.iter().map(line).collect::<Vec<_>>()
    };
    let lab = start(Options { zone: Zone::parse(&text).unwrap(), ..Options::default() }).unwrap();
    let lookups = ours(lab.addr());
    for what in ["no data", "no such name", "192.0.", "2001:db8", "yyyy", "www.example.org"] {
        assert!(lookups.iter().any(|line| line.contains(what)), "{what}");
    }
    assert!(!lookups.iter().any(|line| line.contains("error")), "{lookups:#?}");
    let python = |at: &str, addr| {
        if let Some(theirs) = dnspython(addr, &questions) {
            same(&format!("our resolver and dnspython at {at}"), &lookups, &theirs);
        }
    };
    // They only ask: all of them at once.
    thread::scope(|scope| {
        scope.spawn(|| python("the lab", lab.addr()));
        let Some((_peer, nsd)) = foreign("nsd", &[("zone.test", &text)]) else { return };
        thread::scope(|scope| {
            scope.spawn(|| same("our resolver at the lab and at nsd", &lookups, &ours(nsd)));
            scope.spawn(|| python("nsd", nsd));
            let here = scope.spawn(|| dig(lab.addr(), &questions));
            if let (Some(there), Some(here)) = (dig(nsd, &questions), here.join().unwrap()) {
                assert!(here.len() > questions.len() / 2);
                same("dig at the lab and at nsd", &here, &there);
            }
        });
    });
}

/// Without case: nsd points to the name in the question wherever it can, and so gives other names its case.
fn same(what: &str, one: &[String], two: &[String]) {
    let differs: Vec<_> = one.iter().zip(two).filter(|(one, two)| !one.eq_ignore_ascii_case(two)).take(5).collect();
    assert!(differs.is_empty(), "{what}: {differs:#?}");
    assert_eq!(one.len(), two.len(), "{what}");
}

/// A message with anything in it that both sides know; each record has an owner of its own.
fn message(numbers: &mut Numbers) -> Message {
    let label = |numbers: &mut Numbers| match numbers.below(5) {
        0 => numbers.bytes(62).iter().chain([&0]).map(|byte| format!("\\{byte:03}")).collect::<String>(),
        1 => "WWW".to_owned(),
        n => format!("label-{n}-{}", numbers.below(50)),
    };
    let name = |numbers: &mut Numbers| {
        let labels: Vec<String> = (0..numbers.below(4)).map(|_| label(numbers)).collect();
        let end = ["example.com", "Example.COM", "test", "b.a.test"][numbers.below(4) as usize];
        let text = if labels.is_empty() { end.to_owned() } else { format!("{}.{end}", labels.join(".")) };
        if numbers.below(20) == 0 { Name::root() } else { Name::parse(&text).unwrap_or_else(|_| Name::root()) }
    };
    let data = |numbers: &mut Numbers| match numbers.below(10) {
        0 => Data::A(numbers.below(u32::MAX).into()),
        1 => Data::Aaaa((u128::from(numbers.below(u32::MAX)) << 96 | u128::from(numbers.below(u32::MAX))).into()),
        2 => Data::Cname(name(numbers)),
        3 => Data::Ns(name(numbers)),
        4 => Data::Ptr(name(numbers)),
        5 => Data::Mx { preference: numbers.short(), host: name(numbers) },
        6 => Data::Txt((0..=numbers.below(3)).map(|_| numbers.bytes(255)).collect()),
        7 => Data::Soa {
            primary: name(numbers),
            mailbox: name(numbers),
            serial: numbers.below(u32::MAX),
            refresh: numbers.below(1 << 31),
            retry: numbers.below(1 << 31),
            expire: numbers.below(1 << 31),
            minimum: numbers.below(1 << 31),
        },
        8 => Data::Srv {
            priority: numbers.short(),
            weight: numbers.short(),
            port: numbers.short(),
            target: name(numbers),
        },
        // Numbers that nobody has a meaning for (RFC 6895 section 3.1: for private use).
        _ => Data::Other { kind: Kind(65_280 + numbers.below(250) as u16), bytes: numbers.bytes(300) },
    };
    let records = |numbers: &mut Numbers| -> Vec<Record> {
        let record = |numbers: &mut Numbers| Record {
            name: name(numbers),
            class: IN,
            ttl: numbers.below(1 << 31),
            data: data(numbers),
        };
        (0..numbers.below(4)).map(|_| record(numbers)).collect()
    };
    let flags = [QR, AA, RD, RA, 0x20, 0x10].iter().filter(|_| numbers.below(2) == 1).sum::<u16>();
    let edns = (numbers.below(2) == 1).then(|| Edns {
        udp_size: numbers.short(),
        rcode_high: 0,
        version: 0,
        flags: (numbers.below(2) << 15) as u16,
        options: (0..numbers.below(3)).map(|_| (65_001 + numbers.below(500) as u16, numbers.bytes(40))).collect(),
    });
    Message {
        id: numbers.short(),
        flags: flags | numbers.below(6) as u16,
        questions: vec![Question { name: name(numbers), kind: Kind(1 + numbers.below(16) as u16), class: IN }],
        answers: records(numbers),
        authority: records(numbers),
        additional: records(numbers),
        edns,
    }
}

#[test]
fn messages_through_dnspython_and_back() {
    let mut numbers = Numbers(0x1234_5678_9abc_def1);
    let count = if peers() { 10_000 } else { 1_000 };
    let messages: Vec<Message> = (0..count).map(|_| message(&mut numbers)).collect();
    // In parts, for what a program of a test may say has a limit.
    messages.chunks(2_000).for_each(through_dnspython);
}

fn through_dnspython(messages: &[Message]) {
    let mut input = Vec::new();
    for message in messages {
        let wire = message.encode().unwrap();
        input.extend((wire.len() as u16).to_be_bytes());
        input.extend(wire);
    }
    let Some((output, complaints)) = through_python(&["codec"], &input) else { return };
    let mut rest = output.as_slice();
    for (n, message) in messages.iter().enumerate() {
        let (length, after) = rest.split_at_checked(2).unwrap_or_else(|| panic!("message {n}: {complaints}"));
        let (wire, after) = after.split_at(u16::from_be_bytes(length.try_into().unwrap()).into());
        rest = after;
        let back =
            Message::parse(wire).unwrap_or_else(|error| panic!("message {n}: {error}\n{message:?}\n{complaints}"));
        // `==` on names is blind to the case, and so is dnspython when it compresses.
        assert_eq!(&back, message, "message {n}");
    }
    assert!(rest.is_empty() && complaints.is_empty(), "{complaints}");
}

#[test]
fn dig_asks_the_lab() {
    if tool("dig").is_none() {
        return;
    }
    let lab = start(Options { zone: Zone::lesson(), ..Options::default() }).unwrap();
    let ask = |args: &[&str]| {
        let mut dig = tool("dig").unwrap();
        dig.args(["@127.0.0.1", "-p", &lab.addr().port().to_string(), "+time=5", "+tries=1"]);
        String::from_utf8(run(dig.args(args), b"").out).unwrap()
    };
    assert_eq!(ask(&["+short", "www.example.com"]), "93.184.216.34\n");
    assert_eq!(ask(&["+short", "+tcp", "www.example.com"]), "93.184.216.34\n");
    assert_eq!(ask(&["+short", "-x", "93.184.216.34"]), "www.example.com.\n");
    assert_eq!(ask(&["+short", "web.example.com", "AAAA"]), "www.example.com.\n2606:2800:220:1:248:1893:25c8:1946\n");
    assert!(ask(&["+short", "big.example.com", "TXT"]).len() > 1600);
    for (args, expected) in [
        (&["www.example.com"][..], "flags: qr aa rd; QUERY: 1, ANSWER: 1, AUTHORITY: 0, ADDITIONAL: 1"),
        (&["+noedns", "www.example.com"], "ANSWER: 1, AUTHORITY: 0, ADDITIONAL: 0"),
        (&["www.example.com"], &format!("udp: {UDP_SIZE}")),
        (&["nobody.example.com"], "status: NXDOMAIN"),
        (&["www.example.org"], "status: REFUSED"),
        (&["-c", "CH", "version.bind", "TXT"], "status: REFUSED"),
        (&["+noednsnegotiation", "+edns=1", "www.example.com"], "status: BADVERS"),
        (&["+opcode=15", "www.example.com"], "status: NOTIMP"),
        (&["+ignore", "big.example.com", "TXT"], "flags: qr aa tc rd; QUERY: 1, ANSWER: 0"),
        (&["+tcp", "big.example.com", "TXT"], "flags: qr aa rd; QUERY: 1, ANSWER: 1"),
        (&["example.com", "ANY", "+notcp"], "ANSWER: 1,"),
        (&["example.com", "AXFR"], "Transfer failed"),
        (&["loop.example.com"], "status: NOERROR"),
    ] {
        let text = ask(args);
        assert!(text.contains(expected), "{args:?}: {expected}\n{text}");
        for complaint in ["malformed", "mismatch", "bad packet", "extra bytes"] {
            assert!(!text.contains(complaint), "{args:?}\n{text}");
        }
    }
}

/// In a network of its own a test may have port 53 and a resolv.conf: so the system's resolver can be asked, too.
#[test]
fn the_system_asks_the_lab() {
    match told() {
        Some(_) => inside(),
        None => drop(network::own("the_system_asks_the_lab", "in here", &NAMES, "")),
    }
}

fn inside() {
    let lab = start(Options { zone: Zone::lesson(), port: 53, ..Options::default() }).unwrap();
    let expected = dns::addresses("www.example.com").unwrap();
    assert_eq!(expected, Resolver::at(lab.addr()).addresses("www.example.com").unwrap());
    let mut system: Vec<IpAddr> =
        resolve("www.example.com", 80, Duration::from_secs(20).into()).unwrap().iter().map(SocketAddr::ip).collect();
    system.sort(); // the system puts those first that it can reach
    assert_eq!(system, expected);
    let ip = IpAddr::from([93, 184, 216, 34]);
    assert_eq!(dns::names(ip).unwrap(), [Name::parse("www.example.com").unwrap()]);
    if let Some(mut python) = tool("python3") {
        let script =
            "import socket; print(socket.gethostbyaddr('93.184.216.34')[0], socket.gethostbyname('web.example.com'))";
        let (status, out, err) = run(python.args(["-c", script]), b"").parts();
        assert_eq!((status, out.as_str()), (0, "www.example.com 93.184.216.34\n"), "{err}");
    }
}
