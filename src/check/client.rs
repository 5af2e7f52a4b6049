//! The part of a conversation that only clients have: they are started, connect, and come to a result.
//!
//! May use: error, lab; of this folder line, peer, report, running, talk, wire.

use super::line::Line;
use super::peer::{Ended, Peer};
use super::report::{End, Expected, Failure, some};
use super::running::Running;
use super::talk::{Checked, PATIENCE, QUIET, Talk};
use super::wire::Wire;
use crate::error::{Error, Result};
use crate::lab::ports::Closed;
use std::mem;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

/// How long a client may take for its result, once all was said: longer than it may wait for us, so that we hear why it gave up.
const RESULT: Duration = Duration::from_secs(2);
/// How often a wait for a connection looks: std has no accept with a limit.
pub(super) const TICK: Duration = Duration::from_millis(2);

/// Where a client finds the checker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum At {
    /// At a TCP port: [`Talk::accept`] takes the connection.
    Tcp,
    /// At a UDP port.
    Udp,
    /// At a TCP port where nobody listens.
    Nobody,
    /// At a TCP port that answers nothing, as behind a firewall that drops each SYN. Only where [`Talk::has_silence`].
    Silent,
    /// At an address to which there is no TCP connection: this system says so itself, and no packet leaves it.
    Impossible,
}

impl Talk {
    /// Whether this system can have a port that answers nothing. (Windows refuses whom it has no room for.)
    pub fn has_silence(&mut self) -> bool {
        match Wire::silent() {
            Ok(silent) => self.silence = silent,
            Err(error) => self.broken = Some(error),
        }
        self.silence.is_some()
    }

    /// The learner's client starts and gets an address of ours.
    ///
    /// # Errors
    /// When this machine cannot.
    pub fn start(&mut self, at: At) -> Checked {
        self.fresh();
        self.begin(&[at])
    }

    /// The same for a client that gets a text to say.
    ///
    /// # Errors
    /// When this machine cannot.
    pub fn start_with(&mut self, text: &str) -> Checked {
        self.fresh();
        text.clone_into(&mut self.text);
        self.begin(&[At::Tcp])
    }

    /// The same with several addresses: the first is that of [`Talk::client`] 1, and so on.
    ///
    /// # Errors
    /// When this machine cannot.
    pub fn start_all(&mut self, at: &[At]) -> Checked {
        self.alone();
        self.fresh();
        (1..=at.len()).for_each(|number| self.client(number));
        self.client(1);
        self.begin(at)
    }

    fn begin(&mut self, at: &[At]) -> Checked {
        match self.text.as_str() {
            "" if matches!(self.peer, Peer::ClientWith(_)) => self.note('C', "(starts, with an empty text)"),
            "" => self.note('C', "(starts)"),
            text => self.note('C', &format!("(starts, with the text {})", some(text.as_bytes()))),
        }
        let begun = self.doors(at).and_then(|addresses| self.started(addresses));
        match begun {
            Ok(client) => {
                self.line().client = Some(client);
                Ok(())
            }
            Err(error) => {
                let end = End::Refused(error.to_string());
                self.broken = Some(error);
                self.fail(Expected::Connection, Vec::new(), end)
            }
        }
    }

    /// Opens them, from this line on.
    fn doors(&mut self, at: &[At]) -> Result<Vec<SocketAddr>> {
        let tried = || Error::io("take a port of 127.0.0.1");
        let begun_at = self.clock.now();
        let mut addresses = Vec::new();
        for (line, at) in self.lines[self.now..].iter_mut().zip(at) {
            let mut line_of_now = Line::new(line.number, begun_at);
            let door = match at {
                At::Tcp => Wire::listening(),
                At::Udp => Wire::datagrams(),
                At::Nobody => Ok(Wire::Nobody(Closed::start(Ipv4Addr::LOCALHOST.into())?)),
                At::Impossible => Ok(Wire::Impossible),
                At::Silent => {
                    let none = || Error::Invalid("no port of this system is silent".into());
                    Ok(Wire::silent()?.ok_or_else(none)?)
                }
            };
            let door = door.map_err(tried())?;
            addresses.push(door.address().map_err(tried())?);
            match at {
                At::Udp => line_of_now.wire = door,
                _ => (line_of_now.door, line_of_now.waiting) = (door, None),
            }
            *line = line_of_now;
        }
        Ok(addresses)
    }

    fn started(&mut self, addresses: Vec<SocketAddr>) -> Result<Running> {
        let text = mem::take(&mut self.text);
        match (&self.peer, addresses.as_slice()) {
            (Peer::Client(ask), [address, ..]) => {
                let (ask, address) = (*ask, *address);
                Running::start(self.role.function(), (), move || ask(address))
            }
            (Peer::ClientWith(ask), [address, ..]) => {
                let (ask, address) = (*ask, *address);
                Running::start(self.role.function(), (), move || ask(address, &text))
            }
            (Peer::ClientOfAll(ask), _) => {
                let ask = *ask;
                Running::start(self.role.function(), (), move || ask(&addresses))
            }
            (Peer::Program(command), _) => Running::program(command, &addresses, text),
            _ => Err(Error::Invalid("this is no client".into())),
        }
    }

    /// A further address of ours, for a connection of its own that the client makes because we tell it to, such as the data
    /// connection of FTP. Best on a [`Talk::client`] of another number.
    ///
    /// # Errors
    /// When this machine cannot.
    pub fn listen(&mut self) -> std::result::Result<SocketAddr, Box<Failure>> {
        let door = Wire::listening().and_then(|door| Ok((door.address()?, door)));
        match door {
            Ok((address, door)) => {
                (self.line().door, self.line().waiting) = (door, None);
                Ok(address)
            }
            Err(error) => {
                let end = End::Refused(error.kind().to_string());
                self.broken = Some(Error::Io("take a port of 127.0.0.1".into(), error));
                self.fail(Expected::Connection, Vec::new(), end).map(|()| (Ipv4Addr::LOCALHOST, 0).into())
            }
        }
    }

    /// Waits for the client to connect. The connection before, if any, closes.
    ///
    /// # Errors
    /// When it does not.
    pub fn accept(&mut self) -> Checked {
        self.accept_from(self.now)
    }

    /// The same for a further connection to the address of another number, which keeps the one it has.
    ///
    /// # Errors
    /// When it does not come.
    pub fn accept_at(&mut self, number: usize) -> Checked {
        let line = self.lines.iter().position(|line| line.number == Some(number));
        self.accept_from(line.unwrap_or(self.now))
    }

    fn accept_from(&mut self, door: usize) -> Checked {
        let patience = self.patience(PATIENCE);
        let until = self.clock.now() + patience;
        loop {
            let over = self.clock.now() >= until || self.how_it_ended(TICK).is_some();
            match self.lines[door].has_come() {
                Ok(true) => {
                    self.line().wire = self.lines[door].waiting.take().unwrap_or(Wire::Closed);
                    self.note('C', "(connects)");
                    return Ok(());
                }
                Ok(false) if !over => {}
                _ => {
                    // Later on a step knows better what the client was told before, and of a function its error is in the report.
                    let program = matches!(self.peer, Peer::Program(_)) && self.steps.len() == 1;
                    if program && self.how_it_ended(Duration::ZERO).is_some() {
                        self.explain("The program ended before it connected. What it says about that stands above.");
                    }
                    return self.fail(Expected::Connection, Vec::new(), End::Silent(patience));
                }
            }
        }
    }

    /// The client has to wait for so long since the checker spoke last, and neither to connect nor to end. Who is seen only later
    /// is not blamed: then a machine that has other work held us up.
    ///
    /// # Errors
    /// When it does one of them.
    pub fn expect_pause(&mut self, time: Duration) -> Checked {
        loop {
            self.clock.now();
            let ended = self.how_it_ended(TICK).is_some();
            let came = matches!(self.line().has_come(), Ok(true));
            if self.line().spoke.elapsed() >= time {
                return Ok(());
            }
            if came {
                self.note('C', "(connects)");
                return self.fail(Expected::Nothing, Vec::new(), End::Connects);
            }
            if ended {
                return self.expect_patience(Duration::ZERO);
            }
        }
    }

    /// Nobody may connect here yet: believed after 150 ms. When the client has ended, that is for the next step.
    ///
    /// # Errors
    /// When it connects.
    pub fn expect_nobody(&mut self) -> Checked {
        let until = self.clock.now() + QUIET;
        loop {
            let over = self.clock.now() >= until || self.how_it_ended(TICK).is_some();
            match self.line().has_come() {
                Ok(true) => {
                    self.note('C', "(connects)");
                    return self.fail(Expected::Nothing, Vec::new(), End::Connects);
                }
                _ if over => return Ok(()),
                _ => {}
            }
        }
    }

    /// The client has to return this.
    ///
    /// # Errors
    /// When it returns something else, fails, or still waits after two seconds.
    pub fn expect_result(&mut self, bytes: impl AsRef<[u8]>) -> Checked {
        let wanted = bytes.as_ref().to_vec();
        let patience = self.patience(RESULT);
        match self.result(patience) {
            Some(Ended::Returned(got)) if got == wanted => Ok(()),
            Some(Ended::Returned(got)) => self.fail(Expected::Result(wanted), got, End::Open),
            Some(_) => self.fail(Expected::Result(wanted), Vec::new(), End::Failed),
            None => self.still_waits(Expected::Result(wanted), patience),
        }
    }

    /// The client has to give an error: counted from its start not before the one time, and before the other.
    ///
    /// # Errors
    /// When it returns an answer, panics, still waits, or gave up too early.
    pub fn expect_error(&mut self, not_before: Duration, within: Duration) -> Checked {
        let patience = self.patience(within);
        let until = self.line().begun_at + patience;
        let left = until.saturating_sub(self.clock.now());
        match self.result(left) {
            Some(Ended::Failed(_)) if self.line().begun.elapsed() >= not_before => Ok(()),
            Some(Ended::Failed(_)) => self.fail(Expected::Nothing, Vec::new(), End::Failed),
            Some(Ended::Returned(got)) => self.fail(Expected::Error, got, End::Open),
            Some(_) => self.fail(Expected::Error, Vec::new(), End::Failed),
            None => self.still_waits(Expected::Error, patience),
        }
    }

    /// It has not ended: it waits, or it has connected once more, which nobody was to take.
    fn still_waits(&mut self, expected: Expected, patience: Duration) -> Checked {
        if !matches!(self.line().has_come(), Ok(true)) {
            return self.fail(expected, Vec::new(), End::Silent(patience));
        }
        self.note('C', "(connects)");
        self.fail(expected, Vec::new(), End::Connects)
    }

    /// The client has to go on waiting for so long.
    ///
    /// # Errors
    /// When it ends.
    pub fn expect_patience(&mut self, time: Duration) -> Checked {
        match self.result(time) {
            None => Ok(()),
            Some(Ended::Returned(got)) => self.fail(Expected::Nothing, got, End::Open),
            Some(_) => self.fail(Expected::Nothing, Vec::new(), End::Failed),
        }
    }

    pub(super) fn result(&mut self, patience: Duration) -> Option<Ended> {
        let ended = self.end_within(patience)?;
        match &ended {
            Ended::Returned(answer) => self.note('C', &format!("(returns {})", some(answer))),
            Ended::Failed(_) => self.note('C', "(fails)"),
            Ended::Panicked { .. } => self.note('C', "(panics)"),
        }
        Some(ended)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::Role;
    use std::io::{self, Read, Write};
    use std::net::TcpStream;

    /// Asks the first server twice on two connections, connects where the first one tells it, and asks the second.
    fn ask(servers: &[SocketAddr]) -> io::Result<Vec<u8>> {
        let mut first = TcpStream::connect(servers[0])?;
        first.write_all(b"GET /a\r\nX: 1\r\n\r\nbody")?;
        let mut again = TcpStream::connect(servers[0])?;
        again.write_all(b"b")?;
        let mut port = [0; 5];
        first.read_exact(&mut port)?;
        let port = String::from_utf8_lossy(&port).trim().parse().map_err(io::Error::other)?;
        let mut data = String::new();
        TcpStream::connect(("127.0.0.1", port))?.read_to_string(&mut data)?;
        match TcpStream::connect(servers[1]) {
            Ok(_) => Err(io::Error::other("nobody was to be there")),
            Err(_) => Ok(data.into_bytes()),
        }
    }

    #[test]
    fn a_client_may_have_several_servers_and_connections() {
        let mut talk = Talk::new(Role::Client, Peer::ClientOfAll(ask), None);
        talk.step("all at once", "The code");
        talk.start_all(&[At::Tcp, At::Nobody]).unwrap();
        talk.accept().unwrap();
        assert_eq!(talk.hear_until(b"\r\n\r\n", "a head").unwrap(), b"GET /a\r\nX: 1\r\n\r\n");
        assert_eq!(talk.hear_exactly(4, "a body").unwrap(), b"body");
        talk.client(3);
        talk.accept_at(1).unwrap();
        talk.expect("b").unwrap();
        let port = talk.listen().unwrap().port();
        talk.client(1);
        talk.send(format!("{port:<5}"));
        talk.client(3);
        talk.accept().unwrap();
        talk.send("data");
        talk.hang_up();
        talk.client(1);
        talk.expect_result("data").unwrap();
    }

    #[test]
    fn what_is_no_such_head_is_evidence() {
        fn ask(server: SocketAddr) -> io::Result<Vec<u8>> {
            TcpStream::connect(server)?.write_all(b"GET")?;
            Ok(Vec::new())
        }
        let mut talk = Talk::new(Role::Client, Peer::Client(ask), None);
        talk.step("one", "The code");
        talk.start(At::Tcp).unwrap();
        talk.accept().unwrap();
        let failure = talk.hear_until(b"\r\n\r\n", "a head").unwrap_err();
        assert_eq!((failure.received.as_slice(), &failure.end), (b"GET".as_slice(), &End::HungUp));
        let failure = talk.refuse("a head that names its host", b"GET", "Host is missing.").unwrap_err();
        assert_eq!(failure.expected, Expected::Other("a head that names its host".to_owned()));
    }
    #[test]
    fn who_connects_too_early_is_evidence_and_a_silent_port_is_silent() {
        fn ask(servers: &[SocketAddr]) -> io::Result<Vec<u8>> {
            let _open = TcpStream::connect(servers[0])?;
            let kinds = servers[1..].iter().map(|at| TcpStream::connect_timeout(at, Duration::from_millis(300)));
            Ok(kinds.map(|end| format!("{:?}", end.unwrap_err().kind())).collect::<String>().into())
        }
        let mut talk = Talk::new(Role::Client, Peer::ClientOfAll(ask), None);
        talk.step("one", "The code");
        talk.start_all(&[At::Tcp]).unwrap();
        talk.expect_result("").unwrap();
        let failure = talk.expect_nobody().unwrap_err();
        assert_eq!((failure.expected, failure.end), (Expected::Nothing, End::Connects));
        if talk.has_silence() {
            talk.start_all(&[At::Tcp, At::Silent, At::Nobody]).unwrap();
            talk.expect_result("TimedOutConnectionRefused").unwrap();
        }
    }
}
