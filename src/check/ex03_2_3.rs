//! Exercise 3.2.3: a client that keeps the cookies of a server in a jar of its own, and shows them again.
//!
//! ```text
//! C: GET /start                                       no cookie yet, so no field Cookie
//! S: 200, Set-Cookie: sid=31d4; Path=/; HttpOnly      body "/page2": what to get next
//! C: GET /page2
//! C: Cookie: sid=31d4                                 names and values only, all in one field
//! S: 200                                              a body that does not begin with "/" is the result
//! ```
//!
//! The same name replaces; a `Max-Age` of 0 or less takes away; what has no `=` before the first `;`, or no name, changes
//! nothing (RFC 6265 sections 5.2 to 5.4). All other attributes are for another day. Ten pages at most, and every status but
//! 200 is an error.
//!
//! May use: of this folder client, free, http, peer, report, talk.

use super::{At, Checked, Exercise, ON_THE_WIRE, Role, THE_EXERCISE, Talk};
use std::collections::BTreeSet;
use std::time::Duration;

/// The row in the table of exercises.
pub const EXERCISE: Exercise = Exercise {
    name: "ex03_2_3",
    lesson: "03_2_3_http_session",
    next: "03_2_4_http_retry",
    task: "keep a server's cookies, and show them again",
    role: Role::Client,
    hints: [
        "Two functions. `ask` has a loop over at most ten pages: make the request, add the field `Cookie` when the \
         jar is not empty, send, look at the status, keep the cookies, look at the body. `keep(jar, line)` takes \
         one `Set-Cookie`: the pair before the first `;`, then the attributes. The jar is a `BTreeMap<String, \
         String>`: a name that is set again replaces the old one there.",
        "`Request::new(Method::Get, &format!(\"http://{server}{page}\"))`, then `.header(\"Cookie\", &text)`, then \
         `client.send(&request)?`. The answer has `.status`, `.headers.all(\"Set-Cookie\")` for all lines with this \
         name, and at last `.text()?`. In `keep`: `line.split(';')` gives the pair first and then the attributes, \
         `split_once('=')` cuts at the first `=`, `trim()` removes spaces. `name.eq_ignore_ascii_case(\"Max-Age\")` \
         and `age.parse::<i64>()`: what is no number changes nothing.",
        "The text of the field is `jar.iter().map(|(name, value)| \
         format!(\"{name}={value}\")).collect::<Vec<_>>().join(\"; \")`. `keep` begins with `let mut parts = \
         line.split(';');` and `let Some((name, value)) = parts.next().and_then(|pair| pair.split_once('=')) else { \
         return };`, and returns when `name.trim()` is empty. Then it looks at the other parts: if one is a \
         `Max-Age` that parses and is 0 or less, `jar.remove(name)`, or else `jar.insert(name.to_owned(), \
         value.to_owned())`.",
    ],
    dialogue,
};

/// For a client that has nothing to wait for, and a machine that has other work.
const IN_TIME: Duration = Duration::from_secs(2);
/// So many pages are enough.
const PAGES: u32 = 10;

/// The client starts and asks for the first page, which has to be without a cookie.
fn begun(talk: &mut Talk) -> Checked {
    talk.start(At::Tcp)?;
    match talk.hear_request("GET", "/start")?.field("Cookie") {
        None => Ok(()),
        Some(value) => talk.differs(
            "no field Cookie",
            format!("Cookie: {value}").as_bytes(),
            "There is no cookie yet. Each run begins with an empty jar, and an empty jar is no field at all.",
        ),
    }
}

/// Answers with these cookies. The next request has to show those that are wanted.
fn shown_again(talk: &mut Talk, path: &str, set: &[&str], wanted: &str) -> Checked {
    let set: Vec<String> = set.iter().map(|cookie| format!("Set-Cookie: {cookie}")).collect();
    talk.answer("200 OK", &Vec::from_iter(set.iter().map(String::as_str)), path);
    let asked = talk.hear_request("GET", path)?;
    let fields: Vec<&str> = asked.all("Cookie").collect();
    let pairs = |field: &str| field.split(';').map(|pair| pair.trim().to_owned()).collect::<Vec<_>>();
    let expected = if wanted.is_empty() { "no field Cookie".to_owned() } else { format!("Cookie: {wanted}") };
    let got = format!("Cookie: {}", fields.join("\r\nCookie: "));
    match fields.as_slice() {
        [] if wanted.is_empty() => Ok(()),
        [] => talk.differs(
            &expected,
            b"no field Cookie",
            "The server set a cookie. Keep it, and show it with the next request.",
        ),
        [one] => {
            // In any order, but each once.
            let (all, set) = (BTreeSet::from_iter(pairs(wanted)), BTreeSet::from_iter(pairs(one)));
            let why = match (set.is_subset(&all), set.is_superset(&all)) {
                (true, true) if pairs(one).len() == all.len() => return Ok(()),
                (true, true) => "Each cookie goes once.",
                (true, false) => {
                    "A cookie is missing. An answer may have several fields Set-Cookie, and those of earlier answers still \
                     count."
                }
                (false, true) => "One of them is not to be shown: it is no cookie, or was taken away.",
                (false, false) => "Each cookie goes as name=value, with \"; \" between them. Compare both lines.",
            };
            talk.differs(&expected, got.as_bytes(), why)
        }
        _ => talk.refuse(
            &expected,
            got.as_bytes(),
            "All cookies go in one field Cookie (RFC 6265 section 5.4), with \"; \" between them.",
        ),
    }
}

/// The last page: its body is the result.
fn arrived(talk: &mut Talk) -> Checked {
    talk.answer("200 OK", &[], "welcome");
    talk.expect_result("welcome")
}

/// What the server plays and expects.
fn dialogue(talk: &mut Talk) -> Checked {
    talk.step("no cookie yet", ON_THE_WIRE);
    begun(talk)?;

    talk.step("a cookie comes back", ON_THE_WIRE)
        .if_received("no field", "The server set a cookie. Keep it, and show it with the next request.")
        .if_received(
            "Cookie: sid=31d4; ",
            "What stands behind the first ; tells the client where the cookie may go. It never goes back.",
        )
        .if_received(
            "Cookie: sid=31d4;P",
            "What stands behind the first ; tells the client where the cookie may go. It never goes back.",
        )
        .if_received(
            "Cookie: sid=31d4;",
            "The field ends with a ;. A ; stands between two cookies, and nowhere else: in Rust, join(\"; \").",
        )
        .if_received("GET /start", "The body named the page to get next.")
        .if_hung_up("The body named a page to get next: it begins with \"/\", so it is not the result.");
    shown_again(talk, "/page2", &["sid=31d4; Path=/; HttpOnly"], "sid=31d4")?;

    talk.step("the result", THE_EXERCISE).if_received("/", "The result is the body that does not begin with \"/\".");
    arrived(talk)?;

    talk.step("two cookies, and two pages", THE_EXERCISE)
        .if_hung_up("Each body that begins with \"/\" names the page to get next.");
    begun(talk)?;
    shown_again(talk, "/page2", &["sid=31d4; Path=/"], "sid=31d4")?;
    shown_again(talk, "/page3", &["lang=zh", "theme=dark; Path=/"], "lang=zh; sid=31d4; theme=dark")?;
    arrived(talk)?;

    talk.step("a new value for an old name", THE_EXERCISE).if_received(
        "Cookie: sid=31d4",
        "The server set this name again, with another value: that replaces the old one. A map from name to value does so.",
    );
    begun(talk)?;
    shown_again(talk, "/page2", &["sid=31d4"], "sid=31d4")?;
    shown_again(talk, "/page3", &["sid=77aa"], "sid=77aa")?;
    arrived(talk)?;

    talk.step("= in a value", THE_EXERCISE)
        .if_received(
            "Cookie: token=YWI==; token=",
            "Only the first = ends the name: here it is token both times, and the new value replaces the old one.",
        )
        .if_received("Cookie: token=YWI", "Only the first = ends the name: those behind it belong to the value.");
    begun(talk)?;
    shown_again(talk, "/page2", &["token=YWI=="], "token=YWI==")?;
    shown_again(talk, "/page3", &["token=ZGI=="], "token=ZGI==")?;
    arrived(talk)?;

    talk.step("spaces", THE_EXERCISE)
        .if_received("Cookie: lang", "Spaces around the name and the value are no part of them.");
    begun(talk)?;
    shown_again(talk, "/page2", &["lang = zh ;HttpOnly"], "lang=zh")?;
    arrived(talk)?;

    talk.step("Max-Age=0 takes a cookie away", ON_THE_WIRE)
        .if_received("Cookie: lang=;", "Max-Age=0 means: this cookie is over. It leaves the jar, whatever its value.")
        .if_received("Cookie: lang", "Max-Age=0 means: this cookie is over. It leaves the jar, whatever its value.")
        .if_received(
            "Cookie: sid=31d4; lang",
            "Max-Age=0 means: this cookie is over. It leaves the jar, whatever its value.",
        );
    begun(talk)?;
    shown_again(talk, "/page2", &["sid=31d4", "lang=zh; Path=/"], "lang=zh; sid=31d4")?;
    shown_again(talk, "/page3", &["lang=; Path=/; Max-Age=0"], "sid=31d4")?;
    arrived(talk)?;

    talk.step("an age below zero, and max-age in lower case", THE_EXERCISE)
        .if_received("Cookie:", "Max-Age is the same in upper and lower case, and an age of -5 is over, too.");
    begun(talk)?;
    shown_again(talk, "/page2", &["sid=31d4"], "sid=31d4")?;
    shown_again(talk, "/page3", &["sid=31d4; max-age=-5; HttpOnly"], "")?;
    arrived(talk)?;

    talk.step("ages that take nothing away", THE_EXERCISE)
        .if_received("no field", "60 is above zero, and \"soon\" is no number: neither takes the cookie away.")
        .if_received(
            "Cookie: b=2",
            "An empty value is a value: a= is a cookie, and its age of 60 does not take it away.",
        )
        .if_received("Cookie: a=", "\"soon\" is no number, so this Max-Age says nothing: the cookie b stays.")
        .if_hung_up("\"soon\" is no number. Then this attribute says nothing, and that is no reason to give up.");
    begun(talk)?;
    shown_again(talk, "/page2", &["a=; Max-Age=60", "b=2; Max-Age=soon"], "a=; b=2")?;
    arrived(talk)?;

    talk.step("what is no cookie", THE_EXERCISE)
        .if_received(
            "Cookie: sid=31d4; x=y",
            "What stands behind the first ; is an attribute, also where no cookie stands before it.",
        )
        .if_received("Cookie: =nobody", "=nobody has no name: it is no cookie.")
        .if_received(
            "Cookie: nothing",
            "The line \"nothing\" has no =, so it has no name and no value: it is no cookie.",
        )
        .if_received("Cookie: HttpOnly", "HttpOnly has no =, so it has no name and no value: it is no cookie.")
        .if_hung_up("A line that is no cookie changes nothing, and is no reason to give up.");
    begun(talk)?;
    shown_again(talk, "/page2", &["nothing", "=nobody", "sid=31d4", "HttpOnly; x=y"], "sid=31d4")?;
    arrived(talk)?;

    talk.step("a page that is not there", THE_EXERCISE)
        .if_more("", "This page is not there, so its body names no page.")
        .if_returned("This page is not there: its body is no result.");
    begun(talk)?;
    talk.answer("404 Not Found", &[], "/page2");
    talk.expect_no_request(IN_TIME)?;
    talk.expect_error(Duration::ZERO, IN_TIME)?;

    talk.step("ten pages are enough", THE_EXERCISE)
        .if_more("", "This server names page after page, for ever. After ten it is enough.")
        .if_returned("The tenth page named one more to get: there is no result.")
        .if_hung_up("Ten pages: the client gave up before.");
    begun(talk)?;
    for page in 2..=PAGES {
        shown_again(talk, &format!("/page{page}"), &[], "")?;
    }
    talk.answer("200 OK", &[], "/page11");
    talk.expect_no_request(IN_TIME)?;
    talk.expect_error(Duration::ZERO, IN_TIME)
}
