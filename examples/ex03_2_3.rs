//! Exercise 3.2.3: keep a server's cookies, and show them again (lessons/03_2_3_http_session.md). 15 to 30 minutes.
//!
//! ```text
//! C: GET /start                                   no cookie yet, so no field Cookie
//! S: 200                                          body: /page2    the page to get next
//! S: Set-Cookie: sid=31d4; Path=/; HttpOnly
//! C: GET /page2
//! C: Cookie: sid=31d4                             name and value only
//! S: 200                                          body: /page3
//! S: Set-Cookie: lang=zh
//! C: GET /page3
//! C: Cookie: lang=zh; sid=31d4                    all in one field, in any order
//! S: 200                                          body: welcome   no "/" first: this body is the result
//! ```
//!
//! A name that is set again gets the new value. A `Max-Age` of 0 or less, in upper or lower case, takes the cookie away; one that
//! is no number says nothing, and all other attributes you may ignore. The name ends at the first `=`; spaces around name and
//! value do not count; an empty value is a value. What has no `=` before the first `;`, or no name, is no cookie and changes
//! nothing. The result is an error when a page has another status than 200, or when page 10 names an 11th page.
//!
//! A `web::Session` has a jar already. `http::Client`, the client of lesson 3.1, has none: give it one.
//!
//! ```text
//! cargo run --example ex03_2_3                checks your client
//! cargo run --example ex03_2_3 -- hint        gives the next hint of three
//! cargo run --example ex03_2_3 -- run [ADDR]  asks a server of yours, at 127.0.0.1:8888 if you name no address ...
//! printf 'HTTP/1.1 200 OK\r\n\r\nwelcome' | cargo run --example nc -- --listen 127.0.0.1:8888     ... such as this
//! ```

use netprimer::check::{self, Peer, ex03_2_3};
#[allow(unused_imports)] // until you use them
use netprimer::http::{Client, Method, Request};
#[allow(unused_imports)]
use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::process::ExitCode;

/// Goes from page to page, and returns the body of the last.
#[allow(unused_variables)] // until you use the address
fn ask(server: SocketAddr) -> io::Result<Vec<u8>> {
    todo!("get a page with all cookies of the jar, keep those that it sets, go on to the page that it names")
}

fn main() -> ExitCode {
    check::main(&ex03_2_3::EXERCISE, &Peer::Client(ask))
}
