//! Exercise 2.4: a UDP client that fetches a text in parts, though datagrams get lost and come twice, and strangers talk.
//!
//! ```text
//! C: 1                      the number of the part that is wanted, in decimal
//! S: 1 Hello,               the number, a space, the part: any bytes
//! C: 2                      only then the next one
//! S: 2 Client!
//! C: 3
//! S: 3                      the number, a space and no bytes: that was all
//! ```
//!
//! After 300 ms without this answer the client asks for the same part again, three times in all; then it gives up. What has
//! another number, or comes from another address, is no answer to this question, and no reason to ask again or to wait longer.
//!
//! May use: of this folder client, peer, report, talk.

use super::{At, Checked, Exercise, ON_THE_WIRE, Role, THE_CODE, THE_EXERCISE, Talk, WHEN_IT_GOES_WRONG};
use std::time::Duration;

/// The row in the table of exercises.
pub const EXERCISE: Exercise = Exercise {
    name: "ex02_4",
    lesson: "02_4_udp_client",
    next: "02_5_threaded_server",
    task: "fetch a text in parts, whatever gets lost or comes twice",
    role: Role::Client,
    hints: [
        "Make two functions: one asks for one part and returns it; `ask` calls it for part 1, 2, 3 ... until a part is empty, \
         and puts the parts together. In the first one there are two loops, one in the other: over the three tries, and over \
         the datagrams that come while one try waits.",
        "`UdpSocket::bind(\"127.0.0.1:0\")?` and `socket.connect(server)?` once, in `ask`: from then on the kernel drops what \
         strangers send. Each try sends the question once, and then receives until its 300 ms are over: \
         `set_read_timeout(Some(left))` with what is left of them. A datagram that is not the answer is dropped, and the same \
         try waits on. Silence is `WouldBlock` or `TimedOut`; then comes the next try.",
        "The answer to question `n` begins with `let start = format!(\"{n} \");` and the part is what \
         `datagram.strip_prefix(start.as_bytes())` gives: `Some(part)` is the answer, `None` an older one that came twice. \
         After three tries: `Err(ErrorKind::TimedOut.into())`. The buffer is `[0; 65_535]`.",
    ],
    dialogue,
};

/// So long the client waits before it asks again ...
const WAIT: Duration = Duration::from_millis(300);
/// ... and so often it asks.
const TRIES: u32 = 3;

/// What the server plays and expects.
fn dialogue(talk: &mut Talk) -> Checked {
    talk.step("a text in two parts", ON_THE_WIRE)
        .if_received("1\n", "A datagram has an end of its own: no newline is needed.")
        .if_received("0", "The first part has the number 1.")
        .if_silent("The first datagram is the number of the first part: the one byte \"1\".");
    talk.start(At::Udp)?;
    talk.expect("1")?;

    talk.step("the next part, and the end", THE_EXERCISE)
        .if_received("1", "Part 1 was answered. The next question is for part 2.")
        .if_received("4", "Part 3 had no bytes: that was the end, and there is no part 4.")
        .if_hung_up("A part is there, and the end is still to come: ask on until a part has no bytes.")
        .if_silent("After a part comes the question for the next one, until a part has no bytes.");
    talk.send("1 Hello, ");
    talk.expect("2")?;
    talk.send("2 Client!\n");
    talk.expect("3")?;
    talk.send("3 ");

    talk.step("the result", THE_EXERCISE)
        .if_received("1 Hello", "The number and the space stand before each part and are no part of it.")
        .if_received(" Hello", "The space stands before each part and is no part of it.")
        .if_received("Hello,Client", "The space at the end of part 1 belongs to it: nothing is to be trimmed.")
        .if_received("Client", "Only the last part came back: put all of them together.")
        .if_silent("Part 3 has no bytes: that was the end. Does the client ask on?");
    talk.expect_result("Hello, Client!\n")?;

    talk.step("bytes that are no text, and a large part", THE_CODE)
        .if_hung_up(
            "A part has bytes of any kind, and up to 9,000 here. As text they cannot be read (in Rust: from_utf8() and ?), and \
             no buffer may be too small.",
        )
        .if_received("\u{fffd}", "Each bad byte became a character: from_utf8_lossy() is for showing, not for keeping.")
        .if_received(
            b"\xff\xfe\x00\nx",
            "Part 2 has 9,000 bytes, and not all of them came back: what does not fit into the buffer is lost. No datagram is \
             longer than 65,535 bytes.",
        )
        .if_silent("Each part is answered by the next question, whatever bytes it has.");
    talk.start(At::Udp)?;
    talk.expect("1")?;
    talk.send(b"1 \xff\xfe\x00\n");
    talk.expect("2")?;
    talk.send([b"2 ".as_slice(), &[b'x'; 9_000]].concat());
    talk.expect("3")?;
    talk.send("3 ");
    talk.expect_result([b"\xff\xfe\x00\n".as_slice(), &[b'x'; 9_000]].concat())?;

    talk.step("eleven parts", THE_EXERCISE)
        .if_received(
            "a b c d e f g h i  ",
            "The number 10 has two digits. The part begins behind the space, not behind a byte.",
        )
        .if_received(
            "10",
            "Part 10 was answered, and is asked for once more. A number may have more than one digit: it ends at the space.",
        )
        .if_silent("Part 12 has no bytes: that was the end. The number 12 has two digits, and the part begins behind the space.")
        .if_hung_up("All of these parts were right. A number may have more than one digit: it ends at the space.");
    talk.start(At::Udp)?;
    for (number, part) in (1..).zip("abcdefghijk".chars()) {
        talk.expect(format!("{number}"))?;
        talk.send(format!("{number} {part} "));
    }
    talk.expect("12")?;
    talk.send("12 ");
    talk.expect_result("a b c d e f g h i j k ")?;

    talk.step("an answer that comes twice", WHEN_IT_GOES_WRONG)
        .if_received(
            "2",
            "Part 1 came a second time, and part 2 was asked for once more. If each old answer makes a new question, each \
             question makes a new answer, and from then on everything is sent twice: wait on and say nothing.",
        )
        .if_received("3", "This was part 1 again, taken for part 2. Look at the number.")
        .if_received("once once", "Part 1 came a second time and was taken for part 2. Look at the number.")
        .if_hung_up("A datagram may come twice. That is no error: wait on for the part that was asked for.")
        .if_silent("Does the client still wait for part 2, although part 1 came again?");
    talk.start(At::Udp)?;
    talk.expect("1")?;
    talk.send("1 once ");
    talk.expect("2")?;
    talk.send("1 once ");
    talk.send("1 once ");
    talk.send("2 only");
    talk.expect("3")?;
    talk.send("2 only");
    talk.send("3 ");
    talk.expect_result("once only")?;

    talk.step("a stranger", WHEN_IT_GOES_WRONG)
        .if_received("believe", "This is what the stranger sent. connect() keeps strangers away.")
        .if_hung_up("The stranger's datagram ended the client: what a stranger sends is nothing to it.")
        .if_silent("Does the client still wait for the server, although a stranger came first?");
    talk.start(At::Udp)?;
    talk.expect("1")?;
    talk.stranger("1 believe me");
    talk.send("1 the truth");
    talk.expect("2")?;
    talk.send("2 ");
    talk.expect_result("the truth")?;

    talk.step("a server that is silent", WHEN_IT_GOES_WRONG)
        .if_returned("The text has no end, so it is not whole. Three silences are an error.")
        .if_received("2", "Part 1 never came. Three silences are an error.")
        .if_early("Three tries of 300 ms each are 0.9 s. The client gave up before.")
        .if_hung_up("Three tries of 300 ms each are 0.9 s. The client gave up before.")
        .if_silent("Nobody answers: after 300 ms ask again, three times in all; then the result is an error.");
    talk.start(At::Udp)?;
    for _ in 0..TRIES {
        talk.expect("1")?;
    }
    talk.say("(says nothing)");
    // A tenth of a second is for clocks that are not exact.
    talk.expect_error(WAIT * TRIES - Duration::from_millis(100), WAIT * TRIES * 2)?;

    talk.step("and no fourth try", THE_EXERCISE)
        .if_more("1", "Each part is asked for three times in all. This is the fourth.");
    talk.expect_no_more()?;

    talk.step("a question that gets lost", WHEN_IT_GOES_WRONG)
        .if_silent("Nobody answers: after 300 ms ask again. Without a timeout the client waits for ever.")
        .if_hung_up("One silence is no end: ask again, three times in all.")
        .if_received("2", "Part 1 never came. Ask for it again.");
    talk.start(At::Udp)?;
    talk.expect("1")?;
    talk.say("(does not get it)");
    talk.expect("1")?;
    talk.send("1 at last");

    talk.step("the next one gets lost twice", WHEN_IT_GOES_WRONG)
        .if_silent("Nobody answers: after 300 ms ask again, three times for each part.")
        .if_hung_up("Each part has three tries of its own.");
    talk.expect("2")?;
    talk.say("(does not get it)");
    talk.expect("2")?;
    talk.say("(does not get it)");
    talk.expect("2")?;
    talk.send("2 ");
    talk.expect_result("at last")?;

    talk.timed(old_answers_without_end)
}

/// A wait that begins anew with each datagram never ends here.
fn old_answers_without_end(talk: &mut Talk) -> Checked {
    const WHY: &str = "Old answers come again and again, and each one begins a new wait of 300 ms: so the wait never ends, and the \
                       question that got lost is never asked again. Fix the end of each try once, and wait for what is left of it.";
    talk.step("old answers without end", WHEN_IT_GOES_WRONG)
        .if_hung_up("An old answer is no error, and no silence: wait on until the 300 ms are over, and ask again.")
        .if_received("3", "This was part 1 again, taken for part 2. Look at the number.");
    talk.start(At::Udp)?;
    talk.expect("1")?;
    talk.send("1 once ");
    talk.expect("2")?;
    if !talk.drip(b"1 once ", WAIT / 2, WAIT * 3) {
        talk.refuse("2, after 300 ms", b"nothing", WHY)?;
    }
    talk.expect("2")?;
    talk.send("2 ");
    talk.expect_result("once ")
}
