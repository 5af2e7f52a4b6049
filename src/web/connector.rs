//! What ureq connects with: our own [`Stream`], so that deadline, trace, TLS and truncation are the same code as by hand.
//!
//! Nothing of its own travels here. ureq writes heads and reads answers; this file gives it a connection. On the way it does
//! three things that ureq has no place for: values of secret fields are marked for who watches the wire; a `Cookie` written by
//! hand and the one of the jar become one field (RFC 6265 section 5.4 allows one only); and a kept connection that dies before
//! a word has come is told apart from other failures.
//!
//! May use: error, deadline, stream, trace.

use super::heads::Heads;
use crate::deadline::Deadline;
use crate::error::Error;
use crate::stream::{self, BoxStream, Stream, Tls};
use crate::trace::{Side, Sink, Traced};
use crate::url::{is_secret, write_head};
use std::borrow::Cow;
use std::cell::Cell;
use std::collections::BTreeSet;
use std::io::{self, ErrorKind, Read, Write};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::{error, fmt};
use ureq::config::Config;
use ureq::http::Uri;
use ureq::unversioned::resolver::{ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::time::Duration;
use ureq::unversioned::transport::{
    Buffers, ConnectionDetails, Connector, LazyBuffers, NextTimeout, ShutdownHandle, Transport,
};

/// Bytes kept for what comes and for what goes: ureq's own 128 KiB each cost a thousand connections 256 MiB.
pub(super) const BUFFER: usize = 16 << 10;
/// The longest head of an answer; a connection with one beyond [`BUFFER`] gets so much room.
pub(super) const HEAD: usize = 64 << 10;

/// The longest method, and the longest line that fits into ureq's buffer for what goes, with what stands around a target.
pub(super) const METHOD: usize = 64;
pub(super) const LINE: usize = BUFFER - 2 * METHOD;

/// Names of fields (in small letters) whose values nobody who watches may see.
pub(super) type Secrets = Arc<Mutex<BTreeSet<String>>>;

/// A request that cannot have done anything yet: sent once more it does no harm, or less.
#[derive(Debug)]
pub(super) enum Lost {
    /// There was no connection.
    Unreached(Error),
    /// A connection that was kept had been closed from the other side.
    Stale(Error),
}

impl fmt::Display for Lost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Lost::Unreached(cause) | Lost::Stale(cause)) = self;
        cause.fmt(f)
    }
}

impl error::Error for Lost {}

impl From<Lost> for ureq::Error {
    fn from(lost: Lost) -> ureq::Error {
        ureq::Error::Other(Box::new(lost))
    }
}

/// Makes connections.
pub(super) struct Dialer {
    pub tls: Tls,
    pub trace: Option<Arc<dyn Sink>>,
    pub secrets: Secrets,
}

impl fmt::Debug for Dialer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Dialer({:?})", self.tls)
    }
}

thread_local! {
    // An answer of ureq keeps the limits with which it was asked for, and has no place for another.
    static HURRY: Cell<Deadline> = const { Cell::new(Deadline::NEVER) };
}

/// Does something whose reads and writes, on this thread, end by then.
pub(super) fn done_by<T>(deadline: Deadline, work: impl FnOnce() -> T) -> T {
    let before = HURRY.replace(deadline);
    let done = work();
    HURRY.set(before);
    done
}

fn deadline(timeout: NextTimeout) -> Deadline {
    match timeout.after {
        Duration::Exact(time) => HURRY.get().earlier(Deadline::after(time)),
        Duration::NotHappening => HURRY.get(),
    }
}

impl Connector for Dialer {
    type Out = Line;

    fn connect(&self, details: &ConnectionDetails, _: Option<()>) -> Result<Option<Line>, ureq::Error> {
        let https = details.needs_tls();
        let host = details.uri.host().unwrap_or_default();
        let port = details.uri.port_u16().unwrap_or(if https { 443 } else { 80 });
        let deadline = deadline(details.timeout);
        let tcp = stream::connect(host, port, deadline).map_err(Lost::Unreached)?;
        let socket: Weak<dyn ShutdownHandle> = tcp.closer();
        (details.register_shutdown)(socket)?;
        let mut stream: BoxStream = Box::new(tcp);
        if https {
            stream.set_deadline(deadline);
            stream = stream::upgrade(stream, host, &self.tls).map_err(Lost::Unreached)?;
        }
        if let Some(sink) = &self.trace {
            stream = Box::new(Traced::new(stream, Side::Client, Arc::clone(sink)));
        }
        Ok(Some(Line {
            stream: Mutex::new(stream),
            buffers: LazyBuffers::new(BUFFER, BUFFER),
            head: Some(Vec::new()),
            heads: Heads::default(),
            kept: false,
            heard: false,
            https,
            secrets: Arc::clone(&self.secrets),
        }))
    }
}

/// Looks nothing up: ureq would for every request, on a new thread each time. [`Dialer`] does it when it connects.
#[derive(Debug)]
pub(super) struct Later;

impl Resolver for Later {
    fn resolve(&self, _: &Uri, _: &Config, _: NextTimeout) -> Result<ResolvedSocketAddrs, ureq::Error> {
        Ok(self.empty())
    }
}

/// One connection, as ureq wants it.
pub(super) struct Line {
    // Only ever used through `&mut`: the lock is there because ureq asks for Sync.
    stream: Mutex<BoxStream>,
    buffers: LazyBuffers,
    // What came of the head that is being written; `None` behind it.
    head: Option<Vec<u8>>,
    // Those of the answer.
    heads: Heads,
    // It has served a request before, and whether anything came since.
    kept: bool,
    heard: bool,
    https: bool,
    secrets: Secrets,
}

impl fmt::Debug for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Line({:?})", self.stream)
    }
}

impl Line {
    fn failed(&self, error: io::Error, timeout: NextTimeout) -> ureq::Error {
        match Error::io(if self.heard { "read the answer" } else { "wait for the answer" })(error) {
            Error::Timeout(_) => ureq::Error::Timeout(timeout.reason),
            cause if self.kept && !self.heard => Lost::Stale(cause).into(),
            // Under its own name ureq would take a reset for the end of the body.
            cause => ureq::Error::Io(io::Error::new(ErrorKind::InvalidData, cause)),
        }
    }

    fn stream(&mut self) -> &mut BoxStream {
        self.stream.get_mut().unwrap_or_else(PoisonError::into_inner)
    }

    /// Passes on what ureq wrote: a head when all of it is there.
    fn pass(&mut self, amount: usize) -> io::Result<()> {
        let Line { stream, buffers, head, secrets, .. } = self;
        let stream = stream.get_mut().unwrap_or_else(PoisonError::into_inner);
        let bytes = &buffers.output()[..amount];
        let Some(come) = head else { return stream.write_all(bytes) };
        come.extend_from_slice(bytes);
        let Some(end) = come.windows(4).position(|four| four == b"\r\n\r\n") else { return Ok(()) };
        if let Some(merged) = one_cookie(&come[..end + 2]) {
            *come = [&merged, &come[end + 2..]].concat();
        }
        let names = secrets.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let secret = |name: &str| is_secret(name) || names.contains(&name.to_ascii_lowercase());
        let sent = write_head(&mut **stream, come, &secret);
        *head = None;
        sent
    }
}

/// Whether a line of a head is the field of this name.
fn is_field(line: &[u8], name: &str) -> bool {
    line.get(name.len()) == Some(&b':') && line[..name.len()].eq_ignore_ascii_case(name.as_bytes())
}

/// A head with all its `Cookie` fields in one, where it has several: ureq writes the one of its jar before those of the request,
/// and what was written by hand counts where both have a name.
fn one_cookie(head: &[u8]) -> Option<Vec<u8>> {
    let lines = || head.split_inclusive(|byte| *byte == b'\n');
    let value = |line| std::str::from_utf8(line).ok()?.split_once(':').map(|(_, value)| value.trim());
    let cookies: Vec<&str> = lines().filter(|line| is_field(line, "cookie")).filter_map(value).collect();
    let [jar, by_hand @ ..] = &cookies[..] else { return None };
    if by_hand.is_empty() {
        return None;
    }
    let name = |pair: &str| pair.split('=').next().unwrap_or_default().to_owned();
    let mut all: Vec<&str> = by_hand.iter().flat_map(|list| list.split("; ")).collect();
    let names: BTreeSet<String> = all.iter().map(|pair| name(pair)).collect();
    all.extend(jar.split("; ").filter(|pair| !names.contains(&name(pair))));
    let mut merged = Some(format!("cookie: {}\r\n", all.join("; ")).into_bytes());
    let one = |line| if is_field(line, "cookie") { merged.take().map(Cow::from) } else { Some(Cow::from(line)) };
    Some(lines().filter_map(one).collect::<Vec<_>>().concat())
}

impl Transport for Line {
    fn buffers(&mut self) -> &mut dyn Buffers {
        &mut self.buffers
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), ureq::Error> {
        let timeout = timeout.for_write();
        self.stream().set_deadline(deadline(timeout));
        self.pass(amount).map_err(|error| self.failed(error, timeout))
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, ureq::Error> {
        let timeout = timeout.for_read();
        if self.buffers.input_append_buf().is_empty() {
            self.grow()?;
        }
        let Line { stream, buffers, .. } = self;
        let stream = stream.get_mut().unwrap_or_else(PoisonError::into_inner);
        stream.set_deadline(deadline(timeout));
        match stream.read(buffers.input_append_buf()) {
            Ok(0) if self.kept && !self.heard => Err(self.failed(ErrorKind::UnexpectedEof.into(), timeout)),
            Ok(n) => {
                self.heard |= n > 0;
                let fine = self.heads.look(&self.buffers.input_append_buf()[..n]);
                fine.map_err(|error| self.failed(error.into(), timeout))?;
                self.buffers.input_appended(n);
                Ok(n > 0)
            }
            Err(error) => Err(self.failed(error, timeout)),
        }
    }

    /// Whether it can serve another request: nothing may have come that nobody asked for, and no end. ureq asks when a
    /// connection goes into its pool and when it comes out; only the second counts, and looking costs three system calls.
    fn is_open(&mut self) -> bool {
        let comes_out = self.kept && !self.heard;
        (self.head, self.heads) = (Some(Vec::new()), Heads::default());
        (self.kept, self.heard) = (true, false);
        !comes_out || self.stream().is_quiet()
    }

    fn is_tls(&self) -> bool {
        self.https
    }
}

impl Line {
    /// More room for what came and is no whole head yet.
    fn grow(&mut self) -> Result<(), ureq::Error> {
        let come = self.buffers.input().to_vec();
        if come.len() >= HEAD {
            return Err(ureq::Error::LargeResponseHeader(come.len(), HEAD));
        }
        self.buffers = LazyBuffers::new(HEAD, BUFFER);
        self.buffers.input_append_buf()[..come.len()].copy_from_slice(&come);
        self.buffers.input_appended(come.len());
        Ok(())
    }
}
