//! The port scanner: against ports whose state we know, on 127.0.0.1 and `::1` only, and with too little of everything.

use crate::support;
use netprimer::Error;
use netprimer::lab::ports::Ports;
use netprimer::lab::script::{self, Step};
use netprimer::scan::{MOST_HOSTS, Port, Scan, State, ports};
use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed};
use std::ffi::OsStr;
use std::fs::File;
use std::io::{ErrorKind, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::{Command, Stdio};
use std::sync::{LazyLock, mpsc};
use std::thread;
use std::time::{Duration, Instant};
use support::LIMIT;
use support::peers;
use support::programs::{Programs, Running, again, close, run, told, under, with_threads};
use support::sockets::{has_ipv6, listen};

const HOME: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const HOME6: IpAddr = IpAddr::V6(Ipv6Addr::LOCALHOST);

/// Long enough for this machine when it is busy, short enough for a test.
const SHORT: Duration = Duration::from_millis(300);

static PROGRAMS: LazyLock<Programs> = LazyLock::new(|| Programs::build(["07_2_port_scan"]));

/// One for all tests: to see that its filtered port is silent takes a while.
static LAB: LazyLock<Ports> = LazyLock::new(|| Ports::start(HOME).unwrap());

fn scan(addrs: &[SocketAddr]) -> Scan {
    let ports = addrs.iter().map(SocketAddr::port).collect();
    Scan { ports, timeout: SHORT, ..Scan::of(addrs[0].ip()) }
}

fn states(found: &[Port]) -> Vec<State> {
    found.iter().map(|port| port.state).collect()
}

// ---- the states ----

fn every_state(lab: &Ports) {
    let addrs = lab.all();
    let found = scan(&addrs).run().unwrap();
    assert_eq!(found.iter().map(|port| port.addr).collect::<Vec<_>>(), addrs);
    let wanted = [State::Open, State::Open, State::Open, State::Closed, State::Filtered];
    assert_eq!(states(&found), wanted[..addrs.len()]);
    assert!(cfg!(not(target_os = "linux")) || lab.filtered().is_some());
    assert!(found.iter().all(|port| port.banner.is_empty()), "nobody asked for banners");
}

pub fn open_closed_and_filtered_are_told_apart() {
    every_state(&LAB);
}

pub fn open_closed_and_filtered_are_told_apart_over_ipv6() {
    if has_ipv6("ports of ::1") {
        every_state(&Ports::start(HOME6).unwrap());
    }
}

/// Linux connects nobody to the broadcast address of the loopback network, and says why.
#[test]
#[cfg(target_os = "linux")]
fn what_cannot_be_reached_is_said_with_the_reason() {
    let found = Scan { ports: vec![80], ..Scan::of([127, 255, 255, 255].into()) }.run().unwrap();
    assert_eq!(states(&found), [State::Unreachable(ErrorKind::NetworkUnreachable)]);
    assert_eq!(found[0].state.to_string(), "unreachable (network unreachable)");
}

pub fn all_runs_are_equal_and_in_order() {
    let mut addrs = LAB.open();
    addrs.extend([LAB.closed()].iter().cycle().take(500));
    addrs.extend(LAB.open());
    addrs.extend(LAB.filtered());
    let scan = scan(&addrs);
    let first = scan.run().unwrap();
    assert_eq!(first.iter().map(|port| port.addr).collect::<Vec<_>>(), addrs, "the order is that of the list");
    for _ in 1..if peers() { 20 } else { 3 } {
        assert_eq!(scan.run().unwrap(), first);
    }
}

#[test]
fn each_host_is_scanned_on_all_ports() {
    // All of 127.0.0.0/8 is this machine on Linux and Windows; the lab listens on one address of it.
    let other = if cfg!(target_os = "macos") { HOME } else { IpAddr::from([127, 9, 8, 7]) };
    let addrs = [LAB.open()[0], LAB.closed()];
    let found = Scan { hosts: vec![HOME, other, HOME], ..scan(&addrs) }.run().unwrap();
    let hosts: Vec<IpAddr> = found.iter().map(|port| port.addr.ip()).collect();
    assert_eq!(hosts, [HOME, HOME, other, other, HOME, HOME]);
    let there = if other == HOME { State::Open } else { State::Closed };
    assert_eq!(states(&found), [State::Open, State::Closed, there, State::Closed, State::Open, State::Closed]);
}

pub fn ports_are_told_as_they_become_known() {
    let Some(filtered) = LAB.filtered() else { return };
    let mut order = Vec::new();
    // The others have the time that he has: more than a busy machine needs for them.
    let scan = Scan { timeout: 10 * SHORT, ..scan(&[filtered, LAB.closed(), LAB.open()[0]]) };
    scan.run_with(|port| order.push(port.state)).unwrap();
    assert_eq!(order.len(), 3);
    assert_eq!(order[2], State::Filtered, "nobody waits for the silent one: {order:?}");
}

pub fn silent_ports_are_waited_for_together() {
    let Some(filtered) = LAB.filtered() else { return };
    let start = Instant::now();
    let found = scan(&[filtered; 200]).run().unwrap();
    assert_eq!(states(&found), [State::Filtered; 200]);
    let took = start.elapsed();
    assert!(took >= SHORT && took < LIMIT, "one after another they would take 60 s, these took {took:?}");
}

/// A connection from a port to itself is nobody's service. The system gives our end even ports first when it connects, and
/// the closed port of the lab is such a one: trying it often enough meets it.
pub fn a_port_that_connects_to_itself_is_not_open() {
    let mut found = scan(&[LAB.closed(); 40_000]).run().unwrap();
    found.retain(|port| port.state != State::Closed);
    assert_eq!(found, []);
}

// ---- banners ----

fn banner(steps: impl IntoIterator<Item = Step>, wait: Duration) -> (Vec<u8>, Duration) {
    let peer = script::play(steps).unwrap();
    let start = Instant::now();
    let mut found = Scan { banner: Some(wait), ..scan(&[peer.addr()]) }.run().unwrap();
    assert_eq!(found[0].state, State::Open);
    (found.remove(0).banner, start.elapsed())
}

#[test]
fn a_banner_is_the_first_line() {
    let (line, _) = banner([Step::say("220-mail.test\r\n"), Step::Hold], LIMIT);
    assert_eq!(line, b"220-mail.test\r\n");
    let (first, _) = banner([Step::say("220-one\r\n220 two\r\n")], LIMIT);
    assert_eq!(first, b"220-one\r\n");
    let (pieces, _) = banner([Step::Drip(b"SSH-2.0-x\n".to_vec(), Duration::from_millis(1))], LIMIT);
    assert_eq!(pieces, b"SSH-2.0-x\n");
}

#[test]
fn a_banner_has_a_limit() {
    let (long, _) = banner([Step::say([b'x'; 100_000])], LIMIT);
    assert_eq!(long, [b'x'; 256]);
}

#[test]
fn a_banner_is_kept_as_it_came() {
    let every: Vec<u8> = (0..=255).filter(|byte| *byte != b'\n').collect();
    let (bytes, _) = banner([Step::say(&every)], LIMIT);
    assert_eq!(bytes, every);
    let (nasty, _) = banner([Step::say("\x1b[2J\0\u{202e}")], LIMIT);
    assert_eq!(netprimer::encode::visible(&nasty), r"\x1b[2J\x00\xe2\x80\xae");
}

pub fn a_drip_does_not_outlive_the_time_for_a_banner() {
    let (begun, took) = banner([Step::Drip(vec![b'.'; 1_000], Duration::from_millis(20)), Step::Hold], 5 * SHORT);
    assert!(!begun.is_empty() && begun.len() < 250, "{}", begun.len());
    assert!(took >= 5 * SHORT && took < LIMIT, "{took:?}");
}

#[test]
fn an_open_port_without_a_word_is_open() {
    let (silent, took) = banner([Step::Hold], SHORT);
    assert!(silent.is_empty() && took >= SHORT, "{took:?}");
    let (gone, _) = banner([], LIMIT);
    assert!(gone.is_empty());
}

// ---- what is refused ----

fn invalid(scan: Scan) -> String {
    let error = scan.run().unwrap_err();
    assert!(matches!(error, Error::Invalid(_)), "{error:?}");
    let watched = scan.run_with(|port| panic!("{port:?} was scanned")).unwrap_err();
    assert_eq!(watched.to_string(), error.to_string());
    error.to_string()
}

/// None of these is scanned: the addresses are those that are kept for documentation (RFC 5737, RFC 3849).
#[test]
fn only_this_machine_is_scanned_unless_somebody_answers_for_it() {
    let far =
        ["192.0.2.1", "198.51.100.7", "2001:db8::1", "0.0.0.0", "::", "128.0.0.1", "::ffff:192.0.2.1", "::7f00:1"];
    for far in far {
        let text = invalid(Scan::of(far.parse().unwrap()));
        assert!(text.contains("no loopback address"), "{text}");
        invalid(Scan::of_all(vec![HOME, far.parse().unwrap()]));
    }
    for near in ["127.0.0.1", "127.255.255.254", "::1", "::ffff:127.0.0.1"] {
        assert_eq!(Scan { ports: vec![], ..Scan::of(near.parse().unwrap()) }.run().unwrap(), [], "{near}");
    }
}

#[test]
fn elsewhere_the_defaults_are_polite() {
    let (near, far) = (Scan::of(HOME), Scan::of_all(vec![HOME, "192.0.2.1".parse().unwrap()]));
    assert_eq!((near.workers, near.rate, near.ports.len()), (1023, 0, 1023));
    assert_eq!((far.workers, far.rate), (64, 100));
    assert!(far.timeout > Duration::from_secs(1) && !far.i_may_scan_this && !near.i_may_scan_this);
}

#[test]
fn what_cannot_be_is_said_before_anything_is_tried() {
    let with = |change: fn(&mut Scan)| {
        let mut scan = Scan::of(HOME);
        change(&mut scan);
        invalid(scan)
    };
    assert!(with(|scan| scan.workers = 20_000).starts_with("20000 workers"));
    assert!(with(|scan| scan.workers = 0).starts_with("0 workers"));
    assert!(with(|scan| scan.ports = vec![80, 0]).starts_with("port 0"));
    assert!(with(|scan| scan.timeout = Duration::from_micros(999)).contains("timeout"));
    assert!(with(|scan| scan.hosts = vec![HOME; MOST_HOSTS + 1]).starts_with("257 hosts"));
    assert_eq!(Scan { hosts: vec![], ..Scan::of(HOME) }.run().unwrap(), []);
}

// ---- lists of ports ----

#[test]
fn lists_of_ports_as_people_write_them() {
    for (list, wanted) in [
        ("80", vec![80]),
        ("1,65535", vec![1, 65535]),
        (" 22 , 80 , 1000 - 1002 ", vec![22, 80, 1000, 1001, 1002]),
        ("5-5,4-6,5", vec![4, 5, 6]),
        ("022", vec![22]),
        ("-", (1..=65535).collect()),
        ("80,-", (1..=65535).collect()),
    ] {
        assert_eq!(ports(list).unwrap(), wanted, "{list:?}");
    }
    for list in [
        "",
        " ",
        ",",
        "80,",
        ",80",
        "0",
        "0-5",
        "65536",
        "1-65536",
        "99999999999999999999",
        "7-3",
        "+1",
        "1-+3",
        "-5",
        "5-",
        "--",
        "1-2-3",
        "1 2",
        "http",
        "8O",
        "80;81",
        "0x50",
        "8.0",
        "８０",
        "80\0",
        "\x1b[2J",
    ] {
        let text = ports(list).unwrap_err().to_string();
        assert!(text.contains("no port from 1 to 65535") && text.chars().all(|c| !c.is_control()), "{list:?}: {text}");
    }
}

#[test]
fn a_huge_list_takes_little_and_a_huge_error_is_short() {
    let start = Instant::now();
    assert_eq!(ports(&"-,".repeat(2_000)[..3_999]).unwrap().len(), 65_535);
    assert!(start.elapsed() < Duration::from_secs(20), "{:?}", start.elapsed());
    assert!(ports(&"x".repeat(1_000_000)).unwrap_err().to_string().len() < 200);
}

fn config() -> Config {
    Config { cases: 256, rng_seed: RngSeed::Fixed(7), failure_persistence: None, ..Config::default() }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn a_list_means_its_ports(ranges in prop::collection::vec((1..=u16::MAX, 0..300_u16), 1..20)) {
        let ends = |(first, more): (u16, u16)| (first, first.saturating_add(more));
        let text: Vec<String> = ranges.iter().copied().map(ends).map(|(first, last)| match first == last {
            true => first.to_string(),
            false => format!("{first}-{last}"),
        }).collect();
        let wanted: std::collections::BTreeSet<u16> =
            ranges.iter().copied().map(ends).flat_map(|(first, last)| first..=last).collect();
        prop_assert_eq!(ports(&text.join(",")).unwrap(), Vec::from_iter(wanted));
    }

    #[test]
    fn any_text_is_a_list_or_an_error(text in "[0-9, +x\u{0}你-]{0,40}") {
        if let Ok(list) = ports(&text) {
            prop_assert!(!list.is_empty() && list[0] > 0 && list.windows(2).all(|two| two[0] < two[1]));
        }
    }
}

// ---- time and what can go wrong on our side ----

#[test]
fn the_rate_is_kept() {
    let start = Instant::now();
    let found = Scan { rate: 100, ..scan(&[LAB.closed(); 31]) }.run().unwrap();
    let took = start.elapsed();
    assert_eq!(states(&found), [State::Closed; 31]);
    // The first at once, then 30 more.
    assert!(took >= Duration::from_millis(300) && took < LIMIT, "{took:?}");
}

#[test]
fn a_listener_who_panics_ends_the_scan() {
    // At this rate the whole would take twenty minutes, and the last worker that has begun its turn after many seconds.
    let slow = Scan { rate: 4, workers: 200, ..scan(&[LAB.closed(); 5_000]) };
    let start = Instant::now();
    assert!(catch_unwind(AssertUnwindSafe(|| slow.run_with(|_| panic!("on purpose")))).is_err());
    assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
}

#[test]
fn one_worker_is_enough() {
    let found = Scan { workers: 1, ..scan(&[LAB.open()[2], LAB.closed(), LAB.open()[0]]) }.run().unwrap();
    assert_eq!(states(&found), [State::Open, State::Closed, State::Open]);
}

#[test]
fn ten_thousand_workers_are_no_problem_where_few_are_needed() {
    let found = Scan { workers: 10_000, ..scan(&[LAB.closed(); 100]) }.run().unwrap();
    assert_eq!(states(&found), [State::Closed; 100]);
}

/// The lab itself: what a test stands on must be what it says.
#[test]
fn the_lab_reserves_its_closed_port_and_stays_at_home() {
    assert_eq!(TcpListener::bind(LAB.closed()).unwrap_err().kind(), ErrorKind::AddrInUse);
    assert_eq!(TcpStream::connect(LAB.closed()).unwrap_err().kind(), ErrorKind::ConnectionRefused);
    assert!(matches!(Ports::start([0, 0, 0, 0].into()), Err(Error::Invalid(_))));
}

// ---- the program ----

fn program<S: AsRef<OsStr>>(args: impl IntoIterator<Item = S>) -> (i32, String, String) {
    PROGRAMS.run("07_2_port_scan", args, b"").parts()
}

fn list(addrs: &[SocketAddr]) -> String {
    addrs.iter().map(|addr| addr.port().to_string()).collect::<Vec<_>>().join(",")
}

#[cfg(unix)]
pub fn without_arguments_it_scans_this_machine_and_the_lab() {
    let (status, out, err) = program([] as [&str; 0]);
    assert_eq!((status, err.as_str()), (0, ""), "nothing extra in a pipe");
    assert!(out.starts_with("scanning 127.0.0.1: 1023 ports\n"), "{out}");
    assert_eq!(out.matches("lab: open 127.0.0.1:").count(), 1, "{out}");
    let lab = out.split("scanning 127.0.0.1: 5 ports\n").nth(1).unwrap_or_else(|| panic!("{out}"));
    for wanted in ["open \"220 mail.test ready\\r\\n\"\n", "open \"\\x1b[2Jall ports closed\\r\\n\"\n", "open\n"] {
        assert!(lab.contains(wanted), "{wanted}: {lab}");
    }
    assert!(lab.contains(" filtered\n3 open, 1 closed, 1 filtered, 0 unreachable in "), "{lab}");
}

#[test]
fn hosts_can_be_names_and_several() {
    let ports = list(&[LAB.open()[0], LAB.closed()]);
    let (status, out, err) = program(["--ports", &ports, "--banner", "localhost", "127.0.0.1"]);
    assert_eq!((status, err.as_str()), (0, ""));
    assert!(out.contains(&format!("{:<21} open \"220 mail.test ready\\r\\n\"\n", LAB.open()[0])), "{out}");
    assert!(out.starts_with("scanning ") && out.contains("127.0.0.1: 2 ports\n"), "{out}");
}

#[test]
fn wrong_arguments_are_explained_and_give_2() {
    for (args, wanted) in [
        (&["--ports", "0"][..], "no port from 1 to 65535"),
        (&["--ports", "5-1"], "no range"),
        (&["--ports", ""], "no port"),
        (&["--ports", "1-65536", "127.0.0.1"], "no port"),
        (&["--timeout", "0"], "--timeout"),
        (&["--timeout", "soon"], "--timeout"),
        (&["--lab", "127.0.0.1"], "--lab"),
        (&["--nonsense"], "--nonsense"),
        (&["192.0.2.1"], "--i-may-scan-this"),
        (&["127.0.0.1", "2001:db8::1"], "no loopback address"),
        (&["two words"], "no spaces"),
        (&[""], "not empty"),
    ] {
        let (status, out, err) = program(args);
        assert_eq!((status, out.as_str()), (2, ""), "{args:?}: {err}");
        assert!(err.starts_with("error: ") && err.contains(wanted), "{args:?}: {err}");
    }
}

#[test]
fn a_host_that_does_not_resolve_gives_1() {
    // No packet leaves: a label has at most 63 bytes (RFC 1035 section 2.3.4).
    let (status, out, err) = program([&format!("{}.test", "a".repeat(64))]);
    assert_eq!((status, out.as_str()), (1, ""));
    assert!(err.starts_with("error: look up aaaa"), "{err}");
}

#[cfg(target_os = "linux")]
#[test]
fn a_banner_is_waited_for_after_a_stop() {
    let (listener, addr) = listen();
    let mut command = PROGRAMS.command("07_2_port_scan");
    let port = addr.port().to_string();
    let program = Running::start(command.args(["--banner", "--timeout", "20000", "--ports", &port, "127.0.0.1"]));
    let (mut client, _) = listener.accept().unwrap();
    support::programs::stop_and_go_on(program.id());
    client.write_all(b"220 ready\n").unwrap();
    let (status, out, err) = program.end().parts();
    assert_eq!((status, err.as_str()), (0, ""));
    assert!(out.contains(" open \"220 ready\\n\"\n"), "{out}");
}

#[test]
fn a_closed_output_is_a_quiet_end() {
    let mut command = PROGRAMS.command("07_2_port_scan");
    let (program, stdout) = Running::unheard(command.args(["--ports", "1-1023", "127.0.0.1"]), Stdio::piped());
    close(stdout);
    let left = program.end();
    assert_eq!((left.status, left.err.as_str()), (0, ""));
}

/// Ports that say nothing, held open here; and with those of the lab what a scan that asks for banners prints of them.
#[cfg(unix)]
fn silent(many: usize) -> (Vec<TcpListener>, String, Vec<String>) {
    let (open, mut addrs): (Vec<TcpListener>, Vec<SocketAddr>) = (0..many).map(|_| listen()).unzip();
    let mut wanted: Vec<(SocketAddr, &str)> = addrs.iter().map(|addr| (*addr, "open")).collect();
    wanted.extend(LAB.filtered().map(|addr| (addr, "filtered")));
    addrs.extend(LAB.filtered().into_iter().chain([LAB.closed()]));
    wanted.sort();
    (open, list(&addrs), wanted.iter().map(|(addr, state)| format!("{addr:<21} {state}")).collect())
}

/// The program must print these lines, and need the time for this many rounds of 300 ms: otherwise nothing had run out.
#[cfg(unix)]
fn in_rounds(command: &mut Command, wanted: &[String], rounds: u32) {
    let start = Instant::now();
    let (status, out, err) = run(command, b"").parts();
    assert_eq!((status, err.as_str()), (0, ""), "{out}");
    let lines: Vec<&str> = out.lines().collect();
    assert_eq!(&lines[1..lines.len() - 1], wanted);
    assert!(start.elapsed() >= SHORT * rounds, "{:?}", start.elapsed());
}

/// The scanner keeps each of sixty ports for 300 ms, and has 40 descriptors.
#[cfg(unix)]
fn without_descriptors_no_port_is_lost_or_called_closed() {
    let (_open, ports, wanted) = silent(60);
    let mut command = under("ulimit -n 40", &PROGRAMS.path("07_2_port_scan"));
    command.args(["--banner", "--timeout", "300", "--ports", &ports, "127.0.0.1"]);
    in_rounds(&mut command, &wanted, 2); // at most 37 at once
}

/// The scanner keeps each of thirty ports for 300 ms, and may have 12 threads.
#[cfg(target_os = "linux")]
fn without_threads_fewer_scan_and_no_port_is_lost() {
    let Some(mut command) = with_threads(12, &PROGRAMS.path("07_2_port_scan")) else { return };
    let (_open, ports, wanted) = silent(30);
    command.args(["--banner", "--timeout", "300", "--ports", &ports, "127.0.0.1"]);
    in_rounds(&mut command, &wanted, 3); // at most 11 at once
}

/// Both wait, round after round, for ports that say nothing: at once.
#[cfg(unix)]
pub fn a_scan_with_few_descriptors_or_threads_loses_no_port() {
    thread::scope(|scope| {
        scope.spawn(without_descriptors_no_port_is_lost_or_called_closed);
        #[cfg(target_os = "linux")]
        scope.spawn(without_threads_fewer_scan_and_no_port_is_lost);
    });
}

/// With not one descriptor to be had the scan waits for a while and then gives up. It calls nothing closed.
#[cfg(unix)]
fn it_fails(scan: &Scan, taken: Vec<File>) {
    let error = scan.run().unwrap_err();
    assert!(error.to_string().starts_with("try a port: ") && !error.is_transient(), "{error}");
    drop(taken);
}

/// When others on this machine give descriptors back, it goes on.
#[cfg(unix)]
fn it_goes_on(scan: &Scan, taken: Vec<File>) {
    let (never, clock) = mpsc::channel::<()>();
    let back = thread::spawn(move || {
        let _ = clock.recv_timeout(SHORT);
        drop(taken);
    });
    let start = Instant::now();
    assert_eq!(states(&scan.run().unwrap()), [State::Closed, State::Open, State::Closed]);
    assert!(start.elapsed() >= SHORT, "nothing had run out");
    back.join().unwrap();
    drop(never);
}

/// Who waits for a descriptor hears it, too, when nobody wants to know any more.
#[cfg(unix)]
fn it_ends(mut taken: Vec<File>) {
    let Some(silent) = LAB.filtered() else { return };
    taken.truncate(taken.len() - 5);
    let scan = Scan { workers: 40, ..scan(&[silent; 40]) };
    assert!(catch_unwind(AssertUnwindSafe(|| scan.run_with(|_| panic!("on purpose")))).is_err());
}

/// Each in a process of its own that has few descriptors, and has taken them all; at once, for they wait.
#[cfg(unix)]
#[test]
fn a_scan_without_any_descriptor_waits_and_then_fails() {
    const NAME: &str = "a_scan_without_any_descriptor_waits_and_then_fails";
    let Some(then) = told() else {
        thread::scope(|scope| {
            for then in ["they come back", "they do not come back", "a listener panics"] {
                scope.spawn(move || again(NAME, then, |program| under("ulimit -n 200", program)));
            }
        });
        return;
    };
    let scan = scan(&[LAB.closed(), LAB.open()[0], LAB.closed()]);
    let mut taken = Vec::new();
    while let Ok(file) = File::open("/dev/null") {
        taken.push(file);
        assert!(taken.len() < 1_000, "there is no limit here");
    }
    assert!(!taken.is_empty());
    match then.as_str() {
        "they come back" => it_goes_on(&scan, taken),
        "they do not come back" => it_fails(&scan, taken),
        _ => it_ends(taken),
    }
}
