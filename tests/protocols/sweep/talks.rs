// ---- the conversations ----

/// What a client says and hears, the same each time.
struct Golden {
    name: &'static str,
    over: Over,
    /// What comes of it.
    value: &'static str,
    unmissed: Unmissed,
    /// Gives what came of it; fails where it ended early.
    talk: Box<Talk>,
}

type Talk = dyn Fn(&Arc<Way>) -> Result<String> + Sync;

impl Golden {
    fn new(
        name: &'static str,
        over: Over,
        value: &'static str,
        unmissed: Unmissed,
        talk: impl Fn(&Arc<Way>) -> Result<String> + Sync + 'static,
    ) -> Golden {
        Golden { name, over, value, unmissed, talk: Box::new(talk) }
    }
}

/// Where a connection may end early and the value is right: what was to follow is not missed.
#[derive(Debug, Clone)]
enum Unmissed {
    Nothing,
    /// The last record over TLS on either side: a `close_notify` after both have said goodbye in their own protocol.
    Goodbye,
    /// An end between two answers is seen before the second question, which then takes a connection of its own. So many bytes
    /// more than the second answer may be missing: what TLS puts around it; or fields behind the last chunk of the first, for
    /// whose end ureq waits only if it has read a part of them.
    Between(RangeInclusive<i64>),
}

impl Unmissed {
    /// Whether these last bytes of a side need not come.
    fn covers(&self, side: Side, fault: Fault, missing: i64) -> bool {
        match self {
            Unmissed::Nothing => false,
            Unmissed::Goodbye if side == Side::Server => missing <= 2 + TLS + TICKETS,
            Unmissed::Goodbye => missing <= 2 + TLS,
            // Behind a silence nobody knows that it is one.
            Unmissed::Between(more) => {
                let cut = !matches!(fault, Fault::Stall { .. });
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
enum Over {
    Datagrams,
    Tcp,
    Tls,
}

fn golden() -> Vec<Golden> {
    use Over::{Datagrams, Tcp, Tls};
    use Unmissed::{Between, Goodbye, Nothing};
    const IP: &str = "93.184.216.34";
    const MESSAGES: &str = "你好, 200";
    let offered = lab::smtp::Tls::Offered(Certificate::Good);
    vec![
        Golden::new("echo", Tcp, "你好", Nothing, |way| echo(way, None)),
        Golden::new("echo over TLS", Tls, "你好", Nothing, |way| echo(way, acceptor())),
        Golden::new("DNS over UDP", Datagrams, IP, Nothing, |way| dns(way, vec![])),
        Golden::new("DNS over TCP", Tcp, IP, Nothing, |way| dns(way, vec![Lie::Truncated])),
        Golden::new("HTTP by hand", Tcp, TURNS, Between(0..=0), |way| by_hand(way, None)),
        Golden::new("HTTPS by hand", Tls, TURNS, Between(TLS - TICKETS..=TLS + TICKETS), |way| {
            by_hand(way, acceptor())
        }),
        Golden::new("HTTP session", Tcp, TURNS, Between(0..=8), |way| by_session(way, None)),
        Golden::new("HTTPS session", Tls, TURNS, Between(TLS - TICKETS..=TLS + TICKETS), |way| {
            by_session(way, acceptor())
        }),
        Golden::new("ws", Tcp, MESSAGES, Nothing, |way| ws(way, None)),
        Golden::new("wss", Tls, MESSAGES, Goodbye, |way| ws(way, acceptor())),
        Golden::new("FTP control", Tcp, FILES, Nothing, |way| ftp_control(way, None)),
        Golden::new("FTPS control", Tls, FILES, Goodbye, |way| ftp_control(way, acceptor())),
        Golden::new("FTP data", Tcp, FILES, Nothing, |way| ftp_data(way, None)),
        Golden::new("FTPS data", Tls, FILES, Nothing, |way| ftp_data(way, acceptor())),
        Golden::new("SMTP", Tcp, MAIL, Nothing, |way| smtp(way, lab::smtp::Tls::Never)),
        Golden::new("SMTP with STARTTLS", Tls, MAIL, Goodbye, move |way| smtp(way, offered)),
    ]
}

fn acceptor() -> Option<Acceptor> {
    Some(Acceptor::new(Certificate::Good).unwrap())
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
    Ok(String::from_utf8_lossy(&back).into_owned())
}

fn dns(way: &Way, lies: Vec<Lie>) -> Result<String> {
    let server = lab::dns::start(lab::dns::Options { zone: lab::dns::Zone::lesson(), lies, ..Default::default() })?;
    let resolver =
        Resolver { patience: way.patience, total: way.patience * 2, ..Resolver::at(way.to_both(server.addr())) };
    match resolver.lookup("www.example.com", Kind::A)? {
        Lookup::Found(records) => {
            Ok(records.iter().map(|record| record.data.to_string()).collect::<Vec<_>>().join(", "))
        }
        other => Ok(format!("{other:?}")),
    }
}

const CHUNKED: &[u8] =
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;x=y\r\nHello\r\n7\r\n, world\r\n0\r\nA: b\r\n\r\n";
const LENGTH: &[u8] =
    b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n\xe4\xbd\xa0\xe5\xa5\xbd";
const TURNS: &str = "200 Hello, world, 200 你好";

/// Two turns on one connection.
fn turns(
    way: &Way,
    tls: Option<Acceptor>,
    mut turn: impl FnMut(Method, &str, &str) -> Result<(u16, String)>,
) -> Result<String> {
    let site = site::site(tls, |asked| match asked.head.target.as_str() {
        "/chunked" => CHUNKED.to_vec(),
        _ if asked.body == b"0123456789" => LENGTH.to_vec(),
        _ => b"HTTP/1.1 400 Bad\r\nContent-Length: 0\r\n\r\n".to_vec(),
    });
    let url = site.url("");
    let (scheme, addr) = url.split_once("://").unwrap();
    let addr = way.to(addr.parse().unwrap());
    let mut answers = Vec::new();
    for (method, path, body) in [(Method::Get, "/chunked", ""), (Method::Post, "/post", "0123456789")] {
        let (status, text) = turn(method, &format!("{scheme}://{addr}{path}"), body)?;
        answers.push(format!("{status} {text}"));
    }
    way.said.store(true, Ordering::Relaxed); // a goodbye over TLS may come or not
    Ok(answers.join(", "))
}

fn by_hand(way: &Way, tls: Option<Acceptor>) -> Result<String> {
    let dial = Dial { tls: Some(tls::trust()?), ..way.dial() };
    let mut client = Client::with(http::Options { dial, ..Default::default() });
    turns(way, tls, |method, url, body| {
        let answer = client.send(&Request::new(method, url).body(body))?;
        Ok((answer.status, answer.text()?))
    })
}

fn by_session(way: &Way, tls: Option<Acceptor>) -> Result<String> {
    let options = web::Options { connect: way.patience, total: way.patience, tls: tls::trust()?, ..Default::default() };
    let session = Session::with(options);
    turns(way, tls, |method, url, body| {
        let mut answer = session.request(method.as_str(), url).body(body).send()?;
        Ok((answer.status().as_u16(), answer.text()?))
    })
}

/// A text and a long binary message, there and back, and a goodbye.
fn ws(way: &Way, tls: Option<Acceptor>) -> Result<String> {
    let scheme = if tls.is_some() { "wss" } else { "ws" };
    let lab = lab::ws::start(lab::ws::Options { tls, ..Default::default() })?;
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
    let mut socket = websocket::connect_with(&format!("{scheme}://{}/", way.to(lab.addr())), &options)?;
    let mut came = Vec::new();
    for message in [websocket::Message::text("你好"), websocket::Message::binary(vec![7; 200])] {
        socket.send(message)?;
        match websocket::receive(&mut socket)? {
            Some(websocket::Message::Text(text)) => came.push(text.to_string()),
            Some(message) => came.push(message.into_data().iter().filter(|byte| **byte == 7).count().to_string()),
            None => came.push("nothing".into()),
        }
    }
    match websocket::close(&mut socket, CloseCode::Normal, "bye")? {
        Some(frame) if frame.code == CloseCode::Normal => Ok(came.join(", ")),
        other => Err(Error::Closed(format!("say goodbye, and hear {other:?}").into())),
    }
}

const FILES: &str = "你好 你好 there, up";

fn ftp_control(way: &Arc<Way>, tls: Option<Acceptor>) -> Result<String> {
    files(way, tls.is_some(), lab::ftp::Options { tls, ..Default::default() }, |lab| way.to(lab.addr()), true)
}

/// Over TLS an end that nobody marked is none. In plain text the end of a listing proves nothing: it has no length.
fn ftp_data(way: &Arc<Way>, tls: Option<Acceptor>) -> Result<String> {
    let theirs = Arc::clone(way);
    let data_port: lab::ftp::DataPort = Arc::new(move |addr| theirs.to(addr).port());
    let secure = tls.is_some();
    let options = lab::ftp::Options { tls, data_port: Some(data_port), ..Default::default() };
    files(way, secure, options, lab::ftp::Lab::addr, secure)
}

/// A file goes there, another comes, and who may sees the names of both.
fn files(
    way: &Way,
    secure: bool,
    lab: lab::ftp::Options,
    addr: impl Fn(&lab::ftp::Lab) -> SocketAddr,
    list: bool,
) -> Result<String> {
    let lab = lab::ftp::start(lab)?;
    lab.put("there", "你好")?;
    let options = ftp::Options { dial: way.dial(), data: way.patience, transfer: way.patience, ..Default::default() };
    let mut ftp = Ftp::connect_with(addr(&lab), options)?;
    if secure {
        ftp = ftp.secure(&tls::trust()?)?;
    }
    ftp.login("username", "password")?;
    ftp.stor("up", &mut "你好".as_bytes())?;
    let mut down = Vec::new();
    ftp.retr("there", &mut down)?;
    let names = if list { ftp.nlst("")?.join(", ") } else { "there, up".into() };
    ftp.quit()?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Ok(format!("{} {} {names}", text(&down), text(&lab.files()["/up"])))
}

const MAIL: &str = "测试 receiver@example.com 你好";

fn smtp(way: &Way, tls: lab::smtp::Tls) -> Result<String> {
    let starttls = match tls {
        lab::smtp::Tls::Never => StartTls::ReadableByAnyone,
        _ => StartTls::Required(tls::trust()?),
    };
    let secure = matches!(starttls, StartTls::Required(_));
    let lab = lab::smtp::start(lab::smtp::Options { tls, ..Default::default() })?;
    let options = netprimer::smtp::Options { dial: way.dial(), starttls, taking: way.patience, ..Default::default() };
    let message =
        MessageBuilder::new().from("sender@example.com").to("receiver@example.com").subject("测试").text_body("你好");
    let send = || {
        let mut smtp = Smtp::connect(&way.to(lab.addr()).into(), &options)?;
        if secure {
            smtp.login("user", "password")?;
        }
        smtp.send(&message)?;
        smtp.quit()
    };
    let sent = send();
    let inbox = lab.inbox();
    let mails: Vec<String> = inbox
        .iter()
        .map(|mail| format!("{} {} {}", mail.subject(), mail.to.join(" "), mail.parts()[0].text()))
        .collect();
    // What is taken is whole, also where the client does not learn of it.
    assert!(mails.is_empty() || mails == [MAIL], "{mails:?}");
    sent.map(|()| mails.concat())
}

