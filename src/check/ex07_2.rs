//! Exercise 7.2: a port scanner that tells open, closed and filtered apart, for many addresses at once.
//!
//! ```text
//! C: SYN   S: SYN ACK       open: the client closes, and has sent nothing
//! C: SYN   S: RST           closed
//! C: SYN   (silence)        filtered, after half a second
//! ```
//!
//! The result is a line for each address, in their order: `open`, `closed` or `filtered`. All together take hardly longer
//! than one (RFC 9293 section 3.5).
//!
//! May use: of this folder client, peer, report, talk.

use super::{At, Checked, Exercise, ON_THE_WIRE, Role, THE_CODE, THE_EXERCISE, Talk, WHEN_IT_GOES_WRONG};
use std::time::{Duration, Instant};

/// The row in the table of exercises.
pub const EXERCISE: Exercise = Exercise {
    name: "ex07_2",
    lesson: "07_2_port_scan",
    next: "08_1_concurrent_http",
    task: "tell open, closed and filtered ports apart, many at once",
    role: Role::Client,
    hints: [
        "Two functions: one knocks at one address and gives its word, the other one starts a thread for each address and puts \
         the words together. Write the first one, call it for one address after the other, and check: all steps but the last \
         will pass.",
        "`TcpStream::connect_timeout(address, Duration::from_millis(500))` is the knock. `Ok(_)` is `open`: nothing is to be \
         read. `Err(e)` has a kind, `e.kind()`: `ErrorKind::ConnectionRefused` is `closed`, `ErrorKind::TimedOut` is \
         `filtered`, and every other kind is trouble of our own: `Err(e)`. `thread::scope` lets the threads borrow the \
         addresses.",
        "First start all, then wait for each, in the order of the list: `thread::scope(|scope| { let all: Vec<_> = \
         addresses.iter().map(|address| scope.spawn(move || knock(address))).collect(); all.into_iter().map(|one| \
         one.join().unwrap_or_else(|_| Err(io::Error::other(\"a thread panicked\")))).collect::<io::Result<Vec<&str>>>() })?`. \
         That is a list of words: `concat()` makes one text of them if each ends with `\\n`.",
    ],
    dialogue,
};

/// What never came within this time is silence. (A little less, for a clock that is not ours.)
const SILENCE: Duration = Duration::from_millis(480);
/// The time that a client has for its error.
const IN_TIME: Duration = Duration::from_secs(2);

/// The client starts with these addresses.
fn given(talk: &mut Talk, addresses: &[At]) -> Checked {
    talk.start_all(addresses)?;
    let mut number = 1;
    for same in addresses.chunk_by(|a, b| a == b) {
        let state = match same[0] {
            At::Nobody => "nobody listens",
            At::Silent => "no SYN is answered",
            At::Impossible => "an address to which no SYN can be sent",
            _ => "listens",
        };
        let last = number + same.len() - 1;
        let as_well = if same.len() > 1 { format!(", and the same up to S{last}") } else { String::new() };
        talk.client(number);
        talk.say(&format!("({state}{as_well})"));
        number = last + 1;
    }
    talk.client(1);
    Ok(())
}

/// At this open port the client connects, sends nothing, and closes.
fn knocked(talk: &mut Talk, number: usize) -> Checked {
    talk.client(number);
    talk.accept()?;
    talk.expect_hang_up()?;
    talk.client(1);
    Ok(())
}

/// What the ports do, and what is expected.
fn dialogue(talk: &mut Talk) -> Checked {
    use At::{Impossible, Nobody, Silent, Tcp};
    talk.step("an open port", ON_THE_WIRE)
        .if_silent("Nobody knocked. Connect to each address that you are given, before anything else.");
    given(talk, &[Tcp])?;
    talk.accept()?;
    talk.from_here().if_received("", "A scanner only knocks: it sends nothing, reads nothing, and closes.").if_silent(
        "The port is open as soon as the connection is there. Close it, and read nothing: nothing will come.",
    );
    talk.expect_hang_up()?;
    talk.from_here()
        .if_received("filtered", "The connection was there: that is open, though nobody says a word.")
        .if_received("open", "A line for each address: the word and a newline.")
        .if_received("closed", "The connection was there: that is open, though nobody says a word.")
        .if_received(
            "127.0.0.1",
            "A line has the word and nothing else: who asked knows the addresses and their order.",
        );
    talk.expect_result("open\n")?;

    talk.step("a closed port", THE_CODE)
        .if_received(
            "filtered",
            "A RST came, and at once: the machine is there, and nobody listens. Only silence is filtered.",
        )
        .if_hung_up("\"Connection refused\" is an answer about the port, and no trouble of ours: it gets its word.")
        .if_received("", "A RST came, so nobody listens there: closed.");
    given(talk, &[Nobody])?;
    talk.expect_result("closed\n")?;

    talk.step("three closed ports", THE_EXERCISE)
        .if_hung_up("One address that refuses is no reason to leave out the others.")
        .if_received("closed", "A line for each address.");
    given(talk, &[Nobody; 3])?;
    talk.expect_result("closed\n".repeat(3))?;

    talk.step("no address at all", THE_EXERCISE)
        .if_hung_up("No address: no line, and no error. Is there an index, or a division, that wants at least one?");
    given(talk, &[])?;
    talk.expect_result("")?;

    let silence = talk.has_silence();
    if silence {
        talk.step("a filtered port", WHEN_IT_GOES_WRONG)
            .if_received(
                "closed",
                "No RST came, and nothing else: that is silence, not \"closed\". The kind of the error tells them apart.",
            )
            .if_hung_up("\"Timed out\" is an answer about the port, and no trouble of ours: it gets its word.")
            .if_silent("Without a timeout, the system tries to connect for two minutes. A port gets half a second.");
        let begin = Instant::now();
        given(talk, &[Silent])?;
        talk.expect_result("filtered\n")?;
        if begin.elapsed() < SILENCE {
            let why = "Half a second was not over yet. An answer from far away takes its time, and would be taken for silence.";
            return talk.refuse("filtered\\n, after half a second", b"filtered\n", why);
        }
    }

    talk.step("an address that cannot be tried", THE_EXERCISE).if_returned(
        "The system could not even send a SYN, so the port has said nothing. With a word for every error, all ports seem closed \
         when the network is down. Only \"connection refused\" and \"timed out\" are words; whatever else goes wrong is the error \
         that ask() returns.",
    );
    given(talk, &[Nobody, Impossible])?;
    talk.expect_error(Duration::ZERO, IN_TIME)?;

    if !silence {
        return Ok(()); // this system has no port that answers nothing
    }

    talk.step("the order of the addresses", THE_EXERCISE)
        .if_received(
            "open",
            "The first address is the slowest, and its word still comes first: the order is that of the addresses.",
        )
        .if_hung_up("One address that is silent is no reason to leave out the others.");
    given(talk, &[Silent, Tcp, Tcp])?;
    knocked(talk, 2)?;
    knocked(talk, 3)?;
    talk.expect_result("filtered\nopen\nopen\n")?;

    talk.step("twenty silent ports and an open one", WHEN_IT_GOES_WRONG).if_silent(
        "Twenty times half a second, one after another, are ten seconds. Waiting needs no processor: let all wait at once, \
         each in a thread of its own, and do not join one before all have begun.",
    );
    let mut addresses = vec![Silent; 20];
    addresses.push(Tcp);
    given(talk, &addresses)?;
    knocked(talk, 21)?;
    talk.expect_result("filtered\n".repeat(20) + "open\n")
}
