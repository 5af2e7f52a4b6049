//! Enhanced status codes: why, in three numbers that are the same in every language.
//!
//! ```text
//! 550 5.1.1 no such user\r\n       the reply code, the enhanced one, the text
//! ```
//!
//! RFC 2034; RFC 3463.
//!
//! May use: error.

use crate::error::Reply;

/// An enhanced status code, `5.1.1` for instance: class, subject and detail (RFC 3463), where the server gives one.
///
/// ```
/// use netprimer::{Reply, smtp::wire::status};
/// let reply = Reply { code: 550, lines: vec!["5.1.1 no such user".into()] };
/// assert_eq!(status(&reply), Some((5, 1, 1)));
/// ```
pub fn status(reply: &Reply) -> Option<(u16, u16, u16)> {
    let (code, _) = reply.lines.last()?.split_once(' ')?;
    let number = |text: &str| {
        let digits = (1..=3).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
        digits.then(|| text.parse().ok())?
    };
    let parts: Vec<u16> = code.split('.').map(number).collect::<Option<_>>()?;
    match parts[..] {
        [class, subject, detail] if class == reply.code / 100 => Some((class, subject, detail)),
        _ => None,
    }
}
