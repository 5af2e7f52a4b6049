//! Asks a name server, which asks the others for us: a stub resolver (RFC 1034 section 5.3.1).
//!
//! ```text
//! C -> S  UDP  id 0x1234, www.example.com A?     from a fresh random port, with a fresh random id
//! S -> C  UDP  id 0x1234, www.example.com A?     the same id and question, from the address we asked: only this counts
//!              www.example.com A 93.184.216.34
//!              TC                                did not fit: all of it is asked for again
//! C -> S  TCP  length 2 | message                over TCP, each message behind its length
//! ```
//!
//! RFC 1035 sections 4.2 and 7; RFC 5452 (a stranger who wants to answer in the server's place must guess port and id);
//! RFC 7766 (TCP). An answer that is not ours is not even an error: whoever could end a query with five bytes of junk
//! could keep a name from being found (CVE-2023-29483).
//!
//! May use: error, deadline, stream, trace.

use super::message::{Message, TC};
use super::record::Rcode;
use super::system::{Hosts, fresh_id};
use crate::deadline::Deadline;
use crate::error::{Error, Result};
use crate::stream::{self, Stream};
use crate::trace::{Event, Side, Sink};
use std::io::{ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

/// Answers with another id before we go to TCP, where nobody can answer from aside: somebody is guessing.
const STRANGERS: u32 = 8;
/// Whom to ask, and how patiently.
#[derive(Clone)]
pub struct Resolver {
    /// The name servers, in the order in which they are asked.
    pub servers: Vec<SocketAddr>,
    /// What this machine knows without asking; [`Resolver::lookup`] does not look there.
    pub hosts: Hosts,
    /// How long one server may take for one question. Default 2 s, as in dnspython.
    pub patience: Duration,
    /// How many times each server is asked, at most. Default 2, as in resolv.conf(5).
    pub attempts: u32,
    /// How long one call may take in all. Default 10 s.
    pub total: Duration,
    /// Who watches the messages that pass: each is one event, over TCP without its length.
    pub trace: Option<Arc<dyn Sink>>,
}

impl Resolver {
    /// Asks this one name server, and reads no file of the system.
    pub fn at(server: SocketAddr) -> Resolver {
        Resolver {
            servers: vec![server],
            hosts: Hosts::default(),
            patience: Duration::from_secs(2),
            attempts: 2,
            total: Duration::from_secs(10),
            trace: None,
        }
    }

    /// Sends a query of any kind and gives back the whole answer, NOERROR or NXDOMAIN. The id is drawn anew for each
    /// attempt, whatever it is in `query`.
    ///
    /// # Errors
    /// That of the last attempt: [`Error::Timeout`], [`Error::Io`] when nobody listens there, [`Error::Other`] with the
    /// [`Rcode`] as its source when the server gave no answer; over TCP [`Error::Protocol`] and [`Error::TooLong`] for nonsense and
    /// [`Error::Closed`]; [`Error::Protocol`] also when it only names other servers. [`Error::Invalid`] without a server, and for a
    /// query that [`Message::encode`] refuses.
    pub fn exchange(&self, query: &Message) -> Result<Message> {
        self.exchange_by(query, Deadline::after(self.total))
    }

    pub(super) fn exchange_by(&self, query: &Message, deadline: Deadline) -> Result<Message> {
        let about = query.questions.first().map(|q| format!(" {} {}", q.name, q.kind)).unwrap_or_default();
        let mut failed = Error::Invalid(format!("look up{about}: no name server is known").into());
        for _ in 0..self.attempts.max(1) {
            for server in &self.servers {
                deadline.left(format!("look up{about}"))?;
                let by = deadline.earlier(Deadline::after(self.patience));
                let phase = format!("look up{about} at {server}");
                match self.ask(*server, query, by, &phase) {
                    Ok(answer) if answer.is_referral() => {
                        failed = Error::Protocol(format!("{phase}: it only names other servers to ask").into());
                    }
                    Ok(answer) if matches!(answer.rcode(), Rcode::NO_ERROR | Rcode::NX_DOMAIN) => return Ok(answer),
                    Ok(answer) => failed = Error::Other(phase.into(), Box::new(answer.rcode())),
                    Err(error) => failed = error,
                }
            }
        }
        Err(failed)
    }

    /// One attempt at one server; a second one when it is too old for EDNS (RFC 6891 section 7).
    fn ask(&self, server: SocketAddr, query: &Message, by: Deadline, phase: &str) -> Result<Message> {
        let mut query = Message { id: fresh_id(), ..query.clone() };
        let mut answer = self.ask_udp(server, &query, by, phase)?;
        if query.edns.is_some() && matches!(answer.rcode(), Rcode::FORM_ERR | Rcode::NOT_IMP) {
            query = Message { id: fresh_id(), edns: None, ..query };
            answer = self.ask_udp(server, &query, by, phase)?;
        }
        Ok(answer)
    }

    fn ask_udp(&self, server: SocketAddr, query: &Message, by: Deadline, phase: &str) -> Result<Message> {
        let failed = || Error::io(phase.to_owned());
        let socket = stream::connect_udp(server).map_err(failed())?; // the system draws a port, only the server reaches it
        let wire = query.encode()?;
        self.show(Side::Client, &wire);
        socket.send(&wire).map_err(failed())?;
        let most = usize::from(query.edns.as_ref().map_or(512, |edns| edns.udp_size.max(512)));
        let mut buffer = vec![0; most + 1]; // one more, so that a datagram over the limit shows
        let mut strangers = 0;
        while strangers < STRANGERS {
            socket.set_read_timeout(by.left(phase.to_owned())?).map_err(failed())?;
            let packet = match socket.recv(&mut buffer) {
                Ok(n) => &buffer[..n],
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => return Err(failed()(error)),
            };
            self.show(Side::Server, packet);
            match Message::parse_head(packet) {
                Ok(head) if head.id != query.id => strangers += 1,
                // What was cut must not be used: perhaps only the harmless half is here.
                Ok(head) if head.answers_to(query) && head.flags & TC != 0 => break,
                Ok(head) if head.answers_to(query) && packet.len() <= most => match Message::parse(packet) {
                    Ok(answer) => return Ok(answer),
                    Err(_) => continue,
                },
                _ => continue,
            }
        }
        self.ask_tcp(server, query, by, phase)
    }

    fn ask_tcp(&self, server: SocketAddr, query: &Message, by: Deadline, phase: &str) -> Result<Message> {
        let failed = || Error::io(format!("{phase} over TCP"));
        let query = Message { id: fresh_id(), ..query.clone() };
        let mut stream = stream::connect_any(&[server], by)?;
        stream.set_deadline(by);
        let wire = query.encode()?;
        self.show(Side::Client, &wire);
        // In one write: some servers take the length and the message only together (RFC 7766 section 8).
        stream.write_all(&[&(wire.len() as u16).to_be_bytes(), wire.as_slice()].concat()).map_err(failed())?;
        let mut length = [0; 2];
        stream.read_exact(&mut length).map_err(failed())?;
        let mut packet = vec![0; u16::from_be_bytes(length).into()];
        stream.read_exact(&mut packet).map_err(failed())?;
        self.show(Side::Server, &packet);
        let answer = Message::parse(&packet)?;
        if answer.answers_to(&query) && answer.flags & TC == 0 {
            return Ok(answer);
        }
        Err(Error::Protocol(format!("{phase} over TCP: the answer is to another question, or cut").into()))
    }

    fn show(&self, side: Side, packet: &[u8]) {
        if let Some(sink) = &self.trace {
            sink.event(side, Event::Bytes(packet));
        }
    }
}
