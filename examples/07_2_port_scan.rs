//! Port scanner: which ports of a host have somebody behind them. Without a host it scans this machine, and then ports of
//! the lab whose state we know.
//!
//! On the wire: a SYN for each port, answered by SYN ACK, RST, an ICMP message or nothing (RFC 9293 section 3.5). An
//! open port is connected to, and closed again.

mod lesson;

use clap::Arg;
use netprimer::encode::visible;
use netprimer::lab::ports::Ports;
use netprimer::scan::{Port, Scan, State, ports};
use netprimer::{Deadline, Error, Result, stream};
use std::io::{self, IsTerminal, Write};
use std::net::{IpAddr, Ipv4Addr};
use std::process::ExitCode;
use std::time::{Duration, Instant};

/// For the lookup of one name: a resolver asks for the second time after 5 s (resolv.conf(5)).
const LOOKUP: Duration = Duration::from_secs(10);

fn main() -> ExitCode {
    let timeout = Arg::new("timeout").long("timeout").value_name("MS").value_parser(lesson::whole(1u64, None));
    let options = [
        Arg::new("HOST")
            .num_args(0..)
            .help("Whom to scan, by name or address; without one this machine and then the lab"),
        Arg::new("ports")
            .long("ports")
            .value_name("LIST")
            .value_parser(ports)
            .help("Such as 22,80,1000-2000 [default: 1-1023]"),
        timeout.help("How long a port may be silent [default: 1000; 2000 for other machines]"),
        lesson::flag("banner", "Wait as long for what an open port says first"),
        lesson::flag("lab", "Scan only the ports of the lab").conflicts_with_all(["HOST", "ports"]),
        lesson::flag("i-may-scan-this", "These hosts are mine, or their owner allows it"),
    ];
    lesson::tool("Tells which ports of a host are open.", options, run)
}

fn run(args: &lesson::Args) -> Result<()> {
    let home = IpAddr::from(Ipv4Addr::LOCALHOST);
    if let Some(names) = args.get_many::<String>("HOST") {
        let mut hosts = Vec::new();
        for name in names {
            // Once, not again for each port. A name may have several addresses, and each is scanned.
            hosts.extend(stream::resolve(name, 0, Deadline::after(LOOKUP))?.iter().map(|found| found.ip()));
        }
        return report(&asked(hosts, args));
    }
    if !args.get_flag("lab") {
        report(&asked(vec![home], args))?;
    }
    let lab = Ports::start(home)?;
    println!("{lab}");
    let mut scan = asked(vec![home], args);
    scan.ports = lab.all().iter().map(|addr| addr.port()).collect();
    scan.banner = Some(scan.timeout);
    report(&scan)
}

/// The scan that the arguments ask for.
fn asked(hosts: Vec<IpAddr>, args: &lesson::Args) -> Scan {
    let mut scan = Scan::of_all(hosts);
    if let Some(list) = args.get_one::<Vec<u16>>("ports") {
        scan.ports.clone_from(list);
    }
    if let Some(ms) = args.get_one("timeout") {
        scan.timeout = Duration::from_millis(*ms);
    }
    scan.banner = args.get_flag("banner").then_some(scan.timeout);
    scan.i_may_scan_this = args.get_flag("i-may-scan-this");
    scan
}

/// Scans, and prints what is not closed, and how many ports are in which state.
fn report(scan: &Scan) -> Result<()> {
    let usage = "usage: 07_2_port_scan --i-may-scan-this HOST...";
    scan.check().map_err(|error| Error::Invalid(format!("{error}\n{usage}").into()))?;
    let hosts: Vec<String> = scan.hosts.iter().map(IpAddr::to_string).collect();
    println!("scanning {}: {} ports", hosts.join(" "), scan.ports.len());
    let start = Instant::now();
    let found = with_progress(scan, start)?;
    let ms = start.elapsed().as_secs_f64() * 1e3;

    let [mut open, mut closed, mut filtered, mut unreachable] = [0; 4];
    for port in &found {
        match port.state {
            State::Open => open += 1,
            State::Closed => closed += 1,
            State::Filtered => filtered += 1,
            State::Unreachable(_) => unreachable += 1,
        }
    }
    for port in found.iter().filter(|port| port.state != State::Closed) {
        // A stranger wrote the banner: it must not reach the terminal as it is.
        let banner = if port.banner.is_empty() { String::new() } else { format!(" \"{}\"", visible(&port.banner)) };
        println!("{:<21} {}{banner}", port.addr, port.state);
    }
    println!("{open} open, {closed} closed, {filtered} filtered, {unreachable} unreachable in {ms:.1} ms");
    Ok(())
}

/// Runs the scan. A terminal is told on stderr how far it is and how long it may still take, a pipe nothing.
fn with_progress(scan: &Scan, start: Instant) -> Result<Vec<Port>> {
    let total = scan.hosts.len() * scan.ports.len();
    let terminal = io::stderr().is_terminal();
    let (mut done, mut shown) = (0, start);
    let found = scan.run_with(|_| {
        done += 1;
        if terminal && shown.elapsed() > Duration::from_millis(200) {
            shown = Instant::now();
            let left = start.elapsed().mul_f64((total - done) as f64 / done as f64).as_secs();
            let _ = write!(io::stderr(), "\r{done} of {total}, about {left} s left   "); // only for those who look
        }
    });
    if shown > start {
        let _ = write!(io::stderr(), "\r{:50}\r", "");
    }
    found
}
