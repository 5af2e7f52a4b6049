//! Adds a line end only where the file has none.

use super::upload;
use std::io;
use std::net::SocketAddr;

pub fn ask(server: SocketAddr) -> io::Result<Vec<u8>> {
    upload(server, form)
}

fn form(boundary: &str, name: &str, file: &[u8]) -> Vec<u8> {
    let name = name.replace('"', "%22").replace('\r', "%0D");
    let head = format!("--{boundary}\r\nContent-Disposition: form-data; name=\"file\"; filename=\"{name}\"\r\n\r\n");
    let end = if file.ends_with(b"\r\n") { "" } else { "\r\n" };
    [head.as_bytes(), file, format!("{end}--{boundary}--\r\n").as_bytes()].concat()
}
