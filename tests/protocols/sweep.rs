//! One conversation of each client, damaged at every byte: it ends in the right value or in an error of the right kind, and in
//! time; nobody panics, and nothing of it is left.
//!
//! A plain run tries a sample. With NETPRIMER_LOAD=1 every byte is tried.

use crate::{site, support};

use netprimer::deadline::Deadline;
use netprimer::dial::Dial;
use netprimer::dns::{Kind, Lookup, Resolver};
use netprimer::fault::{DatagramFault, DatagramProxy, Fault, FaultProxy};
use netprimer::ftp::{self, Ftp};
use netprimer::gather::Gather;
use netprimer::http::{self, Client, Method, Request};
use netprimer::lab::dns::Lie;
use netprimer::lab::tls::{self, Acceptor, Certificate};
use netprimer::lab;
use netprimer::server::Server;
use netprimer::smtp::{MessageBuilder, Smtp, StartTls, Unknown};
use netprimer::stream::{self, BoxStream, Stream};
use netprimer::trace::{Event, Side};
use netprimer::web::{self, Session};
use netprimer::websocket::{self, CloseCode};
use netprimer::{Error, Result};
use std::collections::{BTreeMap, HashMap};
use std::io::{Read, Write};
use std::net::SocketAddr;
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use support::{LIMIT, note, programs};

// ---- what goes wrong, and the way on which it does ----

/// What is done to each connection of a conversation, or to each asker's datagrams.
#[derive(Debug, Clone, Copy)]
enum Damage {
    Nothing,
    Bytes(Side, Fault),
    Datagrams(Side, DatagramFault),
}

/// The way from a client to its server: how patient the client is on it, and the proxies that stand there.
struct Way {
    damage: Damage,
    patience: Duration,
    proxies: Mutex<Vec<Box<dyn Send>>>,
    /// How much each side said on one connection, at most.
    lengths: Arc<Mutex<[u64; 2]>>,
}

impl Way {
    fn new(damage: Damage) -> Arc<Way> {
        // In a silence the client's patience is what is tried, and damaged bytes may ask it to wait for what never comes.
        let patience = match damage {
            Damage::Bytes(_, Fault::Stall { .. } | Fault::Flip { .. }) | Damage::Datagrams(..) => SHORT,
            _ => LONG,
        };
        Arc::new(Way { damage, patience, proxies: Mutex::default(), lengths: Arc::default() })
    }

    /// Where the damaged way to this server begins.
    fn to(&self, server: SocketAddr) -> SocketAddr {
        let proxy = match self.damage {
            Damage::Bytes(Side::Client, fault) => FaultProxy::to(server).up(fault),
            Damage::Bytes(Side::Server, fault) => FaultProxy::to(server).down(fault),
            _ => FaultProxy::to(server),
        };
        let (lengths, connections) = (Arc::clone(&self.lengths), Mutex::new(HashMap::<u64, [u64; 2]>::new()));
        let proxy = proxy.watch(move |seen| {
            if let Event::Bytes(bytes) = seen.event {
                let mut connections = connections.lock().unwrap();
                let length = &mut connections.entry(seen.connection).or_default()[seen.side as usize];
                *length += bytes.len() as u64;
                let most = &mut lengths.lock().unwrap()[seen.side as usize];
                *most = (*most).max(*length);
            }
        });
        let handle = proxy.start().unwrap();
        let addr = handle.addr();
        self.proxies.lock().unwrap().push(Box::new(handle));
        addr
    }

    /// The same with datagrams too, on the same port.
    fn to_both(&self, server: SocketAddr) -> SocketAddr {
        loop {
            let addr = self.to(server);
            let relay = DatagramProxy::to(server).listen_on(addr);
            let relay = match self.damage {
                Damage::Datagrams(Side::Client, fault) => relay.up(fault),
                Damage::Datagrams(Side::Server, fault) => relay.down(fault),
                _ => relay,
            };
            if let Ok(relay) = relay.start() {
                self.proxies.lock().unwrap().push(Box::new(relay));
                return addr;
            }
        }
    }

    fn dial(&self) -> Dial {
        Dial { connect: self.patience, reply: self.patience, ..Dial::default() }
    }
}

/// For a client that is to lose patience.
const SHORT: Duration = Duration::from_millis(250);
/// For one that is not.
const LONG: Duration = Duration::from_secs(20);
/// So many waits one after the other a conversation may have before it fails.
const WAITS: u32 = 4;
/// And so much later than its patience it may end on a machine that is busy with all the others.
const LATE: Duration = Duration::from_secs(5);

// ---- the conversations ----

/// What a client says and hears, the same each time.
struct Golden {
    name: &'static str,
    /// What comes of it.
    value: &'static str,
    /// Gives what came of it; fails where it ended early.
    talk: fn(&Arc<Way>) -> Result<String>,
    over: Over,
    /// Where the end may come and nobody misses what was to follow: from which byte on, counted from the end of a side.
    unmissed: fn(Side, u64, u64) -> bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Over {
    Datagrams,
    Tcp,
    Tls,
}

fn golden() -> Vec<Golden> {
    vec![
        Golden { name: "echo", value: "你好", talk: |way| echo(way, None), over: Over::Tcp, unmissed: never },
        Golden { name: "echo over TLS", value: "你好", talk: |way| echo(way, acceptor()), over: Over::Tls, unmissed: never },
        Golden { name: "DNS over UDP", value: "93.184.216.34", talk: |way| dns(way, vec![]), over: Over::Datagrams, unmissed: never },
        Golden { name: "DNS over TCP", value: "93.184.216.34", talk: |way| dns(way, vec![Lie::Truncated]), over: Over::Tcp, unmissed: never },
        Golden { name: "HTTP by hand", value: TURNS, talk: |way| by_hand(way, None), over: Over::Tcp, unmissed: never },
        Golden { name: "HTTPS by hand", value: TURNS, talk: |way| by_hand(way, acceptor()), over: Over::Tls, unmissed: never },
        Golden { name: "HTTP session", value: TURNS, talk: |way| by_session(way, None), over: Over::Tcp, unmissed: never },
        Golden { name: "HTTPS session", value: TURNS, talk: |way| by_session(way, acceptor()), over: Over::Tls, unmissed: never },
        Golden { name: "ws", value: "你好, 1000", talk: |way| ws(way, None), over: Over::Tcp, unmissed: never },
        Golden { name: "wss", value: "你好, 1000", talk: |way| ws(way, acceptor()), over: Over::Tls, unmissed: never },
        Golden { name: "FTP control", value: FILES, talk: |way| ftp_control(way, None), over: Over::Tcp, unmissed: never },
        Golden { name: "FTPS control", value: FILES, talk: |way| ftp_control(way, acceptor()), over: Over::Tls, unmissed: never },
        Golden { name: "FTP data", value: FILES, talk: |way| ftp_data(way, None), over: Over::Tcp, unmissed: never },
        Golden { name: "FTPS data", value: FILES, talk: |way| ftp_data(way, acceptor()), over: Over::Tls, unmissed: never },
        Golden { name: "SMTP", value: MAIL, talk: |way| smtp(way, lab::smtp::Tls::Never), over: Over::Tcp, unmissed: never },
        Golden { name: "SMTP with STARTTLS", value: MAIL, talk: |way| smtp(way, lab::smtp::Tls::Offered(Certificate::Good)), over: Over::Tls, unmissed: never },
    ]
}

fn never(_: Side, _: u64, _: u64) -> bool {
    false
}

fn acceptor() -> Option<Acceptor> {
    Some(Acceptor::new(Certificate::Good).unwrap())
}

/// What is sent comes back, up to the end that both sides mark.
fn echo(way: &Way, tls: Option<Acceptor>) -> Result<String> {
    let secure = tls.is_some();
    let server = Server::bind("127.0.0.1:0")?.start(move |conn| {
        let mut stream: BoxStream = match &tls {
            Some(acceptor) => acceptor.accept(conn.stream)?,
            None => Box::new(conn.stream),
        };
        let mut all = Vec::new();
        stream.read_to_end(&mut all).map_err(Error::io("hear"))?;
        stream.write_all(&all).and_then(|()| stream.finish()).map_err(Error::io("echo"))
    })?;
    let dial = Dial { tls: secure.then(|| tls::trust().unwrap()), ..way.dial() };
    let mut stream = dial.open(&way.to(server.addr()).into())?;
    stream.write_all("你好".as_bytes()).and_then(|()| stream.finish()).map_err(Error::io("send"))?;
    let mut back = vec![0; 6];
    if secure {
        back.clear();
        stream.read_to_end(&mut back).map_err(Error::io("hear the echo"))?;
    } else {
        // Without TLS an end is an end, whoever made it: only who knows the length knows that something is missing.
        stream.read_exact(&mut back).map_err(Error::io("hear the echo"))?;
    }
    Ok(String::from_utf8_lossy(&back).into_owned())
}

fn dns(way: &Way, lies: Vec<Lie>) -> Result<String> {
    let server = lab::dns::start(lab::dns::Options { zone: lab::dns::Zone::lesson(), lies, ..Default::default() })?;
    let resolver = Resolver { patience: way.patience, total: way.patience * 2, ..Resolver::at(way.to_both(server.addr())) };
    match resolver.lookup("www.example.com", Kind::A)? {
        Lookup::Found(records) => Ok(records.iter().map(|record| record.data.to_string()).collect::<Vec<_>>().join(", ")),
        other => Ok(format!("{other:?}")),
    }
}

const CHUNKED: &[u8] =
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;x=y\r\nHello\r\n7\r\n, world\r\n0\r\nA: b\r\n\r\n";
const LENGTH: &[u8] =
    b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n\xe4\xbd\xa0\xe5\xa5\xbd";
const TURNS: &str = "200 Hello, world, 200 你好";

/// Two turns on one connection.
fn turns(way: &Way, tls: Option<Acceptor>, mut turn: impl FnMut(Method, &str, &str) -> Result<(u16, String)>) -> Result<String> {
    let site = site::site(tls, |asked| match asked.head.target.as_str() {
        "/chunked" => CHUNKED.to_vec(),
        _ if asked.body == b"0123456789" => LENGTH.to_vec(),
        _ => b"HTTP/1.1 400 Bad\r\nContent-Length: 0\r\n\r\n".to_vec(),
    });
    let url = site.url("");
    let (scheme, addr) = url.split_once("://").unwrap();
    let addr = way.to(addr.parse().unwrap());
    let mut answers = Vec::new();
    for (method, path, body) in [(Method::Get, "/chunked", ""), (Method::Post, "/post", "0123456789")] {
        let (status, text) = turn(method, &format!("{scheme}://{addr}{path}"), body)?;
        answers.push(format!("{status} {text}"));
    }
    Ok(answers.join(", "))
}

fn by_hand(way: &Way, tls: Option<Acceptor>) -> Result<String> {
    let dial = Dial { tls: Some(tls::trust()?), ..way.dial() };
    let mut client = Client::with(http::Options { dial, ..Default::default() });
    turns(way, tls, |method, url, body| {
        let answer = client.send(&Request::new(method, url).body(body))?;
        Ok((answer.status, answer.text()?))
    })
}

fn by_session(way: &Way, tls: Option<Acceptor>) -> Result<String> {
    let options = web::Options { connect: way.patience, total: way.patience, tls: tls::trust()?, ..Default::default() };
    let session = Session::with(options);
    turns(way, tls, |method, url, body| {
        let mut answer = session.request(method.as_str(), url).body(body).send()?;
        Ok((answer.status().as_u16(), answer.text()?))
    })
}

/// A text and a long binary message, there and back, and a goodbye.
fn ws(way: &Way, tls: Option<Acceptor>) -> Result<String> {
    let scheme = if tls.is_some() { "wss" } else { "ws" };
    let lab = lab::ws::start(lab::ws::Options { tls, ..Default::default() })?;
    let half = way.patience / 2;
    let limits = websocket::Limits {
        ping_after: Some(half),
        pong_within: half,
        write: way.patience,
        close: way.patience,
        ..Default::default()
    };
    let dial = Dial { tls: Some(tls::trust()?), ..way.dial() };
    let options = websocket::Options { dial, limits, ..Default::default() };
    let mut socket = websocket::connect_with(&format!("{scheme}://{}/", way.to(lab.addr())), &options)?;
    let mut came = Vec::new();
    for message in [websocket::Message::text("你好"), websocket::Message::binary(vec![7; 1000])] {
        socket.send(message)?;
        match websocket::receive(&mut socket)? {
            Some(websocket::Message::Text(text)) => came.push(text.to_string()),
            Some(message) => came.push(message.into_data().iter().filter(|byte| **byte == 7).count().to_string()),
            None => came.push("nothing".into()),
        }
    }
    match websocket::close(&mut socket, CloseCode::Normal, "bye")? {
        Some(frame) if frame.code == CloseCode::Normal => Ok(came.join(", ")),
        other => Err(Error::Closed(format!("say goodbye, and hear {other:?}").into())),
    }
}

const FILES: &str = "你好 你好 there, up";

fn ftp_control(way: &Arc<Way>, tls: Option<Acceptor>) -> Result<String> {
    files(way, tls.is_some(), lab::ftp::Options { tls, ..Default::default() }, |lab| way.to(lab.addr()), true)
}

/// Over TLS an end that nobody marked is none. In plain text the end of a listing proves nothing: it has no length.
fn ftp_data(way: &Arc<Way>, tls: Option<Acceptor>) -> Result<String> {
    let theirs = Arc::clone(way);
    let data_port: lab::ftp::DataPort = Arc::new(move |addr| theirs.to(addr).port());
    let secure = tls.is_some();
    let options = lab::ftp::Options { tls, data_port: Some(data_port), ..Default::default() };
    files(way, secure, options, lab::ftp::Lab::addr, secure)
}

/// A file goes there, another comes, and who may sees the names of both.
fn files(
    way: &Way,
    secure: bool,
    lab: lab::ftp::Options,
    addr: impl Fn(&lab::ftp::Lab) -> SocketAddr,
    list: bool,
) -> Result<String> {
    let lab = lab::ftp::start(lab)?;
    lab.put("there", "你好")?;
    let options = ftp::Options { dial: way.dial(), data: way.patience, transfer: way.patience, ..Default::default() };
    let mut ftp = Ftp::connect_with(addr(&lab), options)?;
    if secure {
        ftp = ftp.secure(&tls::trust()?)?;
    }
    ftp.login("username", "password")?;
    ftp.stor("up", &mut "你好".as_bytes())?;
    let mut down = Vec::new();
    ftp.retr("there", &mut down)?;
    let names = if list { ftp.nlst("")?.join(", ") } else { "there, up".into() };
    ftp.quit()?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Ok(format!("{} {} {names}", text(&down), text(&lab.files()["/up"])))
}

const MAIL: &str = "测试 receiver@example.com 你好";

fn smtp(way: &Way, tls: lab::smtp::Tls) -> Result<String> {
    let starttls = match tls {
        lab::smtp::Tls::Never => StartTls::ReadableByAnyone,
        _ => StartTls::Required(tls::trust()?),
    };
    let secure = matches!(starttls, StartTls::Required(_));
    let lab = lab::smtp::start(lab::smtp::Options { tls, ..Default::default() })?;
    let options = netprimer::smtp::Options { dial: way.dial(), starttls, taking: way.patience, ..Default::default() };
    let message =
        MessageBuilder::new().from("sender@example.com").to("receiver@example.com").subject("测试").text_body("你好");
    let send = || {
        let mut smtp = Smtp::connect(&way.to(lab.addr()).into(), &options)?;
        if secure {
            smtp.login("user", "password")?;
        }
        smtp.send(&message)?;
        smtp.quit()
    };
    let sent = send();
    let inbox = lab.inbox();
    let mails: Vec<String> =
        inbox.iter().map(|mail| format!("{} {} {}", mail.subject(), mail.to.join(" "), mail.parts()[0].text())).collect();
    // What is taken is whole, also where the client does not learn of it.
    assert!(mails.is_empty() || mails == [MAIL], "{mails:?}");
    sent.map(|()| mails.concat())
}

// ---- what may come of it ----

/// One conversation with one damage.
struct Trial<'g> {
    golden: &'g Golden,
    damage: Damage,
    /// How many bytes the damaged side says when nothing is wrong.
    whole: u64,
}

impl Trial<'_> {
    fn run(&self) -> std::result::Result<(), String> {
        let way = Way::new(self.damage);
        let start = Instant::now();
        let result = (self.golden.talk)(&way);
        let took = start.elapsed();
        let judged = self.judge(&result).and_then(|()| {
            let most = if way.patience == SHORT { SHORT * WAITS } else { Duration::ZERO } + LATE;
            let slow = matches!(self.damage, Damage::Bytes(_, Fault::Slice(_)));
            if slow || took < most { Ok(()) } else { Err("late") }
        });
        judged.map_err(|why| format!("{}: {:?} of {}: {why}: {result:?} after {took:?}", self.golden.name, self.damage, self.whole))
    }

    fn judge(&self, result: &Result<String>) -> std::result::Result<(), &'static str> {
        let right = match (self.damage, result) {
            (_, Ok(value)) if value != self.golden.value => return Err("damage looks like another value"),
            (Damage::Nothing | Damage::Bytes(_, Fault::Slice(_)), _) => result.is_ok(),
            (Damage::Bytes(side, Fault::Cut { after } | Fault::Stall { after }), Ok(_)) => {
                (self.golden.unmissed)(side, after, self.whole)
            }
            (Damage::Bytes(_, Fault::Cut { .. }), Err(error)) => error_is(error, lost),
            (Damage::Bytes(_, Fault::Stall { .. }), Err(error)) => error_is(error, |e| matches!(e, Error::Timeout(_))),
            // TLS sees it, or nobody misses it; a length that was damaged can also mean a long wait.
            (Damage::Bytes(_, Fault::Flip { .. }), Ok(_)) => true,
            (Damage::Bytes(_, Fault::Flip { .. }), Err(error)) => {
                !matches!(error, Error::Invalid(_) | Error::TooLong(..))
            }
            (Damage::Datagrams(_, DatagramFault::Duplicate(_) | DatagramFault::Delay(_)), _) => result.is_ok(),
            (Damage::Datagrams(..), Err(error)) => matches!(error, Error::Timeout(_)),
            _ => false,
        };
        if right { Ok(()) } else { Err("not what this damage leads to") }
    }
}

/// A message may have been taken or not; why that is unknown is what counts here.
fn error_is(error: &Error, right: fn(&Error) -> bool) -> bool {
    match error {
        Error::Other(_, cause) => cause.downcast_ref::<Unknown>().is_some_and(|unknown| right(&unknown.0)),
        error => right(error),
    }
}

/// The connection is gone, or the server says that its other one is (`4xx`): another attempt may do better.
fn lost(error: &Error) -> bool {
    error.is_transient() && !matches!(error, Error::Timeout(_))
}

// ---- all of it ----

/// How much is tried: everything, or a sample that is the same each time.
#[derive(Debug, Clone, Copy)]
struct Share {
    all: bool,
}

impl Share {
    /// Every so many of the bytes; of a sample, so many in all.
    fn of(self, whole: u64, every: u64, sample: u64) -> Vec<u64> {
        match self.all {
            true => (0..whole).step_by(every as usize).collect(),
            false => (0..sample).map(|n| (2 * n + 1) * whole / (2 * sample)).collect(),
        }
    }

    fn damages(self, over: Over, lengths: [u64; 2]) -> Vec<(Damage, u64)> {
        use DatagramFault::{Delay, Drop, Duplicate, Swap};
        let mut damages = Vec::new();
        for side in [Side::Client, Side::Server] {
            let whole = lengths[side as usize];
            let mut add = |fault| damages.push((Damage::Bytes(side, fault), whole));
            if over == Over::Datagrams {
                for fault in [Drop(1), Duplicate(1), Swap(1), Delay(Duration::from_millis(20))] {
                    damages.push((Damage::Datagrams(side, fault), 1));
                }
                continue;
            }
            let tls = over == Over::Tls;
            // A millisecond for each piece: a handshake byte by byte takes seconds.
            add(Fault::Slice(if tls && !self.all { 16 } else { 1 }));
            self.of(whole, 1, if tls { 4 } else { 10 }).into_iter().for_each(|after| add(Fault::Cut { after }));
            self.of(whole, 10, 2).into_iter().for_each(|after| add(Fault::Stall { after }));
            if tls {
                self.of(whole, 7, 4).into_iter().for_each(|at| add(Fault::Flip { at, mask: 1 << (at % 8) }));
            }
        }
        damages
    }
}

/// What came of the trials of one conversation.
#[derive(Default)]
struct Count {
    tried: usize,
    survived: usize,
}

fn sweep(share: Share) {
    let golden = golden();
    let mut trials = Vec::new();
    for golden in &golden {
        let way = Way::new(Damage::Nothing);
        let value = (golden.talk)(&way).unwrap_or_else(|error| panic!("{}: {error:?}", golden.name));
        assert_eq!(value, golden.value, "{}", golden.name);
        let lengths = *way.lengths.lock().unwrap();
        let damages = share.damages(golden.over, lengths);
        trials.extend(damages.into_iter().map(|(damage, whole)| Trial { golden, damage, whole }));
    }
    // Those who wait and those who work, mixed.
    let mut order: Vec<usize> = (0..trials.len()).collect();
    order.sort_by_key(|n| (*n as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    let mut counts: BTreeMap<&str, Count> = BTreeMap::new();
    let mut wrong = Vec::new();
    let gather = Gather { workers: 24, stack: 2 << 20, ..Gather::default() };
    let done = |n: usize, result: Result<std::result::Result<(), String>>| {
        let trial = &trials[order[n]];
        let count = counts.entry(trial.golden.name).or_default();
        count.tried += 1;
        match result {
            Ok(Ok(())) => count.survived += 1,
            Ok(Err(why)) => wrong.push(why),
            Err(panicked) => wrong.push(format!("{}: {:?}: {panicked}", trial.golden.name, trial.damage)),
        }
        true
    };
    gather.each(&order, |_| (), |n: &usize, _| Ok(trials[*n].run()), done).unwrap();
    let line: Vec<String> = counts.iter().map(|(name, count)| format!("{name} {}", count.survived)).collect();
    let (tried, survived) =
        counts.values().fold((0, 0), |(tried, survived), count| (tried + count.tried, survived + count.survived));
    println!("faults survived: {survived} of {tried} ({})", line.join(", "));
    wrong.sort();
    assert!(wrong.is_empty(), "{} of {tried}:\n{}", wrong.len(), wrong.join("\n"));
}

/// Threads and descriptors of this process (proc(5)); nothing where there is no /proc.
fn holds() -> Vec<usize> {
    let count = |folder| std::fs::read_dir(folder).map(Iterator::count).ok();
    ["/proc/self/task", "/proc/self/fd"].into_iter().filter_map(count).collect()
}

/// In a process of its own: a panic of any thread, and what is left at the end, would be anybody's here.
#[test]
fn every_fault_is_survived() {
    if programs::told().is_none() {
        let left = programs::again("every_fault_is_survived", "sweep", |program| Command::new(program));
        let text = String::from_utf8_lossy(&left.out).into_owned();
        return text.lines().filter(|line| line.contains("faults survived")).for_each(note);
    }
    let panics = Arc::new(AtomicUsize::new(0));
    let (count, usual) = (Arc::clone(&panics), std::panic::take_hook());
    std::panic::set_hook(Box::new(move |info| {
        count.fetch_add(1, Ordering::Relaxed);
        usual(info);
    }));
    // What is made once for a whole process is there before anything is counted.
    for golden in golden() {
        (golden.talk)(&Way::new(Damage::Nothing)).unwrap();
    }
    let before = holds();
    let start = Instant::now();
    sweep(Share { all: std::env::var_os("NETPRIMER_LOAD").is_some_and(|value| value == "1") });
    println!("took {:?}", start.elapsed());
    let start = Instant::now();
    while holds() > before && start.elapsed() < LIMIT {
        std::thread::yield_now();
    }
    assert_eq!(holds(), before, "threads and descriptors");
    assert_eq!(panics.load(Ordering::Relaxed), 0);
}
