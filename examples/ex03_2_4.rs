//! Exercise 3.2.4: order a pizza, and only one, whatever gets lost (lessons/03_2_4_http_retry.md). 20 to 40 minutes.
//!
//! ```text
//! C: POST /order        body: pizza
//! S: 201                body: order 31        done: this body is the result
//!                       429, 500, 502, 503, 504, half an answer, or none: nobody knows whether it was done
//! C: GET /order                               asks whether it was
//! S: 200                body: order 31        it was: this body is the result
//!    404                                      it was not: now, and only now, it may be ordered again
//!                       429, 500, 502, 503, 504, or no answer: ask again
//! ```
//!
//! Three orders at most, and after each three questions at most; when these bring no answer, the result is an error. Before a
//! question is asked again: the seconds that a `Retry-After` says, but one at most; without it, half a second at most. If no
//! byte of an answer has come after one second, it is lost. Any other status is an error at once.
//!
//! ```text
//! cargo run --example ex03_2_4                checks your client
//! cargo run --example ex03_2_4 -- hint        gives the next hint of three
//! cargo run --example ex03_2_4 -- run [ADDR]  orders from a server of yours, at 127.0.0.1:8888 if you name no address ...
//! printf 'HTTP/1.1 201 Created\r\n\r\norder 31' | cargo run --example nc -- --listen 127.0.0.1:8888     ... such as this
//! ```

use netprimer::check::{self, Peer, ex03_2_4};
#[allow(unused_imports)] // until you use them
use netprimer::retry::Policy;
#[allow(unused_imports)]
use netprimer::web::{Options, Session};
#[allow(unused_imports)]
use std::io;
use std::net::SocketAddr;
use std::process::ExitCode;
#[allow(unused_imports)]
use std::time::Duration;

/// Orders a pizza and returns what the server says of the order.
#[allow(unused_variables)] // until you use the address
fn ask(server: SocketAddr) -> io::Result<Vec<u8>> {
    todo!("order; if nobody knows whether it was done, ask, and only then order again")
}

fn main() -> ExitCode {
    check::main(&ex03_2_4::EXERCISE, &Peer::Client(ask))
}
