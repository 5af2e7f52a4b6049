//! Ports, times and error numbers differ from run to run: here they get names that stay.

use super::process::Running;
use super::program::{Call, Programs};
use std::net::{TcpListener, TcpStream, UdpSocket};

/// Which port stands for which in one section of a lesson.
#[derive(Default)]
pub struct Names {
    /// The port in this run, and the one that the lesson shows.
    servers: Vec<(u16, u16)>,
    /// Ports of clients in the order in which they appear: 50001, 50002, ...
    clients: Vec<u16>,
    /// What keeps a port closed.
    closed: Vec<(TcpStream, TcpStream, UdpSocket)>,
}

/// `127.0.0.1:8888` as its host and its port.
fn split(arg: &str) -> Option<(&str, u16)> {
    let (host, port) = arg.rsplit_once(':')?;
    Some((host, port.parse().ok()?)).filter(|(host, _)| ["127.0.0.1", "localhost", "[::1]"].contains(host))
}

impl Names {
    /// From now on `real` is shown as `shown`.
    pub fn name(&mut self, real: u16, shown: u16) {
        self.servers.retain(|(_, before)| *before != shown);
        self.servers.push((real, shown));
    }

    /// Somebody stands before the server on `from`: its name now leads to `to`, and both are shown so.
    pub fn move_to(&mut self, from: u16, to: u16) {
        let shown = self.servers.iter().find(|(real, _)| *real == from).map(|(_, shown)| *shown);
        self.servers.insert(0, (to, shown.unwrap_or(to)));
    }

    fn real(&self, shown: u16) -> Option<u16> {
        self.servers.iter().find(|(_, name)| *name == shown).map(|(real, _)| *real)
    }

    /// The port in this run that stands for `shown`: a server's, or one on which nobody listens.
    fn port(&mut self, shown: u16) -> u16 {
        self.real(shown).unwrap_or_else(|| {
            let (port, held) = closed_port();
            self.closed.push(held);
            self.name(port, shown);
            port
        })
    }

    /// Starts what runs in the background: on port 0 where the lesson shows a port of its own, which is named once the
    /// program says `listening on`. Other addresses in its arguments are those of servers that run already. A `server`
    /// must say it, and listens on its default when it is told no address.
    pub fn start(&mut self, programs: &Programs, call: &Call, server: bool) -> Result<(Running, u16), String> {
        let mut own = None;
        let mut args = Vec::new();
        for arg in &call.args {
            match split(arg) {
                Some((host, port)) if own.is_none() && self.real(port).is_none() => {
                    own = Some(port);
                    args.push(format!("{host}:0"));
                }
                Some((host, port)) => args.push(format!("{host}:{}", self.port(port))),
                None => args.push(arg.clone()),
            }
        }
        match own {
            None if server => args.insert(0, "127.0.0.1:0".to_owned()),
            None => args = self.args(programs, call),
            Some(_) => {}
        }
        let running = Running::open(&programs.path(&call.name)?, &args);
        let port = running.port(programs.limit);
        if let Some(port) = port {
            self.name(port, own.or_else(|| programs.default_port(&call.name)).unwrap_or(8888));
        }
        match port {
            None if server => {
                Err(format!("a server's first line is `listening on ADDR`; this one said {:?}", running.said()))
            }
            None if running.said().is_empty() => Err("it runs in the background and never said a line".to_owned()),
            port => Ok((running, port.unwrap_or_default())),
        }
    }

    /// The arguments of a program that is no server, with the ports of this run.
    pub fn args(&mut self, programs: &Programs, call: &Call) -> Vec<String> {
        if let ([], Some(default)) = (call.args.as_slice(), programs.default_port(&call.name)) {
            return vec![format!("127.0.0.1:{}", self.port(default))];
        }
        let arg = |arg: &String| {
            // Of a URL the part before the path.
            let scheme =
                ["http://", "ws://", "tcp://"].into_iter().find(|scheme| arg.starts_with(scheme)).unwrap_or("");
            let rest = &arg[scheme.len()..];
            let (address, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
            match split(address) {
                Some((host, port)) if port != 0 => format!("{scheme}{host}:{}{path}", self.port(port)),
                _ => arg.clone(),
            }
        };
        call.args.iter().map(arg).collect()
    }

    /// A line as this run printed it, with the ports that the lesson shows.
    pub fn printed(&mut self, line: &str) -> String {
        steady(line, |port| {
            self.servers
                .iter()
                .find(|(real, _)| *real == port)
                .map(|(_, shown)| *shown)
                .unwrap_or_else(|| client(&mut self.clients, port))
        })
    }

    /// A line as the lesson shows it; `seen` holds the clients so far.
    pub fn shown(&self, line: &str, seen: &mut Vec<u16>) -> String {
        let server = |port| self.servers.iter().any(|(_, shown)| *shown == port);
        steady(line, |port| if server(port) { port } else { client(seen, port) })
    }
}

/// The name of a client's port. Systems give clients ports from 32768 or 49152 on; what is lower means itself.
fn client(seen: &mut Vec<u16>, port: u16) -> u16 {
    if port < 32768 {
        return port;
    }
    let n = seen.iter().position(|before| *before == port).unwrap_or_else(|| {
        seen.push(port);
        seen.len() - 1
    });
    50_001 + n as u16
}

/// The line with its ports named by `name`, `12.3 ms` as `0.0 ms` (so also `2.5 times as fast` and `9.8 MiB`, which are
/// measured too), and `(os error 111)` as `(os error N)`; and the id of a
/// DNS message, which is drawn anew for each query, as 0x1234; and the day and time of an HTTP answer as that of RFC 9110. The size
/// of a mail is N: with its date it has a digit more on some days. What a WebSocket draws is as in RFC 6455.
fn steady(line: &str, mut name: impl FnMut(u16) -> u16) -> String {
    if id_of_a_message(line) {
        return "0000  12 34                     id 4660 (0x1234)".to_owned();
    }
    let mut done = String::new();
    let line = without_the_boundary(&with_the_times_of_the_lessons(&as_in_rfc_6455(line)));
    let mut rest = line.as_str();
    while let Some(start) = rest.find(|c: char| c.is_ascii_digit()) {
        done.push_str(&rest[..start]);
        let number = |text: &str| text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let end = start + number(&rest[start..]);
        let (digits, after) = (&rest[start..end], &rest[end..]);
        let fraction = after.strip_prefix('.').map(|tail| 1 + number(tail)).filter(|length| *length > 1);
        let is_port = ["127.0.0.1:", "[::1]:", "localhost:", "0.0.0.0:", "[::]:", " port ", "(|||"]
            .iter()
            .any(|h| done.ends_with(h));
        rest = after;
        match (digits.parse(), fraction) {
            (Ok(port), _) if is_port => done.push_str(&name(port).to_string()),
            _ if done.ends_with("(os error ") || done.ends_with("> SIZE=") => done.push('N'),
            (_, Some(length))
                if [" ms", " µs", " MiB", " times as fast"].iter().any(|unit| after[length..].starts_with(unit)) =>
            {
                done.push_str("0.0");
                rest = &after[length..];
            }
            _ => done.push_str(digits),
        }
    }
    done + rest
}

/// Whether a line explains the id of a DNS message, with the right number beside its two bytes.
fn id_of_a_message(line: &str) -> bool {
    let Some((bytes, number)) = line.strip_prefix("0000  ").and_then(|rest| rest.split_once(" id ")) else {
        return false;
    };
    let Ok(id) = u16::from_str_radix(&bytes.replace(' ', ""), 16) else { return false };
    number == format!("{id} (0x{id:04x})")
}

/// What tells today's day and time, with those that the lessons show.
pub fn with_the_times_of_the_lessons(line: &str) -> String {
    with_the_time_of_a_file(&with_the_date_of_the_rfc(line))
}

/// `Nov 22 21:06` in a line of LIST, behind the size of the file, as `Nov 06 08:49`.
fn with_the_time_of_a_file(line: &str) -> String {
    let Some(start) = line.find("rw-r--r-- 1 ftp ").map(|at| at + "rw-r--r-- 1 ftp      ftp      123456789012 ".len())
    else {
        return line.to_owned();
    };
    match line.get(start..start + 12) {
        Some(time) if time.as_bytes()[9] == b':' => format!("{}Nov 06 08:49{}", &line[..start], &line[start + 12..]),
        _ => line.to_owned(),
    }
}

/// `Date: Sun, 22 Nov 2026 19:08:34 GMT` as the example of RFC 9110 section 5.6.7; the same day in a mail, where it ends with
/// `+0000` and the day of the month may have one digit.
fn with_the_date_of_the_rfc(line: &str) -> String {
    const DAY: &str = "Sun, 06 Nov 1994 08:49:37";
    let time = line.split_once("Date: ").and_then(|(_, rest)| {
        let end = rest.find(" GMT").or(rest.find(" +0000"))?;
        rest.get(..end).filter(|time| (DAY.len() - 1..=DAY.len()).contains(&time.len()))
    });
    time.map_or(line.to_owned(), |time| line.replacen(time, DAY, 1))
}

/// What a WebSocket draws anew for each connection and each frame, as RFC 6455 has it: the key of section 1.3 with its answer,
/// and the mask of section 5.7 with the bytes as they are under it, where they were right.
pub fn as_in_rfc_6455(line: &str) -> String {
    const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];
    for (before, value, after) in [
        ("Sec-WebSocket-Key: ", "dGhlIHNhbXBsZSBub25jZQ==", ""),
        ("C: Sec-WebSocket-Key: ", "dGhlIHNhbXBsZSBub25jZQ==", "\\r\\n"),
        ("S: sec-websocket-accept: ", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=", "\\r\\n"),
        ("   ", "dGhlIHNhbXBsZSBub25jZQ==", " + 258EAFA5-E914-47DA-95CA-C5AB0DC85B11"),
        ("   SHA-1:  ", "b3 7a 4f 2c c0 62 4f 16 90 f6 46 06 cf 38 59 45 b2 be c4 ea", ""),
        ("   base64: ", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=", "  as the server says"),
    ] {
        let drawn = line.strip_prefix(before).and_then(|rest| rest.strip_suffix(after));
        if drawn.is_some_and(|drawn| drawn.len() == value.len()) {
            return format!("{before}{value}{after}");
        }
    }
    let bytes = |hex: &str| -> Option<Vec<u8>> {
        hex.split_whitespace().map(|byte| u8::from_str_radix(byte, 16).ok().filter(|_| byte.len() == 2)).collect()
    };
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(" ");
    let under = |said: &[u8], mask: &[u8]| said.iter().zip(mask).map(|(byte, mask)| byte ^ mask).collect::<Vec<u8>>();
    let masked = || {
        let (sent, rest) = line.strip_prefix("C: ")?.split_once(" ^ ")?;
        let (mask, rest) = rest.split_once(" = ")?;
        let said = bytes(rest.get(..11)?)?;
        let right = bytes(sent)? == under(&said, &bytes(mask)?);
        let (sent, mask) = (hex(&under(&said, &MASK)), hex(&MASK[..said.len()]));
        right.then(|| format!("C: {sent:11} ^ {mask:11} = {rest}"))
    };
    let alone = || {
        let mask = line.strip_prefix("C: ")?.strip_suffix("  the mask, and nothing to be masked")?;
        (bytes(mask)?.len() == 4).then(|| format!("C: {}  the mask, and nothing to be masked", hex(&MASK)))
    };
    masked().or_else(alone).unwrap_or_else(|| line.to_owned())
}

/// `------formdata-ureq-14ec8ada…`, which each form with files draws anew, with zeros for its digits, also where the wire view goes on with its digits in the next line.
fn without_the_boundary(line: &str) -> String {
    let mut done = String::new();
    let mut rest = line;
    while let Some(start) = rest.find(|c: char| c.is_ascii_hexdigit()) {
        done.push_str(&rest[..start]);
        let digits = rest[start..].len() - rest[start..].trim_start_matches(|c: char| c.is_ascii_hexdigit()).len();
        let drawn = done.ends_with("formdata-ureq-") || digits >= 16;
        done.push_str(&if drawn { "0".repeat(digits) } else { rest[start..start + digits].to_owned() });
        rest = &rest[start + digits..];
    }
    done + rest
}

/// A port of 127.0.0.1 that refuses, over TCP and UDP, and stays so while the sockets live: the near end of a connection
/// has it, and a UDP socket that hears only one stranger.
fn closed_port() -> (u16, (TcpStream, TcpStream, UdpSocket)) {
    loop {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let near = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let far = listener.accept().unwrap().0;
        let here = near.local_addr().unwrap();
        // The same number may be taken in UDP: then another.
        let Ok(udp) = UdpSocket::bind(here) else { continue };
        udp.connect(far.local_addr().unwrap()).unwrap();
        return (here.port(), (near, far, udp));
    }
}
