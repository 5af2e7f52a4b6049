//! A mail server to practise on: takes every message, sends none, and lets you look into its inbox.
//!
//! ```text
//! C: EHLO me\r\n                     S: 250-localhost\r\n 250-PIPELINING\r\n ... 250 STARTTLS\r\n
//! C: STARTTLS\r\n                    S: 220 2.0.0 go ahead\r\n          (TLS from here on)
//! C: AUTH PLAIN AHVz...\r\n          S: 235 2.7.0 welcome\r\n
//! C: MAIL FROM:<a@example.com>\r\n   S: 250 2.1.0 OK\r\n
//! ```
//!
//! RFC 5321 with PIPELINING, SIZE, 8BITMIME, SMTPUTF8, STARTTLS and AUTH. Strict about line ends: what ends with anything but
//! CRLF could be one message here and two on the next server (CVE-2023-51764). Wrong only in ways that have a name
//! ([`Wrong`]); anything wilder is a [`script`](crate::lab::script).
//!
//! May use: everything up to smtp, and of the lab: tls.

mod mail;
mod mime;
mod session;
mod taking;

pub use mail::{Mail, Part};

use crate::deadline::Deadline;
use crate::error::Result;
use crate::lab::pause::{Curtain, CurtainFalls};
use crate::lab::tls::{Acceptor, Certificate};
use crate::server::{Conn, Drained, Handle, Server};
use crate::stream::{BoxStream, Stream};
use crate::trace::{Side, Sink, Traced};
use session::{Next, Session};
use std::collections::{HashSet, VecDeque};
use std::fmt;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How many messages are kept, and how many bytes of them: the oldest go first.
const KEPT: (usize, usize) = (10_000, 64 << 20);

/// When TLS begins, and with which certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tls {
    /// When the client says STARTTLS.
    Offered(Certificate),
    /// With the first byte.
    AtOnce(Certificate),
    /// Never.
    Never,
}

/// What the server does wrong, on purpose. Commands are named by their verb in capitals; `"."` is the end of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wrong {
    /// Greets with this line: `554 5.3.2 not today`.
    Greets(String),
    /// Does not offer this extension, and does not know its command.
    Hides(String),
    /// Answers this command with this line.
    Answers(String, String),
    /// Knows no such recipients.
    RefusesRecipients(Vec<String>),
    /// Takes each recipient only when it is asked for the second time.
    Greylists,
    /// Says more behind its answer to STARTTLS, before TLS begins: what a stranger on the way would put there.
    InjectsAfterStartTls(String),
    /// Closes the connection instead of answering this command.
    CutsAt(String),
    /// Never answers this command.
    SilentAt(String),
    /// Says what it says byte by byte, with a pause after each.
    Drips(Duration),
    /// Asks for the password again and again.
    AsksForEver,
}

/// How the server is to be.
#[derive(Clone)]
pub struct Options {
    /// The port on 127.0.0.1; 0, the default, takes any that is free.
    pub port: u16,
    /// When TLS begins. By default when the client asks for it, with a good certificate.
    pub tls: Tls,
    /// Who may log in, by name and password. Default `user` with `password`.
    pub users: Vec<(String, String)>,
    /// Whether a login is offered and taken without TLS too. Default no.
    pub login_readable_by_anyone: bool,
    /// Whether only those who logged in may send. Default no.
    pub login_required: bool,
    /// What it does wrong. Default nothing.
    pub wrong: Vec<Wrong>,
    /// What a client may take.
    pub limits: Limits,
    /// Who watches the wire (over TLS: the plaintext), if anybody.
    pub trace: Option<Arc<dyn Sink>>,
    /// Hears of each message before it is taken, on the thread of the client who sent it; nobody by default.
    pub on_mail: Option<OnMail>,
}

/// Hears of a message.
pub type OnMail = Arc<dyn Fn(&Mail) + Send + Sync>;

impl Default for Options {
    fn default() -> Options {
        Options {
            port: 0,
            tls: Tls::Offered(Certificate::Good),
            users: vec![("user".into(), "password".into())],
            login_readable_by_anyone: false,
            login_required: false,
            wrong: Vec::new(),
            limits: Limits::default(),
            trace: None,
            on_mail: None,
        }
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Options({:?}, {:?}, {:?})", self.tls, self.wrong, self.limits)
    }
}

/// What one client may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// How long one command may take to come, with the silence before it. Default 30 s.
    pub command: Duration,
    /// How long a message may take to come. Default 2 minutes.
    pub message: Duration,
    /// Bytes of a message. Default 10 MiB.
    pub size: usize,
    /// Recipients of a message. Default 100, the least that a server must take (RFC 5321 section 4.5.3.1.8).
    pub recipients: usize,
    /// Commands that fail, before the server has enough. Default 20, as Postfix has it (`smtpd_hard_error_limit`).
    pub errors: usize,
    /// Commands that do nothing: NOOP, RSET, VRFY, HELP. Default 100 (Postfix: `smtpd_junk_command_limit`); a message clears it.
    pub junk: usize,
    /// Connections at one time. Default 50 (Postfix: `smtpd_client_connection_count_limit`; here all come from one machine).
    pub places: usize,
}

impl Default for Limits {
    fn default() -> Limits {
        let seconds = Duration::from_secs;
        Limits {
            command: seconds(30),
            message: seconds(120),
            size: 10 << 20,
            recipients: 100,
            errors: 20,
            junk: 100,
            places: 50,
        }
    }
}

/// A server that runs. Dropping it stops it.
pub struct Lab {
    // Before the server, so that a pause ends before the server is stopped.
    curtain: CurtainFalls,
    server: Handle,
    shared: Arc<Shared>,
}

struct Shared {
    options: Options,
    acceptor: Option<Acceptor>,
    curtain: Curtain,
    inbox: Mutex<Inbox>,
    // Whom the greylist has seen.
    seen: Mutex<HashSet<String>>,
}

#[derive(Default)]
struct Inbox {
    mails: VecDeque<Mail>,
    bytes: usize,
}

/// Starts a server on 127.0.0.1.
///
/// # Errors
/// Those of [`Server::bind`], [`Server::start`] and [`Acceptor::new`].
///
/// ```
/// use netprimer::lab::smtp;
/// use netprimer::smtp::{MessageBuilder, Options, Smtp, StartTls};
/// let lab = smtp::start(smtp::Options { tls: smtp::Tls::Never, ..smtp::Options::default() })?;
///
/// let options = Options { starttls: StartTls::ReadableByAnyone, ..Options::default() };
/// let mut client = Smtp::connect(&lab.addr().into(), &options)?;
/// client.send(&MessageBuilder::new().from("a@example.com").to("b@example.com").subject("Hello").text_body("你好"))?;
///
/// let inbox = lab.inbox();
/// assert_eq!((inbox[0].subject().as_str(), inbox[0].to.as_slice()), ("Hello", ["b@example.com".to_owned()].as_slice()));
/// assert_eq!(inbox[0].parts()[0].text(), "你好");
/// # Ok::<(), netprimer::Error>(())
/// ```
pub fn start(options: Options) -> Result<Lab> {
    let acceptor = match options.tls {
        Tls::Offered(certificate) | Tls::AtOnce(certificate) => Some(Acceptor::new(certificate)?),
        Tls::Never => None,
    };
    // Every wait has a deadline of its own here, which knows what is being waited for.
    let server = Server::bind(format!("127.0.0.1:{}", options.port))?.places(options.limits.places).idle(None);
    let server = match options.tls {
        Tls::AtOnce(_) => server, // a line in the clear would be no TLS
        _ => server.refuse_with("421 4.7.0 too many connections\r\n"),
    };
    let shared = Arc::new(Shared {
        options,
        acceptor,
        curtain: Curtain::default(),
        inbox: Mutex::default(),
        seen: Mutex::default(),
    });
    let stage = Arc::clone(&shared);
    let server = server.start(move |conn| talk(conn, &stage))?;
    Ok(Lab { curtain: CurtainFalls(shared.curtain.clone()), server, shared })
}

impl Lab {
    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.server.addr()
    }

    /// The messages that were taken so far, in their order.
    pub fn inbox(&self) -> Vec<Mail> {
        self.shared.inbox().mails.iter().cloned().collect()
    }

    /// The server below, for its counts.
    pub fn server(&self) -> &Handle {
        &self.server
    }

    /// Ends it, and says how its connections ended.
    pub fn stop(self, grace: Duration) -> Drained {
        let Lab { curtain, server, .. } = self;
        drop(curtain);
        server.stop(grace)
    }
}

impl fmt::Debug for Lab {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Lab(smtp://{})", self.addr())
    }
}

impl Shared {
    fn inbox(&self) -> MutexGuard<'_, Inbox> {
        self.inbox.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn keep(&self, mail: Mail) {
        if let Some(hear) = &self.options.on_mail {
            hear(&mail);
        }
        let mut inbox = self.inbox();
        inbox.bytes += mail.bytes.len();
        inbox.mails.push_back(mail);
        while inbox.mails.len() > KEPT.0 || inbox.bytes > KEPT.1 {
            let Some(oldest) = inbox.mails.pop_front() else { return };
            inbox.bytes -= oldest.bytes.len();
        }
    }

    fn is(&self, wrong: &Wrong) -> bool {
        self.options.wrong.contains(wrong)
    }

    fn watched(&self, stream: BoxStream) -> BoxStream {
        match &self.options.trace {
            Some(sink) => Box::new(Traced::new(stream, Side::Server, Arc::clone(sink))),
            None => stream,
        }
    }

    fn secure(&self, mut stream: BoxStream) -> Result<BoxStream> {
        stream.unwatch();
        stream.set_deadline(Deadline::after(self.options.limits.command));
        match &self.acceptor {
            Some(acceptor) => Ok(self.watched(acceptor.accept(stream)?)),
            None => Ok(stream),
        }
    }
}

/// One connection, from the greeting to the end, with TLS from somewhere on.
fn talk(conn: Conn, lab: &Shared) -> Result<()> {
    let at_once = matches!(lab.options.tls, Tls::AtOnce(_));
    let stream: BoxStream = Box::new(conn.stream);
    let stream = if at_once { lab.secure(stream)? } else { lab.watched(stream) };
    let mut session = Session::new(stream, lab, at_once);
    session.greet()?;
    loop {
        match session.next(|| conn_stopping(lab))? {
            Next::Command => {}
            Next::StartTls => session = Session::new(lab.secure(session.into_stream()?)?, lab, true),
            Next::End => return session.end(),
            Next::Cut => return Ok(()),
        }
    }
}

fn conn_stopping(lab: &Shared) -> bool {
    !lab.curtain.pause(Duration::ZERO)
}
