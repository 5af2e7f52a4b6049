//! Exercise 2.2: a client that gets an answer whose length is announced, and knows a whole one from a half one.
//!
//! ```text
//! C: text\n                 the whole question ...
//! C: FIN                    ... and "that was all from me"
//! S: 11\n                   how many bytes the answer has, in decimal, 65,536 at most
//! S: hello world            so many bytes, of any kind, in pieces of any size
//! S: FIN
//! ```
//!
//! The result is these bytes; what comes behind them need not be waited for. Everything together has one second. Nobody there, no
//! such number, fewer bytes than announced, too many announced, no end in time: each is an error, and never half an answer. So
//! is what goes on when 70,000 bytes have come, and that at once.
//!
//! May use: of this folder client, peer, report, talk.

use super::{At, Checked, Exercise, ON_THE_WIRE, Peer, Role, THE_CODE, THE_EXERCISE, Talk, WHEN_IT_GOES_WRONG};
use std::time::{Duration, Instant};

/// The row in the table of exercises.
pub const EXERCISE: Exercise = Exercise {
    name: "ex02_2",
    lesson: "02_2_tcp_client",
    next: "02_3_udp_server",
    task: "get a whole answer within one second, or an error",
    role: Role::Client,
    hints: [
        "Four parts: connect with a limit, send and half-close, read to the server's FIN, look at what came. The third one \
         stands in the lesson: `read_answer` gives each read what is left of the time. The fourth is new, and it is the one \
         that tells a whole answer from a half one.",
        "Fix the end once: `let end = Instant::now() + Duration::from_secs(1);`. Before each read: \
         `end.saturating_duration_since(Instant::now())`; when it is zero, `return Err(ErrorKind::TimedOut.into())`, or else \
         it is the read timeout. After the server's FIN, `let at = all.iter().position(|byte| *byte == b'\\n')` finds the end \
         of the first line. Everything that is wrong becomes \
         `io::Error::new(ErrorKind::InvalidData, \"what is wrong\")`.",
        "`let length: usize = std::str::from_utf8(&all[..at]).map_err(bad)?.parse().map_err(bad)?` with \
         `fn bad(e: impl ToString) -> io::Error { io::Error::new(ErrorKind::InvalidData, e.to_string()) }`. The rest is \
         `&all[at + 1..]`. Shorter than `length`: an error of kind `UnexpectedEof`. `length` above 65,536: an error. Stop \
         reading, too, when more than 70,000 bytes have come. If all is well: `Ok(rest[..length].to_vec())`.",
    ],
    dialogue,
};

/// The time that the client has, and as much again for a machine that has other work.
const IN_TIME: Duration = Duration::from_secs(2);
/// Nothing is to be waited for. It is less than the second that the client may wait.
const AT_ONCE: Duration = Duration::from_millis(900);
/// More than any of them needs, also one that is a program and has to come to its end.
const LATE: Duration = Duration::from_secs(3);
/// Between two pieces: long enough to be two reads.
const PAUSE: Duration = Duration::from_millis(150);

/// The client starts, connects and asks; the answer is up to the step.
fn asked(talk: &mut Talk) -> Checked {
    talk.start(At::Tcp)?;
    talk.accept()?;
    talk.expect("text\n")?;
    talk.expect_half_close()
}

/// What the server plays and expects.
fn dialogue(talk: &mut Talk) -> Checked {
    talk.step("one answer", ON_THE_WIRE)
        .if_received("text", "The question is text and \\n: five bytes, and nothing else.")
        .if_cut("The question ends with a newline: how else could the server know that it is whole?")
        .if_hung_up(
            "The client ended, or closed the connection. A close ends both directions, a half-close only one's own: \
             shutdown(Shutdown::Write), in Python shutdown(socket.SHUT_WR).",
        )
        .if_silent(
            "The server waits for the client's FIN before it answers, and the client waits for the answer. A half-close right \
             behind the question says \"that was all from me\": shutdown(Shutdown::Write), in Python \
             shutdown(socket.SHUT_WR).",
        );
    asked(talk)?;

    talk.step("the result", THE_EXERCISE)
        .if_received("11", "The first line says how long the answer is. It is no part of it.")
        .if_received("\n", "The newline ends the first line. The answer begins behind it.")
        .if_hung_up("This answer is whole and right. If the client closed both directions it cannot hear it: shut down only the one \
             for writing.");
    talk.send("11\nhello world");
    talk.hang_up();
    talk.expect_result("hello world")?;

    talk.step("an answer in pieces", WHEN_IT_GOES_WRONG)
        .if_early("The answer is not whole yet. One read gives what has arrived, and that is not the answer.")
        .if_hung_up("A piece is no broken answer: read on until the server's FIN.")
        .if_received("hello", "Only a piece of the answer: read on until the server's FIN.");
    asked(talk)?;
    talk.send("1");
    talk.expect_patience(PAUSE)?;
    talk.send("1\nhello");
    talk.expect_patience(PAUSE)?;
    talk.send(" world");
    talk.hang_up();
    talk.expect_result("hello world")?;

    talk.step("bytes that are no text, and newlines", THE_CODE)
        .if_hung_up(
            "Behind the first line there are bytes of any kind. As text they cannot be read (in Rust: read_to_string(), a \
             String; in Python: decode()).",
        )
        .if_received("\u{fffd}", "Each bad byte became a character: from_utf8_lossy() is for showing, not for keeping.")
        .if_received("a", "The answer was cut at a newline, but its end is where the length says.");
    asked(talk)?;
    talk.send(b"8\na\n\xff\xfe\x00\r\n\n");
    talk.hang_up();
    talk.expect_result(b"a\n\xff\xfe\x00\r\n\n")?;

    talk.step("an empty answer", THE_EXERCISE)
        .if_hung_up("A length of 0 is a length. The answer is there, and it is empty: that is no error.");
    asked(talk)?;
    talk.send("0\n");
    talk.hang_up();
    talk.expect_result("")?;

    talk.step("the longest answer, 65,536 bytes", THE_EXERCISE)
        .if_received("xxxx", "Not all of it came back: does the reading end before the server's FIN?")
        .if_hung_up("65,536 bytes are allowed. The first line comes on top of them.");
    asked(talk)?;
    talk.send([b"65536\n".as_slice(), &[b'x'; 65_536]].concat());
    talk.hang_up();
    talk.expect_result([b'x'; 65_536])?;

    talk.step("a slow answer", THE_CODE)
        .if_hung_up("Half a second is slow, but in time: the whole second belongs to the server.");
    asked(talk)?;
    talk.expect_patience(Duration::from_millis(500))?;
    talk.send("4\nslow");
    talk.hang_up();
    talk.expect_result("slow")?;

    talk.step("half an answer", WHEN_IT_GOES_WRONG).if_returned(
        "The FIN came before all bytes had come: the server failed before it was done. Half an answer that looks like a whole \
         one is the worst result. Compare with the length.",
    );
    asked(talk)?;
    talk.send("11\nhello");
    talk.hang_up();
    talk.expect_error(Duration::ZERO, IN_TIME)?;

    for (title, answer, why) in [
        (
            "no answer at all",
            "",
            "No byte came, so there is no length and no answer. An empty answer is 0 and a newline.",
        ),
        (
            "a length without its newline",
            "1",
            "The first line is not whole: this may be the beginning of 11 or of 100.",
        ),
        (
            "a length that is no number",
            "five\nhello",
            "\"five\" is no number: this server does not speak our protocol.",
        ),
        (
            "a length beyond all numbers",
            "99999999999999999999\nhello",
            "No number of this machine is so large. parse() says so: hand its error on.",
        ),
    ] {
        talk.step(title, THE_EXERCISE).if_returned(why);
        asked(talk)?;
        if !answer.is_empty() {
            talk.send(answer);
        }
        talk.hang_up();
        talk.expect_error(Duration::ZERO, IN_TIME)?;
    }

    talk.step("an answer that is too long", WHEN_IT_GOES_WRONG).if_returned(
        "65,537 bytes are more than allowed. Without a limit a bad server fills your memory: look at the length that it \
         announces.",
    );
    asked(talk)?;
    talk.send([b"65537\n".as_slice(), &[b'x'; 65_537]].concat());
    talk.hang_up();
    talk.expect_error(Duration::ZERO, IN_TIME)?;

    answer_without_an_end(talk)?;

    talk.step("nobody listens", THE_CODE)
        .if_returned("There was nobody to ask, so there is no answer, not even an empty one.");
    talk.start(At::Nobody)?;
    talk.expect_error(Duration::ZERO, IN_TIME)?;

    servers_that_never_finish(talk)
}

const NEVER: &str = "The second is over. A read without a timeout waits for ever. And each byte starts a read timeout anew, so a \
             server that sends one now and then holds you: fix the end once, and give each read what is left.";

/// Three clients at once: each has to wait for its whole second.
fn servers_that_never_finish(talk: &mut Talk) -> Checked {
    talk.step("servers that never finish", WHEN_IT_GOES_WRONG)
        .if_returned("The answer was not whole when the time was over: that is an error.")
        .if_early("The second was not over yet.")
        .if_silent(NEVER);
    for client in 1..=3 {
        talk.client(client);
        asked(talk)?;
    }
    talk.client(1);
    talk.say("(says nothing)");
    talk.client(2);
    talk.send("11\nhello");
    talk.client(3);
    talk.send("1000\n");
    // When the drip stops, a timeout for each read ends as well: who still waits has failed by then.
    let ended = talk.drip(b"x", PAUSE, LATE);
    for client in [1, 2, 3] {
        talk.client(client);
        if client == 3 && !ended {
            talk.say_of_client("(still waits)");
            talk.refuse("an error", b"nothing", NEVER)?;
        }
        talk.expect_error(Duration::from_millis(700), IN_TIME)?;
    }
    Ok(())
}

/// Who has no limit ends only when its own second is over, by the wall's clock: nobody passes because the machine stood still.
fn answer_without_an_end(talk: &mut Talk) -> Checked {
    const WHY: &str = "100,000 bytes had come, more than any right answer has, and the client read on until its time was over. Without \
                       a limit a bad server fills your memory: stop reading when 70,000 have come.";
    talk.step("an answer without an end", WHEN_IT_GOES_WRONG)
        .if_returned("More has come than any right answer has, and no end.")
        .if_silent(WHY);
    asked(talk)?;
    // A program needs its time to start.
    let begun = if matches!(talk.peer, Peer::Program(_)) { Instant::now() } else { talk.line().begun };
    talk.send([b"100000\n".as_slice(), &[b'x'; 100_000]].concat());
    talk.expect_error(Duration::ZERO, IN_TIME)?;
    if begun.elapsed() < AT_ONCE {
        Ok(())
    } else {
        talk.refuse("an error at once", b"an error when the second was over", WHY)
    }
}
