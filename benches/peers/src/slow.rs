//! A web server that takes its time: each request is answered a fixed delay after it came, however many wait.
//!
//! One thread and an event loop, so that thousands can wait at once and the server costs as little as it can: what is
//! measured is who asks. The delay is the same for all, so the answers are due in the order of the requests.
//!
//! usage: slow MILLISECONDS
//!
//! Prints `listening on 127.0.0.1:PORT`. Every answer is 200 with a body of 1 KiB, on a connection that stays open.

use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token};
use socket2::{Domain, Socket, Type};
use std::collections::{HashMap, VecDeque};
use std::error::Error;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

const LISTENER: Token = Token(0);
/// More than ever connect at once here: an overflow would cost a second (listen(2)).
const BACKLOG: i32 = 4096;

struct Connection {
    stream: TcpStream,
    head: Vec<u8>,
}

fn main() -> Result<(), Box<dyn Error>> {
    let delay = Duration::from_millis(std::env::args().nth(1).ok_or("usage: slow MILLISECONDS")?.parse()?);
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    socket.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into())?;
    socket.listen(BACKLOG)?;
    socket.set_nonblocking(true)?;
    let mut listener = TcpListener::from_std(socket.into());
    let mut poll = Poll::new()?;
    poll.registry().register(&mut listener, LISTENER, Interest::READABLE)?;
    writeln!(io::stdout(), "listening on {}", listener.local_addr()?)?;
    io::stdout().flush()?;

    let answer = [b"HTTP/1.1 200 OK\r\nContent-Length: 1024\r\n\r\n", [b'x'; 1024].as_slice()].concat();
    let mut events = Events::with_capacity(1024);
    let (mut connections, mut last) = (HashMap::new(), LISTENER.0);
    let mut due: VecDeque<(Instant, Token)> = VecDeque::new();
    loop {
        let wait = due.front().map(|(time, _)| time.saturating_duration_since(Instant::now()));
        match poll.poll(&mut events, wait) {
            Err(e) if e.kind() == ErrorKind::Interrupted => continue,
            done => done?,
        }
        for event in &events {
            if event.token() == LISTENER {
                while let Ok((mut stream, _)) = listener.accept() {
                    last += 1;
                    stream.set_nodelay(true)?;
                    poll.registry().register(&mut stream, Token(last), Interest::READABLE)?;
                    connections.insert(Token(last), Connection { stream, head: Vec::new() });
                }
            } else if let Some(connection) = connections.get_mut(&event.token()) {
                match hear(connection) {
                    Ok(true) => due.push_back((Instant::now() + delay, event.token())),
                    Ok(false) => {}
                    Err(_) => drop(connections.remove(&event.token())),
                }
            }
        }
        let now = Instant::now();
        while due.front().is_some_and(|(time, _)| *time <= now) {
            let Some((_, token)) = due.pop_front() else { break };
            // An answer of 1 KiB fits into the buffer of any socket that waits for it.
            let sent = connections.get_mut(&token).map(|connection| connection.stream.write_all(&answer));
            if sent.is_some_and(|sent| sent.is_err()) {
                connections.remove(&token);
            }
        }
    }
}

/// Takes what came: whether a request is complete now. An end is an error here.
fn hear(connection: &mut Connection) -> io::Result<bool> {
    let mut piece = [0; 4096];
    loop {
        match connection.stream.read(&mut piece) {
            Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
            Ok(n) => connection.head.extend_from_slice(&piece[..n]),
            Err(e) if e.kind() == ErrorKind::WouldBlock => break,
            Err(e) => return Err(e),
        }
    }
    let complete = connection.head.ends_with(b"\r\n\r\n");
    if complete {
        connection.head.clear();
    }
    Ok(complete)
}
