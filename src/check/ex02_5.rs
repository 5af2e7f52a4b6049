//! Exercise 2.5: a server for three clients at once, whose answers are numbers that all of them share.
//!
//! ```text
//! C1: hello\n                a line, of any bytes
//! S1: 1\n                    the number of this line, over all clients
//! C2: hello\n                another client, while the first one is silent
//! S2: 2\n
//! C3: hal                    a third one stops in the middle of a line
//! C1: again\n                and that is nothing to the others
//! S1: 3\n
//! C4: hello\n                a fourth one connects and waits ...
//! C3: FIN                    ... until one of the three leaves
//! S3: FIN
//! S4: 4\n
//! ```
//!
//! Three places, and each comes back however its client leaves.
//!
//! May use: of this folder peer, report, talk.

use super::{Checked, Exercise, Role, THE_CODE, THE_EXERCISE, Talk, WHEN_IT_GOES_WRONG};

/// The row in the table of exercises.
pub const EXERCISE: Exercise = Exercise {
    name: "ex02_5",
    lesson: "02_5_threaded_server",
    next: "03_1_http_by_hand",
    task: "serve three clients at once, with numbers that they share",
    role: Role::Server,
    hints: [
        "Three things: a thread for each client (the lesson's loop and its `handle`), one number that all threads share, and \
         three places (the channel in the lesson's *When it goes wrong*). Begin with the first two: they carry you to the step \
         with the fourth client.",
        "The number: `Arc<AtomicU64>`, a clone of the `Arc` for each thread, and `fetch_add(1, Ordering::SeqCst) + 1` when a \
         line is whole, not before. The places: `mpsc::channel()`, three times `send(())`; `recv()` before `accept()`, so that a \
         fourth client waits in the system's queue. The lines: `BufReader::new(&stream).split(b'\\n')`.",
        "A place must come back on every way out, also where a `?` or a panic ends the thread. A drop does that: \
         `struct Place(mpsc::Sender<()>);` with `impl Drop for Place { fn drop(&mut self) { let _ = self.0.send(()); } }`. Make \
         `let place = Place(give_back.clone());` before the spawn, and in the closure a first line `let _place = place;`, \
         which moves it into the thread.",
    ],
    dialogue,
};

/// What the checker sends and expects.
fn dialogue(talk: &mut Talk) -> Checked {
    talk.step("one line", THE_CODE)
        .if_received("0\n", "The first line has the number 1.")
        .if_received("5\n", "5 is the length of the line. Its number was asked.")
        .if_received("hello", "This is the line itself. Its number was asked.")
        .if_cut("The answer ends with a newline: how else could the client know that it is whole?");
    talk.client(1);
    talk.connect()?;
    talk.send("hello\n");
    talk.expect("1\n")?;
    talk.expect_no_more()?;

    talk.step("the same client again", THE_EXERCISE)
        .if_received("1\n", "This is the second line: the number must outlive the first one.")
        .if_silent("One connection carries many lines: does the thread go on reading?")
        .if_hung_up("One connection carries many lines: go on until the client ends.");
    talk.send("again\n");
    talk.expect("2\n")?;

    talk.step("another client, while the first one is silent", THE_CODE)
        .if_received("1\n", "This client has a count of its own. All clients share one.")
        .if_silent(
            "The first client is silent, and somebody waits for it: the loop with accept(), if the client has no thread or the \
             loop joins it at once; or the second thread, if the first one reads while it holds the lock.",
        );
    talk.client(2);
    talk.connect()?;
    talk.send("me too\n");
    talk.expect("3\n")?;

    talk.step("the first one goes on", THE_EXERCISE)
        .if_received(
            "3\n",
            "Both clients have a count of their own. A copy is not shared: Arc, with an atomic or a Mutex in it.",
        )
        .if_silent("The first client still has its place and its thread. What does that thread wait for?");
    talk.client(1);
    talk.send("still here\n");
    talk.expect("4\n")?;

    talk.step("a third one stops in the middle of a line", WHEN_IT_GOES_WRONG)
        .if_early("Half a line was answered: it is no line until its newline comes.")
        .if_received("6\n", "Half a line was counted: it is no line until its newline comes.")
        .if_silent(
            "Half a line of the third client holds up the others. Does a thread read while it holds the lock? Read first, and \
             lock only to count.",
        );
    talk.client(3);
    talk.connect()?;
    talk.send("hal");
    talk.expect_nothing()?;
    talk.client(1);
    talk.send("one\n");
    talk.expect("5\n")?;
    talk.client(2);
    talk.send("two\n");
    talk.expect("6\n")?;

    talk.step("the rest of its line", THE_EXERCISE).if_hung_up("A line may come in pieces, with time between them.");
    talk.client(3);
    talk.send("f\n");
    talk.expect("7\n")?;

    talk.step("a fourth one has to wait", WHEN_IT_GOES_WRONG)
        .if_early("Three places are taken, and the fourth client was served: nothing stops a thousand from coming.")
        .if_hung_up("The connection of the fourth client was closed. It has to wait: take a place before accept(), and it stays in the queue.");
    talk.client(4);
    talk.connect()?;
    talk.send("hello?\n");
    talk.expect_nothing()?;

    talk.step("the others go on meanwhile", WHEN_IT_GOES_WRONG)
        .if_received("9\n", "The line of the client that waits was counted. Its turn has not come.")
        .if_silent("Only the loop with accept() has to wait for a place; the threads go on.");
    talk.client(1);
    talk.send("three\n");
    talk.expect("8\n")?;

    talk.step("one leaves, and the fourth has its turn", WHEN_IT_GOES_WRONG)
        .if_silent("The third client has left. Who gives its place back, and does the connection close?")
        .if_hung_up("The fourth client has waited for its turn, and now it is there.");
    talk.client(3);
    talk.half_close();
    talk.expect_hang_up()?;
    talk.client(4);
    talk.expect("9\n")?;

    talk.step("one goes away without reading its answer", WHEN_IT_GOES_WRONG)
        .if_silent(
            "The first client was reset, so reading from it failed. Its place must come back on this way out, too. In Rust, a ? \
             leaves before the line that gives it back; a drop runs on every way out.",
        )
        .if_hung_up("One client's error ended the server. It must end that client only.");
    talk.client(1);
    talk.send("goodbye\n");
    talk.vanish()?;
    talk.client(5);
    talk.connect()?;
    talk.send("my turn\n");
    talk.expect("11\n")?;

    talk.step("five come and go without a line", WHEN_IT_GOES_WRONG)
        .if_received("1", "A client that sent no line has got a number, or was counted.")
        .if_silent("Places get lost: does one come back also where a client ends without a line?");
    talk.client(2);
    talk.half_close();
    talk.expect_hang_up()?;
    talk.client(6);
    for _ in 0..5 {
        talk.connect()?;
        talk.half_close();
        talk.expect_hang_up()?;
    }
    talk.connect()?;
    talk.send("and now?\n");
    talk.expect("12\n")?;

    talk.step("bytes that are no UTF-8", THE_EXERCISE)
        .if_silent("These bytes are no text. They are a line all the same, because a newline ends them.")
        .if_hung_up(
            "These bytes are no text, so reading them as text fails (in Rust: lines(), read_line(); in Python: decode()). A \
             line may have any bytes: split(b'\\n') or read_until() takes them.",
        );
    talk.send(b"\xff\xfe\x00\n");
    talk.expect("13\n")?;

    // The clients 4, 5 and 6 have the three places, so the next one has closed before its turn comes.
    talk.step("one that does not wait for its answers", WHEN_IT_GOES_WRONG)
        .if_silent(
            "A client had closed before its turn, so sending its answers failed. Its place must come back on this way out, too. \
             In Rust, unwrap() leaves by a panic, before the line that gives it back; a drop runs on every way out.",
        )
        .if_hung_up(
            "A client had closed before its turn, so sending its answers failed, and that ended this one, too. In Rust, a panic \
             while a Mutex is locked poisons it, and lock().unwrap() panics in every other thread: lock to count, not to send.",
        );
    talk.client(7);
    talk.connect()?;
    talk.send("a\n".repeat(40));
    talk.hang_up();
    talk.client(6);
    talk.half_close();
    talk.expect_hang_up()?;
    talk.client(8);
    talk.connect()?;
    talk.send("still there?\n");
    // How many of its lines were counted before the sending failed is not to be known.
    let number = talk.hear_until(b"\n", "a number, and \\n")?;
    let counted =
        String::from_utf8_lossy(&number).trim_end().parse().is_ok_and(|number: u32| (14..=54).contains(&number));
    if counted {
        Ok(())
    } else {
        talk.differs("a number from 14 to 54, and \\n", &number, "The count goes on from 13.")
    }
}
