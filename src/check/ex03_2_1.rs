//! Exercise 3.2.1: a client that fetches page after page of a list, and knows its end from a failure.
//!
//! ```text
//! C: GET /words?q=fish+%26+chips&page=1 HTTP/1.1      the query has to be encoded, whatever way
//! C: X-Train: yes                                     a field of our own
//! S: 200, "cod\n"                                     a page: a text in the charset that its head names
//! C: GET /words?q=fish+%26+chips&page=2 HTTP/1.1
//! S: 404                                              there are no more
//! ```
//!
//! The result is the text of all pages in UTF-8. Each page has one second, to its last byte. Every other status, half a page,
//! and one that is late is an error.
//!
//! May use: of this folder client, http, peer, report, talk.

use super::{At, Checked, Exercise, ON_THE_WIRE, Role, THE_CODE, THE_EXERCISE, Talk, WHEN_IT_GOES_WRONG};
use std::time::Duration;

/// The row in the table of exercises.
pub const EXERCISE: Exercise = Exercise {
    name: "ex03_2_1",
    lesson: "03_2_1_http_get",
    next: "03_2_2_http_post",
    task: "fetch a list page by page, up to the 404 that ends it",
    role: Role::Client,
    hints: [
        "One loop: `for page in 1..=100`. In it a chain as in the lesson, from `session.get(&url)` over \
         `.query(…)`, `.header(…)` and `.timeout(…)` to `.send()?`. Each gives the request back, and `send` gives \
         the answer. Then look at the status: there are three cases.",
        "The address is `format!(\"http://{server}/words\")`; the parameters come from `.query(\"q\", \"fish & \
         chips\")` and `.query(\"page\", &page.to_string())`, which encode them. `.timeout(Duration::from_secs(1))` \
         is for everything up to the last byte. A status is data: 404 is an `Ok` of `send`. `answer.text()?` reads \
         the page in its own charset, and is an error when it was cut.",
        "`match answer.status().as_u16()` with three arms: `200 => words += &answer.text()?`, where `words` is a \
         `String` made before the loop; `404 => return Ok(words.into_bytes())`; and `status => return \
         Err(io::Error::other(format!(\"the server answered {status}\")))`. Behind the loop: an error, too, because \
         the list has no end.",
    ],
    dialogue,
};

/// The time of a page, and as much again for a machine that has other work.
const IN_TIME: Duration = Duration::from_secs(2);
/// For a page of a long list: well within its second.
const A_WHILE: Duration = Duration::from_millis(300);
/// Between two bytes of a drip.
const PAUSE: Duration = Duration::from_millis(150);
const TEXT: &str = "Content-Type: text/plain; charset=utf-8";

/// The client asks for this page.
fn page(talk: &mut Talk, number: u32) -> Checked {
    let asked = talk.hear_request("GET", "/words")?;
    let line = asked.line.as_bytes();
    let (wanted, got) = (number.to_string(), asked.parameter("page"));
    match asked.parameter("q").as_deref() {
        Some("fish & chips") => {}
        Some("fish " | "fish") => {
            return talk.refuse(
                "the parameter q with the value fish & chips",
                line,
                "The & is not encoded: it ends the value of q, and what follows is a parameter of its own. Let query() \
                 write it.",
            );
        }
        Some(_) => {
            let why = "The value of q is another one: is something encoded twice, or not at all? Let query() write it.";
            return talk.refuse("the parameter q with the value fish & chips", line, why);
        }
        None => return talk.refuse("the parameter q", line, "The query has no q: it asks for no word at all."),
    }
    if got.as_deref() != Some(&wanted) {
        let why = "The parameter page counts 1, 2, 3 and so on, one request for each.";
        return talk.refuse(&format!("the parameter page with the value {wanted}"), line, why);
    }
    match asked.field("X-Train") {
        Some("yes") => Ok(()),
        _ => talk.refuse("the field X-Train: yes", line, "A field of our own goes with every request: see header()."),
    }
}

fn begun(talk: &mut Talk) -> Checked {
    talk.start(At::Tcp)?;
    page(talk, 1)
}

/// What the server plays and expects.
fn dialogue(talk: &mut Talk) -> Checked {
    const ASK_ON: &str = "A list has as many pages as it has: ask on, until one is a 404.";
    talk.step("the first page", ON_THE_WIRE).if_hung_up(
        "The client came to its end before it asked anything. If that was an error: a space cannot stand in an address as it is. \
         Let query() write the parameters.",
    );
    begun(talk)?;

    talk.step("the next page", THE_EXERCISE)
        .if_hung_up("One page came, and there may be more: ask on until a page is 404.")
        .if_silent("After a page comes the request for the next one, until a page is 404.");
    talk.answer("200 OK", &[TEXT], "cod\n");
    page(talk, 2)?;

    talk.step("404 is the end", THE_CODE)
        .if_received("cod\neel\nno such", "The body of a 404 is no page of the list.")
        .if_received("cod\n", "Only a part of the pages came back: put all of them together.")
        .if_received("eel\n", "Only the last page came back: put all of them together.")
        .if_hung_up("404 is an answer like others, and here it says that there are no more pages. It is no error until you make it one.")
        .if_silent("The list is over: does the client ask on?");
    talk.answer("200 OK", &[TEXT], "eel\n");
    page(talk, 3)?;
    talk.answer("404 Not Found", &[TEXT], "no such page\n");
    talk.expect_result("cod\neel\n")?;

    talk.step("pages in other charsets", THE_CODE)
        .if_received("\u{fffd}", "The bytes were read as UTF-8, and each that is none became another character. text() asks the head for the charset.")
        .if_hung_up("The head says which charset the page has, GBK or Big5: it is not always UTF-8. text() reads that.")
        .if_received("", "These are the bytes as they came. The head says what they mean, GBK and Big5, and text() reads that.");
    begun(talk)?;
    talk.answer("200 OK", &["Content-Type: text/plain; charset=\"GBK\""], b"\xc4\xe3\xba\xc3\n");
    page(talk, 2)?;
    talk.answer("200 OK", &["Content-Type: text/plain; charset=Big5"], b"\xa7A\xa6n\n");
    page(talk, 3)?;
    talk.answer("404 Not Found", &[TEXT], "");
    talk.expect_result("你好\n你好\n")?;

    talk.step("no page at all", THE_EXERCISE)
        .if_hung_up("A list without pages is a list: its text is empty, and that is no error.")
        .if_received("no such", "The page of a 404 is no page of the list.");
    begun(talk)?;
    talk.answer("404 Not Found", &[TEXT], "no such page\n");
    talk.expect_result("")?;

    // Together they take longer than one page may: the limit of a page begins anew with each.
    talk.step("a long list, page by page", THE_EXERCISE);
    begun(talk)?;
    for number in 1..=4 {
        talk.from_here().if_hung_up(
            "The client gave up, though each page came well within its second. The limit is for one page and not for the whole \
             list.",
        );
        talk.say("(takes 0.3 s)");
        talk.expect_pause(A_WHILE)?;
        talk.from_here().if_hung_up(ASK_ON).if_silent(ASK_ON);
        talk.answer("200 OK", &[TEXT], format!("page {number}\n"));
        page(talk, number + 1)?;
    }
    talk.from_here()
        .if_received("", "Only a part of the pages came back.")
        .if_silent("The list is over: does the client ask on?");
    talk.answer("404 Not Found", &[TEXT], "");
    talk.expect_result("page 1\npage 2\npage 3\npage 4\n")?;

    talk.step("a page that the server cannot give", WHEN_IT_GOES_WRONG)
        .if_more("", "500 says that the server failed. Your client took it for a page, and asks for the next one.")
        .if_returned("500 says that the server failed, not that there are no more pages. So the list is not whole.");
    begun(talk)?;
    talk.answer("200 OK", &[TEXT], "cod\n");
    page(talk, 2)?;
    talk.answer("500 Internal Server Error", &[TEXT], "");
    talk.expect_no_request(IN_TIME)?;
    talk.expect_error(Duration::ZERO, IN_TIME)?;

    talk.step("a page that is not for everybody", WHEN_IT_GOES_WRONG)
        .if_more(
            "",
            "403 says that the client may not have this page. Its body is no page, and so the list is not whole.",
        )
        .if_returned(
            "403 says that the client may not have this page, not that there are no more. So the list is not whole.",
        );
    begun(talk)?;
    talk.answer("403 Forbidden", &[TEXT], "not for you\n");
    talk.expect_no_request(IN_TIME)?;
    talk.expect_error(Duration::ZERO, IN_TIME)?;

    talk.step("half a page", WHEN_IT_GOES_WRONG)
        .if_more("", "The page was not whole: that is an error, and no reason to ask for the next one.")
        .if_returned("The server promised 1000 bytes and sent 4. The page is not whole, and so is the list.");
    begun(talk)?;
    talk.answer("200 OK", &[TEXT, "Content-Length: 1000"], "cod\n");
    talk.expect_no_request(IN_TIME)?;
    talk.expect_error(Duration::ZERO, IN_TIME)?;

    // Two clients at once: each has to wait for its whole second.
    talk.step("servers that never finish", WHEN_IT_GOES_WRONG)
        .if_returned("The page was not whole when the time was over: that is an error.")
        .if_hung_up("The second was not over yet. The server may use all of it: is the limit another one?")
        .if_silent(
            "The second is over. A session waits 30 s unless told, and a limit for each read has no effect where a byte comes now \
             and then. timeout() limits all of it.",
        );
    for client in 1..=2 {
        talk.client(client);
        begun(talk)?;
    }
    talk.client(1);
    talk.say("(says nothing)");
    talk.client(2);
    talk.send_lines("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n");
    talk.drip(b"x", PAUSE, IN_TIME);
    for client in [1, 2] {
        talk.client(client);
        talk.expect_error(Duration::from_millis(700), IN_TIME)?;
    }
    Ok(())
}
