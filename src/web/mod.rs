//! HTTP as programs use it: sessions on the package [ureq](https://docs.rs/ureq), with what it leaves to us.
//!
//! ```text
//! C: GET /get?key1=value1 HTTP/1.1\r\n      what `http` does by hand, ureq does here,
//! C: host: 127.0.0.1:8080\r\n               over the same connection of ours:
//! C: cookie: sid=31d4\r\n                   so deadline, trace, TLS and truncation are the same
//! ```
//!
//! RFC 9110, RFC 9112, cookies RFC 6265. The retries are those of Python's urllib3, so that its words hold here ([`Policy`]).
//! What ureq's agent alone does not do: send again after a failure or on a connection that had died, take care of a stranger's
//! cookies and redirects, escape the names in a form with files, refuse a head that can be read in two ways. (Of chunks it takes
//! more than we do by hand: `+5` for a size, and any fields behind the last.) To read it: this file,
//! `send`, `redirect`, `connector`.
//!
//! Proxies are not used, also not those of the environment (`HTTP_PROXY`): who controls it would read along. Who wants them
//! asks an agent of ureq by name, `.proxy(ureq::Proxy::try_from_env())`.
//!
//! ```
//! use netprimer::lab::http::{self, Options};
//! use netprimer::web::Session;
//! let lab = http::start(Options::default())?;
//!
//! let session = Session::new();
//! let mut response = session.get(&lab.url("/get")).query("key1", "value1").header("X-Lesson", "3.2").send()?;
//! assert_eq!(response.status(), 200);
//! assert!(response.text()?.contains(r#""key1": "value1""#));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! May use: error, stream, retry, trace, url, and its own folder.

mod connector;
mod cookies;
mod form;
mod heads;
mod redirect;
mod request;
mod response;
mod send;

pub use form::Form;
pub use request::Request;
pub use response::{Attempt, Failure, Next, Response, Result};

use crate::error::{self, Error};
use crate::retry::{self, Policy};
use crate::stream::Tls;
use crate::trace::Sink;
use crate::url::Url;
use connector::{BUFFER, Dialer, HEAD, Later, Secrets};
use cookies::Fence;
use request::{set, uri};
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use ureq::Agent;
use ureq::http::HeaderMap;

/// How a session works.
#[derive(Clone)]
pub struct Options {
    /// For the lookup of the name, the connection and the TLS handshake, together. Default 10 s, as [`Dial`](crate::dial::Dial).
    pub connect: Duration,
    /// For one read: how long the server may be silent. A drip defeats it, so it never stands alone. Default `None`.
    pub read: Option<Duration>,
    /// For everything: redirects, retries and their pauses, the body to its last byte. Default 30 s.
    pub total: Duration,
    /// Bytes of a body that [`Response::text`] and [`Response::bytes`] take, decompressed. Default 10 MiB, as ureq has it.
    pub body: u64,
    /// How many redirects are followed. Default 10. With 0 a redirect is an answer like any other.
    pub redirects: usize,
    /// Follow a redirect from `https://` to `http://`, where everybody on the way can read and change what passes.
    pub dangerously_follow_https_to_http: bool,
    /// Whom `https://` trusts: what this system trusts unless set.
    pub tls: Tls,
    /// Who watches the wire (over TLS: the plaintext), if anybody.
    pub trace: Option<Arc<dyn Sink>>,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            connect: Duration::from_secs(10),
            read: None,
            total: Duration::from_secs(30),
            body: 10 << 20,
            redirects: 10,
            dangerously_follow_https_to_http: false,
            tls: Tls::system(),
            trace: None,
        }
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Options { connect, read, total, body, redirects, tls, .. } = self;
        write!(f, "Options {{ connect: {connect:?}, read: {read:?}, total: {total:?}, body: {body}, ")?;
        write!(f, "redirects: {redirects}, tls: {tls:?}, traced: {} }}", self.trace.is_some())
    }
}

/// Connections, cookies and defaults that many requests share, from several threads if you like.
pub struct Session {
    agent: Agent,
    options: Options,
    headers: HeaderMap,
    params: Vec<(String, String)>,
    mounted: Vec<(String, Policy)>,
    fence: Mutex<Fence>,
    secrets: Secrets,
    pause: Box<dyn Fn(Duration) + Send + Sync>,
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Session({:?}, mounted: {:?})", self.options, self.mounted)
    }
}

impl Default for Session {
    fn default() -> Session {
        Session::with(Options::default())
    }
}

impl Session {
    /// A session with the default options.
    pub fn new() -> Session {
        Session::default()
    }

    /// A session with these options.
    pub fn with(options: Options) -> Session {
        let secrets = Secrets::default();
        // More does not fit into the clock, and ureq would panic.
        let fits = |time: Duration| Some(time.min(Duration::from_secs(u32::MAX.into())));
        let config = Agent::config_builder()
            .http_status_as_error(false) // status is data
            .max_redirects(0) // we follow ourselves
            .proxy(None)
            .allow_non_standard_methods(true)
            .timeout_connect(fits(options.connect))
            .timeout_per_read(options.read.and_then(fits))
            .timeout_global(fits(options.total))
            .max_response_header_size(HEAD)
            .input_buffer_size(BUFFER)
            .output_buffer_size(BUFFER)
            .max_idle_connections(64)
            .max_idle_connections_per_host(16)
            .user_agent("netprimer/0.1")
            .build();
        let (tls, trace) = (options.tls.clone(), options.trace.clone());
        let dialer = Dialer { tls, trace, secrets: Arc::clone(&secrets) };
        Session {
            agent: Agent::with_parts(config, dialer, Later),
            options,
            headers: HeaderMap::new(),
            params: Vec::new(),
            mounted: Vec::new(),
            fence: Mutex::default(),
            secrets,
            pause: Box::new(retry::pause),
        }
    }

    /// ureq's agent, for what it can do and we do not show. It follows no redirects and tries nothing again.
    pub fn agent(&self) -> &Agent {
        &self.agent
    }

    /// Sets a header field for every request. Mind where you send it: a session that carries a key should have one server.
    ///
    /// # Errors
    /// [`Error::Invalid`] for what cannot be a field.
    pub fn set_header(&mut self, name: &str, value: &str) -> error::Result<()> {
        set(&mut self.headers, name, value, false)
    }

    /// [`set_header`](Session::set_header) for a secret: see [`Request::secret_header`].
    ///
    /// # Errors
    /// [`Error::Invalid`] for what cannot be a field.
    pub fn set_secret_header(&mut self, name: &str, value: &str) -> error::Result<()> {
        set(&mut self.headers, name, value, true)
    }

    /// Adds a name and a value to the address of every request.
    pub fn add_param(&mut self, name: &str, value: &str) {
        self.params.push((name.to_owned(), value.to_owned()));
    }

    /// How requests to addresses that begin so are tried again. The longest prefix that fits counts, without regard to case;
    /// without one nothing is tried again: as in Python's requests. A prefix such as `http://one.example/` should end with the slash.
    pub fn mount(&mut self, prefix: &str, policy: Policy) {
        self.mounted.retain(|(own, _)| own != prefix);
        self.mounted.push((prefix.to_owned(), policy));
    }

    /// Waits another way before a retry: a test's clock.
    pub fn pause_with(&mut self, pause: impl Fn(Duration) + Send + Sync + 'static) {
        self.pause = Box::new(pause);
    }

    /// Puts a cookie into the jar, as if the server at `url` had sent `Set-Cookie: cookie`.
    ///
    /// # Errors
    /// [`Error::Invalid`] for what is no cookie or would not be taken from that server.
    pub fn set_cookie(&self, url: &str, cookie: &str) -> error::Result<()> {
        let from = Url::parse(url)?;
        uri(&from)?;
        // Its value may be a secret.
        let name = cookie.split(['=', ';']).next().unwrap_or_default().escape_debug();
        let no = || Error::Invalid(format!("\"{name}\" is no cookie for {from}").into());
        if cookie.contains(char::is_control) || !cookies::is_sent(cookie) {
            return Err(no());
        }
        let mut jar = self.agent.cookie_jar_lock();
        cookies::put(&mut jar, cookie, &from).map_err(|_| no())?;
        let mut fence = self.fence.lock().unwrap_or_else(PoisonError::into_inner);
        if fence.sweep([cookie].into_iter(), &from, &mut jar) { Ok(()) } else { Err(no()) }
    }

    /// Name and value of every cookie in the jar.
    pub fn cookies(&self) -> Vec<(String, String)> {
        let jar = self.agent.cookie_jar_lock();
        let mut all: Vec<_> = jar.iter().map(|cookie| (cookie.name().to_owned(), cookie.value().to_owned())).collect();
        all.sort();
        all
    }

    /// A request of any method.
    pub fn request(&self, method: &str, url: &str) -> Request<'_> {
        Request::new(self, method, url)
    }

    /// A GET.
    pub fn get(&self, url: &str) -> Request<'_> {
        self.request("GET", url)
    }

    /// A HEAD: what GET would say, without its body.
    pub fn head(&self, url: &str) -> Request<'_> {
        self.request("HEAD", url)
    }

    /// A POST.
    pub fn post(&self, url: &str) -> Request<'_> {
        self.request("POST", url)
    }

    /// A PUT.
    pub fn put(&self, url: &str) -> Request<'_> {
        self.request("PUT", url)
    }

    /// A DELETE.
    pub fn delete(&self, url: &str) -> Request<'_> {
        self.request("DELETE", url)
    }
}
