//! Exercise 3.2.2: a client that uploads a file in a form which it has written by hand, whatever the file and its name hold.
//!
//! ```text
//! C: GET /file
//! S: 200 "test.txt\nHello"              the name of the file, a newline, and all its bytes
//! C: POST /upload
//! C: Content-Type: multipart/form-data; boundary=B
//! C:
//! C: --B\r\n
//! C: Content-Disposition: form-data; name="file"; filename="test.txt"\r\n
//! C: \r\n
//! C: Hello\r\n                           the bytes as they are, and CRLF, which belongs to the boundary
//! C: --B--\r\n
//! S: 201 "5 bytes taken"
//! ```
//!
//! The result is the body of the 201. The boundary must not stand in the file; in the name a quote mark, CR and LF are written
//! as %22, %0D and %0A (RFC 7578, and HTML's "multipart/form-data encoding algorithm"). Every other status is an error.
//!
//! May use: encode; of this folder client, http, peer, report, talk.

use super::{At, Checked, Exercise, ON_THE_WIRE, Role, THE_CODE, THE_EXERCISE, Talk, WHEN_IT_GOES_WRONG};
use crate::encode::visible;
use std::time::Duration;

/// The row in the table of exercises.
pub const EXERCISE: Exercise = Exercise {
    name: "ex03_2_2",
    lesson: "03_2_2_http_post",
    next: "03_2_3_http_session",
    task: "upload a file in a form that you write by hand",
    role: Role::Client,
    hints: [
        "Four parts: get the file, and cut its name off at the first newline; choose a boundary; write the body; \
         post it with its label. The body is bytes, because the file is: `format!` makes the head and the end of \
         it, and `[a, b, c].concat()` puts slices of bytes together.",
        "`let newline = got.iter().position(|byte| *byte == b'\\n').ok_or(ErrorKind::InvalidData)?`; the name is \
         `String::from_utf8_lossy(&got[..newline])`, the file `&got[newline + 1..]`. For the name: `.replace('\"', \
         \"%22\")`, and the same for `'\\r'` and `'\\n'`. Whether a boundary stands in the file: \
         `file.windows(boundary.len()).any(|window| window == boundary.as_bytes())`; put a number into it, and \
         count up while it does.",
        "The head is `format!(\"--{boundary}\\r\\nContent-Disposition: form-data; name=\\\"file\\\"; \
         filename=\\\"{name}\\\"\\r\\n\\r\\n\")`, the end `format!(\"\\r\\n--{boundary}--\\r\\n\")`, and the body \
         `[head.as_bytes(), file, end.as_bytes()].concat()`. Then `session.post(&url).header(\"Content-Type\", \
         &format!(\"multipart/form-data; boundary={boundary}\")).body(body).send()?.error_for_status()?.bytes()?`.",
    ],
    dialogue,
};

/// For a client that has nothing to wait for, and a machine that has other work.
const IN_TIME: Duration = Duration::from_secs(2);

/// What is wrong with the bytes of a form: what had to come, what came, and why that matters.
type Wrong<'b> = (String, &'b [u8], &'static str);

/// What stands before these bytes, and what behind them.
fn cut<'b>(bytes: &'b [u8], at: &[u8]) -> Option<(&'b [u8], &'b [u8])> {
    let start = bytes.windows(at.len()).position(|window| window == at)?;
    Some((&bytes[..start], &bytes[start + at.len()..]))
}

/// The boundary that the label of the form names (RFC 9110 section 8.3.1: a token, or between quotes).
fn boundary(label: &str) -> Result<String, Wrong<'_>> {
    let wanted = || "Content-Type: multipart/form-data; boundary=...".to_owned();
    let (kind, rest) = label.split_once(';').unwrap_or((label, ""));
    let (name, value) = rest.split_once('=').unwrap_or_default();
    let value = value.trim().trim_matches('"');
    match (kind.trim().eq_ignore_ascii_case("multipart/form-data"), name.trim().eq_ignore_ascii_case("boundary")) {
        (false, _) => Err((
            wanted(),
            label.as_bytes(),
            "Nobody can know that this body is a form with a file: the label says it.",
        )),
        (true, false) => Err((
            wanted(),
            label.as_bytes(),
            "The server has to know where a part ends: the label says which boundary the body has.",
        )),
        (true, true) if value.is_empty() || value.len() > 70 => {
            Err((wanted(), label.as_bytes(), "A boundary has from 1 to 70 characters (RFC 2046 section 5.1.1)."))
        }
        (true, true) => Ok(value.to_owned()),
    }
}

/// Whether this is a form with one file, of this name as it has to be written, and with these bytes.
fn judge<'b>(body: &'b [u8], boundary: &str, name: &str, file: &[u8]) -> Result<(), Wrong<'b>> {
    let (first, last) = (format!("--{boundary}\r\n"), format!("\r\n--{boundary}--"));
    let Some(rest) = body.strip_prefix(first.as_bytes()) else {
        let why = match body.starts_with(boundary.as_bytes()) {
            true => "Two dashes stand before the boundary wherever it is used. They are no part of it.",
            false if body.starts_with(format!("--{boundary}\n").as_bytes()) => "Each line ends with CRLF, \\r\\n.",
            false => "The body begins with two dashes, the boundary that the label names, and CRLF.",
        };
        return Err((first, cut(body, b"\n").map_or(body, |(line, _)| &body[..=line.len()]), why));
    };
    let Some((head, rest)) = cut(rest, b"\r\n\r\n") else {
        let why = "The head of the part ends with an empty line: CRLF, and CRLF once more. Then the file begins.";
        return Err(("the head of the part and an empty line".to_owned(), rest, why));
    };
    let line = format!("Content-Disposition: form-data; name=\"file\"; filename=\"{name}\"");
    let said =
        head.split(|byte| *byte == b'\n').find(|line| line.to_ascii_lowercase().starts_with(b"content-disposition:"));
    let said = said.map_or(head, |line| line.strip_suffix(b"\r").unwrap_or(line));
    if said.get(19..).map(<[u8]>::trim_ascii) != line.as_bytes().get(19..).map(<[u8]>::trim_ascii) {
        let Some((_, of_file)) = cut(said, b"form-data; name=\"file\"; ") else {
            let why = "Two names stand here. That of the part is always file: name=\"file\". That of the file is the filename.";
            return Err((line, said, why));
        };
        let why = "The name stands between quote marks. One inside it would end it, and a line end would end the head: write \
                   %22, %0D and %0A for them, and leave all else as it is.";
        return Err((format!("filename=\"{name}\""), of_file, why));
    }
    let Some((bytes, behind)) = cut(rest, last.as_bytes()) else {
        let why = "The last boundary ends it all: CRLF, two dashes, the boundary, and two dashes more.";
        return Err((format!("the file and {last}"), rest, why));
    };
    if cut(file, boundary.as_bytes()).is_some() {
        let why = "This file holds the boundary that you chose, so the server sees an end where there is none. Look into the \
                   file before you choose: while it is in there, take another one.";
        return Err(("a boundary that does not stand in the file".to_owned(), boundary_shown(body), why));
    }
    if bytes != file {
        let why = match (bytes.strip_suffix(b"\r\n") == Some(file), file.strip_suffix(b"\r\n") == Some(bytes)) {
            (true, _) => {
                "One CRLF stands before the last boundary and belongs to it. A second one is added to the file."
            }
            (_, true) => {
                "This file ends with CRLF, and the CRLF before the boundary is added after it: it is no part of the file."
            }
            _ => "The file has to come as it is, byte by byte. Do not read it as text: a file is bytes.",
        };
        return Err(("the file as it is".to_owned(), bytes, why));
    }
    match behind {
        b"" | b"\r\n" => Ok(()),
        _ => Err(("nothing behind the last boundary".to_owned(), behind, "Here is one part too many.")),
    }
}

/// The first line of the body.
fn boundary_shown(body: &[u8]) -> &[u8] {
    cut(body, b"\r\n").map_or(body, |(line, _)| line)
}

/// The client asks for the file and uploads it: `written` is its name as it has to be written. Gives the boundary.
fn uploaded(talk: &mut Talk, name: &str, written: &str, file: &[u8]) -> Result<String, Box<super::Failure>> {
    talk.start(At::Tcp)?;
    talk.hear_request("GET", "/file")?;
    talk.answer("200 OK", &["Content-Type: application/octet-stream"], [name.as_bytes(), b"\n", file].concat());
    let form = talk.hear_request("POST", "/upload")?;
    let label = form.field("Content-Type").unwrap_or_default();
    let wrong = match boundary(label) {
        Ok(boundary) => match judge(&form.body, &boundary, written, file) {
            Ok(()) => return Ok(boundary),
            Err(wrong) => wrong,
        },
        Err(wrong) => wrong,
    };
    talk.refuse(&visible(wrong.0.as_bytes()), wrong.1, wrong.2).map(|()| String::new())
}

/// The same, and the server takes it.
fn taken(talk: &mut Talk, name: &str, written: &str, file: &[u8]) -> Checked {
    uploaded(talk, name, written, file)?;
    talk.answer("201 Created", &[], "taken");
    talk.expect_result("taken")
}

/// What the server plays and expects.
fn dialogue(talk: &mut Talk) -> Checked {
    talk.step("a file", ON_THE_WIRE)
        .if_hung_up("First GET /file brings the name and the bytes, then POST /upload sends them.")
        .if_silent("First GET /file brings the name and the bytes, then POST /upload sends them.");
    let boundary = uploaded(talk, "test.txt", "test.txt", b"Hello")?;

    talk.step("the result", THE_EXERCISE)
        .if_hung_up("201 is \"created\": the file is taken, and the body is the result.");
    talk.answer("201 Created", &[], "5 bytes taken");
    talk.expect_result("5 bytes taken")?;

    talk.step("an empty file", THE_EXERCISE).if_hung_up("A file may have no bytes: it is uploaded like others.");
    taken(talk, "nothing", "nothing", b"")?;

    talk.step("bytes that are no text", THE_CODE).if_hung_up(
        "A file is bytes of any kind. Do not read it as text (in Rust: text(), String, from_utf8()). Only the name is text.",
    );
    taken(talk, "你好.txt", "你好.txt", b"\x00\xff\xfe--\r\n\r\n--")?;

    talk.step("a file that ends with a line end", ON_THE_WIRE).if_hung_up("This is a file like others.");
    taken(talk, "two lines", "two lines", b"\none\r\ntwo\r\n")?;

    talk.step("a name with a quote mark", WHEN_IT_GOES_WRONG)
        .if_hung_up("This is a name like others, once it is written well.");
    taken(talk, "a\"b.txt", "a%22b.txt", b"Hello")?;

    talk.step("a name with a line end", WHEN_IT_GOES_WRONG)
        .if_hung_up("The name ends at the newline. The CR before it belongs to the name: a form writes it as %0D.");
    taken(talk, "bill.txt\r", "bill.txt%0D", b"to pay: 1")?;

    talk.step("the boundary in the file", WHEN_IT_GOES_WRONG).if_hung_up(
        "This file holds the boundary of your first upload. That is no reason to give up: another one will do.",
    );
    let file = format!("one\r\n--{boundary}\r\ntwo\r\n--{boundary}--\r\n");
    let second = uploaded(talk, "a form.txt", "a form.txt", file.as_bytes())?;
    talk.answer("201 Created", &[], "taken");
    talk.expect_result("taken")?;

    talk.step("both boundaries in the file", WHEN_IT_GOES_WRONG).if_hung_up(
        "This file holds the boundaries of two uploads before. That is no reason to give up: another one will do.",
    );
    let file = format!("{file}--{second}\r\nthree\r\n--{second}--\r\n");
    taken(talk, "two forms.txt", "two forms.txt", file.as_bytes())?;

    talk.step("a server that takes no file", THE_CODE)
        .if_returned("413 says that the file is not taken. An answer is no error until you make it one.");
    uploaded(talk, "test.txt", "test.txt", b"Hello")?;
    talk.answer("413 Content Too Large", &[], "no room");
    talk.expect_error(Duration::ZERO, IN_TIME)?;

    talk.step("a server that has no file", THE_EXERCISE)
        .if_more("", "There is no file: the body of a 404 is none. So there is nothing to upload.")
        .if_returned("There is no file, so there is no result.");
    talk.start(At::Tcp)?;
    talk.hear_request("GET", "/file")?;
    talk.answer("404 Not Found", &[], "no file\nhere");
    talk.expect_no_request(IN_TIME)?;
    talk.expect_error(Duration::ZERO, IN_TIME)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_is_judged_byte_by_byte() {
        let form = |head: &str, end: &str| format!("--B\r\n{head}\r\n\r\nHello{end}").into_bytes();
        let line = "Content-Disposition: form-data; name=\"file\"; filename=\"a\"";
        for (good, end) in [
            (line.to_owned(), "\r\n--B--\r\n"),
            (line.to_owned(), "\r\n--B--"),
            (format!("Content-Type: text/plain\r\n{}", line.replace("Content-D", "content-d")), "\r\n--B--\r\n"),
        ] {
            assert_eq!(judge(&form(&good, end), "B", "a", b"Hello"), Ok(()), "{good:?} {end:?}");
        }
        for (bad, end) in
            [("", "\r\n--B--"), (line, "\n--B--"), (line, "\r\n--B"), (line, "--B--"), (line, "\r\n--B--\r\nX")]
        {
            assert!(judge(&form(bad, end), "B", "a", b"Hello").is_err(), "{bad:?} {end:?}");
        }
        let whole = form(line, "\r\n--B--\r\n");
        assert!(judge(&whole, "B", "b", b"Hello").is_err() && judge(&whole, "B", "a", b"hello").is_err());
        (0..whole.len() - 2).for_each(|end| assert!(judge(&whole[..end], "B", "a", b"Hello").is_err(), "{end}"));
    }

    #[test]
    fn a_boundary_stands_in_the_label() {
        assert_eq!(boundary("multipart/form-data; boundary=B"), Ok("B".to_owned()));
        assert_eq!(boundary("Multipart/Form-Data;boundary=\"a b\""), Ok("a b".to_owned()));
        for bad in
            ["", "text/plain", "multipart/form-data", "multipart/form-data; boundary=", "application/json; boundary=B"]
        {
            assert!(boundary(bad).is_err(), "{bad}");
        }
    }
}
