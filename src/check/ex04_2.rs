//! Exercise 4.2: a WebSocket client that sends line after line in its own time, and answers every ping in between.
//!
//! ```text
//! C: text one                each line of the text is a message, 100 ms after the one before
//! S: ping alive?             at any time
//! C: pong alive?             at once, before the next line
//! C: text two
//! S: text thank you          behind the last line, within one second: the result
//! S: close 1000
//! C: close 1000
//! S: FIN
//! ```
//!
//! The handshake is left out: the frames begin at once. No answer in this second, or the end of the connection before the answer,
//! is an error. Pings are no answer.
//!
//! May use: of this folder client, frames, peer, report, talk.

use super::frames::{Frame, PING, PONG, TEXT};
use super::{Checked, Exercise, ON_THE_WIRE, Role, THE_EXERCISE, Talk, WHEN_IT_GOES_WRONG};
use std::time::{Duration, Instant};

/// The row in the table of exercises.
pub const EXERCISE: Exercise = Exercise {
    name: "ex04_2",
    lesson: "04_2_websocket_client",
    next: "05_ftp",
    task: "answer every ping while you send",
    role: Role::Client,
    hints: [
        "Nobody answers while nobody reads: tungstenite reads a ping, and has its pong ready, only inside of `read()`. So between \
         two lines you do not sleep, you read, until the next line must be sent. Make a function of that: it gets the socket and an \
         `Instant`, and reads until then. Use it after each line, and once more for the answer.",
        "Each read gets what is left: `let left = end.saturating_duration_since(Instant::now());`. When it is zero, the function \
         is done; or else `socket.get_ref().set_read_timeout(Some(left))?` and `socket.read()`. Silence is \
         `Err(Error::Io(e))` with the kind `WouldBlock` or `TimedOut`: go round again. After `Ok(Message::Ping(_))` the pong is \
         waiting: `socket.flush()` sends it, and so does the next `read()`. `Ok(Message::Text(text))` is the answer.",
        "`for line in text.lines() { socket.send(Message::text(line)).map_err(io::Error::other)?; listen(&mut socket, \
         Instant::now() + PAUSE)?; }` Behind the last line `listen` gets one second instead, for the answer may come at once \
         (`lines().peekable()` knows the last one); let it return `io::Result<Option<String>>`, `None` where the time is over, and \
         then make `ErrorKind::TimedOut` of it. With the answer in hand read on: `while Instant::now() < end && \
         socket.read().is_ok() {}` takes the Close, sends yours, and ends where the server closes. An error of tungstenite becomes \
         one of io by `map_err(io::Error::other)`.",
    ],
    dialogue,
};

/// The time that a client has for its error: its own second, as much again for a machine that has other work, and the lines.
const IN_TIME: Duration = Duration::from_secs(3);
/// Between two pings: well within the 100 ms between two lines.
const OFTEN: Duration = Duration::from_millis(10);
/// Line two is due after 100 ms. This late it will not come.
const LATE: Duration = Duration::from_millis(500);
/// From a line to the next: less than the 100 ms, because we may have seen the first one late.
const PAUSE: Duration = Duration::from_millis(30);
/// Three of them from the first line to the fourth: 300 ms, and as before. So it cannot hide that one of the three is missing.
const THREE_PAUSES: Duration = Duration::from_millis(220);

fn text(words: &str) -> Frame {
    Frame(TEXT, words.into())
}

fn ping(words: &str) -> Frame {
    Frame(PING, words.into())
}

/// The client starts and connects.
fn begun(talk: &mut Talk, lines: &[&str]) -> Checked {
    talk.start_with(&lines.iter().map(|line| format!("{line}\n")).collect::<String>())?;
    talk.accept()
}

/// The answer, and the end of the connection.
fn the_end(talk: &mut Talk) -> Checked {
    talk.send_frame(&text("thank you"));
    talk.send_frame(&Frame::close(1000));
    talk.expect_frame(&Frame::close(1000))?;
    talk.hang_up();
    Ok(())
}

/// The same, and the result.
fn answered(talk: &mut Talk) -> Checked {
    the_end(talk)?;
    talk.expect_result("thank you")
}

/// These lines come, and a pong before the last one, to each of so many pings at most: a client may answer the last one alone
/// (RFC 6455 section 5.5.3). Which of the lines stand before it is up to the client.
fn lines_and_pong(talk: &mut Talk, lines: &[&str], pong: &str, pings: usize) -> Checked {
    let pong = Frame(PONG, pong.into());
    let mut pongs = 0;
    let mut lines = lines.iter().peekable();
    while let Some(line) = lines.peek() {
        let frame = talk.hear_frame(&format!("{}, or {}", text(line).words(), pong.words()))?;
        if frame == text(line) {
            lines.next();
            if lines.len() == 0 && pongs == 0 {
                return talk.refuse(
                    &format!("{} before the last line", pong.words()),
                    &frame.said(),
                    "All lines were sent, and the ping still has no answer: by then many a server has given up. Nobody answers \
                     while nobody reads. Read between the lines.",
                );
            }
        } else if frame == pong && pongs < pings {
            pongs += 1;
        } else {
            return talk.refuse(&text(line).words(), &frame.said(), "Neither the next line, nor the pong to the ping.");
        }
    }
    Ok(())
}

/// So much time is to be between two lines of this one and the last.
fn kept(talk: &mut Talk, first: Instant, least: Duration, line: &str) -> Checked {
    if first.elapsed() >= least {
        return Ok(());
    }
    let why = "100 ms are to be between two lines, and this line came earlier. A ping ends a read, but not the pause: read on until \
               the next line must be sent.";
    let line = text(line).words();
    talk.refuse(&format!("{line}, in its time"), format!("{line}, too early").as_bytes(), why)
}

/// Pings until line two comes.
fn pinged(talk: &mut Talk) -> Checked {
    let first = Instant::now();
    let (pong, second) = (Frame(PONG, b"again".to_vec()), text("two"));
    talk.say("ping again every 10 ms");
    let due = Instant::now() + LATE;
    while Instant::now() < due {
        talk.send_unshown(ping("again").bytes());
        let mut came = false;
        // How many pongs stand before the line is up to the clock: no word of them.
        while let frame = talk.hear_frame_quietly("pong again")?
            && frame != pong
        {
            talk.say_of_client(&frame.words());
            if came || frame != second {
                let why = "Neither the next line, nor the pong to the ping.";
                talk.refuse("pong again", &frame.said(), why)?;
            }
            kept(talk, first, PAUSE, "two")?;
            came = true;
        }
        if came {
            return Ok(());
        }
        talk.expect_patience(OFTEN)?;
    }
    let why = "This line had to be sent long ago. Each ping ends a read, and the next read begins its timeout anew: compute once when \
               the next line must be sent, and give each read what is left.";
    talk.refuse(&second.words(), b"pong again, each time", why)
}

/// What the server plays and expects.
fn dialogue(talk: &mut Talk) -> Checked {
    talk.step("one line", ON_THE_WIRE);
    begun(talk, &["one"])?;
    talk.from_here()
        .if_received("text one\n", "The line end is no part of the line: text.lines() takes it away.")
        .if_received("a frame that begins with 82", "82 is a binary message. A text is a text: Message::text().")
        .if_silent("A line is there to be sent. write() only puts a message into the buffer: send() sends it.");
    talk.expect_frame(&text("one"))?;

    talk.step("the answer, and the Close", ON_THE_WIRE)
        .if_received("text", "That was the last line.")
        .if_received("close", "A Close is answered with the same code. read() does that by itself; close(None) sends none.")
        .if_hung_up("The server's Close is answered with one, and then it closes the connection. Read on, until read() says that it is over.")
        .if_silent("Who gets a Close answers with one. tungstenite does it within the next read() or flush().");
    the_end(talk)?;

    talk.step("the result", WHEN_IT_GOES_WRONG)
        .if_hung_up(
            "`thank you` came at once, before a pause of 100 ms could be over. Behind the last line every text is the answer: keep \
             it.",
        )
        .if_received("", "The result is the text of the server, and nothing else.");
    talk.expect_result("thank you")?;

    let lines = ["one", "two", "three", "four"];
    talk.timed(|talk| {
        talk.step("pings between the lines", WHEN_IT_GOES_WRONG)
            .if_silent("The next line must be sent 100 ms after the one before, whether the server says something or not: does a read wait for longer?")
            .if_hung_up("A ping is no answer and no mistake, and silence is none either: read on until the next line must be sent.")
            .if_received("alive?", "This is what the ping said. A ping is not the answer.");
        begun(talk, &lines)?;
        talk.expect_frame(&text("one"))?;
        let first = Instant::now();
        // Whoever takes each for the end of a pause has no pause at all: that cannot be mistaken for a slow machine.
        talk.send_as(ping("alive?").bytes().repeat(lines.len() - 1), "ping alive?, three times");
        lines_and_pong(talk, &lines[1..], "alive?", lines.len() - 1)?;
        kept(talk, first, THREE_PAUSES, lines[3])?;
        answered(talk)
    })?;

    talk.timed(|talk| {
        talk.step("a ping in two pieces", WHEN_IT_GOES_WRONG)
            .if_hung_up(
                "A piece of a frame came, and then nothing for a while. That is silence: keep the piece and read on later.",
            )
            .if_silent("A piece of a frame came, and the next line must be sent all the same, 100 ms after the one before.");
        begun(talk, &lines)?;
        talk.expect_frame(&text("one"))?;
        let bytes = ping("still there?").bytes();
        talk.send_as(&bytes[..5], "ping sti");
        talk.expect_frame(&text("two"))?;
        talk.send_as(&bytes[5..], "ll there?");
        lines_and_pong(talk, &lines[2..], "still there?", 1)?;
        answered(talk)
    })?;

    talk.timed(|talk| {
        talk.step("pings all the time", WHEN_IT_GOES_WRONG)
            .if_silent("Each ping has its pong, however many come, and each line its time.")
            .if_hung_up("A ping is no answer and no mistake, however many come.")
            .if_received("again", "This is what a ping said. A ping is not the answer.");
        begun(talk, &["one", "two"])?;
        talk.expect_frame(&text("one"))?;
        pinged(talk)?;
        answered(talk)
    })?;

    talk.timed(|talk| {
        talk.step("a ping before the answer", WHEN_IT_GOES_WRONG)
            .if_silent("The server asks whether you are alive, and answers then. Do you wait for the next line's time, or for nothing?")
            .if_hung_up("A ping is not the answer: answer it, and wait on.")
            .if_received("wait", "This is what the ping said. A ping is not the answer.");
        begun(talk, &["one"])?;
        talk.expect_frame(&text("one"))?;
        talk.expect_patience(10 * OFTEN)?;
        talk.send_frame(&ping("wait a little"));
        talk.expect_frame(&Frame(PONG, b"wait a little".to_vec()))?;
        answered(talk)
    })?;

    talk.step("no answer, and the end", THE_EXERCISE)
        .if_returned("The connection ended without an answer. That is an error, and no empty answer.");
    begun(talk, &["one"])?;
    talk.expect_frame(&text("one"))?;
    talk.hang_up();
    talk.expect_error(Duration::ZERO, IN_TIME)?;

    talk.step("no answer, but pings", WHEN_IT_GOES_WRONG)
        .if_returned("A second has passed without an answer. That is an error, and no empty answer.")
        .if_early("The second was not over yet.")
        .if_hung_up("The second was not over yet. The server may use all of it: is the limit another one?")
        .if_silent("A second has passed without an answer. Pings are no answer: compute the end once, and give each read what is left.");
    begun(talk, &["one"])?;
    talk.expect_frame(&text("one"))?;
    talk.drip_as(&ping("wait").bytes(), "ping wait", Duration::from_millis(150), Duration::from_secs(2));
    talk.expect_error(Duration::from_millis(700), IN_TIME)
}
