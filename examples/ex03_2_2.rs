//! Exercise 3.2.2: upload a file in a form that you write by hand (lessons/03_2_2_http_post.md). 15 to 30 minutes.
//!
//! ```text
//! C: GET /file
//! S: 200    body: test.txt\nHello       the name of the file, a newline, and all its bytes, of any kind
//! C: POST /upload
//! C: Content-Type: multipart/form-data; boundary=B      B stands for a boundary of your own
//! C: ...                                                the other fields are up to you
//! C: \r\n
//! C: --B\r\n                                            here begins the body
//! C: Content-Disposition: form-data; name="file"; filename="test.txt"\r\n
//! C: \r\n
//! C: Hello\r\n                          the bytes as they are, and CRLF
//! C: --B--\r\n
//! S: 201    body: 5 bytes taken         this body is the result
//! ```
//!
//! In the name a quote mark is written as `%22`, CR as `%0D` and LF as `%0A`; all else as it is. The boundary must not stand in
//! the file. The result is an error when the file cannot be had (any status but 200), or is not taken (any but 201).
//!
//! `Form` of the library could do it all. Do not use it here: a form is easy once you have written one.
//!
//! ```text
//! cargo run --example ex03_2_2                checks your client
//! cargo run --example ex03_2_2 -- hint        gives the next hint of three
//! cargo run --example ex03_2_2 -- run [ADDR]  uploads to a server that you wrote, at 127.0.0.1:8888 if you name none
//! ```

use netprimer::check::{self, Peer, ex03_2_2};
#[allow(unused_imports)] // until you use them
use netprimer::web::Session;
#[allow(unused_imports)]
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::process::ExitCode;

/// Gets the file, uploads it, and returns what the server says then.
#[allow(unused_variables)] // until you use the address
fn ask(server: SocketAddr) -> io::Result<Vec<u8>> {
    todo!("get the file, choose a boundary, write the form, post it")
}

fn main() -> ExitCode {
    check::main(&ex03_2_2::EXERCISE, &Peer::Client(ask))
}
