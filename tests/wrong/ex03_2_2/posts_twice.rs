//! Sends the form twice.

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
    let mut taken = Vec::new();
    for _ in 0..2 {
        let request = session.post(&format!("http://{server}/upload")).header("Content-Type", &label);
        taken = body_of(request.body(part(&boundary, &name, file)).send()?, 201)?;
    }
    Ok(taken)
}

/// The body, if the status is this one.
fn body_of(mut answer: Response, wanted: u16) -> io::Result<Vec<u8>> {
    match answer.status().as_u16() {
        status if status == wanted => Ok(answer.bytes()?),
        status => Err(io::Error::other(format!("the server answered {status}"))),
    }
}

/// One that does not stand in the file. (Who draws it at random, as packages do, need not look.)
fn boundary(file: &[u8]) -> String {
    let mut number = 0;
    loop {
        let boundary = format!("my-own-{number}");
        if !file.windows(boundary.len()).any(|window| window == boundary.as_bytes()) {
            return boundary;
        }
        number += 1;
    }
}

/// A form with one file (RFC 7578).
fn part(boundary: &str, name: &str, file: &[u8]) -> Vec<u8> {
    let name = name.replace('"', "%22").replace('\r', "%0D").replace('\n', "%0A");
    let head = format!("--{boundary}\r\nContent-Disposition: form-data; name=\"file\"; filename=\"{name}\"\r\n\r\n");
    [head.as_bytes(), file, format!("\r\n--{boundary}--\r\n").as_bytes()].concat()
}
