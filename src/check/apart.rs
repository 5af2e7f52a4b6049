//! The check in a process apart: what ends that process, ends the check, and somebody must be left to say so.
//!
//! The learner's function runs in the process of its checker. A panic of it is seen there; `process::exit()`, a stack or a memory
//! that is used up take the checker along, and an exit status of 0 would look like success. So whoever started it believes no
//! status without a report, which comes over a connection of its own.
//!
//! May use: error; of this folder report.

use super::{Exercise, report};
use crate::error::{Error, Result};
use std::env;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Command, ExitStatus, Stdio};
use std::time::Duration;

/// The argument that says: check in this very process. An address behind it says whom to tell the report.
pub(super) const HERE: &str = "here";
/// A report is shorter, and it must lie in the system's buffers until the process has ended. Of a longer one (a panic may say
/// anything) the end is kept.
const LONGEST: usize = 32 << 10;
/// What has been sent on this machine is there at once.
const PATIENCE: Duration = Duration::from_secs(1);

/// This program once more, which is to check there.
pub(super) fn command() -> io::Result<Command> {
    let mut command = Command::new(env::current_exe()?);
    command.arg(HERE);
    Ok(command)
}

/// Runs it, hands on what it writes, and then its report, or what it means that there is none. Whether the exercise is passed.
pub(super) fn check(exercise: &Exercise, command: &mut Command, out: &mut impl Write) -> Result<bool> {
    let tried = || Error::io(format!("check {}", exercise.name));
    let bound = TcpListener::bind("127.0.0.1:0").and_then(|listener| Ok((listener.local_addr()?, listener)));
    let (address, listener) = bound.map_err(tried())?;
    let mut child = command
        .arg(address.to_string())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(Error::not_started(format!("check {}", exercise.name)))?;
    if let Some(mut stdout) = child.stdout.take() {
        let mut piece = [0; 4_096];
        while let n @ 1.. = stdout.read(&mut piece).map_err(tried())? {
            // Nobody may be left to read it: a closed stdout changes no verdict.
            let _ = out.write_all(&piece[..n]).and_then(|()| out.flush());
        }
    }
    let status = child.wait().map_err(tried())?;
    let report = told(&listener).map_err(tried())?;
    let verdict = report.lines().last().unwrap_or_default(); // as every report ends
    let passed = status.success() && verdict.starts_with(&format!("{} passed", exercise.name));
    let text = if report.is_empty() { ended(exercise, status) } else { report };
    let _ = out.write_all(text.as_bytes()); // as above
    Ok(passed)
}

/// Tells the report to who started this process. Stdout is the learner's: a server may hold it locked for ever, or print when its last
/// client leaves, behind the verdict.
pub(super) fn tell(whom: &str, report: &str) -> Result<()> {
    let report = report.as_bytes();
    let end = &report[report.len().saturating_sub(LONGEST)..];
    TcpStream::connect(whom).and_then(|mut there| there.write_all(end)).map_err(Error::io("tell the report"))
}

/// The report of a process that has ended; empty if it told none.
fn told(listener: &TcpListener) -> io::Result<String> {
    listener.set_nonblocking(true)?;
    let there = match listener.accept() {
        Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(String::new()),
        accepted => accepted?.0,
    };
    there.set_nonblocking(false)?; // some systems hand it on
    there.set_read_timeout(Some(PATIENCE))?;
    let mut report = Vec::new();
    there.take(LONGEST as u64).read_to_end(&mut report)?;
    Ok(String::from_utf8_lossy(&report).into_owned())
}

/// What a learner reads whose code ended the check.
fn ended(exercise: &Exercise, status: ExitStatus) -> String {
    let name = exercise.name;
    let function = exercise.role.function();
    let why = match status.code() {
        Some(0..=255) => format!(
            "process::exit() ends everything at once, also what checks your code. Let {function}() return: Ok, or an Err \
             that says what is wrong."
        ),
        _ => "The system ended it: is the memory or the stack used up, by a function that calls itself without end?"
            .to_owned(),
    };
    let what = format!("your code ended the whole program ({status}), and the check with it");
    ["\n".to_owned(), report::wrap("", 0, &what), report::wrap("why", 11, &why)].concat()
        + &report::wrap("hint", 11, &format!("cargo run --example {name} -- hint"))
        + &format!("\n{name} failed: the whole program ended before the check\n")
}

#[cfg(test)]
mod tests {
    use super::super::ex02_1::EXERCISE;
    use super::*;
    use std::thread;

    /// This test program once more, which runs one test and ends as that one wants.
    fn itself(test: &str, mark: &str) -> Command {
        let mut command = Command::new(env::current_exe().unwrap());
        command.args(["--exact", &format!("check::apart::tests::{test}"), "--nocapture"]).env(mark, "1");
        command.stderr(Stdio::null());
        command
    }

    #[test]
    fn who_ends_the_whole_program_has_not_passed() {
        const MARK: &str = "NETPRIMER_TEST_EXITS";
        if env::var_os(MARK).is_some() {
            std::process::exit(0);
        }
        let mut out = Vec::new();
        let test = "who_ends_the_whole_program_has_not_passed";
        assert!(!check(&EXERCISE, &mut itself(test, MARK), &mut out).unwrap());
        let text = String::from_utf8(out).unwrap();
        assert!(text.contains("your code ended the whole program (exit "), "{text}");
        assert!(text.contains("Let serve() return"), "{text}");
        assert!(text.ends_with("\nex02_1 failed: the whole program ended before the check\n"), "{text}");
    }

    /// What the checker does there at its end.
    fn passes() {
        tell(&env::args().next_back().unwrap(), "\nex02_1 passed: 15 steps\n").unwrap();
    }

    #[test]
    fn a_verdict_is_handed_on_and_needs_its_status() {
        const MARK: &str = "NETPRIMER_TEST_VERDICT";
        if env::var_os(MARK).is_some() {
            passes();
            std::process::exit(3);
        }
        let mut out = Vec::new();
        assert!(!check(&EXERCISE, &mut itself("a_verdict_is_handed_on_and_needs_its_status", MARK), &mut out).unwrap());
        assert!(out.ends_with(b"\nex02_1 passed: 15 steps\n"), "{}", String::from_utf8_lossy(&out));
    }

    #[test]
    fn a_server_may_keep_stdout_for_itself_and_print_at_the_end() {
        const MARK: &str = "NETPRIMER_TEST_PRINTS";
        if env::var_os(MARK).is_some() {
            let mut server = io::stdout().lock();
            thread::scope(|scope| scope.spawn(passes).join().unwrap());
            server.write_all(b"a client left\n").unwrap();
            std::process::exit(0);
        }
        let mut out = Vec::new();
        let test = "a_server_may_keep_stdout_for_itself_and_print_at_the_end";
        let passed = check(&EXERCISE, &mut itself(test, MARK), &mut out).unwrap();
        assert!(
            passed && out.ends_with(b"a client left\n\nex02_1 passed: 15 steps\n"),
            "{}",
            String::from_utf8_lossy(&out)
        );
    }

    #[test]
    fn of_a_very_long_report_the_end_is_kept() {
        const MARK: &str = "NETPRIMER_TEST_LONG";
        if env::var_os(MARK).is_some() {
            tell(
                &env::args().next_back().unwrap(),
                &("long ".repeat(1_000_000) + "\nex02_1 failed at step 1: one line\n"),
            )
            .unwrap();
            std::process::exit(1);
        }
        let mut out = Vec::new();
        assert!(!check(&EXERCISE, &mut itself("of_a_very_long_report_the_end_is_kept", MARK), &mut out).unwrap());
        assert!(out.ends_with(b"\nex02_1 failed at step 1: one line\n"), "{}", out.len());
    }
}
