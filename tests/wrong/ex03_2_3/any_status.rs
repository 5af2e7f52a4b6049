//! Goes on, whatever the status.

use netprimer::http::{Client, Method, Request};
use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;

pub fn ask(server: SocketAddr) -> io::Result<Vec<u8>> {
    let (mut client, mut jar) = (Client::new(), BTreeMap::new());
    let mut page = "/start".to_owned();
    for _ in 0..10 {
        let mut request = Request::new(Method::Get, &format!("http://{server}{page}"));
        if !jar.is_empty() {
            let cookies: Vec<String> = jar.iter().map(|(name, value)| format!("{name}={value}")).collect();
            request = request.header("Cookie", &cookies.join("; "));
        }
        let answer = client.send(&request)?;
        answer.headers.all("Set-Cookie").for_each(|line| keep(&mut jar, line));
        page = answer.text()?;
        if !page.starts_with('/') {
            return Ok(page.into_bytes());
        }
    }
    Err(io::Error::other("there is always one more page"))
}

fn keep(jar: &mut BTreeMap<String, String>, line: &str) {
    let mut parts = line.split(';').map(str::trim);
    let Some((name, value)) = parts.next().and_then(|pair| pair.split_once('=')) else { return };
    let (name, value) = (name.trim(), value.trim());
    let mut ages = parts.filter_map(|part| part.split_once('=')).filter(|(name, _)| name.eq_ignore_ascii_case("max-age"));
    if ages.any(|(_, age)| age.parse::<i64>().is_ok_and(|age| age <= 0)) {
        jar.remove(name);
    } else if !name.is_empty() {
        jar.insert(name.to_owned(), value.to_owned());
    }
}
