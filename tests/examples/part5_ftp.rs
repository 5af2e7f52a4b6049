//! Lesson 5 as a learner meets it: the program with its options, against the lab, against servers that lie, are silent or not
//! there; and what it leaves behind (nothing).

use super::part3_http::is_harmless;
use crate::{PROGRAMS, support};
use netprimer::lab::ftp::{self, Lab, Wrong};
use netprimer::lab::script::{self, Script, Step};
use netprimer::lab::tls::{self, Acceptor, Certificate};
use std::fs;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};
use support::LIMIT;
use support::files::Folder;
use support::programs::{Left, Running, close, first_line, run};
use support::sockets::closed_port;

/// The program with a folder of its own for temporary files, which must be empty afterwards.
fn program(temporary: &Folder) -> Command {
    let mut command = PROGRAMS.command("05_ftp");
    for name in ["TMPDIR", "TMP", "TEMP"] {
        command.env(name, temporary.path());
    }
    command
}

fn is_empty(temporary: &Folder) {
    let left: Vec<_> = fs::read_dir(temporary.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert!(left.is_empty(), "left behind: {left:?}");
}

fn ftp<S: AsRef<std::ffi::OsStr>>(args: impl IntoIterator<Item = S>) -> Left {
    ftp_as("password", args)
}

/// The same with this password.
fn ftp_as<S: AsRef<std::ffi::OsStr>>(password: &str, args: impl IntoIterator<Item = S>) -> Left {
    let temporary = Folder::new();
    let left = run(program(&temporary).args(args).env("FTP_PASSWORD", password), b"");
    is_empty(&temporary);
    left
}

/// What it prints when all goes well.
fn printed(args: &[&str]) -> String {
    let left = ftp(args);
    assert_eq!((left.status, left.err.as_str()), (0, ""), "{args:?}");
    String::from_utf8(left.out).unwrap()
}

fn lab(options: ftp::Options) -> (Lab, String) {
    let lab = ftp::start(options).unwrap();
    lab.put("remote_file.txt", "你好\n").unwrap();
    let addr = lab.addr().to_string();
    (lab, addr)
}

fn plain() -> (Lab, String) {
    lab(ftp::Options::default())
}

fn wrong(wrong: Wrong) -> (Lab, String) {
    lab(ftp::Options { wrong: vec![wrong], ..ftp::Options::default() })
}

/// A server that lets everybody in, and then says this.
fn peer(then: impl IntoIterator<Item = Step>) -> (Script, String) {
    let begin = [Step::say("220 hello\r\n"), Step::HearLine, Step::say("230 come in\r\n")];
    let peer = script::play(begin.into_iter().chain(then)).unwrap();
    let addr = peer.addr().to_string();
    (peer, addr)
}

#[test]
fn the_five_steps_at_a_server_of_its_own() {
    for args in [&[][..], &["--tls"], &["--active"], &["--tls", "--active"]] {
        let out = printed(args);
        let lines: Vec<&str> = out.lines().collect();
        let [lab, listed, "downloaded 7 bytes", "uploaded 7 bytes"] = lines[..] else { panic!("{args:?}: {out}") };
        assert!(lab.starts_with("lab: FTP server on 127.0.0.1:"), "{out}");
        assert!(listed.starts_with("-rw-r--r-- ") && listed.ends_with(" remote_file.txt"), "{out}");
    }
}

#[test]
fn the_five_steps_at_another_server() {
    let (lab, addr) = plain();
    lab.put("你好 1.txt", "some bytes\r\n\0").unwrap();
    let out = printed(&[&addr, "--file", "你好 1.txt"]);
    assert!(out.contains(" remote_file.txt\n") && out.contains(" 你好 1.txt\n"), "{out}");
    assert!(out.ends_with("downloaded 13 bytes\nuploaded 13 bytes\n") && !out.contains("lab:"), "{out}");
    assert_eq!(lab.files()["/你好 1.txt"], b"some bytes\r\n\0");

    // Guests may look, and no more.
    let left = ftp_as("me@", [&addr, "--user", "anonymous"]);
    left.is_error(1, "the server said: 550 guests change nothing");
    assert!(left.out.ends_with(b"downloaded 7 bytes\n"));
}

pub fn the_wire_is_told_on_stderr_and_the_password_is_not() {
    let (_lab, addr) = lab(ftp::Options { users: vec![("anna".into(), "tiger-12".into())], ..ftp::Options::default() });
    for args in [&["--wire"][..], &["--slow=0.001"]] {
        let left = ftp_as("tiger-12", [&[addr.as_str(), "--user", "anna"], args].concat());
        assert_eq!(left.status, 0, "{}", left.err);
        assert!(left.err.contains("C: USER anna\\r\\n\nS: 331 password?\\r\\n\nC: ***\nS: 230 "), "{}", left.err);
        assert!(!left.err.contains("tiger") && !left.text().contains("tiger"), "{}", left.err);
        for line in ["data S: FIN\n", "data #2 S: 你好\\n\n", "data #3 C: 你好\\n\n", "data #3 C: FIN\n"] {
            assert!(left.err.contains(line), "{line:?} in {}", left.err);
        }
    }
    let left = ftp_as("tiger-13", [&addr, "--wire", "--user", "anna"]);
    assert_eq!(left.status, 1);
    assert!(left.err.ends_with("\nerror: the server said: 530 wrong name or password\n"), "{}", left.err);
    assert!(!left.err.contains("tiger"), "{}", left.err);
}

#[test]
fn wrong_arguments_are_status_2() {
    for (args, says) in [
        (&[""][..], "a host has a name"),
        (&["two words"], "without spaces"),
        (&["127.0.0.1:99999"], "port"),
        (&["ftp://127.0.0.1/"], "port"),
        (&["127.0.0.1", "file"], "unexpected argument"),
        (&["--nonsense"], "unexpected argument"),
        (&["--user"], "value is required"),
        (&["--timeout", "soon"], "not a number of seconds"),
        (&["--timeout=-1"], "above 0"),
        // A second command in a name: nothing is sent.
        (&["--file", "a\r\nDELE remote_file.txt"], "cannot be the name of a file"),
        (&["--file", ""], "cannot be the name of a file"),
        (&["--user", "a\r\nDELE b"], ""),
        (&["--password", "secret"], "unexpected argument"),
    ] {
        let left = ftp(args);
        left.is_error(2, says);
        is_harmless(&left.text());
    }
    ftp_as("a\nDELE b", ["--user", "anna"]).is_error(2, "");
    let left = ftp(["--help"]);
    let help = left.text();
    assert!(left.status == 0 && left.err.is_empty() && help.contains("--active"), "{help}");
}

pub fn who_is_not_there_or_silent_is_an_error_in_time() {
    let (addr, _held) = closed_port();
    ftp([addr.to_string()]).is_error(1, &format!("connect to {addr}: "));

    let silent = script::play([Step::Hold]).unwrap();
    let (_deaf, deaf) = peer([Step::Hold]);
    let (_stalls, stalls) = lab(ftp::Options { wrong: vec![Wrong::StallAfter(3)], ..ftp::Options::default() });
    thread::scope(|scope| {
        for addr in [silent.addr().to_string(), deaf, stalls] {
            scope.spawn(move || {
                let begin = Instant::now();
                let left = ftp([&addr, "--timeout", "1"]);
                left.is_error(1, "");
                assert!(left.err.contains("time"), "{}", left.err);
                assert!(begin.elapsed() >= Duration::from_secs(1) && begin.elapsed() < LIMIT, "{:?}", begin.elapsed());
            });
        }
    });
    ftp([&addr.to_string(), "--timeout", "0"]).is_error(2, "a number of seconds above 0");
}

#[test]
fn what_a_server_does_wrong_is_said() {
    // It lies about the address: ours goes to the one it talks to, and gets its file.
    let (_lab, addr) = lab(ftp::Options {
        wrong: vec![Wrong::NoEpsv, Wrong::LieAboutPasv([127, 0, 0, 9].into())],
        ..ftp::Options::default()
    });
    assert!(printed(&[&addr]).ends_with("downloaded 7 bytes\nuploaded 7 bytes\n"));

    // The listing is longer than that, and the file is cut.
    let (lab, addr) = wrong(Wrong::CutAfter(100));
    lab.put("remote_file.txt", [b'x'; 300]).unwrap();
    let left = ftp([&addr]);
    left.is_error(1, "read 300 bytes, of which 100 came");
    assert_eq!(lab.files()["/remote_file.txt"].len(), 300, "a half is not uploaded");

    let (_lab, addr) = wrong(Wrong::DemandTls);
    ftp([&addr]).is_error(1, "530 TLS first");
    let (_lab, addr) = plain();
    ftp([&addr, "--tls"]).is_error(1, "502 no TLS here");
    ftp([&addr, "--file", "missing"]).is_error(1, "550 there is no such file");

    for (says, error) in [
        ("220", "closed the connection"),
        ("HTTP/1.1 200 OK\r\n", "is no reply"),
        ("220-\r\nfor ever\r\n", "read a reply"),
        ("421 come back later\r\n", "421 come back later"),
        ("530 not you\r\n", "530 not you"),
        ("530 \x1b[2J\r\n", "530 \\u{1b}[2J"),
        ("", "read a reply"),
    ] {
        let peer = script::play([Step::say(says), Step::Finish, Step::HearEnd]).unwrap();
        let left = ftp([peer.addr().to_string()]);
        left.is_error(1, error);
        is_harmless(&left.err);
    }
}

#[test]
fn a_strangers_listing_does_not_command_the_terminal() {
    let data = script::play([Step::say("\u{1b}[2J../x\u{9b}\r\n"), Step::Finish]).unwrap();
    let epsv = format!("229 (|||{}|)\r\n", data.addr().port());
    let turn = |reply: &str| [Step::HearLine, Step::say(reply)];
    let talk = [turn("200 ok\r\n"), turn(&epsv), turn("150 go\r\n226 ok\r\n"), turn("500 \u{9b}2J\r\n")].concat();
    let (_peer, addr) = peer(talk);
    let left = ftp([addr.as_str(), "--wire"]);
    assert_eq!(left.status, 1, "{}", left.err);
    is_harmless(&left.text());
    is_harmless(&left.err);
    assert!(left.out.starts_with(b"\\x1b[2J../x"), "{}", left.text());
}

#[test]
fn a_certificate_that_this_system_does_not_trust_until_it_is_told() {
    let tls = Some(Acceptor::new(Certificate::Good).unwrap());
    let (_lab, addr) = lab(ftp::Options { tls, ..ftp::Options::default() });
    let left = ftp([&addr, "--tls", "--wire"]);
    assert_eq!(left.status, 1);
    assert!(left.err.contains("\nerror: TLS handshake with 127.0.0.1: "), "{}", left.err);
    assert!(!left.err.contains("USER"), "who you are is not told to a stranger: {}", left.err);
    let folder = Folder::new();
    let ca = format!("--ca={}", folder.file("ca.pem", tls::ca_pem().unwrap()).display());
    assert!(printed(&[&addr, "--tls", &ca]).ends_with("uploaded 7 bytes\n"));
    ftp([&addr, "--tls", "--ca=no such file"]).is_error(1, "read no such file");
    ftp([&addr, &ca]).is_error(2, "--tls");
}

#[test]
fn a_closed_output_ends_it_quietly_and_tidily() {
    let (lab, addr) = plain();
    // More than a pipe holds, of which one line is read, as by `| head -n 1`; and at a server of its own nothing is read.
    (0..900).for_each(|n| lab.put(&format!("{n:0100}"), "").unwrap());
    let temporary = Folder::new();
    let (program_, stdout) = Running::unheard(program(&temporary).arg(&addr), Stdio::piped());
    let (line, reader) = first_line(stdout.unwrap());
    assert!(line.ends_with(&format!("{:0100}", 0)), "{line}");
    close(reader);
    let left = program_.end();
    assert_eq!((left.status, left.err.as_str()), (0, ""));
    is_empty(&temporary);

    let (program_, stdout) = Running::unheard(&mut program(&temporary), Stdio::piped());
    close(stdout);
    let left = program_.end();
    assert_eq!((left.status, left.err.as_str()), (0, ""));
    is_empty(&temporary);
}
