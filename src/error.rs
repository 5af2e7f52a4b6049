//! One error for the whole library, and `finish`, which ends a program with it.
//!
//! A network call fails in few ways, and each wants another answer from the caller: the system said no ([`Error::Io`]),
//! time ran out ([`Error::Timeout`]), the peer left too early ([`Error::Closed`]), sent too much ([`Error::TooLong`]) or
//! nonsense ([`Error::Protocol`]), or refused in its own words ([`Error::Reply`]); or we were asked for something that
//! cannot be put on the wire ([`Error::Invalid`]). Most of them carry the phase: what we were doing, as a verb with its
//! object, so that a message reads `connect to 127.0.0.1:8888: Connection refused`.
//!
//! May use: nothing of this crate.

use std::borrow::Cow;
use std::io::{self, ErrorKind, Write};
use std::process::ExitCode;
use std::{error, fmt};

/// What every fallible call of this library returns.
pub type Result<T> = std::result::Result<T, Error>;

/// What was being done when it failed: `"connect to 127.0.0.1:8888"`, `"read the greeting"`.
pub type Phase = Cow<'static, str>;

/// Why a network operation did not end as wished.
///
/// At most 48 bytes, so that a `Result` stays cheap to return.
#[derive(Debug)]
pub enum Error {
    /// The operating system refused or reported a broken connection.
    Io(Phase, io::Error),
    /// The time given for this ran out.
    Timeout(Phase),
    /// The peer closed the connection where more had to come.
    Closed(Phase),
    /// The peer sent more than the limit (in bytes or lines, as the phase says) allows.
    TooLong(Phase, usize),
    /// The peer sent something that the protocol does not allow; the text says what and where.
    Protocol(Phase),
    /// The peer refused, in its own words.
    Reply(Box<Reply>),
    /// The caller asked for something that cannot be sent, or gave an argument that means nothing.
    Invalid(Phase),
    /// An error of a package this library stands on, with the phase.
    Other(Phase, Box<dyn error::Error + Send + Sync>),
}

/// What a server says in FTP and SMTP: a three-digit code and one or more lines of text (RFC 959 section 4.2,
/// RFC 5321 section 4.2). The module `reply` reads and writes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// 100 to 599; the first digit says how it went: 1 wait, 2 done, 3 go on, 4 not now, 5 no.
    pub code: u16,
    /// The text of each line, without the code, the separator and the line end. Never empty.
    pub lines: Vec<String>,
}

impl fmt::Display for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ", self.code)?;
        // A stranger's text must not command our terminal.
        self.lines.join(" / ").chars().try_for_each(|c| match c.is_control() {
            true => write!(f, "{}", c.escape_default()),
            false => write!(f, "{c}"),
        })
    }
}

impl Error {
    /// Turns an [`io::Error`] into ours and names the phase. This is the one place that knows that a read timeout is
    /// `WouldBlock` on Unix and `TimedOut` on Windows, and that `read_exact` says `UnexpectedEof` for a closed peer.
    ///
    /// ```
    /// use netprimer::{Deadline, Error, stream};
    /// use std::time::Duration;
    /// # let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
    /// # let port = listener.local_addr()?.port();
    /// # drop(listener); // nobody listens on this port now
    /// let error = stream::connect("127.0.0.1", port, Deadline::after(Duration::from_secs(5))).unwrap_err();
    /// assert!(error.to_string().starts_with("connect to 127.0.0.1:"));
    /// assert!(error.is_transient());
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn io(phase: impl Into<Phase>) -> impl FnOnce(io::Error) -> Error {
        move |cause| match cause.downcast::<Error>() {
            Ok(ours) => ours,
            Err(cause) => match cause.kind() {
                ErrorKind::WouldBlock | ErrorKind::TimedOut => Error::Timeout(phase.into()),
                ErrorKind::UnexpectedEof => Error::Closed(phase.into()),
                _ => Error::Io(phase.into(), cause),
            },
        }
    }

    /// The same for a thread or a program that could not be started: there `WouldBlock` means a limit, and no time (fork(2)).
    pub fn not_started(phase: impl Into<Phase>) -> impl FnOnce(io::Error) -> Error {
        move |cause| Error::Io(phase.into(), io::Error::other(cause))
    }

    /// Whether the same attempt may succeed later: time ran out, the connection was refused, reset or lost (over TLS also
    /// [cut off](Cut), which is no nonsense of the peer's), or the peer said `4xx` (RFC 5321 section 4.2.1: "transient negative"). A `5xx` reply, nonsense and our own limits
    /// stay as they are however often we ask.
    pub fn is_transient(&self) -> bool {
        match self {
            Error::Timeout(_) | Error::Closed(_) => true,
            Error::Reply(reply) => reply.code / 100 == 4,
            Error::Io(_, cause) if Cut::is(cause) => true,
            Error::Io(_, cause) => matches!(
                cause.kind(),
                ErrorKind::ConnectionRefused
                    | ErrorKind::ConnectionReset
                    | ErrorKind::ConnectionAborted
                    | ErrorKind::BrokenPipe
                    | ErrorKind::NotConnected
                    | ErrorKind::HostUnreachable
                    | ErrorKind::NetworkUnreachable
                    | ErrorKind::NetworkDown
                    | ErrorKind::AddrInUse
                    | ErrorKind::Interrupted
            ),
            _ => false,
        }
    }

    /// The nearest [`io::ErrorKind`], for hints and for code that must hand out an [`io::Error`].
    pub fn kind(&self) -> ErrorKind {
        match self {
            Error::Io(_, cause) => cause.kind(),
            Error::Timeout(_) => ErrorKind::TimedOut,
            Error::Closed(_) => ErrorKind::UnexpectedEof,
            Error::TooLong(..) | Error::Protocol(_) => ErrorKind::InvalidData,
            Error::Invalid(_) => ErrorKind::InvalidInput,
            Error::Reply(_) | Error::Other(..) => ErrorKind::Other,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Io(phase, cause) => write!(f, "{phase}: {cause}"),
            Error::Timeout(phase) => write!(f, "{phase}: no answer in time"),
            Error::Closed(phase) => write!(f, "{phase}: the other side closed the connection too early"),
            Error::TooLong(phase, limit) => write!(f, "{phase}: longer than the limit of {limit}"),
            Error::Protocol(what) | Error::Invalid(what) => f.write_str(what),
            Error::Reply(reply) => write!(f, "the server said: {reply}"),
            Error::Other(phase, cause) => write!(f, "{phase}: {cause}"),
        }
    }
}

impl error::Error for Error {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        match self {
            Error::Io(_, cause) => Some(cause),
            Error::Other(_, cause) => Some(cause.as_ref()),
            _ => None,
        }
    }
}

/// What a read over TLS gives as the [`io::Error`] of kind `InvalidData` when the connection ended and the peer's `close_notify` had
/// not come: somebody, the peer or anybody else, cut it off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cut;

impl Cut {
    /// Whether this error says so.
    pub fn is(error: &io::Error) -> bool {
        error.get_ref().is_some_and(|inner| inner.is::<Cut>())
    }
}

impl fmt::Display for Cut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("cut off: TLS marks its end (close_notify) and this had none, so something may be missing")
    }
}

impl error::Error for Cut {}

/// For code that must speak `std::io`, a `Read` of ours for instance. [`Error::io`] finds our error inside again.
impl From<Error> for io::Error {
    fn from(error: Error) -> io::Error {
        io::Error::new(error.kind(), error)
    }
}

/// Ends a program: nothing more to say after `Ok`; after an error `error: what we tried: cause` on stderr, `hint: …` where
/// there is a usual remedy, and exit status 1.
///
/// An error of kind `InvalidInput` means that the arguments were wrong (std itself gives it for a malformed address or
/// a port over 65535): exit status 2, and the usage of the socket lessons, which all take one address; who typed `--help`
/// or `-h` in its place asked for that usage, and gets it with status 0. [`Error::Invalid`] has words of its own for what is
/// wrong, and its own `usage:` where there is one.
///
/// ```
/// # use std::process::ExitCode;
/// fn run() -> std::io::Result<()> {
///     Ok(())
/// }
///
/// fn main() -> ExitCode {
///     netprimer::finish(run())
/// }
/// ```
pub fn finish<E: Into<Box<dyn error::Error + Send + Sync>>>(result: std::result::Result<(), E>) -> ExitCode {
    let Err(error) = result else { return ExitCode::SUCCESS };
    let error = error.into();
    let kind = kind_of(error.as_ref());
    if kind == Some(ErrorKind::InvalidInput)
        && std::env::args_os().nth(1).is_some_and(|arg| arg == "--help" || arg == "-h")
    {
        let _ = writeln!(io::stdout(), "usage: {} [ADDR]", program());
        return ExitCode::SUCCESS;
    }
    let mut text = format!("error: {error}\n");
    let in_our_words = matches!(error.downcast_ref(), Some(Error::Invalid(_)));
    if let Some(hint) = hint(kind, &text).filter(|_| !in_our_words) {
        text += &format!("hint: {hint}\n");
    }
    if kind == Some(ErrorKind::InvalidInput) && !in_our_words {
        text += &format!("usage: {} [ADDR]\n", program());
    }
    // Nobody may be left to read it: a closed stderr is no reason for a panic.
    let _ = io::stderr().write_all(text.as_bytes());
    ExitCode::from(if kind == Some(ErrorKind::InvalidInput) { 2 } else { 1 })
}

/// The kind of the outermost error that has one.
fn kind_of(error: &(dyn error::Error + 'static)) -> Option<ErrorKind> {
    if let Some(error) = error.downcast_ref::<io::Error>() {
        return Some(error.kind());
    }
    if let Some(error) = error.downcast_ref::<Error>() {
        return Some(error.kind());
    }
    error.source().and_then(kind_of)
}

fn hint(kind: Option<ErrorKind>, text: &str) -> Option<&'static str> {
    Some(match kind? {
        ErrorKind::ConnectionRefused => {
            "nobody listens there: start the server of this lesson in another terminal first; if it runs, it listens at another address"
        }
        ErrorKind::AddrInUse => {
            "another program has this port: stop it, or take another port (port 0 takes any that is free)"
        }
        ErrorKind::AddrNotAvailable => "this machine has no such address: 127.0.0.1 and [::1] are always your own",
        ErrorKind::PermissionDenied if !text.contains("listen on ") => return None,
        ErrorKind::PermissionDenied => "ports below 1024 may be reserved for the administrator: take a higher one",
        ErrorKind::InvalidInput => {
            "an address is HOST:PORT with a port from 0 to 65535: 127.0.0.1:8888, localhost:8888 or [::1]:8888"
        }
        ErrorKind::TimedOut | ErrorKind::WouldBlock => {
            "the other side is silent: does it speak this protocol, and does it wait for us?"
        }
        ErrorKind::ConnectionReset | ErrorKind::ConnectionAborted | ErrorKind::NotConnected => {
            "the other side dropped the connection in the middle: look at what it printed"
        }
        ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable => {
            "there is no way to that address from here: without a network, stay with 127.0.0.1"
        }
        // std has no kind for a name that does not resolve; its text begins so on every Unix.
        _ if text.contains("failed to lookup address") => {
            "is the name spelled right? without a network only localhost and addresses in numbers work"
        }
        _ => return None,
    })
}

/// The name this program was started by, without its folder.
fn program() -> String {
    let path = std::env::args_os().next().unwrap_or_default();
    let name = std::path::Path::new(&path).file_stem().unwrap_or(&path);
    name.to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_small_enough_to_return_everywhere() {
        assert!(size_of::<Error>() <= 48, "{}", size_of::<Error>());
    }

    #[test]
    fn the_words_of_a_server_do_not_command_the_terminal() {
        let lines = vec!["\u{1b}[2J\r\n\u{9b}2J".to_owned(), "你好 \\ \"".to_owned()];
        let error = Error::Reply(Box::new(Reply { code: 550, lines }));
        assert_eq!(error.to_string(), "the server said: 550 \\u{1b}[2J\\r\\n\\u{9b}2J / 你好 \\ \"");
    }

    #[test]
    fn both_names_of_a_read_timeout_become_one() {
        for kind in [ErrorKind::WouldBlock, ErrorKind::TimedOut] {
            let error = Error::io("read a line")(kind.into());
            assert!(matches!(&error, Error::Timeout(phase) if phase == "read a line"), "{error:?}");
        }
    }

    #[test]
    fn our_error_survives_the_way_through_std_io() {
        let ours = || [Error::Timeout("read the body".into()), Error::TooLong("read a line".into(), 512)];
        for (before, after) in ours().into_iter().zip(ours()) {
            let back = Error::io("something else")(io::Error::from(after));
            assert_eq!(back.to_string(), before.to_string());
        }
    }

    #[test]
    fn the_cause_stays_reachable() {
        let error = Error::io("listen on 127.0.0.1:1")(ErrorKind::PermissionDenied.into());
        let cause = error::Error::source(&error).and_then(|e| e.downcast_ref::<io::Error>());
        assert_eq!(cause.map(io::Error::kind), Some(ErrorKind::PermissionDenied));
        assert_eq!(kind_of(&error), Some(ErrorKind::PermissionDenied));
    }

    #[test]
    fn a_folder_that_is_not_ours_is_no_port() {
        let hint = |what: &str| hint(Some(ErrorKind::PermissionDenied), &format!("error: {what}: Permission denied\n"));
        assert!(hint("listen on 127.0.0.1:80").is_some_and(|hint| hint.contains("1024")));
        assert_eq!(hint("create /etc/page.html"), None);
    }

    #[test]
    fn only_what_may_change_is_transient() {
        let reply = |code| Error::Reply(Box::new(Reply { code, lines: vec!["no".into()] }));
        assert!(reply(450).is_transient() && !reply(550).is_transient());
        assert!(Error::Timeout("x".into()).is_transient());
        assert!(!Error::Protocol("x".into()).is_transient() && !Error::Invalid("x".into()).is_transient());
        let refused = Error::io("connect")(ErrorKind::ConnectionRefused.into());
        let denied = Error::io("connect")(ErrorKind::PermissionDenied.into());
        assert!(refused.is_transient() && !denied.is_transient());
        let cut = Error::io("read")(io::Error::new(ErrorKind::InvalidData, Cut));
        let nonsense = Error::io("read")(io::Error::new(ErrorKind::InvalidData, "a record was changed"));
        assert!(cut.is_transient() && !nonsense.is_transient());
    }
}
