//! What a request carried, shown in the shape that httpbin's users know.
//!
//! ```text
//! POST /post?a=1 with name=x            {"args": {"a": "1"}, "data": "", "files": {}, "form": {"name": "x"},
//!                                        "headers": {..}, "json": null, "origin": "127.0.0.1", "url": "http://.."}
//!
//! --B\r\n                               a body of several parts (multipart/form-data, RFC 7578): each begins with the
//! Content-Disposition: form-data; name="file"; filename="a.txt"\r\n      boundary that the Content-Type announced
//! \r\n
//! Hello\r\n--B--\r\n                    and the last boundary has two more dashes
//! ```
//!
//! May use: encode, url, http.

use crate::encode::{base64, crc32};
use crate::http::head::Headers;
use crate::lab::http::answer::{Refusal, bad};
use crate::url::parse_form;
use serde_json::{Map, Value, json};

/// Fields of a form, and parts of a body: as many as Django takes.
const FIELDS: usize = 1_000;
/// Bytes of the head of one part.
const PART_HEAD: usize = 8 << 10;

pub(super) type Pairs = Vec<(String, String)>;

/// A name that came once has its value, one that came several times has a list of them.
pub(super) fn table(pairs: Pairs) -> Value {
    let mut table = Map::new();
    for (name, value) in pairs {
        match table.get_mut(&name) {
            None => drop(table.insert(name, value.into())),
            Some(Value::Array(values)) => values.push(value.into()),
            Some(first) => *first = json!([first.take(), value]),
        }
    }
    Value::Object(table)
}

/// The fields of a request, their names as they are usually written: `user-agent` is `User-Agent`.
pub(super) fn headers(headers: &Headers) -> Value {
    let mut table = Map::new();
    for (name, value) in headers.iter() {
        let words = name.split('-').map(|word| match word.split_at_checked(1) {
            Some((first, rest)) => first.to_ascii_uppercase() + &rest.to_ascii_lowercase(),
            None => String::new(),
        });
        let name = words.collect::<Vec<_>>().join("-");
        match table.get_mut(&name) {
            Some(Value::String(values)) => *values = format!("{values},{value}"),
            _ => drop(table.insert(name, value.into())),
        }
    }
    Value::Object(table)
}

/// What stands in a `Cookie` field (RFC 6265 section 4.2.1).
pub(super) fn cookies(headers: &Headers) -> Value {
    let each =
        headers.all("Cookie").flat_map(|list| list.split(';')).filter_map(|cookie| cookie.trim().split_once('='));
    Value::Object(each.map(|(name, value)| (name.to_owned(), value.trim_matches('"').into())).collect())
}

/// `data`, `files`, `form` and `json` of a request.
///
/// # Errors
/// A [`Refusal`] for a body of several parts that is none, and for too many fields.
pub(super) fn contents(headers: &Headers, body: &[u8]) -> Result<[(&'static str, Value); 4], Refusal> {
    let kind = headers.get("Content-Type").unwrap_or_default();
    let (mut form, mut files, mut data) = (Pairs::new(), Pairs::new(), json!(""));
    match kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase().as_str() {
        "application/x-www-form-urlencoded" => {
            if body.split(|byte| *byte == b'&').filter(|field| !field.is_empty()).count() > FIELDS {
                return Err(Refusal(413, format!("a form has at most {FIELDS} fields here").into()));
            }
            form = parse_form(&String::from_utf8_lossy(body));
        }
        "multipart/form-data" => {
            let boundary = parameter(kind, "boundary").filter(|own| (1..=70).contains(&own.len()));
            let boundary =
                boundary.ok_or_else(|| bad("multipart/form-data without a boundary (RFC 2046 section 5.1.1)"))?;
            (form, files) = parts(body, &boundary)?;
        }
        _ => data = shown(body, kind).into(),
    }
    let json = serde_json::from_slice(body).unwrap_or(Value::Null);
    Ok([("data", data), ("files", table(files)), ("form", table(form)), ("json", json)])
}

/// Text as it is, anything else as a `data:` address (RFC 2397).
fn shown(bytes: &[u8], kind: &str) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        Err(_) => {
            let kind = if kind.is_empty() { "application/octet-stream" } else { kind };
            format!("data:{kind};base64,{}", base64(bytes))
        }
    }
}

/// The value of a parameter in a field such as `form-data; name="a"`, with or without quotes.
fn parameter(field: &str, name: &str) -> Option<String> {
    let mut rest = field.split_once(';')?.1;
    loop {
        let (own, after) = rest.split_once('=')?;
        let mut value = String::new();
        let mut chars = after.char_indices();
        let mut quoted = false;
        let mut end = after.len();
        while let Some((at, c)) = chars.next() {
            match c {
                '"' => quoted = !quoted,
                '\\' if quoted => value.extend(chars.next().map(|(_, c)| c)),
                ';' if !quoted => {
                    end = at;
                    break;
                }
                c => value.push(c),
            }
        }
        if own.trim().eq_ignore_ascii_case(name) {
            return Some(if after.starts_with('"') { value } else { value.trim().to_owned() });
        }
        rest = after[end..].strip_prefix(';')?;
    }
}

fn at(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).position(|window| window == wanted)
}

/// The fields and the files of a body of several parts.
fn parts(body: &[u8], boundary: &str) -> Result<(Pairs, Pairs), Refusal> {
    let cut = || bad("a body of several parts that ends before its last boundary (RFC 2046 section 5.1.1)");
    let delimiter = format!("\r\n--{boundary}");
    let (mut form, mut files) = (Pairs::new(), Pairs::new());
    // What stands before the first boundary is for nobody.
    let first = &delimiter.as_bytes()[2..];
    let mut rest = match body.strip_prefix(first) {
        Some(rest) => rest,
        None => &body[at(body, delimiter.as_bytes()).ok_or_else(cut)? + delimiter.len()..],
    };
    while !rest.starts_with(b"--") {
        rest = rest.strip_prefix(b"\r\n").ok_or_else(|| bad("a boundary stands on a line of its own"))?;
        let end = at(&rest[..rest.len().min(PART_HEAD)], b"\r\n\r\n").ok_or_else(|| bad("a part without a head"))?;
        let head = String::from_utf8_lossy(&rest[..end]).into_owned();
        rest = &rest[end + 2..]; // the empty line, so that an empty part has a CRLF before its boundary too
        let end = at(rest, delimiter.as_bytes()).ok_or_else(cut)?;
        let content = rest.get(2..end).unwrap_or_default();
        rest = &rest[end + delimiter.len()..];
        let field = |name: &str| {
            let mut lines = head.split("\r\n").filter_map(|line| line.split_once(':'));
            lines.find(|(own, _)| own.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim().to_owned())
        };
        let disposition = field("Content-Disposition").unwrap_or_default();
        let name =
            parameter(&disposition, "name").ok_or_else(|| bad("a part without a name (RFC 7578 section 4.2)"))?;
        match parameter(&disposition, "filename") {
            Some(_) => files.push((name, shown(content, &field("Content-Type").unwrap_or_default()))),
            None => form.push((name, String::from_utf8_lossy(content).into_owned())),
        }
        if form.len() + files.len() > FIELDS {
            return Err(Refusal(413, format!("a body has at most {FIELDS} parts here").into()));
        }
    }
    Ok((form, files))
}

/// Data in the wrapping of gzip (RFC 1952), not made smaller: deflate knows blocks that are stored as they are (RFC 1951
/// section 3.2.4), so that no compressor is needed.
pub(super) fn gzip(data: &[u8]) -> Vec<u8> {
    let mut wire = b"\x1f\x8b\x08\0\0\0\0\0\0\xff".to_vec(); // gzip, deflate, no name, no time, from an unknown system
    let mut blocks = data.chunks(usize::from(u16::MAX)).peekable();
    while let Some(block) = blocks.next() {
        let length = block.len() as u16;
        wire.push(u8::from(blocks.peek().is_none())); // 1: the last block
        wire.extend(length.to_le_bytes());
        wire.extend((!length).to_le_bytes());
        wire.extend_from_slice(block);
    }
    if data.is_empty() {
        wire.extend(b"\x01\0\0\xff\xff");
    }
    wire.extend(crc32(data).to_le_bytes());
    wire.extend((data.len() as u32).to_le_bytes());
    wire
}
