//! Exercise 2.1: a server that answers every line with its length in bytes.
//!
//! A line is what stands before a `\n` (byte 10). The answer is the number of its bytes in decimal, and `\n`. A `\r` is a
//! byte of the line like any other. A line has at most 1,000 bytes.
//!
//! ```text
//! C: hello\n                the client sent a line
//! S: 5\n                    its length in bytes
//! C: hel                    lines come in pieces ...
//! C: lo\n你好\n              ... and several at once
//! S: 5\n6\n
//! C: bye                    a last line may have no end of its own
//! C: FIN
//! S: 3\n
//! S: FIN                    and the next client is served
//! ```
//!
//! May use: of this folder peer, report, talk.

use super::{Checked, Exercise, ON_THE_WIRE, THE_CODE, Talk, WHEN_IT_GOES_WRONG};

/// The row in the table of exercises.
pub const EXERCISE: Exercise = Exercise {
    name: "ex02_1",
    lesson: "02_1_tcp_server",
    task: "answer every line with its length in bytes",
    hints: [
        "Look at what a read gives you: some bytes, and how many is chance. Keep them in a `Vec<u8>` until a newline is among \
         them. Two loops stand around it: one over the clients, one over the lines of a client.",
        "std has the part that collects: `BufReader::new(&stream)` and `read_until(b'\\n', &mut line)` with `line` as a \
         `Vec<u8>`. It gives 0 at the end of the stream, and a last line comes without its newline. Write the answer to \
         `&stream`.",
        "Ask for one byte more than a line may have: `reader.by_ref().take(1_001).read_until(b'\\n', &mut line)?`. If the line \
         ends with a newline, remove it. If it does not, and it is empty or longer than 1,000, return. Put the work for one \
         client into a function of its own: its `?` then ends that client and not the server.",
    ],
    dialogue,
};

/// What the checker sends and expects.
fn dialogue(talk: &mut Talk) -> Checked {
    talk.step("one line", THE_CODE)
        .if_received("6\n", "6 counts the newline too: it ends the line and is no part of it.")
        .if_received("5", "The answer ends with a newline as well: how else could the client know that it is whole?")
        .if_received("hello", "This is the line itself; its length was asked.")
        .if_silent(
            "The line was whole at its newline. A server that reads to the end waits for a client that waits for the server.",
        );
    talk.connect()?;
    talk.send("hello\n");
    talk.expect("5\n")?;

    talk.step("more lines, one after the other", THE_CODE)
        .if_received("1\n", "Nothing stands before this newline: the empty line has the length 0.")
        .if_silent("The first line was answered, the next is not. Has every line its answer, also an empty one?")
        .if_hung_up("One connection carries many lines: go on until the client ends.");
    talk.send("\n");
    talk.expect("0\n")?;

    talk.step("spaces and \\r are bytes", ON_THE_WIRE)
        .if_received("2\n", "trim() takes the space and the \\r away. Only the last \\n is no part of the line.")
        .if_received("3\n", "The \\r before the newline counts: only the last \\n is no part of the line.");
    talk.send("hi \r\n");
    talk.expect("4\n")?;

    talk.step("bytes, not characters", ON_THE_WIRE)
        .if_received("2\n", "2 is the number of characters. Each of them travels as three bytes of UTF-8.");
    talk.send("你好\n");
    talk.expect("6\n")?;

    talk.step("bytes that are no UTF-8", ON_THE_WIRE)
        .if_received(
            "8\n",
            "from_utf8_lossy puts three bytes in place of each bad one. Count before you make text of it.",
        )
        .if_hung_up("A String holds only UTF-8, so lines() and read_line() fail here. Read into a Vec<u8>.");
    talk.send(b"\xff\xfe\x00a\n");
    talk.expect("4\n")?;

    talk.step("one line in three pieces", WHEN_IT_GOES_WRONG)
        .if_early("The answer came before the newline. A read gives what has arrived, and that is not a message.")
        .if_received("3\n", "Only the last piece was counted: keep the pieces of a line together.");
    talk.send("hel");
    talk.expect_nothing()?;
    talk.send("lo wor");
    talk.expect_nothing()?;
    talk.send("ld\n");
    talk.expect("11\n")?;

    talk.step("two lines in one piece", WHEN_IT_GOES_WRONG)
        .if_received("9\n", "Both lines were counted as one. A read may give more than one message.")
        .if_received("3\n", "The second line came with the first and is lost. Keep what stands behind the newline.");
    talk.send("one\nthree\n");
    talk.expect("3\n5\n")?;

    talk.step("a last line without a newline", WHEN_IT_GOES_WRONG)
        .if_silent("The client has ended: a read gives 0 bytes. What is left is the last line.")
        .if_hung_up("At the end of the stream bytes were left: they are the last line, also without a newline.");
    talk.send("end");
    talk.half_close();
    talk.expect("3\n")?;

    talk.step("after the client's end the server closes", THE_CODE)
        .if_received("0\n", "Nothing is left, so there is no line to answer.")
        .if_silent("A read of 0 bytes is the end: leave the loop, and the drop of the stream closes it.");
    talk.expect_hang_up()?;

    talk.step("the next client", THE_CODE)
        .if_received("0\n", "Behind the last newline nothing is left: that is no line, so there is no answer.")
        .if_silent("The connection waits in the queue: does the server come back to accept()?")
        .if_hung_up("The server served one client and ended. Put accept() into a loop.");
    talk.connect()?;
    talk.send("again\n");
    talk.expect("5\n")?;
    talk.half_close();
    talk.expect_hang_up()?;

    talk.step("the longest line, 1,000 bytes", WHEN_IT_GOES_WRONG)
        .if_received("0\n", "The newline that ends the 1,000 bytes was taken for a line of its own.")
        .if_hung_up("1,000 bytes are allowed; the newline is not one of them.");
    talk.connect()?;
    talk.send([b"x".repeat(1_000).as_slice(), b"\n"].concat());
    talk.expect("1000\n")?;
    talk.send("next\n");
    talk.expect("4\n")?;

    talk.step("a line that is too long", WHEN_IT_GOES_WRONG)
        .if_received("100", "A line that is too long gets no answer: close the connection.")
        .if_silent("1,001 bytes and no newline: without a limit one client can fill the memory. Close the connection.");
    talk.send([b"short\n", b"x".repeat(1_001).as_slice()].concat());
    talk.expect("5\n")?;
    talk.expect_hang_up()?;

    talk.step("a client that goes away", WHEN_IT_GOES_WRONG)
        .if_silent("Does the server still wait for the client that went away?")
        .if_hung_up("One client's error ended the server: the ? in the loop over the clients returned from serve().");
    talk.connect()?;
    talk.send("hello\n");
    talk.vanish()?;
    talk.connect()?;
    talk.send("still there?\n");
    talk.expect("12\n")
}
