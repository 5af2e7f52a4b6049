//! Is this machine ready for the course? Each finding says what was seen, and what mends it.
//!
//! What travels: a few bytes from this machine to itself, over TCP, UDP and TLS. Nothing leaves it.
//!
//! May use: everything but `check`.

mod loopback;

use crate::encode::http_date;
use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, TcpListener, UdpSocket};
use std::process::Command;
use std::sync::{Mutex, PoisonError, mpsc};
use std::thread;
use std::time::{Duration, SystemTime};

/// How serious a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// As it should be.
    Good,
    /// The course works; something in it will look different.
    Note,
    /// Lessons will fail.
    Bad,
}

/// In four letters, so that lines stand below each other.
impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            State::Good => "good",
            State::Note => "note",
            State::Bad => "STOP",
        })
    }
}

/// What a check found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// How serious it is.
    pub state: State,
    /// What was seen.
    pub saw: String,
    /// What mends it; empty when there is nothing to mend.
    pub mend: String,
}

fn good(saw: impl Into<String>) -> Finding {
    Finding { state: State::Good, saw: saw.into(), mend: String::new() }
}

fn note(saw: impl Into<String>, mend: impl Into<String>) -> Finding {
    Finding { state: State::Note, saw: saw.into(), mend: mend.into() }
}

fn bad(saw: impl Into<String>, mend: impl Into<String>) -> Finding {
    Finding { state: State::Bad, saw: saw.into(), mend: mend.into() }
}

/// One thing to look at.
#[derive(Debug, Clone, Copy)]
pub struct Check {
    /// One word for it.
    pub name: &'static str,
    look: fn() -> Finding,
}

impl Check {
    /// Looks. Takes some milliseconds, and never longer than some seconds.
    pub fn run(&self) -> Finding {
        (self.look)()
    }
}

/// All that is looked at, in a good order: what stands above may be the cause of what stands below.
///
/// ```
/// use netprimer::lab::ready::{CHECKS, State};
/// let tcp = CHECKS.iter().find(|check| check.name == "tcp").map(|check| check.run());
/// assert!(tcp.is_some_and(|finding| finding.state == State::Good));
/// ```
pub const CHECKS: [Check; 13] = [
    Check { name: "rust", look: rust },
    Check { name: "clock", look: || clock(SystemTime::now()) },
    Check { name: "tcp", look: loopback::tcp },
    Check { name: "udp", look: loopback::udp },
    Check { name: "ipv6", look: loopback::ipv6 },
    Check { name: "localhost", look: loopback::localhost },
    Check { name: "refused", look: loopback::refused },
    Check { name: "tls", look: loopback::tls },
    Check { name: "files", look: files },
    Check { name: "threads", look: threads },
    Check { name: "ports", look: || ports(&PORTS) },
    Check { name: "proxy", look: || proxy(|name| std::env::var(name).ok()) },
    Check { name: "text", look: || text(cfg!(windows), |name| std::env::var(name).ok()) },
];

/// On the machine itself microseconds are enough; Windows takes two seconds to refuse.
const PATIENCE: Duration = Duration::from_secs(4);

const V4: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
// ---- what builds and runs ----

/// The version that this package asks for (Cargo.toml).
const WANTED: &str = env!("CARGO_PKG_RUST_VERSION");

fn rust() -> Finding {
    let (answer, wait) = mpsc::channel();
    // A program of others may hang; the thread ends with us.
    let ask = move || answer.send(Command::new("rustc").arg("--version").output());
    if let Err(error) = thread::Builder::new().spawn(ask) {
        return bad(format!("no thread to run `rustc` from: {error}"), "mend what stands below at `threads` first");
    }
    match wait.recv_timeout(PATIENCE * 3) {
        Ok(Ok(output)) if output.status.success() => version(&String::from_utf8_lossy(&output.stdout)),
        _ => note(
            "`rustc --version` does not run in this terminal",
            "open a new terminal, so that it knows the folder of cargo; if that does not help, install Rust again",
        ),
    }
}

/// `rustc 1.95.0 (59807616e 2026-04-14)`
fn version(line: &str) -> Finding {
    let numbers =
        |text: &str| text.split(['.', '-']).take(2).filter_map(|part| part.parse().ok()).collect::<Vec<u32>>();
    let found = line.split_whitespace().nth(1).unwrap_or_default();
    match numbers(found) >= numbers(WANTED) {
        true => good(format!("Rust {found}; the course needs {WANTED}")),
        false => bad(format!("Rust {found}; the course needs {WANTED}"), "rustup update stable"),
    }
}

/// Rust 1.89, which built this, came on 7 August 2025: no clock can be right that is before it.
const TOO_EARLY: u64 = 1_754_524_800;

/// 2050: from then on certificates write their dates another way (RFC 5280 section 4.1.2.5).
const TOO_LATE: u64 = 2_524_608_000;

fn clock(now: SystemTime) -> Finding {
    let seconds = now.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |time| time.as_secs());
    let date = http_date(now);
    match (TOO_EARLY..TOO_LATE).contains(&seconds) {
        true => good(date),
        false => bad(
            format!("{date}: that cannot be"),
            "set the clock: with a wrong one every certificate on the internet seems to be expired or not valid yet",
        ),
    }
}

// ---- what a program may have ----

/// A server of ours has 256 places; here both ends are in one process, and some files are open too.
const MANY: usize = 600;
/// The lab of lesson 7.2 fills the queue of a listener, which takes about 140.
const FEW: usize = 200;

fn files() -> Finding {
    let opened = || -> io::Result<usize> {
        let first = UdpSocket::bind((V4, 0))?;
        // Copies: they need descriptors, but no ports.
        let copies: Vec<UdpSocket> = (1..MANY).map_while(|_| first.try_clone().ok()).collect();
        Ok(1 + copies.len())
    };
    let mend = "in this terminal: ulimit -n 4096";
    match opened().unwrap_or(0) {
        MANY => good(format!("a program may have at least {MANY} sockets open")),
        n if n >= FEW => {
            note(format!("a program may have {n} sockets open; servers with many clients need {MANY}"), mend)
        }
        n => bad(format!("a program may have only {n} sockets open; lesson 7.2 needs {FEW}"), mend),
    }
}

/// As many as a server of ours has places.
const THREADS: usize = 256;

fn threads() -> Finding {
    let gate = Mutex::new(());
    let started = thread::scope(|scope| {
        let _closed = gate.lock().unwrap_or_else(PoisonError::into_inner); // all wait until all are there
        let wait = || drop(gate.lock());
        let start = |_| thread::Builder::new().stack_size(64 << 10).spawn_scoped(scope, wait).ok();
        (0..THREADS).map_while(start).count()
    });
    let mend = "a limit of this system or container: ulimit -u shows it, and whoever set it can raise it";
    match started {
        THREADS => good(format!("a program may have at least {THREADS} threads")),
        n if n >= 32 => note(format!("a program may have {n} threads; servers here have up to {THREADS}"), mend),
        n => bad(format!("a program may have only {n} threads"), mend),
    }
}

/// The ports that lessons and the lab use when they are told none: number, whose, and whether UDP too.
const PORTS: [(u16, &str, bool); 8] = [
    (8888, "echo", true),
    (8080, "HTTP", false),
    (8443, "HTTPS", false),
    (8765, "WebSocket", false),
    (2121, "FTP", false),
    (2525, "SMTP", false),
    (4650, "SMTP over TLS", false),
    (5300, "DNS", true),
];

/// Which of them somebody else has, or the system keeps for itself.
fn ports(wanted: &[(u16, &str, bool)]) -> Finding {
    let mut taken = Vec::new();
    for (port, whose, both) in wanted {
        let tcp = TcpListener::bind((V4, *port)).err().map(|_| "TCP");
        let udp = if *both { UdpSocket::bind((V4, *port)).err().map(|_| "UDP") } else { None };
        taken.extend([tcp, udp].into_iter().flatten().map(|kind| format!("{port} ({whose}, {kind})")));
    }
    match taken.is_empty() {
        true => good(format!("all {} ports of the course are free", wanted.len())),
        false => note(
            format!("taken: {}", taken.join(", ")),
            "end the other program, or give ours another address behind `--`: 127.0.0.1:0 takes any free port",
        ),
    }
}

// ---- what the terminal says ----

/// Our own programs use no proxy. Others that a lesson shows do: curl, Python.
fn proxy(variable: impl Fn(&str) -> Option<String>) -> Finding {
    let set = |name: &str| variable(name).filter(|value| !value.is_empty());
    let either = |name: &str| [name.to_lowercase(), name.to_owned()].into_iter().filter(|name| set(name).is_some());
    let names: Vec<String> = ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"].into_iter().flat_map(either).collect();
    let without = set("no_proxy").or_else(|| set("NO_PROXY")).unwrap_or_default();
    let here = |host| without.split(',').any(|own| own.trim() == host || own.trim() == "*");
    // Their values may hold a password, so only the names are shown.
    match (names.is_empty(), here("127.0.0.1") && here("localhost")) {
        (true, _) => good("no proxy is set"),
        (false, true) => good(format!("{}; NO_PROXY keeps this machine out of it", names.join(", "))),
        (false, false) => note(
            format!("set: {}", names.join(", ")),
            "our programs use no proxy; for curl and Python: export NO_PROXY=localhost,127.0.0.1,::1",
        ),
    }
}

/// Whether 你好 can be shown. `always`: the console of Windows takes any text from Rust.
fn text(always: bool, variable: impl Fn(&str) -> Option<String>) -> Finding {
    let set = ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().find_map(|name| variable(name).filter(|v| !v.is_empty()));
    let locale = set.unwrap_or_else(|| "not set".to_owned());
    let plain = locale.to_lowercase().replace('-', "");
    match always || plain.contains("utf8") {
        true => good("UTF-8; two Chinese characters: 你好"),
        false => note(
            format!("the locale is {locale}, without UTF-8; two Chinese characters: 你好"),
            "if you do not see two characters: export LC_ALL=C.UTF-8",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(finding: Finding) -> State {
        assert_eq!(finding.mend.is_empty(), finding.state == State::Good, "{finding:?}");
        finding.state
    }

    #[test]
    fn a_version_is_compared_as_numbers() {
        for (line, wanted) in [
            ("rustc 1.89.0 (29483883e 2025-08-04)", State::Good),
            ("rustc 1.100.0-nightly", State::Good),
            ("rustc 2.0.0", State::Good),
            ("rustc 1.9.0", State::Bad),
            ("rustc 1.88.1 (x)", State::Bad),
            ("", State::Bad),
        ] {
            assert_eq!(state(version(line)), wanted, "{line}");
        }
    }

    #[test]
    fn a_clock_without_battery_is_found() {
        let at = |seconds| state(clock(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)));
        assert_eq!(at(0), State::Bad);
        assert_eq!(at(TOO_EARLY - 1), State::Bad);
        assert_eq!(at(TOO_EARLY), State::Good);
        assert_eq!(at(TOO_LATE), State::Bad);
    }

    #[test]
    fn a_taken_port_is_a_note_with_its_number() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let (tcp, udp) = (listener.local_addr().unwrap().port(), socket.local_addr().unwrap().port());
        let finding = ports(&[(tcp, "echo", false)]);
        assert_eq!((finding.state, finding.saw), (State::Note, format!("taken: {tcp} (echo, TCP)")));
        let finding = ports(&[(udp, "DNS", true)]);
        assert!(finding.state == State::Note && finding.saw.contains(&format!("{udp} (DNS, UDP)")), "{finding:?}");
        assert_eq!(state(ports(&[(0, "any", true)])), State::Good);
    }

    #[test]
    fn a_proxy_is_named_and_its_value_is_not() {
        let with = |set: &'static [(&str, &str)]| {
            proxy(move |name| set.iter().find(|(own, _)| *own == name).map(|(_, value)| (*value).to_owned()))
        };
        assert_eq!(state(with(&[])), State::Good);
        assert_eq!(state(with(&[("http_proxy", "")])), State::Good);
        let finding = with(&[("https_proxy", "http://me:secret@10.0.0.1:3128"), ("NO_PROXY", "example.com")]);
        assert_eq!((finding.state, finding.saw.as_str()), (State::Note, "set: https_proxy"));
        let around = [("ALL_PROXY", "x"), ("no_proxy", "localhost, 127.0.0.1")];
        assert_eq!(state(proxy(|name| around.iter().find(|own| own.0 == name).map(|own| own.1.into()))), State::Good);
        assert_eq!(state(with(&[("HTTP_PROXY", "x"), ("NO_PROXY", "*")])), State::Good);
    }

    #[test]
    fn a_locale_without_utf_8_is_a_note() {
        let with = |name: &'static str, value: &'static str| {
            state(text(false, move |own| (own == name).then(|| value.to_owned())))
        };
        assert_eq!(with("LANG", "zh_CN.UTF-8"), State::Good);
        assert_eq!(with("LC_ALL", "C.utf8"), State::Good);
        assert_eq!(with("LANG", "zh_CN.GB18030"), State::Note);
        assert_eq!(with("LC_ALL", ""), State::Note);
        assert_eq!(state(text(true, |_| None)), State::Good);
    }
}
