//! Pool: a connection is kept for the next question. What is saved is the handshake, of TCP and of TLS.
//!
//! On the wire: lines, each answered by the same line, inside TLS. The server ends a connection after 20 of them, as real ones
//! do (nginx: `keepalive_requests`).

use crate::lesson::Args;
use crate::ms;
use netprimer::dial::{Dial, Target};
use netprimer::lab::tls::{self, Acceptor, Certificate};
use netprimer::pool::{Manage, Pool};
use netprimer::retry::{Policy, retry};
use netprimer::server::{Conn, Handle, Server};
use netprimer::text::{Limits, TextConn};
use netprimer::{Deadline, Error, Result};
use std::time::{Duration, Instant};

const QUESTIONS: usize = 60;
const PER_CONNECTION: usize = 20;

/// Connects for each question.
pub fn broken(_: &Args) -> Result<()> {
    let server = echo()?;
    let calls = Calls::to(&server)?;
    let start = Instant::now();
    for number in 0..QUESTIONS {
        let deadline = Deadline::after(Duration::from_secs(10));
        ask(&mut calls.connect(deadline)?, number)?;
    }
    println!("  {QUESTIONS} questions, {} connections: {}", server.totals().accepted, ms(start));
    Ok(())
}

/// Takes a kept connection where there is one. The server may have ended it: then the question is asked again, which is
/// right for a question that does no harm twice, and for no other.
pub fn right(_: &Args) -> Result<()> {
    let server = echo()?;
    let pool = Pool::new(Calls::to(&server)?, 4);
    let again = Policy { total: 1, ..Policy::default() };
    let start = Instant::now();
    for number in 0..QUESTIONS {
        let deadline = Deadline::after(Duration::from_secs(10));
        retry(&again, |_| pool.with(deadline, |connection, _used| ask(connection, number)))?;
    }
    println!("  {QUESTIONS} questions, {} connections: {}", server.totals().accepted, ms(start));
    Ok(())
}

/// How the pool makes a connection, and sees that one is dead.
struct Calls {
    dial: Dial,
    target: Target,
}

impl Calls {
    fn to(server: &Handle) -> Result<Calls> {
        Ok(Calls { dial: Dial { tls: Some(tls::trust()?), ..Dial::default() }, target: server.addr().into() })
    }
}

impl Manage for Calls {
    type Conn = TextConn;

    fn connect(&self, deadline: Deadline) -> Result<TextConn> {
        let mut connection = TextConn::new(self.dial.open(&self.target)?, Limits::default());
        connection.until(deadline);
        Ok(connection)
    }

    fn is_broken(&self, connection: &mut TextConn) -> bool {
        connection.unread() > 0 || !connection.stream().is_quiet()
    }
}

fn ask(connection: &mut TextConn, number: usize) -> Result<()> {
    let question = format!("question {number}");
    connection.until(Deadline::after(Duration::from_secs(10))).write_line(&question)?;
    match connection.read_line()? == question.as_bytes() {
        true => Ok(()),
        false => Err(Error::Protocol("this answer belongs to another question".into())),
    }
}

/// Answers each line with itself.
fn echo() -> Result<Handle> {
    let acceptor = Acceptor::new(Certificate::Good)?;
    Server::bind("127.0.0.1:0")?.start(move |conn: Conn| {
        let mut client = TextConn::new(acceptor.accept(conn.stream)?, Limits::default());
        for _ in 0..PER_CONNECTION {
            let line = client.read_line()?;
            client.write_line(&String::from_utf8_lossy(&line))?;
        }
        client.stream().finish().map_err(Error::io("say goodbye"))
    })
}
