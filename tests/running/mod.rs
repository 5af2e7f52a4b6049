//! A server program as a child of the test: it is known by its first line, and ended with the test.
#![allow(dead_code, clippy::unwrap_used, clippy::expect_used, clippy::panic)] // no test file uses all of it

use std::io::{self, BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::Duration;

/// Nothing may take longer, however busy the machine is.
pub const LIMIT: Duration = Duration::from_secs(30);

/// The program under test.
pub const ECHO_SERVER: &str = env!("CARGO_BIN_EXE_echo-server");

/// `echo-server` on a free port, with these further arguments.
pub fn echo_server(args: &[&str]) -> Command {
    let mut command = Command::new(ECHO_SERVER);
    command.arg("127.0.0.1:0").args(args);
    command
}

/// A child that listens. Dropping it ends it.
pub struct Running {
    child: Child,
    pub addr: SocketAddr,
    lines: Receiver<String>,
}

impl Running {
    /// Starts it, and waits until it says where it listens. Its stdin is empty unless the command says otherwise.
    pub fn start(command: &mut Command) -> Running {
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let stdout = child.stdout.take().unwrap();
        let (say, lines) = mpsc::channel();
        thread::spawn(move || {
            for line in BufReader::new(stdout).lines() {
                // Once nobody wants to know, the pipe is closed.
                if line.is_err() || say.send(line.unwrap()).is_err() {
                    return;
                }
            }
        });
        let mut running = Running { child, addr: "127.0.0.1:0".parse().unwrap(), lines };
        let first = running.line();
        running.addr = first.strip_prefix("listening on ").expect(&first).parse().unwrap();
        running
    }

    /// The next line on its stdout.
    pub fn line(&self) -> String {
        self.lines.recv_timeout(LIMIT).expect("a line in time")
    }

    /// The lines that wait to be looked at.
    pub fn lines(&self) -> Vec<String> {
        self.lines.try_iter().collect()
    }

    /// Ends it by force.
    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    pub fn is_running(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// User and system time since its start, as Linux tells it in hundredths of a second (proc(5), fields 14 and 15).
    pub fn cpu(&self) -> Option<Duration> {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id())).ok()?;
        let fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11).take(2);
        Some(Duration::from_millis(fields.filter_map(|field| field.parse::<u64>().ok()).sum::<u64>() * 10))
    }

    /// A connection whose reads and writes end in time.
    pub fn client(&self) -> TcpStream {
        let client = TcpStream::connect_timeout(&self.addr, LIMIT).unwrap();
        client.set_read_timeout(Some(LIMIT)).unwrap();
        client.set_write_timeout(Some(LIMIT)).unwrap();
        client
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Waits for a child, for [`LIMIT`] at most, then ends it. Gives its status, stdout and stderr.
pub fn finish(command: &mut Command, input: &[u8]) -> (Option<i32>, Vec<u8>, String) {
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let (mut stdin, input) = (child.stdin.take().unwrap(), input.to_vec());
    let feeder = thread::spawn(move || stdin.write_all(&input)); // and then the end of its input
    let (out, err) = (collect(child.stdout.take().unwrap()), collect(child.stderr.take().unwrap()));
    let all = (out.recv_timeout(LIMIT), err.recv_timeout(LIMIT));
    if all.0.is_err() || all.1.is_err() {
        let _ = child.kill();
    }
    let status = child.wait().unwrap().code();
    let _ = feeder.join();
    (status, all.0.expect("it ends in time"), String::from_utf8_lossy(&all.1.expect("it ends in time")).into_owned())
}

fn collect(mut from: impl io::Read + Send + 'static) -> Receiver<Vec<u8>> {
    let (done, all) = mpsc::channel();
    thread::spawn(move || {
        let mut bytes = Vec::new();
        let _ = from.read_to_end(&mut bytes);
        let _ = done.send(bytes);
    });
    all
}

/// Whether a program of others is there. A missing one is named and skipped, or is a failure where CI wants it.
pub fn have(program: &str, probe: &[&str]) -> bool {
    let mut command = Command::new(program);
    command.args(probe).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    if command.status().is_ok_and(|status| status.success()) {
        return true;
    }
    let wanted = std::env::var_os("NETPRIMER_PEERS").is_some_and(|value| value == "1");
    assert!(!wanted, "{program} is missing");
    note(&format!("skipped: {program} is not here"));
    false
}

/// Says something where a passing test may speak: libtest hides what `eprintln!` prints.
pub fn note(text: &str) {
    let _ = writeln!(io::stderr(), "{text}");
}
