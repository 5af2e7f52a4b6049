//! Servers that do not stop: each of our clients takes what its limits allow and says that it was too much, in time and without
//! keeping it. `cargo test --test protocols floods -- --nocapture` shows the table; with NETPRIMER_LOAD=1 each has 3 s at most.

use crate::support;
use crate::web::bomb;

use netprimer::dial::{Dial, Target};
use netprimer::ftp::{self, Ftp};
use netprimer::http::{self, Client as ByHand};
use netprimer::lab;
use netprimer::server::{Handle, Server};
use netprimer::smtp::{Smtp, StartTls};
use netprimer::text::{Limits, TextConn, read_block};
use netprimer::websocket::{self, Serve};
use netprimer::{Error, Result, dns, web};
use std::fs;
use std::io::{Read, Write};
use std::net::SocketAddr;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};
use support::{LIMIT, load, most_memory, programs, sockets};

/// Says the first once, and the second for ever.
fn flood(first: impl AsRef<[u8]>, again: &str) -> Handle {
    let (first, again) = (first.as_ref().to_vec(), again.repeat((64 << 10) / again.len()));
    let server = Server::bind("127.0.0.1:0").unwrap().start(move |mut conn| {
        conn.stream.write_all(&first).map_err(Error::io("begin"))?;
        loop {
            conn.stream.write_all(again.as_bytes()).map_err(Error::io("go on"))?;
        }
    });
    server.unwrap()
}

/// The same after the handshake of a WebSocket.
fn frames(first: &'static [u8], again: &'static [u8]) -> Handle {
    let server = Server::bind("127.0.0.1:0").unwrap().start(move |conn| {
        let mut socket = tungstenite::accept(conn.stream).map_err(|_| Error::Closed("shake hands".into()))?;
        let (stream, again) = (socket.get_mut(), again.repeat(1000));
        stream.write_all(first).map_err(Error::io("begin"))?;
        loop {
            stream.write_all(&again).map_err(Error::io("go on"))?;
        }
    });
    server.unwrap()
}

/// A redirect to itself, or always further, whoever asks.
fn redirect(to: &'static str) -> Handle {
    let server = Server::bind("127.0.0.1:0").unwrap().start(move |mut conn| {
        let _ = conn.stream.read(&mut [0; 4096]).map_err(Error::io("hear"))?;
        let head = format!("HTTP/1.1 302 There\r\nLocation: {to}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
        conn.stream.write_all(head.as_bytes()).map_err(Error::io("answer"))
    });
    server.unwrap()
}

/// A name server at the port of this flood: what it says over UDP is cut, and the rest is to be had over TCP.
fn cut_at(flood: &Handle) {
    let socket = sockets::udp_at(&flood.addr().to_string());
    std::thread::spawn(move || {
        let (mut packet, from) = sockets::receive(&socket);
        packet[2] |= 0x82; // an answer, cut (RFC 1035 section 4.1.1)
        socket.send_to(&packet, from).unwrap();
    });
}

/// For one turn; a conversation with a flood in it has two at most.
const REPLY: Duration = Duration::from_secs(15);
const BLOCK: usize = 1 << 20;
/// KiB: what the limits allow, twice while it grows, and room for threads.
const MORE: u64 = 8 << 10;

fn dial() -> Dial {
    Dial { connect: REPLY, reply: REPLY, ..Dial::default() }
}

fn greeted_by_ftp(addr: SocketAddr) -> Result<()> {
    Ftp::connect_with(addr, ftp::Options { dial: dial(), ..ftp::Options::default() }).map(drop)
}

fn listed_by_ftp(addr: SocketAddr) -> Result<()> {
    let limits = Limits { block: BLOCK, ..Limits::default() };
    let mut ftp = Ftp::connect_with(addr, ftp::Options { dial: dial(), limits, ..ftp::Options::default() })?;
    ftp.login("username", "password")?;
    ftp.nlst("").map(drop)
}

fn greeted_by_smtp(addr: SocketAddr) -> Result<()> {
    let starttls = StartTls::ReadableByAnyone;
    let options = netprimer::smtp::Options { dial: dial(), starttls, ..netprimer::smtp::Options::default() };
    Smtp::connect(&Target::from(addr), &options).map(drop)
}

fn shaken_by_ws(addr: SocketAddr) -> Result<()> {
    // Small, because a frame of one byte costs as much time as a long one.
    let limits = websocket::Limits { message: 32 << 10, close: Duration::from_millis(50), ..Default::default() };
    let options = websocket::Options { dial: dial(), limits, ..websocket::Options::default() };
    websocket::receive(&mut websocket::connect_with(&format!("ws://{addr}/"), &options)?).map(drop)
}

fn asked_by_hand(addr: SocketAddr) -> Result<()> {
    let mut client = ByHand::with(http::Options { dial: dial(), body: BLOCK as u64, ..http::Options::default() });
    client.get(&format!("http://{addr}/a/"))?.bytes().map(drop)
}

fn asked_by_session(addr: SocketAddr) -> Result<()> {
    let session = web::Session::with(web::Options { total: REPLY, body: BLOCK as u64, ..web::Options::default() });
    session.get(&format!("http://{addr}/a/")).send()?.bytes().map(drop)
}

fn resolved(addr: SocketAddr) -> Result<()> {
    let resolver = dns::Resolver { attempts: 1, total: REPLY, patience: REPLY, ..dns::Resolver::at(addr) };
    resolver.lookup("a.example", dns::Kind::A).map(drop)
}

fn read_by_line(addr: SocketAddr) -> Result<()> {
    TextConn::new(dial().open(&addr.into())?, Limits::default()).read_line().map(drop)
}

fn read_by_block(addr: SocketAddr) -> Result<()> {
    let limits = Limits { block: BLOCK, ..Limits::default() };
    read_block(TextConn::new(dial().open(&addr.into())?, limits).reader(), &limits).map(drop)
}

type Client = fn(SocketAddr) -> Result<()>;

/// What comes without end, who takes it, and what it says in the end.
const BOMBS: [(&str, Client, &[&str]); 28] = [
    ("FTP: a greeting with lines without end", greeted_by_ftp, LONG),
    ("FTP: a greeting with a line without end", greeted_by_ftp, LONG),
    ("FTP: a listing with lines without end", listed_by_ftp, LONG),
    ("FTP: a listing with a line without end", listed_by_ftp, LONG),
    ("SMTP: a greeting with lines without end", greeted_by_smtp, LONG),
    ("SMTP: a greeting with a line without end", greeted_by_smtp, LONG),
    ("WebSocket: a handshake with fields without end", shaken_by_ws, LONG),
    ("WebSocket: a handshake with a field without end", shaken_by_ws, LONG),
    ("WebSocket: a message past the limit", shaken_by_ws, LONG),
    ("WebSocket: a length of 2^62", shaken_by_ws, LONG),
    ("WebSocket: fragments without end", shaken_by_ws, LONG),
    ("WebSocket: empty fragments without end", shaken_by_ws, LONG),
    ("WebSocket: pings without end", shaken_by_ws, WRONG),
    ("HTTP by hand: fields without end", asked_by_hand, LONG),
    ("HTTP by hand: a field without end", asked_by_hand, LONG),
    ("HTTP by hand: interim answers without end", asked_by_hand, LONG),
    ("HTTP by hand: a chunk size without end", asked_by_hand, LONG),
    ("HTTP by hand: trailers without end", asked_by_hand, LONG),
    ("HTTP by hand: a body without end", asked_by_hand, LONG),
    ("HTTP by hand: a length of 9 exabytes", asked_by_hand, LONG),
    ("HTTP by hand: redirects without end", asked_by_hand, LONG),
    ("session: fields without end", asked_by_session, LONG_OR_WRONG),
    ("session: interim answers without end", asked_by_session, LONG_OR_WRONG),
    ("session: a bomb in gzip", asked_by_session, LONG),
    ("session: redirects without end", asked_by_session, WRONG),
    ("DNS over TCP: a name that points to itself", resolved, WRONG),
    ("text: a line without end", read_by_line, LONG),
    ("text: a block without end", read_by_block, LONG),
];

const LONG: &[&str] = &["TooLong"];
const WRONG: &[&str] = &["Protocol"];
const LONG_OR_WRONG: &[&str] = &["TooLong", "Protocol"];

#[test]
fn what_does_not_stop_is_stopped() {
    if let Some(addrs) = programs::told() {
        let mut wrong = Vec::new();
        for ((what, client, ends), addr) in BOMBS.into_iter().zip(addrs.split(' ')) {
            // The most so far is what there is now (proc_pid_clear_refs(5)).
            fs::write("/proc/self/clear_refs", "5").unwrap();
            let (start, before) = (Instant::now(), most_memory());
            let came = client(addr.parse().unwrap());
            let (took, grown) = (start.elapsed(), most_memory() - before);
            let typed = came.as_ref().is_err_and(|error| ends.iter().any(|end| format!("{error:?}").starts_with(end)));
            let text = came.map_or_else(|error| error.to_string(), |()| "nothing was said".into());
            let line = format!("{what:<48} {:>7.1} ms {grown:>6} KiB  {text:.80}", took.as_secs_f64() * 1000.0);
            println!("{line}");
            if !typed || grown > MORE || took > if load() { REPLY } else { LIMIT } {
                wrong.push(line);
            }
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
        return;
    }
    if !cfg!(target_os = "linux") {
        return;
    }
    let ok = "HTTP/1.1 200 OK\r\n";
    let listing = |flood: &Handle| {
        let port = flood.addr().port();
        let data_port: lab::ftp::DataPort = Arc::new(move |_| port);
        // Nobody comes to where it waits itself.
        let limits = lab::ftp::Limits { accept: Duration::from_millis(200), ..Default::default() };
        lab::ftp::start(lab::ftp::Options { data_port: Some(data_port), limits, ..Default::default() }).unwrap()
    };
    let data = [flood("", "name\r\n"), flood("", "x")];
    let listings = data.each_ref().map(listing);
    // The limit of the server is its own.
    let limits = websocket::Limits { message: 32 << 20, ..websocket::Limits::default() };
    let long = websocket::serve(Server::bind("127.0.0.1:0").unwrap(), Serve { limits, ..Serve::default() }, |client| {
        client.send(websocket::Message::binary(vec![7; 16 << 20]))
    });
    let long = long.unwrap();
    let chunked = format!("{ok}Transfer-Encoding: chunked\r\n\r\n");
    let gzip = [format!("{ok}Content-Encoding: gzip\r\n\r\n").as_bytes(), &bomb(20 << 20)].concat();
    // One answer to the question, whose name is a pointer to itself (RFC 1035 section 4.1.4); more follows than was announced.
    let loops = b"\0\x12\0\0\x81\x80\0\x01\0\x01\0\0\0\0\xc0\x0c\0\x01\0\x01";
    let floods = [
        flood("", "220-and\r\n"),
        flood("220 ", "x"),
        flood("", "220-and\r\n"),
        flood("220 ", "x"),
        flood("HTTP/1.1 101 Switching Protocols\r\n", "A: b\r\n"),
        flood("HTTP/1.1 101 Switching Protocols\r\n", "x"),
        frames(b"\x82\x7f\x40\0\0\0\0\0\0\0", b"x"),
        frames(b"\x02\x01x", b"\x00\x01x"),
        frames(b"\x02\x01x", b"\x00\x00"),
        frames(b"", b"\x89\x00"),
        flood(ok, "A: b\r\n"),
        flood(format!("{ok}A: "), "x"),
        flood("", "HTTP/1.1 100 Continue\r\n\r\n"),
        flood(&chunked, "0"),
        flood(format!("{chunked}0\r\n"), "A: b\r\n"),
        flood(format!("{ok}\r\n"), "x"),
        flood(format!("{ok}Content-Length: 9000000000000000000\r\n\r\n"), "x"),
        redirect("a/"),
        flood(ok, "A: b\r\n"),
        flood("", "HTTP/1.1 100 Continue\r\n\r\n"),
        flood(gzip, "x"),
        redirect("a/"),
        flood(loops, "x"),
        flood("", "x"),
        flood("", "text\r\n"),
    ];
    cut_at(&floods[22]);
    let mut addrs: Vec<SocketAddr> = floods.iter().map(Handle::addr).collect();
    addrs.splice(2..2, listings.iter().map(lab::ftp::Lab::addr));
    addrs.insert(8, long.addr());
    assert_eq!(addrs.len(), BOMBS.len());
    let told: Vec<String> = addrs.iter().map(SocketAddr::to_string).collect();
    let left = programs::again("what_does_not_stop_is_stopped", &told.join(" "), |program| Command::new(program));
    println!("{}", String::from_utf8_lossy(&left.out));
}
