//! Lesson 6 as a learner meets it: the program with its options, before the lab, before servers that lie or are silent.

use crate::{PROGRAMS, support};
use netprimer::lab::script::{self, Step};
use netprimer::lab::smtp::{self as lab, Lab, Tls, Wrong};
use netprimer::lab::tls::{self, Certificate};
use std::net::SocketAddr;
use std::process::Stdio;
use std::thread;
use std::time::{Duration, Instant};
use support::LIMIT;
use support::files::Folder;
use support::programs::{Left, Running, close, first_line, run};
use support::sockets::closed_port;

/// `user` and `password` in the base64 of AUTH PLAIN, and the password alone.
const SECRETS: [&str; 2] = ["AHVzZXIAcGFzc3dvcmQ", "password"];

fn smtp<S: AsRef<std::ffi::OsStr>>(args: impl IntoIterator<Item = S>) -> Left {
    let mut command = PROGRAMS.command("06_smtp");
    run(command.args(args).env_remove("SMTP_PASSWORD"), b"")
}

/// What it prints when all goes well.
fn printed(args: &[&str]) -> String {
    let left = smtp(args);
    assert_eq!((left.status, left.err.as_str()), (0, ""), "{args:?}");
    left.text()
}

fn lab(wrong: impl IntoIterator<Item = Wrong>) -> Lab {
    lab::start(lab::Options { wrong: wrong.into_iter().collect(), ..lab::Options::default() }).unwrap()
}

/// Sends to this server, whose authority it trusts, as `user` with this password.
fn at(addr: SocketAddr, password: &str, args: &[&str]) -> Left {
    let folder = Folder::new();
    let ca = folder.file("ca.pem", tls::ca_pem().unwrap());
    let mut command = PROGRAMS.command("06_smtp");
    command.arg(addr.to_string()).arg("--ca").arg(ca).args(["--user", "user"]).args(args);
    run(command.env("SMTP_PASSWORD", password), b"")
}

#[test]
fn without_arguments_it_sends_to_a_server_of_its_own() {
    let out = printed(&[]);
    let (first, rest) = out.split_once('\n').unwrap();
    let port: u16 = first.strip_prefix("lab: SMTP server on 127.0.0.1:").expect(first).parse().unwrap();
    assert!(port > 0);
    let expected = "\
taken: 250 2.6.0 taken
envelope: from sender@example.com to receiver@example.com
logged in: user, over TLS: true
From: <sender@example.com>
Subject: 测试邮件
text/plain, 24 bytes: 这是一封测试邮件
";
    assert_eq!(rest, expected);

    let out =
        printed(&["--from=a@example.com", "--to=b@example.com", "--to=c@example.com", "--subject", "", "--body=x"]);
    assert!(out.contains("\nenvelope: from a@example.com to b@example.com, c@example.com\n"), "{out}");
    assert!(out.contains("\nSubject: \n") && out.ends_with(" bytes: x\n"), "{out}");
}

#[test]
fn no_stranger_gets_the_mail() {
    let out = printed(&["--strangers"]);
    let lines: Vec<&str> = out.lines().skip(7).collect();
    for (line, begins, says) in [
        (lines[0], "another's certificate: TLS handshake with 127.0.0.1: ", "another address"),
        (lines[1], "one that it signed itself: TLS handshake with 127.0.0.1: ", "self-signed"),
        (lines[2], "STARTTLS struck out: ", "nothing was sent in the clear"),
        (lines[3], "a line put behind the reply: ", "before they were asked for"),
    ] {
        assert!(line.starts_with(begins) && line.contains(says), "{line}");
    }
    assert_eq!(lines.len(), 4, "{out}");
}

#[test]
fn the_wire_is_told_on_stderr_without_the_password() {
    let left = smtp(["--wire"]);
    assert_eq!(left.status, 0, "{}", left.err);
    let first = "S: 220 localhost ESMTP, for practice\\r\\n\nC: EHLO localhost\\r\\n\n";
    assert!(left.err.starts_with(first), "{}", left.err);
    for part in [
        "\nC: STARTTLS\\r\\n\nS: 220 2.0.0 go ahead\\r\\n\nC: EHLO localhost\\r\\n\n",
        "\nC: ***\nS: 235 2.7.0 welcome\\r\\n\n",
        "\nC: RCPT TO:<receiver@example.com>\\r\\n\nC: DATA\\r\\n\nS: 250 ",
        "\nC: .\\r\\n\nS: 250 2.6.0 taken\\r\\n\nC: QUIT\\r\\n\nS: 221 2.0.0 bye\\r\\n\nC: FIN\n",
    ] {
        assert!(left.err.contains(part), "{part:?} in {}", left.err);
    }
    assert!(left.err.lines().all(|line| line.len() <= 76), "{}", left.err);
    let lab = lab([]);
    let plain = lab::start(lab::Options {
        wrong: vec![Wrong::Answers("AUTH".into(), "535 5.7.8 no".into())],
        ..lab::Options::default()
    });
    for (addr, status) in [(lab.addr(), 0), (plain.unwrap().addr(), 1)] {
        let left = at(addr, "password", &["--wire"]);
        assert_eq!(left.status, status, "{}", left.err);
        let text = left.text();
        assert!(text.contains("C: ***") && !SECRETS.iter().any(|secret| text.contains(secret)), "{text}");
    }
    // The end of a line of the text that begins with a dot is a dot more.
    let left = smtp(["--wire", "--subject", "Hello", "--body", ".hidden"]);
    assert!(left.err.contains("\nC: ..hidden\\r\\n\nC: .\\r\\n\n"), "{}", left.err);
    assert!(String::from_utf8_lossy(&left.out).ends_with(" bytes: .hidden\n"));
}

#[test]
fn a_server_that_is_named_gets_it_and_nobody_else() {
    let server = lab([Wrong::RefusesRecipients(vec!["nobody@example.com".into()])]);
    let left = at(server.addr(), "password", &["--to", "nobody@example.com", "--to", "you@example.com"]);
    let expected = "taken: 250 2.6.0 taken\nnot for nobody@example.com: 550 5.1.1 no such user\n";
    assert_eq!(left.parts(), (0, expected.to_owned(), String::new()));
    let mail = &server.inbox()[0];
    assert_eq!((mail.to.as_slice(), mail.user.as_deref()), (["you@example.com".to_owned()].as_slice(), Some("user")));

    at(server.addr(), "password", &["--to", "nobody@example.com"]).is_error(1, "550 5.1.1 no such user");
    at(server.addr(), "wrong", &[]).is_error(1, "535 5.7.8 wrong user or password");
    // This system does not trust the lab: the password stays here.
    let mut careless = PROGRAMS.command("06_smtp");
    careless.arg(server.addr().to_string()).args(["--user", "user"]).env("SMTP_PASSWORD", "password");
    run(&mut careless, b"").is_error(1, "TLS handshake with 127.0.0.1: ");
    assert_eq!(server.inbox().len(), 1);

    for (wrong, says) in [
        (Wrong::CutsAt(".".into()), "unknown whether it was taken"),
        (Wrong::Hides("STARTTLS".into()), "nothing was sent in the clear"),
        (Wrong::Greets("554 5.3.2 not today".into()), "the server said: 554 5.3.2 not today"),
        (Wrong::Answers("EHLO".into(), "421 4.3.2 closing".into()), "421 4.3.2 closing"),
        (Wrong::AsksForEver, "asked more than"),
    ] {
        let server = lab([wrong]);
        at(server.addr(), "password", &[]).is_error(1, says);
        assert!(server.inbox().is_empty(), "{says}");
    }
}

#[test]
fn wrong_arguments_are_status_2() {
    for (args, says) in [
        (&["--to", "nobody"][..], "there is no @"),
        (&["--to", "a@example.com>\r\nRCPT TO:<b@example.com"], "no address for an envelope"),
        (&["--from", "a b@example.com"], "needs quotes"),
        (&["--user", "me"], "<TARGET>"),
        (&["--ca", "ca.pem"], "<TARGET>"),
        (&["127.0.0.1:1", "--strangers"], "cannot be used with"),
        (&["127.0.0.1:1", "--user", "me"], "the password is missing"),
        (&["127.0.0.1:99999"], "a port is a number"),
        (&["a b"], "without spaces"),
        (&["--timeout=soon"], "not a number of seconds"),
        (&["--subject"], "value is required"),
        (&["--nonsense"], "unexpected argument"),
    ] {
        smtp(args).is_error(2, says);
    }
    smtp(["127.0.0.1:1", "--ca", "no such file"]).is_error(1, "read no such file");
    let help = printed(&["--help"]);
    assert!(help.contains("[TARGET]") && help.contains("SMTP_PASSWORD"), "{help}");
}

pub fn who_is_not_there_or_silent_is_an_error_in_time() {
    let (addr, _held) = closed_port();
    smtp([addr.to_string()]).is_error(1, &format!("connect to {addr}: "));

    let silent = script::play([Step::Hold]).unwrap();
    let hello = [Step::say("220 hello\r\n"), Step::HearLine, Step::say("250-me\r\n250 STARTTLS\r\n"), Step::HearLine];
    let no_tls = script::play(hello.into_iter().chain([Step::say("220 go\r\n"), Step::Hold])).unwrap();
    let drips = script::play([Step::Drip(vec![b'2'; 400], Duration::from_millis(100)), Step::Hold]).unwrap();
    thread::scope(|scope| {
        for (peer, says) in
            [(&silent, "read a line"), (&no_tls, "TLS handshake with 127.0.0.1"), (&drips, "no answer in time")]
        {
            scope.spawn(move || {
                let begin = Instant::now();
                smtp([peer.addr().to_string(), "--timeout=1".into()]).is_error(1, says);
                assert!(begin.elapsed() >= Duration::from_secs(1) && begin.elapsed() < LIMIT, "{:?}", begin.elapsed());
            });
        }
    });
}

pub fn a_liar_is_told_as_one_and_does_not_command_the_terminal() {
    for (greeting, says) in [
        ("HTTP/1.1 200 OK\r\n", "is no reply"),
        ("\x1b[2J\r\n", "is no reply"),
        ("220 ready\n", "LF alone"),
        ("220-a\r\n250 b\r\n", "ended with 250"),
        ("554 \x1b]0;x\x07\u{9b}2J no\r\n", "the server said: 554 \\u{1b}]0;x\\u{7}\\u{9b}2J no"),
        ("220 ready\r\n250 EHLO\r\n", "before it was asked"),
        ("", "closed the connection too early"),
    ] {
        let peer = script::play([Step::say(greeting), Step::Finish, Step::HearEnd]).unwrap();
        let left = smtp([peer.addr().to_string()]);
        left.is_error(1, says);
        let bad = left.err.chars().find(|c| c.is_control() && *c != '\n');
        assert_eq!(bad, None, "{:?}", left.err);
    }
    let endless = script::play([Step::say("220-on and on\r\n".repeat(300)), Step::Hold]).unwrap();
    smtp([endless.addr().to_string()]).is_error(1, "longer than the limit of 256");
    let long = script::play([Step::say(format!("220 {}", "x".repeat(5000))), Step::Hold]).unwrap();
    smtp([long.addr().to_string()]).is_error(1, "longer than the limit of 2048");
    let tls = lab::start(lab::Options { tls: Tls::AtOnce(Certificate::Good), ..lab::Options::default() }).unwrap();
    smtp([tls.addr().to_string(), "--timeout=1".into()]).is_error(1, ""); // each waits for the other to speak
}

#[test]
fn a_closed_output_ends_it_quietly() {
    let mut command = PROGRAMS.command("06_smtp");
    command.args(["--strangers", "--body", &"x ".repeat(40_000)]);
    let (program, stdout) = Running::unheard(&mut command, Stdio::piped());
    let (line, reader) = first_line(stdout.unwrap());
    assert!(line.starts_with("lab: SMTP server on "), "{line}");
    close(reader);
    let left = program.end();
    assert!(left.status == 0 && left.err.is_empty(), "{}: {}", left.status, left.err);
}
