//! HTTP by hand: a page, a form, the four ways a body ends, and HTTPS.
//!
//! On the wire: a head of text lines, an empty line, a body whose end the head tells (RFC 9112). Over `https://` the
//! same bytes travel inside TLS (RFC 9110 section 4.2.2). Without a URL only servers of the lab on this machine are asked.

#[path = "lesson/http.rs"]
mod http;
mod lesson;

use http::show;
use lesson::Args;
use netprimer::encode::visible;
use netprimer::http::{Client, Framing, Method, Options, Request};
use netprimer::lab::http::{self as lab, Lab};
use netprimer::lab::tls::{self, Acceptor, Certificate};
use netprimer::stream::Tls;
use netprimer::{Error, Result};
use std::process::ExitCode;

fn main() -> ExitCode {
    let args = http::args().into_iter().chain([http::pairs("data", "POST a form with this field; may be repeated")]);
    lesson::tool("Asks a web server: GET, or POST with a form.", args, run)
}

fn run(args: &Args) -> Result<()> {
    let form = http::given(args, "data");
    let chosen = args.target_or(http::start)?;
    let url = match (&chosen.server, args.get_one::<String>("page")) {
        (None, _) => chosen.address,
        (Some(lab), Some(page)) => lab.url(page),
        (Some(lab), None) if form.is_empty() => return tour(args, lab),
        (Some(lab), None) => lab.url("/post"),
    };
    let request = match form.is_empty() {
        true => Request::new(Method::Get, &url),
        false => Request::new(Method::Post, &url).form(&form),
    };
    show(&ask(&mut client(args, None), &request)?);
    Ok(())
}

/// All that this lesson has, asked of servers of the lab.
fn tour(args: &Args, lab: &Lab) -> Result<()> {
    let mut client = client(args, None);
    usual(&mut client, lab)?;
    ends(&mut client, lab)?;
    let requests = lab.requests();
    let connections = requests.iter().map(|request| request.connection).max().map_or(0, |last| last + 1);
    println!("the server counted {} requests on {connections} connections", requests.len());
    https(args)
}

/// What the usual Python listing does: `urlopen`, `read`, `decode`; then the same with `urlencode` and `data`.
fn usual(client: &mut Client, lab: &Lab) -> Result<()> {
    let page = Request::new(Method::Get, &lab.url("/encoding/utf8"));
    show(&ask(client, &page)?);
    let form = Request::new(Method::Post, &lab.url("/post")).form(&[("key", "value")]);
    show(&ask(client, &form)?);
    Ok(())
}

/// A query, redirects, and each way in which a body can end.
fn ends(client: &mut Client, lab: &Lab) -> Result<()> {
    let get = |page: &str| Request::new(Method::Get, &lab.url(page));
    let search = get("/get").query(&[("name", "你好"), ("sum", "1 + 1")]);
    let head = Request::new(Method::Head, &lab.url("/get"));
    for request in [search, get("/redirect/2"), head, get("/chunked"), get("/close"), get("/get")] {
        ask(client, &request)?;
    }
    Ok(())
}

/// The same inside TLS. Whom we trust is said once; who cannot prove its name today gets no request.
fn https(args: &Args) -> Result<()> {
    let mut client = client(args, Some(tls::trust()?));
    let start = |shows| lab::start(lab::Options { tls: Some(Acceptor::new(shows)?), ..lab::Options::default() });
    let (good, expired) = (start(Certificate::Good)?, start(Certificate::Expired)?);
    ask(&mut client, &Request::new(Method::Get, &good.url("/get")))?;
    match ask(&mut client, &Request::new(Method::Get, &expired.url("/get"))) {
        Err(error @ Error::Other(..)) => println!("refused: {error}"),
        answer => drop(answer?),
    }
    Ok(())
}

/// Sends a request and reads the whole answer. A status such as 404 is an answer like any other.
fn ask(client: &mut Client, request: &Request) -> Result<String> {
    let answer = client.send(request)?;
    println!("{} -> {} {}", answer.url, answer.status, visible(answer.reason.as_bytes()));
    if answer.redirects > 0 {
        println!("  redirects followed: {}", answer.redirects);
    }
    let end = match answer.body.framing() {
        Framing::None => "no body follows",
        Framing::Length(_) => "ended by Content-Length",
        Framing::Chunked => "ended by the last chunk",
        Framing::UntilClose => "ended by the close",
    };
    let text = answer.text()?;
    let kept = if client.reusable().is_ok() { "connection kept" } else { "connection closed" };
    println!("  {} bytes, {end}; {kept}", text.len());
    Ok(text)
}

/// One client for several requests: it keeps its connection.
fn client(args: &Args, tls: Option<Tls>) -> Client {
    let mut options = Options::default();
    options.dial.reply = http::timeout(args);
    options.dial.tls = tls;
    options.dial.trace = args.wire();
    Client::with(options)
}
