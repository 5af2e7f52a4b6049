//! Exercise 8.1: fetches many pages, at most four at once, in the order of their servers and with the errors apart.
//!
//! ```text
//! C1: GET / HTTP/1.1 ...    to each server one request, on a connection of its own
//! S1: HTTP/1.1 200 OK ...   the page: its text is one line
//! ```
//!
//! The result has a line for each server, in their order: `ok`, a space and the page, or `error` for whatever went wrong.
//! As soon as one page is done, the next one of the list is begun: a slow server holds one of the four places, and no other.
//!
//! May use: of this folder client, free, peer, report, say, talk.

use super::{At, Checked, Exercise, ON_THE_WIRE, Role, THE_CODE, THE_EXERCISE, Talk, WHEN_IT_GOES_WRONG};
use std::time::Duration;

/// The row in the table of exercises.
pub const EXERCISE: Exercise = Exercise {
    name: "ex08_1",
    lesson: "08_1_concurrent_http",
    next: "08_2_concurrent_websocket",
    task: "fetch many pages, four at once, in order, with the errors apart",
    role: Role::Client,
    hints: [
        "Four threads, and one list for all of them. Each thread takes the next server of the list, fetches, notes the page \
         with its number, and takes the next one, until none is left. What is fetched first is noted first, so the numbers \
         bring it in order at the end.",
        "`let next = AtomicUsize::new(0);` and `next.fetch_add(1, Ordering::SeqCst)` gives each caller another number; \
         `servers.get(number)` is `None` when the list is at its end. `std::sync::mpsc::channel()` is the way back: each \
         thread sends `(number, result)` through a clone of the sender. Drop your own sender; then the receiver's `iter()` \
         ends. Sort by the number.",
        "`thread::scope(|scope| { for _ in 0..4 { let (next, session, tell) = (&next, &session, tell.clone()); \
         scope.spawn(move || loop { let number = next.fetch_add(1, Ordering::SeqCst); let Some(server) = servers.get(number) \
         else { return }; let _ = tell.send((number, fetch(session, *server))); }); } });` A line is `format!(\"ok \
         {text}\\n\")` for `Ok(text)` and `\"error\\n\".to_owned()` for `Err(_)`. An error is a line like all others: no `?` \
         there.",
    ],
    dialogue,
};

/// So many pages are fetched at once.
const AT_ONCE: usize = 4;
/// Between two pages: long enough for the first of them to be noted first.
const PAUSE: Duration = Duration::from_millis(60);

/// The client connects to this server and asks for its page.
fn asked(talk: &mut Talk, number: usize) -> Checked {
    talk.client(number);
    talk.accept()?;
    let wanted = "a head that begins with GET / HTTP/1.";
    let head = talk.hear_until(b"\r\n\r\n", wanted)?;
    match head.starts_with(b"GET / HTTP/1.") {
        true => Ok(()),
        false => talk.refuse(wanted, &head, "The page of each server is /, and GET asks for it."),
    }
}

fn answer(talk: &mut Talk, number: usize, text: &str) {
    talk.client(number);
    let length = text.len();
    talk.say(&format!("200 OK, {text}"));
    talk.send_unshown(format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{text}"));
    talk.hang_up();
}

/// What the servers play and expect.
fn dialogue(talk: &mut Talk) -> Checked {
    talk.step("one page", ON_THE_WIRE);
    talk.start_all(&[At::Tcp])?;
    asked(talk, 1)?;

    talk.step("its line", THE_EXERCISE)
        .if_received("hello", "The line begins with its state: \"ok\" and a space, then the page.")
        .if_received("ok hello", "A newline ends each line.")
        .if_silent(
            "The page was sent, and the client still waits. Does it read a channel to its end? That comes when the last sender \
             is dropped, your own one too.",
        );
    answer(talk, 1, "hello");
    talk.expect_result("ok hello\n")?;

    let order = "The order is that of the servers, and not the one in which the pages came.";
    talk.step("three pages, the first one last", WHEN_IT_GOES_WRONG)
        .if_early("The first page is still on its way: there is no result without it.")
        .if_received("ok c", order)
        .if_received("ok b", order)
        .if_silent(
            "No connection, though others are only waiting: all three are to be asked at once. A `join` in the loop that \
             spawns waits too early; so does a lock that is held while a page is fetched.",
        );
    talk.start_all(&[At::Tcp; 3])?;
    (1..=3).try_for_each(|number| asked(talk, number))?;
    for (number, text) in [(3, "c"), (2, "b")] {
        answer(talk, number, text);
        talk.expect_patience(PAUSE)?;
    }
    answer(talk, 1, "a");
    talk.client(1);
    talk.expect_result("ok a\nok b\nok c\n")?;

    talk.step("errors apart", THE_CODE)
        .if_hung_up("One page that fails is one line, \"error\". The others are still wanted.")
        .if_received("error ", "The line of a page that fails has the word error, and nothing else.")
        .if_early("Each server is asked once, also when its page fails.")
        .if_silent("All was said. Is a server asked a second time? Each is asked once, also when its page fails.")
        .if_received("ok d", "A page that fails has a line too: who reads it knows the servers by their order.")
        .if_received(
            "ok not found",
            "The status is 404: this is no page, though it has a text. error_for_status() makes an error of it.",
        )
        .if_received(
            "error\nerror\nok",
            "The server announced 100 bytes and broke down after four: half a page is an error.",
        );
    talk.start_all(&[At::Tcp, At::Nobody, At::Tcp, At::Tcp])?;
    asked(talk, 1)?;
    talk.say("404 Not Found, not found");
    talk.send_unshown("HTTP/1.1 404 Not Found\r\nContent-Length: 9\r\nConnection: close\r\n\r\nnot found");
    talk.hang_up();
    talk.client(2);
    talk.say("(nobody listens)");
    asked(talk, 3)?;
    talk.say("200 OK, and 4 of 100 bytes");
    talk.send_unshown("HTTP/1.1 200 OK\r\nContent-Length: 100\r\nConnection: close\r\n\r\nhalf");
    talk.hang_up();
    asked(talk, 4)?;
    answer(talk, 4, "d");
    talk.client(1);
    talk.expect_nobody()?;
    talk.expect_result("error\nerror\nerror\nok d\n")?;

    talk.step("no page at all", THE_EXERCISE)
        .if_hung_up("No server: no line, and no error. Is there an index, or a division, that wants at least one?");
    talk.start_all(&[])?;
    talk.expect_result("")?;

    talk.step("seven pages, four at once", THE_EXERCISE)
        .if_early("Four pages are being fetched, and none of them is done: the fifth has to wait.")
        .if_silent("Four at once, in the order of the list: the first four servers are to be asked now.");
    talk.start_all(&[At::Tcp; 7])?;
    (1..=AT_ONCE).try_for_each(|number| asked(talk, number))?;
    talk.client(AT_ONCE + 1);
    talk.expect_nobody()?;

    talk.step("a slow one holds one place", THE_EXERCISE).if_silent(
        "One page is done, so a place is free, and the next server of the list is to be asked. If all four have to be done \
         first, or each thread has its own share of the list, a slow server holds others.",
    );
    // The second place is free again and again, and the other three are still busy.
    for (done, next) in [(2, 5), (5, 6), (6, 7)] {
        answer(talk, done, &format!("page {done}"));
        asked(talk, next)?;
    }

    talk.step("seven lines", WHEN_IT_GOES_WRONG).if_received("ok page 2", order);
    for number in [7, 4, 3, 1] {
        answer(talk, number, &format!("page {number}"));
    }
    talk.client(1);
    talk.expect_result((1..=7).map(|number| format!("ok page {number}\n")).collect::<String>())
}
