//! Looks for its boundary in the file once, and takes the next one unseen.

use netprimer::web::{Response, Session};
use std::io::{self, ErrorKind};
use std::net::SocketAddr;

/// Gets the file, uploads it, and returns what the server says then.
pub fn ask(server: SocketAddr) -> io::Result<Vec<u8>> {
    let session = Session::new();
    let got = body_of(session.get(&format!("http://{server}/file")).send()?, 200)?;
    let newline = got.iter().position(|byte| *byte == b'\n').ok_or(ErrorKind::InvalidData)?;
    let (name, file) = (String::from_utf8_lossy(&got[..newline]), &got[newline + 1..]);

    let boundary = boundary(file);
    let label = format!("multipart/form-data; boundary={boundary}");
    let request = session.post(&format!("http://{server}/upload")).header("Content-Type", &label);
    body_of(request.body(part(&boundary, &name, file)).send()?, 201)
}

/// The body, if the status is this one.
fn body_of(mut answer: Response, wanted: u16) -> io::Result<Vec<u8>> {
    match answer.status().as_u16() {
        status if status == wanted => Ok(answer.bytes()?),
        status => Err(io::Error::other(format!("the server answered {status}"))),
    }
}

fn boundary(file: &[u8]) -> String {
    let boundary = "my-own-0";
    if file.windows(boundary.len()).any(|window| window == boundary.as_bytes()) { "my-own-1".to_owned() } else { boundary.to_owned() }
}

/// A form with one file (RFC 7578).
fn part(boundary: &str, name: &str, file: &[u8]) -> Vec<u8> {
    let name = name.replace('"', "%22").replace('\r', "%0D").replace('\n', "%0A");
    let head = format!("--{boundary}\r\nContent-Disposition: form-data; name=\"file\"; filename=\"{name}\"\r\n\r\n");
    [head.as_bytes(), file, format!("\r\n--{boundary}--\r\n").as_bytes()].concat()
}
