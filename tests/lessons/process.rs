//! A program under test: started, fed, listened to line by line, and ended in time, whatever it does.

use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

/// A running program. Dropping it ends it, also when a test panics.
pub struct Running {
    child: Child,
    /// Held open: a program in the background has a terminal at which nobody types.
    idle: Option<ChildStdin>,
    lines: Receiver<(bool, String)>,
    /// What it wrote to stdout so far, and to stderr.
    pub out: Vec<String>,
    pub err: Vec<String>,
}

impl Running {
    /// Starts `program`; its stdin is `input` and ends there.
    pub fn start(program: &Path, args: &[String], input: Option<Vec<u8>>) -> Result<Running, String> {
        let mut running = Running::open(program, args)?;
        if let (Some(mut stdin), input) = (running.idle.take(), input.unwrap_or_default()) {
            thread::spawn(move || stdin.write_all(&input)); // a program may end without reading all of it
        }
        Ok(running)
    }

    /// Starts `program`; its stdin stays open and silent.
    pub fn open(program: &Path, args: &[String]) -> Result<Running, String> {
        let mut child = Command::new(program)
            .args(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|e| format!("{} does not start: {e}", program.display()))?;
        let (teller, lines) = channel();
        let listen = |is_err, from: Box<dyn Read + Send>| {
            let teller = teller.clone();
            thread::spawn(move || {
                let mut from = BufReader::new(from);
                let mut line = Vec::new();
                while from.read_until(b'\n', &mut line).is_ok_and(|n| n > 0) {
                    let text = String::from_utf8_lossy(&line).trim_end_matches(['\r', '\n']).to_owned();
                    let _ = teller.send((is_err, text)); // nobody listens once the program was ended
                    line.clear();
                }
            });
        };
        listen(false, Box::new(child.stdout.take().unwrap()));
        listen(true, Box::new(child.stderr.take().unwrap()));
        Ok(Running { idle: child.stdin.take(), child, lines, out: Vec::new(), err: Vec::new() })
    }

    /// Waits for one more line. `Ok(false)`: both outputs have ended, so the program has.
    fn listen(&mut self, limit: Duration) -> Result<bool, RecvTimeoutError> {
        match self.lines.recv_timeout(limit) {
            Ok((true, line)) => self.err.push(line),
            Ok((false, line)) => self.out.push(line),
            Err(RecvTimeoutError::Disconnected) => return Ok(false),
            Err(late) => return Err(late),
        }
        Ok(true)
    }

    /// What it wrote so far: stdout first, then stderr.
    pub fn said(&self) -> Vec<String> {
        self.out.iter().chain(&self.err).cloned().collect()
    }

    /// Waits until it has said a line; the port in it, if that is the first line of a server.
    pub fn port(&mut self, limit: Duration) -> Option<u16> {
        let end = Instant::now() + limit;
        while self.said().is_empty() && matches!(self.listen(end.saturating_duration_since(Instant::now())), Ok(true)) {
        }
        // A netcat that listens says so on stderr: its stdout is for the peer's bytes.
        self.said().first()?.strip_prefix("listening on ")?.rsplit_once(':')?.1.parse().ok()
    }

    /// Hears what it still has to say, until it is silent for so long.
    pub fn settle(&mut self, quiet: Duration) {
        while matches!(self.listen(quiet), Ok(true)) {}
    }

    /// Waits until the program ends by itself; its exit status. Ends it at the limit.
    pub fn end(&mut self, limit: Duration) -> Result<i32, String> {
        let end = Instant::now() + limit;
        let late = |said| format!("it did not end within {limit:?}; it said {said:?} (a server stands at a T1 prompt)");
        while self.listen(end.saturating_duration_since(Instant::now())).map_err(|_| late(self.said()))? {}
        // Its outputs are closed: it is about to end, and std can only ask whether it has.
        loop {
            match self.child.try_wait().map_err(|e| e.to_string())? {
                Some(status) => return status.code().ok_or(format!("it was ended from outside: {status}")),
                None if Instant::now() >= end => return Err(late(self.said())),
                None => thread::yield_now(),
            }
        }
    }

    /// Ends a server once it has said `expected` lines, or after `limit`, and gives all that it said. `quiet`: how long it
    /// must be silent before we believe that there is no line too many.
    pub fn stop(mut self, expected: usize, limit: Duration, quiet: Duration) -> Vec<String> {
        let end = Instant::now() + limit;
        loop {
            let enough = self.out.len() + self.err.len() >= expected;
            let wait = if enough { quiet } else { end.saturating_duration_since(Instant::now()) };
            if !matches!(self.listen(wait), Ok(true)) {
                break;
            }
        }
        self.kill();
        self.settle(limit);
        self.said()
    }

    fn kill(&mut self) {
        let _ = self.child.kill(); // it may be over already
        let _ = self.child.wait();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.kill();
    }
}
