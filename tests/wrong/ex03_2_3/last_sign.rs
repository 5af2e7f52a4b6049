//! Ends the name at the last `=`.

use super::{Jar, walk};
use std::io;
use std::net::SocketAddr;

pub fn ask(server: SocketAddr) -> io::Result<Vec<u8>> {
    walk(server, keep)
}

fn keep(jar: &mut Jar, line: &str) {
    let mut parts = line.split(';').map(str::trim);
    let Some((name, value)) = parts.next().and_then(|pair| pair.trim_end_matches('=').split_once('=')) else { return };
    let (name, value) = (name.trim(), value.trim());
    let mut ages = parts.filter_map(|part| part.split_once('=')).filter(|(name, _)| name.eq_ignore_ascii_case("max-age"));
    if ages.any(|(_, age)| age.parse::<i64>().is_ok_and(|age| age <= 0)) {
        jar.remove(name);
    } else if !name.is_empty() {
        jar.insert(name.to_owned(), value.to_owned());
    }
}
