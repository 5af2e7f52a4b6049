//! Bytes written as text: what several protocols, and every place that shows bytes to a person, have in common.
//!
//! May use: nothing of this crate.

use std::fmt::Write;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

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
        || matches!(c, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}')
        || matches!(c, '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
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
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            let _ = write!(encoded, "%{byte:02X}");
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

/// Text that can stand in a page of HTML, between tags and in a quoted attribute: what would begin a tag, a reference or the end of
/// the attribute becomes a reference itself (HTML Living Standard, section 13.3), as Python's `html.escape` does.
///
/// ```
/// assert_eq!(netprimer::encode::html("<b>Tom & 'J'</b>"), "&lt;b&gt;Tom &amp; &#39;J&#39;&lt;/b&gt;");
/// ```
pub fn html(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            c => escaped.push(c),
        }
    }
    escaped
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

/// The bytes behind such a text, or `None` for what is none: other letters, `=` where none may be, bits that say nothing.
///
/// ```
/// use netprimer::encode::parse_base64;
/// assert_eq!(parse_base64("dXNlcg==").as_deref(), Some(&b"user"[..]));
/// assert_eq!(parse_base64("dXNlcg"), None);
/// ```
pub fn parse_base64(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3);
    for four in text.as_bytes().chunks(4) {
        let bits = four.iter().take_while(|letter| **letter != b'=').try_fold((0u32, 0), |(bits, n), letter| {
            let value = match letter {
                b'A'..=b'Z' => letter - b'A',
                b'a'..=b'z' => letter - b'a' + 26,
                b'0'..=b'9' => letter - b'0' + 52,
                b'+' => 62,
                b'/' => 63,
                _ => return None,
            };
            Some((bits << 6 | u32::from(value), n + 1))
        })?;
        let (bits, letters) = (bits.0 << (6 * (4 - bits.1)), bits.1);
        bytes.extend_from_slice(bits.to_be_bytes().get(1..letters.max(1))?);
    }
    // Only what `base64` writes for these bytes: one text for each of them.
    (base64(&bytes) == text).then_some(bytes)
}

/// A point in time as HTTP writes it (RFC 9110 section 5.6.7): in Greenwich, to the second. A time before 1970 is 1970, one
/// after 9999 is the end of 9999, because there are four digits for the year.
///
/// ```
/// use std::time::{Duration, UNIX_EPOCH};
/// let at = UNIX_EPOCH + Duration::from_secs(784_111_777);
/// assert_eq!(netprimer::encode::http_date(at), "Sun, 06 Nov 1994 08:49:37 GMT");
/// ```
pub fn http_date(at: SystemTime) -> String {
    const WEEKDAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"]; // the first of January 1970 was a Thursday
    let seconds = seconds_since_1970(at);
    let weekday = WEEKDAYS[(seconds / 86_400 % 7) as usize];
    let (year, month, day, [hour, minute, second]) = calendar(seconds);
    format!("{weekday}, {day:02} {} {year} {hour:02}:{minute:02}:{second:02} GMT", MONTHS[month])
}

/// Up to the end of 9999.
fn seconds_since_1970(at: SystemTime) -> u64 {
    const LAST: u64 = 253_402_300_799;
    at.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs()).min(LAST)
}

/// Year, month from 0, day, and hour, minute, second in Greenwich.
fn calendar(seconds: u64) -> (u64, usize, u64, [u64; 3]) {
    let (mut days, mut year, mut month) = (seconds / 86_400, 1970, 0);
    while days >= 365 + u64::from(leap(year)) {
        days -= 365 + u64::from(leap(year));
        year += 1;
    }
    while days >= month_length(year, month) {
        days -= month_length(year, month);
        month += 1;
    }
    (year, month, days + 1, [seconds / 3600 % 24, seconds / 60 % 60, seconds % 60])
}

/// The point in time that a date of HTTP means, in each of the three forms that a client must understand (RFC 9110 section
/// 5.6.7), or `None` for what is none of them.
///
/// ```
/// use netprimer::encode::{http_date, parse_http_date};
/// for text in ["Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994"] {
///     assert_eq!(parse_http_date(text).map(http_date).as_deref(), Some("Sun, 06 Nov 1994 08:49:37 GMT"));
/// }
/// assert_eq!(parse_http_date("Sun, 31 Feb 1994 08:49:37 GMT"), None);
/// ```
pub fn parse_http_date(text: &str) -> Option<SystemTime> {
    let parts: Vec<&str> = text.split([' ', ',', '-']).filter(|part| !part.is_empty()).collect();
    let (day, month, year, time) = match parts[..] {
        [_, day, month, year, time, "GMT"] => (day, month, year, time),
        [_, month, day, time, year] => (day, month, year, time),
        _ => return None,
    };
    // `parse` alone would take "+6".
    let number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse::<u64>().ok())?;
    let (day, short) = (number(day)?, year.len() == 2);
    let month = MONTHS.iter().position(|own| *own == month)?;
    let mut year = number(year).filter(|_| short || year.len() == 4)?;
    if short {
        // What seems more than 50 years ahead is past (RFC 9110 section 5.6.7).
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs() / 31_556_952) + 1970;
        year += now / 100 * 100;
        year -= if year > now + 50 { 100 } else { 0 };
    }
    let clock: Option<Vec<u64>> = time.split(':').map(|part| number(part).filter(|_| part.len() == 2)).collect();
    let [hour, minute, second] = clock?[..] else { return None };
    point(year, month, day, [hour, minute, second])
}

/// A point in time as FTP writes it (RFC 3659 section 2.3): `YYYYMMDDHHMMSS` in Greenwich, a fraction of the second may follow.
/// `None` for what is none, or before 1970.
///
/// ```
/// use netprimer::encode::{ftp_time, parse_ftp_time};
/// let at = parse_ftp_time("20240229235959.5").ok_or("no time")?;
/// assert_eq!(ftp_time(at), "20240229235959");
/// assert_eq!(parse_ftp_time("2003040a102659"), None);
/// # Ok::<(), &str>(())
/// ```
pub fn parse_ftp_time(text: &str) -> Option<SystemTime> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.len() != 14 || !digits(whole) || !digits(fraction) {
        return None;
    }
    let number = |at: usize, length: usize| whole[at..at + length].parse::<u64>().ok();
    let month = usize::try_from(number(4, 2)?.checked_sub(1)?).ok().filter(|month| *month < 12)?;
    point(number(0, 4)?, month, number(6, 2)?, [number(8, 2)?, number(10, 2)?, number(12, 2)?])
}

/// The same the other way, to the second; see [`http_date`] for the bounds.
pub fn ftp_time(at: SystemTime) -> String {
    let (year, month, day, [hour, minute, second]) = calendar(seconds_since_1970(at));
    format!("{year:04}{:02}{day:02}{hour:02}{minute:02}{second:02}", month + 1)
}

/// The point in time of a date and a time of day in Greenwich, the month counted from 0.
fn point(year: u64, month: usize, day: u64, [hour, minute, second]: [u64; 3]) -> Option<SystemTime> {
    let fits = (1970..=9999).contains(&year) && (1..=month_length(year, month)).contains(&day);
    if !fits || hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let years: u64 = (1970..year).map(|year| 365 + u64::from(leap(year))).sum();
    let days = years + (0..month).map(|month| month_length(year, month)).sum::<u64>() + day - 1;
    UNIX_EPOCH.checked_add(Duration::from_secs(((days * 24 + hour) * 60 + minute) * 60 + second))
}

const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

fn leap(year: u64) -> bool {
    year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
}

fn month_length(year: u64, month: usize) -> u64 {
    [31, 28 + u64::from(leap(year)), 31, 30, 31, 30, 31, 31, 30, 31, 30, 31][month]
}

/// The checksum behind gzip data (RFC 1952 section 8): the remainder of dividing the bytes, read as one long number, by a
/// fixed one. It notices accidents, not forgeries.
///
/// ```
/// assert_eq!(netprimer::encode::crc32(b"123456789"), 0xcbf4_3926);
/// ```
pub fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |rest, byte| {
        (0..8).fold(rest ^ u32::from(*byte), |rest, _| if rest & 1 == 1 { rest >> 1 ^ 0xedb8_8320 } else { rest >> 1 })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_moves_a_cursor_gets_through() {
        let every: Vec<u8> = (0..=255).collect();
        assert!(visible(&every).chars().all(|c| !c.is_control()));
        assert_eq!(visible("a\u{202e}b".as_bytes()), r"a\xe2\x80\xaeb");
        for hidden in ["\u{ad}", "\u{61c}", "\u{180e}", "\u{206a}", "\u{fff9}", "\u{e0041}"] {
            assert!(visible(hidden.as_bytes()).is_ascii(), "{}", hidden.escape_unicode());
        }
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
            assert_eq!(parse_base64(text).unwrap(), bytes.as_bytes());
        }
        assert_eq!(base64(&[0xfb, 0xff, 0xfe]), "+//+");
        for text in ["Zg", "Zg=", "Zh==", "Z===", "====", "Zg==Zg==", "Zm9v\n", "Zm 9", "!!!!", "Zm=v"] {
            assert_eq!(parse_base64(text), None, "{text:?}");
        }
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

    #[test]
    fn dates_at_the_edges_of_years() {
        let at = |seconds| http_date(UNIX_EPOCH + std::time::Duration::from_secs(seconds));
        assert_eq!(at(0), "Thu, 01 Jan 1970 00:00:00 GMT");
        assert_eq!(at(951_782_399), "Mon, 28 Feb 2000 23:59:59 GMT");
        assert_eq!(at(951_782_400), "Tue, 29 Feb 2000 00:00:00 GMT"); // a leap year, though 1900 was none
        assert_eq!(at(1_735_689_599), "Tue, 31 Dec 2024 23:59:59 GMT");
        assert_eq!(at(253_402_300_800), "Fri, 31 Dec 9999 23:59:59 GMT");
        assert_eq!(http_date(UNIX_EPOCH - std::time::Duration::from_secs(1)), at(0));
    }
}
