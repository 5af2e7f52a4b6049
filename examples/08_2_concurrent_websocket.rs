//! A WebSocket client on threads: it receives until the server closes, receives while it sends, and connects again.
//!
//! On the wire: the frames of lesson 4.1 (RFC 6455), in both directions at the same time. With a URL it is a chat: what is typed
//! is sent, what comes is shown. Without one only servers on this machine, inside this program, are called.

mod lesson;
#[path = "lesson/ws.rs"]
mod ws;

use clap::Arg;
use lesson::{Args, whole};
use netprimer::lab::ws::Lab;
use netprimer::retry::Policy;
use netprimer::server::Server;
use netprimer::websocket::{self, CloseCode, Options, Reconnect, Running, Sender, Serve, Socket};
use netprimer::{Error, Result};
use std::io::{self, BufRead};
use std::process::ExitCode;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Instant;

/// So many messages of so many bytes: more than the buffers of two systems hold.
const MESSAGES: usize = 1_000;
const BYTES: usize = 10_000;

fn main() -> ExitCode {
    let [target, wire, slow] = lesson::common();
    let attempts = Arg::new("attempts").long("attempts").value_name("N").value_parser(whole(1u32, None));
    let args = [
        target.value_name("URL").value_parser(ws::url).help("Chat there; without it servers are started here"),
        attempts.help("How many attempts to connect may fail in a row [default: 8]"),
        wire,
        slow,
    ];
    lesson::tool("Receives while it sends, and connects again.", args, run)
}

fn run(args: &Args) -> Result<()> {
    let chosen = args.target_or(ws::start)?;
    match chosen.server {
        Some(lab) => tour(args, &lab),
        None => chat(args, &chosen.address),
    }
}

fn tour(args: &Args, lab: &Lab) -> Result<()> {
    println!("receive until the server closes:");
    until_closed(&mut websocket::connect_with(&lab.url("/news"), &options(args))?)?;
    println!("receive while you send:");
    both_ways(&lab.url("/"))?;
    println!("connect again:");
    let server = shaky()?;
    follow(args, &format!("ws://{}/", server.addr()))
}

/// The usual Python listing: `send`, then `recv` for ever, until `ConnectionClosed`.
fn until_closed(socket: &mut Socket) -> Result<()> {
    socket.send("Hello, Server!".into())?;
    listen(socket, &mut 0)?;
    println!("  closed: {}", ws::words(websocket::parting(socket)));
    Ok(())
}

/// Shows what comes, and counts it, until the server closes.
fn listen(socket: &mut Socket, heard: &mut u32) -> Result<()> {
    while let Some(message) = websocket::receive(socket)? {
        println!("  received {}", ws::shown(&message));
        *heard += 1;
    }
    Ok(())
}

/// One thread sends, this one receives. A program that sends first and receives later stands still: see the lesson.
fn both_ways(url: &str) -> Result<()> {
    let mut socket = websocket::connect(url)?;
    let mut sender = websocket::sender(&socket);
    let begin = Instant::now();
    let sending = thread::spawn(move || (0..MESSAGES).try_for_each(|_| sender.send("x".repeat(BYTES))));
    let mut bytes = 0;
    for _ in 0..MESSAGES {
        let message = websocket::receive(&mut socket)?.ok_or(Error::Closed("receive what we sent".into()))?;
        bytes += message.len();
    }
    sending.join().map_err(|_| Error::Other("send".into(), "its thread panicked".into()))??;
    println!(
        "  {MESSAGES} messages, {bytes} bytes in each direction, in {:.1} ms",
        begin.elapsed().as_secs_f64() * 1e3
    );
    websocket::close(&mut socket, CloseCode::Normal, "").map(drop)
}

/// Wants all the news, and asks after each new connection for what it has not heard yet.
fn follow(args: &Args, url: &str) -> Result<()> {
    let policy = Policy { total: attempts(args), backoff_factor: 0.05, backoff_jitter: 0.04, ..Policy::default() };
    let link = Reconnect::new(url).options(options(args)).policy(policy);
    let mut link = link.on_event(|event| println!("  {event}"));
    let mut heard = 0;
    loop {
        let mut socket = link.connect()?;
        let asked = socket.send(format!("after {heard}").into()).map_err(Error::from);
        let end = asked.and_then(|()| listen(&mut socket, &mut heard));
        if is_over(&socket, end)? {
            return Ok(());
        }
    }
}

/// What the thread at the keyboard and the one that listens share.
#[derive(Default)]
struct Out {
    sender: Option<Sender>,
    /// The input is over.
    over: bool,
}

fn lock(out: &Mutex<Out>) -> MutexGuard<'_, Out> {
    out.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What is typed is sent while what comes is shown. After a loss there is a new connection.
fn chat(args: &Args, url: &str) -> Result<()> {
    let policy = Policy { total: attempts(args), backoff_factor: 0.25, backoff_jitter: 0.5, ..Policy::default() };
    let link = Reconnect::new(url).options(options(args)).policy(policy);
    let mut link = link.on_event(|event| println!("  {event}"));
    let out = Arc::<Mutex<Out>>::default();
    let mut typing = None;
    loop {
        let mut socket = link.connect()?;
        lock(&out).sender = Some(websocket::sender(&socket));
        if lock(&out).over {
            return websocket::close(&mut socket, CloseCode::Normal, "bye").map(drop);
        }
        let lines = Arc::clone(&out);
        // It ends with the program: nobody can wake a thread that waits for a key.
        typing.get_or_insert_with(|| thread::spawn(move || type_in(&lines)));
        let end = listen(&mut socket, &mut 0);
        lock(&out).sender = None;
        if is_over(&socket, end)? {
            return Ok(());
        }
    }
}

/// Sends each line on the connection that there is just now; closes it at the end of the input.
fn type_in(out: &Mutex<Out>) {
    let lines = io::stdin().lock().lines().map_while(|line| line.ok()).map(Some);
    for line in lines.chain([None]) {
        let mut out = lock(out);
        out.over = line.is_none();
        let sent = match (&mut out.sender, line) {
            (Some(sender), Some(line)) => sender.send(line),
            (Some(sender), None) => sender.close(CloseCode::Normal, "bye"),
            (None, Some(_)) => Err(Error::Closed("send".into())),
            (None, None) => Ok(()), // the next connection will be closed
        };
        if let Err(error) = sent {
            println!("  not sent: {error}");
        }
    }
}

/// Whether a conversation has ended as it should. What is worth another connection is only told.
fn is_over(socket: &Socket, end: Result<()>) -> Result<bool> {
    match end {
        Ok(()) => {
            let close = websocket::parting(socket);
            println!("  closed: {}", ws::words(close));
            Ok(close.is_none_or(|close| close.code == CloseCode::Normal))
        }
        Err(error @ (Error::Closed(_) | Error::Io(..) | Error::Timeout(_))) => {
            println!("  lost: {error}");
            Ok(false)
        }
        Err(error) => Err(error),
    }
}

fn options(args: &Args) -> Options {
    let mut options = Options::default();
    options.dial.trace = ws::wire(args);
    options.dial.connect = args.patience(options.dial.connect);
    options
}

fn attempts(args: &Args) -> u32 {
    args.get_one("attempts").copied().unwrap_or(8)
}

/// A server with five pieces of news. It cuts its first client off after two, and sends the second away.
fn shaky() -> Result<Running> {
    let visits = AtomicU32::new(0);
    websocket::serve(Server::bind("127.0.0.1:0")?, Serve::default(), move |client| {
        let visit = visits.fetch_add(1, Ordering::Relaxed);
        let wish = client.receive()?.map(|message| message.to_string()).unwrap_or_default();
        let heard: u32 = wish.strip_prefix("after ").and_then(|number| number.parse().ok()).unwrap_or(0);
        if visit == 1 {
            return websocket::close(&mut client.socket, CloseCode::Restart, "back soon").map(drop);
        }
        for number in heard + 1..=5 {
            client.send(format!("news {number} of 5"))?;
            if visit == 0 && number == 2 {
                client.sender().cut();
                return Ok(());
            }
        }
        websocket::close(&mut client.socket, CloseCode::Normal, "that was all").map(drop)
    })
}
