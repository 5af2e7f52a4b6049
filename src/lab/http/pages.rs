//! The pages: what each says.
//!
//! Numbers that come from outside only ever choose within limits: a page makes up 100 KiB at most and waits ten seconds at
//! most, as httpbin's do. What is said again in a header field goes through [`Answer::echo`].
//!
//! May use: encode, http, and its neighbours.

use crate::encode::{base64, http_date, percent};
use crate::lab::http::answer::{Answer, Body, Ending, Page, bad};
use crate::lab::http::body::{cookies, gzip, table};
use crate::lab::http::routes::{Call, number, seconds};
use serde_json::{Value, json};
use std::sync::PoisonError;
use std::time::{Duration, SystemTime};

/// The most bytes that a page makes up, and the longest pause, as httpbin has them.
const MOST_BYTES: u64 = 100 << 10;
pub(super) const LONGEST: Duration = Duration::from_secs(10);
/// The most redirects, lines and keys.
const MOST: u64 = 100;
const MOST_KEYS: usize = 1_000;

pub(super) fn get(call: &Call<'_>) -> Page {
    call.pick(&["args", "headers", "origin", "url"])
}

const ALL: [&str; 8] = ["args", "data", "files", "form", "headers", "json", "origin", "url"];

pub(super) fn post(call: &Call<'_>) -> Page {
    call.pick(&ALL)
}

pub(super) fn anything(call: &Call<'_>) -> Page {
    Ok(Answer::json(&Value::Object(call.all()?)))
}

pub(super) fn user_agent(call: &Call<'_>) -> Page {
    Ok(Answer::json(&json!({"user-agent": call.request.head.headers.get("User-Agent")})))
}

pub(super) fn show_cookies(call: &Call<'_>) -> Page {
    Ok(Answer::json(&json!({"cookies": cookies(&call.request.head.headers)})))
}

pub(super) fn set_cookies(call: &Call<'_>) -> Page {
    match call.path.as_slice() {
        [_, _, name, value] => cookies_in([(name.as_str(), value.as_str())], ""),
        _ => cookies_in(call.query.iter().map(|(name, value)| (name.as_str(), value.as_str())), ""),
    }
}

pub(super) fn delete_cookies(call: &Call<'_>) -> Page {
    let names = call.query.iter().map(|(name, _)| (name.as_str(), ""));
    cookies_in(names, "; Max-Age=0; Expires=Thu, 01 Jan 1970 00:00:00 GMT")
}

/// RFC 6265 section 4.1.1. What a cookie cannot hold is refused, not changed.
fn cookies_in<'c>(cookies: impl IntoIterator<Item = (&'c str, &'c str)>, more: &str) -> Page {
    let mut answer = Answer::bare(302).with("Location", "/cookies");
    for (name, value) in cookies {
        let fits = |byte: u8| byte.is_ascii_graphic() && !b"\",;\\".contains(&byte);
        if name.is_empty() || name.contains('=') || !name.bytes().chain(value.bytes()).all(fits) {
            return Err(bad("a cookie is ASCII without spaces, quotes, commas, semicolons and backslashes"));
        }
        answer = answer.echo("Set-Cookie", &format!("{name}={value}; Path=/{more}"))?;
    }
    Ok(answer)
}

pub(super) fn response_headers(call: &Call<'_>) -> Page {
    let mut answer = Answer::json(&table(call.query.clone()));
    for (name, value) in &call.query {
        let ours =
            ["Content-Length", "Transfer-Encoding", "Connection", "Content-Encoding", "Date", "Server", "Trailer"];
        if ours.iter().any(|own| own.eq_ignore_ascii_case(name)) {
            return Err(bad(format!("{name} says how the answer is sent: that is for the server")));
        }
        if name.eq_ignore_ascii_case("Content-Type") {
            answer.headers.remove("Content-Type");
        }
        answer = answer.echo(name, value)?;
    }
    Ok(answer)
}

pub(super) fn status(call: &Call<'_>) -> Page {
    let status = match number(&call.path[1])? {
        code @ 200..=599 => code as u16,
        _ => return Err(bad("a status here is from 200 to 599")),
    };
    Ok(match status {
        301 | 302 | 303 | 305 | 307 | 308 => Answer::bare(status).with("Location", "/redirect/1"),
        401 => Answer::bare(status).with("WWW-Authenticate", "Basic realm=\"Fake Realm\""),
        _ => Answer::bare(status),
    })
}

pub(super) fn delay(call: &Call<'_>) -> Page {
    let wait = seconds(&call.path[1])?;
    let mut answer = call.pick(&["args", "data", "files", "form", "headers", "origin", "url"])?;
    if let Body::Whole(body) = answer.body {
        answer.body = Body::Slow(Ending::Length, wait, vec![(Duration::ZERO, body)]);
    }
    Ok(answer)
}

fn redirecting(call: &Call<'_>, location: &str) -> Page {
    let status = match call.number("status_code", 302, u64::MAX)? {
        code @ (301 | 302 | 303 | 307 | 308) => code as u16,
        _ => return Err(bad("a redirect is 301, 302, 303, 307 or 308")),
    };
    Answer::bare(status).echo("Location", location)
}

pub(super) fn redirect(call: &Call<'_>) -> Page {
    let left = match number(&call.path[1])? {
        left @ 1..=MOST => left - 1,
        _ => return Err(bad(format!("1 to {MOST} redirects can be had"))),
    };
    let more = call.query("status_code").map_or(String::new(), |code| format!("?status_code={}", percent(code)));
    let path = match left {
        0 if more.is_empty() => "/get".to_owned(),
        0 => "/anything".to_owned(), // another kind of redirect may keep the method
        left => format!("/{}/{left}{more}", call.path[0]),
    };
    match call.path[0].as_str() {
        "absolute-redirect" => redirecting(call, &call.lab.url(&path)),
        _ => redirecting(call, &path),
    }
}

pub(super) fn redirect_to(call: &Call<'_>) -> Page {
    let url = call.query("url").ok_or_else(|| bad("where to? ?url=/get"))?;
    if url.chars().any(char::is_control) {
        return Err(bad("an address has no control characters"));
    }
    // An address is ASCII (RFC 3986 section 2); what is not travels percent-encoded.
    let ascii = |c: char| if c.is_ascii_graphic() { c.to_string() } else { percent(&c.to_string()) };
    redirecting(call, &url.chars().map(ascii).collect::<String>())
}

pub(super) fn close(_: &Call<'_>) -> Page {
    Ok(slow(Ending::Close, Duration::ZERO, vec![(Duration::ZERO, b"Hello\n".to_vec())]))
}

/// The pieces end where no character ends: a chunk is not a line, and not text.
pub(super) fn chunked(call: &Call<'_>) -> Page {
    let pause = call.seconds("pause", 0)?.min(LONGEST / 3);
    let text = "你好, in three chunks\n".as_bytes();
    let pieces = [&text[..2], &text[2..7], &text[7..]].map(|piece| (pause, piece.to_vec()));
    Ok(slow(Ending::Chunked, Duration::ZERO, pieces.into()))
}

pub(super) fn stream(call: &Call<'_>) -> Page {
    let lines = number(&call.path[1])?.min(MOST);
    let mut all = call.all()?;
    all.retain(|name, _| ["args", "headers", "origin", "url"].contains(&name.as_str()));
    let mut pieces = Vec::new();
    let mut bytes = 0;
    for id in 0..lines {
        all.insert("id".into(), id.into());
        let line = format!("{}\n", json!(all)).into_bytes();
        bytes += line.len() as u64;
        if bytes > MOST_BYTES {
            break;
        }
        pieces.push((Duration::ZERO, line));
    }
    let json = Answer::new(200, "application/json", "");
    Ok(Answer { body: Body::Slow(Ending::Chunked, Duration::ZERO, pieces), ..json })
}

pub(super) fn zipped(call: &Call<'_>) -> Page {
    let mut all = call.all()?;
    all.retain(|name, _| ["headers", "method", "origin"].contains(&name.as_str()));
    all.insert("gzipped".into(), true.into());
    let data = gzip(format!("{:#}\n", Value::Object(all)).as_bytes());
    Ok(Answer::new(200, "application/json", data).with("Content-Encoding", "gzip"))
}

/// The same bytes for the same seed, so that a client can be checked (xorshift, Marsaglia 2003).
pub(super) fn bytes(call: &Call<'_>) -> Page {
    let n = number(&call.path[1])?.min(MOST_BYTES);
    let mut state = call.number("seed", 0, u64::MAX)? ^ 0x9e37_79b9_7f4a_7c15 | 1;
    let next = |_| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 32) as u8
    };
    Ok(Answer::new(200, "application/octet-stream", (0..n).map(next).collect::<Vec<u8>>()))
}

pub(super) fn drip(call: &Call<'_>) -> Page {
    let n = call.number("numbytes", 10, MOST_BYTES)?;
    let (duration, delay) = (call.seconds("duration", 2)?, call.seconds("delay", 2)?);
    let status = call.number("code", 200, u64::MAX)?;
    if !(200..600).contains(&status) {
        return Err(bad("a status here is from 200 to 599"));
    }
    // Byte by byte up to a thousand of them.
    let drops = n.clamp(1, 1_000);
    let pieces = (0..drops).map(|drop| {
        let bytes = n * (drop + 1) / drops - n * drop / drops;
        (duration / drops as u32, vec![b'*'; bytes as usize])
    });
    let answer = Answer::new(status as u16, "application/octet-stream", "");
    Ok(Answer { body: Body::Slow(Ending::Length, delay, pieces.collect()), ..answer })
}

/// RFC 7617.
pub(super) fn basic_auth(call: &Call<'_>) -> Page {
    let [_, user, password] = call.path.as_slice() else { return Err(bad("a name and a password")) };
    let wanted = base64(format!("{user}:{password}").as_bytes());
    let given = call.request.head.headers.get("Authorization").and_then(|field| field.split_once(' '));
    match given {
        Some((scheme, secret)) if scheme.eq_ignore_ascii_case("Basic") && secret.trim() == wanted => {
            Ok(Answer::json(&json!({"authenticated": true, "user": user})))
        }
        _ => Ok(Answer::bare(401).with("WWW-Authenticate", "Basic realm=\"Fake Realm\"")),
    }
}

pub(super) fn upload(call: &Call<'_>) -> Page {
    if ["POST", "PUT"].contains(&call.request.head.method.as_str()) {
        return post(call);
    }
    let html = "<!DOCTYPE html>\n<meta charset=\"utf-8\">\n<title>Upload</title>\n\
        <form method=\"post\" enctype=\"multipart/form-data\">\n<input type=\"file\" name=\"file\" multiple>\n\
        <button>Upload</button>\n</form>\n";
    Ok(Answer::new(200, "text/html; charset=utf-8", html))
}

/// Fails so often, then succeeds, then begins anew: for retries.
pub(super) fn flaky(call: &Call<'_>) -> Page {
    let fail = call.number("fail", 2, MOST)?;
    let key = call.query("key").unwrap_or_default();
    let status = match call.number("status", 503, u64::MAX)? {
        code @ 400..=599 => code as u16,
        _ => return Err(bad("a failure is a status from 400 to 599")),
    };
    let mut failures = call.lab.failures.lock().unwrap_or_else(PoisonError::into_inner);
    if failures.len() >= MOST_KEYS && !failures.contains_key(key) {
        failures.clear();
    }
    let failed = failures.entry(key.to_owned()).or_insert(0);
    if *failed >= fail {
        let done = json!({"attempt": *failed + 1, "failed": *failed, "key": key});
        *failed = 0;
        return Ok(Answer::json(&done));
    }
    *failed += 1;
    let attempt = *failed;
    drop(failures);
    let answer = Answer::text(status, &format!("attempt {attempt} fails; {} more will", fail - attempt));
    let Some(after) = call.query("after") else { return Ok(answer) };
    let after = number(after)?.min(3600);
    match call.query("form") {
        Some("date") => answer.echo("Retry-After", &http_date(SystemTime::now() + Duration::from_secs(after))),
        _ => answer.echo("Retry-After", &after.to_string()),
    }
}

/// The same small page in the encodings of three worlds; the header says which.
pub(super) fn encoding(call: &Call<'_>) -> Page {
    let name = call.path[1].as_str();
    let (charset, words): (_, &[u8]) = match name {
        "gbk" => ("gbk", b"\xc4\xe3\xba\xc3\xa3\xac\xca\xc0\xbd\xe7"),
        "big5" => ("big5", b"\xa7\x41\xa6\x6e\xa1\x41\xa5\x40\xac\xc9"),
        "broken" => ("utf-8", b"\xe4\xbd\xa0\xe5\xa5"),
        _ => ("utf-8", "你好，世界".as_bytes()),
    };
    let page = [b"<!DOCTYPE html>\n<title>" as &[u8], words, b"</title>\n<p>", words, b"</p>\n"].concat();
    Ok(Answer::new(200, &format!("text/html; charset={charset}"), page))
}

fn slow(ending: Ending, wait: Duration, pieces: Vec<(Duration, Vec<u8>)>) -> Answer {
    let text = Answer::text(200, "");
    Answer { body: Body::Slow(ending, wait, pieces), ..text }
}
