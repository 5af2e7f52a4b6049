//! The check in a process apart: what ends that process, ends the check, and somebody must be left to say so.
//!
//! The learner's function runs in the process of its checker. A panic of it is seen there; `process::exit()`, a stack or a memory
//! that is used up take the checker along, and an exit status of 0 would look like success. So whoever started it believes no
//! status without a verdict.
//!
//! May use: error; of this folder report.

use super::{Exercise, report};
use crate::error::{Error, Result};
use std::env;
use std::io::{self, Read, Write};
use std::mem;
use std::process::{Command, ExitStatus, Stdio};

/// The argument that says: check in this very process.
pub(super) const HERE: &str = "here";
/// A verdict is shorter.
const LAST_LINE: usize = 1_024;

/// This program once more, which is to check there.
pub(super) fn command() -> io::Result<Command> {
    let mut command = Command::new(env::current_exe()?);
    command.arg(HERE);
    Ok(command)
}

/// From here on only this thread prints, to the end of the process: a server of the learner's that says "a client left" just then
/// would say it behind the verdict, which has to be the last line.
pub(super) fn have_the_last_word() {
    mem::forget(io::stdout().lock());
}

/// Runs it, hands on what it writes, and adds a verdict if it ends without one. Whether the exercise is passed.
pub(super) fn check(exercise: &Exercise, command: &mut Command, out: &mut impl Write) -> Result<bool> {
    let tried = || Error::io(format!("check {}", exercise.name));
    let mut child = command.stdout(Stdio::piped()).spawn().map_err(tried())?;
    let mut end = Vec::new();
    if let Some(mut stdout) = child.stdout.take() {
        let mut piece = [0; 4_096];
        while let n @ 1.. = stdout.read(&mut piece).map_err(tried())? {
            // Nobody may be left to read it: a closed stdout changes no verdict.
            let _ = out.write_all(&piece[..n]).and_then(|()| out.flush());
            end.extend_from_slice(&piece[..n]);
            end.drain(..end.len().saturating_sub(LAST_LINE));
        }
    }
    let status = child.wait().map_err(tried())?;
    let last = String::from_utf8_lossy(&end);
    let last = last.lines().last().unwrap_or_default();
    // As every report ends.
    let [passed, failed] = ["passed", "failed"].map(|how| format!("{} {how}", exercise.name));
    if !(last.starts_with(&passed) || last.starts_with(&failed)) {
        let _ = out.write_all(ended(exercise, status).as_bytes());
    }
    Ok(status.success() && last.starts_with(&passed))
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
    use std::sync::mpsc;
    use std::thread;
    use std::time::Duration;

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

    #[test]
    fn a_verdict_is_handed_on_and_needs_its_status() {
        const MARK: &str = "NETPRIMER_TEST_VERDICT";
        if env::var_os(MARK).is_some() {
            let _ = io::stdout().write_all(b"\nex02_1 passed: 15 steps\n");
            std::process::exit(3);
        }
        let mut out = Vec::new();
        assert!(!check(&EXERCISE, &mut itself("a_verdict_is_handed_on_and_needs_its_status", MARK), &mut out).unwrap());
        assert!(out.ends_with(b"\nex02_1 passed: 15 steps\n"), "{}", String::from_utf8_lossy(&out));
    }
    #[test]
    fn nobody_prints_behind_the_verdict() {
        const MARK: &str = "NETPRIMER_TEST_PRINTS";
        if env::var_os(MARK).is_some() {
            have_the_last_word();
            let _ = io::stdout().write_all(b"\nex02_1 passed: 15 steps\n");
            let (tell, printed) = mpsc::channel();
            let server = move || tell.send(io::stdout().write_all(b"a client left\n"));
            thread::spawn(server);
            let _ = printed.recv_timeout(Duration::from_millis(100));
            std::process::exit(0);
        }
        let mut out = Vec::new();
        let passed = check(&EXERCISE, &mut itself("nobody_prints_behind_the_verdict", MARK), &mut out).unwrap();
        assert!(passed, "{}", String::from_utf8_lossy(&out));
    }
}
