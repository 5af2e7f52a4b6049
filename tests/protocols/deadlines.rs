//! Every call of the library that waits for a peer ends by one total time: here the peer sends a byte every so often, never stops,
//! or never reads, so that no limit for a single read or write would ever end it.
//!
//! All run at once. With NETPRIMER_LOAD=1 they have 3 s and 10 % more, at most, and as long as the machine itself let everybody
//! wait; in a plain run half a second, and then only a call that hangs fails. `cargo test --test protocols deadlines -- --nocapture` shows the table.

use crate::support;

use netprimer::dial::Dial;
use netprimer::ftp::{self, Ftp};
use netprimer::gather::{self, Gather};
use netprimer::http::{self, Client, Method, Request};
use netprimer::lab::ports::Filtered;
use netprimer::lab::script::{self, Script, Step};
use netprimer::lab::tls::{self, Certificate};
use netprimer::pool::{Manage, Pool};
use netprimer::retry::{self, Policy};
use netprimer::scan::Scan;
use netprimer::server::{Handle, Server};
use netprimer::smtp::{self, Smtp, StartTls};
use netprimer::stream::{self, BoxStream, Invitation, Stream, Tcp};
use netprimer::text::{self, Limits, TextConn};
use netprimer::websocket::{self, Reconnect, Socket};
use netprimer::{Deadline, Error, Result, dns, web};
use std::io::{self, Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};
use support::{LIMIT, load, sockets};

const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
/// More than two kernels keep for one connection of which nobody reads: 4 MiB here, 64 KiB there (tcp(7): `tcp_wmem`, `tcp_rmem`).
const LOT: usize = 6 << 20;

/// How a call ended, and after how long.
struct Ended {
    took: Duration,
    came: Result<String>,
}

fn ended<T: std::fmt::Debug>(call: impl FnOnce() -> Result<T>) -> Ended {
    let start = Instant::now();
    let came = call();
    Ended { took: start.elapsed(), came: came.map(|value| format!("{value:?}")) }
}

/// What some calls give instead of an error.
fn answer(came: &str) -> bool {
    came.contains("Filtered") || came.contains("banner: [120") || came.starts_with("Drained") || came == "the last 503"
}

// ---- peers ----

fn peer(steps: impl IntoIterator<Item = Step>) -> Script {
    script::play(steps).unwrap()
}

/// This again and again, a byte at a time: ten times as long as anybody waits.
fn drip(text: &str, time: Duration) -> Step {
    Step::Drip(text.bytes().cycle().take(200).collect(), time / 20)
}

/// Does not read.
fn deaf(time: Duration) -> Step {
    Step::Wait(4 * time)
}

fn turn(reply: &str) -> [Step; 2] {
    [Step::HearLine, Step::say(format!("{reply}\r\n"))]
}

/// The begin of a record of TLS, of which the rest is to come.
const RECORD: &[u8] = b"\x16\x03\x03\x40\x00";
/// And of the client's first one.
const HELLO: &[u8] = b"\x16\x03\x01";

/// A server that talks as it likes; it has something to pause with, which ends when this is dropped.
struct Peer {
    _go: Sender<()>,
    handle: Handle,
}

type Pause<'p> = &'p dyn Fn(Duration);

fn server(talk: impl Fn(Tcp, Pause<'_>) -> io::Result<()> + Send + Sync + 'static) -> Peer {
    let (go, over) = channel();
    let over: Mutex<Receiver<()>> = Mutex::new(over);
    let server = Server::bind("127.0.0.1:0").unwrap();
    let handle = server.start(move |conn| {
        let pause = |time| {
            let _ = over.lock().unwrap().recv_timeout(time);
        };
        talk(conn.stream, &pause).map_err(Error::io("talk"))
    });
    Peer { _go: go, handle: handle.unwrap() }
}

/// The same after the handshake of a WebSocket.
fn ws_server(talk: impl Fn(&mut Tcp, Pause<'_>) -> io::Result<()> + Send + Sync + 'static) -> Peer {
    server(move |tcp, pause| {
        let mut socket = tungstenite::accept(tcp).map_err(|error| io::Error::other(error.to_string()))?;
        talk(socket.get_mut(), pause)
    })
}

/// Sends these frames again and again.
fn frames(first: &'static [u8], again: &'static [u8], time: Duration) -> Peer {
    ws_server(move |tcp, pause| {
        tcp.write_all(first)?;
        (0..200).try_for_each(|_| {
            pause(time / 20);
            tcp.write_all(again)
        })
    })
}

/// A name server: what it says to a query, how often, and how long between.
fn names(answer: fn(&mut Vec<u8>), time: Duration, at: Option<SocketAddr>) -> SocketAddr {
    let socket = at.map_or_else(sockets::udp, |at| sockets::udp_at(&at.to_string()));
    let addr = socket.local_addr().unwrap();
    thread::spawn(move || {
        let (mut packet, from) = sockets::receive(&socket);
        answer(&mut packet);
        let start = Instant::now();
        socket.set_read_timeout(Some(time / 20)).unwrap();
        while start.elapsed() < 2 * time && socket.send_to(&packet, from).is_ok() {
            let _ = UdpSocket::recv(&socket, &mut [0]); // that is the pause
        }
    });
    addr
}

// ---- clients ----

fn tcp(peer: &Script) -> Tcp {
    stream::connect_any(&[peer.addr()], LIMIT.into()).unwrap()
}

fn sealed(peer: &Script) -> BoxStream {
    stream::upgrade(Box::new(tcp(peer)), "localhost", &tls::trust().unwrap()).unwrap()
}

fn text(peer: &Script, time: Duration) -> TextConn {
    let mut conn = TextConn::new(tcp(peer), Limits::default());
    conn.until(time.into());
    conn
}

/// What is read, from a stream without a limit for one read.
fn all(mut stream: impl Stream, time: Duration) -> Ended {
    ended(|| {
        stream.set_deadline(time.into());
        io::copy(&mut stream, &mut io::sink()).map_err(Error::io("read"))
    })
}

fn lot(mut stream: impl Stream, time: Duration) -> Ended {
    let lot = vec![7; LOT];
    ended(|| {
        stream.set_deadline(time.into());
        stream.write_all(&lot).map_err(Error::io("write"))
    })
}

fn reply(time: Duration) -> Dial {
    Dial { connect: LIMIT, reply: time, ..Dial::default() }
}

fn connect(time: Duration) -> Dial {
    Dial { connect: time, reply: LIMIT, ..Dial::default() }
}

/// HTTP by hand against this.
fn by_hand(steps: impl IntoIterator<Item = Step>, time: Duration) -> Ended {
    let peer = peer([Step::HearLine].into_iter().chain(steps));
    let url = format!("http://{}/", peer.addr());
    let mut client = Client::with(http::Options { dial: reply(time), ..http::Options::default() });
    ended(|| client.get(&url)?.bytes())
}

/// And by a session.
fn by_session(steps: impl IntoIterator<Item = Step>, time: Duration) -> Ended {
    let peer = peer([Step::HearLine].into_iter().chain(steps));
    let url = format!("http://{}/", peer.addr());
    let mut session = web::Session::with(web::Options { total: time, ..web::Options::default() });
    let policy = Policy { total: 1000, statuses: vec![503], ..Policy::default() };
    session.mount("http://", policy);
    ended(|| session.get(&url).send()?.bytes())
}

const OK: &str = "HTTP/1.1 200 OK\r\n";

/// An answer after a part of the time that does not divide it, and each leads to the next.
fn leads(what: &str, time: Duration) -> [Step; 3] {
    let head = format!("HTTP/1.1 {what}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
    [Step::Wait(time * 2 / 15), Step::say(head), Step::Hold]
}

fn ftp(peer: &Script, options: ftp::Options) -> Result<Ftp> {
    Ftp::connect_with(peer.addr(), options)
}

fn ftp_options(time: Duration) -> ftp::Options {
    ftp::Options { dial: reply(time), ..ftp::Options::default() }
}

/// A server of FTP whose data connections lead to `data`; behind "150" it says `last`.
fn ftp_to(data: SocketAddr, last: impl IntoIterator<Item = Step>) -> Script {
    let begin = [turn("200 ok"), turn(&format!("229 (|||{}|)", data.port())), turn("150 go")];
    peer([Step::say("220 a\r\n")].into_iter().chain(begin.concat()).chain(last))
}

/// Only the whole transfer has a limit; and what a server says to ABOR.
fn transfer(time: Duration) -> ftp::Options {
    ftp::Options { transfer: time, ..ftp_options(LIMIT) }
}

/// What a server says to the end of a transfer, to ABOR and to NOOP.
fn settled() -> Vec<Step> {
    [turn("426 cut\r\n226 ok"), turn("200 ok")].concat()
}

fn smtp_options(time: Duration) -> smtp::Options {
    smtp::Options { dial: reply(time), starttls: StartTls::ReadableByAnyone, ..smtp::Options::default() }
}

/// In, at a server that goes on so.
fn smtp(steps: impl IntoIterator<Item = Step>, options: smtp::Options) -> (Script, Smtp) {
    let begin = [vec![Step::say("220 a\r\n")], turn("250 a").to_vec()].concat();
    let peer = peer(begin.into_iter().chain(steps));
    let smtp = Smtp::connect(&peer.addr().into(), &options).unwrap();
    (peer, smtp)
}

/// A long message, of which the server hears the DATA and then what these say.
fn mailed(steps: impl IntoIterator<Item = Step>, time: Duration) -> Ended {
    let options = smtp::Options { taking: time, ..smtp_options(LIMIT) };
    let (_peer, mut smtp) = smtp(turn("354 go").into_iter().chain(steps), options);
    smtp.command("DATA").unwrap();
    let message = "x".repeat(70) + "\r\n";
    let message = message.repeat(LOT / message.len());
    ended(|| smtp.data(message.as_bytes()))
}

fn ws_options(time: Duration) -> websocket::Options {
    // Not the system's list of authorities: to read it takes time of its own.
    let dial = Dial { tls: Some(tls::trust().unwrap()), ..connect(time) };
    websocket::Options { dial, ..websocket::Options::default() }
}

fn ws(peer: &Peer, limits: websocket::Limits) -> Socket {
    let options = websocket::Options { limits, ..websocket::Options::default() };
    websocket::connect_with(&format!("ws://{}/", peer.handle.addr()), &options).unwrap()
}

/// The next message, with a limit for it all.
fn received(peer: &Peer, time: Duration) -> Ended {
    let mut socket = ws(peer, websocket::Limits::default());
    ended(|| {
        socket.get_mut().set_deadline(time.into());
        websocket::receive(&mut socket)
    })
}

struct Nothing;

impl Manage for Nothing {
    type Conn = ();
    fn connect(&self, _: Deadline) -> Result<()> {
        Ok(())
    }
    fn is_broken(&self, _: &mut ()) -> bool {
        false
    }
}

/// A call, and the peer that would keep it for ever. `None` where this system cannot be such a peer.
type Row = (&'static str, fn(Duration) -> Option<Ended>);

const GROUND: &[Row] = &[
    ("stream::connect, a host that says nothing", |time| {
        let silent = Filtered::start(HERE).unwrap()?;
        Some(ended(|| stream::connect("127.0.0.1", silent.addr().port(), time.into())))
    }),
    ("scan::Scan::run, a port that says nothing", |time| {
        let silent = Filtered::start(HERE).unwrap()?;
        let scan = Scan { ports: vec![silent.addr().port()], timeout: time, ..Scan::of(HERE) };
        Some(ended(|| scan.run()))
    }),
    ("scan::Scan::run, a banner that drips", |time| {
        let peer = peer([drip("x", time)]);
        let scan = Scan { ports: vec![peer.addr().port()], banner: Some(time), ..Scan::of(HERE) };
        Some(ended(|| scan.run()))
    }),
    ("Tcp, read what drips", |time| Some(all(tcp(&peer([drip("x", time)])), time))),
    ("Tcp, write what nobody reads", |time| Some(lot(tcp(&peer([deaf(time)])), time))),
    ("stream::upgrade, a record that drips", |time| {
        let peer = peer([Step::say(RECORD), drip("\x02", time)]);
        let mut tcp = tcp(&peer);
        let trust = tls::trust().unwrap();
        Some(ended(|| {
            tcp.set_deadline(time.into());
            stream::upgrade(Box::new(tcp), "localhost", &trust)
        }))
    }),
    ("Dial::open, a record that drips", |time| {
        let peer = peer([Step::say(RECORD), drip("\x02", time)]);
        let dial = Dial { tls: Some(tls::trust().unwrap()), ..connect(time) };
        Some(ended(|| dial.open(&peer.addr().into())))
    }),
    ("TLS, read what drips", |time| {
        Some(all(sealed(&peer([Step::StartTls(Certificate::Good), drip("x", time)])), time))
    }),
    ("TLS, write what nobody reads", |time| {
        Some(lot(sealed(&peer([Step::StartTls(Certificate::Good), deaf(time)])), time))
    }),
    ("stream::close, a peer that talks on", |time| {
        let peer = peer([drip("x", time)]);
        let mut tcp = tcp(&peer);
        Some(ended(|| {
            tcp.set_deadline(time.into());
            stream::close(tcp)
        }))
    }),
    ("Invitation::accept, nobody comes", |time| {
        let invitation = Invitation::new(HERE, HERE).unwrap();
        Some(ended(|| invitation.accept(time.into())))
    }),
    ("TextConn::read_line, a line that drips", |time| {
        let peer = peer([drip("x", time)]);
        Some(ended(|| text(&peer, time).read_line()))
    }),
    ("TextConn::read_reply, lines that drip", |time| {
        let peer = peer([drip("220-a\r\n", time)]);
        Some(ended(|| text(&peer, time).read_reply()))
    }),
    ("TextConn::write_line, nobody reads", |time| {
        let peer = peer([deaf(time)]);
        let mut conn = text(&peer, time / 4);
        let line = "x".repeat(1000);
        conn.stream().write_all(&vec![7; LOT]).unwrap_err(); // now there is room for some lines, at most
        conn.until(time.into());
        Some(ended(|| (0..LOT / 1000).try_for_each(|_| conn.write_line(&line))))
    }),
    ("text::read_block, lines that drip", |time| {
        let peer = peer([drip("a\r\n", time)]);
        Some(ended(|| text::read_block(text(&peer, time).reader(), &Limits::default())))
    }),
    ("Pool::with, all are in use", |time| {
        let pool = Pool::new(Nothing, 1);
        pool.with(LIMIT.into(), |_, _| Ok(Some(ended(|| pool.with(time.into(), |_, _| Ok(())))))).unwrap()
    }),
    ("retry::retry, each attempt is late", |time| {
        let peer = peer([Step::Hold]);
        Some(ended(|| {
            let policy = Policy { total: 1000, deadline: time.into(), ..Policy::default() };
            retry::retry(&policy, |_| {
                let dial = reply(time * 2 / 5).by(policy.deadline)?;
                TextConn::new(dial.open(&peer.addr().into())?, Limits::default()).read_line()
            })
        }))
    }),
    ("Gather::run, jobs that drip", |time| {
        let peer = peer([drip("x", time)]);
        let gather = Gather { workers: 2, ..Gather::default() };
        Some(ended(|| {
            let gather = Gather { deadline: time.into(), ..gather };
            let results = gather.run(0..4, |_, deadline| {
                let mut tcp = stream::connect_any(&[peer.addr()], deadline)?;
                tcp.set_deadline(deadline);
                io::copy(&mut tcp, &mut io::sink()).map_err(Error::io("read"))
            })?;
            results.into_iter().collect::<Result<Vec<u64>>>()
        }))
    }),
    ("gather::wait_for, work without an end", |time| {
        let peer = peer([drip("x", time)]);
        let mut tcp = tcp(&peer);
        let work = move || io::copy(&mut tcp, &mut io::sink()).map_err(Error::io("read"));
        Some(ended(|| gather::wait_for(time.into(), "read it all", work)))
    }),
    ("server::Handle::stop, a handler that goes on", |time| {
        let peer = server(|mut tcp, _| tcp.read(&mut [0]).map(drop));
        let _client = sockets::dial(peer.handle.addr());
        while peer.handle.totals().active == 0 {
            thread::yield_now();
        }
        Some(ended(|| Ok(peer.handle.stop(time))))
    }),
];

const NAMES: &[Row] = &[
    ("Resolver::exchange, answers to another question", |time| {
        let other = |packet: &mut Vec<u8>| {
            packet[2] |= 0x80;
            packet[13] ^= 1;
        };
        let resolver = dns::Resolver { total: time, patience: LIMIT, ..dns::Resolver::at(names(other, time, None)) };
        Some(ended(|| resolver.lookup("a.example", dns::Kind::A)))
    }),
    ("Resolver::addresses, attempts without an end", |time| {
        let silent = sockets::udp();
        let server = dns::Resolver::at(silent.local_addr().unwrap());
        let resolver = dns::Resolver { total: time, patience: time * 2 / 5, attempts: 1000, ..server };
        Some(ended(|| resolver.addresses("a.example")))
    }),
    ("Resolver::lookup over TCP, an answer that drips", |time| {
        let peer = peer([Step::say([0xff, 0xff]), drip("x", time)]);
        let cut = |packet: &mut Vec<u8>| packet[2] |= 0x82;
        names(cut, time, Some(peer.addr()));
        let resolver = dns::Resolver { total: time, patience: LIMIT, ..dns::Resolver::at(peer.addr()) };
        Some(ended(|| resolver.lookup("a.example", dns::Kind::A)))
    }),
];

const HTTP: &[Row] = &[
    ("http::Client, a head that drips", |time| Some(by_hand([Step::say(OK), drip("A: b\r\n", time)], time))),
    ("http::Client, interim answers that drip", |time| {
        Some(by_hand([drip("HTTP/1.1 100 Continue\r\n\r\n", time)], time))
    }),
    ("http::Client, a body that drips", |time| {
        let head = format!("{OK}Content-Length: 999\r\n\r\n");
        Some(by_hand([Step::say(head), drip("x", time)], time))
    }),
    ("http::Client, chunks that drip", |time| {
        let head = format!("{OK}Transfer-Encoding: chunked\r\n\r\n");
        Some(by_hand([Step::say(head), drip("1\r\nx\r\n", time)], time))
    }),
    ("http::Client, a body up to the close", |time| {
        Some(by_hand([Step::say(format!("{OK}\r\n")), drip("x", time)], time))
    }),
    ("http::Client, redirects that take their time", |time| {
        Some(by_hand(leads("302 There\r\nLocation: a/", time), time))
    }),
    ("http::Client, the bodies of redirects drip", |time| {
        let head = "HTTP/1.1 302 There\r\nLocation: a/\r\nContent-Length: 999\r\n\r\n";
        Some(by_hand([Step::Wait(time * 19 / 20), Step::say(head), drip("x", time)], time))
    }),
    ("http::Client, a body that nobody reads", |time| {
        let peer = peer([deaf(time)]);
        let request = Request::new(Method::Post, &format!("http://{}/", peer.addr())).body(vec![7; LOT]);
        let mut client = Client::with(http::Options { dial: reply(time), ..http::Options::default() });
        Some(ended(|| client.send(&request).map(drop)))
    }),
    ("http::Client over TLS, a record that drips", |time| {
        let peer = peer([Step::say(RECORD), drip("\x02", time)]);
        let dial = Dial { tls: Some(tls::trust().unwrap()), ..reply(time) };
        let mut client = Client::with(http::Options { dial, ..http::Options::default() });
        Some(ended(|| client.get(&format!("https://{}/", peer.addr())).map(drop)))
    }),
    ("http::Response::save, a body that drips", |time| {
        let peer = peer([Step::HearLine, Step::say(format!("{OK}\r\n")), drip("x", time)]);
        let folder = support::files::Folder::new();
        let mut client = Client::with(http::Options { dial: reply(time), ..http::Options::default() });
        let file = folder.path().join("a");
        Some(ended(|| client.get(&format!("http://{}/", peer.addr()))?.save(&file, |_, _| {})))
    }),
    ("web::Session, a head that drips", |time| Some(by_session([Step::say(OK), drip("A: b\r\n", time)], time))),
    ("web::Session, interim answers that drip", |time| {
        Some(by_session([drip("HTTP/1.1 100 Continue\r\n\r\n", time)], time))
    }),
    ("web::Session, a body that drips", |time| {
        let head = format!("{OK}Content-Length: 999\r\n\r\n");
        Some(by_session([Step::say(head), drip("x", time)], time))
    }),
    ("web::Session, chunks that drip", |time| {
        let head = format!("{OK}Transfer-Encoding: chunked\r\n\r\n");
        Some(by_session([Step::say(head), drip("1\r\nx\r\n", time)], time))
    }),
    ("web::Session, redirects that take their time", |time| {
        Some(by_session(leads("302 There\r\nLocation: a/", time), time))
    }),
    ("web::Session, the bodies of redirects drip", |time| {
        let head = "HTTP/1.1 302 There\r\nLocation: a/\r\nContent-Length: 999\r\n\r\n";
        Some(by_session([Step::Wait(time * 19 / 20), Step::say(head), drip("x", time)], time))
    }),
    ("web::Session, \"come back at once\" again and again", |time| {
        let ended = by_session(leads("503 Busy\r\nRetry-After: 0", time), time);
        // Where the time ends between two attempts, the last answer is what came.
        Some(Ended { came: ended.came.map(|_| "the last 503".into()), ..ended })
    }),
    ("web::Session, a body that nobody reads", |time| {
        let peer = peer([deaf(time)]);
        let session = web::Session::with(web::Options { total: time, ..web::Options::default() });
        let request = session.post(&format!("http://{}/", peer.addr())).body(vec![7; LOT]);
        Some(ended(|| Ok(request.send()?.status())))
    }),
    ("web::Session over TLS, a record that drips", |time| {
        let peer = peer([Step::say(RECORD), drip("\x02", time)]);
        let tls = tls::trust().unwrap();
        let session = web::Session::with(web::Options { total: time, tls, ..web::Options::default() });
        Some(ended(|| Ok(session.get(&format!("https://{}/", peer.addr())).send()?.status())))
    }),
];

const FTP: &[Row] = &[
    ("Ftp::connect, a greeting that drips", |time| {
        let peer = peer([drip("220-a\r\n", time)]);
        Some(ended(|| ftp(&peer, ftp_options(time)).map(drop)))
    }),
    ("Ftp::command, a reply that drips", |time| {
        let peer = peer([Step::say("220 a\r\n"), Step::HearLine, drip("200-a\r\n", time)]);
        let mut ftp = ftp(&peer, ftp_options(time)).unwrap();
        Some(ended(|| ftp.command("NOOP")))
    }),
    ("Ftp::secure, a record that drips", |time| {
        let begin = [vec![Step::say("220 a\r\n")], turn("234 go").to_vec()].concat();
        let peer = peer(begin.into_iter().chain([Step::hear(HELLO), Step::say(RECORD), drip("\x02", time)]));
        let ftp = ftp(&peer, ftp::Options { dial: connect(time), ..ftp::Options::default() }).unwrap();
        let trust = tls::trust().unwrap();
        Some(ended(|| ftp.secure(&trust).map(drop)))
    }),
    ("Ftp::retr, a server that never calls us", |time| {
        let begin = [turn("200 ok"), turn("200 ok"), turn("150 go")].concat();
        let peer = peer([Step::say("220 a\r\n")].into_iter().chain(begin).chain(settled()));
        let options = ftp::Options { dial: connect(time), mode: ftp::Mode::Active, ..ftp::Options::default() };
        let mut ftp = ftp(&peer, options).unwrap();
        Some(ended(|| ftp.retr("a", &mut io::sink())))
    }),
    ("Ftp::retr, a data port that says nothing", |time| {
        let silent = Filtered::start(HERE).unwrap()?;
        let peer = ftp_to(silent.addr(), []);
        let mut ftp = ftp(&peer, transfer(time)).unwrap();
        Some(ended(|| ftp.retr("a", &mut io::sink())))
    }),
    ("Ftp::retr, data that drips", |time| {
        let data = peer([drip("x", time)]);
        let peer = ftp_to(data.addr(), settled());
        let mut ftp = ftp(&peer, transfer(time)).unwrap();
        Some(ended(|| ftp.retr("a", &mut io::sink())))
    }),
    ("Ftp::retr, data that drips, and no word after it", |time| {
        let data = peer([drip("x", time)]);
        let peer = ftp_to(data.addr(), [Step::Hold]);
        let mut ftp = ftp(&peer, transfer(time)).unwrap();
        Some(ended(|| ftp.retr("a", &mut io::sink())))
    }),
    ("ftp::Download, data that drips", |time| {
        let data = peer([drip("x", time)]);
        let peer = ftp_to(data.addr(), settled());
        let mut ftp = ftp(&peer, transfer(time)).unwrap();
        Some(ended(|| {
            let mut download = ftp.open("a", 0)?;
            io::copy(&mut download, &mut io::sink()).map_err(Error::io("read"))
        }))
    }),
    ("Ftp::nlst, lines that drip", |time| {
        let data = peer([drip("name\r\n", time)]);
        let peer = ftp_to(data.addr(), settled());
        let mut ftp = ftp(&peer, transfer(time)).unwrap();
        Some(ended(|| ftp.nlst("")))
    }),
    ("Ftp::stor, data that nobody reads", |time| {
        let data = peer([deaf(time)]);
        let peer = ftp_to(data.addr(), settled());
        let mut ftp = ftp(&peer, transfer(time)).unwrap();
        Some(ended(|| ftp.stor("a", &mut io::repeat(7))))
    }),
    ("Ftp::retr, a last reply that drips", |time| {
        let data = peer([Step::say("x")]);
        let peer = ftp_to(data.addr(), [drip("226-a\r\n", time)]);
        let mut ftp = ftp(&peer, ftp_options(time)).unwrap();
        Some(ended(|| ftp.retr("a", &mut io::sink())))
    }),
];

const MAIL: &[Row] = &[
    ("Smtp::connect, a greeting that drips", |time| {
        let peer = peer([drip("220-a\r\n", time)]);
        Some(ended(|| Smtp::connect(&peer.addr().into(), &smtp_options(time)).map(drop)))
    }),
    ("Smtp::connect, a record after STARTTLS that drips", |time| {
        let begin =
            [vec![Step::say("220 a\r\n")], turn("250-a\r\n250 STARTTLS").to_vec(), turn("220 go").to_vec()].concat();
        let peer = peer(begin.into_iter().chain([Step::hear(HELLO), Step::say(RECORD), drip("\x02", time)]));
        let starttls = StartTls::Required(tls::trust().unwrap());
        let options = smtp::Options { dial: connect(time), starttls, ..smtp::Options::default() };
        Some(ended(|| Smtp::connect(&peer.addr().into(), &options).map(drop)))
    }),
    ("Smtp::command, a reply that drips", |time| {
        let (_peer, mut smtp) = smtp([Step::HearLine, drip("250-a\r\n", time)], smtp_options(time));
        Some(ended(|| smtp.command("NOOP")))
    }),
    ("Smtp::data, a message that nobody reads", |time| Some(mailed([deaf(time)], time))),
    ("Smtp::data, read late and answered late", |time| Some(mailed([Step::Wait(time / 2), Step::Hold], time))),
];

const WS: &[Row] = &[
    ("websocket::connect, a head that drips", |time| {
        let peer = peer([Step::HearLine, drip("HTTP/1.1 101 a\r\nA: b\r\n", time)]);
        let options = ws_options(time);
        Some(ended(|| websocket::connect_with(&format!("ws://{}/", peer.addr()), &options).map(drop)))
    }),
    ("websocket::connect over TLS, a record that drips", |time| {
        let peer = peer([Step::say(RECORD), drip("\x02", time)]);
        let options = ws_options(time);
        Some(ended(|| websocket::connect_with(&format!("wss://{}/", peer.addr()), &options).map(drop)))
    }),
    ("websocket::Reconnect, each attempt is late", |time| {
        let peer = peer([drip("HTTP/1.1 101 a\r\nA: b\r\n", time)]);
        let options = ws_options(time * 2 / 5);
        Some(ended(|| {
            let policy = Policy { total: 1000, deadline: time.into(), ..Policy::default() };
            let link = Reconnect::new(&format!("ws://{}/", peer.addr())).options(options.clone());
            link.policy(policy).connect().map(drop)
        }))
    }),
    ("websocket::receive, a frame that drips", |time| Some(received(&frames(b"\x82\x7e\xff\xff", b"x", time), time))),
    ("websocket::receive, fragments that drip", |time| Some(received(&frames(b"\x02\x01x", b"\x00\x01x", time), time))),
    ("websocket::receive, only pings", |time| Some(received(&frames(b"", b"\x89\x00", time), time))),
    ("websocket::receive, no pong", |time| {
        let peer = ws_server(move |_, pause| {
            pause(4 * time);
            Ok(())
        });
        let limits = websocket::Limits { ping_after: Some(time / 2), pong_within: time / 2, ..Default::default() };
        let mut socket = ws(&peer, limits);
        Some(ended(|| websocket::receive(&mut socket)))
    }),
    ("websocket::receive, a Close and no end", |time| {
        let peer = frames(b"\x82\x01x\x88\x00", b"x", time);
        let mut socket = ws(&peer, websocket::Limits { close: time, ..Default::default() });
        websocket::receive(&mut socket).unwrap();
        Some(ended(|| match websocket::receive(&mut socket)? {
            None => Err::<(), _>(Error::Timeout("see the other side off".into())),
            Some(_) => Ok(()),
        }))
    }),
    ("websocket::Sender::close, no Close comes back", |time| {
        let peer = frames(b"", b"\x82\x01x", time);
        let mut socket = ws(&peer, websocket::Limits { close: time, ..Default::default() });
        Some(ended(|| {
            websocket::sender(&socket).close(websocket::CloseCode::Normal, "")?;
            while websocket::receive(&mut socket)?.is_some() {}
            Ok(())
        }))
    }),
    ("websocket::Socket::send, nobody reads", |time| {
        let peer = ws_server(move |_, pause| {
            pause(4 * time);
            Ok(())
        });
        let limits = websocket::Limits { write: time, message: 2 * LOT, ..Default::default() };
        let mut socket = ws(&peer, limits);
        let message = websocket::Message::binary(vec![7; LOT]);
        Some(ended(|| Ok(socket.send(message)?)))
    }),
    ("websocket::close, messages without an end", |time| {
        let peer = frames(b"", b"\x82\x01x", time);
        let mut socket = ws(&peer, websocket::Limits { close: time, ..Default::default() });
        Some(ended(|| websocket::close(&mut socket, websocket::CloseCode::Normal, "")))
    }),
];

/// Not among the tests that wait together: so many conversations that begin at once make others late.
#[test]
fn every_call_has_an_end() {
    let time = if load() { Duration::from_secs(3) } else { Duration::from_millis(500) };
    let rows: Vec<&Row> = [GROUND, NAMES, HTTP, FTP, MAIL, WS].into_iter().flatten().collect();
    let (all, lull) = thread::scope(|scope| {
        let (over, wait) = channel();
        let lull = scope.spawn(move || longest_lull(&wait));
        let running: Vec<_> = rows.iter().map(|row| scope.spawn(move || (row.1)(time))).collect();
        let all: Vec<_> = running.into_iter().map(thread::ScopedJoinHandle::join).collect();
        drop(over);
        (all, lull.join().unwrap())
    });
    // A thread comes back from the kernel two or three times until its call has ended.
    let most = if load() { time + time / 10 + 3 * lull } else { LIMIT };
    let line = |(name, ended): (&str, thread::Result<Option<Ended>>)| match ended {
        Err(_) => (false, format!("{name:<52} a panic")),
        Ok(None) => (true, format!("{name:<52} left out: not on this system")),
        Ok(Some(Ended { took, came })) => {
            let text = came.as_ref().map_or_else(ToString::to_string, Clone::clone);
            let typed = match &came {
                Ok(came) => answer(came),
                Err(error) => late(error),
            };
            let in_time = took >= time - time / 100 && took <= most;
            (typed && in_time, format!("{name:<52} {:>7.1} ms  {text:.90}", took.as_secs_f64() * 1000.0))
        }
    };
    let lines: Vec<(bool, String)> = rows.iter().map(|row| row.0).zip(all).map(line).collect();
    println!("{} calls, {} ms each; the machine stood still for {lull:.1?} at most", lines.len(), time.as_millis());
    lines.iter().for_each(|(_, line)| println!("{line}"));
    assert!(lines.len() >= 24);
    let wrong: Vec<_> = lines.iter().filter(|(good, _)| !good).map(|(_, line)| line.as_str()).collect();
    assert!(wrong.is_empty(), "not ended by a Timeout at {time:?}:\n{}", wrong.join("\n"));
}

/// How late a thread that has nothing to do but to wake up every 10 ms woke up at worst.
fn longest_lull(over: &Receiver<()>) -> Duration {
    let tick = Duration::from_millis(10);
    let mut longest = Duration::ZERO;
    loop {
        let begin = Instant::now();
        match over.recv_timeout(tick) {
            Err(RecvTimeoutError::Timeout) => longest = longest.max(begin.elapsed().saturating_sub(tick)),
            _ => return longest,
        }
    }
}

/// A timeout that names what was waited for.
fn late(error: &Error) -> bool {
    match error {
        Error::Timeout(phase) => !phase.is_empty(),
        Error::Other(_, cause) => cause.downcast_ref::<smtp::Unknown>().is_some_and(|unknown| late(&unknown.0)),
        _ => false,
    }
}
