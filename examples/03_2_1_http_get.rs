//! HTTP with a package: GET, with a query, with fields of our own, and JSON.
//!
//! On the wire: what lesson 3.1 wrote by hand is written by ureq here (RFC 9110, RFC 9112). The connection under it is ours,
//! so that time limits and the wire view are the same. Without a URL only a server of the lab on this machine is asked.

#[path = "lesson/http.rs"]
mod http;
mod lesson;

use http::{read_json, show};
use lesson::Args;
use netprimer::Result;
use netprimer::lab::http::{self as lab, Lab};
use netprimer::lab::tls::{self, Acceptor, Certificate};
use netprimer::web::{Options, Session};
use std::process::ExitCode;

fn main() -> ExitCode {
    let more = [
        http::pairs("param", "Put this into the query; may be repeated"),
        http::fields("header", "Send this field in the head; may be repeated"),
    ];
    lesson::tool("Asks a web server for a page.", http::args().into_iter().chain(more), run)
}

fn run(args: &Args) -> Result<()> {
    let session = Session::with(http::options(args));
    let chosen = args.target_or(http::start)?;
    let Some(lab) = chosen.server else { return page(&session, &chosen.address, args) };
    match args.get_one::<String>("page") {
        Some(path) => page(&session, &lab.url(path), args),
        None if args.contains_id("param") || args.contains_id("header") => page(&session, &lab.url("/get"), args),
        None => tour(&session, &lab).and_then(|()| over_tls(args)),
    }
}

/// What the usual Python listing does, and a page that is not there.
fn tour(session: &Session, lab: &Lab) -> Result<()> {
    basic(session, &lab.url("/encoding/utf8"))?;
    with_query(session, &lab.url("/get"))?;
    with_field(session, &lab.url("/headers"))?;
    not_there(session, &lab.url("/status/404"))
}

/// `requests.get(url)`, `response.status_code`, `response.text`.
fn basic(session: &Session, url: &str) -> Result<()> {
    let mut answer = session.get(url).send()?;
    println!("{} -> {}", answer.url(), answer.status());
    show(&answer.text()?);
    Ok(())
}

/// `requests.get(url, params=params)`, `response.json()`.
fn with_query(session: &Session, url: &str) -> Result<()> {
    let request = session.get(url).query("key1", "value1").query("key2", "value2");
    let mut answer = request.send()?;
    println!("{} -> {}", answer.url(), answer.status());
    let json = read_json(&mut answer)?;
    show(&format!("  the server saw {}", json["args"]));
    Ok(())
}

/// `requests.get(url, headers=headers)`.
fn with_field(session: &Session, url: &str) -> Result<()> {
    let mut answer = session.get(url).header("User-Agent", "Mozilla/5.0").send()?;
    println!("{} -> {}", answer.url(), answer.status());
    let json = read_json(&mut answer)?;
    show(&format!("  the server saw {}", json["headers"]["User-Agent"]));
    Ok(())
}

/// `https://`: whom we trust is said once, for the session. Without `tls` it would be whom this system trusts.
fn over_tls(args: &Args) -> Result<()> {
    let tls = Some(Acceptor::new(Certificate::Good)?);
    let lab = lab::start(lab::Options { tls, ..lab::Options::default() })?;
    let session = Session::with(Options { tls: tls::trust()?, ..http::options(args) });
    basic(&session, &lab.url("/status/204"))
}

/// A status is an answer, unless we say that it is an error: `response.raise_for_status()`.
fn not_there(session: &Session, url: &str) -> Result<()> {
    let answer = session.get(url).send()?;
    println!("{} -> {}", answer.url(), answer.status());
    match answer.error_for_status() {
        Ok(_) => println!("  no error"),
        Err(failure) => println!("  as an error: {failure}"),
    }
    Ok(())
}

/// One page, as the command line asks for it.
fn page(session: &Session, url: &str, args: &Args) -> Result<()> {
    let mut request = session.get(url);
    for (name, value) in http::given(args, "param") {
        request = request.query(name, value);
    }
    for (name, value) in http::given(args, "header") {
        request = request.header(name, value);
    }
    let mut answer = request.send()?;
    println!("{} -> {}", answer.url(), answer.status());
    show(&answer.text()?);
    Ok(())
}
