//! Security: what comes from a stranger is checked before it is used, and what a stranger may take has an end.
//!
//! On the wire: requests over HTTP in which a stranger chose one value, an answer that is too long, and TLS with seven
//! certificates of which one is good (RFC 9110 section 5.5, RFC 9525).

use crate::lesson::Args;
use netprimer::dial::Dial;
use netprimer::encode::visible;
use netprimer::http::{Client, Method, Options, Request};
use netprimer::lab::http::{self as lab, Lab};
use netprimer::lab::tls::{self, Acceptor, Certificate};
use netprimer::{Error, Result};
use std::io::{Read, Write};
use std::time::Duration;

/// What somebody typed into our form. Behind the line end begins a field of its own.
const NOTE: &str = "hello\r\nX-Admin: yes";

/// The most that we want to read, in bytes.
const LIMIT: u64 = 100;

/// For one answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// Text is pasted into a request, and all is read that comes.
pub fn broken(args: &Args) -> Result<()> {
    let lab = lab::start(lab::Options::default())?;
    let dial = Dial { reply: args.patience(PATIENCE), trace: args.wire(), ..Dial::default() };
    let ask = |head: String| {
        let mut stream = dial.open(&lab.addr().into())?;
        let done = stream.write_all(head.as_bytes()).and_then(|()| stream.read_to_end(&mut Vec::new()));
        done.map_err(Error::io("ask"))
    };
    ask(format!("GET /get HTTP/1.1\r\nHost: lab\r\nX-Note: {NOTE}\r\nConnection: close\r\n\r\n"))?;
    println!("  injection: the server saw X-Admin: {}", seen(&lab, "X-Admin"));
    let bytes = ask("GET /bytes/1000 HTTP/1.1\r\nHost: lab\r\nConnection: close\r\n\r\n".to_owned())?;
    println!("  no limit: {bytes} bytes were read, because the server sent them");
    Ok(())
}

/// The value is checked where it is written, the answer has a limit, and a wrong certificate ends the connection.
pub fn right(args: &Args) -> Result<()> {
    let lab = lab::start(lab::Options::default())?;
    let mut client = client(args)?;
    let note = Request::new(Method::Get, &lab.url("/get")).header("X-Note", NOTE);
    refused("injection", client.send(&note).map(drop));
    println!("  requests that the server saw: {}", lab.requests().len());
    let long = client.get(&lab.url("/bytes/1000"))?.bytes();
    refused("limit", long.map(drop));
    for certificate in Certificate::ALL {
        let tls = Some(Acceptor::new(certificate)?);
        let lab = lab::start(lab::Options { tls, ..lab::Options::default() })?;
        let believed = match client.get(&lab.url("/get")) {
            Ok(_) => "believed",
            Err(Error::Other(..)) => "refused", // in the handshake
            Err(error) => return Err(error),
        };
        println!("  {certificate:?} certificate: {believed}; requests that the server saw: {}", lab.requests().len());
    }
    Ok(())
}

fn refused(what: &str, result: Result<()>) {
    match result {
        Ok(()) => println!("  {what}: not stopped"),
        Err(error) => println!("  {what}: {error}"),
    }
}

fn seen(lab: &Lab, field: &str) -> String {
    let requests = lab.requests();
    let value = requests.first().and_then(|request| request.head.headers.get(field));
    value.map_or("nothing".to_owned(), |value| visible(value.as_bytes()))
}

fn client(args: &Args) -> Result<Client> {
    let mut options = Options { body: LIMIT, ..Options::default() };
    options.dial.reply = args.patience(PATIENCE);
    options.dial.tls = Some(tls::trust()?);
    options.dial.trace = args.wire();
    Ok(Client::with(options))
}
