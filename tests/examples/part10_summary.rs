//! The health monitor as it is used: against the lab, against hosts that are dead, silent or hostile; and whether page and mail
//! arrive as they were.

use crate::site::site;
use crate::{PROGRAMS, support};
use netprimer::lab::script::{self, Script, Step};
use netprimer::lab::tls::{self, Acceptor, Certificate};
use netprimer::lab::{ftp, smtp};
use std::fs;
use std::process::{Command, Stdio};
use std::sync::LazyLock;
use std::thread;
use std::time::{Duration, Instant};
use support::LIMIT;
use support::files::{Folder, read, root};
use support::programs::{Left, Running, close, python, run};
use support::sockets::closed_port;

/// What strangers say to break a page or a terminal.
const HOSTILE: &str = "</td><script>alert('你')</script>&amp;\"\x1b[2J";

fn command(args: &[&str]) -> Command {
    let mut command = PROGRAMS.command("10_summary");
    command.args(args).env("FTP_PASSWORD", "password").env("SMTP_PASSWORD", "password");
    command
}

fn monitor(args: &[&str]) -> Left {
    run(&mut command(args), b"")
}

/// Somebody who says this once.
fn says(text: &str) -> Script {
    script::play([Step::say(text), Step::Hold]).unwrap()
}

/// Where reports go.
struct Office {
    ftp: ftp::Lab,
    smtp: smtp::Lab,
    folder: Folder,
}

impl Office {
    fn open() -> Office {
        let tls = Some(Acceptor::new(Certificate::Good).unwrap());
        Office {
            ftp: ftp::start(ftp::Options { tls, ..ftp::Options::default() }).unwrap(),
            smtp: smtp::start(smtp::Options { login_required: true, ..smtp::Options::default() }).unwrap(),
            folder: Folder::new(),
        }
    }

    /// What makes the monitor report here; the page is also written to `page.html`.
    fn args(&self) -> Vec<String> {
        let ca = self.folder.file("ca.pem", tls::ca_pem().unwrap());
        let html = self.folder.path().join("page.html");
        let (ftp, smtp) = (self.ftp.addr(), self.smtp.addr());
        ["--to=you@example.com", "--from=monitor@example.com"]
            .map(str::to_owned)
            .into_iter()
            .chain([
                format!("--ca={}", ca.display()),
                format!("--html={}", html.display()),
                format!("--ftp=username@{ftp}"),
                format!("--smtp=user@{smtp}"),
            ])
            .collect()
    }
}

fn with<'a>(args: &'a [String], more: &[&'a str]) -> Vec<&'a str> {
    args.iter().map(String::as_str).chain(more.iter().copied()).collect()
}

#[test]
fn without_an_address_it_looks_at_the_lab() {
    let left = monitor(&[]);
    let (status, out, err) = left.parts();
    assert_eq!((status, err.as_str()), (0, ""), "{out}");
    let lines: Vec<&str> = out.lines().collect();
    for (line, [begins, holds]) in lines.iter().zip([
        ["good  tcp://127.0.0.1:", ": open, says \"220 "],
        ["good  http://127.0.0.1:", ": 200, 70 bytes: \"<!DOCTYPE html>\\n<title>你好，世界</title>"],
        ["good  wss://127.0.0.1:", ": handshake, ping, pong (resolve "],
        ["good  ftp upload to 127.0.0.1:", ": health.html (talk "],
        ["good  mail to you@example.com at 127.0.0.1:", ": 250 2.6.0 taken (talk "],
        ["5 of 5 are well", ""],
    ]) {
        assert!(line.starts_with(begins) && line.contains(holds), "{line}");
    }
    assert_eq!(lines.len(), 6, "{out}");

    let left = monitor(&["--trouble"]);
    left.is_error(1, "look whether all is well: 5 of 8 are well");
    let text = left.text();
    for holds in [": closed (resolve ", "503 Service Unavailable", "closed the connection too early"] {
        assert!(text.lines().any(|line| line.starts_with("FAIL  ") && line.contains(holds)), "{holds}: {text}");
    }
    assert_eq!(text.matches("\nFAIL  ").count(), 3, "{text}");
}

#[test]
fn page_and_mail_arrive_as_they_were_and_nothing_hostile_lives_in_them() {
    let office = Office::open();
    let (dead, _held) = closed_port();
    let banner = says(&format!("220 {HOSTILE}\r\n"));
    let page =
        site(None, |_| format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{HOSTILE}", HOSTILE.len()).into_bytes());
    let refuses = site(None, |_| format!("HTTP/1.1 500 {}\r\nContent-Length: 0\r\n\r\n", "<b>").into_bytes());
    let addresses =
        [format!("tcp://{}", banner.addr()), page.url("/?q='<i>&"), refuses.url("/"), format!("ws://{dead}/")];
    let args = office.args();
    let left = monitor(&with(&args, &addresses.each_ref().map(String::as_str)));
    left.is_error(1, "5 of 7 are well"); // the written page, the upload and the mail are three of them
    let (_, out, _) = left.parts();
    assert!(!out.contains('\x1b') && out.contains("</td><script>alert('你')"), "{out}");
    let dead_line = out.lines().find(|line| line.starts_with("FAIL  ws://")).unwrap();
    assert!(dead_line.contains(&format!("try port {dead}: closed (resolve ")), "{dead_line}");

    let written = fs::read_to_string(office.folder.path().join("page.html")).unwrap();
    assert_eq!(office.ftp.files()["/health.html"], written.as_bytes());
    let inbox = office.smtp.inbox();
    let [mail] = inbox.as_slice() else { panic!("{} mails", inbox.len()) };
    assert_eq!((mail.from.as_str(), mail.to.as_slice()), ("monitor@example.com", &["you@example.com".to_owned()][..]));
    assert!(mail.secure && mail.subject() == "4 of 6 are well", "{}", mail.subject());
    let parts = mail.parts();
    assert_eq!((parts[1].kind.as_str(), parts[1].name.as_deref()), ("text/html", Some("health.html")));
    assert_eq!(parts[1].bytes, written.as_bytes());
    let until_mail = &out[..out.find("good  mail to ").unwrap()];
    assert_eq!(parts[0].text(), until_mail);

    // Every `<` in the page is our own.
    let own = |rest: &str| {
        let name = rest.trim_start_matches('/').split(|c: char| !c.is_ascii_alphanumeric()).next().unwrap();
        ["html", "head", "meta", "style", "title", "body", "h1", "p", "svg", "text", "rect", "table", "tr", "th", "td"]
            .contains(&name)
    };
    let strange: Vec<&str> = written.split('<').skip(2).filter(|rest| !own(rest)).collect(); // behind <!DOCTYPE
    assert!(strange.is_empty(), "{strange:?}");
    assert!(written.contains("&lt;script&gt;alert(&#39;你&#39;)&lt;/script&gt;&amp;amp;\\&quot;\\x1b[2J"), "{written}");
    assert!(!["src=", "href=", "url(", "@import"].iter().any(|out| written.contains(out)), "{written}");
    assert!(written.contains("default-src 'none'") && written.contains("<h1>2 of 4 are well</h1>"), "{written}");
    assert_eq!(written.matches("<rect ").count(), 4);

    let Some(mut reader) = python("report_page.py") else { return };
    let left = run(reader.arg(office.folder.path().join("page.html")), b"");
    assert_eq!((left.status, left.err.as_str()), (0, ""));
    let cells = left.text();
    let cells: Vec<&str> = cells.lines().collect();
    let rows: Vec<String> =
        cells.chunks(4).map(|row| format!("{}  {}: {} ({})\n", row[0], row[1], row[2], row[3])).collect();
    assert!(rows.len() == 4 && out.starts_with(&rows.concat()), "{rows:?}\n{out}");
}

pub fn who_is_late_is_left_behind() {
    LazyLock::force(&PROGRAMS); // where they are still to be built, that is nobody's lateness
    let office = Office::open();
    let silent = script::play([Step::Hold]).unwrap();
    // Each turn takes 2 s and is within its limit; the handshake never comes.
    let drip = |text: &str| Step::Drip(text.into(), Duration::from_millis(180));
    let turns = [drip("220 ready\r\n"), Step::HearLine, drip("234 go on\r\n"), Step::Hold];
    let drips = script::play(turns).unwrap();
    let slow = format!("tcp://{}", office.ftp.addr());
    let page = site(None, |_| Vec::from(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"));
    thread::scope(|scope| {
        // An address that is silent does not hold up the others, nor the mail.
        scope.spawn(|| {
            let (args, address) = (office.args(), format!("http://{}/", silent.addr()));
            let left = monitor(&with(&args, &[&address, &page.url("/"), "--timeout=2"]));
            left.is_error(1, "4 of 5 are well");
            assert!(left.text().contains("no answer in time"), "{}", left.text());
            assert_eq!(office.smtp.inbox()[0].subject(), "3 of 4 are well");
        });
        // A server that drips would take its turn again and again; and the mail gets its time.
        scope.spawn(|| {
            let begin = Instant::now();
            let other = smtp::start(smtp::Options::default()).unwrap();
            let (folder, drip) = (Folder::new(), format!("--ftp=me@{}", drips.addr()));
            let ca = format!("--ca={}", folder.file("ca.pem", tls::ca_pem().unwrap()).display());
            let mail = format!("--smtp=user@{}", other.addr());
            let args = [&slow, &ca, &drip, &mail, "--to=you@example.com", "--total=5"];
            let left = monitor(&args);
            left.is_error(1, "2 of 3 are well");
            assert!(left.text().contains("FAIL  ftp upload to "), "{}", left.text());
            let text = other.inbox()[0].parts()[0].text();
            assert!(text.contains("\nFAIL  ftp upload to ") && begin.elapsed() < LIMIT / 2, "{text}");
        });
    });
}

#[test]
fn wrong_arguments_are_status_2() {
    for (args, says) in [
        (&["example.com"][..], "begins with http://"),
        (&["gopher://example.com/"], "begins with http://"),
        (&["tcp://example.com"], "the port is missing"),
        (&["tcp://example.com:99999"], "a port is a number"),
        (&["http://a b/"], "no name or address"),
        (&["http://me:secret@example.com/"], "do not belong into an address"),
        (&["--ftp=me@127.0.0.1"], "[ADDRESS]"),
        (&["--trouble", "tcp://127.0.0.1:1"], "cannot be used with"),
        (&["tcp://127.0.0.1:1", "--smtp=me@127.0.0.1"], "--to <MAILBOX>"),
        (&["tcp://127.0.0.1:1", "--to=you@example.com"], "--smtp <USER@SERVER>"),
        (&["tcp://127.0.0.1:1", "--smtp=me@127.0.0.1", "--to=you"], "there is no @"),
        (&["tcp://127.0.0.1:1", "--ftp=127.0.0.1"], "without a name"),
        (&["--total=soon"], "not a number of seconds"),
    ] {
        monitor(args).is_error(2, says);
    }
    let mut no_password = command(&["tcp://127.0.0.1:1", "--ftp=me@127.0.0.1"]);
    run(no_password.env_remove("FTP_PASSWORD"), b"").is_error(2, "the password is missing");
    monitor(&["tcp://127.0.0.1:1", "--ca=no such file"]).is_error(1, "read no such file");
    let help = monitor(&["--help"]);
    assert!(help.status == 0 && help.text().contains("tcp://HOST:PORT"), "{}", help.text());
}

#[test]
fn the_status_is_true_also_when_nobody_reads() {
    for (args, status, says) in [(&[][..], 0, ""), (&["--trouble"], 1, "error: look whether all is well: 5 of 8")] {
        let (program, stdout) = Running::unheard(&mut command(args), Stdio::piped());
        close(stdout);
        let left = program.end();
        assert!(left.status == status && left.err.starts_with(says), "{}: {}", left.status, left.err);
    }
}

/// What looks, reports and delivers; the arguments and the lab stand beside it in `plan.rs`, the order of things in `main.rs`.
#[test]
fn the_monitor_is_small() {
    let code = |line: &&str| {
        let line = line.trim_start();
        !line.is_empty() && !line.starts_with("//") && !line.starts_with("use ")
    };
    let files = ["checks", "report", "deliver"].map(|name| read(root(), &format!("examples/10_summary/{name}.rs")));
    let lines: usize = files.iter().map(|text| text.lines().filter(code).count()).sum();
    assert!((100..=150).contains(&lines), "{lines} lines of code");
}
