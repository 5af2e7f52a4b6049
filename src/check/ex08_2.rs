//! Exercise 8.2: a client that reads what comes, and comes back with pauses that grow, until the server is done.
//!
//! ```text
//! C: (connects)
//! S: text one                each text is a line of the result
//! S: (hangs up)              the connection is lost
//! C: (connects)              after 100 ms
//! S: close 1001              it goes away
//! C: close 1001
//! C: (connects)              after 200 ms: no text came, so the pause grows
//! S: text two                and the next pause is 100 ms again
//! S: close 1000              it is done
//! C: close 1000
//! S: FIN
//! ```
//!
//! The handshake is left out: the frames begin at once. 1000 is the end also where no text came before it. Four connections in a row
//! that bring no text are an error. So is a Close with any code but 1000 and 1001, at once.
//!
//! May use: of this folder client, frames, peer, report, talk.

use super::frames::{Frame, TEXT};
use super::{At, Checked, Exercise, ON_THE_WIRE, Role, THE_CODE, THE_EXERCISE, Talk, WHEN_IT_GOES_WRONG};
use std::time::Duration;

/// The row in the table of exercises.
pub const EXERCISE: Exercise = Exercise {
    name: "ex08_2",
    lesson: "08_2_concurrent_websocket",
    next: "09_best_practices",
    task: "come back with pauses that grow, until the server is done",
    role: Role::Client,
    hints: [
        "Two functions: one for one connection, which collects its texts and says how it ended: done, lost, or refused. The \
         other one is the loop around it, with a count of failures. The first question after each connection is whether it \
         brought a text: then it counts from 0 again.",
        "How a connection ends: `Ok(Message::Close(Some(frame)))` has `u16::from(frame.code)`; behind it go on with \
         `while socket.read().is_ok() {}`, which sends your Close and waits for the server's FIN. Every `Err` is a connection that \
         is lost, and so is one that never came to be. The pause begins with 100 ms, each is twice the one before, and behind \
         a text it is 100 ms again.",
        "In the loop: `let before = lines.len(); match listen(server, &mut lines) { Some(1000) => return Ok(...), None | \
         Some(1001) => {} Some(code) => return Err(...) }`. Then \
         `if lines.len() > before { failed = 0; pause = 100 ms } else { failed += 1 }`, where `failed == 4` is the error, and \
         `sleep(pause)` of `std::thread` is right here: nobody waits for an answer of yours. Then `pause *= 2`.",
    ],
    dialogue,
};

/// The first pause.
const PAUSE: Duration = Duration::from_millis(100);
/// The time that a client has for its error.
const IN_TIME: Duration = Duration::from_secs(3);
/// What the client's clock may be ahead of ours by.
const ALMOST: Duration = Duration::from_millis(5);

fn text(words: &str) -> Frame {
    Frame(TEXT, words.into())
}

/// The connection is lost, and the next one comes after this pause and not before.
fn lost(talk: &mut Talk, pause: Duration) -> Checked {
    talk.hang_up();
    talk.expect_pause(pause - ALMOST)?;
    talk.accept()
}

/// The server goes away, and the next connection comes after this pause. It may be counted from the Close or from the FIN.
fn away(talk: &mut Talk, pause: Duration) -> Checked {
    closed(talk, 1001)?;
    talk.leave();
    talk.expect_pause(pause - ALMOST)?;
    talk.accept()
}

/// The server closes with this code.
fn closed(talk: &mut Talk, code: u16) -> Checked {
    talk.send_frame(&Frame::close(code));
    talk.expect_frame(&Frame::close(code))
}

/// The server is done, and this is the result.
fn done(talk: &mut Talk, result: &str) -> Checked {
    closed(talk, 1000)?;
    talk.hang_up();
    talk.expect_result(result)
}

/// What the server plays and expects.
fn dialogue(talk: &mut Talk) -> Checked {
    talk.step("two texts, and done", ON_THE_WIRE)
        .if_received("onetwo", "Each text is a line of the result, with \\n at its end.")
        .if_received("two", "The first text is missing: collect them.")
        .if_received("one\ntwo", "Each text is a line of the result, the last one too: \\n stands behind it.")
        .if_received("a frame", "This is no Close. Nothing had to be said but that.")
        .if_hung_up("If you get a Close, answer with one. tungstenite does it within the next read(), so read on until that fails.")
        .if_silent("If you get a Close, answer with one. When it was 1000, that was all.");
    talk.start(At::Tcp)?;
    talk.accept()?;
    talk.send_frame(&text("one"));
    talk.send_frame(&text("two"));
    done(talk, "one\ntwo\n")?;

    talk.timed(|talk| {
        talk.step("a connection that is lost", WHEN_IT_GOES_WRONG)
            .if_returned("The connection was lost, and nobody said that this was all: come back.")
            .if_early("At once is too early: pause for 100 ms, then connect again. A server that just broke down would drown in clients.")
            .if_received("two\n", "What came before the connection was lost came. Keep it.")
            .if_hung_up("A lost connection is no reason to give up: come back.")
            .if_silent("A lost connection is no reason to wait: come back after 100 ms.");
        talk.start(At::Tcp)?;
        talk.accept()?;
        talk.send_frame(&text("one"));
        lost(talk, PAUSE)?;
        talk.send_frame(&text("two"));
        done(talk, "one\ntwo\n")
    })?;

    talk.timed(|talk| {
        talk.step("done without a text", ON_THE_WIRE)
            .if_early("At once is too early: pause for 100 ms, then connect again.")
            .if_hung_up("1000 says that the server is done, and what came before came. That is no error.")
            .if_silent(
                "1000 says that the server is done, also where no text came on this connection: do not come back.",
            )
            .if_received("", "The texts of all connections are the result, also where the last one brought none.");
        talk.start(At::Tcp)?;
        talk.accept()?;
        talk.send_frame(&text("one"));
        lost(talk, PAUSE)?;
        done(talk, "one\n")
    })?;

    talk.timed(|talk| {
        talk.step("a server that goes away", ON_THE_WIRE)
            .if_returned("1001 is not 1000: the server goes away, but it is not done. Come back.")
            .if_early("1001 says that the server goes away, perhaps to start anew: come back, and after a pause.")
            .if_hung_up(
                "1001 is no error: the server goes away, perhaps to start anew. Answer its Close, and come back.",
            )
            .if_silent("1001 says that the server goes away. Answer its Close, and come back after 100 ms.");
        talk.start(At::Tcp)?;
        talk.accept()?;
        talk.send_frame(&text("before"));
        away(talk, PAUSE)?;
        talk.send_frame(&text("after"));
        done(talk, "before\nafter\n")
    })?;

    talk.timed(|talk| {
        talk.step("pauses that grow", THE_CODE)
            .if_early("Too early. Each pause is twice the one before: 100, 200, 400 ms. Only a text ends that, and no Close.")
            .if_hung_up("Three connections in a row brought no text. Give up after four.")
            .if_silent("Three connections in a row brought no text: the next one comes after 400 ms.");
        talk.start(At::Tcp)?;
        talk.accept()?;
        lost(talk, PAUSE)?;
        away(talk, 2 * PAUSE)?;
        lost(talk, 4 * PAUSE)?;
        talk.send_frame(&text("here"));

        talk.step("a text makes it forget", THE_CODE)
            .if_early("Too early. Behind a text the pause is 100 ms again, and the next one 200.")
            .if_hung_up(
                "This server brought a text between its failures: what was before it is forgotten. Four failures in a row are too \
                 many, four with a success between them are not.",
            )
            .if_silent("Behind a text the pause is 100 ms again.");
        for times in [1, 2] {
            lost(talk, PAUSE * times)?;
        }
        talk.send_frame(&text("again"));
        done(talk, "here\nagain\n")
    })?;

    talk.step("four connections without a text", THE_CODE)
        .if_early("Too early. A Close with 1001 is no text: the pauses grow on. Here they are 100, 200 and 400 ms.")
        .if_returned("Four connections, and not one text: there is no result, not even an empty one.")
        .if_hung_up("Give up after four connections in a row that bring no text, and not before.")
        .if_silent(
            "Four connections in a row brought no text: that is the error. A Close with 1001 counts among them: it is a reason to \
             come back, and it is no text.",
        );
    talk.start(At::Tcp)?;
    talk.accept()?;
    lost(talk, PAUSE)?;
    away(talk, 2 * PAUSE)?;
    lost(talk, 4 * PAUSE)?;
    closed(talk, 1001)?;
    talk.hang_up();
    talk.expect_error(Duration::ZERO, 2 * IN_TIME / 3)?;

    talk.step("a server that does not want us", WHEN_IT_GOES_WRONG)
        .if_returned("1008 is a refusal. What came is not all, and more will not come: that is an error.")
        .if_early("1008 says: you did what is not allowed here. The same would happen again, so do not come back.")
        .if_silent("1008 says: you did what is not allowed here. Do not come back, and return an error.");
    talk.start(At::Tcp)?;
    talk.accept()?;
    talk.send_frame(&text("go away"));
    closed(talk, 1008)?;
    talk.hang_up();
    talk.expect_error(Duration::ZERO, 2 * IN_TIME / 3)?;

    talk.step("nobody is there", THE_EXERCISE)
        .if_returned("There was nobody four times, so there is no result, not even an empty one.")
        .if_early("Four tries with 100, 200 and 400 ms between them are 700 ms. The client gave up before.")
        .if_hung_up("Four tries with 100, 200 and 400 ms between them are 700 ms. The client gave up before.")
        .if_silent(
            "Four failures in a row are enough. A client that never gives up is one of thousands that keep a server down.",
        );
    talk.start(At::Nobody)?;
    talk.expect_error(7 * PAUSE - ALMOST, IN_TIME)
}
