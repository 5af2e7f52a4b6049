//! Right, though slow and in other words: a rest before the upload, a boundary between quotes, a field more, no last line end.

use netprimer::web::Session;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::sync::mpsc;
use std::time::Duration;

pub fn ask(server: SocketAddr) -> io::Result<Vec<u8>> {
    let session = Session::new();
    let got = session.get(&format!("http://{server}/file")).send()?.error_for_status()?.bytes()?;
    let newline = got.iter().position(|byte| *byte == b'\n').ok_or(ErrorKind::InvalidData)?;
    let (name, file) = (String::from_utf8_lossy(&got[..newline]), &got[newline + 1..]);

    let boundary = (0..).map(|n| format!("my-own-{n}")).find(|own| !file.escape_ascii().to_string().contains(own));
    let boundary = boundary.ok_or(ErrorKind::InvalidData)?;
    let name = name.replace('"', "%22").replace('\r', "%0D");
    let head = format!("--{boundary}\r\nContent-Type: text/plain\r\ncontent-disposition: form-data; name=\"file\"; filename=\"{name}\"\r\n\r\n");
    let body = [head.as_bytes(), file, format!("\r\n--{boundary}--").as_bytes()].concat();
    let (_tick, clock) = mpsc::channel::<()>();
    let _ = clock.recv_timeout(Duration::from_millis(30));
    let request = Session::new();
    let request = request.post(&format!("http://{server}/upload"));
    let request = request.header("Content-Type", &format!("multipart/form-data; boundary=\"{boundary}\""));
    Ok(request.body(body).send()?.error_for_status()?.bytes()?)
}
