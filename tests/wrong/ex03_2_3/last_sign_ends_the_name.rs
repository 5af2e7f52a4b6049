//! Cuts a cookie at its last `=`.

use super::{Jar, walk};
use std::io;
use std::net::SocketAddr;

pub fn ask(server: SocketAddr) -> io::Result<Vec<u8>> {
    walk(server, keep)
}

fn keep(jar: &mut Jar, line: &str) {
    let mut parts = line.split(';').map(|part| part.rsplit_once('=').map(|(name, value)| (name.trim(), value.trim())));
    let Some((name, value)) = parts.next().flatten().filter(|(name, _)| !name.is_empty()) else { return };
    let ages = parts.flatten().filter(|(name, _)| name.eq_ignore_ascii_case("Max-Age"));
    let age = ages.filter_map(|(_, age)| age.parse::<i64>().ok()).next_back(); // what is no number says nothing
    if age.is_some_and(|age| age <= 0) {
        jar.remove(name);
    } else {
        jar.insert(name.to_owned(), value.to_owned());
    }
}
