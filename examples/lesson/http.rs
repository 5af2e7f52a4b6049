//! What the programs of part 3 have in common: an address and its options, and an answer on the screen.
//!
//! A program says `#[path = "lesson/http.rs"] mod http;` beside `mod lesson`.
#![allow(dead_code)] // each program uses a part

use crate::lesson::{self, Args, Server, seconds};
use clap::{Arg, ArgAction};
use netprimer::Result;
use netprimer::http::url::Url;
use netprimer::lab::http::{self, Lab};
use netprimer::web::{self, Response};
use serde_json::Value;
use std::error::Error;
use std::net::SocketAddr;
use std::time::Duration;

/// For one answer, from the lookup of the name to its last byte: about as long as a person waits for a page.
pub const PATIENCE: Duration = Duration::from_secs(10);

/// A name and its value, as `NAME=VALUE` on the command line.
pub type Pair = (String, String);

/// The address to ask, or a page of a server of our own; the time for it; the wire.
pub fn args() -> [Arg; 5] {
    let url = |text: &str| Url::parse(text).map(|url| url.to_string());
    let path = |text: &str| if text.starts_with('/') { Ok(text.to_owned()) } else { Err("a page begins with /") };
    let [target, wire, slow] = lesson::common();
    let page = Arg::new("page").long("page").value_name("PATH").value_parser(path).conflicts_with("TARGET");
    let timeout = Arg::new("timeout").long("timeout").value_name("SECONDS").value_parser(seconds);
    [
        target.value_name("URL").value_parser(url).help("Ask for this; without it a server is started here and asked"),
        page.help("Ask that server for this only"),
        timeout.help("In all [default: 10]"),
        wire,
        slow,
    ]
}

/// An option with a name and a value, which may be repeated.
pub fn pairs(name: &'static str, help: &'static str) -> Arg {
    let arg = Arg::new(name).long(name).value_name("NAME=VALUE").action(ArgAction::Append);
    arg.value_parser(pair).help(help)
}

fn pair(text: &str) -> std::result::Result<Pair, Box<dyn Error + Send + Sync>> {
    let (name, value) = text.split_once('=').ok_or("this is written NAME=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}

/// An option with a field of the head, which may be repeated.
pub fn fields(name: &'static str, help: &'static str) -> Arg {
    pairs(name, help).value_parser(|text: &str| {
        let (name, value) = pair(text)?;
        web::Session::new().set_header(&name, &value)?; // says what cannot be a field
        Ok::<_, Box<dyn Error + Send + Sync>>((name, value))
    })
}

/// What was given for such an option.
pub fn given<'a>(args: &'a Args, name: &str) -> Vec<(&'a str, &'a str)> {
    let pairs = args.get_many::<Pair>(name).into_iter().flatten();
    pairs.map(|(name, value)| (name.as_str(), value.as_str())).collect()
}

/// The time for one answer.
pub fn timeout(args: &Args) -> Duration {
    args.get_one("timeout").copied().unwrap_or(PATIENCE)
}

/// How a session works that keeps to the options of the command line.
pub fn options(args: &Args) -> web::Options {
    web::Options { total: timeout(args), trace: args.wire(), ..web::Options::default() }
}

/// A server of our own.
pub fn start() -> Result<Lab> {
    http::start(http::Options::default())
}

impl Server for Lab {
    fn name(&self) -> &str {
        "HTTP server"
    }
    fn addr(&self) -> SocketAddr {
        Lab::addr(self)
    }
}

/// `response.json()`.
pub fn read_json(answer: &mut Response) -> Result<Value> {
    let bytes = answer.bytes()?; // JSON is UTF-8, whatever the head says (RFC 8259 section 8.1)
    serde_json::from_slice(&bytes)
        .map_err(|error| netprimer::Error::Protocol(format!("{}: no JSON: {error}", answer.url()).into()))
}

/// `print(text)`, but a stranger's text must not command our terminal.
pub fn show(text: &str) {
    let harmless = |c: char| !c.is_control() || "\n\t".contains(c);
    let shown = |c: char| if harmless(c) { c.to_string() } else { c.escape_default().to_string() };
    if !text.is_empty() {
        println!("{}", text.trim_end().chars().map(shown).collect::<String>());
    }
}
