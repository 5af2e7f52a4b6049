//! What is looked at: a name is resolved, its port tried, and its protocol spoken. Each step is timed.
//!
//! On the wire: a SYN for the port (RFC 9293), a GET (RFC 9110), a ping, which every WebSocket must answer (RFC 6455 section
//! 5.5.2).

use netprimer::dial::{Dial, Target};
use netprimer::encode::visible;
use netprimer::scan::{Scan, State};
use netprimer::websocket::{self, CloseCode, Message};
use netprimer::{Deadline, Error, Result, stream, url::Url, web};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// What was found at one address.
pub struct Finding {
    pub address: String,
    /// The steps that were taken, and their times. The last one may have failed.
    pub steps: Vec<(&'static str, Duration)>,
    pub said: Result<String>,
}

impl Finding {
    /// Does something, and keeps what came of it: what is down is a finding, not an error.
    pub fn of(address: &str, work: impl FnOnce(&mut Finding) -> Result<String>) -> Finding {
        let mut finding = Finding { address: address.to_owned(), steps: Vec::new(), said: Ok(String::new()) };
        finding.said = work(&mut finding);
        finding
    }

    pub fn step<T>(&mut self, name: &'static str, step: impl FnOnce() -> Result<T>) -> Result<T> {
        let start = Instant::now();
        let result = step();
        self.steps.push((name, start.elapsed()));
        result
    }
}

/// The server in an address such as `https://example.com/` or `tcp://example.com:25`.
pub fn server(address: &str) -> Result<Target> {
    match address.split_once("://") {
        Some(("http" | "https", _)) => Ok(Url::parse(address)?.server().clone()),
        Some(("ws" | "wss", _)) => Ok(Url::parse(&address.replacen("ws", "http", 1))?.server().clone()),
        Some(("tcp", rest)) => Target::parse(rest, 0),
        _ => Err(Error::Invalid("an address begins with http://, https://, ws://, wss:// or tcp://".into())),
    }
}

/// Looks at one address, by this deadline.
pub fn look(address: &str, dial: &Dial, by: Deadline) -> Finding {
    Finding::of(address, |finding| {
        let server = server(address)?;
        let at = finding.step("resolve", || stream::resolve(server.host(), server.port(), by))?;
        let tcp = address.starts_with("tcp:");
        let banner = finding.step("scan", || knock(&at, tcp, &dial.by(by)?))?;
        match address.split("://").next() {
            Some("http" | "https") => finding.step("talk", || fetch(address, &dial.by(by)?)),
            Some("ws" | "wss") => finding.step("talk", || talk(address, &dial.by(by)?, by)),
            _ => Ok(format!("open, says \"{banner}\"")),
        }
    })
}

/// A scan of one port, at all addresses of the name: one that is open is enough.
fn knock(at: &[SocketAddr], banner: bool, dial: &Dial) -> Result<String> {
    let timeout = (dial.connect / 2).max(Duration::from_millis(1)); // half for the port, half for its banner
    let (hosts, ports) = (at.iter().map(SocketAddr::ip).collect(), vec![at[0].port()]);
    let scan = Scan { ports, timeout, banner: banner.then_some(timeout), i_may_scan_this: true, ..Scan::of_all(hosts) };
    let found = scan.run()?;
    match found.iter().find(|port| port.state == State::Open) {
        Some(port) => Ok(visible(&port.banner)),
        None => Err(Error::Other(format!("try port {}", at[0]).into(), found[0].state.to_string().into())),
    }
}

fn fetch(url: &str, dial: &Dial) -> Result<String> {
    let (tls, trace) = (dial.tls.clone().unwrap_or_default(), dial.trace.clone());
    let session = web::Session::with(web::Options { total: dial.reply, tls, trace, ..Default::default() });
    let mut answer = session.get(url).send()?.error_for_status()?;
    let (status, body) = (answer.status().as_u16(), answer.bytes()?);
    let start: String = String::from_utf8_lossy(&body).chars().take(40).collect();
    Ok(format!("{status}, {} bytes: \"{}\"", body.len(), visible(start.as_bytes())))
}

fn talk(url: &str, dial: &Dial, by: Deadline) -> Result<String> {
    let options = websocket::Options { dial: dial.clone(), ..Default::default() };
    let mut socket = websocket::connect_with(url, &options)?;
    socket.get_mut().set_deadline(by);
    socket.send(Message::Ping("well?".into()))?;
    while !matches!(socket.read()?, Message::Pong(said) if said == "well?") {} // others may speak before
    let _ = websocket::close(&mut socket, CloseCode::Normal, ""); // we have our answer
    Ok("handshake, ping, pong".into())
}
