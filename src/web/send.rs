//! One request as the network needs it: on a connection that lives, again after a failure, on to where it is redirected.
//!
//! RFC 9110 sections 9.2.2 (what may be sent twice) and 10.2.3 (Retry-After), RFC 9112 section 9.3.1 (a kept connection that
//! dies). ureq's agent sends once.
//!
//! May use: error, encode, deadline, retry, url.

use super::connector::{LINE, Lost, METHOD};
use super::redirect::{finish_reading, follow};
use super::request::{Total, uri, written_by_ureq};
use super::response::{ours, text};
use super::{Attempt, Failure, Next, Response, Result, Session};
use crate::deadline::Deadline;
use crate::encode::form;
use crate::error::Error;
use crate::retry::{self, Policy};
use crate::url::{Url, is_secret};
use std::sync::PoisonError;
use std::time::{Duration, SystemTime};
use ureq::Body;
use ureq::http::{self, Method, StatusCode, Version, header};

/// So much longer than its limit a request may take.
const JUST_BEGUN: Duration = Duration::from_millis(1);

/// What one request gave: an answer, or an error and whether the server was reached.
type Outcome = std::result::Result<http::Response<Body>, (Error, bool)>;

impl Session {
    /// Sends a request of ureq's kind, follows redirects and tries again as the policy for its address says, all within one
    /// deadline. A connection that was kept and dies without a word is replaced once, where asking twice does no harm.
    ///
    /// # Errors
    /// A [`Failure`] with the history: [`Error::Invalid`] for a request that cannot be sent; [`Error::Timeout`],
    /// [`Error::Closed`], [`Error::Io`]; [`Error::Other`] with a sentence for a certificate that is not to be trusted;
    /// [`Error::Protocol`] for an answer that is not HTTP, and for a redirect that is not followed; [`Error::TooLong`].
    pub fn send(&self, request: http::Request<Vec<u8>>) -> Result<Response> {
        let url = Url::parse(&request.uri().to_string())?;
        self.send_to(url, request)
    }

    /// [`send`](Session::send) to this address instead of the request's own.
    pub(super) fn send_to(&self, mut url: Url, mut request: http::Request<Vec<u8>>) -> Result<Response> {
        for (name, value) in &self.params {
            url.add_query(&form(&[(name, value)]));
        }
        for (name, value) in &self.headers {
            if !request.headers().contains_key(name) {
                request.headers_mut().insert(name, value.clone());
            }
        }
        if request.method().as_str().len() > METHOD {
            return Err(Error::Invalid(format!("the method is longer than {METHOD} bytes").into()).into());
        }
        for (name, value) in request.headers() {
            written_by_ureq(name)?;
            if name.as_str().len() + value.len() > LINE {
                return Err(Error::Invalid(format!("the field {name} is longer than {LINE} bytes").into()).into());
            }
        }
        let total = request.extensions().get::<Total>().map_or(self.options.total, |own| own.0);
        let deadline = Deadline::after(total);
        let (mut history, mut redirects, mut retries, mut in_a_row) = (Vec::new(), 0, 0, 0);
        *request.uri_mut() = uri(&url)?;
        loop {
            let policy = self.policy(&url);
            let outcome = self.once(&request, &url, deadline, &mut history);
            let status =
                outcome.as_ref().map(|response| response.status().as_u16()).map_err(|(cause, _)| cause.to_string());
            let mut attempt = Attempt {
                method: request.method().as_str().to_owned(),
                url: url.to_string(),
                outcome: status,
                next: None,
            };
            let place = match &outcome {
                Ok(response) if self.options.redirects > 0 => self.place(&url, response),
                _ => Ok(None),
            };
            let place = match place {
                Ok(Some(_)) if redirects == self.options.redirects => {
                    Err(Error::Protocol(format!("{redirects} redirects, and one more to come").into()))
                }
                place => place,
            };
            match place {
                Err(cause) => {
                    history.push(attempt);
                    return Err(Failure { cause, history });
                }
                Ok(Some(next)) => {
                    attempt.next = Some(Next::Redirect(next.to_string()));
                    history.push(attempt);
                    if let Ok(response) = outcome {
                        follow(&mut request, &url, &next, response.status().as_u16());
                        finish_reading(response);
                    }
                    *request.uri_mut() = uri(&next)?;
                    (url, redirects, in_a_row) = (next, redirects + 1, 0);
                    continue;
                }
                Ok(None) => {}
            }
            let pause = policy.filter(|policy| retries < policy.total).and_then(|policy| {
                let delay = policy.delays().nth(in_a_row)?;
                policy.fitting(pause(policy, request.method(), &outcome, delay)?, deadline)
            });
            attempt.next = pause.map(Next::Retry);
            history.push(attempt);
            let Some(pause) = pause else {
                return match outcome {
                    Ok(inner) => Ok(Response { inner, url, history, limit: self.options.body, taken: false }),
                    Err((cause, _)) => Err(Failure { cause, history }),
                };
            };
            if let Ok(response) = outcome {
                finish_reading(response);
            }
            if !pause.is_zero() {
                (self.pause)(pause);
            }
            (retries, in_a_row) = (retries + 1, in_a_row + 1);
        }
    }

    fn policy(&self, url: &Url) -> Option<&Policy> {
        if self.mounted.is_empty() {
            return None;
        }
        let url = url.to_string();
        let fits = self
            .mounted
            .iter()
            .filter(|(prefix, _)| url.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix)));
        fits.max_by_key(|(prefix, _)| prefix.len()).map(|(_, policy)| policy)
    }

    /// One request, and once more where its connection had died. With an error comes whether the server was reached.
    fn once(
        &self,
        request: &http::Request<Vec<u8>>,
        url: &Url,
        deadline: Deadline,
        history: &mut Vec<Attempt>,
    ) -> Outcome {
        let phase = || format!("{} {url}", request.method());
        for last in [false, true] {
            let rest = match deadline.left("").map_err(|_| (Error::Timeout(phase().into()), true))? {
                // The clock has just begun: what all requests of the agent have is the same, and costs nothing to set.
                Some(rest) if self.options.total.checked_sub(rest).is_some_and(|gone| gone < JUST_BEGUN) => {
                    Some(self.options.total)
                }
                rest => rest,
            };
            match self.run(request, rest, last) {
                Ok(response) => {
                    // First of all, because the jar takes the cookies of an answer that we refuse, too.
                    let fields = response.headers();
                    if fields.contains_key(header::SET_COOKIE) {
                        let lines = fields.get_all(header::SET_COOKIE).iter().filter_map(|line| line.to_str().ok());
                        let mut jar = self.agent.cookie_jar_lock();
                        self.fence.lock().unwrap_or_else(PoisonError::into_inner).sweep(lines, url, &mut jar);
                    }
                    if let Some(why) = ambiguous(&response) {
                        return Err((Error::Protocol(format!("{}: {why}", phase()).into()), true));
                    }
                    return Ok(response);
                }
                Err(error) => {
                    let lost = match &error {
                        ureq::Error::Other(cause) => cause.downcast_ref::<Lost>(),
                        _ => None,
                    };
                    let stale = matches!(lost, Some(Lost::Stale(_)));
                    let reached = !matches!(lost, Some(Lost::Unreached(_)));
                    let cause = ours(error, &phase());
                    if last || !stale || !retry::IDEMPOTENT.contains(&request.method().as_str()) {
                        return Err((cause, reached));
                    }
                    let (method, url) = (request.method().to_string(), url.to_string());
                    history.push(Attempt { method, url, outcome: Err(cause.to_string()), next: Some(Next::Replay) });
                }
            }
        }
        Err((Error::Closed(phase().into()), true))
    }

    fn run(
        &self,
        request: &http::Request<Vec<u8>>,
        rest: Option<Duration>,
        fresh: bool,
    ) -> std::result::Result<http::Response<Body>, ureq::Error> {
        let mut head = http::Request::new(());
        *head.method_mut() = request.method().clone();
        *head.uri_mut() = request.uri().clone();
        *head.headers_mut() = request.headers().clone();
        for (name, _) in
            request.headers().iter().filter(|(name, value)| value.is_sensitive() && !is_secret(name.as_str()))
        {
            self.secrets.lock().unwrap_or_else(PoisonError::into_inner).insert(name.to_string());
        }
        if fresh || rest != Some(self.options.total) {
            let mut settings = self.agent.configure_request(head).timeout_global(rest);
            if fresh {
                settings = settings.max_idle_age(Duration::ZERO); // no kept connection is young enough
            }
            head = settings.build();
        }
        // A method that usually has a body says so when it has none (RFC 9110 section 8.6).
        let usual = [Method::POST, Method::PUT, Method::PATCH].contains(request.method());
        match request.body().as_slice() {
            [] if !usual => self.agent.run(head),
            body => self.agent.run(head.map(|()| body)),
        }
    }
}

/// Why two programs would find two ends of this answer (RFC 9112 section 6.3), if they would.
fn ambiguous(response: &http::Response<Body>) -> Option<&'static str> {
    let fields = response.headers();
    let mut codings = fields.get_all(header::TRANSFER_ENCODING).iter();
    match (codings.next(), codings.next()) {
        _ if response.status() == StatusCode::SWITCHING_PROTOCOLS => {
            Some("the server switches protocols and nobody asked")
        }
        (None, _) => None,
        (Some(_), _) if fields.contains_key(header::CONTENT_LENGTH) => {
            Some("the answer has both a length and a transfer coding")
        }
        (Some(_), _) if response.version() != Version::HTTP_11 => Some("chunks in an answer of HTTP/1.0"),
        (Some(one), None) if one.as_bytes().eq_ignore_ascii_case(b"chunked") => None,
        _ => Some("the answer has a transfer coding other than chunked"),
    }
}

/// The pause before another try, or `None` where there is none to be.
fn pause(policy: &Policy, method: &Method, outcome: &Outcome, delay: Duration) -> Option<Duration> {
    let method = method.as_str();
    match outcome {
        Ok(response) => {
            let told = text(response.headers(), "retry-after");
            let told = told.and_then(|value| policy.retry_after(value, SystemTime::now()));
            policy.wants(method, response.status().as_u16(), told).then(|| told.unwrap_or(delay))
        }
        // Who was not reached has done nothing yet, whatever the method.
        Err((cause, reached)) => (cause.is_transient() && (!reached || policy.allows(method))).then_some(delay),
    }
}
