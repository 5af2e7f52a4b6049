//! The part of a conversation that speaks HTTP: a client's requests, each on a connection of its own, and our answers.
//!
//! ```text
//! C: GET /words?page=1 HTTP/1.1\r\n         which fields it sends, and in which order, is up to the client
//! C: Host: ADDR\r\n
//! C: \r\n
//! S: HTTP/1.1 200 OK\r\n
//! S: Content-Length: 5\r\n
//! S: Connection: close\r\n                  so each request comes on a new connection, whoever keeps them
//! S: \r\n
//! S: Hello
//! ```
//!
//! RFC 9112. May use: url; of this folder client, report, talk, wire.

use super::client::TICK;
use super::report::{End, Expected, Failure};
use super::talk::{Checked, Heard, PATIENCE, Talk};
use super::wire::Wire;
use crate::url::parse_form;
use std::time::Duration;

/// No request of an exercise is longer.
const LONGEST: usize = 65_536;

/// What a client asked.
#[derive(Debug)]
pub struct Asked {
    /// `GET /words?page=1 HTTP/1.1`.
    pub line: String,
    fields: Vec<(String, String)>,
    /// As many bytes as its `Content-Length` says.
    pub body: Vec<u8>,
}

impl Asked {
    /// The value of the first field with this name, in any case (RFC 9110 section 5.1).
    pub fn field(&self, name: &str) -> Option<&str> {
        self.all(name).next()
    }

    /// The values of all fields with this name.
    pub fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        self.fields.iter().filter(move |(own, _)| own.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// What stands between the method and the version.
    fn target(&self) -> &str {
        self.line.split(' ').nth(1).unwrap_or_default()
    }

    /// The value of this parameter of the query.
    pub fn parameter(&self, name: &str) -> Option<String> {
        let (_, query) = self.target().split_once('?')?;
        parse_form(query).into_iter().find(|(own, _)| own == name).map(|(_, value)| value)
    }

    fn parse(head: &[u8]) -> Asked {
        let head = String::from_utf8_lossy(head);
        let mut lines = head.trim_end().split("\r\n");
        let line = lines.next().unwrap_or_default().to_owned();
        let fields = lines.filter_map(|line| line.split_once(':'));
        let fields = fields.map(|(name, value)| (name.to_owned(), value.trim().to_owned())).collect();
        Asked { line, fields, body: Vec::new() }
    }
}

impl Talk {
    /// The client connects and sends one whole request, for this method and this path.
    ///
    /// # Errors
    /// When no such request comes.
    pub fn hear_request(&mut self, method: &str, path: &str) -> Result<Asked, Box<Failure>> {
        self.accept()?;
        let wanted = format!("{method} {path}");
        let until = self.clock.now() + self.patience(PATIENCE);
        let mut got = Vec::new();
        self.read_request(&mut got, &wanted, until, |got| !got.ends_with(b"\r\n\r\n"))?;
        let mut asked = Asked::parse(&got);
        let (head, length) = (got.len(), asked.field("Content-Length").and_then(|length| length.parse().ok()));
        let whole = head.saturating_add(length.unwrap_or(0)).min(LONGEST);
        self.read_request(&mut got, &wanted, until, |got| got.len() < whole)?;
        self.note_lines(self.role.letters().1, &got);
        asked.body = got.split_off(head);
        let is = asked.line.split(' ').next() == Some(method) && asked.target().split('?').next() == Some(path);
        if !is {
            let why = "Compare with the dialogue of the exercise: the method, and the path.";
            self.differs(&wanted, asked.line.as_bytes(), why)?;
        }
        Ok(asked)
    }

    fn read_request(
        &mut self,
        got: &mut Vec<u8>,
        wanted: &str,
        until: Duration,
        more: impl Fn(&[u8]) -> bool,
    ) -> Checked {
        while more(got) && got.len() < LONGEST {
            let end = match self.hear(1, PATIENCE, Wire::read) {
                Heard::Bytes(bytes) if self.clock.now() < until => {
                    got.extend(bytes);
                    continue;
                }
                Heard::Bytes(_) => End::Silent(PATIENCE),
                Heard::Nothing(end) => end,
            };
            return self.fail(Expected::Other(format!("the whole request {wanted}")), std::mem::take(got), end);
        }
        Ok(())
    }

    /// Answers with this status (`200 OK`), these fields and this body, and closes the connection. A length that the fields
    /// name stands in place of the true one.
    pub fn answer(&mut self, status: &str, fields: &[&str], body: impl AsRef<[u8]>) {
        let body = body.as_ref();
        let mut head = format!("HTTP/1.1 {status}\r\n");
        fields.iter().for_each(|field| head += &format!("{field}\r\n"));
        if !fields.iter().any(|field| field.starts_with("Content-Length:")) {
            head += &format!("Content-Length: {}\r\n", body.len());
        }
        self.send_lines([head.as_bytes(), b"Connection: close\r\n\r\n", body].concat());
        self.line().wire = Wire::Closed;
    }

    /// Sends these bytes in one piece, and shows them line by line.
    pub fn send_lines(&mut self, bytes: impl AsRef<[u8]>) {
        self.note_lines(self.role.letters().0, bytes.as_ref());
        self.line().speak(bytes.as_ref());
    }

    fn note_lines(&mut self, letter: char, bytes: &[u8]) {
        for line in bytes.split_inclusive(|byte| *byte == b'\n') {
            self.note(letter, &super::report::shown(line));
        }
    }

    /// The client has to come to its end within this time, one way or the other, and not to connect again before.
    ///
    /// # Errors
    /// When it connects, or still waits.
    pub fn expect_no_request(&mut self, within: Duration) -> Checked {
        let patience = self.patience(within);
        let until = self.clock.now() + patience;
        loop {
            // Asked before the look: what it did before its end is then already here.
            let (over, ended) = (self.clock.now() >= until, self.how_it_ended(TICK).is_some());
            if matches!(self.line().has_come(), Ok(true)) {
                return self.one_more_request();
            }
            if ended {
                return Ok(());
            }
            if over {
                return self.fail(Expected::NoMore, Vec::new(), End::Silent(patience));
            }
        }
    }

    /// Which one it is, its first line tells.
    fn one_more_request(&mut self) -> Checked {
        self.accept()?;
        let mut line = Vec::new();
        while !line.ends_with(b"\r\n") && line.len() < LONGEST {
            match self.hear(1, PATIENCE, Wire::read) {
                Heard::Bytes(byte) => line.extend(byte),
                Heard::Nothing(_) => return self.fail(Expected::NoMore, Vec::new(), End::Connects),
            }
        }
        self.fail(Expected::NoMore, line, End::Open)
    }
}

#[cfg(test)]
mod tests {
    use super::super::{At, Ended, Peer, Role};
    use super::*;
    use std::io::{self, Read, Write};
    use std::net::{SocketAddr, TcpStream};

    #[test]
    fn a_request_has_parameters_and_fields() {
        let asked = Asked::parse(
            b"GET /words?q=fish+%26%20chips&page=1&lone&%zz=%4 HTTP/1.1\r\nX-Train: yes\r\nno field\r\n\r\n",
        );
        assert_eq!(asked.parameter("q").as_deref(), Some("fish & chips"));
        assert_eq!(asked.parameter("lone").as_deref(), Some(""));
        assert_eq!(asked.parameter("%zz").as_deref(), Some("%4"));
        assert_eq!((asked.parameter("x"), asked.field("x-train"), asked.field("no field")), (None, Some("yes"), None));
        let nothing = Asked::parse(b"");
        assert_eq!((nothing.line.as_str(), nothing.target(), nothing.parameter("")), ("", "", None));
    }

    /// A conversation in which the client gets one answer.
    fn answered(ask: fn(SocketAddr) -> io::Result<Vec<u8>>) -> Talk {
        let mut talk = Talk::new(Role::Client, Peer::Client(ask), None);
        talk.step("one", "The code");
        talk.start(At::Tcp).unwrap();
        let asked = talk.hear_request("PUT", "/a").unwrap();
        assert_eq!((asked.line.as_str(), asked.body.as_slice()), ("PUT /a?b=c HTTP/1.1", b"two\n12".as_slice()));
        talk.answer("200 OK", &[], "Hello");
        talk
    }

    fn put(server: SocketAddr) -> io::Result<Vec<u8>> {
        let mut stream = TcpStream::connect(server)?;
        stream.write_all(b"PUT /a?b=c HTTP/1.1\r\ncontent-length: 6\r\n\r\ntwo\n12")?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer)?;
        Ok(answer)
    }

    #[test]
    fn one_request_one_answer_and_the_end() {
        let mut talk = answered(put);
        talk.expect_no_request(Duration::from_secs(2)).unwrap();
        talk.expect_result("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nHello").unwrap();
        let failure = talk.expect_pause(Duration::from_secs(2)).unwrap_err();
        assert_eq!(failure.expected, Expected::Nothing); // it has ended, and so it does not wait
    }

    #[test]
    fn one_more_request_is_seen() {
        fn twice(server: SocketAddr) -> io::Result<Vec<u8>> {
            put(server).and_then(|_| put(server))
        }
        let failure = answered(twice).expect_no_request(Duration::from_secs(2)).unwrap_err();
        assert_eq!((failure.expected, failure.end), (Expected::NoMore, End::Open));
        assert_eq!(failure.received, b"PUT /a?b=c HTTP/1.1\r\n");
        let failure = answered(twice).expect_pause(Duration::from_secs(2)).unwrap_err();
        assert_eq!((failure.expected, failure.end), (Expected::Nothing, End::Connects));
        let mut talk = answered(twice);
        talk.hear_request("PUT", "/a").unwrap();
        talk.expect_pause(Duration::from_millis(50)).unwrap(); // it waits for its second answer
        let failure = talk.hear_request("GET", "/a").unwrap_err();
        assert_eq!(failure.expected, Expected::Connection);
    }

    #[test]
    fn another_request_and_half_a_one_are_evidence_and_no_port_is() {
        fn half(server: SocketAddr) -> io::Result<Vec<u8>> {
            TcpStream::connect(server)?.write_all(b"PUT /a HTTP/1.1\r\nContent-Length: 6\r\n\r\nHe")?;
            Err(io::Error::other(format!("gave up http://{server}/a")))
        }
        for (ask, path, expected) in [(put as fn(_) -> _, "/b", "PUT /b"), (half, "/a", "the whole request PUT /a")] {
            let mut talk = Talk::new(Role::Client, Peer::Client(ask), None);
            talk.step("one", "The code");
            talk.start(At::Tcp).unwrap();
            let failure = talk.hear_request("PUT", path).unwrap_err();
            assert_eq!(failure.expected, Expected::Other(expected.to_owned()));
            if path == "/a" {
                assert_eq!(failure.ended, Some(Ended::Failed("gave up http://ADDR/a".to_owned())));
            }
        }
    }
}
