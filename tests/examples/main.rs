//! The programs of this project, run as a learner runs them. (One test program for many files: while one test waits, the others work.)
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "../support/mod.rs"]
mod support;

mod echo_server;
mod lesson_common;
mod nc;
mod part0_start;
mod part2_tcp;
mod part2_udp;
mod part3_http;
mod part3_retry;
mod part3_web;
mod part4_websocket;
mod part6_smtp;
mod part7_dns;
mod part9_best;
mod tap;
