//! Exercise 2.3: a UDP server that numbers the datagrams of each sender, and never answers an answer.
//!
//! ```text
//! C: hello                  a datagram, any bytes or none
//! S: =1 5                   the first of this sender, 5 bytes
//! C: (no bytes)
//! S: =2 0                   the second one, empty
//! C: =1 5                   begins with =, so it is an answer itself:
//!                           no answer, and it is not counted
//! ```
//!
//! A sender is an address with its port: each has numbers of its own, from 1.
//!
//! May use: of this folder peer, report, talk.

use super::{Checked, Exercise, Role, THE_CODE, THE_EXERCISE, Talk, WHEN_IT_GOES_WRONG};

/// The row in the table of exercises.
pub const EXERCISE: Exercise = Exercise {
    name: "ex02_3",
    lesson: "02_3_udp_server",
    next: "02_4_udp_client",
    task: "number the datagrams of each sender, and never answer an answer",
    role: Role::UdpServer,
    hints: [
        "One socket, one loop: receive, decide, answer. No accept, no thread, no end: a datagram is whole, also an empty one. \
         What must live longer than one turn of the loop is the number of each sender: a `HashMap` from sender to number, made \
         before the loop.",
        "`let (n, from) = socket.recv_from(&mut buffer)?` with a buffer larger than any datagram, `[0; 65_535]`. `from` is \
         address and port together, and just right as the key: `HashMap<SocketAddr, u32>`. The message is `&buffer[..n]`, no \
         more; what stands behind is left over from earlier ones. `starts_with(b\"=\")` knows an answer.",
        "`let number = numbers.entry(from).or_insert(0); *number += 1;` and then \
         `socket.send_to(format!(\"={number} {n}\").as_bytes(), from)`. If it is an answer, `continue` comes before both. A \
         `send_to` that fails must not end the server: `let _ =` in front of it instead of a `?` behind it.",
    ],
    dialogue,
};

/// What the checker sends and expects.
fn dialogue(talk: &mut Talk) -> Checked {
    talk.step("one datagram", THE_CODE)
        .if_received(
            "=1 5\n",
            "A datagram has an end of its own: no newline is needed, and here it is one byte too many.",
        )
        .if_received(
            "=1 5",
            "The answer goes on behind its end. Does it send the whole buffer, and not only what is in it?",
        )
        .if_received("=0 5", "The first one has the number 1: count before you answer.")
        .if_received("hello", "This is the datagram itself. Its number and its length were asked.")
        .if_silent("Is the answer sent to the address that recv_from gave, from the same socket?");
    talk.open_udp()?;
    talk.send("hello");
    talk.expect("=1 5")?;
    talk.expect_no_more()?;

    talk.step("the same sender again", THE_EXERCISE)
        .if_received("=1 6", "This sender was here before: its number must outlive one turn of the loop.")
        .if_silent("Does the server come back to recv_from?");
    talk.send("again!");
    talk.expect("=2 6")?;

    talk.step("spaces and newlines are bytes", THE_EXERCISE)
        .if_received("=3 2", "trim() or strip() takes the space and the newline away: all bytes of a datagram count.");
    talk.send("hi \n");
    talk.expect("=3 4")?;

    talk.step("bytes, not characters", WHEN_IT_GOES_WRONG)
        .if_received("=4 2", "2 is the number of characters. Each of them travels as three bytes of UTF-8.");
    talk.send("你好");
    talk.expect("=4 6")?;

    talk.step("bytes that are no UTF-8", WHEN_IT_GOES_WRONG)
        .if_received(
            "=5 8",
            "Each bad byte became a character of three bytes (in Rust: from_utf8_lossy()). Count the bytes.",
        )
        .if_hung_up(
            "These bytes are no text, and reading them as text ended the server for everybody. Nobody asked for text.",
        )
        .if_silent("These bytes are no text. They are a datagram all the same, with a length.");
    talk.send(b"\xff\xfe\x00a");
    talk.expect("=5 4")?;

    talk.step("an empty datagram", THE_EXERCISE)
        .if_silent("A datagram of 0 bytes is a message. Only over TCP do 0 bytes mean the end.")
        .if_hung_up("A datagram of 0 bytes is a message. Only over TCP do 0 bytes mean the end: go on.");
    talk.send("");
    talk.expect("=6 0")?;

    talk.step("two senders in turn", THE_EXERCISE)
        .if_received(
            "=7 ",
            "This is another sender, though it has the same IP address: its port differs. Count for each sender apart, in a \
             map whose key is address and port together.",
        )
        .if_silent("A socket that connect()ed to its first sender hears nobody else. recv_from says who it was each time.")
        .if_hung_up("A socket that connect()ed to its first sender refuses all others. recv_from says who it was each time.");
    talk.client(1);
    talk.open_udp()?;
    talk.send("one");
    talk.expect("=1 3")?;
    talk.client(2);
    talk.open_udp()?;
    talk.send("two");
    talk.expect("=1 3")?;
    talk.client(1);
    talk.send("three");
    talk.expect("=2 5")?;
    talk.client(2);
    talk.send("four");
    talk.expect("=2 4")?;

    talk.step("an answer gets no answer", WHEN_IT_GOES_WRONG).if_more(
        "",
        "This datagram begins with =, so it is an answer. Who answers answers talks for ever with a server like this.",
    );
    talk.send("=1 5");
    talk.expect_no_more()?;

    talk.step("an answer is not counted", THE_EXERCISE)
        .if_received("=4 ", "The answer was not answered, but it was counted. Look at it before you count.");
    talk.send("a=b");
    talk.expect("=3 3")?;

    talk.step("an empty one after an answer", THE_CODE).if_silent(
        "This datagram is empty, and does not begin with =. In the buffer still lies the = of the one before: only the first n \
         bytes count (in Rust: buffer[..n]), and here they are none.",
    );
    talk.send("=1 5");
    talk.send("");
    talk.expect("=4 0")?;

    talk.step("a large datagram", WHEN_IT_GOES_WRONG)
        .if_received(
            "=5 1024",
            "The buffer has room for 1,024 bytes, and what does not fit is lost: take a larger one.",
        )
        .if_received("=5 9", "Compare the lengths: the datagram has 9,000 bytes.")
        .if_received(
            "=5 ",
            "The buffer is too small, and what does not fit is lost. No datagram is longer than 65,535 bytes.",
        )
        .if_hung_up(
            "9,000 bytes did not fit into the buffer, and the server ended. No datagram is longer than 65,535 bytes.",
        );
    talk.send([b'x'; 9_000]);
    talk.expect("=5 9000")?;

    talk.step("a short one after it", THE_CODE).if_received(
        "=6 9",
        "In the buffer behind the new datagram lies the rest of the old one. Only the first n bytes count.",
    );
    talk.send("short");
    talk.expect("=6 5")?;

    talk.step("two at once", THE_EXERCISE)
        .if_received("=7 8", "Two datagrams never become one: each receive brings one.")
        .if_silent("Each datagram has an answer of its own.");
    talk.send("one");
    talk.send("three");
    talk.expect("=7 3")?;
    talk.expect("=8 5")?;

    talk.step("a sender that goes away, and ten new ones", WHEN_IT_GOES_WRONG)
        .if_silent("Is there room for more senders?")
        .if_hung_up("A client that is gone must not end the server: the others have done nothing wrong.");
    talk.alone();
    talk.open_udp()?;
    talk.send("goodbye");
    for client in 1..=10 {
        talk.client(client);
        talk.open_udp()?;
        talk.send("new");
        talk.expect("=1 3")?;
    }
    Ok(())
}
