//! Servers that do not stop: each of our clients takes what its limits allow and says that it was too much, in time and without
//! keeping it. (Clients of HTTP have a test of this kind with the rest of theirs.)

use crate::support;

use netprimer::dial::{Dial, Target};
use netprimer::ftp::{self, Ftp};
use netprimer::lab;
use netprimer::server::{Handle, Server};
use netprimer::smtp::{Smtp, StartTls};
use netprimer::text::Limits;
use netprimer::websocket::{self, Serve};
use netprimer::{Error, Result};
use std::io::Write;
use std::net::SocketAddr;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};
use support::{most_memory, programs};

/// Says the first once, and the second for ever.
fn flood(first: &'static str, again: &str) -> Handle {
    let again = again.repeat((64 << 10) / again.len());
    let server = Server::bind("127.0.0.1:0").unwrap().start(move |mut conn| {
        conn.stream.write_all(first.as_bytes()).map_err(Error::io("begin"))?;
        loop {
            conn.stream.write_all(again.as_bytes()).map_err(Error::io("go on"))?;
        }
    });
    server.unwrap()
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
    let options = websocket::Options { dial: dial(), ..websocket::Options::default() };
    websocket::receive(&mut websocket::connect_with(&format!("ws://{addr}/"), &options)?).map(drop)
}

type Client = fn(SocketAddr) -> Result<()>;

#[test]
fn what_does_not_stop_is_stopped() {
    let clients: [(&str, Client); 9] = [
        ("a greeting of FTP with lines without end", greeted_by_ftp),
        ("a greeting of FTP with a line without end", greeted_by_ftp),
        ("a listing with lines without end", listed_by_ftp),
        ("a listing with a line without end", listed_by_ftp),
        ("a greeting of SMTP with lines without end", greeted_by_smtp),
        ("a greeting of SMTP with a line without end", greeted_by_smtp),
        ("a WebSocket handshake with fields without end", shaken_by_ws),
        ("a WebSocket handshake with a field without end", shaken_by_ws),
        ("a message past the limit", shaken_by_ws),
    ];
    if let Some(addrs) = programs::told() {
        for ((what, client), addr) in clients.into_iter().zip(addrs.split(' ')) {
            let (start, before) = (Instant::now(), most_memory());
            let error = client(addr.parse().unwrap()).expect_err(what);
            assert!(matches!(error, Error::TooLong(..)), "{what}: {error:?}");
            assert!(start.elapsed() < 2 * REPLY, "{what}: {:?}", start.elapsed());
            let grown = most_memory() - before;
            assert!(grown <= MORE, "{what}: {grown} KiB more");
        }
        return;
    }
    if !cfg!(target_os = "linux") {
        return;
    }
    let switching = "HTTP/1.1 101 Switching Protocols\r\n";
    let floods = [
        flood("", "220-and\r\n"),
        flood("220 ", "x"),
        flood("", "name\r\n"),
        flood("", "x"),
        flood("", "220-and\r\n"),
        flood("220 ", "x"),
        flood(switching, "A: b\r\n"),
        flood(switching, "x"),
    ];
    let listing = |flood: &Handle| {
        let port = flood.addr().port();
        let data_port: lab::ftp::DataPort = Arc::new(move |_| port);
        // Nobody comes to where it waits itself.
        let limits = lab::ftp::Limits { accept: Duration::from_millis(200), ..Default::default() };
        lab::ftp::start(lab::ftp::Options { data_port: Some(data_port), limits, ..Default::default() }).unwrap()
    };
    let listings = [listing(&floods[2]), listing(&floods[3])];
    // The limit of the server is its own.
    let limits = websocket::Limits { message: 32 << 20, ..websocket::Limits::default() };
    let server = Server::bind("127.0.0.1:0").unwrap();
    let long = websocket::serve(server, Serve { limits, ..Serve::default() }, |client| {
        client.send(websocket::Message::binary(vec![7; 16 << 20]))
    });
    let long = long.unwrap();
    let mut addrs: Vec<SocketAddr> = floods.iter().map(Handle::addr).chain([long.addr()]).collect();
    addrs.splice(2..4, listings.iter().map(lab::ftp::Lab::addr));
    let told: Vec<String> = addrs.iter().map(SocketAddr::to_string).collect();
    programs::again("what_does_not_stop_is_stopped", &told.join(" "), |program| Command::new(program));
}
