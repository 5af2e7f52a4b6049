//! Errors: a network call fails in few ways, and each wants something else from the program.
//!
//! On the wire: the greeting of a mail server, `220 ready\r\n` (RFC 5321 section 4.2), and seven ways to spoil it.

use crate::lesson::Args;
use netprimer::dial::Dial;
use netprimer::lab::ports::Closed;
use netprimer::lab::script::{self, Script, Step};
use netprimer::retry::{Policy, retry};
use netprimer::text::{Limits, TextConn};
use netprimer::{Error, Result};
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

/// Python's `except: pass` in a loop: every error is the same error, and the cure is to try again.
pub fn broken(args: &Args) -> Result<()> {
    let peers = Peers::start()?;
    let (mut attempts, mut failed) = (0, 0);
    for (_, addr, patience) in peers.all() {
        let greeted = (1..=2).any(|_| {
            attempts += 1;
            greet(addr, patience, args).is_ok()
        });
        failed += usize::from(!greeted);
    }
    println!("  {failed} times \"it did not work\", after {attempts} attempts");
    Ok(())
}

/// The error says what happened. Only what may go better next time is tried again, and the person is told the cause.
pub fn right(args: &Args) -> Result<()> {
    let peers = Peers::start()?;
    let policy = Policy { total: 1, ..Policy::default() };
    for (what, addr, patience) in peers.all() {
        let mut attempts = 0;
        let greeted = retry(&policy, |attempt| {
            attempts = attempt;
            greet(addr, patience, args)
        });
        if let Err(error) = greeted {
            println!("  {what:<20} {attempts} x  {error}\n{:26} -> {}", "", advice(&error));
        }
    }
    Ok(())
}

/// What is to be done: the compiler sees to it that no kind of error is forgotten.
fn advice(error: &Error) -> &'static str {
    match error {
        Error::Io(..) => "try again later; does the server run, is the network there?",
        Error::Timeout(_) => "try again; nobody knows whether what we sent has arrived",
        Error::Closed(_) => "throw away the half that came, then try again",
        Error::TooLong(..) => "give up: this peer takes more than we give",
        Error::Protocol(_) => "give up and report it: one of the two programs is wrong",
        Error::Reply(reply) if reply.code / 100 == 4 => "try again later: the server says so",
        Error::Reply(_) => "do not try again: show the server's words, change the request",
        Error::Invalid(_) => "mend the input: nothing was sent",
        Error::Other(..) => "show the cause",
    }
}

/// One conversation: the greeting must come in time, and be one.
fn greet(addr: SocketAddr, patience: Duration, args: &Args) -> Result<()> {
    let dial = Dial { reply: patience, trace: args.wire(), ..Dial::default() };
    let limits = Limits { line: 512, ..Limits::default() };
    let mut server = TextConn::new(dial.open(&addr.into())?, limits);
    server.read_reply()?.expect(2)?;
    server.command("HELO me\r\nQUIT")?.expect(2)?; // a name with a line end inside, as a stranger may type it
    Ok(())
}

/// For a greeting that comes: a busy machine may need more than the moment that is usual.
const PATIENCE: Duration = Duration::from_secs(30);

/// For the one of which we know that it never comes, so that nobody has to wait here.
const SHORT: Duration = Duration::from_millis(250);

/// Servers of which each fails in its own way, and an address without a server.
struct Peers {
    nobody: Closed,
    scripts: Vec<(&'static str, Script)>,
}

impl Peers {
    fn start() -> Result<Peers> {
        let long = format!("220 {}\r\n", "x".repeat(10_000));
        let scripts = [
            ("it is silent", vec![Step::Hold]),
            ("it leaves early", vec![Step::say("220 rea")]),
            ("it never stops", vec![Step::say(long), Step::Hold]),
            ("it speaks nonsense", vec![Step::say("Hello!\r\n"), Step::Hold]),
            ("it says: not now", vec![Step::say("421 come back later\r\n"), Step::Hold]),
            ("it says: no", vec![Step::say("554 no service here\r\n"), Step::Hold]),
            ("it is well, we err", vec![Step::say("220 ready\r\n"), Step::Hold]),
        ];
        let play = |(what, steps)| Ok((what, script::play(steps)?));
        let scripts = scripts.into_iter().map(play).collect::<Result<_>>()?;
        Ok(Peers { nobody: Closed::start(Ipv4Addr::LOCALHOST.into())?, scripts })
    }

    fn all(&self) -> Vec<(&'static str, SocketAddr, Duration)> {
        let patience = |what| if what == "it is silent" { SHORT } else { PATIENCE };
        let scripts = self.scripts.iter().map(|(what, script)| (*what, script.addr(), patience(*what)));
        [("nobody listens", self.nobody.addr(), PATIENCE)].into_iter().chain(scripts).collect()
    }
}
