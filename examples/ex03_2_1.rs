//! Exercise 3.2.1: fetch a list page by page, up to the 404 that ends it (lessons/03_2_1_http_get.md). 10 to 20 minutes.
//!
//! ```text
//! C: GET /words?...         with two parameters: q is "fish & chips", page is 1, then 2, 3 and so on
//! C: X-Train: yes           ... and this field, in each request
//! S: 200                    a page: text, in the charset that its head names
//! S: 404                    there are no more pages
//! ```
//!
//! The result is the text of all pages, one after the other, in UTF-8; when the first one is a 404, it is empty. Each page has
//! one second, from the request to its last byte. The result is an error when a page has any other status, is cut, or needs
//! more than its second. A list may have any number of pages; you may give up, with an error, after a hundred.
//!
//! ```text
//! cargo run --example ex03_2_1                checks your client
//! cargo run --example ex03_2_1 -- hint        gives the next hint of three
//! cargo run --example ex03_2_1 -- run [ADDR]  asks a server of yours, at 127.0.0.1:8888 if you name no address ...
//! printf 'HTTP/1.1 404 Not Found\r\n\r\n' | cargo run --example nc -- --listen 127.0.0.1:8888     ... such as this
//! ```

use netprimer::check::{self, Peer, ex03_2_1};
#[allow(unused_imports)] // until you use them
use netprimer::web::Session;
#[allow(unused_imports)]
use std::io;
use std::net::SocketAddr;
use std::process::ExitCode;
#[allow(unused_imports)]
use std::time::Duration;

/// Fetches all pages and returns their text.
#[allow(unused_variables)] // until you use the address
fn ask(server: SocketAddr) -> io::Result<Vec<u8>> {
    todo!("ask for page 1, 2, 3 ... until one is a 404")
}

fn main() -> ExitCode {
    check::main(&ex03_2_1::EXERCISE, &Peer::Client(ask))
}
