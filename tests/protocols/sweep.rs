//! One conversation of each client, damaged at every byte: it ends in the right value or in an error of the right kind, and in
//! time; nobody panics, and nothing of it is left.
//!
//! A plain run tries a sample. With NETPRIMER_LOAD=1 every byte is tried.

use crate::{site, support};

use netprimer::dial::Dial;
use netprimer::dns::{Kind, Lookup, Resolver};
use netprimer::fault::{DatagramFault, DatagramProxy, Fault, FaultProxy, Seen};
use netprimer::ftp::{self, Ftp};
use netprimer::gather::Gather;
use netprimer::http::{self, Client, Method, Request};
use netprimer::lab;
use netprimer::lab::dns::Lie;
use netprimer::lab::tls::{self, Acceptor, Certificate};
use netprimer::server::Server;
use netprimer::smtp::{MessageBuilder, Smtp, StartTls, Unknown};
use netprimer::stream::{BoxStream, Stream};
use netprimer::trace::{Event, Side};
use netprimer::web::{self, Session};
use netprimer::websocket::{self, CloseCode};
use netprimer::{Error, Result};
use std::collections::{BTreeMap, HashMap};
use std::io::{Read, Write};
use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};
use support::{LIMIT, network, note, programs};

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
    /// How much each side said on one connection, at most, until all was said.
    lengths: Arc<Mutex<[u64; 2]>>,
    said: Arc<AtomicBool>,
}

impl Way {
    fn new(damage: Damage) -> Arc<Way> {
        // In a silence the client's patience is what is tried, and damaged bytes may ask it to wait for what never comes.
        let patience = match damage {
            Damage::Bytes(_, Fault::Stall { .. } | Fault::Flip { .. }) => SHORT,
            Damage::Datagrams(_, DatagramFault::Duplicate(_) | DatagramFault::Delay(_)) => LONG, // the answer comes
            Damage::Datagrams(..) => SHORT,
            _ => LONG,
        };
        Arc::new(Way { damage, patience, proxies: Mutex::default(), lengths: Arc::default(), said: Arc::default() })
    }

    /// Where the damaged way to this server begins.
    fn to(&self, server: SocketAddr) -> SocketAddr {
        let proxy = match self.damage {
            Damage::Bytes(Side::Client, fault) => FaultProxy::to(server).up(fault),
            Damage::Bytes(Side::Server, fault) => FaultProxy::to(server).down(fault),
            _ => FaultProxy::to(server),
        };
        let handle = proxy.watch(self.measure()).start().unwrap();
        let addr = handle.addr();
        self.proxies.lock().unwrap().push(Box::new(handle));
        addr
    }

    fn measure(&self) -> impl Fn(&Seen<'_>) + Send + Sync + 'static {
        let (lengths, said) = (Arc::clone(&self.lengths), Arc::clone(&self.said));
        let connections = Mutex::new(HashMap::<u64, [u64; 2]>::new());
        move |seen| {
            if let Event::Bytes(bytes) = seen.event
                && !said.load(Ordering::Relaxed)
            {
                let mut connections = connections.lock().unwrap();
                let length = &mut connections.entry(seen.connection).or_default()[seen.side as usize];
                *length += bytes.len() as u64;
                let most = &mut lengths.lock().unwrap()[seen.side as usize];
                *most = (*most).max(*length);
            }
        }
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
            if let Ok(relay) = relay.watch(self.measure()).start() {
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
const LATE: Duration = Duration::from_secs(15); // half of what a client waits that was told nothing

// ---- the conversations ----

/// What a client says and hears, the same each time.
struct Golden {
    name: &'static str,
    over: Over,
    /// What comes of it.
    value: &'static str,
    unmissed: Unmissed,
    /// Gives what came of it; fails where it ended early.
    talk: Box<Talk>,
}

type Talk = dyn Fn(&Arc<Way>) -> Result<String> + Sync;

impl Golden {
    fn new(
        name: &'static str,
        over: Over,
        value: &'static str,
        unmissed: Unmissed,
        talk: impl Fn(&Arc<Way>) -> Result<String> + Sync + 'static,
    ) -> Golden {
        Golden { name, over, value, unmissed, talk: Box::new(talk) }
    }
}

/// Where a connection may end early and the value is right: what was to follow is not missed.
#[derive(Debug, Clone)]
enum Unmissed {
    Nothing,
    /// The last record over TLS on either side: a `close_notify` after both have said goodbye in their own protocol.
    Goodbye,
    /// An end between two answers is seen before the second question, which then takes a connection of its own. So many bytes
    /// more than the second answer may be missing: what TLS puts around it; or fields behind the last chunk of the first, for
    /// whose end ureq waits only if it has read a part of them.
    Between(RangeInclusive<i64>),
}

impl Unmissed {
    /// Whether these last bytes of a side need not come.
    fn covers(&self, side: Side, fault: Fault, missing: i64) -> bool {
        match self {
            Unmissed::Nothing => false,
            Unmissed::Goodbye if side == Side::Server => missing <= 2 + TLS + TICKETS,
            Unmissed::Goodbye => missing <= 2 + TLS,
            // Behind a silence nobody knows that it is one.
            Unmissed::Between(more) => {
                let cut = !matches!(fault, Fault::Stall { .. });
                // A server that says less than usual over TLS has said all before the last bytes are due.
                let said_less = *more.start() != 0 && missing <= TICKETS;
                cut && side == Side::Server && (said_less || more.contains(&(missing - LENGTH.len() as i64)))
            }
        }
    }
}

/// What a record has around its contents (RFC 8446 section 5.2): a head of five bytes, the type, and a tag of sixteen.
const TLS: i64 = 22;
/// A server over TLS says a little more or less each time: two tickets, sealed in blocks of sixteen bytes.
const TICKETS: i64 = 2 * 16;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Over {
    Datagrams,
    Tcp,
    Tls,
}

fn golden() -> Vec<Golden> {
    use Over::{Datagrams, Tcp, Tls};
    use Unmissed::{Between, Goodbye, Nothing};
    const IP: &str = "93.184.216.34";
    const MESSAGES: &str = "你好, 200";
    let offered = lab::smtp::Tls::Offered(Certificate::Good);
    vec![
        Golden::new("echo", Tcp, "你好", Nothing, |way| echo(way, None)),
        Golden::new("echo over TLS", Tls, "你好", Nothing, |way| echo(way, acceptor())),
        Golden::new("DNS over UDP", Datagrams, IP, Nothing, |way| dns(way, vec![])),
        Golden::new("DNS over TCP", Tcp, IP, Nothing, |way| dns(way, vec![Lie::Truncated])),
        Golden::new("HTTP by hand", Tcp, TURNS, Between(0..=0), |way| by_hand(way, None)),
        Golden::new("HTTPS by hand", Tls, TURNS, Between(TLS - TICKETS..=TLS + TICKETS), |way| {
            by_hand(way, acceptor())
        }),
        Golden::new("HTTP session", Tcp, TURNS, Between(0..=8), |way| by_session(way, None)),
        Golden::new("HTTPS session", Tls, TURNS, Between(TLS - TICKETS..=TLS + TICKETS), |way| {
            by_session(way, acceptor())
        }),
        Golden::new("ws", Tcp, MESSAGES, Nothing, |way| ws(way, None)),
        Golden::new("wss", Tls, MESSAGES, Goodbye, |way| ws(way, acceptor())),
        Golden::new("FTP control", Tcp, FILES, Nothing, |way| ftp_control(way, None)),
        Golden::new("FTPS control", Tls, FILES, Goodbye, |way| ftp_control(way, acceptor())),
        Golden::new("FTP data", Tcp, FILES, Nothing, |way| ftp_data(way, None)),
        Golden::new("FTPS data", Tls, FILES, Nothing, |way| ftp_data(way, acceptor())),
        Golden::new("SMTP", Tcp, MAIL, Nothing, |way| smtp(way, lab::smtp::Tls::Never)),
        Golden::new("SMTP with STARTTLS", Tls, MAIL, Goodbye, move |way| smtp(way, offered)),
    ]
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
    let resolver =
        Resolver { patience: way.patience, total: way.patience * 2, ..Resolver::at(way.to_both(server.addr())) };
    match resolver.lookup("www.example.com", Kind::A)? {
        Lookup::Found(records) => {
            Ok(records.iter().map(|record| record.data.to_string()).collect::<Vec<_>>().join(", "))
        }
        other => Ok(format!("{other:?}")),
    }
}

const CHUNKED: &[u8] =
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;x=y\r\nHello\r\n7\r\n, world\r\n0\r\nA: b\r\n\r\n";
const LENGTH: &[u8] =
    b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n\xe4\xbd\xa0\xe5\xa5\xbd";
const TURNS: &str = "200 Hello, world, 200 你好";

/// Two turns on one connection.
fn turns(
    way: &Way,
    tls: Option<Acceptor>,
    mut turn: impl FnMut(Method, &str, &str) -> Result<(u16, String)>,
) -> Result<String> {
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
    way.said.store(true, Ordering::Relaxed); // a goodbye over TLS may come or not
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
    for message in [websocket::Message::text("你好"), websocket::Message::binary(vec![7; 200])] {
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
    let mails: Vec<String> = inbox
        .iter()
        .map(|mail| format!("{} {} {}", mail.subject(), mail.to.join(" "), mail.parts()[0].text()))
        .collect();
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
        let passed = *way.lengths.lock().unwrap();
        let judged = self.judge(&result, passed).and_then(|()| {
            let most = match self.damage {
                _ if way.patience == SHORT => SHORT * WAITS,
                Damage::Bytes(_, Fault::Slice(_)) => LONG * WAITS,
                _ => Duration::ZERO, // nobody waits for what is not there any more
            } + LATE;
            match (self.damage, &result) {
                (Damage::Bytes(_, Fault::Stall { .. }), Err(_)) if took < SHORT => Err("early"),
                _ if took < most => Ok(()),
                _ => Err("late"),
            }
        });
        judged.map_err(|why| {
            format!("{}: {:?} of {}: {why}: {result:?} after {took:?}", self.golden.name, self.damage, self.whole)
        })
    }

    fn judge(&self, result: &Result<String>, passed: [u64; 2]) -> std::result::Result<(), &'static str> {
        let right = match (self.damage, result) {
            (_, Ok(value)) if value != self.golden.value => return Err("damage looks like another value"),
            (Damage::Nothing | Damage::Bytes(_, Fault::Slice(_)), _) => result.is_ok(),
            (
                Damage::Bytes(side, fault @ (Fault::Cut { after } | Fault::Slam { after } | Fault::Stall { after })),
                Ok(_),
                // A server over TLS that says less than usual (TICKETS) has said all, and nothing was damaged.
            ) => {
                passed[side as usize] < after
                    || self.golden.unmissed.covers(side, fault, self.whole as i64 - after as i64)
            }
            (Damage::Bytes(_, Fault::Cut { .. } | Fault::Slam { .. }), Err(error)) => error_is(error, lost),
            (Damage::Bytes(_, Fault::Stall { .. }), Err(error)) => error_is(error, |e| matches!(e, Error::Timeout(_))),
            // TLS sees it, or nobody misses it; a length that was damaged can also mean a long wait.
            (Damage::Bytes(_, Fault::Flip { .. }), Ok(_)) => true,
            (Damage::Bytes(_, Fault::Flip { .. }), Err(error)) => {
                !matches!(error, Error::Invalid(_) | Error::TooLong(..))
            }
            (Damage::Datagrams(_, DatagramFault::Duplicate(_) | DatagramFault::Delay(_)), _) => result.is_ok(),
            (Damage::Datagrams(_, DatagramFault::Flip { .. }), Ok(_)) => true,
            // Nobody answers to what was asked; or the server says that it does not understand.
            (Damage::Datagrams(_, DatagramFault::Flip { .. }), Err(error)) => {
                matches!(error, Error::Timeout(_) | Error::Protocol(_) | Error::Other(..))
            }
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
                // The answer repeats the question, up to its OPT record. What stands behind, nobody can check.
                for at in self.of(lengths[Side::Client as usize] - if side == Side::Server { OPT } else { 0 }, 1, 4) {
                    let flip = DatagramFault::Flip { at: at as usize, mask: 1 << (at % 8) };
                    damages.push((Damage::Datagrams(side, flip), whole));
                }
                continue;
            }
            let tls = over == Over::Tls;
            // A millisecond for each piece: a handshake byte by byte takes seconds.
            add(Fault::Slice(if tls && !self.all { 16 } else { 1 }));
            self.of(whole, 1, if tls { 4 } else { 10 }).into_iter().for_each(|after| add(Fault::Cut { after }));
            self.of(whole, 10, 2).into_iter().for_each(|after| add(Fault::Stall { after }));
            self.of(whole, 10, 2).into_iter().for_each(|after| add(Fault::Slam { after }));
            if tls {
                self.of(whole, 16, 3).into_iter().for_each(|at| add(Fault::Flip { at, mask: 1 << (at % 8) }));
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

/// So many faults are tried with NETPRIMER_LOAD=1, and a few more: over TLS a conversation is not always equally long (TICKETS).
const AT_LEAST: usize = 31_000;

/// An OPT record without options (RFC 6891 section 6.1.2).
const OPT: u64 = 11;

fn sweep(share: Share, golden: &[Golden]) {
    let start = Instant::now();
    let mut trials = Vec::new();
    for golden in golden {
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
    println!("| faults tried and survived: {survived} of {tried} in {:.0?} ({})", start.elapsed(), line.join(", "));
    assert!(!share.all || survived >= AT_LEAST, "fewer than {AT_LEAST} were survived");
    wrong.sort();
    assert!(wrong.is_empty(), "{} of {tried}:\n{}", wrong.len(), wrong.join("\n"));
}

/// Threads and descriptors of this process (proc(5)), as soon as they are `right`; nothing where there is no /proc. A thread
/// that has been waited for may be in this list for a moment yet.
fn settled(right: impl Fn(&[usize]) -> bool) -> Vec<usize> {
    let count = |folder| std::fs::read_dir(folder).map(Iterator::count).ok();
    let start = Instant::now();
    loop {
        let now: Vec<usize> = ["/proc/self/task", "/proc/self/fd"].into_iter().filter_map(count).collect();
        if right(&now) || start.elapsed() > LIMIT {
            return now;
        }
        thread::yield_now();
    }
}

/// So many ports, each with five digits (FTP and HTTP write them), and none that a connection of just now still holds (TIME-WAIT,
/// RFC 9293 section 3.6.1): tens of thousands of connections would leave no port to anybody else.
const PORTS: &str = "
    echo 10000 65535 > /proc/sys/net/ipv4/ip_local_port_range
    echo 0 > /proc/sys/net/ipv4/tcp_max_tw_buckets
";

/// In a process of its own: a panic of any thread, and what is left at the end, would be anybody's here. Everything is tried
/// in a network of its own, where there is one to be had.
#[test]
fn every_fault_is_survived() {
    const TEST: &str = "every_fault_is_survived";
    match programs::told().as_deref() {
        Some(share) => survive(Share { all: share == "all" }),
        None => {
            let all = support::load().then(|| network::own(TEST, "all", &[], PORTS)).flatten();
            let left = all.unwrap_or_else(|| programs::again(TEST, "sample", |program| Command::new(program)));
            let text = String::from_utf8_lossy(&left.out).into_owned();
            text.lines().filter_map(|line| line.split_once("| ")).for_each(|(_, line)| note(line));
        }
    }
}

fn survive(share: Share) {
    let panics = Arc::new(AtomicUsize::new(0));
    let (count, usual) = (Arc::clone(&panics), std::panic::take_hook());
    std::panic::set_hook(Box::new(move |info| {
        count.fetch_add(1, Ordering::Relaxed);
        usual(info);
    }));
    let (golden, first) = (golden(), settled(|_| true));
    // What is made once for a whole process is there before anything is counted.
    for one in &golden {
        (one.talk)(&Way::new(Damage::Nothing)).unwrap_or_else(|error| panic!("{}: {error:?}", one.name));
    }
    let before = settled(|now| now.first() == first.first());
    sweep(share, &golden);
    let after = settled(|now| now == before);
    assert_eq!(after, before, "threads and descriptors");
    assert_eq!(panics.load(Ordering::Relaxed), 0);
}
