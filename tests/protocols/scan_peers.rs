//! The port scanner against what others wrote: nmap, and the usual Python listing's own calls. Where a test may make a
//! network namespace, this machine gets a second loopback with a firewall, for the time of the test and for it alone.

use crate::support;
use netprimer::lab::ports::Ports;
use netprimer::scan::{Scan, State};
use std::collections::{BTreeMap, BTreeSet};
use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, TcpListener};
use std::process::Command;
use std::thread;
use std::time::Duration;
use support::programs::{Running, python, told, tool};
use support::sockets::has_ipv6;
use support::{LIMIT, network, peers};

const HOME: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const HOME6: IpAddr = IpAddr::V6(Ipv6Addr::LOCALHOST);

/// Runs a command to its end, which must be a success, and gives what it printed. nmap waits for each silent port several times.
fn output(command: &mut Command) -> String {
    let left = Running::start(command).input(b"").end_within(4 * LIMIT);
    assert_eq!(left.status, 0, "{command:?}: {}", left.text());
    String::from_utf8(left.out).unwrap()
}

/// What nmap's connect scan says of each port: `open`, `closed` or `filtered`. It has one word for silence and for ICMP.
fn nmap(host: IpAddr, ports: &[u16]) -> BTreeMap<u16, String> {
    let list: Vec<String> = ports.iter().map(u16::to_string).collect();
    let mut command = tool("nmap").unwrap();
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

fn same_as_nmap(host: IpAddr) {
    let lab = Ports::start(host).unwrap();
    let mut scan = Scan { timeout: Duration::from_millis(300), ..Scan::of(host) };
    // Nothing is begun or ended on these while the test runs, but on the others of this machine.
    scan.ports = lab.all().iter().map(|addr| addr.port()).collect();
    scan.ports.extend(1..1024);
    let ours = ours(&scan);
    assert_eq!(ours, nmap(host, &scan.ports), "ours is left");
    assert_eq!(ours.len(), scan.ports.len());
}

#[test]
fn nmap_finds_the_same() {
    if tool("nmap").is_none() {
        return;
    }
    thread::scope(|scope| {
        scope.spawn(|| same_as_nmap(HOME));
        if has_ipv6("nmap -6") {
            scope.spawn(|| same_as_nmap(HOME6));
        }
    });
}

#[test]
fn the_usual_python_calls_find_the_same_open_ports() {
    let Some(mut listing) = python("scan.py") else { return };
    let lab = Ports::start(HOME).unwrap();
    let ports: Vec<u16> = lab.all().iter().map(|addr| addr.port()).collect();
    listing.arg("127.0.0.1").args(ports.iter().flat_map(|port| [port.to_string(), port.to_string()]));
    let listing = Running::start(&mut listing);
    let mut found = ours(&Scan { ports, ..Scan::of(HOME) });
    let (status, theirs, err) = listing.end().parts();
    assert_eq!((status, err.as_str()), (0, ""));
    // It has one word where we have four: what is silent it passes over, as if it were closed.
    found.retain(|_, state| state == "open");
    let theirs: BTreeSet<u16> = theirs.lines().map(|port| port.parse().unwrap()).collect();
    assert_eq!(theirs, found.into_keys().collect());
    assert_eq!(theirs.len(), lab.open().len());
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
fn behind_a_firewall_nmap_finds_the_same_and_all_runs_are_equal() {
    if told().is_some() {
        // At once, for all of these wait for the same silence.
        thread::scope(|scope| {
            for host in [HOME, HOME6] {
                scope.spawn(move || behind_a_firewall(host));
                scope.spawn(move || with_more_patience(host));
            }
        });
        return;
    }
    if ["nmap", "iptables", "ip6tables"].into_iter().any(|name| tool(name).is_none()) {
        return;
    }
    let mut rules = String::new();
    for (program, list) in [("iptables", &RULES[..]), ("ip6tables", &RULES6[..])] {
        for (ports, what) in list {
            rules += &format!("{program} -A INPUT -p tcp --dport {ports} -j {what}\n");
        }
    }
    network::own("behind_a_firewall_nmap_finds_the_same_and_all_runs_are_equal", "in here", &[], &rules);
}

fn behind_a_firewall(host: IpAddr) {
    // In a network of one's own even the low ports are free. The last of them lies behind the firewall.
    let _open: Vec<TcpListener> =
        [22, 80, 250].into_iter().map(|port| TcpListener::bind((host, port)).unwrap()).collect();
    // Over IPv6 Linux hears a message about a SYN to itself only when it repeats that SYN after a second: until then
    // it is silence.
    let soon = host.is_ipv4();
    let (ports, runs) = match (peers(), soon) {
        (true, true) => (Vec::from_iter(1..=1023), 20),
        (true, false) => (Vec::from_iter(1..=1023), 5),
        // Some of each kind.
        (false, _) => ([22, 23, 80, 81, 100, 101, 102, 250, 700, 701, 711, 721, 731, 741].to_vec(), 3),
    };
    let scan = Scan { ports, timeout: Duration::from_millis(150), ..Scan::of(host) };
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
    for _ in 1..runs {
        assert_eq!(scan.run().unwrap(), first);
    }
    assert_eq!(ours(&scan), nmap(host, &scan.ports), "ours is left");
}

fn with_more_patience(host: IpAddr) {
    let ports = (201..=300).chain(701..=710).collect();
    let longer = Scan { ports, timeout: Duration::from_secs(2), ..Scan::of(host) }.run().unwrap();
    assert!(longer[..100].iter().all(|port| port.state == State::Filtered), "{host}");
    let why = State::Unreachable(ErrorKind::HostUnreachable);
    assert!(longer[100..].iter().all(|port| port.state == why), "{:?}", longer[100]);
}
