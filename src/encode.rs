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
    fn a_cut_character_is_shown_as_its_bytes() {
        assert_eq!(visible(&"你".as_bytes()[..2]), r"\xe4\xbd");
    }
}
