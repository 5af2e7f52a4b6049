//! The tour: every protocol of this course once, on this machine, in less than three seconds.
//!
//! On the wire: what each stop says in its line, how many bytes went each way and how often the other side took its turn.
//! Over TLS the plaintext is counted. All servers are the lab's, in this process.

mod lesson;
#[path = "lesson/tally.rs"]
mod tally;

use clap::{Arg, builder::PossibleValuesParser};
use lesson::Args;
use netprimer::dial::Dial;
use netprimer::dns::{Kind, Lookup, Resolver};
use netprimer::ftp::{self, Ftp};
use netprimer::gather::Gather;
use netprimer::lab::all::{self, Lab, Ports};
use netprimer::lab::{ports::Closed, tls};
use netprimer::scan::{Scan, State};
use netprimer::smtp::{self, MessageBuilder, Smtp, StartTls};
use netprimer::stream::{self, Stream};
use netprimer::trace::{Event, Side, Sink};
use netprimer::web::{self, Session};
use netprimer::websocket::{self, CloseCode};
use netprimer::{Error, Result, http};
use std::io::{self, Read, Write};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tally::{Count, Tally};

/// One protocol: its name, its lesson, and the visit, which gives what came of it in a few words.
struct Stop {
    name: &'static str,
    lesson: &'static str,
    visit: fn(&Lab, &Arc<Tally>) -> Result<String>,
}

const STOPS: [Stop; 10] = [
    Stop { name: "tcp", lesson: "2.1", visit: tcp },
    Stop { name: "udp", lesson: "2.3", visit: udp },
    Stop { name: "http", lesson: "3.1", visit: by_hand },
    Stop { name: "web", lesson: "3.2", visit: web },
    Stop { name: "websocket", lesson: "4.1", visit: websocket },
    Stop { name: "ftp", lesson: "5", visit: ftp },
    Stop { name: "smtp", lesson: "6", visit: smtp },
    Stop { name: "dns", lesson: "7.1", visit: dns },
    Stop { name: "scan", lesson: "7.2", visit: scan },
    Stop { name: "many", lesson: "8.1", visit: many },
];

/// What is said to the echo servers.
const HELLO: &str = "Hello, Server!";
/// So many pages are fetched at the same time, each of which takes 50 ms.
const PAGES: usize = 10;

fn main() -> ExitCode {
    let names = PossibleValuesParser::new(STOPS.map(|stop| stop.name));
    let [_, wire, slow] = lesson::common();
    let stops = Arg::new("STOP").num_args(0..).value_parser(names).help("Only these, instead of all");
    lesson::tool("Visits every protocol once, on this machine.", [stops, wire, slow], run)
}

fn run(args: &Args) -> Result<()> {
    let start = Instant::now();
    let asked: Vec<&String> = args.get_many("STOP").into_iter().flatten().collect();
    let wanted = |stop: &&Stop| asked.is_empty() || asked.iter().any(|name| *name == stop.name);
    let lab = all::start(Ports::default(), &|_| None, None)?;
    let head =
        format!("{:<10}{:>8}{:>9}{:>7}  {:<23} {:<6} time", "", "sent", "got", "turns", "what came of it", "lesson");
    println!("{}", lesson::painted(&head, lesson::BOLD));
    for stop in STOPS.iter().filter(wanted) {
        let watch = args.wire(); // numbers the connections of this stop
        if watch.is_some() {
            let _ = writeln!(io::stderr(), "== {}", stop.name); // above what passes, wherever that goes
        }
        let (tally, begun) = (Arc::new(Tally::new(watch)), Instant::now());
        let came = (stop.visit)(&lab, &tally)?;
        let (Count { sent, got, turns, .. }, ms) = (tally.count(), ms(begun));
        let name = lesson::painted(&format!("{:<10}", stop.name), lesson::BOLD);
        println!("{name}{sent:>6} B{got:>7} B{turns:>7}  {came:<23} {:<6} {ms:.1} ms", stop.lesson);
    }
    println!("all on this machine, in {:.1} ms; to read: lessons/01_overview.md", ms(start));
    println!("how to use them well: lesson 9; all of them in one program: lesson 10");
    Ok(())
}

fn ms(since: Instant) -> f64 {
    since.elapsed().as_secs_f64() * 1_000.0
}

/// `socket.create_connection`, `sendall`, `recv`: bytes in order, and no end but the one that we make.
fn tcp(lab: &Lab, wire: &Arc<Tally>) -> Result<String> {
    let mut stream = dial(wire).open(&lab.echo.addr().into())?;
    let mut answer = String::new();
    let talk = stream.write_all(HELLO.as_bytes()).and_then(|()| stream.finish());
    talk.and_then(|()| stream.take(1_024).read_to_string(&mut answer)).map_err(Error::io("talk over TCP"))?;
    same(&answer, "the bytes came back")
}

/// `sendto`, `recvfrom`: each datagram is a message, and each may be lost.
fn udp(lab: &Lab, wire: &Arc<Tally>) -> Result<String> {
    let mut answer = [0; 1_024];
    let talk = stream::connect_udp(lab.echo.addr()).and_then(|socket| {
        socket.set_read_timeout(Some(Duration::from_secs(2)))?;
        socket.send(HELLO.as_bytes())?;
        wire.event(Side::Client, Event::Bytes(HELLO.as_bytes()));
        socket.recv(&mut answer)
    });
    let came = &answer[..talk.map_err(Error::io("talk over UDP"))?];
    wire.event(Side::Server, Event::Bytes(came));
    same(&String::from_utf8_lossy(came), "the datagram came back")
}

/// `urllib.request.urlopen`: a request is a few lines, and so is the answer.
fn by_hand(lab: &Lab, wire: &Arc<Tally>) -> Result<String> {
    let mut client = http::Client::with(http::Options { dial: dial(wire), ..Default::default() });
    let answer = client.get(&lab.http.url("/get?key1=value1"))?;
    let status = answer.status;
    Ok(format!("{status}, {} bytes of JSON", answer.bytes()?.len()))
}

/// `requests.Session().get`: the same with a package, and over TLS.
fn web(lab: &Lab, wire: &Arc<Tally>) -> Result<String> {
    let options = web::Options { tls: tls::trust()?, trace: Some(wire.clone()), ..Default::default() };
    let answer = Session::with(options).get(&lab.https.url("/encoding/utf8")).send()?;
    Ok(format!("{}, over TLS", answer.status()))
}

/// `websockets.connect`: after an HTTP request, messages both ways.
fn websocket(lab: &Lab, wire: &Arc<Tally>) -> Result<String> {
    let options = websocket::Options { dial: dial(wire), ..Default::default() };
    let mut socket = websocket::connect_with(&lab.ws.url("/"), &options)?;
    socket.send(HELLO.into())?;
    let answer = websocket::receive(&mut socket)?.map(|message| message.to_string());
    websocket::close(&mut socket, CloseCode::Normal, "that was all")?;
    same(&answer.unwrap_or_default(), "the message came back")
}

/// `ftplib`: one connection for the commands, another for each file.
fn ftp(lab: &Lab, wire: &Arc<Tally>) -> Result<String> {
    let options = ftp::Options { dial: dial(wire), data_trace: Some(wire.clone()), ..Default::default() };
    let mut ftp = Ftp::connect_with(lab.ftp.addr(), options)?;
    ftp.login("username", "password")?;
    ftp.stor("hello.txt", &mut HELLO.as_bytes())?;
    let mut file = Vec::new();
    ftp.retr("hello.txt", &mut file)?;
    ftp.quit()?;
    same(&String::from_utf8_lossy(&file), "a file, there and back")
}

/// `smtplib` and `email`: an envelope, and a message with a head of its own.
fn smtp(lab: &Lab, wire: &Arc<Tally>) -> Result<String> {
    let starttls = StartTls::Required(tls::trust()?);
    let options = smtp::Options { dial: dial(wire), starttls, ..Default::default() };
    let mut smtp = Smtp::connect(&lab.smtp.addr().into(), &options)?;
    smtp.login("user", "password")?;
    // The day of the examples in RFC 9110: so this mail has the same length on every day.
    let message = MessageBuilder::new().from("me@example.com").to("you@example.com").date(784_111_777_i64);
    smtp.send(&message.subject("from the tour").text_body(HELLO))?;
    smtp.quit()?;
    let subject = lab.smtp.inbox().last().map(|mail| mail.subject()).unwrap_or_default();
    Ok(format!("inbox: {subject}"))
}

/// `socket.gethostbyname`: a name becomes an address.
fn dns(lab: &Lab, wire: &Arc<Tally>) -> Result<String> {
    let resolver = Resolver { trace: Some(wire.clone()), ..lab.dns.resolver() };
    match resolver.lookup("www.example.com", Kind::A)? {
        Lookup::Found(records) => {
            Ok(records.iter().map(|record| record.data.to_string()).collect::<Vec<_>>().join(", "))
        }
        Lookup::NoData | Lookup::NoSuchName => Ok("no address".to_owned()),
    }
}

/// `connect_ex` in a loop: who listens? We say nothing: the handshake of TCP tells.
fn scan(lab: &Lab, _: &Arc<Tally>) -> Result<String> {
    let closed = Closed::start(lab.echo.addr().ip())?;
    let servers = lab.servers().map(|(_, server)| server.addr().port());
    let ports = servers.into_iter().chain([closed.addr().port()]).collect();
    let found = Scan { ports, ..Scan::of(closed.addr().ip()) }.run()?;
    let count = |state| found.iter().filter(|port| port.state == state).count();
    Ok(format!("{} open, {} closed", count(State::Open), count(State::Closed)))
}

/// `asyncio.gather`: ten pages that take 50 ms each, and all of them hardly more.
fn many(lab: &Lab, wire: &Arc<Tally>) -> Result<String> {
    let url = lab.http.url("/delay/0.05");
    let gather = Gather { workers: PAGES, ..Gather::default() };
    let pages = gather.all(0..PAGES, |_, _| {
        let own = Arc::new(Tally::new(wire.watch.clone())); // each conversation has turns of its own
        let session = Session::with(web::Options { trace: Some(own.clone()), ..Default::default() });
        session.get(&url).send()?.error_for_status()?.bytes()?;
        Ok(own.count())
    })?;
    pages.iter().for_each(|page| wire.add(page));
    Ok(format!("{} pages at once", pages.len()))
}

fn dial(wire: &Arc<Tally>) -> Dial {
    Dial { trace: Some(wire.clone()), ..Dial::default() }
}

/// An echo is the same, or it is none.
fn same(answer: &str, well: &'static str) -> Result<String> {
    if answer != HELLO {
        return Err(Error::Protocol("what came back is not what was sent".into()));
    }
    Ok(well.to_owned())
}
