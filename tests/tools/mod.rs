//! Runs the built example programs, with a time limit on everything.
#![allow(dead_code, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::ffi::OsString;
use std::io::{self, Read, Write};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::Duration;

/// No test waits longer than this for anything.
pub const LIMIT: Duration = Duration::from_secs(20);

/// The program of this example; `cargo test --test NAME` alone builds no examples, so it is built if it is missing.
pub fn example(name: &str) -> PathBuf {
    let mut path = std::env::current_exe().unwrap();
    path.pop();
    path.pop();
    path.push("examples");
    path.push(format!("{name}{}", std::env::consts::EXE_SUFFIX));
    if !path.exists() {
        let built = Command::new(env!("CARGO")).args(["build", "--quiet", "--example", name]).status().unwrap();
        assert!(built.success(), "the example {name} does not build");
    }
    path
}

/// What a program writes, as it comes.
#[derive(Default)]
struct Written {
    bytes: Vec<u8>,
    ended: bool,
}

type Pipe = Arc<(Mutex<Written>, Condvar)>;

/// A program at work; it is ended when this is dropped.
pub struct Running {
    pub child: Child,
    out: Pipe,
    err: Pipe,
}

/// What a program left.
pub struct Left {
    pub status: i32,
    pub out: Vec<u8>,
    pub err: String,
}

pub fn start(program: PathBuf, args: impl IntoIterator<Item = impl Into<OsString>>) -> Running {
    let args = args.into_iter().map(Into::into);
    let mut command = Command::new(program);
    command.args(args).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let out = follow(child.stdout.take().unwrap());
    let err = follow(child.stderr.take().unwrap());
    Running { child, out, err }
}

/// Runs a program of ours to its end.
pub fn run(name: &str, args: &[&str], input: &[u8]) -> Left {
    start(example(name), args).input(input).end()
}

fn follow(mut from: impl Read + Send + 'static) -> Pipe {
    let pipe = Pipe::default();
    let ours = Arc::clone(&pipe);
    thread::spawn(move || {
        let mut buffer = vec![0; 64 << 10];
        loop {
            let n = from.read(&mut buffer).unwrap_or(0);
            let mut written = ours.0.lock().unwrap();
            written.bytes.extend_from_slice(&buffer[..n]);
            written.ended |= n == 0;
            ours.1.notify_all();
            if n == 0 {
                return;
            }
        }
    });
    pipe
}

fn wait(pipe: &Pipe, what: &str, done: impl Fn(&Written) -> bool) -> Vec<u8> {
    let (written, late) = pipe.1.wait_timeout_while(pipe.0.lock().unwrap(), LIMIT, |written| !done(written)).unwrap();
    assert!(!late.timed_out(), "{what}: only {}", written.bytes.escape_ascii());
    written.bytes.clone()
}

impl Running {
    /// Writes the whole input from a thread, then ends it.
    pub fn input(mut self, bytes: &[u8]) -> Running {
        let (mut stdin, bytes) = (self.child.stdin.take().unwrap(), bytes.to_vec());
        // A program that ends before it has read all of it is judged by its status.
        thread::spawn(move || drop(stdin.write_all(&bytes)));
        self
    }

    /// Writes a piece of input and leaves it open.
    pub fn type_in(&mut self, text: &str) {
        let stdin = self.child.stdin.as_mut().unwrap();
        stdin.write_all(text.as_bytes()).and_then(|()| stdin.flush()).unwrap();
    }

    /// Waits until standard output holds this.
    pub fn shows(&self, text: &str) -> String {
        let holds = |written: &Written| String::from_utf8_lossy(&written.bytes).contains(text);
        String::from_utf8_lossy(&wait(&self.out, text, holds)).into_owned()
    }

    /// The address in the line `listening on ADDR`, which is the first on either output.
    pub fn listening(&self, on_stdout: bool) -> SocketAddr {
        let pipe = if on_stdout { &self.out } else { &self.err };
        let first = wait(pipe, "listening on", |written| written.ended || written.bytes.contains(&b'\n'));
        let text = String::from_utf8_lossy(&first).into_owned();
        let line = text.lines().next().unwrap_or_default();
        let addr = line.strip_prefix("listening on ").and_then(|rest| rest.split(' ').next());
        addr.and_then(|addr| addr.parse().ok()).unwrap_or_else(|| panic!("no address in {text:?}"))
    }

    /// Waits for the end of the program.
    pub fn end(mut self) -> Left {
        let out = wait(&self.out, "the end of standard output", |written| written.ended);
        let err = wait(&self.err, "the end of standard error", |written| written.ended);
        let status = self.child.wait().unwrap();
        Left { status: status.code().unwrap_or(-1), out, err: String::from_utf8_lossy(&err).into_owned() }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A program others wrote, or `None` after saying on stderr what is skipped. With NETPRIMER_PEERS=1 it must be there.
pub fn peer(name: &str) -> Option<PathBuf> {
    let found = std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default())
        .map(|folder| folder.join(format!("{name}{}", std::env::consts::EXE_SUFFIX)))
        .find(|path| path.is_file());
    if found.is_none() {
        assert!(std::env::var_os("NETPRIMER_PEERS").is_none_or(|set| set != "1"), "{name} is missing");
        let _ = writeln!(io::stderr(), "skipped: {name} is not installed, so nothing is tried with it here");
    }
    found
}

/// A failed program must say what, and never panic.
pub fn assert_failed(left: &Left, status: i32, text: &str) {
    assert_eq!(left.status, status, "{}", left.err);
    assert!(left.err.contains(text), "{text:?} is not in {}", left.err);
    assert!(!left.err.contains("panicked"), "{}", left.err);
}
