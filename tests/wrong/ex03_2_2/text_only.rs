//! Makes text of the file: `format!` can do it all then.

use super::upload;
use std::io;
use std::net::SocketAddr;

pub fn ask(server: SocketAddr) -> io::Result<Vec<u8>> {
    upload(server, form)
}

fn form(boundary: &str, name: &str, file: &[u8]) -> Vec<u8> {
    let name = name.replace('"', "%22").replace('\r', "%0D");
    let head = format!("--{boundary}\r\nContent-Disposition: form-data; name=\"file\"; filename=\"{name}\"\r\n\r\n");
    format!("{head}{}\r\n--{boundary}--\r\n", String::from_utf8_lossy(file)).into_bytes()
}
