//! Knows Max-Age=0 in these letters alone.

use super::{Jar, walk};
use std::io;
use std::net::SocketAddr;

pub fn ask(server: SocketAddr) -> io::Result<Vec<u8>> {
    walk(server, keep)
}

fn keep(jar: &mut Jar, line: &str) {
    let mut parts = line.split(';').map(str::trim);
    let Some((name, value)) = parts.next().and_then(|pair| pair.split_once('=')) else { return };
    let (name, value) = (name.trim(), value.trim());
    if parts.any(|part| part == "Max-Age=0") {
        jar.remove(name);
    } else if !name.is_empty() {
        jar.insert(name.to_owned(), value.to_owned());
    }
}
