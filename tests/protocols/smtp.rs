//! The mail client before the lab's server and before liars; the lab's server before a client that does what it likes.

use crate::support;

use netprimer::dial::Dial;
use netprimer::lab::smtp::{self as lab, Lab, Tls, Wrong};
use netprimer::lab::tls::{self, Certificate};
use netprimer::smtp::{MessageBuilder, Options, Smtp, StartTls};
use netprimer::trace::{Side, Transcript};
use std::sync::Arc;

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
