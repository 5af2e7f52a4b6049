//! Has one boundary for all files.

use netprimer::web::Session;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;

pub fn ask(server: SocketAddr) -> io::Result<Vec<u8>> {
    let session = Session::new();
    let got = session.get(&format!("http://{server}/file")).send()?.error_for_status()?.bytes()?;
    let newline = got.iter().position(|byte| *byte == b'\n').ok_or(ErrorKind::InvalidData)?;
    let (name, file) = (String::from_utf8_lossy(&got[..newline]), &got[newline + 1..]);

    let boundary = "my-own-boundary";
    let name = name.replace('"', "%22").replace('\r', "%0D");
    let head = format!("--{boundary}\r\nContent-Disposition: form-data; name=\"file\"; filename=\"{name}\"\r\n\r\n");
    let body = [head.as_bytes(), file, format!("\r\n--{boundary}--\r\n").as_bytes()].concat();
    let request = session.post(&format!("http://{server}/upload"));
    let request = request.header("Content-Type", &format!("multipart/form-data; boundary={boundary}"));
    Ok(request.body(body).send()?.error_for_status()?.bytes()?)
}
