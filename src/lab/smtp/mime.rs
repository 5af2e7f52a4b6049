//! Reads what mail programs write: fields over several lines, other letters than ASCII in them, parts within parts.
//!
//! ```text
//! Subject: =?utf-8?B?5rWL6K+V?=\r\n =?utf-8?B?6YKu5Lu2?=\r\n            words in base64 or quoted-printable
//! Content-Type: multipart/mixed; boundary="b"\r\n
//! \r\n
//! --b\r\n ... --b\r\n ... --b--\r\n                                     parts, each with a head of its own
//! ```
//!
//! RFC 5322 section 2.2.3 (folding), RFC 2045 to 2047, RFC 2231. Only as much as the inbox shows: character sets are UTF-8
//! and ASCII, anything else stays as it is. Nothing here fails; what cannot be decoded is shown as it came.
//!
//! May use: encode, and its neighbours.

use super::Part;
use crate::encode::parse_base64;

/// Parts within parts, so deep at most: a message can be made of nothing else.
const DEEPEST: usize = 10;
/// And so many.
const MOST: usize = 1000;

/// The fields of the head, unfolded, and the body.
pub(super) fn split(bytes: &[u8]) -> (Vec<(String, String)>, &[u8]) {
    let end = match bytes.windows(4).position(|four| four == b"\r\n\r\n") {
        _ if bytes.starts_with(b"\r\n") => 0,
        Some(at) => at + 2,
        None => bytes.len(),
    };
    let text = String::from_utf8_lossy(&bytes[..end]);
    let mut fields: Vec<(String, String)> = Vec::new();
    for line in text.split("\r\n").filter(|line| !line.is_empty()) {
        match (line.starts_with([' ', '\t']), fields.last_mut(), line.split_once(':')) {
            (true, Some((_, value)), _) => value.push_str(line),
            (_, _, Some((name, value))) => fields.push((name.to_ascii_lowercase(), value.trim_start().to_owned())),
            _ => {}
        }
    }
    (fields, bytes.get(end + 2..).unwrap_or_default())
}

/// The value of a field.
pub(super) fn field(fields: &[(String, String)], name: &str) -> Option<String> {
    fields.iter().find(|(own, _)| own.eq_ignore_ascii_case(name)).map(|(_, value)| value.clone())
}

/// A value with its encoded words read (RFC 2047). The space between two of them belongs to neither.
pub(super) fn words(value: &str) -> String {
    let (mut text, mut bytes) = (String::new(), Vec::new());
    let mut rest = value;
    while let Some(start) = rest.find("=?") {
        let between = &rest[..start];
        let Some((word, behind)) = encoded_word(&rest[start..]) else {
            flush(&mut text, &mut bytes);
            text.push_str(&rest[..start + 2]);
            rest = &rest[start + 2..];
            continue;
        };
        if bytes.is_empty() || !between.chars().all(|c| c == ' ' || c == '\t') {
            flush(&mut text, &mut bytes);
            text.push_str(between);
        }
        // Joined as bytes: some programs cut a character in two.
        bytes.extend_from_slice(&word);
        rest = behind;
    }
    flush(&mut text, &mut bytes);
    text + rest
}

fn flush(text: &mut String, bytes: &mut Vec<u8>) {
    text.push_str(&String::from_utf8_lossy(bytes));
    bytes.clear();
}

/// `=?utf-8?B?...?=` at the beginning, decoded, and what stands behind it.
fn encoded_word(text: &str) -> Option<(Vec<u8>, &str)> {
    // No `?` can stand in it (RFC 2047 section 2), so nobody has to look for its end further than to the next one.
    let mut parts = text.strip_prefix("=?")?.splitn(4, '?');
    let (charset, encoding, data) = (parts.next()?, parts.next()?, parts.next()?);
    let behind = parts.next()?.strip_prefix('=')?;
    let known = ["utf-8", "us-ascii"].iter().any(|own| charset.eq_ignore_ascii_case(own));
    let bytes = match encoding {
        "B" | "b" if known => parse_base64(data)?,
        "Q" | "q" if known => quoted(data.replace('_', " ").as_bytes(), b'='),
        _ => return None,
    };
    Some((bytes, behind))
}

/// `=E4` and `%E4` become the byte; in quoted-printable a `=` at the end of a line is a line that goes on.
fn quoted(text: &[u8], mark: u8) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((first, behind)) = rest.split_first() {
        // Digits only: from_str_radix alone would take "+1".
        let two = behind.get(..2).filter(|two| two.iter().all(u8::is_ascii_hexdigit));
        let hex = two.and_then(|two| u8::from_str_radix(std::str::from_utf8(two).ok()?, 16).ok());
        rest = match (*first == mark, hex, behind) {
            (true, Some(byte), [_, _, behind @ ..]) => {
                bytes.push(byte);
                behind
            }
            (true, _, [b'\r', b'\n', behind @ ..]) if mark == b'=' => behind,
            _ => {
                bytes.push(*first);
                behind
            }
        };
    }
    bytes
}

/// A value with parameters (RFC 2045 section 5.1): the word before them, and one of them, also in the ways of RFC 2231.
fn parameter(value: &str, wanted: &str) -> Option<String> {
    let mut found: Vec<(usize, bool, String)> = Vec::new();
    for (name, value) in parameters(value) {
        let name = name.to_ascii_lowercase();
        let Some(tail) = name.strip_prefix(wanted) else { continue };
        if tail.is_empty() {
            return Some(words(&value));
        }
        let (tail, encoded) = tail.strip_suffix('*').map_or((tail, false), |tail| (tail, true));
        let number = if tail.is_empty() { Some(0) } else { tail.strip_prefix('*').and_then(|n| n.parse().ok()) };
        found.extend(number.map(|number| (number, encoded, value)));
    }
    found.sort();
    let mut bytes = Vec::new();
    for (n, (_, encoded, value)) in found.iter().enumerate() {
        // Only the first piece names the character set and the language.
        let value = if n == 0 && *encoded { value.splitn(3, '\'').nth(2).unwrap_or(value) } else { value };
        let piece = if *encoded { quoted(value.as_bytes(), b'%') } else { value.as_bytes().to_vec() };
        bytes.extend(piece);
    }
    (!found.is_empty()).then(|| String::from_utf8_lossy(&bytes).into_owned())
}

fn parameters(value: &str) -> Vec<(String, String)> {
    let (mut pieces, mut piece, mut quoted) = (Vec::new(), String::new(), false);
    let mut chars = value.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' if quoted => piece.extend(chars.next()),
            '"' => quoted = !quoted,
            ';' if !quoted => pieces.push(std::mem::take(&mut piece)),
            c => piece.push(c),
        }
    }
    pieces.push(piece);
    let pairs = pieces.iter().skip(1).filter_map(|piece| piece.split_once('='));
    pairs.map(|(name, value)| (name.trim().to_owned(), value.trim().to_owned())).collect()
}

/// All leaves of a message or part.
pub(super) fn parts(bytes: &[u8], depth: usize) -> Vec<Part> {
    let (fields, body) = split(bytes);
    let kind = field(&fields, "Content-Type").unwrap_or_else(|| "text/plain".into());
    let word = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    if let Some(boundary) = parameter(&kind, "boundary").filter(|_| word.starts_with("multipart/") && depth < DEEPEST) {
        let inner = between(body, &boundary).into_iter().flat_map(|part| parts(part, depth + 1));
        return inner.take(MOST).collect();
    }
    let disposition = field(&fields, "Content-Disposition").unwrap_or_default();
    let name = parameter(&disposition, "filename").or_else(|| parameter(&kind, "name"));
    let encoding = field(&fields, "Content-Transfer-Encoding").unwrap_or_default();
    let bytes = match encoding.trim().to_ascii_lowercase().as_str() {
        "base64" => {
            let letters: Vec<u8> = body.iter().copied().filter(|byte| !byte.is_ascii_whitespace()).collect();
            String::from_utf8(letters).ok().and_then(|letters| parse_base64(&letters)).unwrap_or_else(|| body.to_vec())
        }
        "quoted-printable" => quoted(body, b'='),
        _ => body.to_vec(),
    };
    vec![Part { kind: word, name, bytes }]
}

/// What stands between the lines `--boundary`, each without the line end that belongs to the boundary (RFC 2046 section 5.1.1).
fn between<'b>(body: &'b [u8], boundary: &str) -> Vec<&'b [u8]> {
    let delimiter = format!("--{boundary}");
    let (mut parts, mut start, mut at) = (Vec::new(), None, 0);
    for line in body.split_inclusive(|byte| *byte == b'\n') {
        let text = line.trim_ascii_end();
        let last = text.strip_suffix(b"--").is_some_and(|text| text == delimiter.as_bytes());
        if last || text == delimiter.as_bytes() {
            parts.extend(start.map(|start: usize| &body[start..at.max(start + 2) - 2]));
            start = (!last).then_some(at + line.len());
            if last {
                break;
            }
        }
        at += line.len();
    }
    parts.extend(start.and_then(|start| body.get(start..)).filter(|rest| !rest.is_empty()));
    parts
}
