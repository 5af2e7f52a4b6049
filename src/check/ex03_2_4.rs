//! Exercise 3.2.4: a client that orders once, whatever gets lost: it asks again freely, and orders again only when it knows
//! that there is no order.
//!
//! ```text
//! C: POST /order            with the body "pizza": not to be sent twice unless ...
//! S: 503                    ... (or a connection that ends, or silence: was it done?)
//! C: GET /order             this may be asked again and again
//! S: 404                    ... this says that nothing was ordered
//! C: POST /order
//! S: 201 "order 31"
//! ```
//!
//! The result is the body of an answer of 201 to the order or of 200 to the question. Three orders at most, after each at
//! most three questions; before a question is asked again, as long a pause as `Retry-After` says, one second at most. No
//! answer begins within a second: it is lost. Every other status is an error at once (RFC 9110 section 9.2.2).
//!
//! May use: of this folder client, http, peer, report, talk.

use super::{At, Checked, Exercise, ON_THE_WIRE, Role, THE_CODE, THE_EXERCISE, Talk, WHEN_IT_GOES_WRONG};
use std::time::Duration;

/// The row in the table of exercises.
pub const EXERCISE: Exercise = Exercise {
    name: "ex03_2_4",
    lesson: "03_2_4_http_retry",
    next: "04_1_websocket_server",
    task: "order a pizza, and only one, whatever gets lost",
    role: Role::Client,
    hints: [
        "Two loops, one in the other: over at most three orders, and after each over at most three questions. The \
         second one a `Policy` does for you: it sends a GET again and a POST never. So the code that is yours sorts \
         answers: which end it with a result, which end it with an error, and after which nobody knows.",
        "`Session::with(Options { read: Some(Duration::from_secs(1)), ..Options::default() })`, and \
         `session.mount(\"http://\", Policy { total: 2, statuses: vec![429, 500, 502, 503, 504], retry_after_max: \
         1.0, ..Policy::default() })`: a `total` of 2 means two more attempts, so three questions. A function `status_and_body(answer: Response) -> io::Result<(u16, Vec<u8>)>` \
         is of use twice: `answer.status().as_u16()` and `answer.bytes()?`. An order is lost when `send()` fails, \
         and also when `bytes()` fails.",
        "`match session.post(&url).body(\"pizza\").send().map_err(io::Error::from).and_then(status_and_body)`: \
         `Ok((201, order))` returns it; `Ok((status, _))` with a status that will not change is an error; \
         everything else, `Err(_)` too, goes on to `match status_and_body(session.get(&url).send()?)?`: there 200 \
         returns the body, 404 does nothing (so the loop orders again), and the rest is an error. Behind the loop: \
         `Err(io::ErrorKind::TimedOut.into())`.",
    ],
    dialogue,
};

/// For a client that has nothing more to wait for, and a machine that has other work.
const IN_TIME: Duration = Duration::from_secs(2);
/// Most of the second that the client has to wait.
const ALMOST: Duration = Duration::from_millis(700);

fn post(talk: &mut Talk) -> Checked {
    match talk.hear_request("POST", "/order")?.body {
        body if body == b"pizza" => Ok(()),
        body => talk.refuse("the body pizza", &body, "The body of the order is the five bytes \"pizza\"."),
    }
}

fn get(talk: &mut Talk) -> Checked {
    talk.hear_request("GET", "/order").map(drop)
}

fn ordered(talk: &mut Talk) -> Checked {
    talk.start(At::Tcp)?;
    post(talk)
}

/// The client has to give an error, and to ask for nothing more before.
fn gives_up(talk: &mut Talk) -> Checked {
    talk.expect_no_request(IN_TIME)?;
    talk.expect_error(Duration::ZERO, IN_TIME)
}

/// What the server plays and expects.
fn dialogue(talk: &mut Talk) -> Checked {
    const TWICE: &str = "The first order may have arrived, and then two pizzas come. Only GET may be sent again without \
                         thinking: ask with GET /order whether the order is there.";
    const UNKNOWN: &str = "Only 404 says that nothing was ordered. Without an answer nobody knows, and ordering now may bring two \
                           pizzas: ask again, and after three questions give an error.";
    const ENOUGH: &str = "That was the fourth question after this order, and three are enough. (The `total` of a policy counts \
                          only what it asks again: 2 makes three.)";
    const GAVE_UP: &str = "It is not known yet whether there is an order. GET /order asks, and may be sent.";

    talk.step("an order", ON_THE_WIRE)
        .if_hung_up("201 is \"created\": the order is there, and the body is the result.");
    ordered(talk)?;
    talk.answer("201 Created", &[], "order 31");
    talk.expect_result("order 31")?;

    talk.step("the answer is lost", WHEN_IT_GOES_WRONG).if_received("POST", TWICE).if_hung_up(GAVE_UP);
    ordered(talk)?;
    talk.hang_up();
    get(talk)?;
    talk.answer("200 OK", &[], "order 32");
    talk.expect_result("order 32")?;

    talk.step("the order is lost", THE_CODE).if_received("POST", TWICE).if_hung_up(GAVE_UP);
    ordered(talk)?;
    talk.answer("503 Service Unavailable", &[], "");
    get(talk)?;

    talk.step("now it is known, and may be sent again", THE_EXERCISE)
        .if_received("GET", "404 was an answer: nothing was ordered. Asking again changes nothing.")
        .if_hung_up("404 is an answer like others, and here it says what we wanted to know: nothing was ordered. So the order may be sent.");
    talk.answer("404 Not Found", &[], "nothing ordered");
    post(talk)?;
    talk.answer("201 Created", &[], "order 33");
    talk.expect_result("order 33")?;

    talk.step("half an answer", WHEN_IT_GOES_WRONG).if_received("POST", TWICE).if_hung_up(
        "The head came, and half the body: this is a lost answer too. Reading the body may fail, not only sending.",
    );
    ordered(talk)?;
    talk.answer("201 Created", &["Content-Length: 8"], "ord");
    get(talk)?;
    talk.answer("200 OK", &[], "order 34");
    talk.expect_result("order 34")?;

    talk.step("the question is lost, too", THE_CODE)
        .if_received("POST", "503 says nothing about the order: it may be there. Ask again.")
        .if_hung_up("GET may be sent again: three times after each order.");
    ordered(talk)?;
    talk.hang_up();
    get(talk)?;
    talk.from_here().if_received("POST", UNKNOWN).if_hung_up("GET may be sent again: three times after each order.").if_silent(
        "The client pauses for too long, or waits for something else. Ask again at once, or after half a second at most: a \
         `backoff_factor` of 0.1, or none.",
    );
    talk.hang_up();
    get(talk)?;
    talk.answer("502 Bad Gateway", &[], "");
    get(talk)?;
    talk.answer("200 OK", &[], "order 35");
    talk.expect_result("order 35")?;

    talk.step("what will not change", THE_CODE)
        .if_more(
            "",
            "400 says that the request is wrong. It will be wrong again: 429, 500, 502, 503 and 504 may change.",
        )
        .if_returned("400 says that there is no order: that is no result.");
    ordered(talk)?;
    talk.answer("400 Bad Request", &[], "no such dish");
    gives_up(talk)?;

    talk.step("what the server will never do", THE_EXERCISE)
        .if_more("", "501 says that the server cannot do this at all. Only 429, 500, 502, 503 and 504 may change.")
        .if_returned("501 says that there is no order: that is no result.");
    ordered(talk)?;
    talk.answer("501 Not Implemented", &[], "");
    gives_up(talk)?;

    talk.step("a question that is refused", THE_EXERCISE)
        .if_more(
            "POST",
            "Only 404 says that nothing was ordered. 403 says that the server does not tell: ordering now may bring two pizzas.",
        )
        .if_more("", "403 will not change: asking again is of no use.")
        .if_returned("403 does not say what became of the order: there is no result.");
    ordered(talk)?;
    talk.answer("503 Service Unavailable", &[], "");
    get(talk)?;
    talk.answer("403 Forbidden", &[], "not for you");
    gives_up(talk)?;

    talk.step("all questions are lost", WHEN_IT_GOES_WRONG)
        .if_received("POST", UNKNOWN)
        .if_more("POST", UNKNOWN)
        .if_more("", ENOUGH)
        .if_returned("The server never said what became of the order: there is no result.")
        .if_hung_up(
            "Three questions after each order: the client gave up before. A lost answer may be asked for again.",
        );
    ordered(talk)?;
    talk.hang_up();
    for _ in 1..=3 {
        get(talk)?;
        talk.hang_up();
    }
    gives_up(talk)?;

    talk.step("three questions are enough", THE_EXERCISE)
        .if_received("POST", UNKNOWN)
        .if_more("POST", UNKNOWN)
        .if_more("", ENOUGH)
        .if_returned("The server never said what became of the order: there is no result.")
        .if_hung_up(
            "Three questions after each order: the client gave up before, at the last status above. 429, 500, 502, 503 and 504 \
             may change, so ask again.",
        );
    ordered(talk)?;
    for status in
        ["503 Service Unavailable", "500 Internal Server Error", "429 Too Many Requests", "504 Gateway Timeout"]
    {
        talk.answer(status, &[], "");
        if !status.starts_with("504") {
            get(talk)?;
        }
    }
    gives_up(talk)?;

    talk.step("three orders are enough", THE_EXERCISE)
        .if_more("", "That was the third order. At some time it is enough.")
        .if_returned("None of three orders came through: there is no result.")
        .if_hung_up("Three orders, each with its question: the client gave up before.");
    talk.start(At::Tcp)?;
    for _ in 1..=3 {
        post(talk)?;
        talk.hang_up();
        get(talk)?;
        talk.answer("404 Not Found", &[], "nothing ordered");
    }
    gives_up(talk)?;

    talk.step("Retry-After", ON_THE_WIRE)
        .if_early(
            "The server said when to come back, and the client came earlier. Wait as long as it says, up to a second here.",
        )
        .if_silent("99999 seconds are more than a day. No server makes us wait for so long: one second at most, and then ask.")
        .if_hung_up(
            "One second is to be waited at most, and then the question comes. A policy waits for a minute if `retry_after_max` \
             does not say 1.0. If it does: `timeout()` and `total` of `Options` are for everything, the pauses too, and this \
             pause fills the second. `read` of `Options` is for each wait alone.",
        );
    ordered(talk)?;
    talk.answer("503 Service Unavailable", &[], "");
    get(talk)?;
    talk.answer("503 Service Unavailable", &["Retry-After: 99999"], "");
    talk.expect_pause(ALMOST)?;
    get(talk)?;
    talk.answer("200 OK", &[], "order 36");
    talk.expect_result("order 36")?;

    talk.timed(|talk| {
        talk.step("no answer at all", THE_CODE)
        .if_early("The second was not over yet.")
        .if_received("POST", TWICE)
        .if_silent(
            "The server says nothing, and the second is over: this answer is lost. Without a limit you wait for ever.",
        )
        .if_hung_up(GAVE_UP);
        ordered(talk)?;
        talk.say("(says nothing)");
        talk.expect_pause(ALMOST)?;
        get(talk)?;
        talk.answer("200 OK", &[], "order 37");
        talk.expect_result("order 37")
    })
}
