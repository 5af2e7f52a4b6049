//! The mail client before the lab's server and before liars; the lab's server before a client that does what it likes.

use crate::support;

use netprimer::dial::Dial;
use netprimer::lab::script::{self, Step};
use netprimer::lab::smtp::{self as lab, Lab, Limits, Tls, Wrong};
use netprimer::lab::tls::{self, Certificate};
use netprimer::retry::Policy;
use netprimer::smtp::auth::{Login, Mechanism};
use netprimer::smtp::message::{Address, BodyPart, ContentType, HeaderType, MessageId, MimePart, Raw, URL};
use netprimer::smtp::{Envelope, Message, MessageBuilder, Options, Sent, Smtp, StartTls, Unknown, wire};
use netprimer::text::{self, read_block};
use netprimer::trace::{Side, Transcript, What};
use netprimer::{Error, Reply, Result};
use proptest::prelude::*;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::{Duration, Instant};
use support::LIMIT;

fn clear() -> Options {
    Options { starttls: StartTls::ReadableByAnyone, ..Options::default() }
}

fn secure() -> Options {
    Options { starttls: StartTls::Required(tls::trust().unwrap()), ..Options::default() }
}

fn lab(wrong: impl IntoIterator<Item = Wrong>) -> Lab {
    lab::start(lab::Options { wrong: wrong.into_iter().collect(), ..lab::Options::default() }).unwrap()
}

fn hello() -> MessageBuilder<'static> {
    MessageBuilder::new()
        .from(("发件人", "sender@example.com"))
        .to("receiver@example.com")
        .subject("测试邮件")
        .text_body("这是一封测试邮件")
}

fn watched(options: Options) -> (Options, Transcript) {
    let wire = Transcript::new();
    let dial = Dial { trace: Some(Arc::new(wire.clone())), ..options.dial };
    (Options { dial, ..options }, wire)
}

#[test]
fn a_message_in_the_clear_and_over_tls() {
    let lab = lab([]);
    let mut smtp = Smtp::connect(&lab.addr().into(), &clear()).unwrap();
    assert!(!smtp.is_secure());
    smtp.send(&hello()).unwrap();
    smtp.quit().unwrap();

    let (options, wire) = watched(secure());
    let mut smtp = Smtp::connect(&lab.addr().into(), &options).unwrap();
    assert!(smtp.is_secure() && !smtp.extensions().has("STARTTLS") && smtp.extensions().has_login("plain"));
    assert!(smtp.extensions().has("pipelining"));
    smtp.login("user", "password").unwrap();
    let sent = smtp.send(&hello()).unwrap();
    assert_eq!((sent.reply.code, sent.refused.len()), (250, 0));
    smtp.quit().unwrap();

    let inbox = lab.inbox();
    assert_eq!(inbox.len(), 2);
    for (mail, secure) in inbox.iter().zip([false, true]) {
        assert_eq!(mail.secure, secure);
        assert_eq!(
            (mail.from.as_str(), mail.to.as_slice()),
            ("sender@example.com", ["receiver@example.com".to_owned()].as_slice())
        );
        assert_eq!((mail.subject().as_str(), mail.sender().as_str()), ("测试邮件", "发件人 <sender@example.com>"));
        assert_eq!(mail.parts()[0].text(), "这是一封测试邮件");
    }
    assert_eq!((inbox[0].user.as_deref(), inbox[1].user.as_deref()), (None, Some("user")));
    // The wire view goes on in plaintext where TLS begins, and shows no password.
    let said = String::from_utf8(wire.sent_by(Side::Client)).unwrap();
    assert!(
        said.starts_with("EHLO localhost\r\nSTARTTLS\r\nEHLO localhost\r\nMAIL FROM:<sender@example.com>"),
        "{said}"
    );
    assert!(said.ends_with("\r\n.\r\nQUIT\r\n") && wire.to_string().contains("C: ***\n"), "{wire}");
}

#[test]
fn tls_from_the_first_byte() {
    let lab = lab::start(lab::Options { tls: Tls::AtOnce(Certificate::Good), ..lab::Options::default() }).unwrap();
    let dial = Dial { tls: Some(tls::trust().unwrap()), ..Dial::default() };
    let mut smtp = Smtp::connect(&lab.addr().into(), &Options { dial, ..Options::default() }).unwrap();
    smtp.login("user", "password").unwrap();
    smtp.send(&hello()).unwrap();
    smtp.quit().unwrap();
    assert!(lab.inbox()[0].secure);
}

fn envelope(to: &[&str]) -> Envelope {
    Envelope { from: "sender@example.com".into(), to: to.iter().map(|to| (*to).to_owned()).collect() }
}

fn code(result: Result<impl std::fmt::Debug>) -> u16 {
    match result {
        Err(Error::Reply(reply)) => reply.code,
        other => panic!("no reply: {other:?}"),
    }
}

// ---- what passes on the wire ----

#[test]
fn two_round_trips_for_a_message_and_one_write_for_a_turn() {
    let lab = lab([]);
    let (options, wire) = watched(clear());
    let mut smtp = Smtp::connect(&lab.addr().into(), &options).unwrap();
    let bodies = [1 << 10, 100 << 10, 10];
    for size in bodies {
        let text = [&b"Subject: x\r\n\r\n"[..], &b"0123456\n".repeat(size / 8)].concat();
        smtp.send_to(&envelope(&["a@example.com", "b@example.com", "c@example.com"]), &text).unwrap();
    }
    smtp.quit().unwrap();
    let of = |entries: &[netprimer::trace::Entry], side| {
        let bytes = entries.iter().filter(|entry| entry.side == side && matches!(entry.what, What::Bytes(_)));
        bytes
            .map(|entry| if let What::Bytes(bytes) = &entry.what { bytes.clone() } else { Vec::new() })
            .collect::<Vec<_>>()
    };
    let turns = of(&wire.turns(), Side::Client);
    let writes = of(&wire.pieces(), Side::Client);
    assert_eq!(turns, writes, "each turn is one write");
    assert_eq!(turns.len(), 1 + 2 * bodies.len() + 1, "EHLO, two for each message, QUIT");
    for n in 0..bodies.len() {
        let commands = String::from_utf8(turns[1 + 2 * n].clone()).unwrap();
        let verbs: Vec<&str> = commands.lines().map(|line| &line[..4]).collect();
        assert_eq!(verbs, ["MAIL", "RCPT", "RCPT", "RCPT", "DATA"]);
        assert!(turns[2 + 2 * n].ends_with(b"\r\n.\r\n"));
    }
    // Without PIPELINING each command waits for its reply.
    let slow =
        lab::start(lab::Options { wrong: vec![Wrong::Hides("PIPELINING".into())], ..lab::Options::default() }).unwrap();
    let (options, wire) = watched(clear());
    let mut smtp = Smtp::connect(&slow.addr().into(), &options).unwrap();
    smtp.send(&hello()).unwrap();
    assert_eq!(of(&wire.turns(), Side::Client).len(), 5);
}

pub fn many_recipients_and_many_messages_on_one_connection() {
    let limits = Limits { recipients: 1000, ..Limits::default() };
    let lab = lab::start(lab::Options { limits, ..lab::Options::default() }).unwrap();
    let mut smtp = Smtp::connect(&lab.addr().into(), &clear()).unwrap();
    let many: Vec<String> = (0..950).map(|n| format!("user{n}@example.com")).collect();
    let envelope = Envelope { from: String::new(), to: many.clone() };
    smtp.send_to(&envelope, b"x").unwrap();
    for _ in 0..50 {
        smtp.send(&hello()).unwrap();
    }
    smtp.noop().unwrap();
    smtp.reset().unwrap();
    assert_eq!(smtp.command("VRFY user").unwrap().code, 252);
    smtp.command("MAIL FROM:<a@example.com>").unwrap().expect(250).unwrap();
    smtp.command("RCPT TO:<b@example.com>").unwrap().expect(250).unwrap();
    smtp.command("DATA").unwrap().expect(354).unwrap();
    assert_eq!(wire::status(&smtp.data(b"by hand\n.").unwrap()), Some((2, 6, 0)));
    smtp.quit().unwrap();
    let inbox = lab.inbox();
    assert_eq!((inbox.len(), &inbox[0].to, inbox[0].from.as_str()), (52, &many, ""));
    assert_eq!(inbox[51].bytes, b"by hand\r\n.\r\n");
    assert_eq!(lab.server().totals().accepted, 1);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever a message holds, it has one end, its last line is whole, and its lines arrive.
    #[test]
    fn no_message_ends_early(pieces in prop::collection::vec(prop::sample::select(
        vec![".", "\r", "\n", "\r\n", "a", "..", "\r\n.\r\n", "\n.\n", "\r.\r", "MAIL FROM:<x>", "你"]), 0..40)) {
        let message = pieces.concat();
        let block = wire::block(message.as_bytes()).unwrap();
        let framed = [b"\r\n", block.as_slice()].concat();
        prop_assert_eq!(framed.windows(5).position(|five| five == b"\r\n.\r\n"), Some(framed.len() - 5));
        let bare = String::from_utf8(block.clone()).unwrap().replace("\r\n", "");
        prop_assert!(!bare.contains(['\r', '\n']));
        let mut lines = message.replace("\r\n", "\n").replace('\r', "\n").replace('\n', "\r\n");
        if !lines.is_empty() && !lines.ends_with("\r\n") {
            lines += "\r\n";
        }
        let mut reader = block.as_slice();
        prop_assert_eq!(read_block(&mut reader, &text::Limits::default()).unwrap(), lines.as_bytes());
        prop_assert!(reader.is_empty());
    }

    /// No address that is taken can end the path or the line; no bytes make the readers panic.
    #[test]
    fn no_address_says_more_than_an_address(text in "[a-z@.<>\"\\\\ \r\n\0你\\[\\]:0-9]{0,24}") {
        if wire::mailbox(&text).is_ok() {
            prop_assert!(!text.contains(['\r', '\n', '\0']), "{text:?}");
            let mut quoted = false;
            let mut escaped = false;
            for c in text.chars() {
                match c {
                    _ if escaped => escaped = false,
                    '\\' if quoted => escaped = true,
                    '"' => quoted = !quoted,
                    '<' | '>' | ' ' => prop_assert!(quoted, "{text:?}"),
                    _ => {}
                }
            }
            prop_assert!(!quoted);
        }
    }

    /// The inbox shows whatever comes.
    #[test]
    fn any_bytes_can_lie_in_the_inbox(bytes in prop::collection::vec(any::<u8>(), 0..300), head in "[ -~\r\n]{0,200}") {
        let fields = "Content-Type: multipart/mixed; boundary=\"b\"\r\nSubject: =?utf-8?B?5rU=?= =?utf-8?Q?=8B?=\r\n";
        let bytes = [fields.as_bytes(), head.as_bytes(), b"\r\n\r\n--b\r\n", &bytes, b"\r\n--b--\r\n"].concat();
        let mail = lab::Mail { from: String::new(), to: vec![], user: None, secure: false, bytes };
        let shown = mail.to_string();
        prop_assert!(!shown.contains('\x1b'));
        prop_assert!(mail.subject().starts_with('测'));
    }
}

// ---- an honest client and servers that lie ----

/// A server that plays this and closes.
fn server(steps: impl IntoIterator<Item = Step>) -> script::Script {
    script::play([Step::say("220 mail.example\r\n"), Step::hear("EHLO localhost\r\n")].into_iter().chain(steps))
        .unwrap()
}

/// For replies that do not come.
fn quick(options: Options) -> Options {
    let dial = Dial { reply: Duration::from_millis(400), ..options.dial };
    Options { dial, taking: Duration::from_millis(400), ..options }
}

#[test]
fn nothing_is_said_in_the_clear_where_tls_is_required() {
    // What the server says to EHLO, and what to STARTTLS if it is asked.
    let offers = "250-mail.example\r\n250 STARTTLS\r\n";
    for (ehlo, starttls) in [
        ("250-mail.example\r\n250-XSTARTTLS\r\n250 AUTH PLAIN LOGIN\r\n", None),
        ("250 mail.example STARTTLS\r\n", None),
        ("500 what?\r\n", None),
        ("502 no\r\n", None),
        ("354 go on\r\n", None),
        ("421 not now\r\n", None),
        (offers, Some("454 TLS not available\r\n")),
        (offers, Some("502 no\r\n")),
        (offers, Some("354 go on\r\n")),
        (offers, Some("250 go\r\n")),
        (offers, Some("500 what?\r\n")),
        (offers, Some("501 what?\r\n")),
        (offers, Some("220 go\r\n250-mail.example\r\n250 AUTH PLAIN\r\n")), // somebody else's words (CVE-2021-22947)
        (offers, Some("220 go\r\n2")),
    ] {
        let mut steps = vec![Step::say(ehlo)];
        if let Some(reply) = starttls {
            steps.extend([Step::hear("STARTTLS\r\n"), Step::say(reply)]);
        }
        steps.push(Step::HearEnd);
        let peer = server(steps);
        let error = Smtp::connect(&peer.addr().into(), &secure()).unwrap_err();
        assert!(matches!(error, Error::Protocol(_) | Error::Reply(_)), "{ehlo:?} {starttls:?}: {error:?}");
        peer.verdict().unwrap_or_else(|e| panic!("{ehlo:?} {starttls:?}: {e}"));
    }
    // The same from the lab, which can be shown in class; and TLS is required without a word about it.
    let by_default = lab([Wrong::Hides("STARTTLS".into())]);
    let (options, wire) = watched(Options::default());
    assert!(matches!(Smtp::connect(&by_default.addr().into(), &options), Err(Error::Protocol(_))));
    assert_eq!(wire.sent_by(Side::Client), b"EHLO localhost\r\n");
    for wrong in [
        Wrong::Hides("STARTTLS".into()),
        Wrong::Answers("STARTTLS".into(), "454 4.7.0 not now".into()),
        Wrong::InjectsAfterStartTls("250 2.0.0 OK\r\n".into()),
    ] {
        let lab = lab([wrong.clone()]);
        let (options, wire) = watched(secure());
        Smtp::connect(&lab.addr().into(), &options).unwrap_err();
        let said = String::from_utf8(wire.sent_by(Side::Client)).unwrap();
        assert!(["EHLO localhost\r\n", "EHLO localhost\r\nSTARTTLS\r\n"].contains(&said.as_str()), "{wrong:?}: {said}");
    }
}

#[test]
fn what_was_said_before_tls_is_forgotten() {
    let peer = server([
        Step::say("250-mail.example\r\n250-AUTH PLAIN\r\n250-SIZE 10\r\n250 STARTTLS\r\n"),
        Step::hear("STARTTLS\r\n"),
        Step::say("220 go\r\n"),
        Step::StartTls(Certificate::Good),
        Step::hear("EHLO localhost\r\n"),
        Step::say("250 mail.example\r\n"),
        Step::hear("MAIL FROM:<sender@example.com>\r\n"), // no SIZE any more
        Step::say("550 no\r\n"),
        Step::hear("RSET\r\n"),
        Step::say("250 OK\r\n"),
        Step::HearEnd,
    ]);
    let mut smtp = Smtp::connect(&peer.addr().into(), &secure()).unwrap();
    assert!(smtp.is_secure() && smtp.extensions().size().is_none());
    assert!(matches!(smtp.login("user", "password"), Err(Error::Protocol(_))), "PLAIN is not offered here");
    assert_eq!(code(smtp.send_to(&envelope(&["b@example.com"]), b"more than ten bytes")), 550);
    drop(smtp);
    peer.verdict().unwrap();
}

#[test]
fn certificates_of_others() {
    for certificate in Certificate::ALL {
        for at_once in [false, true] {
            let when = if at_once { Tls::AtOnce(certificate) } else { Tls::Offered(certificate) };
            let lab = lab::start(lab::Options { tls: when, ..lab::Options::default() }).unwrap();
            let dial = Dial { tls: at_once.then(|| tls::trust().unwrap()), ..Dial::default() };
            let options = Options { dial, ..secure() };
            let result = Smtp::connect(&lab.addr().into(), &options);
            assert_eq!(result.is_ok(), certificate == Certificate::Good, "{certificate:?}: {result:?}");
        }
    }
}

#[test]
fn a_cut_in_tls_is_no_end_of_a_reply() {
    for (ehlo, end) in
        [("250-mail.exa", Step::Slam), ("250-mail.example\r\n", Step::Slam), ("250-mail.example\r\n", Step::Finish)]
    {
        let peer = server([
            Step::say("250-mail.example\r\n250 STARTTLS\r\n"),
            Step::hear("STARTTLS\r\n"),
            Step::say("220 go\r\n"),
            Step::StartTls(Certificate::Good),
            Step::hear("EHLO localhost\r\n"),
            Step::say(ehlo),
            end,
        ]);
        let error = Smtp::connect(&peer.addr().into(), &secure()).unwrap_err();
        assert!(matches!(error, Error::Closed(_) | Error::Io(..)), "{error:?}");
    }
}

pub fn greetings_and_replies_that_are_none() {
    let closed = lab([Wrong::Greets("554 5.3.2 not today".into())]);
    assert_eq!(code(Smtp::connect(&closed.addr().into(), &secure())), 554);
    let over = |steps: Vec<Step>| Smtp::connect(&script::play(steps).unwrap().addr().into(), &clear()).unwrap_err();
    assert_eq!(code(Err::<(), _>(over(vec![Step::say("554 5.3.2 not today\r\n")]))), 554);
    assert_eq!(code(Err::<(), _>(over(vec![Step::say("421 4.3.2 closing\r\n")]))), 421);
    assert_eq!(code(Err::<(), _>(over(vec![Step::say("250 hello\r\n")]))), 250, "no greeting");
    for junk in [
        "2\r\n",
        "25\r\n",
        "999999 x\r\n",
        "hello\r\n",
        "220-a\r\n221 b\r\n",
        "220-a\r\nb\r\n220 c\r\n",
        "220 a\n",
        "220 \0\r\n",
        "SSH-2.0-x\r\n",
    ] {
        assert!(matches!(over(vec![Step::say(junk), Step::Hold]), Error::Protocol(_)), "{junk:?}");
    }
    let endless = "220-more\r\n".repeat(1000);
    assert!(matches!(over(vec![Step::say(endless), Step::Hold]), Error::TooLong(_, 256)));
    assert!(matches!(over(vec![Step::say("2".repeat(5000)), Step::Hold]), Error::TooLong(_, 2048)));
    assert!(matches!(over(vec![Step::say("220-more\r\n"), Step::Finish, Step::Hold]), Error::Closed(_)));
    assert!(matches!(over(vec![]), Error::Closed(_)));
    let silent = script::play([Step::Hold]).unwrap();
    assert!(matches!(Smtp::connect(&silent.addr().into(), &quick(clear())), Err(Error::Timeout(_))));
    // Two replies to one command: the second would be taken for that of the next.
    let peer =
        script::play([Step::say("220 a\r\n"), Step::HearLine, Step::say("250 a\r\n250 taken\r\n"), Step::HearEnd]);
    let mut smtp = Smtp::connect(&peer.unwrap().addr().into(), &clear()).unwrap();
    assert!(matches!(smtp.send(&hello()), Err(Error::Protocol(_))));
    assert!(matches!(smtp.noop(), Err(Error::Closed(_))), "and that was this connection's end");
}

pub fn a_drip_does_not_outlive_the_time_of_a_turn() {
    let start = Instant::now();
    let drip = |text: &str| Step::Drip(text.repeat(100).into_bytes(), Duration::from_millis(20));
    let peers = [
        script::play([drip("220-more\r\n")]).unwrap(),
        server([drip("250-MORE\r\n")]),
        server([Step::say("250 a\r\n"), Step::HearLine, drip("250-more\r\n")]),
    ];
    let lab = lab([Wrong::Drips(Duration::from_millis(200))]);
    std::thread::scope(|scope| {
        for addr in peers.iter().map(script::Script::addr).chain([lab.addr()]) {
            scope.spawn(move || {
                let result = Smtp::connect(&addr.into(), &quick(clear())).and_then(|mut smtp| smtp.send(&hello()));
                assert!(matches!(result, Err(Error::Timeout(_))), "{result:?}");
            });
        }
    });
    // Three turns of 400 ms at most; without deadlines the lab alone would need minutes.
    assert!(start.elapsed() < LIMIT, "{:?}", start.elapsed());
}

#[test]
fn helo_where_ehlo_is_not_known() {
    let lab = lab([Wrong::Answers("EHLO".into(), "502 5.5.1 what?".into())]);
    let mut smtp = Smtp::connect(&lab.addr().into(), &clear()).unwrap();
    assert!(!smtp.extensions().has("PIPELINING"));
    smtp.send(&hello()).unwrap();
    smtp.quit().unwrap();
    assert_eq!(lab.inbox().len(), 1);
    assert_eq!(code(Smtp::connect(&lab.addr().into(), &secure())), 502, "but no TLS, no message");
    let both = lab::start(lab::Options {
        wrong: vec![
            Wrong::Answers("EHLO".into(), "502 5.5.1 what?".into()),
            Wrong::Answers("HELO".into(), "550 5.7.1 go away".into()),
        ],
        ..lab::Options::default()
    });
    assert_eq!(code(Smtp::connect(&both.unwrap().addr().into(), &clear())), 550);
}

// ---- logging in ----

/// A mechanism that says what it is told.
struct Says(&'static str, Option<&'static str>);

impl Mechanism for Says {
    fn name(&self) -> &str {
        self.0
    }
    fn start(&mut self) -> Result<Option<Vec<u8>>> {
        Ok(self.1.map(|text| text.as_bytes().to_vec()))
    }
    fn answer(&mut self, _challenge: &[u8]) -> Result<Vec<u8>> {
        Ok(b"again".to_vec())
    }
}

#[test]
fn passwords_go_nowhere_in_the_clear() {
    let options = lab::Options { login_readable_by_anyone: true, ..lab::Options::default() };
    let lab = lab::start(options).unwrap();
    let (options, wire) = watched(clear());
    let mut smtp = Smtp::connect(&lab.addr().into(), &options).unwrap();
    assert!(smtp.extensions().has_login("PLAIN"));
    assert!(matches!(smtp.login("user", "password"), Err(Error::Invalid(_))));
    assert!(matches!(smtp.login_by(&mut Login::new("user", "password")), Err(Error::Invalid(_))));
    assert_eq!(wire.sent_by(Side::Client), b"EHLO localhost\r\n");
    smtp.login_readable_by_anyone("user", "password").unwrap();
    smtp.send(&hello()).unwrap();
    assert_eq!(lab.inbox()[0].user.as_deref(), Some("user"));
    // Nothing that is shown or printed has it.
    let shown = format!("{smtp:?} {wire} {options:?} {:?}", Login::new("user", "password"));
    for secret in ["password", "AHVzZXIAcGFzc3dvcmQ="] {
        assert!(!shown.contains(secret), "{shown}");
    }
}

pub fn every_way_to_log_in_and_every_refusal() {
    for hidden in ["PLAIN", "LOGIN", "none"] {
        let lab = lab([]);
        let mut smtp = Smtp::connect(&lab.addr().into(), &secure()).unwrap();
        match hidden {
            "PLAIN" => smtp.login_by(&mut Login::new("user", "password")).unwrap(),
            _ => smtp.login("user", "password").unwrap(),
        }
    }
    let lab = lab([]);
    let (options, wire) = watched(secure());
    let mut smtp = Smtp::connect(&lab.addr().into(), &options).unwrap();
    assert_eq!(code(smtp.login("user", "wrong")), 535);
    assert_eq!(
        wire.to_string().matches("C: ***\n").count(),
        1,
        "no weaker way is tried with a password that was refused"
    );
    assert!(matches!(smtp.login("us\0er", "x"), Err(Error::Invalid(_))));
    assert!(matches!(smtp.login_by(&mut Says("XOAUTH2", Some("token"))), Err(Error::Protocol(_))), "not offered");
    assert!(matches!(smtp.login_by(&mut Says("PLAIN\r\nNOOP", None)), Err(Error::Invalid(_))));
    smtp.login("user", "password").unwrap();
    assert_eq!(code(smtp.login("user", "password")), 503);
    smtp.send(&hello()).unwrap();
    smtp.quit().unwrap();

    let forever = lab::start(lab::Options { wrong: vec![Wrong::AsksForEver], ..lab::Options::default() }).unwrap();
    let mut smtp = Smtp::connect(&forever.addr().into(), &secure()).unwrap();
    assert!(matches!(smtp.login_by(&mut Says("LOGIN", None)), Err(Error::Protocol(_))));
    assert!(matches!(smtp.login("user", "password"), Err(Error::Protocol(_))), "PLAIN has nothing more to say");
    smtp.send(&hello()).unwrap(); // broken off in order, so the connection is as good as before
}

#[test]
fn challenges_that_are_none() {
    let offers = "250-mail.example\r\n250 AUTH LOGIN\r\n";
    for (challenge, breaks_off) in [("334 !!!!\r\n", true), ("334 Zg\r\n", true), ("334\r\n", false)] {
        let answer = if breaks_off { "*\r\n" } else { "dXNlcg==\r\n" };
        let peer = server([
            Step::say(offers),
            Step::hear("AUTH LOGIN\r\n"),
            Step::say(challenge),
            Step::hear(answer),
            Step::say("501 5.7.0 broken off\r\n"),
            Step::HearEnd,
        ]);
        let mut smtp = Smtp::connect(&peer.addr().into(), &clear()).unwrap();
        let error = smtp.login_readable_by_anyone("user", "password").unwrap_err();
        assert_eq!(matches!(error, Error::Protocol(_)), breaks_off, "{error:?}");
        drop(smtp);
        peer.verdict().unwrap();
    }
    // A command has 512 bytes at most, and what does not fit waits for the question (RFC 4954 section 4).
    for (length, fits) in [(369, true), (370, false)] {
        let password = "x".repeat(length);
        let secret = netprimer::encode::base64(format!("\0u\0{password}").as_bytes());
        let turn = match fits {
            true => vec![Step::hear(format!("AUTH PLAIN {secret}\r\n"))],
            false => vec![Step::hear("AUTH PLAIN\r\n"), Step::say("334 \r\n"), Step::hear(format!("{secret}\r\n"))],
        };
        let peer =
            server([Step::say("250-a\r\n250 AUTH PLAIN\r\n")].into_iter().chain(turn).chain([Step::say("235 in\r\n")]));
        let mut smtp = Smtp::connect(&peer.addr().into(), &clear()).unwrap();
        smtp.login_readable_by_anyone("u", &password).unwrap();
        peer.verdict().unwrap();
    }
    let peer =
        server([Step::say(offers), Step::HearLine, Step::say(format!("334 {}\r\n", "A".repeat(1 << 20))), Step::Hold]);
    let mut smtp = Smtp::connect(&peer.addr().into(), &clear()).unwrap();
    assert!(matches!(smtp.login_readable_by_anyone("user", "password"), Err(Error::TooLong(_, 2048))));
}

// ---- partly, not at all, unknown ----

#[test]
fn one_refused_recipient_is_a_value() {
    for pipelining in [true, false] {
        let mut wrong = vec![Wrong::RefusesRecipients(vec!["nobody@example.com".into(), "none@example.com".into()])];
        wrong.extend((!pipelining).then(|| Wrong::Hides("PIPELINING".into())));
        let lab = lab(wrong);
        let (options, wire) = watched(clear());
        let mut smtp = Smtp::connect(&lab.addr().into(), &options).unwrap();
        let sent = smtp.send_to(&envelope(&["nobody@example.com", "b@example.com"]), b"x").unwrap();
        assert_eq!((sent.refused.len(), sent.refused[0].address.as_str()), (1, "nobody@example.com"));
        assert_eq!(wire::status(&sent.refused[0].reply), Some((5, 1, 1)));
        // All refused: an error that names each; nothing half-sent is left behind for the next message.
        let Err(Error::Reply(reply)) = smtp.send_to(&envelope(&["nobody@example.com", "none@example.com"]), b"y")
        else {
            panic!("sent to nobody")
        };
        assert_eq!((reply.code, reply.lines.len()), (550, 2));
        assert!(reply.lines[1].starts_with("none@example.com: 550 "), "{reply}");
        // In one write with RCPT nobody can know yet; one by one, a message for nobody is not begun.
        let begun = String::from_utf8(wire.sent_by(Side::Client)).unwrap().matches("DATA\r\n").count();
        assert_eq!(begun, if pipelining { 2 } else { 1 });
        smtp.send_to(&envelope(&["c@example.com"]), b"z").unwrap();
        let inbox = lab.inbox();
        let all: Vec<(&[String], &[u8])> =
            inbox.iter().map(|mail| (mail.to.as_slice(), mail.bytes.as_slice())).collect();
        assert_eq!(
            all,
            [(&["b@example.com".to_owned()][..], &b"x\r\n"[..]), (&["c@example.com".to_owned()][..], &b"z\r\n"[..])]
        );
    }
}

#[test]
fn a_message_that_is_refused_is_not_sent_and_the_next_one_is() {
    for pipelining in [true, false] {
        for (command, line) in [
            ("MAIL", "451 4.3.0 later"),
            ("DATA", "554 5.7.1 no"),
            ("DATA", "250 odd"),
            (".", "554 5.7.1 spam"),
            (".", "354 what?"),
        ] {
            let mut wrong = vec![Wrong::Answers(command.into(), line.into())];
            wrong.extend((!pipelining).then(|| Wrong::Hides("PIPELINING".into())));
            let lab = lab(wrong);
            let mut smtp = Smtp::connect(&lab.addr().into(), &clear()).unwrap();
            for _ in 0..2 {
                let error = smtp.send(&hello()).unwrap_err();
                assert!(error.to_string().contains(&line[4..]), "{command} {line}: {error}");
                assert_eq!(error.is_transient(), line.starts_with('4'));
            }
            smtp.noop().unwrap();
            assert!(lab.inbox().is_empty());
        }
    }
}

#[test]
fn a_server_that_cannot_start_over_is_not_asked_again() {
    for reset in [Wrong::CutsAt("RSET".into()), Wrong::Answers("RSET".into(), "550 5.5.1 no".into())] {
        let lab = lab([Wrong::Answers("DATA".into(), "451 4.3.0 later".into()), reset]);
        let mut smtp = Smtp::connect(&lab.addr().into(), &clear()).unwrap();
        assert_eq!(code(smtp.send(&hello())), 451, "the reason, not what came of it");
        assert!(matches!(smtp.send(&hello()), Err(Error::Closed(_))));
    }
}

#[test]
fn a_data_that_is_answered_too_early_ends_empty() {
    // RFC 2920 section 3.1: all recipients are refused, and yet the server waits for a message.
    let begin = [
        Step::say("250-a\r\n250 PIPELINING\r\n"),
        Step::hear("MAIL FROM:<sender@example.com>\r\nRCPT TO:<b@example.com>\r\nDATA\r\n"),
        Step::say("250 OK\r\n450 4.2.0 later\r\n354 go\r\n"),
        Step::hear(".\r\n"),
    ];
    let [refused, done] = ["554 5.5.1 nobody\r\n", "250 OK\r\n"].map(Step::say);
    for end in [vec![refused, Step::hear("RSET\r\n"), done, Step::HearEnd], vec![Step::Slam]] {
        let peer = server(begin.iter().cloned().chain(end));
        let mut smtp = Smtp::connect(&peer.addr().into(), &clear()).unwrap();
        assert_eq!(
            code(smtp.send_to(&envelope(&["b@example.com"]), b"secret")),
            450,
            "the reason, not what came of it"
        );
        drop(smtp);
        peer.verdict().unwrap();
    }
}

pub fn what_is_unknown_is_said_to_be_unknown() {
    let unknown = |result: Result<Sent>| match result {
        Err(Error::Other(_, cause)) if cause.is::<Unknown>() => cause.to_string(),
        other => panic!("{other:?}"),
    };
    for wrong in [Wrong::CutsAt(".".into()), Wrong::SilentAt(".".into())] {
        for options in [clear(), secure()] {
            let lab = lab([wrong.clone()]);
            let options = Options { taking: Duration::from_millis(400), ..options };
            let mut smtp = Smtp::connect(&lab.addr().into(), &options).unwrap();
            let text = unknown(smtp.send(&hello()));
            assert!(text.starts_with("unknown whether it was taken"), "{text}");
            let error = smtp.send(&hello()).unwrap_err();
            assert!(matches!(error, Error::Closed(_)), "nothing more on that connection: {error:?}");
        }
    }
    // Lost before the end of the message: it was not taken, and that is known.
    for wrong in ["MAIL", "RCPT", "DATA"] {
        let lab = lab([Wrong::CutsAt(wrong.into())]);
        let mut smtp = Smtp::connect(&lab.addr().into(), &clear()).unwrap();
        let error = smtp.send(&hello()).unwrap_err();
        assert!(error.is_transient(), "{wrong}: {error:?}");
    }
    // A retry must not send twice what may have been taken.
    let lab = lab([Wrong::CutsAt(".".into())]);
    let mut tries = 0;
    let result = netprimer::retry::retry(&Policy::default(), |_| {
        tries += 1;
        Smtp::connect(&lab.addr().into(), &clear())?.send(&hello())
    });
    unknown(result);
    assert_eq!(tries, 1);
}

#[test]
fn the_server_may_close_whenever_it_likes() {
    for command in ["MAIL", "RCPT", "DATA", ".", "RSET", "NOOP", "QUIT"] {
        let lab = lab([Wrong::Answers(command.into(), "421 4.3.2 closing".into())]);
        let mut smtp = Smtp::connect(&lab.addr().into(), &clear()).unwrap();
        let result =
            smtp.send(&hello()).and_then(|_| smtp.reset()).and_then(|()| smtp.noop()).and_then(|()| smtp.quit());
        assert_eq!(code(result), 421, "{command}");
        assert_eq!(lab.inbox().len(), usize::from(["RSET", "NOOP", "QUIT"].contains(&command)));
    }
}

#[test]
#[cfg(target_os = "linux")] // elsewhere a reset can take away what was not read yet
fn who_closes_in_the_middle_of_a_message_has_said_why() {
    let peer = server([
        Step::say("250-a\r\n250 PIPELINING\r\n"),
        Step::hear("MAIL FROM:<sender@example.com>\r\nRCPT TO:<b@example.com>\r\nDATA\r\n"),
        Step::say("250 OK\r\n250 OK\r\n354 go\r\n"),
        Step::HearLine,
        Step::say("552 5.3.4 too large\r\n"),
        Step::Slam,
    ]);
    let mut smtp = Smtp::connect(&peer.addr().into(), &clear()).unwrap();
    // More than the kernels take before the other side reads.
    let large = format!("{}\r\n", "x".repeat(998)).repeat(8_000);
    assert_eq!(code(smtp.send_to(&envelope(&["b@example.com"]), large.as_bytes())), 552);
    assert!(matches!(smtp.noop(), Err(Error::Closed(_))));
    peer.verdict().unwrap();
}

#[test]
fn who_closes_behind_a_refusal_has_said_why() {
    let begin = |said: &str| {
        server([
            Step::say("250-a\r\n250 PIPELINING\r\n"),
            Step::hear("MAIL FROM:<sender@example.com>\r\nRCPT TO:<receiver@example.com>\r\nDATA\r\n"),
            Step::say(said),
        ])
    };
    for (said, wanted) in [
        ("554 5.7.1 go away\r\n", 554),
        ("451 4.3.0 later\r\n503 5.5.1 MAIL first\r\n", 451),
        ("250 OK\r\n550 5.1.1 nobody\r\n", 550),
        ("451 4.3.0 later\r\n503 5.5.1 MAIL first\r\n503 5.5.1 MAIL first\r\n", 451), // and no answer to RSET
        ("250 OK\r\n450 4.2.0 later\r\n503 5.5.1 RCPT first\r\n", 450),
        ("250 OK\r\n", 0),
    ] {
        let peer = begin(said);
        let mut smtp = Smtp::connect(&peer.addr().into(), &clear()).unwrap();
        match smtp.send_patiently(&hello(), &Policy::default()) {
            Err(Error::Reply(reply)) => assert_eq!(reply.code, wanted, "{said}"),
            other => assert!(wanted == 0 && matches!(other, Err(Error::Closed(_))), "{said}: {other:?}"),
        }
        assert!(matches!(smtp.noop(), Err(Error::Closed(_))));
    }
    // The second of two may have been welcome.
    let peer = server([Step::say("250-a\r\n250 PIPELINING\r\n"), Step::HearLine, Step::say("250 OK\r\n550 no\r\n")]);
    let mut smtp = Smtp::connect(&peer.addr().into(), &clear()).unwrap();
    let lost = smtp.send_to(&envelope(&["a@example.com", "b@example.com"]), b"x").unwrap_err();
    assert!(matches!(lost, Error::Closed(_) | Error::Io(..)), "{lost:?}");
    let peer = server([Step::say("250 a\r\n"), Step::HearLine, Step::say("250 OK\r\n421 4.4.2 too late\r\n")]);
    let mut smtp = Smtp::connect(&peer.addr().into(), &clear()).unwrap();
    smtp.noop().unwrap();
    assert_eq!(code(smtp.noop()), 421);
}

#[test]
fn a_message_that_cannot_travel_leaves_nobody_waiting_for_it() {
    let lab = lab([]);
    for message in [b"nul\0".to_vec(), vec![b'x'; 999]] {
        let mut smtp = Smtp::connect(&lab.addr().into(), &clear()).unwrap();
        for (line, code) in [("MAIL FROM:<a@example.com>", 250), ("RCPT TO:<b@example.com>", 250), ("DATA", 354)] {
            assert_eq!(smtp.command(line).unwrap().code, code);
        }
        assert!(matches!(smtp.data(&message), Err(Error::Invalid(_) | Error::TooLong(..))));
        // The server would take this for a line of the message.
        assert!(matches!(smtp.noop(), Err(Error::Closed(_))));
    }
    assert!(lab.inbox().is_empty());
}

#[test]
fn not_now_is_tried_again_and_no_is_not() {
    let refused = Wrong::RefusesRecipients(vec!["nobody@example.com".into()]);
    let lab = lab([Wrong::Greylists, refused]);
    let message = hello().cc(vec!["b@example.com", "nobody@example.com"]);
    let (options, wire) = watched(clear());
    let mut smtp = Smtp::connect(&lab.addr().into(), &options).unwrap();
    let sent = smtp.send_patiently(&message, &Policy::default()).unwrap();
    assert_eq!((sent.refused.len(), sent.refused[0].reply.code), (1, 550));
    let said = String::from_utf8(wire.sent_by(Side::Client)).unwrap();
    let asked = |who: &str| said.matches(&format!("RCPT TO:<{who}@example.com>")).count();
    assert_eq!((asked("receiver"), asked("b"), asked("nobody")), (2, 2, 1), "{said}");
    assert_eq!(lab.inbox()[0].to, ["receiver@example.com", "b@example.com"]);

    // One attempt, and it says who has it not; and nobody has it twice.
    let mut smtp = Smtp::connect(&lab.addr().into(), &clear()).unwrap();
    let twice = hello().bcc("new@example.com");
    let sent = smtp.send_patiently(&twice, &Policy { total: 0, ..Policy::default() }).unwrap();
    assert_eq!((sent.refused.len(), sent.refused[0].reply.code), (1, 450));
    assert_eq!(lab.inbox()[1].to, ["receiver@example.com"]);

    // Nobody has it: a line for each, as with `send`.
    let policy = Policy { total: 0, ..Policy::default() };
    let later = "450 4.2.0 later";
    for (line, wrong) in [
        (
            "550 5.1.1 no such user",
            Wrong::RefusesRecipients(vec!["receiver@example.com".into(), "b@example.com".into()]),
        ),
        (later, Wrong::Answers("RCPT".into(), later.into())),
    ] {
        let lab = lab_with(wrong);
        let mut smtp = Smtp::connect(&lab.addr().into(), &clear()).unwrap();
        let Err(Error::Reply(reply)) = smtp.send_patiently(&hello().cc("b@example.com"), &policy) else {
            panic!("{line}: nobody takes it")
        };
        assert_eq!(reply.code.to_string(), line[..3]);
        assert_eq!(reply.lines, ["receiver", "b"].map(|who| format!("{who}@example.com: {line}")));
    }

    for (line, tries) in [("451 4.3.0 later", 4), ("554 5.7.1 no", 1), ("421 4.3.2 closing", 1)] {
        let lab = lab_with(Wrong::Answers("MAIL".into(), line.into()));
        let (options, wire) = watched(clear());
        let mut smtp = Smtp::connect(&lab.addr().into(), &options).unwrap();
        assert_eq!(code(smtp.send_patiently(&hello(), &Policy::default())).to_string(), line[..3]);
        assert_eq!(String::from_utf8(wire.sent_by(Side::Client)).unwrap().matches("MAIL").count(), tries, "{line}");
    }
}

fn lab_with(wrong: Wrong) -> Lab {
    lab([wrong])
}

// ---- what is never sent ----

#[test]
fn addresses_that_are_more_than_addresses() {
    let lab = lab([Wrong::Hides("SMTPUTF8".into())]);
    let (options, wire) = watched(clear());
    let mut smtp = Smtp::connect(&lab.addr().into(), &options).unwrap();
    let long = format!("{}@example.com", "a".repeat(65));
    let longer = format!("a@{}", ["b".repeat(60).as_str(); 5].join("."));
    let bad = [
        "a@x>\r\nRCPT TO:<e@x",
        "a@example.com\n",
        "a\r@example.com",
        "a\0@example.com",
        "a b@example.com",
        "a>@example.com",
        "\"a@example.com",
        "\"a\"b@example.com",
        "\"a\r\nb\"@example.com",
        "\"a\\\"@example.com",
        "a@",
        "@example.com",
        "a",
        "",
        "a@b c",
        "a@[1.2.3]",
        "a@[::1]",
        "a@-\u{200b} .com",
        "a..b@example.com",
        ".a@example.com",
        "a@example..com",
        "<a@example.com>",
        "a@example.com>",
        "a@example.com SIZE=1",
        &long,
        &longer,
    ];
    for address in bad {
        let error = smtp.send_to(&envelope(&["good@example.com", address]), b"x").unwrap_err();
        assert!(matches!(error, Error::Invalid(_)), "{address:?}: {error:?}");
        if !address.is_empty() {
            let from = Envelope { from: address.into(), to: vec!["good@example.com".into()] };
            assert!(matches!(smtp.send_to(&from, b"x"), Err(Error::Invalid(_))), "{address:?}");
        }
        let message = MessageBuilder::new().from("a@example.com").to(address).text_body("x");
        assert!(matches!(smtp.send(&message), Err(Error::Invalid(_))), "{address:?}");
    }
    assert!(matches!(smtp.send_to(&envelope(&[]), b"x"), Err(Error::Invalid(_))));
    // Letters of all languages, where the server cannot.
    let error = smtp.send_to(&envelope(&["你@example.com"]), b"x").unwrap_err();
    assert!(matches!(&error, Error::Protocol(text) if text.contains("SMTPUTF8")), "{error}");
    for command in ["NOOP\r\nQUIT", "NOOP\n", "NOOP\r", "NO\0OP"] {
        assert!(matches!(smtp.command(command), Err(Error::Invalid(_))));
    }
    assert_eq!(wire.sent_by(Side::Client), b"EHLO localhost\r\n", "nothing of all that was sent");
    for name in ["", "a b", "a\r\nMAIL", "你"] {
        let options = Options { name: name.into(), ..clear() };
        assert!(matches!(Smtp::connect(&lab.addr().into(), &options), Err(Error::Invalid(_))), "{name:?}");
    }
    // Odd and right.
    let odd = [
        "\"a b\"@example.com",
        "\"a\\\"b\"@example.com",
        "a+b=c@[127.0.0.1]",
        "a@[IPv6:::1]",
        "a@[ipv6:::1]",
        "o'neil@example.com",
        "postmaster",
    ];
    assert!(smtp.send_to(&envelope(&odd), b"x").unwrap().refused.is_empty());
    assert_eq!(lab.inbox()[0].to, odd);
}

#[test]
fn a_line_is_too_long_wherever_it_stands_and_however_it_ends() {
    for before in [0, 1, 250, 497, 498, 499, 500, 997] {
        for end in ["\r\n", "\n", "\r"] {
            let message = |length: usize| {
                let lines = ["y".repeat(before), "x".repeat(length), "y".repeat(before), String::new()];
                wire::block(lines.join(end).as_bytes())
            };
            assert!(message(998).is_ok(), "{before} {end:?}");
            assert!(matches!(message(999), Err(Error::TooLong(_, 998))), "{before} {end:?}");
        }
    }
}

#[test]
fn what_the_server_cannot_take_is_not_begun() {
    let limits = Limits { size: 1000, ..Limits::default() };
    let small =
        lab::start(lab::Options { limits, wrong: vec![Wrong::Hides("8BITMIME".into())], ..lab::Options::default() })
            .unwrap();
    let (options, wire) = watched(clear());
    let mut smtp = Smtp::connect(&small.addr().into(), &options).unwrap();
    let mut refuse = |message: &[u8]| smtp.send_to(&envelope(&["b@example.com"]), message).unwrap_err();
    assert!(matches!(refuse(&b"1234567\n".repeat(200)), Error::TooLong(_, 1000)));
    assert!(matches!(refuse("Subject: x\r\n\r\n你好".as_bytes()), Error::Protocol(text) if text.contains("8BITMIME")));
    assert!(matches!(refuse(b"a\0b"), Error::Invalid(_)));
    assert!(matches!(refuse(&[b'x'; 100_000]), Error::TooLong(_, 998)));
    assert_eq!(wire.sent_by(Side::Client), b"EHLO localhost\r\n");
    smtp.send_to(&envelope(&["b@example.com"]), &[b'.'; 996]).unwrap();
    assert_eq!(small.inbox()[0].bytes, [&[b'.'; 996][..], b"\r\n"].concat());
    // The size is that of the message, without the dots that are added (RFC 1870 section 5).
    smtp.send_to(&envelope(&["b@example.com"]), &b".234567\n".repeat(111)).unwrap();
    assert!(String::from_utf8(wire.sent_by(Side::Client)).unwrap().contains(" SIZE=999\r\n"));

    let lab = lab([]);
    let (options, wire) = watched(clear());
    let mut smtp = Smtp::connect(&lab.addr().into(), &options).unwrap();
    smtp.send_to(&envelope(&["b@example.com"]), "Subject: x\r\n\r\n你好".as_bytes()).unwrap();
    smtp.send_to(&envelope(&["好@example.com"]), b"x").unwrap();
    smtp.send_to(&envelope(&["b@example.com"]), "Subject: 你\r\n\r\nx".as_bytes()).unwrap();
    let international =
        MessageBuilder::new().from(("发件人", "你@example.com")).to("好@例子.example").subject("x").text_body("x");
    smtp.send(&international).unwrap();
    assert_eq!(lab.inbox()[3].sender(), "发件人 <你@example.com>");
    let said = String::from_utf8(wire.sent_by(Side::Client)).unwrap();
    let mail: Vec<&str> =
        said.lines().filter(|line| line.starts_with("MAIL")).map(|line| line.split_once("> ").unwrap().1).collect();
    assert_eq!(mail[..3], ["SIZE=22 BODY=8BITMIME", "SIZE=3 SMTPUTF8", "SIZE=19 BODY=8BITMIME SMTPUTF8"]);
    assert!(mail[3].ends_with(" BODY=8BITMIME SMTPUTF8"), "{mail:?}");
}

// ---- the door of mail-builder ----

#[test]
fn what_mail_builder_lets_through_is_stopped_at_the_door() {
    let start = || MessageBuilder::new().from("a@example.com").to("b@example.com").text_body("x");
    let part = |part: MimePart<'static>| start().body(MimePart::new("multipart/mixed", vec![part]));
    let text = || MimePart::new("text/plain", "x");
    let bad: Vec<MessageBuilder<'static>> = vec![
        start().message_id("m>\r\nBcc: <e@example.com"),
        start().message_id("a b"),
        start().in_reply_to("m\nX: y"),
        start().references(MessageId::new_list(["good@x", "bad\r@x"].into_iter())),
        start().header("X-A: q\r\nBcc", Raw::new("e@example.com")),
        start().header("X A", Raw::new("x")),
        start().header("", Raw::new("x")),
        start().header("Å", Raw::new("x")),
        start().header("X-A", Raw::new("nul\0")),
        start().header("List-Archive", URL::new("http://x>\r\nBcc: <e@example.com")),
        start().header("To", Raw::new("c@example.com")),
        start().header("Cc", Raw::new("c@example.com\r\nBcc: e@example.com")),
        start().header("date", Raw::new("x")).header("Date", Raw::new("x")),
        start().header("subject", Raw::new("x")).subject("y"),
        start().header("content-type", Raw::new("text/html")),
        start().to("c@example.com"),
        start().reply_to("c@example.com>, <d@example.com"),
        start().header(
            "Disposition-Notification-To",
            Address::new_address(None::<&str>, "c@example.com>, <d@example.com"),
        ),
        start().sender(vec!["c@example.com", "none"]),
        start().attachment("text/plain\r\nX: y", "a", "x"),
        start().attachment(ContentType::new("text/plain").attribute("a\r\nX", "y"), "a", "x"),
        start().inline("image/png", "id>\r\nX: y", "x"),
        start()
            .body(MimePart::new(ContentType::new("multipart/mixed").attribute("boundary", "a\r\nX: y"), vec![text()])),
        start().body(MimePart::raw("Bcc: e@example.com\r\n\r\nx")),
        part(MimePart::raw("X: y\r\n\r\nx")),
        part(text().header("Subject", Raw::new("x"))),
        part(text().header("Content-A\r\nX", Raw::new("x"))),
        part(text().cid("a\r\nX: y")),
        part(text().header("content-type", Raw::new("text/html"))),
        part(text().transfer_encoding("8bit").header("content-Transfer-Encoding", Raw::new("base64"))),
        MessageBuilder::new().to("b@example.com").text_body("x"),
        MessageBuilder::new().from("a@example.com").text_body("x"),
    ];
    for (n, builder) in bad.iter().enumerate() {
        assert!(matches!(Message::new(builder), Err(Error::Invalid(_))), "number {n} passed: {builder:?}");
    }
    // What it encodes itself: no line end of a value ends a line of the head.
    let tricky = "x\r\nBcc: <e@example.com>\r\n\r\nbody";
    let message = MessageBuilder::new()
        .from((tricky, "a@example.com"))
        .to((tricky, "b@example.com"))
        .subject(tricky)
        .header("X-Raw", Raw::new(tricky))
        .header("X-Text", HeaderType::Text(tricky.into()))
        .text_body("real body")
        .attachment("text/plain", tricky, "x");
    let message = Message::new(&message).unwrap();
    let text = String::from_utf8(message.bytes().to_vec()).unwrap();
    assert!(!text.contains("\nBcc") && !text.contains("\nbody"), "{text}");
    assert_eq!(message.envelope().to, ["b@example.com"]);
}

#[test]
fn head_envelope_and_bytes() {
    let builder = MessageBuilder::new()
        .from("a@example.com")
        .sender("real@example.com")
        .to(vec!["b@example.com", "c@example.com"])
        .cc(("group", vec!["d@example.com", "b@example.com"]))
        .header("bcc", netprimer::smtp::message::Address::from("hidden@example.com"))
        .subject("x")
        .text_body("one\rtwo\0three")
        .attachment("text/plain", "a.txt", &b"\r.\r"[..]);
    let message = Message::new(&builder).unwrap();
    let envelope = message.envelope();
    assert_eq!(envelope.from, "real@example.com");
    assert_eq!(envelope.to, ["b@example.com", "c@example.com", "d@example.com", "hidden@example.com"]);
    let text = String::from_utf8(message.bytes().to_vec()).unwrap();
    assert!(!text.to_lowercase().contains("\nbcc") && !text.contains("hidden"), "{text}");
    let id = text.lines().find_map(|line| line.strip_prefix("Message-ID: ")).unwrap();
    assert!(id.ends_with("@example.com>"), "{id}");
    let own = Message::new(
        &MessageBuilder { headers: builder.headers.clone(), ..builder.clone() }.message_id("mine@example.com"),
    );
    assert!(String::from_utf8_lossy(own.unwrap().bytes()).contains("Message-ID: <mine@example.com>"));
    assert_ne!(Message::new(&builder).unwrap().bytes(), message.bytes(), "each has an id of its own");

    let lab = lab([]);
    let mut smtp = Smtp::connect(&lab.addr().into(), &clear()).unwrap();
    smtp.send(&builder).unwrap();
    let mail = lab.inbox().remove(0);
    let parts = mail.parts();
    assert_eq!((parts[0].bytes.as_slice(), parts[1].bytes.as_slice()), (&b"one\rtwo\0three"[..], &b"\r.\r"[..]));
    let shown = mail.to_string();
    assert!(shown.contains("Subject: x\n") && shown.contains("text/plain a.txt: 3 bytes\n"), "{shown}");

    let folder = support::files::Folder::new();
    let path = folder.path().join("message.eml");
    message.save(&path).unwrap();
    assert_eq!(std::fs::read(&path).unwrap(), message.bytes());
    assert!(matches!(message.save(folder.path()), Err(Error::Io(..))));
    // A part says once how it is written, whatever letters its author took for the name of that field.
    let encoded = MimePart::new("text/plain", "5L2g5aW9").header("content-transfer-encoding", Raw::new("base64"));
    let one = MessageBuilder::new().from("a@example.com").to("b@example.com").body(encoded);
    let one = String::from_utf8(Message::new(&one).unwrap().bytes().to_vec()).unwrap();
    assert_eq!(one.to_lowercase().matches("content-transfer-encoding").count(), 1, "{one}");
    // What no line of a message can hold is encoded; what nobody may read is taken out.
    let long = "你好, ".repeat(25_000);
    let resent = netprimer::smtp::message::Address::from("hidden@example.com");
    let builder = MessageBuilder::new().from("a@example.com").to("b@example.com").header("Resent-Bcc", resent);
    smtp.send(&builder.subject(long.trim()).text_body(long.clone())).unwrap();
    let mail = lab.inbox().remove(1);
    assert_eq!((mail.subject().as_str(), mail.parts()[0].text().trim_end()), (long.trim(), long.trim_end()));
    assert!(!String::from_utf8_lossy(&mail.bytes).contains("hidden"));
    let body = BodyPart::from(vec![
        MimePart::new("text/html", "<p>x</p>"),
        MimePart::new("image/png", &b"\x89"[..]).inline().cid("i@x"),
    ]);
    let related =
        MessageBuilder::new().from("a@example.com").to("b@example.com").body(MimePart::new("multipart/related", body));
    smtp.send(&related).unwrap();
    let kinds: Vec<String> = lab.inbox()[2].parts().into_iter().map(|part| part.kind).collect();
    assert_eq!(kinds, ["text/html", "image/png"]);
}

// ---- the lab's server, and a client that does what it likes ----

/// Sends this at once, then nothing more, and gives all that came.
fn says(lab: &Lab, text: impl AsRef<[u8]>) -> String {
    let mut client = TcpStream::connect(lab.addr()).unwrap();
    client.set_read_timeout(Some(LIMIT)).unwrap();
    client.write_all(text.as_ref()).unwrap();
    client.shutdown(std::net::Shutdown::Write).unwrap();
    let mut answer = String::new();
    client.read_to_string(&mut answer).unwrap();
    answer
}

/// The codes of the replies in an answer, without the greeting, and of several lines the last.
fn codes(answer: &str) -> Vec<u16> {
    let last = |line: &&str| line.as_bytes().get(3) == Some(&b' ');
    answer.lines().filter(last).skip(1).map(|line| line[..3].parse().unwrap()).collect()
}

const BEGIN: &str = "EHLO me\r\nMAIL FROM:<a@example.com>\r\nRCPT TO:<b@example.com>\r\nDATA\r\n";

#[test]
fn only_crlf_dot_crlf_ends_a_message() {
    let lab = lab([]);
    for wrong in ["\n.\r\n", "\r\n.\n", "\n.\n", "\r.\r\n", "\r\n.\r", "\r.\r", "a\nb\r\n", "a\rb\r\n", "a\0b\r\n"] {
        let text = format!(
            "{BEGIN}x{wrong}MAIL FROM:<evil@example.com>\r\nRCPT TO:<b@example.com>\r\nDATA\r\ny\r\n.\r\nQUIT\r\n"
        );
        let answer = says(&lab, text);
        assert_eq!(codes(&answer), [250, 250, 250, 354, 550], "{wrong:?}: {answer}");
    }
    assert!(lab.inbox().is_empty(), "and nothing was smuggled");
    assert_eq!(
        codes(&says(&lab, format!("{BEGIN}..\r\n.x\r\n\r\n.\r\nNOOP\r\nQUIT\r\n"))),
        [250, 250, 250, 354, 250, 250, 221]
    );
    assert_eq!(lab.inbox()[0].bytes, b".\r\nx\r\n\r\n");
    let long = |n: usize| format!("{BEGIN}{}\r\n.\r\n", "x".repeat(n));
    assert_eq!(codes(&says(&lab, long(998))).last(), Some(&250));
    let dotted = format!("{BEGIN}..{}\r\n.\r\n", "x".repeat(997));
    assert_eq!(codes(&says(&lab, dotted)).last(), Some(&250), "998 and a doubled dot");
    for n in [999, 1000, 1100] {
        assert_eq!(codes(&says(&lab, long(n))).last(), Some(&500), "{n}");
    }
    assert_eq!(codes(&says(&lab, long(100_000))).last(), Some(&500));
    assert_eq!(lab.inbox().len(), 3);
    // Left in the middle of a command: those before it are answered.
    assert_eq!(codes(&says(&lab, format!("{BEGIN}x\r\n.\r\nMAIL FROM:<a@x>\r\nRC"))), [250, 250, 250, 354, 250, 250]);
    // Left in the middle: no message.
    assert_eq!(codes(&says(&lab, format!("{BEGIN}half\r\n"))).last(), Some(&354));
    assert_eq!(lab.inbox().len(), 4);
}

#[test]
fn commands_in_the_wrong_form_or_order() {
    let lab = lab([]);
    let ask = |text: &str| codes(&says(&lab, format!("EHLO me\r\n{text}\r\nQUIT\r\n")))[1..].to_vec();
    for (text, expected) in [
        ("NOOP", &[250, 221][..]),
        ("noop x", &[250, 221]),
        ("RSET", &[250, 221]),
        ("HELP", &[214, 221]),
        ("VRFY a", &[252, 221]),
        ("DATA", &[503, 221]),
        ("RCPT TO:<a@x>", &[503, 221]),
        ("WHAT", &[500, 221]),
        ("EHLO", &[501, 221]),
        ("", &[500, 221]),
        ("MAIL FROM:<a@x>\r\nDATA", &[250, 503, 221]),
        ("MAIL FROM:<a@x>\r\nMAIL FROM:<a@x>", &[250, 503, 221]),
        ("MAIL FROM:<a@x>\r\nRSET\r\nRCPT TO:<b@x>", &[250, 250, 503, 221]),
        ("MAIL FROM:<a@x>\r\nRCPT TO:<b@x>\r\nDATA now", &[250, 250, 501, 221]),
        ("MAIL a@x", &[501, 221]),
        ("MAIL FROM:a@x", &[501, 221]),
        ("MAIL FROM:<a b@x>", &[501, 221]),
        ("MAIL FROM:<a@x", &[501, 221]),
        ("MAIL FROM:<>", &[250, 221]),
        ("mail from: <a@x> body=8bitmime size=10", &[250, 221]),
        ("MAIL FROM:<a@x> SIZE=99999999", &[552, 221]),
        ("MAIL FROM:<a@x> SIZE=99999999999999999999999", &[501, 221]),
        ("MAIL FROM:<a@x> SIZE=-1", &[501, 221]),
        ("MAIL FROM:<a@x> X=1", &[555, 221]),
        ("MAIL FROM:<a@x> BODY=BINARYMIME", &[555, 221]),
        ("MAIL FROM:<你@x>", &[553, 221]),
        ("MAIL FROM:<你@x> SMTPUTF8\r\nRCPT TO:<好@x>", &[250, 250, 221]),
        ("MAIL FROM:<a@x>\r\nRCPT TO:<好@x>", &[250, 553, 221]),
        ("MAIL FROM:<a@x>\r\nRCPT TO:<>", &[250, 501, 221]),
        ("MAIL FROM:<a@x>\r\nRCPT TO:<b@x> NOTIFY=NEVER", &[250, 555, 221]),
        ("MAIL FROM:<a@x>\r\nRCPT TO:<\"b > c\"@x>", &[250, 250, 221]),
        ("STARTTLS x", &[501, 221]),
        ("AUTH PLAIN AHVzZXIAcGFzc3dvcmQ=", &[538, 221]),
        ("NO\0OP", &[501, 221]),
        ("GET / HTTP/1.1", &[421]),
        ("POST / HTTP/1.1", &[421]),
        ("Host: x", &[421]),
        ("NOOP\rNOOP", &[500]),
        ("NOOP\nNOOP", &[500]),
    ] {
        assert_eq!(ask(text), expected, "{text:?}");
    }
    assert_eq!(
        codes(&says(&lab, "MAIL FROM:<a@x>\r\nHELO me\r\nMAIL FROM:<a@x> SIZE=1\r\nQUIT\r\n")),
        [503, 250, 555, 221]
    );
    assert_eq!(codes(&says(&lab, format!("{}\r\n", "x".repeat(2046)))), [500]);
    assert_eq!(codes(&says(&lab, "x".repeat(100_000))), [500]);
}

pub fn what_a_client_may_take_has_an_end() {
    let limits = Limits { size: 1000, ..Limits::default() };
    let lab = lab::start(lab::Options { limits, ..lab::Options::default() }).unwrap();
    let recipients = "RCPT TO:<b@x>\r\n".repeat(101);
    assert_eq!(codes(&says(&lab, format!("EHLO me\r\nMAIL FROM:<a@x>\r\n{recipients}"))).last(), Some(&452));
    let answer = says(&lab, format!("{BEGIN}{}.\r\nNOOP\r\n", "1234567\r\n".repeat(200)));
    assert_eq!(codes(&answer), [250, 250, 250, 354, 552, 250]);
    assert_eq!(codes(&says(&lab, format!("{BEGIN}{}", "1234567\r\n".repeat(100_000)))).last(), Some(&552));
    assert_eq!(codes(&says(&lab, "WHAT\r\n".repeat(30))), [&[500; 20][..], &[421]].concat());
    assert_eq!(codes(&says(&lab, "NOOP\r\n".repeat(200))), [&[250; 100][..], &[421]].concat());
    assert!(lab.inbox().is_empty());

    // Two who say nothing have the two places; a third is told so, and after their time they are too.
    let seconds = Duration::from_secs(2);
    let limits = Limits { places: 2, command: seconds, message: seconds, ..Limits::default() };
    let lab = lab::start(lab::Options { limits, ..lab::Options::default() }).unwrap();
    let mut silent = [(), ()].map(|()| TcpStream::connect(lab.addr()).unwrap());
    silent[1].write_all(BEGIN.as_bytes()).unwrap();
    silent.iter_mut().for_each(|client| client.read_exact(&mut [0; 4]).unwrap());
    let heard = |client: &mut TcpStream| {
        client.set_read_timeout(Some(LIMIT)).unwrap();
        let mut all = String::new();
        client.read_to_string(&mut all).unwrap();
        all.lines().last().unwrap_or_default()[..9].to_owned()
    };
    assert_eq!(heard(&mut TcpStream::connect(lab.addr()).unwrap()), "421 4.7.0");
    assert_eq!(silent.each_mut().map(heard), ["421 4.4.2"; 2]);
}

pub fn who_is_slow_or_silent_leaves_in_time() {
    let second = Duration::from_secs(1);
    let limits = Limits { command: second, message: second, ..Limits::default() };
    let options = lab::Options { limits, login_readable_by_anyone: true, ..lab::Options::default() };
    let lab = lab::start(options).unwrap();
    let login = "EHLO me\r\nAUTH LOGIN\r\n";
    // A handshake that is never begun, a question that is never answered: they end, without a word.
    support::at_once(
        [("EHLO me\r\nSTARTTLS\r\n", "220 2.0.0 go ahead\r\n"), (login, "334 VXNlcm5hbWU6\r\n")],
        |(says, last)| {
            let mut client = TcpStream::connect(lab.addr()).unwrap();
            client.set_read_timeout(Some(LIMIT)).unwrap();
            client.write_all(says.as_bytes()).unwrap();
            let mut heard = String::new();
            client.read_to_string(&mut heard).unwrap();
            assert!(heard.ends_with(last), "{heard:?}");
        },
    );
    // A byte now and then, well within the time for a command: the whole has that time.
    let start = Instant::now();
    support::at_once(["", BEGIN, login], |begins| {
        let mut client = TcpStream::connect(lab.addr()).unwrap();
        client.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
        client.write_all(begins.as_bytes()).unwrap();
        let mut piece = [0; 1024];
        let mut heard = Vec::new();
        loop {
            match client.read(&mut piece) {
                Ok(0) => break,
                Ok(n) => heard.extend_from_slice(&piece[..n]),
                Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => break,
                Err(_) => drop(client.write_all(b"a")),
            }
            assert!(start.elapsed() < LIMIT, "still listening to {begins:?}");
        }
        let heard = String::from_utf8(heard).unwrap();
        let told = heard.lines().last().unwrap_or_default();
        assert!(told.starts_with(if begins == login { "334 " } else { "421 4.4.2" }), "{begins:?}: {heard:?}");
    });
    assert!(lab.inbox().is_empty());
}

#[test]
fn commands_behind_starttls_are_not_heard() {
    let lab = lab([]);
    let (options, wire) = (Dial { reply: LIMIT, ..Dial::default() }, Transcript::new());
    let mut stream = Dial { trace: Some(Arc::new(wire.clone())), ..options.clone() }.open(&lab.addr().into()).unwrap();
    // A stranger on the way puts a message behind our STARTTLS (CVE-2011-0411).
    stream.write_all(format!("EHLO me\r\nSTARTTLS\r\n{BEGIN}evil\r\n.\r\n").as_bytes()).unwrap();
    let mut heard = Vec::new();
    while !heard.ends_with(b"go ahead\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        heard.push(byte[0]);
    }
    let mut stream = options.upgrade(stream, "localhost", &tls::trust().unwrap()).unwrap();
    stream.write_all(b"MAIL FROM:<a@x>\r\nEHLO me\r\nSTARTTLS\r\nAUTH CRAM-MD5\r\nAUTH PLAIN =\r\nQUIT\r\n").unwrap();
    let mut answer = String::from("220 \r\n");
    stream.read_to_string(&mut answer).unwrap();
    assert_eq!(codes(&answer), [503, 250, 503, 504, 501, 221], "{answer}");
    assert!(!answer.contains("STARTTLS") && answer.contains("AUTH PLAIN LOGIN") && lab.inbox().is_empty());
    assert!(wire.to_string().contains("STARTTLS"));
}

#[test]
fn who_must_log_in_and_who_is_told() {
    let options = lab::Options {
        login_required: true,
        tls: Tls::Never,
        login_readable_by_anyone: true,
        ..lab::Options::default()
    };
    let lab = lab::start(options).unwrap();
    let mut smtp = Smtp::connect(&lab.addr().into(), &clear()).unwrap();
    assert_eq!(code(smtp.send(&hello())), 530);
    smtp.login_readable_by_anyone("user", "password").unwrap();
    smtp.send(&hello()).unwrap();
    let login = |lines: &str| codes(&says(&lab, format!("EHLO me\r\n{lines}\r\nQUIT\r\n")))[1..].to_vec();
    assert_eq!(login("AUTH PLAIN\r\nAHVzZXIAcGFzc3dvcmQ="), [334, 235, 221]);
    assert_eq!(login("AUTH PLAIN\r\n*"), [334, 501, 221]);
    assert_eq!(login("AUTH LOGIN dXNlcg==\r\ncGFzc3dvcmQ="), [334, 235, 221]);
    assert_eq!(login("AUTH LOGIN\r\n!!!"), [334, 501, 221]);
    assert_eq!(login("AUTH PLAIN AHVzZXIAd3Jvbmc="), [535, 221]);
    assert_eq!(lab.stop(Duration::ZERO).stuck, 0);
}

#[test]
fn what_the_lab_reads_of_other_programs() {
    let mail = |text: &str| lab::Mail {
        from: String::new(),
        to: vec![],
        user: None,
        secure: false,
        bytes: text.replace('\n', "\r\n").into_bytes(),
    };
    let folded =
        mail("SUBJECT: =?UTF-8?q?=E4=BD=A0_?=\n =?utf-8?B?5aW9?= and =?utf-8?X?more?= =?iso-8859-1?Q?=E4?=\n\n");
    assert_eq!(folded.subject(), "你 好 and =?utf-8?X?more?= =?iso-8859-1?Q?=E4?=");
    let mixed = mail(
        "Content-Type: multipart/mixed;\n boundary=\"=_b\"\n\npreamble\n--=_b\nContent-Type: TEXT/Plain; charset=utf-8\nContent-Transfer-Encoding: quoted-printable\n\n=E4=BD=\n=A0=3D\n--=_b\nContent-Disposition: attachment; filename*0*=UTF-8''%E6%8A%A5; filename*1=\".txt\"\nContent-Transfer-Encoding: base64\n\nAAEC\nAw==\n\n--=_b\nContent-Type: application/x; name=\"=?utf-8?B?5oql?=\"\n\n\n--=_b--\nepilogue\n",
    );
    let parts = mixed.parts();
    assert_eq!(
        parts.iter().map(|part| part.kind.as_str()).collect::<Vec<_>>(),
        ["text/plain", "text/plain", "application/x"]
    );
    assert_eq!(
        (parts[0].text().as_str(), parts[1].name.as_deref(), parts[1].bytes.as_slice()),
        ("你=", Some("报.txt"), &[0, 1, 2, 3][..])
    );
    assert_eq!((parts[2].name.as_deref(), parts[2].bytes.len()), (Some("报"), 0));
    assert_eq!(mail("Subject: =?utf-8?Q?=+1?=\n\n").subject(), "=+1");
    // Where many words begin and none ends, each is looked at once.
    let start = Instant::now();
    let endless = format!("Subject: {}\n\n", "=?a?z ".repeat(150_000));
    assert_eq!(mail(&endless).subject().len(), 900_000);
    assert!(start.elapsed() < LIMIT, "{:?}", start.elapsed());
    let level = |n: usize| format!("Content-Type: multipart/mixed; boundary=b{n}\n\n--b{n}\n");
    let nested: String = (0..1000).map(level).collect();
    assert_eq!(mail(&nested).parts().len(), 1);
    let reply = Reply { code: 250, lines: vec!["OK".into()] };
    assert_eq!(wire::status(&reply), None);
    for text in ["5.1 x", "5.1.1.1 x", "5.1.1", "4.1.1 x", "5.1.1000 x", "5..1 x", "+5.1.1 x"] {
        assert_eq!(wire::status(&Reply { code: 550, lines: vec![text.into()] }), None, "{text}");
    }
}
