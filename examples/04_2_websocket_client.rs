//! A WebSocket client: connect, say something, hear the answer, ask whether the other side is alive, and close.
//!
//! On the wire: the handshake (RFC 6455 section 4.1), then frames, of which all that come from a client are masked (section 5.3).
//! `--wire` shows them bit by bit. Without a URL only a server of the lab on this machine is called.

mod lesson;
#[path = "lesson/ws.rs"]
mod ws;

use clap::Arg;
use lesson::{Args, seconds, whole};
use netprimer::deadline::Deadline;
use netprimer::websocket::{self, CloseCode, CloseFrame, Message, Options, Socket};
use netprimer::{Error, Result};
use std::process::ExitCode;
use std::time::{Duration, Instant};

/// For the handshake, and then for each answer: about as long as a person waits.
const PATIENCE: Duration = Duration::from_secs(10);

fn main() -> ExitCode {
    let [target, wire, slow] = lesson::common();
    let size = Arg::new("size").long("size").value_name("N").value_parser(whole(0u32, Some(1 << 20)));
    let timeout = Arg::new("timeout").long("timeout").value_name("SECONDS").value_parser(seconds);
    let args = [
        target.value_name("URL").value_parser(ws::url),
        Arg::new("text").long("text").value_name("TEXT").help("Send this [default: Hello, Server!]"),
        size.conflicts_with("text").help("Send so many letters, and no ping"),
        timeout.help("For the handshake, and for each answer [default: 10]"),
        wire,
        slow,
    ];
    lesson::tool("Talks to a WebSocket server.", args, run)
}

fn run(args: &Args) -> Result<()> {
    let chosen = args.target_or(ws::start)?;
    let url = chosen.server.as_ref().map_or(chosen.address, |lab| lab.url("/"));
    let patience = args.get_one("timeout").copied().unwrap_or(PATIENCE);
    let mut options = Options::default();
    options.dial.connect = patience;
    options.dial.trace = ws::wire(args);

    let (mut socket, answer) = websocket::connect_and_see(&url, &options)?;
    println!("connected to {url}: {}", answer.status());
    match args.get_one::<u32>("size") {
        Some(size) => ask(&mut socket, &"x".repeat(*size as usize), patience)?,
        None => {
            let text = args.get_one::<String>("text").map_or("Hello, Server!", String::as_str);
            ask(&mut socket, text, patience)?;
            ping(&mut socket, patience)?;
        }
    }
    let theirs = websocket::close(&mut socket, CloseCode::Normal, "bye")?;
    println!("closed with 1000 \"bye\"; the server answered {}", ws::words(theirs.as_ref()));
    Ok(())
}

/// `await websocket.send(..)`, `await websocket.recv()` of the usual Python listing; but here nobody waits for ever.
fn ask(socket: &mut Socket, text: &str, patience: Duration) -> Result<()> {
    socket.send(text.into())?;
    println!("sent {}", ws::shown(&text.into()));
    socket.get_mut().set_deadline(Deadline::after(patience));
    match websocket::receive(socket)? {
        Some(message) => println!("received {}", ws::shown(&message)),
        None => return Err(closed("wait for the answer", websocket::parting(socket))),
    }
    Ok(())
}

/// Whether the other side is alive, and how far away: it must send a ping's bytes back in a pong (section 5.5.3).
fn ping(socket: &mut Socket, patience: Duration) -> Result<()> {
    let begin = Instant::now();
    socket.send(Message::Ping("are you there?".into()))?;
    socket.get_mut().set_deadline(Deadline::after(patience));
    loop {
        match socket.read()? {
            Message::Pong(bytes) if bytes == "are you there?" => break,
            Message::Close(close) => return Err(closed("wait for the pong", close.as_ref())),
            message => println!("received {}", ws::shown(&message)), // it may say something else first
        }
    }
    println!("pong after {:.1} ms", begin.elapsed().as_secs_f64() * 1e3);
    Ok(())
}

fn closed(phase: &'static str, close: Option<&CloseFrame>) -> Error {
    Error::Other(phase.into(), format!("the server closed with {}", ws::words(close)).into())
}
