//! A WebSocket server: every message comes back, on `/chat` it goes to all, and a browser that asks for `/` gets a page.
//!
//! On the wire: a request of HTTP with `Upgrade: websocket`, the answer 101, then frames both ways at any time, and at the end a
//! Close from each side (RFC 6455). `--wire` is for the client of lesson 4.2.

mod lesson;
#[path = "lesson/ws.rs"]
mod ws;

use clap::{Arg, ArgAction};
use lesson::Args;
use netprimer::Result;
use netprimer::encode::visible;
use netprimer::server::Server;
use netprimer::websocket::{self, Client, Hub, Message, Origins, Serve};
use std::process::ExitCode;

fn main() -> ExitCode {
    let args = [
        Arg::new("ADDR").default_value("127.0.0.1:8765").help("Where to listen"),
        Arg::new("origin")
            .long("origin")
            .value_name("ORIGIN")
            .action(ArgAction::Append)
            .help("Let pages of this origin connect too, https://chat.example for instance; may be repeated"),
    ];
    lesson::tool("Serves WebSocket clients, and a page to browsers.", args, run)
}

fn run(args: &Args) -> Result<()> {
    let server = Server::bind(args.get_one::<String>("ADDR").cloned().unwrap_or_default())?;
    let addr = server.addr();
    let others = args.get_many("origin").into_iter().flatten().cloned().collect();
    let options = Serve { origins: Origins::OwnAnd(others), ..Serve::default() };
    let hub = Hub::default();
    println!("listening on {addr}"); // callers wait already
    println!("a page for your browser: http://{addr}/");
    let running = websocket::serve(server, options, move |client| {
        println!("{} connected, asking for {}", client.peer, visible(client.path().as_bytes()));
        let talk = if client.path() == "/chat" { chat(client, &hub) } else { echo(client) };
        match &talk {
            Ok(()) => println!("{} left: {}", client.peer, ws::words(websocket::parting(&client.socket))),
            Err(error) => println!("{} left: {error}", client.peer),
        }
        talk
    })?;
    ws::until_enter(&running);
    Ok(())
}

/// `async for message in websocket` of the usual Python listing: until the client has closed.
fn echo(client: &mut Client) -> Result<()> {
    while let Some(message) = client.receive()? {
        println!("{} sent {}", client.peer, ws::shown(&message));
        match &message {
            Message::Text(text) => client.send(format!("the server heard: {text}"))?,
            _ => client.send(message)?,
        }
    }
    Ok(())
}

/// What one says goes to all who are here; a client who does not read is cut off, and nobody waits for it.
fn chat(client: &mut Client, hub: &Hub) -> Result<()> {
    let _seat = hub.join(&client.socket)?;
    while let Some(message) = client.receive()? {
        hub.send(message);
    }
    Ok(())
}
