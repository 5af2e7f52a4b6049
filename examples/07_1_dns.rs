//! DNS: the addresses of a name, the names of an address, and what else a zone knows.
//!
//! On the wire: a question in one datagram, its answer in one datagram (RFC 1035 section 4.1); over TCP when it does not fit.
//! Without `--server` or `--system` nothing leaves this machine: a server of the lab is asked.

mod lesson;

use clap::Arg;
use lesson::{Args, Server, Slow, flag};
use netprimer::dial::Target;
use netprimer::dns::{Kind, Lookup, Name, Resolver, explain};
use netprimer::lab::dns::{NameServer, Options, Zone, start};
use netprimer::trace::{Event, Side, Sink};
use netprimer::{Deadline, Result, stream};
use std::net::{IpAddr, SocketAddr};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

const ABOUT: &str = "Asks a name server: for the addresses of names, and for the names of addresses.";
/// For what the system looks up: it has no timeout of its own.
const PATIENCE: Duration = Duration::from_secs(10);
/// What is asked when nothing was typed.
const USUAL: [&str; 3] = ["www.example.com", "93.184.216.34", "2606:2800:220:1:248:1893:25c8:1946"];

fn main() -> ExitCode {
    let name = |text: &str| Name::parse(text).map(|name| name.to_string());
    let server = |text: &str| Target::parse(text, 53).map(|server| server.to_string());
    let kind = |text: &str| Kind::parse(text).ok_or("no type of record: A, AAAA, MX, TXT, or TYPE with its number");
    let [target, wire, slow] = lesson::common();
    let target = target.long("server").value_name("HOST[:PORT]").value_parser(server).conflicts_with("system");
    let args = [
        Arg::new("QUESTION").num_args(0..).value_parser(name).help("Names and addresses; else those of the lesson"),
        target.help("Ask this name server; without it one is started here, for this run"),
        flag("system", "Ask the name servers of this machine, and std beside them"),
        Arg::new("kind").long("kind").value_name("TYPE").value_parser(kind).help("Records of this type: MX, TXT, ..."),
        flag("explain", "Show every message byte by byte, with what it means"),
        wire,
        slow,
    ];
    lesson::tool(ABOUT, args, run)
}

fn run(args: &Args) -> Result<()> {
    let (mut resolver, _lab) = whom_to_ask(args)?;
    resolver.trace = watcher(args);
    (resolver.patience, resolver.total) = (args.patience(resolver.patience), args.patience(resolver.total));
    let typed: Vec<&str> = args.get_many("QUESTION").into_iter().flatten().map(String::as_str).collect();
    for question in if typed.is_empty() { USUAL.to_vec() } else { typed } {
        match (args.get_one::<Kind>("kind"), question.parse::<IpAddr>()) {
            (Some(kind), Ok(ip)) => records(&resolver, &Name::reverse(ip).to_string(), *kind)?,
            (Some(kind), Err(_)) => records(&resolver, question, *kind)?,
            (None, Ok(ip)) => reverse(&resolver, ip)?,
            (None, Err(_)) => forward(&resolver, question, args.get_flag("system"))?,
        }
    }
    Ok(())
}

/// `gethostbyname`, but with every address, IPv6 too, and an end in time.
fn forward(resolver: &Resolver, name: &str, system: bool) -> Result<()> {
    let addresses = resolver.addresses(name)?;
    addresses.iter().for_each(|ip| println!("{name} -> {ip}"));
    if addresses.is_empty() {
        records(resolver, name, Kind::A)?; // says why
    }
    if system {
        plain(name); // std asks nobody else
    }
    Ok(())
}

/// `gethostbyaddr`, but not believed: whoever owns an address gives it any name, so that name is asked for its addresses.
fn reverse(resolver: &Resolver, ip: IpAddr) -> Result<()> {
    let (names, confirmed) = (resolver.names(ip)?, resolver.confirmed(ip)?);
    for name in &names {
        println!("{ip} -> {name}, {}", if confirmed.contains(name) { "confirmed" } else { "NOT confirmed" });
    }
    if names.is_empty() {
        println!("{ip} -> no name");
    }
    Ok(())
}

/// Any type of record. "No" is an answer, and there are two of them; an error is when nobody answered.
fn records(resolver: &Resolver, name: &str, kind: Kind) -> Result<()> {
    match resolver.lookup(name, kind)? {
        Lookup::Found(records) => records.iter().for_each(|record| println!("{record}")),
        Lookup::NoData => println!("{name} -> the name exists, but has no {kind} record"),
        Lookup::NoSuchName => println!("{name} -> no such name"),
    }
    Ok(())
}

/// The plain way of std: the system looks a name up, and "no" is an error like every other.
fn plain(name: &str) {
    match stream::resolve(name, 0, Deadline::after(PATIENCE)) {
        Ok(found) => found.iter().for_each(|addr| println!("std: {name} -> {}", addr.ip())),
        Err(error) => println!("std: {error}"),
    }
}

/// A server of the lab lives as long as what this returns.
fn whom_to_ask(args: &Args) -> Result<(Resolver, Option<NameServer>)> {
    if args.get_flag("system") {
        return Ok((Resolver::system()?, None));
    }
    let chosen = args.target_or(|| start(Options { zone: Zone::lesson(), ..Options::default() }))?;
    let target = Target::parse(&chosen.address, 53)?;
    let servers = stream::resolve(target.host(), target.port(), Deadline::after(PATIENCE))?;
    Ok((Resolver { servers, ..Resolver::at(([127, 0, 0, 1], 53).into()) }, chosen.server))
}

impl Server for NameServer {
    fn name(&self) -> &str {
        "DNS server"
    }
    fn addr(&self) -> SocketAddr {
        NameServer::addr(self)
    }
}

/// Who watches the messages: `--explain` on standard output, or else what all lessons have.
fn watcher(args: &Args) -> Option<Arc<dyn Sink>> {
    let pause = args.get_one("slow").copied().unwrap_or_default();
    if args.get_flag("explain") { Some(Arc::new(Slow::new(Arc::new(Explain), pause))) } else { args.wire() }
}

struct Explain;

impl Sink for Explain {
    fn event(&self, side: Side, event: Event<'_>) {
        let Event::Bytes(packet) = event else { return };
        let way = if side == Side::Client { "C -> S" } else { "S -> C" };
        println!("{way}  {} bytes\n{}", packet.len(), explain(packet));
    }
}
