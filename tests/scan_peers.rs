//! The port scanner against what others wrote: nmap, and the usual Python listing's own calls. Where a test may make a
//! network namespace, this machine gets a second loopback with a firewall, for the time of the test and for it alone.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use netprimer::lab::ports::Ports;
use netprimer::scan::{Scan, State};
use std::collections::BTreeMap;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, TcpListener};
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

const HOME: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const HOME6: IpAddr = IpAddr::V6(Ipv6Addr::LOCALHOST);

/// The hard limit on a program of these tests.
const LIMIT: Duration = Duration::from_secs(60);

/// Whether a peer may be used. One that is missing is named, or is a failure where the peers were promised.
fn there(peer: &str, command: &mut Command) -> bool {
    let works = command.stdin(Stdio::null()).output().is_ok_and(|output| output.status.success());
    if !works {
        assert!(std::env::var_os("NETPRIMER_PEERS").is_none(), "NETPRIMER_PEERS is set, and there is no {peer}");
        let _ = writeln!(io::stderr(), "skipped: {peer} is missing here");
    }
    works
}

fn has_nmap() -> bool {
    there("nmap", Command::new("nmap").arg("--version"))
}

/// Runs a command to its end, which must come and be a success, and gives what it printed.
fn output(command: &mut Command) -> String {
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
    let mut stdout = child.stdout.take().unwrap();
    let (say, hear) = mpsc::channel();
    thread::spawn(move || {
        let mut text = String::new();
        let _ = stdout.read_to_string(&mut text);
        say.send(text)
    });
    let text = hear.recv_timeout(LIMIT);
    if text.is_err() {
        let _ = child.kill();
    }
    let status = child.wait().unwrap();
    let text = text.unwrap_or_else(|_| panic!("{command:?} does not end"));
    assert!(status.success(), "{command:?}: {status}\n{text}");
    text
}

/// What nmap's connect scan says of each port: `open`, `closed` or `filtered`. It has one word for silence and for ICMP.
fn nmap(host: IpAddr, ports: &[u16]) -> BTreeMap<u16, String> {
    let list: Vec<String> = ports.iter().map(u16::to_string).collect();
    let mut command = Command::new("nmap");
    command.args(["-sT", "-Pn", "-n", "-oX", "-", "--max-retries", "1", "-p", &list.join(",")]);
    if host.is_ipv6() {
        command.arg("-6");
    }
    let text = output(command.arg(host.to_string()));
    let states = text.split("<port protocol=\"tcp\" portid=\"").skip(1).map(|port| {
        let state = port.split("<state state=\"").nth(1).unwrap();
        (port.split('"').next().unwrap().parse().unwrap(), state.split('"').next().unwrap().to_owned())
    });
    let mut states: BTreeMap<u16, String> = states.collect();
    // States of which there are many are not listed but counted, and the ports named in a list.
    for extra in text.split("<extrareasons ").skip(1) {
        let state = text.split(extra).next().unwrap().rsplit("<extraports state=\"").next().unwrap();
        let state = state.split('"').next().unwrap();
        let list = extra.split("ports=\"").nth(1).unwrap().split('"').next().unwrap();
        for port in netprimer::scan::ports(list).unwrap() {
            states.insert(port, state.to_owned());
        }
    }
    states
}

/// The same of ours.
fn ours(scan: &Scan) -> BTreeMap<u16, String> {
    let found = scan.run().unwrap();
    let word = |state| match state {
        State::Open => "open",
        State::Closed => "closed",
        State::Filtered | State::Unreachable(_) => "filtered",
    };
    found.iter().map(|port| (port.addr.port(), word(port.state).to_owned())).collect()
}

#[test]
fn nmap_finds_the_same() {
    if !has_nmap() {
        return;
    }
    for host in [HOME, HOME6] {
        let Ok(lab) = Ports::start(host) else {
            assert!(host.is_ipv6());
            let _ = writeln!(io::stderr(), "skipped: this machine has no [::1]");
            continue;
        };
        let mut scan = Scan::of(host);
        // Nothing is begun or ended on these while the test runs, but on the others of this machine.
        scan.ports = lab.all().iter().map(|addr| addr.port()).collect();
        scan.ports.extend(1..1024);
        let ours = ours(&scan);
        assert_eq!(ours, nmap(host, &scan.ports), "ours is left");
        assert_eq!(ours.len(), scan.ports.len());
    }
}

#[test]
fn the_usual_python_calls_find_the_same_open_ports() {
    if !there("python3", Command::new("python3").arg("--version")) {
        return;
    }
    let lab = Ports::start(HOME).unwrap();
    let file = format!("{}/tests/python/scan.py", env!("CARGO_MANIFEST_DIR"));
    for addr in lab.all() {
        let port = addr.port();
        let text = output(Command::new("python3").args([&file, "127.0.0.1", &port.to_string(), &port.to_string()]));
        let found = ours(&Scan { ports: vec![port], ..Scan::of(HOME) });
        // It has one word where we have four: what is silent it passes over, as if it were closed.
        assert_eq!(text == format!("{port}\n"), found[&port] == "open", "{found:?}: {text:?}");
    }
}

// ---- a machine of its own ----

/// What the firewall of the namespace does with which ports.
const RULES: [(&str, &str); 5] = [
    ("101:300", "DROP"),
    ("701:710", "REJECT --reject-with icmp-host-unreachable"),
    ("711:720", "REJECT --reject-with icmp-admin-prohibited"),
    ("721:730", "REJECT --reject-with icmp-port-unreachable"),
    ("731:740", "REJECT --reject-with tcp-reset"),
];

/// The same over IPv6, where the messages have other names (RFC 4443 section 3.1).
const RULES6: [(&str, &str); 4] = [
    ("101:300", "DROP"),
    ("701:710", "REJECT --reject-with icmp6-addr-unreachable"),
    ("711:720", "REJECT --reject-with icmp6-adm-prohibited"),
    ("731:740", "REJECT --reject-with tcp-reset"),
];

#[test]
fn with_a_firewall_nmap_finds_the_same_and_twenty_runs_are_equal() {
    let may = "ip link set lo up && iptables -A INPUT -p tcp --dport 1 -j DROP && ip6tables -L";
    let namespace = "network namespace of one's own (unshare -rn, ip, iptables)";
    if !has_nmap() || !there(namespace, Command::new("unshare").args(["-rn", "sh", "-c", may])) {
        return;
    }
    let mut rules = String::from("set -e; ip link set lo up; ");
    for (program, list) in [("iptables", &RULES[..]), ("ip6tables", &RULES6[..])] {
        for (ports, what) in list {
            rules += &format!("{program} -A INPUT -p tcp --dport {ports} -j {what}; ");
        }
    }
    let mut command = Command::new("unshare");
    command.args(["-rn", "sh", "-c", &format!("{rules} exec \"$0\" \"$@\"")]);
    command.arg(std::env::current_exe().unwrap()).args(["--exact", "behind_a_firewall", "--ignored", "--nocapture"]);
    let text = output(command.env("BEHIND_A_FIREWALL", "1"));
    assert!(text.contains("1 passed"), "{text}");
}

#[test]
#[ignore = "needs a firewall: another test runs it in a network namespace"]
fn behind_a_firewall() {
    if std::env::var_os("BEHIND_A_FIREWALL").is_none() {
        return;
    }
    for host in [HOME, HOME6] {
        // In a namespace of one's own even the low ports are free. The last of them lies behind the firewall.
        let _open: Vec<TcpListener> =
            [22, 80, 250].into_iter().map(|port| TcpListener::bind((host, port)).unwrap()).collect();
        // Over IPv6 Linux hears a message about a SYN to itself only when it repeats that SYN after a second: until then
        // it is silence.
        let soon = host.is_ipv4();
        let scan = Scan { timeout: Duration::from_millis(150), ..Scan::of(host) };
        let first = scan.run().unwrap();
        let expected = |port| match port {
            22 | 80 => State::Open,
            101..=300 => State::Filtered,
            // A message that somebody forbids it says "host unreachable", too (RFC 1122 section 3.2.2.1).
            701..=720 if soon => State::Unreachable(ErrorKind::HostUnreachable),
            701..=720 => State::Filtered,
            _ => State::Closed,
        };
        for port in &first {
            assert_eq!(port.state, expected(port.addr.port()), "{}", port.addr);
        }
        for _ in 1..if soon { 20 } else { 5 } {
            assert_eq!(scan.run().unwrap(), first);
        }
        assert_eq!(ours(&scan), nmap(host, &scan.ports), "ours is left");
        let ports = (201..=300).chain(701..=710).collect();
        let longer = Scan { ports, timeout: Duration::from_secs(2), ..Scan::of(host) }.run().unwrap();
        assert!(longer[..100].iter().all(|port| port.state == State::Filtered), "{host}");
        let why = State::Unreachable(ErrorKind::HostUnreachable);
        assert!(longer[100..].iter().all(|port| port.state == why), "{:?}", longer[100]);
    }
}
