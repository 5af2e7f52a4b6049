//! Looks for `Max-Age` at the end of the line alone.

use super::{Jar, walk};
use std::io;
use std::net::SocketAddr;

pub fn ask(server: SocketAddr) -> io::Result<Vec<u8>> {
    walk(server, keep)
}

fn keep(jar: &mut Jar, line: &str) {
    let mut parts = line.split(';').map(|part| part.split_once('=').map(|(name, value)| (name.trim(), value.trim())));
    let Some((name, value)) = parts.next().flatten().filter(|(name, _)| !name.is_empty()) else { return };
    let last = parts.next_back().flatten().filter(|(name, _)| name.eq_ignore_ascii_case("Max-Age"));
    let age = last.and_then(|(_, age)| age.parse::<i64>().ok());
    if age.is_some_and(|age| age <= 0) {
        jar.remove(name);
    } else {
        jar.insert(name.to_owned(), value.to_owned());
    }
}
