//! A DNS server for lessons and tests: it knows a zone or asks a closure, and tells lies on demand.
//!
//! ```text
//! UDP 127.0.0.1:P   one message in a datagram: 512 bytes, or as many as the query's OPT record allows, up to 1232
//! TCP 127.0.0.1:P   messages behind two bytes of length, several on one connection (RFC 7766)
//! ```
//!
//! RFC 1035 section 4.2; RFC 6891 (EDNS). What is no question is not answered (a server that answers answers can be made to
//! talk to itself for ever, RUSTSEC-2023-0041), and no connection may idle or pile up.
//!
//! May use: error, deadline, stream, trace, server, dns, and of the lab: udp, zone.

pub use super::zone::Zone;

use crate::deadline::Deadline;
use crate::dns::{Data, Edns, IN, Kind, Message, Name, QR, RD, Rcode, Record, Resolver, TC, UDP_SIZE};
use crate::error::{Error, Result};
use crate::lab::udp;
use crate::server::{Conn, Handle};
use crate::stream::Stream;
use crate::trace::{Event, Side, Sink};
use std::fmt;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

/// The address that every lie tells, in place of the true one: nobody's (RFC 5737).
pub const FORGED: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 66);
/// How long a TCP connection may be silent.
const IDLE: Duration = Duration::from_secs(10);
/// Connections at one time; and late answers, of which more are dropped.
const PLACES: usize = 64;
const HEADER: usize = 12;

/// What the server does to those who ask. Several lies are told one after the other, the truth comes last. Over TCP only `Stray`,
/// `NoTcp`, `NoEdns`, `Fails` and `Silent` are told, and nothing is late.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Lie {
    /// First a forged answer with another id, so many times.
    WrongId(usize),
    /// First a forged answer to another question.
    OtherQuestion,
    /// First a forged answer, right in all, but from another port.
    FromElsewhere,
    /// First a datagram of no bytes and one of five bytes of junk.
    Junk,
    /// First the right answer without its last byte.
    Cut,
    /// A record in the answer about somebody else, in front of the others.
    Stray,
    /// Over UDP only a forged record and the flag TC.
    Truncated,
    /// Over TCP nothing: connections are closed.
    NoTcp,
    /// Whoever uses EDNS is told FORMERR.
    NoEdns,
    /// SERVFAIL for everything.
    Fails,
    /// The truth comes after this time.
    Late(Duration),
    /// The truth never comes.
    Silent,
}

/// How a server of the lab is started.
#[derive(Clone, Default)]
pub struct Options {
    /// What it knows.
    pub zone: Zone,
    /// What it does instead of answering plainly.
    pub lies: Vec<Lie>,
    /// The port for both, UDP and TCP; 0 for a free one.
    pub port: u16,
    /// Who watches the messages.
    pub trace: Option<Arc<dyn Sink>>,
}

/// A name server that runs. It ends, with all its threads, when this is dropped.
pub struct NameServer {
    addr: SocketAddr,
    stop: Arc<Stop>,
    tcp: Handle,
    udp: Option<thread::JoinHandle<()>>,
}

/// Starts a server that answers from a zone.
///
/// # Errors
/// [`Error::Io`] when the port is taken or no thread can be made.
///
/// ```
/// use netprimer::{dns::{Kind, Lookup}, lab::dns};
/// let lab = dns::start(dns::Options { zone: dns::Zone::lesson(), ..dns::Options::default() })?;
/// let Lookup::Found(records) = lab.resolver().lookup("www.example.com", Kind::A)? else { panic!() };
/// assert_eq!(records[0].data.to_string(), "93.184.216.34");
/// # Ok::<(), netprimer::Error>(())
/// ```
pub fn start(options: Options) -> Result<NameServer> {
    let zone = options.zone.clone();
    run(options, move |query| {
        let mut answer = reply(query);
        zone.answer(&mut answer);
        Some(answer)
    })
}

/// Starts a server that sends what `answer` makes of each question, nothing for `None`. [`reply`] is what to begin with.
///
/// # Errors
/// Those of [`start`].
pub fn serve(answer: impl Fn(&Message) -> Option<Message> + Send + Sync + 'static) -> Result<NameServer> {
    run(Options::default(), answer)
}

/// An answer without records: id and question repeated, EDNS if the query has it.
pub fn reply(query: &Message) -> Message {
    let edns = query.edns.as_ref().map(|_| Edns::default());
    let flags = QR | query.flags & (RD | 0x7800); // the opcode is repeated, too
    Message { id: query.id, flags, questions: query.questions.clone(), edns, ..Message::default() }
}

impl NameServer {
    /// Where it listens, for UDP and TCP.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// The server for TCP below, for its counts.
    pub fn server(&self) -> &Handle {
        &self.tcp
    }

    /// How many questions came, over UDP and TCP.
    pub fn questions(&self) -> u64 {
        self.stop.questions.load(Ordering::Relaxed)
    }

    /// A resolver that asks this server and nobody else.
    pub fn resolver(&self) -> Resolver {
        Resolver::at(self.addr)
    }
}

impl fmt::Debug for NameServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NameServer({})", self.addr)
    }
}

impl Drop for NameServer {
    fn drop(&mut self) {
        self.stop.lock().0 = true;
        self.stop.changed.notify_all();
        udp::wake(self.addr);
        self.udp.take().map(thread::JoinHandle::join);
    }
}

/// Whether the server is to stop, how many late answers are under way, and how many questions came.
#[derive(Default)]
struct Stop {
    state: Mutex<(bool, usize)>,
    changed: Condvar,
    questions: AtomicU64,
}

impl Stop {
    fn lock(&self) -> MutexGuard<'_, (bool, usize)> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits, or less when the server is stopped.
    fn wait(&self, time: Duration) {
        drop(self.changed.wait_timeout_while(self.lock(), time, |state| !state.0));
    }
}

fn run(options: Options, answer: impl Fn(&Message) -> Option<Message> + Send + Sync + 'static) -> Result<NameServer> {
    let phase = || Error::io("start a name server on 127.0.0.1");
    let (tcp, udp) = udp::bind_both(options.port)?;
    let elsewhere = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).map_err(phase())?;
    let (addr, stop) = (tcp.addr(), Arc::new(Stop::default()));
    let service = Arc::new(Service { options, answer, stop: Arc::clone(&stop) });
    let for_tcp = Arc::clone(&service);
    let tcp = tcp.places(PLACES).idle(Some(IDLE)).start(move |conn| for_tcp.connection(conn))?;
    let udp = thread::Builder::new()
        .name("lab dns".into())
        .spawn(move || thread::scope(|scope| service.datagrams(scope, &udp, &elsewhere)))
        .map_err(Error::not_started("start a thread for UDP"))?;
    Ok(NameServer { addr, stop, tcp, udp: Some(udp) })
}

struct Service<F> {
    options: Options,
    answer: F,
    stop: Arc<Stop>,
}

/// What leaves the server.
enum Step {
    Send(Vec<u8>),
    SendFromElsewhere(Vec<u8>),
    Wait(Duration),
}

impl<F: Fn(&Message) -> Option<Message> + Send + Sync> Service<F> {
    fn datagrams<'s>(&'s self, scope: &'s thread::Scope<'s, '_>, socket: &'s UdpSocket, elsewhere: &'s UdpSocket) {
        let late = self.options.lies.iter().any(|lie| matches!(lie, Lie::Late(_)));
        let mut buffer = vec![0; 65_535];
        while !self.stop.lock().0 {
            let Ok((n, peer)) = socket.recv_from(&mut buffer) else {
                self.stop.wait(Duration::from_millis(5)); // whatever it was, not in a busy loop
                continue;
            };
            if self.stop.lock().0 {
                return; // it was the one that wakes us
            }
            self.show(Side::Client, &buffer[..n]);
            let steps = self.steps(&buffer[..n]);
            if !late {
                self.play(steps, socket, elsewhere, peer);
            } else if self.stop.lock().1 < PLACES {
                self.stop.lock().1 += 1;
                let play = move || {
                    self.play(steps, socket, elsewhere, peer);
                    self.stop.lock().1 -= 1;
                };
                if thread::Builder::new().spawn_scoped(scope, play).is_err() {
                    self.stop.lock().1 -= 1;
                }
            }
        }
    }

    fn play(&self, steps: Vec<Step>, socket: &UdpSocket, elsewhere: &UdpSocket, peer: SocketAddr) {
        for step in steps {
            // Whoever has gone away needs no answer.
            let _ = match step {
                Step::Send(packet) => {
                    self.show(Side::Server, &packet);
                    socket.send_to(&packet, peer)
                }
                Step::SendFromElsewhere(packet) => elsewhere.send_to(&packet, peer),
                Step::Wait(time) => {
                    self.stop.wait(time);
                    Ok(0)
                }
            };
        }
    }

    fn connection(&self, mut conn: Conn) -> Result<()> {
        if self.options.lies.contains(&Lie::NoTcp) {
            return Ok(());
        }
        while !conn.stopping() {
            conn.stream.set_deadline(Deadline::after(IDLE));
            let mut length = [0; 2];
            match conn.stream.read_exact(&mut length).map_err(Error::io("read the length of a query")) {
                Err(Error::Closed(_)) => break, // who has asked all has closed
                read => read?,
            }
            let mut packet = vec![0; u16::from_be_bytes(length).into()];
            if packet.len() < HEADER {
                break;
            }
            conn.stream.read_exact(&mut packet).map_err(Error::io("read a query"))?;
            self.show(Side::Client, &packet);
            let Some(answer) = self.truth(&packet, true).and_then(|answer| answer.encode().ok()) else { continue };
            self.show(Side::Server, &answer);
            let framed = [&(answer.len() as u16).to_be_bytes(), answer.as_slice()].concat();
            conn.stream.write_all(&framed).map_err(Error::io("send an answer"))?;
        }
        Ok(())
    }

    /// The answer to a packet, if it is a question at all.
    fn truth(&self, packet: &[u8], tcp: bool) -> Option<Message> {
        let (id, flags) = (packet.first_chunk::<2>()?, packet.get(2..4)?.first_chunk::<2>()?);
        let head = Message { id: u16::from_be_bytes(*id), flags: u16::from_be_bytes(*flags), ..Message::default() };
        if packet.len() < HEADER || head.flags & QR != 0 {
            return None;
        }
        self.stop.questions.fetch_add(1, Ordering::Relaxed);
        let refuse = |query: &Message, rcode: Rcode| {
            let mut answer = reply(query);
            answer.flags |= rcode.0 & 15;
            if let Some(edns) = &mut answer.edns {
                edns.rcode_high = (rcode.0 >> 4) as u8;
            }
            Some(answer)
        };
        if head.opcode() != 0 {
            return refuse(&head, Rcode::NOT_IMP);
        }
        let Ok(query) = Message::parse(packet) else { return refuse(&head, Rcode::FORM_ERR) };
        let [question] = query.questions.as_slice() else { return refuse(&head, Rcode::FORM_ERR) };
        let whole_zone = question.kind == Kind::AXFR || question.kind == Kind::IXFR;
        let lies = &self.options.lies;
        match &query.edns {
            Some(_) if lies.contains(&Lie::NoEdns) => return refuse(&head, Rcode::FORM_ERR),
            Some(edns) if edns.version > 0 => return refuse(&query, Rcode::BAD_VERS),
            _ if whole_zone => return refuse(&query, if tcp { Rcode::REFUSED } else { Rcode::NOT_IMP }),
            _ if lies.contains(&Lie::Fails) => return refuse(&query, Rcode::SERV_FAIL),
            _ if lies.contains(&Lie::Silent) => return None,
            _ => {}
        }
        let mut answer = (self.answer)(&query)?;
        if lies.contains(&Lie::Stray) {
            answer.answers.insert(0, forged(&Name::parse("bank.example").ok()?));
        }
        let Ok(encoded) = answer.encode() else { return refuse(&query, Rcode::SERV_FAIL) };
        let asked = query.edns.as_ref().map_or(512, |edns| edns.udp_size.clamp(512, UDP_SIZE));
        if !tcp && encoded.len() > asked.into() {
            answer = Message { flags: answer.flags | TC, ..bare(&answer) };
        }
        Some(answer)
    }

    /// All that goes back for one datagram.
    fn steps(&self, packet: &[u8]) -> Vec<Step> {
        let mut steps = Vec::new();
        let truth = self.truth(packet, false);
        if let Ok(query) = Message::parse(packet) {
            self.options.lies.iter().for_each(|lie| tell(lie, &query, truth.as_ref(), &mut steps));
        }
        let truncated = self.options.lies.contains(&Lie::Truncated);
        steps.extend(truth.filter(|_| !truncated).and_then(|truth| truth.encode().ok()).map(Step::Send));
        steps
    }

    fn show(&self, side: Side, packet: &[u8]) {
        if let Some(sink) = &self.options.trace {
            sink.event(side, Event::Bytes(packet));
        }
    }
}

/// The message without its records.
fn bare(message: &Message) -> Message {
    Message { answers: Vec::new(), authority: Vec::new(), additional: Vec::new(), ..message.clone() }
}

fn forged(name: &Name) -> Record {
    Record { name: name.clone(), class: IN, ttl: 86_400, data: Data::A(FORGED) }
}

/// The datagrams of one lie, in front of the truth.
fn tell(lie: &Lie, query: &Message, truth: Option<&Message>, steps: &mut Vec<Step>) {
    let Some(question) = query.questions.first() else { return };
    let good = Message { answers: vec![forged(&question.name)], ..reply(query) };
    let mut send = |message: Message| steps.extend(message.encode().ok().map(Step::Send));
    match lie {
        Lie::WrongId(times) => {
            (1..=*times).for_each(|n| send(Message { id: query.id.wrapping_add(n as u16), ..good.clone() }));
        }
        Lie::OtherQuestion => {
            if let Ok(name) = Name::parse("bank.example") {
                let questions = vec![crate::dns::Question { name, ..question.clone() }];
                send(Message { questions, ..good });
            }
        }
        Lie::Truncated => send(Message { flags: good.flags | TC, ..good }),
        Lie::FromElsewhere => steps.extend(good.encode().ok().map(Step::SendFromElsewhere)),
        Lie::Junk => steps.extend([Step::Send(Vec::new()), Step::Send(b"junk\n".to_vec())]),
        Lie::Cut => {
            let whole = truth.and_then(|truth| truth.encode().ok());
            steps.extend(whole.map(|mut bytes| {
                bytes.pop();
                Step::Send(bytes)
            }));
        }
        Lie::Late(time) => steps.push(Step::Wait(*time)),
        Lie::Stray | Lie::NoTcp | Lie::NoEdns | Lie::Fails | Lie::Silent => {}
    }
}
