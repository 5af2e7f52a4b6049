//! Load for an echo server: many connections, each with one message in flight, driven by one thread and an event loop.
//!
//! Closed loop: a connection sends its message, waits for the whole echo, compares it, and only then sends the next. A
//! connection that has had its first answer stays idle until all have had theirs, so that the figures do not mix the
//! time of accepting with the time of answering. With `--fresh` every message has a connection of its own; with
//! `--websocket` each connection begins with a handshake, and each message is a frame of text (RFC 6455).
//!
//! usage: load --addr 127.0.0.1:PORT [--connections N] [--size BYTES] [--seconds S] [--in-flight N] [--limit S]
//!             [--pid SERVER] [--fresh | --websocket]
//!
//! Prints one line of NAME=VALUE: what was counted, and from /proc the processor time and the memory of the server.

use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};
use std::collections::HashMap;
use std::error::Error;
use std::io::{self, ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

struct Options {
    addr: SocketAddr,
    connections: usize,
    size: usize,
    seconds: Duration,
    /// So many connects may be under way: more than the server's backlog, and the kernel drops SYNs, to be repeated
    /// after a second.
    in_flight: usize,
    /// All connections must have had their first answer by then.
    limit: Duration,
    pid: Option<u32>,
    fresh: bool,
    websocket: bool,
}

impl Options {
    fn parse(mut args: impl Iterator<Item = String>) -> Result<Options, Box<dyn Error>> {
        let mut given = HashMap::new();
        let (mut fresh, mut websocket) = (false, false);
        while let Some(name) = args.next() {
            match name.as_str() {
                "--fresh" => fresh = true,
                "--websocket" => websocket = true,
                _ => {
                    let value = args.next().ok_or_else(|| format!("{name} needs a value"))?;
                    given.insert(name, value);
                }
            }
        }
        let mut take = |name: &str, default: &str| given.remove(name).unwrap_or_else(|| default.to_owned());
        let options = Options {
            addr: take("--addr", "").parse()?,
            connections: take("--connections", "1").parse()?,
            size: take("--size", "64").parse()?,
            seconds: Duration::from_secs_f64(take("--seconds", "1").parse()?),
            in_flight: take("--in-flight", "64").parse()?,
            limit: Duration::from_secs_f64(take("--limit", "30").parse()?),
            pid: match take("--pid", "").as_str() {
                "" => None,
                pid => Some(pid.parse()?),
            },
            fresh,
            websocket,
        };
        match given.into_keys().next() {
            Some(unknown) => Err(format!("unknown option {unknown}").into()),
            None => Ok(options),
        }
    }
}

struct Connection {
    stream: TcpStream,
    connected: bool,
    /// The head of the answer to the handshake, as far as it has come; `None` where there is none to come.
    head: Option<Vec<u8>>,
    answered: bool,
    sent: usize,
    received: usize,
    started: Instant,
}

struct Load {
    options: Options,
    poll: Poll,
    connections: Vec<Option<Connection>>,
    request: Vec<u8>,
    /// What is sent, and what comes back: the same over TCP, over WebSocket a frame with a mask and one without.
    message: Vec<u8>,
    echo: Vec<u8>,
    buffer: Vec<u8>,
    measuring: bool,
    /// Connections that have not had their first answer yet.
    opening: usize,
    answered: usize,
    errors: usize,
    first_error: Option<String>,
    latencies: Vec<Duration>,
}

impl Load {
    fn new(options: Options) -> io::Result<Load> {
        let text: Vec<u8> = (b'a'..=b'z').cycle().take(options.size).collect();
        let (message, echo) = match options.websocket {
            true => (frame(&text, Some([0x37, 0xfa, 0x21, 0x3d])), frame(&text, None)),
            false => (text.clone(), text),
        };
        Ok(Load {
            poll: Poll::new()?,
            connections: Vec::with_capacity(options.connections),
            request: handshake(options.addr).into_bytes(),
            message,
            echo,
            buffer: vec![0; 64 * 1024],
            measuring: false,
            opening: 0,
            answered: 0,
            errors: 0,
            first_error: None,
            latencies: Vec::with_capacity(1 << 20),
            options,
        })
    }

    /// Opens all connections, a limited number at a time, until each was answered once (or failed).
    fn open_all(&mut self) -> io::Result<Duration> {
        let begin = Instant::now();
        while self.answered + self.errors < self.options.connections {
            if begin.elapsed() > self.options.limit {
                self.note_errors(self.opening, format!("not ready after {:?}", self.options.limit));
                break;
            }
            while self.connections.len() < self.options.connections && self.opening < self.options.in_flight {
                self.connections.push(None);
                self.open(self.connections.len() - 1);
            }
            self.turn()?;
        }
        Ok(begin.elapsed())
    }

    fn measure(&mut self) -> io::Result<Duration> {
        if let ([slot @ Some(_)], false) = (&mut self.connections[..], self.options.fresh) {
            return slot.take().map_or(Ok(Duration::ZERO), |connection| self.take_turns(connection));
        }
        self.measuring = true;
        let begin = Instant::now();
        for index in 0..self.connections.len() {
            self.begin_message(index);
        }
        while begin.elapsed() < self.options.seconds {
            self.turn()?;
        }
        Ok(begin.elapsed())
    }

    /// One connection needs no event loop. It shares a core with the server, so what this program does beside a write and a
    /// read would make all servers look alike.
    fn take_turns(&mut self, mut connection: Connection) -> io::Result<Duration> {
        self.poll.registry().deregister(&mut connection.stream)?;
        let mut stream = std::net::TcpStream::from(connection.stream);
        stream.set_nonblocking(false)?;
        let begin = Instant::now();
        let (mut started, come) = (begin, &mut self.buffer);
        come.resize(self.echo.len(), 0);
        while started - begin < self.options.seconds {
            stream.write_all(&self.message)?;
            stream.read_exact(come)?;
            if *come != self.echo {
                return Err(io::Error::new(ErrorKind::InvalidData, "the echo differs from the message"));
            }
            let now = Instant::now();
            self.latencies.push(now - started);
            started = now;
        }
        Ok(started - begin)
    }

    /// One turn of the event loop.
    fn turn(&mut self) -> io::Result<()> {
        let mut events = Events::with_capacity(512);
        match self.poll.poll(&mut events, Some(Duration::from_millis(20))) {
            Err(e) if e.kind() == ErrorKind::Interrupted => return Ok(()),
            other => other?,
        }
        for event in &events {
            let index = event.token().0;
            if let Err(e) = self.advance(index) {
                self.fail(index, &e);
            }
        }
        Ok(())
    }

    fn open(&mut self, index: usize) {
        self.opening += 1;
        let started = Instant::now();
        let opened = TcpStream::connect(self.options.addr).and_then(|mut stream| {
            self.poll.registry().register(&mut stream, Token(index), Interest::READABLE | Interest::WRITABLE)?;
            Ok(stream)
        });
        match opened {
            Ok(stream) => {
                let head = self.options.websocket.then(Vec::new);
                let new = Connection { stream, connected: false, head, answered: false, sent: 0, received: 0, started };
                self.connections[index] = Some(new);
            }
            Err(e) => self.fail(index, &e),
        }
    }

    /// Goes as far with a connection as it can go without waiting.
    fn advance(&mut self, index: usize) -> io::Result<()> {
        let Some(connection) = &mut self.connections[index] else { return Ok(()) };
        if !connection.connected {
            if let Some(e) = connection.stream.take_error()? {
                return Err(e);
            }
            match connection.stream.peer_addr() {
                Err(e) if e.kind() == ErrorKind::NotConnected => return Ok(()),
                other => other?,
            };
            connection.connected = true;
            connection.stream.set_nodelay(true)?;
            if self.options.fresh {
                // Closing sends a reset: thousands of ports would sit in TIME-WAIT otherwise, until none is left.
                socket2::SockRef::from(&connection.stream).set_linger(Some(Duration::ZERO))?;
            }
        }
        if connection.head.is_some() {
            send(connection, &self.request)?;
            if !receive_head(connection, &mut self.buffer)? {
                return Ok(());
            }
        }
        send(connection, &self.message)?;
        if receive(connection, &self.echo, &mut self.buffer)? {
            self.count(index);
        }
        Ok(())
    }

    /// A whole echo has come.
    fn count(&mut self, index: usize) {
        let Some(connection) = &mut self.connections[index] else { return };
        if self.measuring {
            self.latencies.push(connection.started.elapsed());
        }
        if !connection.answered {
            connection.answered = true;
            self.opening -= 1;
            self.answered += 1;
        }
        if self.options.fresh {
            self.connections[index] = None;
            if self.measuring {
                self.open(index);
            }
        } else if self.measuring {
            self.begin_message(index);
        }
    }

    fn begin_message(&mut self, index: usize) {
        let Some(connection) = &mut self.connections[index] else {
            if self.options.fresh {
                self.open(index);
            }
            return;
        };
        if !connection.answered {
            return;
        }
        connection.started = Instant::now();
        connection.sent = 0;
        connection.received = 0;
        if let Err(e) = send(connection, &self.message) {
            self.fail(index, &e);
        }
    }

    fn fail(&mut self, index: usize, e: &io::Error) {
        let answered = self.connections[index].take().is_some_and(|c| c.answered);
        if !answered {
            self.opening -= 1;
        }
        self.note_errors(1, e.to_string());
    }

    fn note_errors(&mut self, count: usize, what: String) {
        self.errors += count;
        self.first_error.get_or_insert(what);
    }
}

fn send(connection: &mut Connection, message: &[u8]) -> io::Result<()> {
    while connection.sent < message.len() {
        match connection.stream.write(&message[connection.sent..]) {
            Ok(n) => connection.sent += n,
            Err(e) if e.kind() == ErrorKind::WouldBlock => return Ok(()),
            Err(e) if e.kind() == ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
    Ok(())
}

/// Says whether the whole echo is here. Events come by edge: a read that does not fill the buffer has taken all there
/// was, and the next piece brings the next event (epoll(7), question 9).
fn receive(connection: &mut Connection, echo: &[u8], buffer: &mut [u8]) -> io::Result<bool> {
    loop {
        match connection.stream.read(buffer) {
            Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
            Ok(n) => {
                let expected = echo.get(connection.received..connection.received + n);
                if expected != Some(&buffer[..n]) {
                    return Err(io::Error::new(ErrorKind::InvalidData, "the echo differs from the message"));
                }
                connection.received += n;
                if connection.received == echo.len() || n < buffer.len() {
                    return Ok(connection.received == echo.len());
                }
            }
            Err(e) if e.kind() == ErrorKind::WouldBlock => return Ok(false),
            Err(e) if e.kind() == ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
}

/// The client's side of the handshake. The key is the example of RFC 6455, section 1.3: nobody who measures is to be protected.
fn handshake(addr: SocketAddr) -> String {
    format!(
        "GET / HTTP/1.1\r\nHost: {addr}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
}

/// A text in one frame: from a client with a mask, from a server without.
fn frame(text: &[u8], mask: Option<[u8; 4]>) -> Vec<u8> {
    let masked = if mask.is_some() { 0x80 } else { 0 };
    let mut frame = match text.len() {
        n @ 0..=125 => vec![0x81, masked | n as u8],
        n @ 126..=0xffff => [&[0x81, masked | 126][..], &(n as u16).to_be_bytes()].concat(),
        n => [&[0x81, masked | 127][..], &(n as u64).to_be_bytes()].concat(),
    };
    frame.extend(mask.into_iter().flatten());
    let mask = mask.unwrap_or_default();
    frame.extend(text.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask));
    frame
}

/// Says whether the whole answer to the handshake is here; then a first message can be sent.
fn receive_head(connection: &mut Connection, buffer: &mut [u8]) -> io::Result<bool> {
    let Some(head) = &mut connection.head else { return Ok(true) };
    loop {
        match connection.stream.read(buffer) {
            Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
            Ok(n) => head.extend_from_slice(&buffer[..n]),
            Err(e) if e.kind() == ErrorKind::WouldBlock => return Ok(false),
            Err(e) if e.kind() == ErrorKind::Interrupted => continue,
            Err(e) => return Err(e),
        }
        if head.ends_with(b"\r\n\r\n") {
            if !head.starts_with(b"HTTP/1.1 101 ") {
                let said = String::from_utf8_lossy(head);
                return Err(io::Error::other(format!("the handshake was answered with {:?}", said.lines().next())));
            }
            (connection.head, connection.sent) = (None, 0);
            return Ok(true);
        }
    }
}

/// What the kernel says about the server: processor time in clock ticks, user memory in KiB, threads.
#[derive(Clone, Copy, Default)]
struct Usage {
    ticks: u64,
    rss: u64,
    threads: u64,
}

impl Usage {
    /// All zero where there is no /proc.
    fn of(pid: Option<u32>) -> Usage {
        let read = |file: &str| pid.and_then(|pid| std::fs::read_to_string(format!("/proc/{pid}/{file}")).ok());
        let (stat, status) = (read("stat").unwrap_or_default(), read("status").unwrap_or_default());
        // The name in parentheses may hold anything; utime and stime are fields 14 and 15 of all (proc_pid_stat(5)).
        let after_name = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
        let ticks = after_name.split_whitespace().skip(11).take(2).filter_map(|field| field.parse::<u64>().ok()).sum();
        let field = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name));
            line.and_then(|rest| rest.split_whitespace().next()?.parse().ok()).unwrap_or(0)
        };
        Usage { ticks, rss: field("VmRSS:"), threads: field("Threads:") }
    }
}

/// Clock ticks per second, in which Linux tells processor time to programs (USER_HZ).
const TICKS: f64 = 100.0;

fn main() -> Result<(), Box<dyn Error>> {
    let options = Options::parse(std::env::args().skip(1))?;
    let pid = options.pid;
    let before = Usage::of(pid);
    let mut load = Load::new(options)?;

    let ready = load.open_all()?;
    let idle = Usage::of(pid);
    let answered = load.answered;
    let took = load.measure()?;
    let after = Usage::of(pid);

    load.latencies.sort_unstable();
    let count = load.latencies.len();
    let at = |share: usize| load.latencies.get(count * share / 100).map_or(0, Duration::as_nanos) as f64 / 1e3;
    let cpu = (after.ticks - idle.ticks) as f64 / TICKS * 1e6;
    println!(
        "requests={count} per_second={:.1} errors={} ready={answered} ready_ms={:.1} p50_us={:.1} p99_us={:.1} \
         cpu_us={:.3} rss_before_kib={} rss_idle_kib={} rss_after_kib={} threads={}",
        count as f64 / took.as_secs_f64(),
        load.errors,
        ready.as_secs_f64() * 1e3,
        at(50),
        at(99),
        cpu / count.max(1) as f64,
        before.rss,
        idle.rss,
        after.rss,
        idle.threads,
    );
    if let Some(what) = load.first_error {
        eprintln!("load: {} connections failed, the first: {what}", load.errors);
    }
    Ok(())
}
