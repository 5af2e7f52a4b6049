//! Answers to exercise 3.2.2: the solution, a slow one and the library's own form pass, the usual mistakes fail, each with the
//! report beside it.

use netprimer::web::Session;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;

#[path = "../../../examples/solutions/ex03_2_2.rs"]
mod solution;

answers! {
    Client(ask)
    pass: solution, slow_but_right, form
    fail: not_begun, no_label, no_boundary, no_dashes, newlines, no_end, text_only, no_line_end, one_line_end_more,
        name_as_it_is, one_boundary, any_status, uploads_nothing, another_name, looks_once, percent_encoded,
        posts_twice
}

/// All but what this exercise is about: how the form is written.
fn upload(server: SocketAddr, form: fn(&str, &str, &[u8]) -> Vec<u8>) -> io::Result<Vec<u8>> {
    let session = Session::new();
    let got = session.get(&format!("http://{server}/file")).send()?.error_for_status()?.bytes()?;
    let newline = got.iter().position(|byte| *byte == b'\n').ok_or(ErrorKind::InvalidData)?;
    let (name, file) = (String::from_utf8_lossy(&got[..newline]), &got[newline + 1..]);

    let boundary = (0..).map(|n| format!("my-own-{n}")).find(|own| !file.escape_ascii().to_string().contains(own));
    let boundary = boundary.ok_or(ErrorKind::InvalidData)?;
    let request = session.post(&format!("http://{server}/upload"));
    let request = request.header("Content-Type", &format!("multipart/form-data; boundary={boundary}"));
    Ok(request.body(form(&boundary, &name, file)).send()?.error_for_status()?.bytes()?)
}
