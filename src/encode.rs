//! Bytes written as text: what several protocols, and every place that shows bytes to a person, have in common.
//!
//! May use: nothing of this crate.

use std::fmt::Write;

/// Bytes as text that a terminal can show and a reader can tell apart: valid UTF-8 stays readable, line ends become
/// `\r` and `\n`, other control characters and bytes that are no UTF-8 become `\xNN`, and `\` and `"` are escaped.
///
/// What comes from the wire goes through here before it is printed: an escape sequence sent by a stranger could
/// otherwise move the cursor, change colours or hide text in your terminal.
///
/// ```
/// use netprimer::encode::visible;
/// assert_eq!(visible("你好\r\n".as_bytes()), r"你好\r\n");
/// assert_eq!(visible(b"\x1b[2J\xff"), r"\x1b[2J\xff");
/// ```
pub fn visible(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            match c {
                '\r' => text.push_str("\\r"),
                '\n' => text.push_str("\\n"),
                '\t' => text.push_str("\\t"),
                '"' | '\\' => text.extend(['\\', c]),
                c if hides(c) => hex(&mut text, c.encode_utf8(&mut [0; 4]).as_bytes()),
                c => text.push(c),
            }
        }
        hex(&mut text, chunk.invalid());
    }
    text
}

fn hex(text: &mut String, bytes: &[u8]) {
    for byte in bytes {
        // Writing to a String cannot fail.
        let _ = write!(text, "\\x{byte:02x}");
    }
}

/// Control characters, and the marks that turn the direction of writing or take no room: what a reader would not see.
fn hides(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

/// One byte as `%E4` (RFC 3986 section 2.1).
pub(crate) fn percent_byte(text: &mut String, byte: u8) {
    let _ = write!(text, "%{byte:02X}");
}

/// Text that can stand anywhere in a web address: everything but letters, digits and `-._~` becomes `%XX` (RFC 3986
/// section 2.3), as Python's `quote(text, safe="")` does.
///
/// ```
/// assert_eq!(netprimer::encode::percent("a/b 你"), "a%2Fb%20%E4%BD%A0");
/// ```
pub fn percent(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => encoded.push(char::from(byte)),
            byte => percent_byte(&mut encoded, byte),
        }
    }
    encoded
}

/// Names and values as a form sends them (`application/x-www-form-urlencoded`): as [`percent`], with `+` for a space. Also the
/// usual way to write a query.
///
/// ```
/// assert_eq!(netprimer::encode::form(&[("name", "A & B"), ("n", "1")]), "name=A+%26+B&n=1");
/// ```
pub fn form(fields: &[(&str, &str)]) -> String {
    let plus = |text| percent(text).replace("%20", "+");
    let pairs: Vec<String> = fields.iter().map(|(name, value)| format!("{}={}", plus(name), plus(value))).collect();
    pairs.join("&")
}

/// Any bytes in 64 letters (RFC 4648 section 4): three bytes become four letters, `=` fills up. It hides nothing.
///
/// ```
/// assert_eq!(netprimer::encode::base64(b"user:pass"), "dXNlcjpwYXNz");
/// ```
pub fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for three in bytes.chunks(3) {
        let bits = (0..3).fold(0u32, |bits, n| bits << 8 | u32::from(three.get(n).copied().unwrap_or(0)));
        for n in 0..4 {
            let letter = LETTERS[(bits >> (18 - 6 * n)) as usize & 63];
            text.push(if n <= three.len() { char::from(letter) } else { '=' });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_moves_a_cursor_gets_through() {
        let every: Vec<u8> = (0..=255).collect();
        assert!(visible(&every).chars().all(|c| !c.is_control()));
        assert_eq!(visible("a\u{202e}b".as_bytes()), r"a\xe2\x80\xaeb");
    }

    #[test]
    fn different_bytes_look_different() {
        assert_eq!(visible(br"\n"), r"\\n");
        assert_eq!(visible(b"\n"), r"\n");
        assert_eq!(visible(b"say \"hi\""), r#"say \"hi\""#);
    }

    #[test]
    fn base64_of_the_rfc() {
        for (bytes, text) in ["", "f", "fo", "foo", "foob", "fooba", "foobar"]
            .iter()
            .zip(["", "Zg==", "Zm8=", "Zm9v", "Zm9vYg==", "Zm9vYmE=", "Zm9vYmFy"])
        {
            assert_eq!(base64(bytes.as_bytes()), text); // RFC 4648 section 10
        }
        assert_eq!(base64(&[0xfb, 0xff, 0xfe]), "+//+");
    }

    #[test]
    fn a_form_keeps_every_character_apart() {
        assert_eq!(form(&[("a b", "c+d"), ("e=f", "g&h"), ("", "")]), "a+b=c%2Bd&e%3Df=g%26h&=");
        assert_eq!(form(&[("k", "你好\r\n~")]), "k=%E4%BD%A0%E5%A5%BD%0D%0A~");
        assert_eq!(form(&[]), "");
    }

    #[test]
    fn a_cut_character_is_shown_as_its_bytes() {
        assert_eq!(visible(&"你".as_bytes()[..2]), r"\xe4\xbd");
    }
}
