//! A server that writes down what it was asked and answers with the bytes it is told: for clients whose requests are the subject.

#![allow(dead_code, clippy::unwrap_used)] // each test file uses some of it

use netprimer::http::head::{Limits, RequestHead, parse_request};
use netprimer::lab::tls::Acceptor;
use netprimer::server::{Handle, Server};
use netprimer::stream::{BoxStream, Stream};
use std::io::{Read, Write};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// A request as it came.
#[derive(Debug, Clone)]
pub struct Asked {
    pub head: RequestHead,
    pub body: Vec<u8>,
    /// Which connection brought it, from 0.
    pub connection: usize,
}

impl Asked {
    /// `POST /path body`
    pub fn line(&self) -> String {
        format!("{} {} {}", self.head.method, self.head.target, String::from_utf8_lossy(&self.body))
            .trim_end()
            .to_owned()
    }

    pub fn field(&self, name: &str) -> Option<&str> {
        self.head.headers.get(name)
    }
}

pub struct Site {
    handle: Handle,
    asked: Arc<Mutex<Vec<Asked>>>,
    https: bool,
}

/// Serves on 127.0.0.1, over TLS where there is an acceptor. An empty answer closes the connection without a word; one that
/// says `Connection: close`, or has neither length nor chunks, ends with the connection.
pub fn site(tls: Option<Acceptor>, answer: impl Fn(&Asked) -> Vec<u8> + Send + Sync + 'static) -> Site {
    let asked = Arc::new(Mutex::new(Vec::new()));
    let (heard, connections, https) = (Arc::clone(&asked), AtomicUsize::new(0), tls.is_some());
    let server = Server::bind("127.0.0.1:0").unwrap().idle(Some(Duration::from_secs(5)));
    let handle = server.start(move |conn| {
        let connection = connections.fetch_add(1, Ordering::Relaxed);
        let mut stream: BoxStream = match &tls {
            Some(acceptor) => acceptor.accept(conn.stream)?,
            None => Box::new(conn.stream),
        };
        let mut come = Vec::new();
        while let Some((head, body)) = request(&mut stream, &mut come) {
            let one = Asked { head, body, connection };
            heard.lock().unwrap().push(one.clone());
            let bytes = answer(&one);
            let text = String::from_utf8_lossy(&bytes);
            let last =
                text.contains("Connection: close") || !(text.contains("Content-Length") || text.contains("chunked"));
            let bare = ["HTTP/1.1 204", "HTTP/1.1 304"].iter().any(|start| text.starts_with(start));
            if bytes.is_empty() || stream.write_all(&bytes).is_err() || (last && !bare) {
                break;
            }
        }
        let _ = stream.finish();
        Ok(())
    });
    Site { handle: handle.unwrap(), asked, https }
}

impl Site {
    /// The address of a path there.
    pub fn url(&self, path: &str) -> String {
        format!("{}://{}{path}", if self.https { "https" } else { "http" }, self.handle.addr())
    }

    /// What was asked so far.
    pub fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }

    /// What was asked so far, one line each.
    pub fn lines(&self) -> Vec<String> {
        self.asked().iter().map(Asked::line).collect()
    }
}

fn request(stream: &mut BoxStream, come: &mut Vec<u8>) -> Option<(RequestHead, Vec<u8>)> {
    let mut more = |come: &mut Vec<u8>| {
        let mut piece = [0; 16 << 10];
        let n = stream.read(&mut piece).ok().filter(|n| *n > 0)?;
        come.extend_from_slice(&piece[..n]);
        Some(())
    };
    let (head, used) = loop {
        match parse_request(come, &Limits::default()).ok()? {
            Some(found) => break found,
            None => more(come)?,
        }
    };
    come.drain(..used);
    let length = usize::try_from(head.headers.content_length().ok()?.unwrap_or(0)).ok()?;
    while come.len() < length {
        more(come)?;
    }
    Some((head, come.drain(..length).collect()))
}
