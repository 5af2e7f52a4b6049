//! What mail-builder lets through and must not travel: line ends in ids, names of fields and types; a Bcc that all can read;
//! fields twice; texts whose bytes would not arrive.
//!
//! ```text
//! Message-ID: <a@x>\r\nBcc: <b@y>\r\n      an id with a line end inside is a field more
//! ```
//!
//! RFC 5322 sections 2.2 and 3.6; RFC 2045 sections 5.1 and 6.8. What it encodes itself (subjects, names, file names, free
//! text) needs no check: it was tried with every kind of line end.
//!
//! May use: encode, error, and its neighbours.

use crate::encode::{base64, visible};
use crate::error::{Error, Result};
use crate::smtp::message::{Address, BodyPart, ContentType, HeaderType, MessageBuilder, MimePart};
use crate::smtp::wire;
use std::borrow::Cow;

/// What may stand in a head once (RFC 5322 section 3.6), as mail-builder writes it: it compares letter by letter, and would
/// add a second `Date` to a `date`.
const ONCE: [&str; 12] = [
    "From",
    "Sender",
    "Reply-To",
    "To",
    "Cc",
    "Bcc",
    "Message-ID",
    "In-Reply-To",
    "References",
    "Subject",
    "Date",
    "MIME-Version",
];

/// The same for a part (RFC 2045 section 3, RFC 2183).
const ONCE_IN_A_PART: [&str; 5] =
    ["Content-Type", "Content-Transfer-Encoding", "Content-Disposition", "Content-ID", "Content-Description"];

/// The field that may stand there once, if this is one; from now on it has its own capitals.
fn once(
    name: &mut Cow<'_, str>,
    fields: &[&'static str],
    seen: &mut Vec<&'static str>,
) -> Result<Option<&'static str>> {
    let Some(own) = fields.iter().copied().find(|own| own.eq_ignore_ascii_case(name)) else { return Ok(None) };
    if seen.contains(&own) {
        return Err(Error::Invalid(format!("a message or a part of it has {own} only once").into()));
    }
    seen.push(own);
    *name = Cow::Borrowed(own);
    Ok(Some(own))
}

/// What a head says about the envelope.
#[derive(Default)]
pub(super) struct Found {
    pub(super) sender: Option<String>,
    pub(super) from: Vec<String>,
    pub(super) to: Vec<String>,
    pub(super) has_id: bool,
}

/// Checks the fields, takes Bcc out, and reads the addresses.
pub(super) fn head(builder: &mut MessageBuilder<'_>) -> Result<Found> {
    let mut found = Found::default();
    let mut seen = Vec::new();
    for (name, value) in &mut builder.headers {
        field(name, value)?;
        if name.get(..8).is_some_and(|start| start.eq_ignore_ascii_case("content-")) {
            return Err(Error::Invalid(format!("{name} belongs to a part of the message, not to its head").into()));
        }
        let Some(own) = once(name, &ONCE, &mut seen)? else { continue };
        let mut list = Vec::new();
        if matches!(own, "From" | "Sender" | "Reply-To" | "To" | "Cc" | "Bcc") {
            let HeaderType::Address(address) = value else {
                return Err(Error::Invalid(format!("{own} must hold addresses, not text").into()));
            };
            collect(address, &mut list);
        }
        match own {
            "From" => found.from = list,
            "Sender" => found.sender = list.into_iter().next(),
            "Reply-To" => {} // nobody to send it to
            "Message-ID" => found.has_id = true,
            _ => list.into_iter().for_each(|address| {
                if !found.to.contains(&address) {
                    found.to.push(address);
                }
            }),
        }
    }
    builder.headers.retain(|(name, _)| !name.eq_ignore_ascii_case("bcc") && !name.eq_ignore_ascii_case("resent-bcc"));
    Ok(found)
}

fn collect(address: &Address<'_>, list: &mut Vec<String>) {
    match address {
        Address::Address(one) => list.push(one.email.to_string()),
        Address::List(many) => many.iter().for_each(|one| collect(one, list)),
        Address::Group(group) => group.addresses.iter().for_each(|one| collect(one, list)),
    }
}

/// Checks a field: its name, and what its value would write as it is.
fn field(name: &str, value: &HeaderType<'_>) -> Result<()> {
    let bad = |what: &str, text: &str| {
        let shown: String = visible(text.as_bytes()).chars().take(80).collect();
        Err(Error::Invalid(format!("\"{shown}\" is no {what} of a message").into()))
    };
    // RFC 5322 section 2.2: printable ASCII without the colon.
    if name.is_empty() || name.len() > 76 || !name.bytes().all(|byte| byte.is_ascii_graphic() && byte != b':') {
        return bad("field name", name);
    }
    let loose = |text: &str| text.contains(|c: char| c.is_control() || c.is_whitespace() || "<>".contains(c));
    match value {
        HeaderType::MessageId(ids) => match ids.id.iter().find(|id| id.is_empty() || id.len() > 900 || loose(id)) {
            Some(id) => bad("id", id),
            None => Ok(()),
        },
        HeaderType::URL(urls) => match urls.url.iter().find(|url| url.len() > 900 || loose(url)) {
            Some(url) => bad("address", url),
            None => Ok(()),
        },
        HeaderType::ContentType(kind) => match wrong_in(kind) {
            Some(text) => bad("type", text),
            None => Ok(()),
        },
        // In a field of whatever name: one is not two, and has no text behind it.
        HeaderType::Address(address) => {
            let mut list = Vec::new();
            collect(address, &mut list);
            list.iter().try_for_each(|address| wire::mailbox(address))
        }
        HeaderType::Raw(raw) if raw.raw.contains('\0') => bad("value", &raw.raw),
        _ => Ok(()),
    }
}

/// What in a type is no token (RFC 2045 section 5.1), if anything; the values of its attributes are encoded where they must be.
fn wrong_in<'a>(kind: &'a ContentType<'_>) -> Option<&'a str> {
    let token = |text: &str| {
        !text.is_empty()
            && text.len() <= 127
            && text.bytes().all(|b| b.is_ascii_graphic() && !b"()<>@,;:\\\"/[]?=".contains(&b))
    };
    let boundary = |text: &str| {
        let fits = |c: char| c.is_ascii_alphanumeric() || "'()+_,-./:=?".contains(c);
        (1..=70).contains(&text.len()) && text.chars().all(fits) // RFC 2046 section 5.1.1
    };
    let parts: Vec<&str> = kind.c_type.split('/').collect();
    if parts.len() > 2 || !parts.iter().all(|part| token(part)) {
        return Some(&kind.c_type);
    }
    kind.attributes.iter().find_map(|(name, value)| match () {
        () if !token(name) => Some(name.as_ref()),
        () if name.eq_ignore_ascii_case("boundary") && !boundary(value) => Some(value.as_ref()),
        () => None,
    })
}

/// Checks every part, and writes those itself whose bytes would not arrive.
pub(super) fn body(builder: &mut MessageBuilder<'_>) -> Result<()> {
    let single = [&mut builder.text_body, &mut builder.html_body, &mut builder.body];
    let parts = single.into_iter().flatten().chain(builder.attachments.iter_mut().flatten());
    parts.into_iter().try_for_each(|one| part(one, 0))
}

fn part(part: &mut MimePart<'_>, depth: usize) -> Result<()> {
    if part.headers.is_empty() || depth > 20 {
        return Err(Error::Invalid("a part of a message needs a type (and no raw part brings its own head)".into()));
    }
    let mut seen = Vec::new();
    for (name, value) in &mut part.headers {
        field(name, value)?;
        if !name.to_ascii_lowercase().starts_with("content-") {
            return Err(Error::Invalid("the fields of a part begin with Content-".into()));
        }
        once(name, &ONCE_IN_A_PART, &mut seen)?;
    }
    let encoded = seen.contains(&"Content-Transfer-Encoding");
    if let BodyPart::Multipart(parts) = &mut part.contents {
        return parts.iter_mut().try_for_each(|one| self::part(one, depth + 1));
    }
    let bytes = match &part.contents {
        BodyPart::Multipart(_) => &[],
        BodyPart::Text(text) => text.as_bytes(),
        BodyPart::Binary(bytes) => bytes.as_ref(),
    };
    let lone = bytes.iter().enumerate().any(|(n, byte)| *byte == b'\r' && bytes.get(n + 1) != Some(&b'\n'));
    if encoded || !(lone || bytes.contains(&0)) {
        return Ok(());
    }
    // A CR alone would become a line end on its way, a NUL an end.
    let letters = base64(bytes);
    let lines: Vec<&[u8]> = letters.as_bytes().chunks(76).collect();
    part.contents = BodyPart::Binary(lines.join(&b"\r\n"[..]).into());
    let name = Cow::Borrowed("Content-Transfer-Encoding");
    part.headers.push((name, HeaderType::Raw("base64".into())));
    Ok(())
}
