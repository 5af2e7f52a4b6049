//! The pages: which path has which, for which methods, and what each says.
//!
//! A path is compared segment by segment after its percent-encoding is undone (RFC 3986 section 3.3), so that an encoded
//! slash stays inside its segment; `..` and control characters are refused, encoded or not. A path without a page is 404,
//! a page without this method 405 with the list of those that it has (RFC 9110 section 15.5.6).
//!
//! May use: url, http, and its neighbours.

use crate::lab::http::answer::{Answer, Body, Page, Refusal, bad};
use crate::lab::http::body::{contents, headers, table};
use crate::lab::http::pages::*;
use crate::lab::http::{Request, Shared, wrong};
use crate::url::{parse_form, parse_percent};
use serde_json::{Map, Value};
use std::time::Duration;

/// What `/` shows.
pub(super) const PAGES: [(&str, &str); 30] = [
    ("/get", "what you asked, as JSON"),
    ("/post", "the same for POST, with form, files and JSON; also /put, /patch, /delete"),
    ("/anything", "the same for every method, and for every path below it"),
    ("/headers", "your header fields"),
    ("/ip", "your address"),
    ("/user-agent", "your program"),
    ("/cookies", "your cookies"),
    ("/cookies/set?name=value", "sets cookies; also /cookies/set/name/value"),
    ("/cookies/delete?name", "deletes cookies"),
    ("/response-headers?X-Name=value", "answers with these fields"),
    ("/status/404", "any status from 200 to 599"),
    ("/delay/0.1", "waits so many seconds, ten at most"),
    ("/redirect/3", "redirects so many times; ?status_code=307 for another kind"),
    ("/redirect-to?url=/get", "redirects there"),
    ("/chunked", "a text in three chunks; ?pause=0.5 between them"),
    ("/stream/3", "so many lines of JSON, each in a chunk"),
    ("/gzip", "JSON in gzip"),
    ("/bytes/16", "so many bytes, 100 KiB at most; ?seed=1 for others"),
    ("/drip?numbytes=5&duration=1&delay=0", "bytes one after another, in so many seconds"),
    ("/basic-auth/user/passwd", "only with this name and password"),
    ("/upload", "a form for a file; what comes is answered as by /post"),
    ("/flaky?fail=2&key=a", "fails twice with 503, then succeeds; ?after=1 says when to retry, &form=date as a date"),
    ("/encoding/utf8", "a page in UTF-8"),
    ("/encoding/gbk", "a page in GBK"),
    ("/encoding/big5", "a page in Big5"),
    ("/encoding/broken", "a page that says UTF-8 and is cut in a character"),
    ("/html", "this page"),
    ("/close", "a body that ends with the connection"),
    ("/silent", "never answers"),
    ("/wrong/cut", "an answer that is wrong"),
];

/// A request, with its address taken apart.
pub(super) struct Call<'r> {
    pub(super) request: &'r Request,
    pub(super) path: Vec<String>,
    pub(super) query: Vec<(String, String)>,
    pub(super) lab: &'r Shared,
}

type Route = (Methods, fn(&Call<'_>) -> Page);
type Methods = &'static [&'static str];
const GET: Methods = &["GET", "HEAD"];
const ANY: Methods = &["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"];

/// The answer to a request, whatever it asks.
pub(super) fn answer(request: &Request, lab: &Shared) -> Answer {
    page(request, lab).unwrap_or_else(Answer::from)
}

fn page(request: &Request, lab: &Shared) -> Page {
    let target = request.head.target.as_str();
    let method = request.head.method.as_str();
    if target == "*" && method == "OPTIONS" {
        return Answer::bare(200).echo("Allow", "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS");
    }
    // Who speaks to a proxy sends the whole address, and a server must take it too (RFC 9112 section 3.2.2).
    let local = match target.split_once("://") {
        Some(("http" | "https", rest)) => rest.find('/').map_or("/", |slash| &rest[slash..]),
        _ => target,
    };
    let (path, query) = local.split_once('?').unwrap_or((local, ""));
    let path = path.strip_prefix('/').ok_or_else(|| bad("a target begins with a slash (RFC 9112 section 3.2)"))?;
    let path = path.split('/').map(segment).collect::<Result<Vec<_>, _>>()?;
    let call = Call { request, path, query: parse_form(query), lab };
    let path: Vec<&str> = call.path.iter().map(String::as_str).collect();
    let (methods, page) = find(&path).ok_or(Refusal(404, "there is no such page; / lists what there is".into()))?;
    let allowed = || format!("{}, OPTIONS", methods.join(", "));
    match method {
        "OPTIONS" => Answer::bare(200).echo("Allow", &allowed()),
        method if methods.contains(&method) => page(&call),
        _ => Answer::from(Refusal(405, format!("this page has {} only", allowed()).into())).echo("Allow", &allowed()),
    }
}

fn segment(text: &str) -> Result<String, Refusal> {
    let bytes =
        parse_percent(text).ok_or_else(|| bad("a % stands before two hexadecimal digits (RFC 3986 section 2.1)"))?;
    match String::from_utf8(bytes) {
        Ok(text) if text == ".." || text == "." => Err(bad("a path here has no dots for folders")),
        Ok(text) if text.chars().any(char::is_control) => Err(bad("a path has no control characters")),
        Ok(text) => Ok(text),
        Err(_) => Err(bad("a path is UTF-8 here")),
    }
}

fn find(path: &[&str]) -> Option<Route> {
    Some(match path {
        [""] | ["html"] => (GET, index),
        ["get"] => (GET, get),
        ["post"] => (&["POST"], post),
        ["put"] => (&["PUT"], post),
        ["patch"] => (&["PATCH"], post),
        ["delete"] => (&["DELETE"], post),
        ["anything", ..] => (ANY, anything),
        ["headers"] => (GET, |call| call.pick(&["headers"])),
        ["ip"] => (GET, |call| call.pick(&["origin"])),
        ["user-agent"] => (GET, user_agent),
        ["cookies"] => (GET, show_cookies),
        ["cookies", "set"] | ["cookies", "set", _, _] => (GET, set_cookies),
        ["cookies", "delete"] => (GET, delete_cookies),
        ["response-headers"] => (&["GET", "HEAD", "POST"], response_headers),
        ["status", _] => (ANY, status),
        ["delay", _] => (ANY, delay),
        ["redirect" | "relative-redirect" | "absolute-redirect", _] => (ANY, redirect),
        ["redirect-to"] => (ANY, redirect_to),
        ["chunked"] => (GET, chunked),
        ["stream", _] => (GET, stream),
        ["gzip"] => (GET, zipped),
        ["bytes", _] => (GET, bytes),
        ["drip"] => (GET, drip),
        ["basic-auth", _, _] => (GET, basic_auth),
        ["upload"] => (&["GET", "HEAD", "POST", "PUT"], upload),
        ["flaky"] => (ANY, flaky),
        ["encoding", "utf8" | "gbk" | "big5" | "broken"] => (GET, encoding),
        ["close"] => (GET, close),
        ["silent"] => (ANY, |_| Ok(Answer { body: Body::Silence, ..Answer::bare(200) })),
        ["wrong", name] if wrong::NAMES.iter().any(|(own, _)| own == name) => {
            (ANY, |call| wrong::answer(&call.path[1]).ok_or_else(|| bad("nothing is wrong there")))
        }
        _ => return None,
    })
}

impl Call<'_> {
    pub(super) fn query(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str())
    }

    pub(super) fn number(&self, name: &str, default: u64, most: u64) -> Result<u64, Refusal> {
        self.query(name).map_or(Ok(default), number).map(|number| number.min(most))
    }

    pub(super) fn seconds(&self, name: &str, default: u64) -> Result<Duration, Refusal> {
        self.query(name).map_or(Ok(Duration::from_secs(default)), seconds)
    }

    /// Everything there is to say of it, by name.
    pub(super) fn all(&self) -> Result<Map<String, Value>, Refusal> {
        let Request { head, body, peer, .. } = self.request;
        let mut all = Map::from_iter(contents(&head.headers, body)?.map(|(name, value)| (name.to_owned(), value)));
        let host = head.headers.get("Host").filter(|host| !host.is_empty());
        let host = host.map_or_else(|| self.lab.addr.to_string(), str::to_owned);
        let url = match head.target.starts_with('/') {
            true => format!("{}://{host}{}", self.lab.scheme(), head.target),
            false => head.target.clone(),
        };
        all.insert("args".into(), table(self.query.clone()));
        all.insert("headers".into(), headers(&head.headers));
        all.insert("origin".into(), peer.ip().to_string().into());
        all.insert("url".into(), url.into());
        all.insert("method".into(), head.method.as_str().into());
        Ok(all)
    }

    pub(super) fn pick(&self, names: &[&str]) -> Page {
        let mut all = self.all()?;
        all.retain(|name, _| names.contains(&name.as_str()));
        Ok(Answer::json(&Value::Object(all)))
    }
}

/// A number without a sign. One that is too large for us is still a number.
pub(super) fn number(text: &str) -> Result<u64, Refusal> {
    match !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        true => Ok(text.parse().unwrap_or(u64::MAX)),
        false => Err(bad("a number is wanted here, in digits")),
    }
}

/// Seconds, also parts of one: ten at most.
pub(super) fn seconds(text: &str) -> Result<Duration, Refusal> {
    match text.parse::<f64>() {
        Ok(seconds) if seconds >= 0.0 => Ok(Duration::from_secs_f64(seconds.min(LONGEST.as_secs_f64()))),
        _ => Err(bad("a number of seconds is wanted here, such as 0.5")),
    }
}

fn index(_: &Call<'_>) -> Page {
    let item = |(path, what): (&str, &str)| {
        let path = path.replace('&', "&amp;");
        format!("<li><a href=\"{path}\">{path}</a>: {what}\n")
    };
    let pages: String = PAGES.into_iter().map(item).collect();
    let wrong: String = wrong::NAMES.map(|(name, what)| item((&format!("/wrong/{name}"), what))).concat();
    let html = format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n<title>A web server to practise on</title>\n\
         <h1>Hello, 你好!</h1>\n<ul>\n{pages}</ul>\n<h2>Wrong on purpose</h2>\n<ul>\n{wrong}</ul>\n</html>\n"
    );
    Ok(Answer::new(200, "text/html; charset=utf-8", html))
}
