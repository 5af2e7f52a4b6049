//! Exercise 9: a server that gives each client one and a half seconds for its line, even if it sends one byte at a time, and says what was wrong.
//!
//! ```text
//! C: hello\n                a line of 100 bytes at most, newline included, in pieces of any size
//! S: ok 5\n                 its length in bytes, without the newline
//! S: FIN
//!
//! S: late\n                 no whole line within 1.5 s after the client came
//! S: long\n                 no newline among its first 100 bytes, in pieces of any size
//! S: cut\n                  the client's FIN, and the line was not whole
//! ```
//!
//! Each answer is followed by the server's FIN. Clients are served at the same time.
//!
//! May use: of this folder peer, report, say, talk.

use super::{Checked, Exercise, Role, THE_CODE, THE_EXERCISE, Talk, WHEN_IT_GOES_WRONG};
use std::time::Duration;

/// The row in the table of exercises.
pub const EXERCISE: Exercise = Exercise {
    name: "ex09",
    lesson: "09_best_practices",
    next: "10_summary",
    task: "a deadline for the whole line, an answer for each kind of error",
    role: Role::Server,
    hints: [
        "Three parts: accept and start a thread for each client; read the line, which can end in four ways; write the answer. \
         Let the middle one be a function of its own that returns what happened, and nothing else: an `enum`, or the answer \
         itself. For the time, see `right` under *Timeouts* in the lesson.",
        "The end is fixed once, when the client comes: `let end = Instant::now() + Duration::from_millis(1500);`. Before each \
         read: `let left = end.saturating_duration_since(Instant::now());`. If it is zero, that is `late`; or else \
         `client.set_read_timeout(Some(left))?`. (A timeout of zero is an error to std: it would mean \"for ever\".) A read \
         that ran out of time gives `WouldBlock` on Linux and `TimedOut` on Windows.",
        "One byte at a time is enough for 100 bytes: `let mut byte = [0];` and `match client.read(&mut byte) { Ok(0) => \"cut\", \
         Ok(_) if byte[0] == b'\\n' => the length, Ok(_) => count it, and at 100 \"long\", Err(e) if matches!(e.kind(), \
         ErrorKind::WouldBlock | ErrorKind::TimedOut) => \"late\", Err(e) => return Err(e) }`. What goes wrong with one client \
         ends its thread, and no other.",
    ],
    dialogue,
};

/// The line of each client may have so many bytes, with its newline.
const LONGEST: usize = 100;
/// Between two drops.
const DROP: Duration = Duration::from_millis(100);
/// So early is too early for "late", also where the clock of the check began later than that of the server ...
const EARLY: Duration = Duration::from_millis(850);
/// ... and so much later it is too late: 1.5 s and what a busy machine needs.
const LATE: Duration = Duration::from_millis(1_300);

/// A client asks, and this is the whole answer.
fn answered(talk: &mut Talk, question: impl AsRef<[u8]>, answer: &str) -> Checked {
    talk.send(question);
    talk.expect(answer)?;
    talk.expect_hang_up()
}

/// What the clients play and expect.
fn dialogue(talk: &mut Talk) -> Checked {
    let newline = "The newline ends the line. It is no part of it, and is not counted.";
    talk.step("a line", THE_EXERCISE)
        .if_received("ok 6", newline)
        .if_received("hello", "The answer is \"ok\", a space and the length in bytes.")
        .if_cut("The answer ends with a newline: how else could the client know that it is whole?")
        .if_silent("The line is whole with its newline. The client waits for the answer before it says anything more.");
    talk.connect()?;
    talk.send("hello\n");
    talk.expect("ok 5\n")?;

    talk.step("the end of the connection", THE_EXERCISE)
        .if_silent("One line, one answer: then the server closes the connection.");
    talk.expect_hang_up()?;

    talk.step("the next client", THE_EXERCISE)
        .if_hung_up("One client was served, and there are more: serve() never returns. Accept in a loop.")
        .if_silent("One client was served, and there are more: accept in a loop.");
    talk.connect()?;
    answered(talk, "hi\n", "ok 2\n")?;

    talk.step("bytes that are no text", THE_CODE)
        .if_received("ok 3", "These are 7 bytes. As text they would be 3 characters, the last of them a bad one.")
        .if_received("ok 9", "The bad byte became a character of three bytes: from_utf8_lossy() is for showing, not for counting.")
        .if_hung_up("A line has bytes of any kind. As text they cannot be read (in Rust: read_line(), a String; in Python: decode()).");
    talk.connect()?;
    answered(talk, b"\xe4\xbd\xa0\xe5\xa5\xbd\xff\n", "ok 7\n")?;

    talk.step("a line in pieces", THE_CODE)
        .if_early("The line is not whole yet, and a third of a second is no time: there are one and a half.")
        .if_hung_up("A piece is no end: read on until the newline.")
        .if_received("ok 1", "Each read gives what has arrived: a piece. The length is that of the whole line.");
    talk.connect()?;
    talk.send("he");
    talk.expect_nothing()?;
    talk.send("ll");
    talk.expect_nothing()?;
    answered(talk, "o\n", "ok 5\n")?;

    talk.step("the longest line", THE_EXERCISE)
        .if_received("long", "100 bytes are allowed, and the last of these is the newline.");
    talk.connect()?;
    answered(talk, [vec![b'x'; LONGEST - 1], b"\n".to_vec()].concat(), "ok 99\n")?;

    talk.step("a line that is too long", WHEN_IT_GOES_WRONG)
        .if_silent("100 bytes have come, and no newline: this line is too long, whatever comes now. Without a limit, a client fills your memory.")
        .if_hung_up("The client is to learn what was wrong: \"long\".")
        .if_received("ok", "100 bytes have come, and no newline: this is no line.");
    talk.connect()?;
    answered(talk, [b'x'; LONGEST], "long\n")?;

    talk.step("too long, in two pieces", WHEN_IT_GOES_WRONG)
        .if_received(
            "ok",
            "50 bytes and 51, the last of them a newline, are 101. A line has 100 at most: look at its length whenever a piece has \
             come, also when that piece ends the line.",
        )
        .if_received("late", "101 bytes have come: this line is too long. Your count has stepped over its limit.")
        .if_silent("101 bytes have come: this line is too long. Has your count stepped over its limit?");
    talk.connect()?;
    talk.send([b'x'; LONGEST / 2]);
    talk.expect_nothing()?;
    talk.send([vec![b'x'; LONGEST / 2], b"\n".to_vec()].concat());
    talk.expect_unless_reset("long\n")?;

    talk.step("half a line", WHEN_IT_GOES_WRONG)
        .if_received(
            "ok",
            "The FIN came before the newline: half a line is no line. Perhaps the client failed before it was done.",
        )
        .if_received("late", "The FIN came, and nothing can come behind it: nothing is to be waited for.")
        .if_silent(
            "The FIN came, and nothing can come behind it. A read that gives 0 bytes is the end, and not silence.",
        )
        .if_hung_up("The client is to learn what was wrong: \"cut\".");
    talk.connect()?;
    talk.send("hel");
    talk.half_close();
    talk.expect("cut\n")?;
    talk.expect_hang_up()?;

    talk.step("the next one, after somebody who went away", WHEN_IT_GOES_WRONG)
        .if_hung_up("A client that goes away ends its own thread, and not the server.");
    talk.connect()?;
    talk.send("hel");
    talk.hang_up();
    talk.connect()?;
    answered(talk, "hello\n", "ok 5\n")?;

    talk.step("a silent one, one that drips, and one that is quick", WHEN_IT_GOES_WRONG).if_silent(
        "The third client waits for the first two. A deadline alone does not help those who come later: serve them at \
         the same time, each in a thread of its own.",
    );
    for number in 1..=3 {
        talk.client(number);
        talk.connect()?;
    }
    answered(talk, "hello\n", "ok 5\n")?;

    let late = "The time is over, and the client still has its place. A read timeout counts each read: a byte now and then \
                starts it anew, and holds the server as long as it likes. That is the slow loris. Fix the end once, when the \
                client comes, and give each read what is left. (Or is your time longer than 1.5 s?)";
    let kind = "The client is to learn what was wrong: \"late\". A read that ran out of time is an error of the kind WouldBlock on \
                Linux, and TimedOut on Windows. Does your code know both?";
    talk.step("the one that drips", WHEN_IT_GOES_WRONG)
        .if_early("The second and a half was not over yet.")
        .if_hung_up(kind)
        .if_received(
            "cut",
            "No FIN came. A read that ran out of time is an error, WouldBlock or TimedOut, and not the end.",
        );
    talk.client(2);
    if talk.drip(b"x", DROP, EARLY) {
        talk.expect_nothing()?;
    }
    if !talk.drip(b"x", DROP, LATE) {
        return talk.refuse("late\\n", b"", late);
    }
    talk.expect("late\n")?;
    talk.expect_hang_up()?;

    talk.step("the silent one", WHEN_IT_GOES_WRONG)
        .if_silent("Silence has no end of its own: without a timeout the server waits for ever.")
        .if_hung_up(kind);
    talk.client(1);
    talk.expect("late\n")?;
    talk.expect_hang_up()
}
