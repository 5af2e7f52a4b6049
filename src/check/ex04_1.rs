//! Exercise 4.1: a server that reads WebSocket frames of every length and sends each back without its mask.
//!
//! ```text
//! C: 81 85 37 fa 21 3d 7f 9f 4d 51 58    text, 5 bytes, the mask, and "Hello" under it (RFC 6455 section 5.7)
//! S: 81 05 48 65 6c 6c 6f                the same text, unmasked, as a server must
//! ```
//!
//! The handshake is left out: the frames begin at once. Each is the whole message and goes back when all of it has come; the length
//! is sent in the shortest of its three ways. A frame without a mask, or with a reserved bit, is answered with a Close and 1002,
//! one of more than 1 MiB with a Close and 1009, as soon as this can be known, and then the server hangs up. So it does when it has
//! echoed a Close.
//!
//! May use: of this folder peer, report, talk.

use super::{Checked, Exercise, ON_THE_WIRE, Role, THE_CODE, THE_EXERCISE, Talk, WHEN_IT_GOES_WRONG};

/// The row in the table of exercises.
pub const EXERCISE: Exercise = Exercise {
    name: "ex04_1",
    lesson: "04_1_websocket_server",
    next: "04_2_websocket_client",
    task: "send every frame back, without its mask",
    role: Role::Server,
    hints: [
        "A frame is read in five parts: two bytes that are always there, two or eight more for the length or none, four for the \
         mask, and the payload. Each part says how long the next one is, so `read_exact` is the tool: it waits until all of \
         them are there. Look at what you have before you read on: what is wrong is answered at once.",
        "`let mut head = [0; 2]; client.read_exact(&mut head)?;` In `head[0]` the bits `0x70` must be 0. In `head[1]` the bit \
         `0x80` says that there is a mask, and `head[1] & 0x7f` is the length, or 126 or 127. `u16::from_be_bytes` makes a \
         number of two bytes, `u64::from_be_bytes` of eight. Compare it with 1,048,576 before you make room: \
         `vec![0; length as usize]`. The mask: `for (n, byte) in payload.iter_mut().enumerate() { *byte ^= mask[n % 4]; }`.",
        "The answer begins with `head[0]`, as it came. Then `match payload.len()`: up to 125 one byte, the length; up to 65,535 \
         the byte 126 and `(length as u16).to_be_bytes()`; above that 127 and `(length as u64).to_be_bytes()`. Put all into \
         one `Vec` and write it once. The Closes are `[0x88, 2, 0x03, 0xea]` (1002) and `[0x88, 2, 0x03, 0xf1]` (1009). \
         `head[0] & 0x0f == 8` was a Close: `return Ok(())` behind its echo. An error of one client must not leave `serve`.",
    ],
    dialogue,
};

/// The longest payload in bytes.
const LIMIT: usize = 1 << 20;
/// The mask of the example in RFC 6455 section 5.7, and another one.
const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];
const OTHER_MASK: [u8; 4] = [1, 2, 3, 4];

/// The client's frame.
fn masked(first: u8, payload: &[u8], mask: [u8; 4]) -> Vec<u8> {
    let mut frame = head(first, payload.len(), 0x80);
    frame.extend(mask);
    frame.extend(payload.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask));
    frame
}

/// The server's.
fn plain(first: u8, payload: &[u8]) -> Vec<u8> {
    [&head(first, payload.len(), 0)[..], payload].concat()
}

/// RFC 6455 section 5.2.
fn head(first: u8, length: usize, mask: u8) -> Vec<u8> {
    match length {
        0..=125 => vec![first, mask | length as u8],
        126..=65_535 => [&[first, mask | 126][..], &(length as u16).to_be_bytes()].concat(),
        _ => [&[first, mask | 127][..], &(length as u64).to_be_bytes()].concat(),
    }
}

/// Sends this frame and expects it back.
fn echoed(talk: &mut Talk, what: &str, first: u8, payload: &[u8]) -> Checked {
    talk.send_as(masked(first, payload, MASK), &format!("{what}, masked"));
    talk.expect(plain(first, payload))
}

/// What the client plays and expects.
fn dialogue(talk: &mut Talk) -> Checked {
    talk.step("a text of five bytes", ON_THE_WIRE)
        .if_received(b"\x81\x85", "This frame says that it has a mask. A server's has none: the highest bit of its second byte is 0.")
        .if_received(b"\x81\x05\x7f", "These bytes are still under the mask. Take it away: byte by byte `^` the mask's.")
        .if_received(b"\x81\x05\x37\xfa\x21\x3d", "The mask is no part of the answer: behind the length comes the payload.")
        .if_received(b"\x81\x7e", "A length of 5 fits into the second byte, and the shortest of the three ways has to be taken.")
        .if_received(b"\x81\x7f", "A length of 5 fits into the second byte, and the shortest of the three ways has to be taken.")
        .if_received("Hello", "This is the payload alone. The answer is a frame: two bytes stand in front.")
        .if_received("\x01", "The highest bit of the first byte is missing: FIN. The first byte goes back as it came.")
        .if_silent("The whole frame is there: 2 bytes, the 4 of the mask, 5 of payload. Do you wait for more than its length says?");
    talk.connect()?;
    talk.send_as(masked(0x81, b"Hello", MASK), r"text, Hello, masked: 81 85 37 fa 21 3d 7f 9f 4d 51 58");
    talk.expect(plain(0x81, b"Hello"))?;

    talk.step("a frame in pieces", WHEN_IT_GOES_WRONG)
        .if_received(b"\x81\x05", "This is the same frame as before. Does the mask begin anew with each payload?")
        .if_early(
            "The frame is not whole yet. One read gives what has arrived; read_exact() waits for all that it needs.",
        )
        .if_hung_up("A piece of a frame is no broken frame: wait for the rest.");
    let frame = masked(0x81, b"Hello", MASK);
    for (from, to, words) in [(0, 1, "81"), (1, 4, "85 37 fa"), (4, 8, "21 3d 7f 9f")] {
        talk.send_as(&frame[from..to], words);
        talk.expect_nothing()?;
    }
    talk.send_as(&frame[8..], "4d 51 58");
    talk.expect(plain(0x81, b"Hello"))?;

    talk.step("two frames at once, with two masks", WHEN_IT_GOES_WRONG)
        .if_cut("Both frames came in one piece. What stands behind the first one is the second, and must not get lost.")
        .if_received(
            b"\x81",
            "The first byte goes back as it came: here it is 82, FIN and the opcode of a binary message.",
        )
        .if_received(b"\x82\x03one\x82\x03", "Each frame has a mask of its own, and it begins anew with each payload.");
    talk.send_as(
        [masked(0x82, b"one", MASK), masked(0x82, b"two", OTHER_MASK)].concat(),
        "binary, one, masked; binary, two, masked",
    );
    talk.expect([plain(0x82, b"one"), plain(0x82, b"two")].concat())?;

    talk.step("an empty payload", THE_EXERCISE)
        .if_silent("A length of 0 is a length: the frame has six bytes, with its mask.")
        .if_hung_up("A length of 0 is a length, and no end.");
    echoed(talk, "text, 0 bytes", 0x81, b"")?;

    for (title, length, why) in [
        ("125 bytes", 125, "125 is the last length that stands in the second byte itself."),
        (
            "126 bytes",
            126,
            "126 in the second byte means: the length stands in the next two bytes, the high one first.",
        ),
        (
            "65,535 bytes",
            65_535,
            "65,535 is the last length that two bytes can hold. The frame has the shortest head that can say its length.",
        ),
        (
            "65,536 bytes",
            65_536,
            "127 in the second byte means: the length stands in the next eight bytes, the high one first.",
        ),
        ("1,048,576 bytes", LIMIT, "1 MiB is allowed. Only more is too long."),
    ] {
        talk.step(title, ON_THE_WIRE).if_received("", why).if_silent(why).if_hung_up(why);
        echoed(talk, &format!("binary, {length} bytes"), 0x82, &vec![b'x'; length])?;
    }

    talk.step("a Close", ON_THE_WIRE)
        .if_hung_up("Who gets a Close answers with one, and only then hangs up: so both know that nothing was lost.")
        .if_silent("The client has said that it is done, and got its Close: hang up, or it waits for ever.");
    echoed(talk, "close 1000", 0x88, &[0x03, 0xe8])?;
    talk.from_here()
        .if_silent("The client has said that it is done, and got its Close: hang up, or it waits for ever.")
        .if_received("", "The Close was the last frame. Nothing more comes, only the end of the connection.");
    talk.expect_hang_up()?;

    talk.step("another client, and a Close with a reason", THE_EXERCISE)
        .if_hung_up(
            "The first client has gone. The server stays, and accepts the next one, for ever: does its loop end?",
        )
        .if_silent("The first client has gone. Does the server accept the next one?");
    talk.connect()?;
    echoed(talk, "text, Hello", 0x81, b"Hello")?;
    talk.from_here()
        .if_received(
            b"\x88\x02\x03\xe8",
            "This is always the same Close. The client's own goes back, with its code and its reason, as every frame does.",
        )
        .if_received("", "A Close goes back as every frame does: its code, and the reason behind it.")
        .if_hung_up("Who gets a Close answers with one, also when it has a reason.")
        .if_silent("Who gets a Close answers with one, also when it has a reason.");
    echoed(talk, "close 1001 bye", 0x88, b"\x03\xe9bye")?;
    talk.expect_hang_up()?;

    const EMPTY: &str = "A Close may be empty: its length is 0, and that of the answer, too.";
    talk.step("an empty Close", THE_EXERCISE).if_received("", EMPTY).if_hung_up(EMPTY).if_silent(EMPTY);
    talk.connect()?;
    echoed(talk, "close, 0 bytes", 0x88, b"")?;
    talk.expect_hang_up()?;

    let reserved = "One of the three bits behind FIN is set, and nobody agreed on what it means. This can be known now, before the length \
                    and the rest of the frame: a Close with 1002.";
    let refusals: [(_, &[u8], _, u8, _); 6] = [
        (
            "a frame without a mask",
            &[0x81, 0x05],
            "81 05",
            0xea,
            "The second byte says that no mask follows, and a client's frame must have one: a Close with 1002, before the rest of it.",
        ),
        ("a reserved bit", &[0xc1, 0xfe], "c1 fe", 0xea, reserved),
        ("another reserved bit", &[0x91, 0xfe], "91 fe", 0xea, reserved),
        (
            "one byte too long",
            &[0x82, 0xff, 0, 0, 0, 0, 0, 0x10, 0, 1],
            "82 ff 00 00 00 00 00 10 00 01",
            0xf1,
            "1,048,577 bytes are more than allowed: a Close with 1009, before they come.",
        ),
        (
            "a liar",
            &[0x82, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
            "82 ff ff ff ff ff ff ff ff ff",
            0xf1,
            "It announces more than any memory. Compare the length with the limit before you calculate with it or make room.",
        ),
        (
            "a liar with a small end",
            &[0x82, 0xff, 0, 0, 0, 1, 0, 0, 0, 5],
            "82 ff 00 00 00 01 00 00 00 05",
            0xf1,
            "This is 4,294,967,301, and its last four bytes alone are 5. `as u32` or `as i32` throws the others away: compare the \
             whole u64 with the limit.",
        ),
    ];
    for (title, bytes, words, code, why) in refusals {
        talk.step(title, WHEN_IT_GOES_WRONG).if_hung_up(why).if_received("", why).if_silent(why);
        talk.connect()?;
        talk.send_as(bytes, words);
        talk.expect([0x88, 0x02, 0x03, code])?;
        talk.from_here()
            .if_silent("The Close was right. Now close the connection, without a look at the rest.")
            .if_received("", "The Close was right. Nothing more comes behind it, only the end of the connection.");
        talk.expect_hang_up()?;
    }

    let broken: [(_, &[u8], _); 4] = [
        ("a client that says nothing and goes", b"", ""),
        ("a client that goes in the middle of a length", &[0x82, 0xfe, 0x01], "82 fe 01"),
        ("a client that goes in the middle of a mask", &frame[..4], "81 85 37 fa"),
        ("a client that goes in the middle of a payload", &frame[..8], "81 85 37 fa 21 3d 7f 9f"),
    ];
    for (title, bytes, words) in broken {
        gone(talk, title);
        talk.connect()?;
        if !bytes.is_empty() {
            talk.send_as(bytes, words);
        }
        talk.hang_up();
        talk.connect()?;
        echoed(talk, "text, Hello", 0x81, b"Hello")?;
    }

    gone(talk, "a client that does not wait for the answer");
    // On a busy machine the whole answer may lie in the buffers before it goes: then nobody notices.
    for _ in 0..3 {
        talk.connect()?;
        talk.send_as(masked(0x82, &vec![b'x'; LIMIT], MASK), "binary, 1048576 bytes, masked");
        talk.hang_up();
    }
    talk.connect()?;
    echoed(talk, "text, Hello", 0x81, b"Hello")
}

/// Whoever goes, and wherever: the next one is served.
fn gone(talk: &mut Talk, title: &'static str) {
    talk.step(title, THE_CODE)
        .if_hung_up("One client went away, and the server ended for all. Catch its error, and accept the next one.")
        .if_silent("Does the server still wait for the client before?");
}
