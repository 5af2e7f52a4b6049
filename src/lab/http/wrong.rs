//! Answers that are wrong on purpose: what a client must notice, each under a name of its own.
//!
//! ```text
//! GET /wrong/cut HTTP/1.1\r\n        HTTP/1.1 200 OK\r\n
//! Host: 127.0.0.1:8080\r\n           Content-Length: 1000\r\n
//! \r\n                               \r\n
//!                                    500 bytes, and the connection ends
//! ```
//!
//! RFC 9112 sections 6.3, 7.1, 8 and 11.2.
//!
//! May use: nothing but its neighbours.

use crate::lab::http::answer::{Answer, End};
use crate::lab::http::body::gzip;

/// The names below `/wrong/`, and what is wrong there.
pub(super) const NAMES: [(&str, &str); 19] = [
    ("cut", "announces 1000 bytes and ends after 500"),
    ("cut-chunked", "ends in the middle of a chunk"),
    ("no-last-chunk", "ends between two chunks, before the last one"),
    ("cut-close", "a body that ends with the connection; over TLS nothing marks the end (a cut)"),
    ("cut-gzip", "all bytes that were announced, but gzip data that ends too early"),
    ("long-body", "announces 5 bytes and sends more"),
    ("two-lengths", "two different Content-Length"),
    ("length-and-chunked", "both Content-Length and chunked: two ends of one body"),
    ("bad-chunk", "a chunk whose size is no number"),
    ("bare-lf", "lines of the head that end with LF alone"),
    ("no-http", "a first line that is no HTTP"),
    ("long-field", "a field of a million bytes"),
    ("many-fields", "10,000 fields"),
    ("many-interim", "5,000 times 100 Continue before the answer"),
    ("hang-up", "ends without a word"),
    ("surplus", "a second answer that nobody asked for"),
    ("stale", "promises keep-alive and ends the connection behind the answer"),
    ("loop", "redirects to itself"),
    ("to-file", "redirects to a file of the client's machine"),
];

pub(super) fn answer(name: &str) -> Option<Answer> {
    const OK: &str = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n";
    let raw = |text: String| Answer::raw(text, End::Marked);
    Some(match name {
        "cut" => raw(format!("{OK}Content-Length: 1000\r\n\r\n{}", "x".repeat(500))),
        "cut-chunked" => raw(format!("{OK}Transfer-Encoding: chunked\r\n\r\n5\r\nHello\r\na\r\n, wor")),
        "no-last-chunk" => raw(format!("{OK}Transfer-Encoding: chunked\r\n\r\n5\r\nHello\r\n")),
        "cut-close" => Answer::raw(format!("{OK}Connection: close\r\n\r\nHello, wor"), End::Cut),
        "cut-gzip" => {
            let mut data = gzip(b"{\"gzipped\": true}\n");
            data.truncate(data.len() - 12);
            Answer::new(200, "application/json", data).with("Content-Encoding", "gzip")
        }
        "long-body" => raw(format!("{OK}Content-Length: 5\r\n\r\nHello, and more than was announced\n")),
        "two-lengths" => raw(format!("{OK}Content-Length: 5\r\nContent-Length: 12\r\n\r\nHello, world")),
        "length-and-chunked" => {
            raw(format!("{OK}Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nHello\r\n0\r\n\r\n"))
        }
        "bad-chunk" => raw(format!("{OK}Transfer-Encoding: chunked\r\n\r\nnone\r\nHello\r\n0\r\n\r\n")),
        "bare-lf" => raw("HTTP/1.1 200 OK\nContent-Length: 5\n\nHello".into()),
        "no-http" => raw("220 mail.example ready\r\n".into()),
        "long-field" => raw(format!("{OK}X-Long: {}\r\nContent-Length: 5\r\n\r\nHello", "a".repeat(1_000_000))),
        "many-fields" => {
            let fields: String = (0..10_000).map(|n| format!("X-{n}: a\r\n")).collect();
            raw(format!("{OK}{fields}Content-Length: 5\r\n\r\nHello"))
        }
        "many-interim" => {
            raw(format!("{}{OK}Content-Length: 5\r\n\r\nHello", "HTTP/1.1 100 Continue\r\n\r\n".repeat(5_000)))
        }
        "hang-up" => raw(String::new()),
        "surplus" => raw(format!("{OK}Content-Length: 5\r\n\r\nHello{OK}Content-Length: 11\r\n\r\nnobody's...\n")),
        "stale" => raw(format!("{OK}Content-Length: 5\r\nConnection: keep-alive\r\n\r\nHello")),
        "loop" => Answer::bare(302).with("Location", "/wrong/loop"),
        "to-file" => Answer::bare(302).with("Location", "file:///etc/passwd"),
        _ => return None,
    })
}
