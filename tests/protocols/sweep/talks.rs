//! The conversations of the sweep: what each client says and hears, the same each time, and what comes of it.

use super::{WAITS, Way};
use crate::site::{self, Asked};
use crate::support::files::Folder;

use netprimer::dial::Dial;
use netprimer::dns::{Kind, Lookup, Resolver};
use netprimer::fault::Fault;
use netprimer::ftp::{self, Ftp};
use netprimer::http::{self, Client, Method, Request};
use netprimer::lab::dns::Lie;
use netprimer::lab::smtp::Wrong;
use netprimer::lab::tls::{self, Acceptor, Certificate};
use netprimer::lab::{self, smtp::Tls};
use netprimer::retry::Policy;
use netprimer::server::Server;
use netprimer::smtp::auth::Login;
use netprimer::smtp::{Envelope, MessageBuilder, Smtp, StartTls};
use netprimer::stream::{BoxStream, Stream};
use netprimer::trace::Side;
use netprimer::web::{self, Session};
use netprimer::websocket::{self, CloseCode, Socket};
use netprimer::{Deadline, Error, Result};
use std::io::{Read, Write};
use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tungstenite::protocol::frame::Frame;
use tungstenite::protocol::frame::coding::{Data, OpCode};

/// What a client says and hears, the same each time.
pub struct Golden {
    pub name: &'static str,
    pub over: Over,
    /// What comes of it.
    pub value: String,
    pub unmissed: Unmissed,
    /// Gives what came of it; fails where it ended early.
    pub talk: Box<Talk>,
}

type Talk = dyn Fn(&Arc<Way>) -> Result<String> + Sync;

impl Golden {
    fn new(
        name: &'static str,
        over: Over,
        value: impl Into<String>,
        unmissed: Unmissed,
        talk: impl Fn(&Arc<Way>) -> Result<String> + Sync + 'static,
    ) -> Golden {
        Golden { name, over, value: value.into(), unmissed, talk: Box::new(talk) }
    }
}

/// Where a connection may end early and the value is right: what was to follow is not missed.
#[derive(Debug, Clone)]
pub enum Unmissed {
    Nothing,
    /// So many last bytes of the client, and of the server: what they say after both have said goodbye.
    Last(i64, i64),
    /// An end between two answers is seen before the second question, which then takes a connection of its own. So many bytes
    /// more than the second answer may be missing: what TLS puts around it; or fields behind the last chunk of the first, for
    /// whose end ureq waits only if it has read a part of them.
    Between(RangeInclusive<i64>),
    /// The client asks again by itself, on another connection, where the first is lost.
    Again,
}

/// A `close_notify` after both have said goodbye in their own protocol.
const GOODBYE: Unmissed = Unmissed::Last(2 + TLS, 2 + TLS + TICKETS);

impl Unmissed {
    /// Whether these last bytes of a side need not come.
    pub fn covers(&self, side: Side, fault: Fault, missing: i64) -> bool {
        // Behind a silence nobody knows that it is one.
        let cut = !matches!(fault, Fault::Stall { .. });
        match self {
            Unmissed::Nothing => false,
            Unmissed::Again => cut,
            Unmissed::Last(client, server) => missing <= if side == Side::Client { *client } else { *server },
            Unmissed::Between(more) => {
                // A server that says less than usual over TLS has said all before the last bytes are due.
                let said_less = *more.start() != 0 && missing <= TICKETS;
                cut && side == Side::Server && (said_less || more.contains(&(missing - LENGTH.len() as i64)))
            }
        }
    }
}

/// What a record has around its contents (RFC 8446 section 5.2): a head of five bytes, the type, and a tag of sixteen.
const TLS: i64 = 22;
/// A server over TLS says a little more or less each time: two tickets, sealed in blocks of sixteen bytes.
const TICKETS: i64 = 2 * 16;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Over {
    Datagrams,
    Tcp,
    Tls,
}

pub fn golden() -> Vec<Golden> {
    use Over::{Datagrams, Tcp, Tls};
    use Unmissed::{Again, Between, Last, Nothing};
    let sealed = || Between(TLS - TICKETS..=TLS + TICKETS);
    vec![
        Golden::new("echo", Tcp, "你好", Nothing, |way| echo(way, None)),
        Golden::new("echo over TLS", Tls, "你好", Nothing, |way| echo(way, acceptor())),
        // DNS
        Golden::new("DNS A", Datagrams, IP, Nothing, |way| dns(way, WWW, Kind::A, None)),
        Golden::new("DNS AAAA", Datagrams, "2606:2800:220:1:248:1893:25c8:1946", Nothing, |way| {
            dns(way, WWW, Kind::AAAA, None)
        }),
        Golden::new("DNS PTR", Datagrams, WWW, Nothing, |way| dns(way, "34.216.184.93.in-addr.arpa", Kind::PTR, None)),
        Golden::new("DNS alias", Datagrams, IP, Nothing, |way| dns(way, "web.example.com", Kind::A, None)),
        Golden::new("DNS MX", Datagrams, "10 mail.example.com, 20 backup.example.com", Nothing, |way| {
            dns(way, "example.com", Kind::MX, None)
        }),
        Golden::new("DNS NXDOMAIN", Datagrams, "no such name", Nothing, |way| {
            dns(way, "no.example.com", Kind::A, None)
        }),
        Golden::new("DNS over TCP", Tcp, IP, Nothing, |way| dns(way, WWW, Kind::A, Some(Lie::Truncated))),
        Golden::new(
            "DNS TXT, too long for UDP",
            Tcp,
            vec![format!("\"{}\"", "x".repeat(200)); 8].join(" "),
            Nothing,
            |way| dns(way, "big.example.com", Kind::TXT, None),
        ),
        // HTTP
        Golden::new("HTTP by hand", Tcp, TURNS, Between(0..=0), |way| by_hand(way, None)),
        Golden::new("HTTPS by hand", Tls, TURNS, sealed(), |way| by_hand(way, acceptor())),
        Golden::new("HTTP length", Tcp, "200 你好", Nothing, |way| http_get(way, None, LENGTH)),
        Golden::new("HTTP chunks", Tcp, "200 Hello, world", Nothing, |way| http_get(way, None, CHUNKED)),
        Golden::new("HTTPS until close", Tls, "200 你好", Last(2 + TLS, 0), |way| {
            http_get(way, acceptor(), UNTIL_CLOSE)
        }),
        Golden::new("HTTP HEAD", Tcp, "200 6", Nothing, http_head),
        Golden::new("HTTP form", Tcp, "200 你好", Nothing, http_form),
        Golden::new("HTTP redirect", Tcp, "200 你好 /new", Between(0..=0), http_redirect),
        Golden::new("HTTP Basic", Tcp, "200 你好", Nothing, http_basic),
        Golden::new("HTTP download", Tcp, "你好", Nothing, http_download),
        Golden::new("HTTP session", Tcp, TURNS, Between(0..=8), |way| by_session(way, None)),
        Golden::new("HTTPS session", Tls, TURNS, sealed(), |way| by_session(way, acceptor())),
        Golden::new("HTTP session, cookies", Tcp, "200 你好", Between(0..=0), session_cookies),
        Golden::new("HTTP session, retry", Tcp, "200 你好", Again, session_retry),
        // WebSocket
        Golden::new("ws", Tcp, MESSAGES, Nothing, |way| ws(way, None, ws_echo, ws_messages)),
        Golden::new("wss", Tls, MESSAGES, GOODBYE, |way| ws(way, acceptor(), ws_echo, ws_messages)),
        Golden::new("ws, long", Tcp, "65536", Nothing, |way| ws(way, None, ws_echo, ws_long)),
        Golden::new("ws, fragments", Tcp, "你好", Nothing, |way| ws(way, None, ws_in_two, ws_fragments)),
        Golden::new("ws, ping", Tcp, "你好", Nothing, |way| ws(way, None, ws_echo, ws_ping)),
        Golden::new("ws, closed by the server", Tcp, "1000 bye", Last(CLOSE, 0), |way| {
            ws(way, None, ws_bye, ws_parting)
        }),
        Golden::new(
            "wss, closed by the server",
            Tls,
            "1000 bye",
            Last(CLOSE + 2 * TLS + 2, 2 + TLS + TICKETS),
            |way| ws(way, acceptor(), ws_bye, ws_parting),
        ),
        // FTP
        Golden::new("FTP control", Tcp, FILES, Nothing, |way| ftp(way, None, Line::Control, ftp_files)),
        Golden::new("FTPS control", Tls, FILES, GOODBYE, |way| ftp(way, acceptor(), Line::Control, ftp_files)),
        Golden::new("FTP data", Tcp, "你好 你好", Nothing, |way| ftp(way, None, Line::Data, ftp_both_ways)),
        Golden::new("FTPS data", Tls, FILES, Nothing, |way| ftp(way, acceptor(), Line::Data, ftp_files)),
        Golden::new("FTP listings", Tcp, "1 there 6", Nothing, |way| ftp(way, None, Line::Control, ftp_listings)),
        Golden::new("FTP resume", Tcp, "好 你好", Nothing, |way| ftp(way, None, Line::Control, ftp_resume)),
        Golden::new("FTP resume, data", Tcp, "好 你好", Nothing, |way| ftp(way, None, Line::Data, ftp_resume)),
        Golden::new("FTP append", Tcp, "你好, too", Nothing, |way| ftp(way, None, Line::Control, ftp_append)),
        Golden::new("FTP append, data", Tcp, "你好, too", Nothing, |way| ftp(way, None, Line::Data, ftp_append)),
        Golden::new("FTP active", Tcp, "你好 你好", Last(PORTS, 0), |way| {
            ftp(way, None, Line::Active, ftp_both_ways)
        }),
        Golden::new("FTP text", Tcp, "你\n好\n", Nothing, |way| ftp(way, None, Line::Control, ftp_text)),
        Golden::new("FTP folders", Tcp, "/d 6 0", Nothing, |way| ftp(way, None, Line::Control, ftp_folders)),
        // SMTP
        Golden::new("SMTP", Tcp, MAIL, Nothing, |way| smtp(way, plain(), &[MAIL], smtp_send)),
        Golden::new("SMTP with STARTTLS", Tls, MAIL, GOODBYE, |way| {
            smtp(way, lab::smtp::Options::default(), &[MAIL], |smtp| {
                smtp.login("user", "password").and_then(|()| smtp_send(smtp))
            })
        }),
        Golden::new("SMTP over TLS", Tls, MAIL, GOODBYE, |way| {
            let tls = lab::smtp::Tls::AtOnce(Certificate::Good);
            smtp(way, lab::smtp::Options { tls, ..plain() }, &[MAIL], smtp_send)
        }),
        Golden::new("SMTP, AUTH PLAIN", Tcp, MAIL, Nothing, |way| {
            let lab = lab::smtp::Options { login_readable_by_anyone: true, login_required: true, ..plain() };
            smtp(way, lab, &[MAIL], |smtp| {
                smtp.login_readable_by_anyone("user", "password")?;
                smtp_send(smtp)
            })
        }),
        Golden::new("SMTP, AUTH LOGIN", Tls, MAIL, GOODBYE, |way| {
            let lab = lab::smtp::Options { login_required: true, ..Default::default() };
            smtp(way, lab, &[MAIL], |smtp| {
                smtp.login_by(&mut Login::new("user", "password"))?;
                smtp_send(smtp)
            })
        }),
        Golden::new("SMTP, one refused", Tcp, format!("no@example.com 550 {ONE_TAKEN}"), Nothing, |way| {
            let wrong = vec![Wrong::RefusesRecipients(vec!["no@example.com".into()])];
            smtp(way, lab::smtp::Options { wrong, ..plain() }, &[ONE_TAKEN], smtp_one_refused)
        }),
        Golden::new("SMTP, two messages", Tcp, format!("{MAIL} {MAIL}"), Nothing, |way| {
            smtp(way, plain(), &[MAIL, MAIL], |smtp| smtp_send(smtp).and_then(|_| smtp_send(smtp)))
        }),
        Golden::new("SMTP, dots", Tcp, DOTS, Nothing, |way| smtp(way, plain(), &[DOTS], smtp_dots)),
        Golden::new("SMTP, too long", Tcp, "more than 100", Nothing, |way| {
            let limits = lab::smtp::Limits { size: 100, ..Default::default() };
            smtp(way, lab::smtp::Options { limits, ..plain() }, &[], smtp_too_long)
        }),
    ]
}

fn acceptor() -> Option<Acceptor> {
    Some(Acceptor::new(Certificate::Good).unwrap())
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// What is sent comes back, up to the end that both sides mark.
fn echo(way: &Way, tls: Option<Acceptor>) -> Result<String> {
    let secure = tls.is_some();
    let server = Server::bind("127.0.0.1:0")?.start(move |conn| {
        let mut stream: BoxStream = match &tls {
            Some(acceptor) => acceptor.accept(conn.stream)?,
            None => Box::new(conn.stream),
        };
        let mut all = Vec::new();
        stream.read_to_end(&mut all).map_err(Error::io("hear"))?;
        stream.write_all(&all).and_then(|()| stream.finish()).map_err(Error::io("echo"))
    })?;
    let dial = Dial { tls: secure.then(|| tls::trust().unwrap()), ..way.dial() };
    let mut stream = dial.open(&way.to(server.addr()).into())?;
    stream.write_all("你好".as_bytes()).and_then(|()| stream.finish()).map_err(Error::io("send"))?;
    let mut back = vec![0; 6];
    if secure {
        back.clear();
        stream.read_to_end(&mut back).map_err(Error::io("hear the echo"))?;
    } else {
        // Without TLS an end is an end, whoever made it: only who knows the length knows that something is missing.
        stream.read_exact(&mut back).map_err(Error::io("hear the echo"))?;
    }
    Ok(text(&back))
}

// ---- DNS ----

const WWW: &str = "www.example.com";
const IP: &str = "93.184.216.34";

fn dns(way: &Way, name: &str, kind: Kind, lie: Option<Lie>) -> Result<String> {
    let (zone, lies) = (lab::dns::Zone::lesson(), lie.into_iter().collect());
    let server = lab::dns::start(lab::dns::Options { zone, lies, ..Default::default() })?;
    let resolver =
        Resolver { patience: way.patience, total: way.patience * 2, ..Resolver::at(way.to_both(server.addr())) };
    Ok(match resolver.lookup(name, kind)? {
        Lookup::Found(records) => {
            let data: Vec<String> = records.iter().map(|record| record.data.to_string()).collect();
            data.join(", ").to_ascii_lowercase() // a name is the same in any case (RFC 4343)
        }
        Lookup::NoSuchName => "no such name".into(),
        Lookup::NoData => "no data".into(),
    })
}

// ---- HTTP ----

const CHUNKED: &[u8] =
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;x=y\r\nHello\r\n7\r\n, world\r\n0\r\nA: b\r\n\r\n";
const LENGTH: &[u8] =
    b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n\xe4\xbd\xa0\xe5\xa5\xbd";
const UNTIL_CLOSE: &[u8] = b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n\xe4\xbd\xa0\xe5\xa5\xbd";
const BAD: &[u8] = b"HTTP/1.1 400 Bad\r\nContent-Length: 0\r\n\r\n";
const TURNS: &str = "200 Hello, world, 200 你好";

/// A site and the damaged way to it.
fn at_site(
    way: &Way,
    tls: Option<Acceptor>,
    answer: impl Fn(&Asked) -> &'static [u8] + Send + Sync + 'static,
    talk: impl FnOnce(&str) -> Result<String>,
) -> Result<String> {
    let site = site::site(tls, move |asked| answer(asked).to_vec());
    let url = site.url("");
    let (scheme, addr) = url.split_once("://").unwrap();
    let came = talk(&format!("{scheme}://{}", way.to(addr.parse().unwrap())))?;
    way.said.store(true, Ordering::Relaxed); // a goodbye over TLS may come or not
    Ok(came)
}

/// Two turns on one connection.
fn turns(
    way: &Way,
    tls: Option<Acceptor>,
    mut turn: impl FnMut(Method, &str, &str) -> Result<(u16, String)>,
) -> Result<String> {
    let answer = |asked: &Asked| match asked.head.target.as_str() {
        "/chunked" => CHUNKED,
        _ if asked.body == b"0123456789" => LENGTH,
        _ => BAD,
    };
    at_site(way, tls, answer, |url| {
        let mut answers = Vec::new();
        for (method, path, body) in [(Method::Get, "/chunked", ""), (Method::Post, "/post", "0123456789")] {
            let (status, text) = turn(method, &format!("{url}{path}"), body)?;
            answers.push(format!("{status} {text}"));
        }
        Ok(answers.join(", "))
    })
}

fn client(way: &Way) -> Client {
    let dial = Dial { tls: Some(tls::trust().unwrap()), ..way.dial() };
    Client::with(http::Options { dial, ..Default::default() })
}

fn session(way: &Way) -> Session {
    let tls = tls::trust().unwrap();
    Session::with(web::Options { connect: way.patience, total: way.patience, tls, ..Default::default() })
}

fn by_hand(way: &Way, tls: Option<Acceptor>) -> Result<String> {
    let mut client = client(way);
    turns(way, tls, |method, url, body| {
        let answer = client.send(&Request::new(method, url).body(body))?;
        Ok((answer.status, answer.text()?))
    })
}

fn by_session(way: &Way, tls: Option<Acceptor>) -> Result<String> {
    let session = session(way);
    turns(way, tls, |method, url, body| {
        let mut answer = session.request(method.as_str(), url).body(body).send()?;
        Ok((answer.status().as_u16(), answer.text()?))
    })
}

/// One turn by hand.
fn http_turn(
    way: &Way,
    tls: Option<Acceptor>,
    answer: impl Fn(&Asked) -> &'static [u8] + Send + Sync + 'static,
    request: impl FnOnce(&str) -> Request,
) -> Result<String> {
    at_site(way, tls, answer, |url| {
        let mut client = client(way);
        let answer = client.send(&request(url))?;
        let status = answer.status;
        Ok(format!("{status} {}", answer.text()?))
    })
}

fn http_get(way: &Way, tls: Option<Acceptor>, answer: &'static [u8]) -> Result<String> {
    http_turn(way, tls, move |_| answer, |url| Request::new(Method::Get, url))
}

fn http_head(way: &Arc<Way>) -> Result<String> {
    let answer = |asked: &Asked| match asked.head.method.as_str() {
        "HEAD" => b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n",
        _ => BAD,
    };
    at_site(way, None, answer, |url| {
        let mut client = client(way);
        let answer = client.send(&Request::new(Method::Head, url))?;
        Ok(format!("{} {}", answer.status, answer.headers.get("Content-Length").unwrap_or_default()))
    })
}

fn http_form(way: &Arc<Way>) -> Result<String> {
    let right = |asked: &Asked| if asked.body == b"name=%E4%BD%A0%E5%A5%BD&age=18" { LENGTH } else { BAD };
    http_turn(way, None, right, |url| Request::new(Method::Post, url).form(&[("name", "你好"), ("age", "18")]))
}

/// POST, which a client sends once: nothing is asked again.
fn http_redirect(way: &Arc<Way>) -> Result<String> {
    let answer = |asked: &Asked| match asked.head.target.as_str() {
        "/old" => b"HTTP/1.1 307 Temporary Redirect\r\nLocation: /new\r\nContent-Length: 0\r\n\r\n",
        _ if asked.body == b"0123456789" => LENGTH,
        _ => BAD,
    };
    at_site(way, None, answer, |url| {
        let mut client = client(way);
        let answer = client.send(&Request::new(Method::Post, &format!("{url}/old")).body("0123456789"))?;
        let (status, path) = (answer.status, answer.url.to_string().replace(url, ""));
        Ok(format!("{status} {} {path}", answer.text()?))
    })
}

fn http_basic(way: &Arc<Way>) -> Result<String> {
    let right = |asked: &Asked| match asked.field("authorization") {
        Some("Basic dXNlcjpwYXNzd29yZA==") => LENGTH,
        _ => b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n",
    };
    http_turn(way, None, right, |url| Request::new(Method::Get, url).basic_auth("user", "password"))
}

/// A file is there when it is whole; before, nothing is.
fn http_download(way: &Arc<Way>) -> Result<String> {
    let folder = Folder::new();
    let file = folder.path().join("file");
    let saved = at_site(
        way,
        None,
        |_| LENGTH,
        |url| {
            client(way).get(url)?.save(&file, |_, _| {})?;
            Ok(text(&std::fs::read(&file).unwrap()))
        },
    );
    let left = std::fs::read_dir(folder.path()).unwrap().count();
    assert_eq!(left, usize::from(saved.is_ok()), "what a download leaves");
    saved
}

fn session_cookies(way: &Arc<Way>) -> Result<String> {
    let answer = |asked: &Asked| match asked.field("cookie") {
        None => b"HTTP/1.1 200 OK\r\nSet-Cookie: sid=31d4; Path=/\r\nContent-Length: 2\r\n\r\nOK",
        Some("sid=31d4") if asked.body == b"0123456789" => LENGTH,
        _ => BAD,
    };
    at_site(way, None, answer, |url| {
        let session = session(way);
        session.get(url).send()?.text()?;
        let mut answer = session.post(url).body("0123456789").send()?;
        Ok(format!("{} {}", answer.status().as_u16(), answer.text()?))
    })
}

fn session_retry(way: &Arc<Way>) -> Result<String> {
    let asked = AtomicUsize::new(0);
    let answer = move |_: &Asked| match asked.fetch_add(1, Ordering::Relaxed) {
        0 => b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 0\r\nContent-Length: 0\r\n\r\n",
        _ => LENGTH,
    };
    at_site(way, None, answer, |url| {
        let mut session = session(way);
        session.mount("http://", Policy::default());
        let mut answer = session.get(url).send()?;
        Ok(format!("{} {}", answer.status().as_u16(), answer.text()?))
    })
}

// ---- WebSocket ----

const MESSAGES: &str = "你好, 200";
/// A Close of the client: head, mask, code, and `bye` (RFC 6455 section 5.2).
const CLOSE: i64 = 2 + 4 + 2 + 3;

/// A conversation of messages with a server that does this.
fn ws(
    way: &Way,
    tls: Option<Acceptor>,
    server: fn(&mut websocket::Client) -> Result<()>,
    talk: fn(&mut Socket) -> Result<String>,
) -> Result<String> {
    let scheme = if tls.is_some() { "wss" } else { "ws" };
    let seal = tls.map(|tls| -> websocket::Seal { Arc::new(move |tcp| tls.accept(tcp)) });
    let options = websocket::Serve { seal, ..Default::default() };
    let running = websocket::serve(Server::bind("127.0.0.1:0")?, options, server)?;
    let half = way.patience / 2;
    let limits = websocket::Limits {
        ping_after: Some(half),
        pong_within: half,
        write: way.patience,
        close: way.patience,
        ..Default::default()
    };
    let dial = Dial { tls: Some(tls::trust()?), ..way.dial() };
    let options = websocket::Options { dial, limits, ..Default::default() };
    let mut socket = websocket::connect_with(&format!("{scheme}://{}/", way.to(running.addr())), &options)?;
    // In a frame that is longer than it should be, the pongs are what is waited for: only a deadline ends that.
    socket.get_mut().set_deadline(Deadline::after(way.patience * WAITS));
    talk(&mut socket)
}

fn ws_echo(client: &mut websocket::Client) -> Result<()> {
    while let Some(message) = client.receive()? {
        client.send(message)?;
    }
    Ok(())
}

fn ws_close(socket: &mut Socket, came: String) -> Result<String> {
    match websocket::close(socket, CloseCode::Normal, "bye")? {
        Some(frame) if frame.code == CloseCode::Normal => Ok(came),
        other => Err(Error::Closed(format!("say goodbye, and hear {other:?}").into())),
    }
}

/// A text and a longer binary message, whose length takes two bytes more (126), there and back.
fn ws_messages(socket: &mut Socket) -> Result<String> {
    let mut came = Vec::new();
    for message in [websocket::Message::text("你好"), websocket::Message::binary(vec![7; 200])] {
        socket.send(message)?;
        came.push(ws_next(socket)?);
    }
    ws_close(socket, came.join(", "))
}

/// A text, or how many bytes of a binary message are right.
fn ws_next(socket: &mut Socket) -> Result<String> {
    Ok(match websocket::receive(socket)? {
        Some(websocket::Message::Text(text)) => text.to_string(),
        Some(message) => message.into_data().iter().filter(|byte| **byte == 7).count().to_string(),
        None => "nothing".into(),
    })
}

/// A length of eight bytes (127).
fn ws_long(socket: &mut Socket) -> Result<String> {
    socket.send(websocket::Message::binary(vec![7; 1 << 16]))?;
    let came = ws_next(socket)?;
    ws_close(socket, came)
}

/// A message in two frames.
fn ws_two_frames<T: Read + Write>(socket: &mut tungstenite::WebSocket<T>) -> Result<()> {
    for (text, opcode, last) in [("你", Data::Text, false), ("好", Data::Continue, true)] {
        socket.send(websocket::Message::Frame(Frame::message(text, OpCode::Data(opcode), last)))?;
    }
    Ok(())
}

fn ws_in_two(client: &mut websocket::Client) -> Result<()> {
    while let Some(message) = client.receive()? {
        match message.to_text() {
            Ok("你好") => ws_two_frames(&mut client.socket)?,
            _ => client.send("what?")?,
        }
    }
    Ok(())
}

fn ws_fragments(socket: &mut Socket) -> Result<String> {
    ws_two_frames(socket)?;
    let came = ws_next(socket)?;
    ws_close(socket, came)
}

fn ws_ping(socket: &mut Socket) -> Result<String> {
    socket.send(websocket::Message::Ping("你好".into()))?;
    match socket.read()? {
        websocket::Message::Pong(bytes) => ws_close(socket, text(&bytes)),
        other => Err(Error::Protocol(format!("{other:?} for a pong").into())),
    }
}

fn ws_bye(client: &mut websocket::Client) -> Result<()> {
    client.receive()?;
    websocket::close(&mut client.socket, CloseCode::Normal, "bye").map(drop)
}

fn ws_parting(socket: &mut Socket) -> Result<String> {
    socket.send(websocket::Message::text("你好"))?;
    let came = websocket::receive(socket)?;
    match (came, websocket::parting(socket)) {
        (None, Some(frame)) => Ok(format!("{} {}", u16::from(frame.code), frame.reason)),
        other => Err(Error::Closed(format!("hear a goodbye, and hear {other:?}").into())),
    }
}

// ---- FTP ----

const FILES: &str = "你好 你好 there, up";

/// So many digits more or less have the ports in two PORT commands (`39,5` or `156,220`): the client may have said all.
const PORTS: i64 = 2 * 3;

/// Which connection is damaged; the other, if there is another, is not.
#[derive(Clone, Copy, PartialEq)]
enum Line {
    Control,
    /// The control connection, and the server makes the data connections.
    Active,
    Data,
}

fn ftp(
    way: &Arc<Way>,
    tls: Option<Acceptor>,
    line: Line,
    talk: fn(&mut Ftp, &lab::ftp::Lab) -> Result<String>,
) -> Result<String> {
    let (secure, theirs) = (tls.is_some(), Arc::clone(way));
    let data_port: lab::ftp::DataPort = Arc::new(move |addr: SocketAddr| theirs.to(addr).port());
    let data_port = (line == Line::Data).then_some(data_port);
    let lab = lab::ftp::start(lab::ftp::Options { tls, data_port, ..Default::default() })?;
    lab.put("there", "你好")?;
    let addr = if line == Line::Data { lab.addr() } else { way.to(lab.addr()) };
    let mode = if line == Line::Active { ftp::Mode::Active } else { ftp::Mode::Passive };
    let (data, transfer) = (way.patience, way.patience);
    let options = ftp::Options { dial: way.dial(), data, transfer, mode, ..Default::default() };
    let mut ftp = Ftp::connect_with(addr, options)?;
    if secure {
        ftp = ftp.secure(&tls::trust()?)?;
    }
    ftp.login("username", "password")?;
    let came = talk(&mut ftp, &lab)?;
    ftp.quit()?;
    Ok(came)
}

/// What the server has under this name.
fn file(lab: &lab::ftp::Lab, path: &str) -> String {
    lab.files().get(path).map_or("nothing".into(), |bytes| text(bytes))
}

/// A file goes there, another comes.
fn ftp_both_ways(ftp: &mut Ftp, lab: &lab::ftp::Lab) -> Result<String> {
    ftp.stor("up", &mut "你好".as_bytes())?;
    let mut down = Vec::new();
    ftp.retr("there", &mut down)?;
    Ok(format!("{} {}", text(&down), file(lab, "/up")))
}

/// And the names of both. On a damaged data connection only with TLS, where an end that nobody marked is none: in plain text the
/// end of a listing proves nothing, for it has no length.
fn ftp_files(ftp: &mut Ftp, lab: &lab::ftp::Lab) -> Result<String> {
    Ok(format!("{} {}", ftp_both_ways(ftp, lab)?, ftp.nlst("")?.join(", ")))
}

fn ftp_listings(ftp: &mut Ftp, _: &lab::ftp::Lab) -> Result<String> {
    let lines = ftp.list("")?.len();
    let entries = ftp.mlsd("")?;
    let entries: Vec<String> = entries.iter().map(|one| format!("{} {}", one.name, one.size().unwrap_or(0))).collect();
    Ok(format!("{lines} {}", entries.join(", ")))
}

/// The rest of a file comes, and the rest of another goes there.
fn ftp_resume(ftp: &mut Ftp, lab: &lab::ftp::Lab) -> Result<String> {
    let mut rest = Vec::new();
    ftp.retr_from("there", 3, &mut rest)?;
    ftp.stor("up", &mut "你".as_bytes())?;
    ftp.stor_from("up", 3, &mut "好".as_bytes())?;
    Ok(format!("{} {}", text(&rest), file(lab, "/up")))
}

fn ftp_append(ftp: &mut Ftp, lab: &lab::ftp::Lab) -> Result<String> {
    ftp.appe("there", &mut ", too".as_bytes())?;
    Ok(file(lab, "/there"))
}

fn ftp_text(ftp: &mut Ftp, _: &lab::ftp::Lab) -> Result<String> {
    ftp.set_type(ftp::Type::Ascii);
    ftp.stor("up", &mut "你\n好\n".as_bytes())?;
    let mut down = Vec::new();
    ftp.retr("up", &mut down)?;
    Ok(text(&down))
}

fn ftp_folders(ftp: &mut Ftp, lab: &lab::ftp::Lab) -> Result<String> {
    ftp.mkdir("d")?;
    ftp.rename("there", "d/here")?;
    ftp.cwd("d")?;
    let (path, size) = (ftp.pwd()?, ftp.size("here")?);
    ftp.delete("here")?;
    ftp.cwd("..")?;
    ftp.rmdir("d")?;
    Ok(format!("{path} {size} {}", lab.files().len()))
}

// ---- SMTP ----

const MAIL: &str = "测试 receiver@example.com 你好";
const ONE_TAKEN: &str = "测试 receiver@example.com,other@example.com 你好";
const DOTS: &str = "dots receiver@example.com .\n..你好";

fn plain() -> lab::smtp::Options {
    lab::smtp::Options { tls: Tls::Never, ..Default::default() }
}

/// What the client says of it, and what the server has taken: these, or the first of them.
fn smtp(
    way: &Way,
    options: lab::smtp::Options,
    right: &[&str],
    talk: fn(&mut Smtp) -> Result<String>,
) -> Result<String> {
    let (starttls, at_once) = match options.tls {
        Tls::Never => (StartTls::ReadableByAnyone, None),
        Tls::Offered(_) => (StartTls::Required(tls::trust()?), None),
        Tls::AtOnce(_) => (StartTls::ReadableByAnyone, Some(tls::trust()?)),
    };
    let lab = lab::smtp::start(options)?;
    let dial = Dial { tls: at_once, ..way.dial() };
    let options = netprimer::smtp::Options { dial, starttls, taking: way.patience, ..Default::default() };
    let send = || {
        let mut smtp = Smtp::connect(&way.to(lab.addr()).into(), &options)?;
        let said = talk(&mut smtp)?;
        smtp.quit()?;
        Ok(said)
    };
    let sent: Result<String> = send();
    let inbox = lab.inbox();
    let mails: Vec<String> = inbox
        .iter()
        .map(|mail| {
            let parts = mail.parts();
            let text = parts.first().map(|part| part.text()).unwrap_or_default();
            format!("{} {} {}", mail.subject(), mail.to.join(","), text.replace('\r', "").trim_end())
        })
        .collect();
    // What is taken is whole, also where the client does not learn of it.
    assert!(
        !way.tells || right.iter().zip(&mails).all(|(right, mail)| right == mail) && mails.len() <= right.len(),
        "{mails:?}"
    );
    sent.map(|said| [&[said], mails.as_slice()].concat().join(" ").trim().to_owned())
}

fn message(to: &[&'static str]) -> MessageBuilder<'static> {
    MessageBuilder::new().from("sender@example.com").to(to.to_vec()).subject("测试").text_body("你好")
}

fn smtp_send(smtp: &mut Smtp) -> Result<String> {
    smtp.send(&message(&["receiver@example.com"]))?;
    Ok(String::new())
}

fn smtp_one_refused(smtp: &mut Smtp) -> Result<String> {
    let sent = smtp.send(&message(&["receiver@example.com", "no@example.com", "other@example.com"]))?;
    let refused = sent.refused.iter().map(|one| format!("{} {}", one.address, one.reply.code));
    Ok(refused.collect::<Vec<_>>().join(", "))
}

/// Bytes beyond ASCII as they are, and lines that begin with a dot.
fn smtp_dots(smtp: &mut Smtp) -> Result<String> {
    let envelope = Envelope { from: "sender@example.com".into(), to: vec!["receiver@example.com".into()] };
    let head = "Subject: dots\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit";
    smtp.send_to(&envelope, format!("{head}\r\n\r\n.\r\n..你好\r\n").as_bytes())?;
    Ok(String::new())
}

/// The server has said how much it takes (SIZE, RFC 1870): nothing is sent.
fn smtp_too_long(smtp: &mut Smtp) -> Result<String> {
    match smtp.send(&message(&["receiver@example.com"])) {
        Err(Error::TooLong(_, most)) => Ok(format!("more than {most}")),
        other => other.map(|sent| sent.reply.to_string()),
    }
}
