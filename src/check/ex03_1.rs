//! Exercise 3.1: a client that undoes the chunks of an answer, and believes no size that it has not looked at.
//!
//! ```text
//! C: GET /text HTTP/1.1\r\n
//! C: Host: ADDR\r\n
//! C: \r\n
//! S: HTTP/1.1 200 OK\r\n
//! S: Transfer-Encoding: chunked\r\n
//! S: \r\n
//! S: 5\r\n                  the size of a chunk, in hexadecimal digits
//! S: Hello\r\n              so many bytes, of any kind, and CRLF
//! S: 0\r\n                  the chunk of size 0 has no bytes ...
//! S: \r\n                   ... and is the last; with it the answer ends. The connection stays open.
//! ```
//!
//! The result is what the chunks carry, 65,536 bytes at most. A size that is none, fewer bytes than it says, no CRLF behind
//! them, no last chunk, `\n` alone, an end of the connection before all has come, too much of all: each is an error (RFC 9112
//! section 7.1).
//!
//! May use: of this folder client, free, http, peer, report, talk.

use super::{Checked, Exercise, ON_THE_WIRE, Role, THE_CODE, THE_EXERCISE, Talk, WHEN_IT_GOES_WRONG};
use crate::check::At;
use std::time::Duration;

/// The row in the table of exercises.
pub const EXERCISE: Exercise = Exercise {
    name: "ex03_1",
    lesson: "03_1_http_by_hand",
    next: "03_2_1_http_get",
    task: "undo the chunks of an answer, or give an error",
    role: Role::Client,
    hints: [
        "Three parts, in this order: read the lines of the head up to the empty one; read a line and make a size of \
         it; read so many bytes, and the CRLF behind them. The last two go in a loop until the size is 0. A \
         `BufReader` reads both lines and exact numbers of bytes, and keeps what it has read too much for the next \
         read.",
        "A function `line(reader)` is used three times: `reader.read_until(b'\\n', &mut line)?`, then \
         `line.strip_suffix(b\"\\r\\n\")`; when that is `None`, the connection ended inside a line, and that is an \
         error. For the bytes: `let mut chunk = vec![0; size]; reader.read_exact(&mut chunk)?`, which gives an \
         error when fewer come. Look at `size` before that `vec!`: compare it with what is left of the 65,536.",
        "`let size = usize::from_str_radix(&digits, 16).map_err(bad)?` with `fn bad(e: impl ToString) -> io::Error \
         { io::Error::new(ErrorKind::InvalidData, e.to_string()) }`, and before it, because it takes a sign too: \
         `if !digits.bytes().all(|byte| byte.is_ascii_hexdigit())`, an error. Then `if size > 65_536 - body.len()`, \
         an error; `read_exact`; `if !line(&mut reader)?.is_empty()`, an error; `if size == 0`, `return Ok(body)`; \
         else `body.extend(chunk)`.",
    ],
    dialogue,
};

/// There is nothing to wait for in these answers; this is for a machine that has other work.
const IN_TIME: Duration = Duration::from_secs(2);
/// Between two pieces: long enough to be two reads.
const PAUSE: Duration = Duration::from_millis(100);
const HEAD: &str = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";

/// The client asks, and gets the head and these chunks.
fn answered(talk: &mut Talk, chunks: impl AsRef<[u8]>) -> Checked {
    asked(talk)?;
    talk.send_lines([HEAD.as_bytes(), chunks.as_ref()].concat());
    Ok(())
}

fn asked(talk: &mut Talk) -> Checked {
    talk.start(At::Tcp)?;
    let asked = talk.hear_request("GET", "/text")?;
    match asked.field("Host") {
        Some(_) => Ok(()),
        None => talk.refuse("a field Host", asked.line.as_bytes(), "A request names the host (RFC 9112 section 3.2)."),
    }
}

/// What the server plays and expects.
fn dialogue(talk: &mut Talk) -> Checked {
    talk.step("one chunk", ON_THE_WIRE)
        .if_received(
            "HTTP/",
            "The head comes before the body and ends with an empty line. It is no part of the result.",
        )
        .if_received("5\r\n", "The sizes stand between the pieces of the body. They are no part of it.")
        .if_received("Hello\r\n", "The CRLF behind the bytes of a chunk ends the chunk. It is no part of the body.")
        .if_received("\r\n", "The empty line ends the head. The first chunk begins behind it.")
        .if_hung_up(
            "This answer is whole and right. First comes its head, up to its empty line; then a line with the size, so many \
             bytes and CRLF, and the last chunk.",
        );
    answered(talk, "5\r\nHello\r\n0\r\n\r\n")?;
    talk.half_close();
    talk.expect_result("Hello")?;

    talk.step("the connection stays open", ON_THE_WIRE)
        .if_silent(
            "The chunk of size 0 ends the body, not the end of the connection: that stays open for the next request. Do you \
             read until the server closes?",
        )
        .if_hung_up(
            "The client waited until its time was over, though the body was whole. The chunk of size 0 ends it, not the end \
             of the connection.",
        );
    answered(talk, "5\r\nHello\r\n0\r\n\r\n")?;
    talk.expect_result("Hello")?;

    talk.step("three chunks, with line ends in them", THE_CODE)
        .if_received("Hello, 10!", "CRLF inside a chunk belongs to the body: its size says where the chunk ends.")
        .if_received("Hello", "The body goes on until the chunk of size 0, and its size says where each chunk ends.")
        .if_hung_up("Inside a chunk may stand anything, a line end too. Only the size says where it ends.");
    answered(talk, "5\r\nHello\r\n7\r\n, 10\r\n!\r\n4\r\n\r\n0\n\r\n0\r\n\r\n")?;
    talk.half_close();
    talk.expect_result("Hello, 10\r\n!\r\n0\n")?;

    talk.step("sizes in hexadecimal", ON_THE_WIRE)
        .if_received("0123456789", "10 is a size in hexadecimal: sixteen.")
        .if_hung_up("10 is sixteen, and 1A and 1a are twenty-six: a size is written in hexadecimal.");
    answered(
        talk,
        "10\r\n0123456789abcdef\r\n1A\r\nabcdefghijklmnopqrstuvwxyz\r\n1a\r\nabcdefghijklmnopqrstuvwxyz\r\n0\r\n\r\n",
    )?;
    talk.half_close();
    talk.expect_result("0123456789abcdefabcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz")?;

    talk.step("half a character in a chunk", THE_CODE)
        .if_hung_up(
            "A chunk is a piece of bytes: it may end inside a character, and need not be text at all. Put the bytes together, \
             and make no String of one chunk.",
        )
        .if_received("\u{fffd}", "Each half character became another one: put the bytes together, and make no text of a chunk.");
    answered(talk, b"2\r\n\xe4\xbd\r\n4\r\n\xa0\xe5\xa5\xbd\r\n2\r\n\xff\x00\r\n0\r\n\r\n")?;
    talk.half_close();
    talk.expect_result(b"\xe4\xbd\xa0\xe5\xa5\xbd\xff\x00")?;

    talk.step("an answer in pieces", THE_CODE)
        .if_early("Not all of it is there yet. One read gives what has arrived, and that is no whole line and no whole chunk.")
        .if_hung_up("A piece is no broken answer: read on until the line, or the chunk, is whole.");
    asked(talk)?;
    for piece in ["HTTP/1.1 200 OK\r\nTransfer-Enc", "oding: chunked\r\n\r\n1", "0\r\n0123456789", "abcdef\r\n"] {
        talk.send_lines(piece);
        talk.expect_patience(PAUSE)?;
    }

    talk.step("the empty line at the end", ON_THE_WIRE)
        .if_early(
            "0\\r\\n has come, the empty line behind it has not. It belongs to the answer: read it too, or who reads on finds it \
             before the next answer.",
        )
        .if_silent("The empty line behind the last chunk has come, and with it all of the answer.")
        .if_hung_up("The last chunk has no bytes, and its CRLF comes a little later: read on until it is there.");
    talk.send_lines("0\r\n");
    talk.expect_patience(PAUSE)?;
    talk.send_lines("\r\n");
    talk.expect_result("0123456789abcdef")?;

    talk.step("an empty body", THE_EXERCISE)
        .if_hung_up("The last chunk alone is a body of no bytes: that is no error.");
    answered(talk, "0\r\n\r\n")?;
    talk.expect_result("")?;

    talk.step("the longest body, 65,536 bytes", THE_EXERCISE)
        .if_hung_up("65,536 bytes are allowed: 10000 in hexadecimal.")
        .if_received("xxxx", "Not all of it came back.");
    answered(talk, [b"10000\r\n".as_slice(), &[b'x'; 65_536], b"\r\n0\r\n\r\n"].concat())?;
    talk.expect_result([b'x'; 65_536])?;

    for (title, begin) in [("no answer at all", ""), ("half a head", "HTTP/1.1 200 OK\r\nTransfer-Enc")] {
        talk.step(title, THE_EXERCISE)
            .if_returned("The connection ended inside the head: there was no body, not even an empty one.")
            .if_silent(
                "The connection has ended: no more will come. A read says so by 0 bytes (in Rust: read_line() and read_until() \
                 give Ok(0)). A loop that looks only for the empty line never ends here.",
            );
        asked(talk)?;
        talk.send_lines(begin);
        talk.hang_up();
        talk.expect_error(Duration::ZERO, IN_TIME)?;
    }

    let cut = "The connection ended before the last chunk: the server failed before it was done. Half a body that looks like a whole \
               one is the worst result.";
    for (title, chunks, why) in [
        ("half a chunk", "5\r\nHel", cut),
        ("no last chunk", "5\r\nHello\r\n", cut),
        (
            "the last chunk without its empty line",
            "5\r\nHello\r\n0\r\n",
            "0\\r\\n came, and the empty line that ends the answer did not: it is not whole.",
        ),
        (
            "a size that is no number",
            "x\r\nHello\r\n0\r\n\r\n",
            "\"x\" is no size: nobody knows where this chunk ends.",
        ),
        ("no size", "\r\nHello\r\n0\r\n\r\n", "The line of the size is empty: nobody knows where this chunk ends."),
        (
            "a size with a sign",
            "+5\r\nHello\r\n0\r\n\r\n",
            "A size has hexadecimal digits and nothing else. Who reads +5 as 5 where the next program does not, lets \
             somebody hide a request in the difference. In Rust, from_str_radix() takes the sign: look at the digits first.",
        ),
        (
            "a size with a space",
            "5 \r\nHello\r\n0\r\n\r\n",
            "A size has hexadecimal digits and nothing else. A trim() hides what should not be there.",
        ),
        (
            "a size beyond all numbers",
            "fffffffffffffffff\r\nHello\r\n0\r\n\r\n",
            "No number of this machine is so large: hand the error of the conversion on.",
        ),
        (
            "the largest size",
            "5\r\nHello\r\nffffffffffffffff\r\nHello\r\n0\r\n\r\n",
            "So many bytes no machine has. Look at the size before you make room for it.",
        ),
        (
            "no CRLF behind the bytes",
            "5\r\nHelloXX0\r\n\r\n",
            "Behind five bytes CRLF had to come, and there was XX: this server counts in another way. Do not go on.",
        ),
        (
            "a newline alone behind the bytes",
            "5\r\nHello\n0\r\n\r\n",
            "Behind five bytes CRLF had to come, and there was \\n alone. Where two programs do not agree on the end of a chunk, \
             somebody can hide a request in the difference: take CRLF and nothing else.",
        ),
        (
            "a newline alone behind a size",
            "5\nHello\r\n0\r\n\r\n",
            "The line of a size ends with CRLF, and here was \\n alone. Where two programs do not agree on the end of a line, \
             somebody can hide a request in the difference: take CRLF and nothing else.",
        ),
    ] {
        talk.step(title, THE_EXERCISE).if_returned(why).if_silent("The connection has ended: no more will come.");
        answered(talk, chunks)?;
        talk.hang_up();
        talk.expect_error(Duration::ZERO, IN_TIME)?;
    }

    talk.step("a body that is too long", WHEN_IT_GOES_WRONG).if_returned(
        "Two chunks of 8001 (hexadecimal) are 65,538 bytes together, more than allowed. Each may be small: add up before \
         you go on.",
    );
    let chunk = [b"8001\r\n".as_slice(), &[b'x'; 0x8001], b"\r\n"].concat();
    answered(talk, [chunk.as_slice(), &chunk, b"0\r\n\r\n"].concat())?;
    talk.expect_error(Duration::ZERO, IN_TIME)
}
