//! Arrows and hexdumps: what really passed between a server (an example, or one of the lab: `lab http`, `lab ftp`, `lab smtp`) and a client
//! example, as a recorder between them saw it. It takes a whole turn (until the sender pauses), writes it down and only then passes it on, so that the order on
//! paper is the order of cause and effect, and the same each time. FTP has connections on ports that are agreed on the way: there
//! (`lab ftp`) the server itself is the recorder, and data connections have arrows of their own, `=>`.

use super::frames::Frame;
use super::names::{Names, with_the_times_of_the_lessons};
use super::process::Running;
use super::program::{Call, Programs};
use netprimer::encode::visible;
use netprimer::fault::{DatagramProxy, Seen};
use netprimer::lab;
use netprimer::trace::{Entry, Event, Side, Sink, Transcript, What, hexdump};
use std::any::Any;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

/// A sender that is silent for so long has ended its turn. Between two calls in a row a program needs microseconds; the
/// rest is for a machine that is busy.
const PAUSE: Duration = Duration::from_millis(150);
/// How long a server may take to close after its client is gone. One that keeps its end open shows no FIN.
const CLOSING: Duration = Duration::from_secs(3);

/// The longest thought between two turns.
const LONGEST: Duration = Duration::from_secs(60);

/// A run that was recorded.
pub struct Recorded {
    /// One for each turn; for each datagram over UDP, where each is a message.
    pub arrows: Vec<String>,
    client: Vec<u8>,
    server: Vec<u8>,
}

/// The two programs of `[udp] SERVER < CLIENT`.
pub fn programs(spec: &str) -> Result<(bool, Call, Call), String> {
    let (udp, rest) = spec.strip_prefix("udp ").map_or((false, spec), |rest| (true, rest));
    let (server, client) = rest.split_once(" < ").ok_or("wanted: SERVER < CLIENT, or udp SERVER < CLIENT")?;
    Ok((udp, Call::short(server)?, Call::short(client)?))
}

/// Runs the two programs with the recorder between them.
pub fn record(all: &Programs, spec: &str) -> Result<Recorded, String> {
    let (udp, server, client) = programs(spec)?;
    if (server.name.as_str(), server.args.as_slice()) == ("lab", &["ftp".to_owned()]) {
        return ftp(all, client);
    }
    let (mut names, transcript) = (Names::default(), Transcript::new());
    let (running, port) = serve(all, &mut names, &server)?;
    let target = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let recorder = if udp { datagrams(target, &transcript) } else { connections(target, &transcript) };
    let (address, end) = recorder.map_err(|e| format!("the recorder does not start: {e}"))?;
    names.move_to(port, address.port());
    let mut asking = Running::start(&all.path(&client.name)?, &names.args(all, &client), client.input);
    let status = asking.end(all.limit)?;
    end()?;
    if status != 0 {
        return Err(format!("the client failed: {:?}", asking.said()));
    }
    let turns = if udp { once(transcript.pieces()) } else { transcript.turns() };
    let mut frames = false;
    let recorded = Recorded {
        arrows: turns.iter().flat_map(|turn| arrows(turn, &mut frames)).map(|arrow| names.printed(&arrow)).collect(),
        client: transcript.sent_by(Side::Client),
        server: transcript.sent_by(Side::Server),
    };
    drop(running); // its end is no part of the conversation
    Ok(recorded)
}

/// A client of UDP that has waited too long, on a machine that is busy, asks again and gets the same answer once more. That may
/// be in any run, so what is repeated is shown once.
fn once(datagrams: Vec<Entry>) -> Vec<Entry> {
    let mut shown: Vec<Entry> = Vec::new();
    for datagram in datagrams {
        if !shown.iter().any(|one| (one.side, &one.what) == (datagram.side, &datagram.what)) {
            shown.push(datagram);
        }
    }
    shown
}

/// What serves, until it is dropped, and where.
fn serve(all: &Programs, names: &mut Names, server: &Call) -> Result<(Box<dyn Any>, u16), String> {
    let [kind] = server.args.as_slice() else { return example(all, names, server) };
    match (server.name.as_str(), kind.as_str()) {
        ("lab", "http") => {
            let lab = lab::http::start(Default::default()).map_err(|e| e.to_string())?;
            let port = lab.addr().port();
            names.name(port, 8080);
            Ok((Box::new(lab), port))
        }
        ("lab", "smtp") => {
            let lab = lab::smtp::start(Default::default()).map_err(|e| e.to_string())?;
            let port = lab.addr().port();
            names.name(port, 2525);
            Ok((Box::new(lab), port))
        }
        ("lab", kind) => Err(format!("the lab has no `{kind}`, only `http`, `ftp` and `smtp`")),
        _ => example(all, names, server),
    }
}

fn example(all: &Programs, names: &mut Names, server: &Call) -> Result<(Box<dyn Any>, u16), String> {
    let (running, port) = names.start(all, server, true)?;
    Ok((Box::new(running), port))
}

/// One conversation over several connections, in the order in which the server's one thread saw and did it: all that passed
/// on the control connection until the other spoke is one transcript, then what passed on that one, and so on.
#[derive(Clone, Default)]
struct Session(Arc<Mutex<Vec<(&'static str, Transcript)>>>);

/// One of its connections, by its line: `->` or `=>`.
struct Line(&'static str, Session);

impl Sink for Line {
    fn event(&self, side: Side, event: Event<'_>) {
        let mut all = self.1.0.lock().unwrap();
        if all.last().is_none_or(|(line, _)| *line != self.0) {
            all.push((self.0, Transcript::new()));
        }
        all.last().unwrap().1.event(side, event);
    }
}

/// Runs a client with an FTP server of the lab, which has one file.
fn ftp(all: &Programs, client: Call) -> Result<Recorded, String> {
    let session = Session::default();
    let sink = |line| Some(Arc::new(Line(line, session.clone())) as Arc<dyn Sink>);
    let options = lab::ftp::Options { trace: sink("->"), data_trace: sink("=>"), ..Default::default() };
    let lab = lab::ftp::start(options).map_err(|e| e.to_string())?;
    lab.put("remote_file.txt", "你好\n").map_err(|e| e.to_string())?;
    let mut names = Names::default();
    names.name(lab.addr().port(), 2121);
    let mut asking = Running::start(&all.path(&client.name)?, &names.args(all, &client), client.input);
    if asking.end(all.limit)? != 0 {
        return Err(format!("the client failed: {:?}", asking.said()));
    }
    // Its thread may still have the last line to say.
    if lab.stop(CLOSING).stuck > 0 {
        return Err("the server does not end".to_owned());
    }
    let parts = session.0.lock().unwrap().clone();
    let turns = parts.iter().flat_map(|(line, part)| part.turns().into_iter().map(move |turn| (*line, turn)));
    let control = |side| parts.iter().filter(|(line, _)| *line == "->").flat_map(|(_, p)| p.sent_by(side)).collect();
    Ok(Recorded {
        arrows: turns.map(|(line, turn)| names.printed(&arrow(line, &turn))).collect(),
        client: control(Side::Client),
        server: control(Side::Server),
    })
}

impl Recorded {
    /// All bytes of `C` or `S` in rows of sixteen.
    pub fn bytes(&self, letter: &str) -> Result<Vec<String>, String> {
        let bytes = match letter {
            "C" => &self.client,
            "S" => &self.server,
            _ => return Err("wanted: C of SERVER < CLIENT, or S of SERVER < CLIENT".to_owned()),
        };
        Ok(hexdump(bytes).lines().map(|line| line.trim_end().to_owned()).collect())
    }
}

/// The arrows of a turn. Behind a 101 come frames, in both directions: each is an arrow of its own, unmasked and in words.
pub fn arrows(turn: &Entry, frames: &mut bool) -> Vec<String> {
    let What::Bytes(bytes) = &turn.what else { return vec![arrow("->", turn)] };
    let part = |bytes: &[u8]| arrow("->", &Entry { what: What::Bytes(bytes.to_vec()), ..turn.clone() });
    let (mut all, mut rest) = (Vec::new(), bytes.as_slice());
    if !*frames && turn.side == Side::Server && bytes.starts_with(b"HTTP/1.1 101 ") {
        *frames = true;
        let end = bytes.windows(4).position(|four| four == b"\r\n\r\n").map_or(bytes.len(), |at| at + 4);
        all.push(part(&bytes[..end]));
        rest = &bytes[end..];
    }
    while !rest.is_empty() {
        // What is no frame is shown as it is.
        let Some((frame, taken)) = Frame::read(rest).filter(|_| *frames) else {
            all.push(part(rest));
            break;
        };
        let length = rest.len().min(taken.saturating_add(frame.rest() as usize));
        let way = if turn.side == Side::Client { "C -> S" } else { "S -> C" };
        all.push(format!("{way}  {}  {length} bytes", frame.words()));
        rest = &rest[length..];
    }
    all
}

fn arrow(line: &str, turn: &Entry) -> String {
    let way = if turn.side == Side::Client { format!("C {line} S") } else { format!("S {line} C") };
    match &turn.what {
        What::Bytes(bytes) => {
            let text = with_the_times_of_the_lessons(&visible(bytes)); // before it is cut
            let (text, more) =
                text.char_indices().nth(60).map_or((text.as_str(), ""), |(end, _)| (&text[..end], "..."));
            format!("{way}  \"{text}\"{more}  {} byte{}", bytes.len(), if bytes.len() == 1 { "" } else { "s" })
        }
        What::Secret(_) => format!("{way}  ***"),
        What::Fin => format!("{way}  FIN"),
        What::Lost(how) => format!("{way}  {how}"),
    }
}

/// Where the recorder listens, and what waits for the end of the conversation.
type Recorder = (SocketAddr, Box<dyn FnOnce() -> Result<(), String>>);

fn connections(server: SocketAddr, transcript: &Transcript) -> io::Result<Recorder> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    let over = Arc::new(AtomicBool::new(false));
    let (teller, broken) = channel();
    let (stop, transcript) = (over.clone(), transcript.clone());
    let accepting = thread::spawn(move || -> io::Result<()> {
        loop {
            let near = listener.accept()?.0;
            if stop.load(Ordering::SeqCst) {
                return Ok(());
            }
            let far = TcpStream::connect(server)?;
            near.set_nodelay(true)?;
            far.set_nodelay(true)?;
            pump(Side::Client, near.try_clone()?, far.try_clone()?, &transcript, &teller);
            pump(Side::Server, far, near, &transcript, &teller);
        }
    });
    let end = move || {
        over.store(true, Ordering::SeqCst);
        drop(TcpStream::connect(address)); // wakes the accept
        accepting.join().unwrap().map_err(|e| format!("the recorder: {e}"))?;
        match broken.recv_timeout(CLOSING) {
            Ok(e) => Err(format!("the connection broke, which arrows cannot show: {e}")),
            Err(RecvTimeoutError::Disconnected | RecvTimeoutError::Timeout) => Ok(()),
        }
    };
    Ok((address, Box::new(end)))
}

/// Passes on what `side` sends, turn by turn, until its FIN.
fn pump(side: Side, mut from: TcpStream, mut to: TcpStream, transcript: &Transcript, broken: &Sender<io::Error>) {
    let (transcript, broken) = (transcript.clone(), broken.clone());
    thread::spawn(move || {
        loop {
            match turn(&mut from) {
                Ok((bytes, fin)) => {
                    if !bytes.is_empty() {
                        transcript.event(side, Event::Bytes(&bytes));
                    }
                    if fin {
                        transcript.event(side, Event::Fin);
                    }
                    let _ = to.write_all(&bytes); // the other direction says why it broke
                    if fin {
                        let _ = to.shutdown(Shutdown::Write);
                        return;
                    }
                }
                Err(e) => {
                    let _ = broken.send(e);
                    let _ = from.shutdown(Shutdown::Both); // and with it the other direction
                    let _ = to.shutdown(Shutdown::Both);
                    return;
                }
            }
        }
    });
}

/// Reads until the sender pauses, or says that it was all.
fn turn(from: &mut TcpStream) -> io::Result<(Vec<u8>, bool)> {
    let (mut bytes, mut piece) = (Vec::new(), [0; 16 * 1024]);
    from.set_read_timeout(Some(LONGEST))?;
    loop {
        match from.read(&mut piece) {
            Ok(0) => return Ok((bytes, true)),
            Ok(n) => bytes.extend_from_slice(&piece[..n]),
            Err(e) if e.kind() == ErrorKind::Interrupted => {}
            Err(e) if paused(&e) && !bytes.is_empty() => return Ok((bytes, false)),
            Err(e) => return Err(e),
        }
        from.set_read_timeout(Some(PAUSE))?;
    }
}

fn paused(e: &io::Error) -> bool {
    matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut)
}

fn datagrams(server: SocketAddr, transcript: &Transcript) -> io::Result<Recorder> {
    let (teller, passed) = channel();
    let transcript = transcript.clone();
    let watch = move |seen: &Seen<'_>| {
        transcript.event(seen.side, seen.event);
        let _ = teller.send(if let Event::Lost(e) = seen.event { Err(e.to_string()) } else { Ok(()) });
    };
    let relay = DatagramProxy::to(server).watch(watch).start()?;
    let address = relay.addr();
    let end = move || {
        // Until nothing passes any more.
        while let Ok(last) = passed.recv_timeout(PAUSE) {
            last.map_err(|e| format!("the recorder: {e}"))?;
        }
        drop(relay);
        Ok(())
    };
    Ok((address, Box::new(end)))
}
