//! Logging in: the ways of AUTH, and one small trait for any other.
//!
//! ```text
//! C: AUTH PLAIN AHVzZXIAcGFzc3dvcmQ=       base64 of NUL user NUL password
//! C: AUTH LOGIN
//! S: 334 VXNlcm5hbWU6                      base64 of "Username:"
//! C: dXNlcg==
//! S: 334 UGFzc3dvcmQ6                      base64 of "Password:"
//! C: cGFzc3dvcmQ=
//! S: 235 welcome
//! ```
//!
//! RFC 4954; RFC 4616 (PLAIN). Base64 hides nothing: who reads the line has the password. So none of this is sent on a
//! connection in the clear.
//!
//! May use: error.

use crate::error::{Error, Result};
use std::fmt;

/// A way to log in.
///
/// ```
/// use netprimer::{Result, smtp::auth::Mechanism};
/// /// What some large mail providers want in place of a password.
/// struct OAuth<'a> { user: &'a str, token: &'a str }
///
/// impl Mechanism for OAuth<'_> {
///     fn name(&self) -> &str { "XOAUTH2" }
///     fn start(&mut self) -> Result<Option<Vec<u8>>> {
///         Ok(Some(format!("user={}\x01auth=Bearer {}\x01\x01", self.user, self.token).into_bytes()))
///     }
///     // A challenge is the server's complaint here; after an empty answer it says 535.
///     fn answer(&mut self, _challenge: &[u8]) -> Result<Vec<u8>> { Ok(Vec::new()) }
/// }
/// ```
pub trait Mechanism {
    /// The name behind AUTH.
    fn name(&self) -> &str;

    /// What is sent before the server has asked, if anything.
    ///
    /// # Errors
    /// [`Error::Invalid`] when it cannot be written down.
    fn start(&mut self) -> Result<Option<Vec<u8>>>;

    /// The answer to a question of the server, both without their base64.
    ///
    /// # Errors
    /// When the question is none that this way knows: the client then breaks the login off.
    fn answer(&mut self, challenge: &[u8]) -> Result<Vec<u8>>;
}

/// User and password in one line (RFC 4616).
pub struct Plain<'a> {
    /// Who.
    pub user: &'a str,
    /// The secret.
    pub password: &'a str,
}

/// The same on two lines, as older servers ask for it. No RFC describes it.
pub struct Login<'a> {
    user: Option<&'a str>,
    password: Option<&'a str>,
}

impl<'a> Login<'a> {
    /// Gives the user to the first question and the password to the second.
    pub fn new(user: &'a str, password: &'a str) -> Login<'a> {
        Login { user: Some(user), password: Some(password) }
    }
}

impl Mechanism for Plain<'_> {
    fn name(&self) -> &str {
        "PLAIN"
    }
    fn start(&mut self) -> Result<Option<Vec<u8>>> {
        if self.user.contains('\0') || self.password.contains('\0') {
            return Err(Error::Invalid("a user or password has a NUL inside, which is what separates them".into()));
        }
        Ok(Some(format!("\0{}\0{}", self.user, self.password).into_bytes()))
    }
    fn answer(&mut self, _challenge: &[u8]) -> Result<Vec<u8>> {
        Err(Error::Protocol("the server asked more than PLAIN has to say".into()))
    }
}

impl Mechanism for Login<'_> {
    fn name(&self) -> &str {
        "LOGIN"
    }
    fn start(&mut self) -> Result<Option<Vec<u8>>> {
        Ok(None)
    }
    fn answer(&mut self, _challenge: &[u8]) -> Result<Vec<u8>> {
        let next = self.user.take().or_else(|| self.password.take());
        next.map(|text| text.as_bytes().to_vec())
            .ok_or_else(|| Error::Protocol("the server asked more than LOGIN has to say".into()))
    }
}

// By hand: a derived one would print the password.
impl fmt::Debug for Plain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Plain(***)")
    }
}

impl fmt::Debug for Login<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Login(***)")
    }
}
