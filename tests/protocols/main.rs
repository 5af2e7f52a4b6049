//! The protocols: codecs, clients against the lab and against peers that lie, and (`*_peers`) against what others wrote.
//! (One test program for many files: while one test waits, the others work.)
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "../support/site.rs"]
mod site;
#[path = "../support/mod.rs"]
mod support;

mod damaged;
mod dns_message;
mod dns_peers;
mod dns_resolver;
mod floods;
mod ftp;
mod ftp_peers;
mod http_client;
mod http_peers;
mod http_wire;
mod lab_http;
mod lab_http_peers;
mod scan;
#[cfg(target_os = "linux")]
mod scan_peers;
mod smtp;
mod smtp_peers;
mod sweep;
mod web;
mod web_peers;
mod websocket;
mod websocket_peers;
