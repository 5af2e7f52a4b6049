//! Exercise 2.1: a server that answers every line with its length in bytes.
//!
//! A line is what stands before a `\n` (byte 10). The answer is the number of its bytes in decimal, and `\n`. A `\r` is a
//! byte of the line like any other. A line has at most 1,000 bytes: for a longer one, with its `\n` or without, the server
//! closes and does not answer.
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

use super::{Checked, Exercise, ON_THE_WIRE, Role, THE_CODE, THE_EXERCISE, Talk, WHEN_IT_GOES_WRONG};

/// The row in the table of exercises.
pub const EXERCISE: Exercise = Exercise {
    name: "ex02_1",
    lesson: "02_1_tcp_server",
    next: "02_2_tcp_client",
    task: "answer every line with its length in bytes",
    role: Role::Server,
    hints: [
        "Look at what a read gives you: some bytes, and how many is chance. Keep them in a `Vec<u8>` until a newline is among \
         them. By hand that makes three loops, one in the other: over the clients, over the reads of a client, over the \
         lines in what you keep. With the part of std in hint 2 the last two become one.",
        "std has the part that collects: `let mut reader = BufReader::new(&stream);` and \
         `reader.read_until(b'\\n', &mut line)?` with `line` as an empty `Vec<u8>` each time (`use std::io::{BufRead, \
         BufReader, Write};`). It gives 0 at the end of the stream, and a last line comes without its newline. A number \
         becomes bytes as text: `(&stream).write_all(format!(\"{length}\\n\").as_bytes())?`.",
        "`use std::io::{self, BufRead, BufReader, Read, Write};` and ask for one byte more than a line may have: \
         `reader.by_ref().take(1_001).read_until(b'\\n', &mut line)?`. If the line ends with a newline, remove it. A line \
         without a newline that is empty or longer than 1,000 bytes: return. Put the work for one client into a function of its own, \
         `fn answer(stream: TcpStream) -> io::Result<()>`: its `?` then ends that client and not the server.",
    ],
    dialogue,
};

/// What the checker sends and expects.
fn dialogue(talk: &mut Talk) -> Checked {
    talk.step("one line", THE_CODE)
        .if_received("6\n", "6 counts the newline too: it ends the line and is no part of it.")
        .if_cut("The answer ends with a newline as well: how else could the client know that it is whole?")
        .if_received("5", "The answer is only digits and \\n: nothing between them and nothing else behind them.")
        .if_received("hello", "This is the line itself; its length was asked.")
        .if_more("0\n", "One answer too many: split() gives an empty piece behind the last newline.")
        .if_silent(
            "The line was whole at its newline. Does the server read to the end, while the client waits for it? Does the \
             answer lie in a buffer (in Rust: a BufWriter) without a flush()? If you gave an address: is it your server that \
             listens there, and not a program that says nothing?",
        );
    talk.connect()?;
    talk.send("hello\n");
    talk.expect("5\n")?;
    talk.expect_no_more()?;

    talk.step("more lines, one after the other", THE_EXERCISE)
        .if_received("1\n", "Nothing stands before this newline: the empty line has the length 0.")
        .if_silent("The first line was answered, the next is not. Has every line its answer, also an empty one?")
        .if_hung_up("One connection carries many lines: go on until the client ends.");
    talk.send("\n");
    talk.expect("0\n")?;

    talk.step("spaces and \\r are bytes", THE_EXERCISE)
        .if_received("2\n", "trim() or strip() takes the space and the \\r away. Only the last \\n is no part of the line.")
        .if_received(
            "3\n",
            "The \\r before the newline counts (Rust's lines() takes it away): only the last \\n is no part of the line.",
        );
    talk.send("hi \r\n");
    talk.expect("4\n")?;

    talk.step("bytes, not characters", WHEN_IT_GOES_WRONG)
        .if_received("2\n", "2 is the number of characters. Each of them travels as three bytes of UTF-8.");
    talk.send("你好\n");
    talk.expect("6\n")?;

    talk.step("bytes that are no UTF-8", WHEN_IT_GOES_WRONG)
        .if_received(
            "8\n",
            "Each bad byte became a character of three bytes (in Rust: from_utf8_lossy()). Count before you make text of it.",
        )
        .if_hung_up(
            "These bytes are no text, so reading them as text fails (in Rust: lines(), read_line(); in Python: decode()). \
             Read and count bytes (in Rust: a Vec<u8>).",
        );
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

    talk.step("two lines in one piece", THE_EXERCISE)
        .if_received("9\n", "Both lines were counted as one. A read may give more than one message.")
        .if_received(
            "3\n",
            "The second line came with the first. It is lost, or it lies in your buffer (in Rust: your Vec) and nobody looks \
             again before the next read: take lines out until no newline is left.",
        );
    talk.send("one\nthree\n");
    talk.expect("3\n5\n")?;

    talk.step("a last line without a newline", THE_EXERCISE)
        .if_silent("The client has ended: a read gives 0 bytes. What is left is the last line.")
        .if_hung_up("At the end of the stream bytes were left: they are the last line, also without a newline.");
    talk.send("end");
    talk.half_close();
    talk.expect("3\n")?;

    talk.step("after the client's end the server closes", ON_THE_WIRE)
        .if_received("0\n", "Nothing is left, so there is no line to answer.")
        .if_silent("A read of 0 bytes is the end: leave the loop and close the connection (in Rust: drop the stream).");
    talk.expect_hang_up()?;

    talk.step("the next client", THE_CODE)
        .if_silent("The connection waits in the queue: does the server come back to accept()?")
        .if_hung_up("The server served one client and ended. Put accept() into a loop.");
    talk.connect()?;
    talk.send("again\n");
    talk.expect("5\n")?;

    talk.step("behind the last newline nothing is left", THE_EXERCISE)
        .if_received("0\n", "The client ended behind a newline. What is left is empty: no line, so no answer.")
        .if_silent("The client has ended and nothing is left: close the connection (in Rust: drop the stream).");
    talk.half_close();
    talk.expect_hang_up()?;

    talk.step("the longest line, 1,000 bytes", THE_EXERCISE)
        .if_received("0\n", "The newline that ends the 1,000 bytes was taken for a line of its own.")
        .if_hung_up("1,000 bytes are allowed; the newline is not one of them.");
    talk.connect()?;
    talk.send([b"x".repeat(1_000).as_slice(), b"\n"].concat());
    talk.expect("1000\n")?;
    talk.send("next\n");
    talk.expect("4\n")?;

    talk.step("a line that is too long, and no newline", THE_EXERCISE)
        .if_received("100", "A line that is too long gets no answer: close the connection.")
        .if_silent("1,001 bytes and no newline: without a limit one client can fill the memory. Close the connection.");
    talk.send([b"short\n", b"x".repeat(1_001).as_slice()].concat());
    talk.expect("5\n")?;
    talk.expect_hang_up()?;

    talk.step("a line that is too long, with its newline", THE_EXERCISE)
        .if_received("1001\n", "This line has 1,001 bytes. Look at its length also where its newline came with it.")
        .if_received("100", "A line that is too long gets no answer: close the connection.")
        .if_silent("A line that is too long gets no answer, and the server closes the connection.");
    talk.connect()?;
    talk.send([b"x".repeat(1_001).as_slice(), b"\n"].concat());
    talk.expect_hang_up()?;

    talk.step("a client that goes away", THE_CODE)
        .if_silent("Does the server still wait for the client that went away?")
        .if_hung_up(
            "One client's error ended the server. It must end that client only (in Rust: a ? in the loop over the clients \
             returns from serve()).",
        );
    talk.connect()?;
    talk.send("hello\n");
    talk.vanish()?;
    talk.connect()?;
    talk.send("still there?\n");
    talk.expect("12\n")?;

    // While the server serves the first one, the second one has closed before it is served.
    talk.step("a client that does not wait for its answers", THE_CODE)
        .if_silent("Does the server still wait for the client that has closed?")
        .if_hung_up(
            "The client had closed, so sending its answers failed. A write can fail as a read can, and ends that client only \
             (in Rust: a ? in the loop over the clients returns from serve()).",
        );
    talk.client(1);
    talk.connect()?;
    talk.client(2);
    talk.connect()?;
    talk.send("a\n".repeat(40));
    talk.hang_up();
    talk.client(1);
    talk.hang_up();
    talk.client(3);
    talk.connect()?;
    talk.send("still there?\n");
    talk.expect("12\n")
}
