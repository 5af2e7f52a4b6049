//! HTTP with a package: a session keeps cookies, fields and connections from one request to the next.
//!
//! On the wire: `Set-Cookie: name=value` comes once from the server, and `Cookie: name=value` goes with every later request to
//! it (RFC 6265). The connection stays open between them (RFC 9112 section 9.3).

#[path = "lesson/http.rs"]
mod http;
mod lesson;

use clap::{Arg, ArgAction};
use http::{read_json, show};
use lesson::{Args, whole};
use netprimer::lab::http::Lab;
use netprimer::web::Session;
use netprimer::{Error, Result};
use std::process::ExitCode;

fn main() -> ExitCode {
    let cookie =
        Arg::new("cookie").long("cookie").value_name("COOKIE").action(ArgAction::Append).value_parser(is_cookie);
    let times = Arg::new("times").long("times").value_name("N").value_parser(whole(1u8, Some(100)));
    let more = [
        cookie.help("Put this into the jar first, such as 'name=value; Path=/'; may be repeated"),
        times.help("Ask so many times in one session [default: 1]"),
    ];
    lesson::tool("Asks a web server several times in one session.", http::args().into_iter().chain(more), run)
}

fn run(args: &Args) -> Result<()> {
    let mut session = Session::with(http::options(args));
    let chosen = args.target_or(http::start)?;
    let Some(lab) = chosen.server else { return ask(&session, &chosen.address, args) };
    match args.get_one::<String>("page") {
        Some(path) => ask(&session, &lab.url(path), args)?,
        None if args.contains_id("cookie") || args.contains_id("times") => ask(&session, &lab.url("/cookies"), args)?,
        None => tour(&mut session, &lab)?,
    }
    let requests = lab.requests();
    let connections = requests.iter().map(|request| request.connection).max().map_or(0, |last| last + 1);
    println!("the server counted: requests {}, connections {connections}", requests.len());
    Ok(())
}

/// What the usual Python listing does, and what a session is for besides.
fn tour(session: &mut Session, lab: &Lab) -> Result<()> {
    by_hand(session, &lab.url("/cookies"))?;
    by_the_server(session, lab)?;
    defaults(session, &lab.url("/get"))
}

/// `session.cookies.set('name', 'value')`, `session.get(url)`. The cookie belongs to the server at this address.
fn by_hand(session: &Session, url: &str) -> Result<()> {
    session.set_cookie(url, "name=value; Path=/")?;
    let seen = read_json(&mut session.get(url).send()?)?;
    show(&format!("by hand: the server saw {}", seen["cookies"]));
    Ok(())
}

/// The server leaves a cookie with us, as after a login, and takes it away again.
fn by_the_server(session: &Session, lab: &Lab) -> Result<()> {
    for page in ["/cookies/set?sid=31d4", "/cookies", "/cookies/delete?sid"] {
        let seen = read_json(&mut session.get(&lab.url(page)).send()?)?;
        show(&format!("{page}: the server saw {}", seen["cookies"]));
    }
    Ok(())
}

/// `session.headers.update(...)`, `session.params = ...`: said once, sent with every request.
fn defaults(session: &mut Session, url: &str) -> Result<()> {
    session.set_header("Accept-Language", "zh")?;
    session.add_param("lang", "zh");
    let seen = read_json(&mut session.get(url).send()?)?;
    show(&format!("every request has {} and {}", seen["headers"]["Accept-Language"], seen["args"]));
    Ok(())
}

/// What the command line asks for.
fn ask(session: &Session, url: &str, args: &Args) -> Result<()> {
    for cookie in args.get_many::<String>("cookie").into_iter().flatten() {
        session.set_cookie(url, cookie)?;
    }
    for _ in 0..args.get_one("times").copied().unwrap_or(1u8) {
        let mut answer = session.get(url).send()?;
        println!("{} -> {}", answer.url(), answer.status());
        show(&answer.text()?);
    }
    for (name, value) in session.cookies() {
        show(&format!("the jar has {name}={value}"));
    }
    Ok(())
}

/// Whether it has the form of a cookie. Whether the server at an address may have it, only the address can tell.
fn is_cookie(text: &str) -> Result<String> {
    let pair = text.split(';').next().unwrap_or_default();
    if !pair.contains('=') {
        return Err(Error::Invalid("a cookie is written NAME=VALUE".into()));
    }
    Session::new().set_cookie("https://localhost/", pair)?;
    Ok(text.to_owned())
}
