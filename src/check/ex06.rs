//! Exercise 6: a client that sends a text as mail, with its dots stuffed, to a server that takes it or not.
//!
//! ```text
//! S: 220 ready\r\n                     the server speaks first
//! C: HELO localhost\r\n
//! S: 250 hello\r\n
//! C: MAIL FROM:<me@example.com>\r\n    the envelope
//! S: 250 OK\r\n
//! C: RCPT TO:<you@example.com>\r\n
//! S: 250 OK\r\n
//! C: DATA\r\n
//! S: 354 go on\r\n
//! C: ..hidden\r\n                      the text: each line ends with CRLF, and one that begins with a dot has a second one
//! C: .\r\n                             a single dot ends it (RFC 5321 section 4.5.2)
//! S: 250 taken as 7\r\n                the result, without its CRLF
//! C: QUIT\r\n
//! S: 221 bye\r\n
//! ```
//!
//! CRLF, LF and CR end a line of the text, and the last line may have no line end. Every other reply is an error, and the
//! client hangs up without another word.
//!
//! May use: of this folder client, peer, report, talk.

use super::{Checked, Exercise, ON_THE_WIRE, Role, THE_CODE, THE_EXERCISE, Talk, WHEN_IT_GOES_WRONG};
use std::time::Duration;

/// The row in the table of exercises.
pub const EXERCISE: Exercise = Exercise {
    name: "ex06",
    lesson: "06_smtp",
    next: "07_1_dns",
    task: "send a text as mail, and let nothing in it end it",
    role: Role::Client,
    hints: [
        "Three functions: `reply` reads one line and makes an error of one that begins with another digit; `stuffed` makes of \
         the text what travels behind DATA; `ask` says the lines in their order and reads the reply to each before it says the \
         next one. Only `stuffed` is difficult, and it needs no network: begin with it.",
        "In `stuffed` make one kind of line end of the three first: `text.replace(\"\\r\\n\", \"\\n\").replace('\\r', \"\\n\")`. \
         Which of the two calls must come first? Then `split_terminator('\\n')` gives the lines, and no empty one behind the \
         last line end. For each: a dot if `starts_with('.')`, the line, CRLF. At last a dot and CRLF.",
        "A reply: `BufReader::new(&stream)` once, then `read_line(&mut line)?`, and `line.starts_with('2')`, after DATA \
         `starts_with('3')`; or else `Err(io::Error::other(line))`. An empty line is the server's FIN, so that is an error too. \
         To write is `(&stream).write_all(line.as_bytes())?`. Keep the reply to the text, send `QUIT\\r\\n`, and return \
         `reply.trim_end()` as bytes.",
    ],
    dialogue,
};

/// The time that a client has for its error.
const IN_TIME: Duration = Duration::from_secs(2);

/// What the client says before its text, and what the server answers.
const ENVELOPE: [(&str, &str); 4] = [
    ("HELO localhost\r\n", "250 hello\r\n"),
    ("MAIL FROM:<me@example.com>\r\n", "250 OK\r\n"),
    ("RCPT TO:<you@example.com>\r\n", "250 OK\r\n"),
    ("DATA\r\n", "354 go on\r\n"),
];

/// The client gets this text, connects, and says so many lines of the envelope.
fn envelope(talk: &mut Talk, text: &str, lines: usize) -> Checked {
    talk.start_with(text)?;
    talk.accept()?;
    talk.send("220 ready\r\n");
    for (line, reply) in &ENVELOPE[..lines] {
        talk.expect(line)?;
        talk.send(reply);
    }
    Ok(())
}

/// The client sends this text so, and is told that it was taken.
fn sent(talk: &mut Talk, text: &str, wire: &str) -> Checked {
    envelope(talk, text, ENVELOPE.len())?;
    talk.expect(wire)?;
    talk.send("250 taken\r\n");
    talk.expect("QUIT\r\n")?;
    talk.send("221 bye\r\n");
    talk.hang_up();
    talk.expect_result("250 taken")
}

/// What the server plays and expects.
fn dialogue(talk: &mut Talk) -> Checked {
    talk.step("the envelope", ON_THE_WIRE);
    talk.start_with("Subject: Hello\r\n\r\nHello\r\n")?;
    talk.accept()?;
    talk.from_here()
        .if_early("The server speaks first: read its greeting before you say HELO.")
        .if_cut("Every line of SMTP ends with CRLF, the two bytes \\r\\n.")
        .if_received("EHLO", "EHLO is for servers that have extensions. Here it is HELO, with a reply of one line.")
        .if_received(
            "HELO localhost\n",
            "Every line of SMTP ends with CRLF, the two bytes \\r\\n. Here \\r is missing.",
        )
        .if_silent(
            "The server has answered and waits for the next line. Do you read up to its FIN, or further than one line?",
        );
    talk.expect_nothing()?;
    talk.send("220 ready\r\n");
    for (line, reply) in ENVELOPE {
        talk.expect(line)?;
        talk.send(reply);
    }

    talk.step("the text, and its end", ON_THE_WIRE)
        .if_received(
            "Subject: Hello\r\n\r\nHello\r\n\r\n",
            "There is an empty line too many. The text ended with a line end already, and behind that there is no further line.",
        )
        .if_received("Subject: Hello\n", "On the wire every line ends with CRLF.")
        .if_cut("Behind the text a line with a single dot says that this was all: without it the server waits on.")
        .if_silent("354 says: go on with the text.");
    talk.expect("Subject: Hello\r\n\r\nHello\r\n.\r\n")?;

    talk.step("the result", THE_EXERCISE)
        .if_early("The reply is not whole yet: it ends with CRLF. One read gives what has arrived.")
        .if_received("250 taken as 7\r\n", "The result is the reply without its CRLF.")
        .if_received(
            "250 taken as 7\n",
            "Behind the result stands no line end. (In Python print() adds one, sys.stdout.write() does not.)",
        )
        .if_received("221", "221 says goodbye. The result is the reply to the text.")
        .if_hung_up("250 says that the text was taken, and QUIT comes before the client hangs up.");
    talk.send("25");
    talk.expect_nothing()?;
    talk.send("0 taken as 7\r\n");
    talk.expect("QUIT\r\n")?;
    talk.send("221 bye\r\n");
    talk.hang_up();
    talk.expect_result("250 taken as 7")?;

    talk.step("lines that end with LF", THE_EXERCISE)
        .if_received("Subject: Hello\n", "This line ends with LF alone. On the wire every line ends with CRLF.")
        .if_received(
            "Subject: Hello\r\none",
            "An empty line is a line too: it ends the head, so it must not get lost.",
        );
    sent(talk, "Subject: Hello\n\none\n\ntwo\n", "Subject: Hello\r\n\r\none\r\n\r\ntwo\r\n.\r\n")?;

    talk.step("a last line without its end", THE_EXERCISE)
        .if_received("the end.", "The last dot stands on a line of its own: a line end is missing before it.")
        .if_cut("The last line is a line also without its end.");
    sent(talk, "the end", "the end\r\n.\r\n")?;

    talk.step("spaces at the ends of a line", THE_EXERCISE)
        .if_received("", "The spaces belong to the text: only its line ends may change. trim() takes spaces away too.");
    sent(talk, "one\n  two \nthree", "one\r\n  two \r\nthree\r\n.\r\n")?;

    talk.step("lines that begin with a dot", ON_THE_WIRE)
        .if_received(
            ".hidden",
            "The server takes the first dot of a line away, and here it was the text's own. Every line that begins with a dot \
             gets a second one.",
        )
        .if_received("..hidden\r\n....", "Only the first dot of a line is doubled, and no other one.")
        .if_received("..hidden\r\n..\r\n", "A line of two dots begins with a dot too: it gets a third one.")
        .if_received("..hidden\r\n...\r\na.", "Only a dot at the beginning of a line is doubled.");
    sent(talk, ".hidden\r\n..\r\na. .b\r\n", "..hidden\r\n...\r\na. .b\r\n.\r\n")?;

    talk.step("a line with one dot", WHEN_IT_GOES_WRONG).if_received(
        "Hello\r\n.\r\n",
        "The text has ended itself, and what stands behind it is a command to the server now. Who writes the text may send mail \
         in the name of another.",
    );
    let text = "Hello\r\n.\r\nMAIL FROM:<boss@example.com>\r\n";
    sent(talk, text, "Hello\r\n..\r\nMAIL FROM:<boss@example.com>\r\n.\r\n")?;

    talk.step("a dot between line ends of all kinds", WHEN_IT_GOES_WRONG)
        .if_received(
            "a\n",
            "LF alone ends a line for some servers, and then this is the end of the text. Nothing but CRLF may leave.",
        )
        .if_received("a\r\n..\r\nb\r.", "CR alone ends a line for some servers. Nothing but CRLF may leave.")
        .if_received("a\r\n..\r\nb\r\n.\r\n", "Behind CR there begins a line too: its dot is doubled.")
        .if_received("a\r\n\r\n", "CR and LF together are one line end, not two.");
    sent(talk, "a\n.\nb\r.\rc\n.\r\nd\r\r\n.", "a\r\n..\r\nb\r\n..\r\nc\r\n..\r\nd\r\n\r\n..\r\n.\r\n")?;

    talk.step("characters of several bytes", THE_CODE)
        .if_hung_up("The text is UTF-8, and it leaves as the bytes that it has. Count no characters.");
    sent(talk, ".你好\r\n", "..你好\r\n.\r\n")?;

    talk.step("a text without a line", THE_EXERCISE)
        .if_silent("A text of no lines has an end too: the single dot.")
        .if_received("\r\n", "A text of no lines has no empty line either.");
    sent(talk, "", ".\r\n")?;

    for (title, line, reply, why) in [
        (
            "a refused recipient",
            2,
            "550 no such user\r\n",
            "550 says no: nobody would get this mail. Look at the first digit of each reply before you go on.",
        ),
        (
            "a refused sender",
            1,
            "451 not now\r\n",
            "451 says no, and the reply to MAIL is a reply too. Look at the first digit of each one.",
        ),
        (
            "a refused HELO",
            0,
            "502 no such command\r\n",
            "502 says no, and the reply to HELO is a reply too. Look at the first digit of each one.",
        ),
        (
            "a refused DATA",
            3,
            "554 no text from you\r\n",
            "554 says no: the server takes no text now, and all lines that you send are commands to it. Wait for 354.",
        ),
        (
            "250 in place of 354",
            3,
            "250 OK\r\n",
            "Behind DATA only 3 says: go on with the text. After any other digit the text would be read as commands, also after a \
             friendly one.",
        ),
    ] {
        talk.step(title, ON_THE_WIRE).if_received("", why);
        envelope(talk, "Hello", line)?;
        talk.expect(ENVELOPE[line].0)?;
        talk.send(reply);
        talk.expect_hang_up()?;
        talk.expect_error(Duration::ZERO, IN_TIME)?;
    }

    let busy = "421 says no, and the greeting is a reply too: look at its first digit before you say HELO.";
    talk.step("a greeting that is none", ON_THE_WIRE).if_received("", busy);
    talk.start_with("Hello")?;
    talk.accept()?;
    talk.send("421 too busy\r\n");
    talk.expect_hang_up()?;
    talk.expect_error(Duration::ZERO, IN_TIME)?;

    talk.step("a refused text", ON_THE_WIRE)
        .if_received("QUIT", "554 is an error: hang up without another word, and return it.")
        .if_returned("554 says that the text was not taken. Look at the first digit of its reply as well.");
    envelope(talk, "Hello", ENVELOPE.len())?;
    talk.expect("Hello\r\n.\r\n")?;
    talk.send("554 looks like spam\r\n");
    talk.expect_hang_up()?;
    talk.expect_error(Duration::ZERO, IN_TIME)?;

    talk.step("no reply to the text", WHEN_IT_GOES_WRONG).if_returned(
        "The server went away before it said that the text was taken. An empty line from read_line() (in Python b\"\") is the end \
         of the connection, and no reply.",
    );
    envelope(talk, "Hello", ENVELOPE.len())?;
    talk.expect("Hello\r\n.\r\n")?;
    talk.hang_up();
    talk.expect_error(Duration::ZERO, IN_TIME)
}
