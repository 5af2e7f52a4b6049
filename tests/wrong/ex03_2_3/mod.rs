//! Answers to exercise 3.2.3: the solution, a slow one and the library's own jar pass, the usual mistakes fail, each with the
//! report beside it.

use netprimer::http::{Client, Method, Request};
use std::io;
use std::net::SocketAddr;

#[path = "../../../examples/solutions/ex03_2_3.rs"]
mod solution;

answers! {
    Client(ask)
    pass: solution, slow_but_right, session
    fail: not_begun, no_jar, whole_line, empty_field, first_only, a_field_each, appends, last_sign,
        keeps_the_spaces, never_deletes, zero_only, panics, flags_too, any_status, no_limit, empty_is_none,
        ends_with_a_sign, last_sign_ends_the_name, soon_is_zero, last_attribute
}

type Jar = std::collections::BTreeMap<String, String>;

/// All but what this exercise is about: how a cookie comes into the jar.
fn walk(server: SocketAddr, keep: fn(&mut Jar, &str)) -> io::Result<Vec<u8>> {
    walk_with(server, keep, |jar| {
        let cookies: Vec<String> = jar.iter().map(|(name, value)| format!("{name}={value}")).collect();
        cookies.join("; ")
    })
}

/// The same, and how the jar becomes a field.
fn walk_with(server: SocketAddr, keep: fn(&mut Jar, &str), field: fn(&Jar) -> String) -> io::Result<Vec<u8>> {
    let (mut client, mut jar) = (Client::new(), Jar::new());
    let mut page = "/start".to_owned();
    for _ in 0..10 {
        let mut request = Request::new(Method::Get, &format!("http://{server}{page}"));
        if !jar.is_empty() {
            request = request.header("Cookie", &field(&jar));
        }
        let answer = client.send(&request)?.error_for_status()?;
        answer.headers.all("Set-Cookie").for_each(|line| keep(&mut jar, line));
        page = answer.text()?;
        if !page.starts_with('/') {
            return Ok(page.into_bytes());
        }
    }
    Err(io::Error::other("there is always one more page"))
}
