//! The mail client before servers others wrote, the lab's server before their clients, and what we build read by Python.

use crate::support;

use netprimer::dial::Dial;
use netprimer::encode::{base64, parse_base64};
use netprimer::lab::smtp::{self as lab, Lab, Tls as When, Wrong};
use netprimer::lab::tls::{self, Certificate};
use netprimer::smtp::auth::Login;
use netprimer::smtp::message::MimePart;
use netprimer::smtp::{Envelope, Message, MessageBuilder, Options, Smtp, StartTls, Unknown};
use netprimer::stream::Tls;
use netprimer::{Error, Result};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{RngAlgorithm, TestRng, TestRunner};
use serde_json::{Value, json};
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::time::Duration;
use support::LIMIT;
use support::files::Folder;
use support::programs::{Running, python, python_with, run, tool};

// ---- what we build ----

/// A message, before mail-builder.
#[derive(Debug, Clone)]
struct Plan {
    subject: String,
    from: (String, String),
    to: Vec<(String, String)>,
    cc: Vec<(String, String)>,
    bcc: Vec<(String, String)>,
    text: Option<String>,
    html: Option<String>,
    attachments: Vec<(&'static str, String, Vec<u8>)>,
}

/// Letters of many kinds, what has a meaning in a head, and what could end a line.
fn letters(most: usize) -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        4 => "[ -~]{0,12}",
        3 => "[一-鿿]{1,6}",
        1 => "[\u{a1}-\u{2fff}]{1,6}",
        1 => "[\u{1f300}-\u{1f64f}]{1,3}",
        2 => prop::sample::select(vec!["\"", "\\", "(", ")", ",", ";", "=?", "?=", "_", "=", "你好", " ", "  ", "@", "<", ">", "."])
            .prop_map(str::to_owned),
        1 => "[a-z]{60,120}",
    ];
    vec(piece, 0..most).prop_map(|pieces| pieces.concat())
}

/// Text with every kind of line end, dots, and long lines.
fn body() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        3 => letters(4),
        2 => prop::sample::select(vec!["\n", "\r\n", "\n.\n", "\r\n.\r\n", "\n..", ".", "\n\n", "From ", " \n", "\t\n", "--"])
            .prop_map(str::to_owned),
        1 => "[a-z ]{900,1100}",
    ];
    vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

fn bytes() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![vec(any::<u8>(), 0..300), body().prop_map(String::into_bytes), Just(b".\r\n.\n\r.\r".to_vec())]
}

/// A name as people have them: no space at its ends, and no line ends.
fn name() -> impl Strategy<Value = String> {
    letters(4).prop_map(|name| name.split_whitespace().collect::<Vec<_>>().join(" "))
}

fn person() -> impl Strategy<Value = (String, String)> {
    (name(), "[a-z0-9!#$%&'*+/=?^_`{|}~-]{1,20}(\\.[a-z0-9]{1,9})?", "[a-z]{1,10}(\\.[a-z]{2,9}){1,2}")
        .prop_map(|(name, local, domain)| (name, format!("{local}@{domain}")))
}

fn plan() -> impl Strategy<Value = Plan> {
    let kinds = ["application/octet-stream", "text/plain", "text/csv", "image/png"];
    let attachment = (prop::sample::select(kinds.to_vec()), name().prop_map(|name| format!("{name}.bin")), bytes());
    (
        name(),
        person(),
        vec(person(), 1..4),
        vec(person(), 0..3),
        vec(person(), 0..2),
        (proptest::option::of(body()), proptest::option::of(body())),
        vec(attachment, 0..3),
    )
        .prop_map(|(subject, from, to, cc, bcc, (text, html), attachments)| Plan {
            subject,
            from,
            to,
            cc,
            bcc,
            text: text.or_else(|| html.is_none().then(|| "文".to_owned())),
            html,
            attachments,
        })
}

fn builder(plan: &Plan) -> MessageBuilder<'static> {
    let mut builder = MessageBuilder::new().from(plan.from.clone()).to(plan.to.clone()).subject(plan.subject.clone());
    if !plan.cc.is_empty() {
        builder = builder.cc(plan.cc.clone());
    }
    if !plan.bcc.is_empty() {
        builder = builder.bcc(plan.bcc.clone());
    }
    if let Some(text) = &plan.text {
        builder = builder.text_body(text.clone());
    }
    if let Some(html) = &plan.html {
        builder = builder.html_body(html.clone());
    }
    for (kind, name, bytes) in &plan.attachments {
        builder = builder.attachment(*kind, name.clone(), bytes.clone());
    }
    builder
}

/// A part that a reader must find.
fn part(kind: &str, name: Option<&str>, bytes: &[u8]) -> Value {
    json!({"kind": kind, "name": name, "bytes": base64(bytes)})
}

/// What a reader must find, and the message in which he looks for it.
fn question(plan: &Plan, message: &Message) -> Value {
    let texts = [("text/plain", &plan.text), ("text/html", &plan.html)].into_iter();
    let texts = texts.filter_map(|(kind, text)| Some(part(kind, None, text.as_ref()?.as_bytes())));
    let files = plan.attachments.iter().map(|(kind, name, bytes)| part(kind, Some(name.as_str()), bytes));
    let mut fields = vec!["from", "to", "subject", "message-id", "date", "mime-version", "content-type"];
    fields.extend((!plan.cc.is_empty()).then_some("cc"));
    let leaf = usize::from(plan.text.is_some()) + usize::from(plan.html.is_some()) + plan.attachments.len() == 1;
    fields.extend(leaf.then_some("content-transfer-encoding"));
    json!({
        "subject": plan.subject,
        "from": [plan.from],
        "to": plan.to,
        "cc": plan.cc,
        "fields": fields,
        "parts": texts.chain(files).collect::<Vec<_>>(),
        "message": base64(message.bytes()),
    })
}

/// `count` messages, each read by Python's `email` and compared field by field and part by part.
fn python_reads(count: usize, runner: &mut TestRunner) {
    let Some(mut python) = python("smtp_messages.py") else { return };
    let plans = plan();
    let mut questions = String::new();
    for _ in 0..count {
        let plan = plans.new_tree(runner).unwrap().current();
        let message = Message::new(&builder(&plan)).unwrap_or_else(|e| panic!("{e}: {plan:?}"));
        let mut to: Vec<String> = Vec::new();
        for (_, address) in plan.to.iter().chain(&plan.cc).chain(&plan.bcc) {
            if !to.contains(address) {
                to.push(address.clone());
            }
        }
        assert_eq!((&message.envelope().from, &message.envelope().to), (&plan.from.1, &to));
        questions += &format!("{}\n", question(&plan, &message));
    }
    let left = run(&mut python, questions.as_bytes());
    let said = String::from_utf8(left.out).unwrap();
    assert_eq!((left.status, said.trim()), (0, format!("checked {count}").as_str()), "{}", left.err);
}

#[test]
fn python_reads_what_we_build() {
    // Python reads some hundred a second, and each run of it has its limit.
    let (batches, of) = if support::peers() { (50, 100) } else { (1, 50) };
    std::thread::scope(|scope| {
        for seed in [1, 2] {
            scope.spawn(move || {
                let random = TestRng::from_seed(RngAlgorithm::ChaCha, &[seed; 32]);
                let mut runner = TestRunner::new_with_rng(ProptestConfig::default(), random);
                (0..batches).for_each(|_| python_reads(of, &mut runner));
            });
        }
    });
}

/// A page that shows a picture, the same as a text, and a file: parts within parts, each where mail programs look for it.
#[test]
fn python_reads_a_page_with_its_picture() {
    let Some(mut python) = python("smtp_messages.py") else { return };
    let (page, picture, paper) = ("<p>你好<img src=cid:logo@x>", &b"\x89PNG\r\n\x1a\n\0"[..], &b"%PDF\r.\n\0"[..]);
    let picture_part = MimePart::new("image/png", picture).inline().cid("logo@x");
    let related = MimePart::new("multipart/related", vec![MimePart::new("text/html", page), picture_part]);
    let either = MimePart::new("multipart/alternative", vec![MimePart::new("text/plain", "你好"), related]);
    let file = MimePart::new("application/pdf", paper).attachment("报告.pdf");
    let from = ("发件人", "a@example.com");
    let builder = MessageBuilder::new().from(from).to("b@example.com").subject("测试");
    let message = Message::new(&builder.body(MimePart::new("multipart/mixed", vec![either, file]))).unwrap();
    let question = json!({
        "subject": "测试", "from": [from], "to": [["", "b@example.com"]], "cc": [],
        "fields": ["from", "to", "subject", "message-id", "date", "mime-version", "content-type"],
        "parts": [
            part("text/plain", None, "你好".as_bytes()),
            part("text/html", None, page.as_bytes()),
            part("image/png", None, picture),
            part("application/pdf", Some("报告.pdf"), paper),
        ],
        "message": base64(message.bytes()),
    });
    let left = run(&mut python, question.to_string().as_bytes());
    assert_eq!((left.status, left.out.as_slice()), (0, &b"checked 1\n"[..]), "{}", left.text());
    let text = String::from_utf8_lossy(message.bytes());
    assert!(text.contains("Content-ID: <logo@x>\r\n") && text.contains("Content-Disposition: inline\r\n"), "{text}");
}

// ---- our client before servers of others ----

/// A certificate for this machine and its key, as files, and the trust in it: what a server of others shows.
fn certificate(folder: &Folder) -> Option<(PathBuf, PathBuf, Tls)> {
    let (key, cert) = (folder.path().join("key.pem"), folder.path().join("cert.pem"));
    let mut openssl = tool("openssl")?;
    openssl.args(["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"]);
    openssl.args(["-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout"]).arg(&key).arg("-out").arg(&cert);
    let made = run(&mut openssl, b"");
    assert_eq!(made.status, 0, "{}", made.err);
    let trust = Tls::trusting(&std::fs::read_to_string(&cert).unwrap()).unwrap();
    Some((cert, key, trust))
}

fn clear() -> Options {
    Options { starttls: StartTls::ReadableByAnyone, ..Options::default() }
}

fn with_tls(tls: &Tls) -> Options {
    Options { starttls: StartTls::Required(tls.clone()), ..Options::default() }
}

fn hello() -> MessageBuilder<'static> {
    MessageBuilder::new()
        .from(("发件人", "sender@example.com"))
        .to("receiver@example.com")
        .subject("测试邮件")
        .text_body("这是一封测试邮件")
        .attachment("text/plain", "报告.txt", ".\r\n.\n".as_bytes())
}

/// What is hard to bring through: dots, every line end, no end of the last line.
const HARD: &[u8] = b"Subject: hard\r\n\r\n.\r\n..\r\n.a\r\na\n.\nb\r.\rc\r\n\r\nMAIL FROM:<x@example.com>\r\n.end";
/// And how it must arrive.
const HARD_ARRIVES: &str =
    "Subject: hard\r\n\r\n.\r\n..\r\n.a\r\na\r\n.\r\nb\r\n.\r\nc\r\n\r\nMAIL FROM:<x@example.com>\r\n.end\r\n";

fn envelope(to: &[&str]) -> Envelope {
    Envelope { from: "sender@example.com".into(), to: to.iter().map(|to| (*to).to_owned()).collect() }
}

/// A server that cannot be asked for a free port: we find one; should somebody take it in between, we find another.
fn at_a_free_port(what: &str, start: impl Fn(u16) -> Option<Running>) -> Option<(Running, SocketAddr)> {
    for _ in 0..5 {
        let addr = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        if let Some(running) = start(addr.port()) {
            return Some((running, addr));
        }
    }
    panic!("{what} listens at the fifth port at the latest");
}

/// smtp-sink of Postfix. It says nothing when it listens; it greets.
fn sink(args: &[&str]) -> Option<(Running, SocketAddr)> {
    tool("smtp-sink")?;
    let timer = std::sync::mpsc::channel::<()>().1;
    at_a_free_port("smtp-sink", |port| {
        let mut command = tool("smtp-sink")?;
        if run(tool("id")?.arg("-u"), b"").out == b"0\n" {
            command.args(["-u", "nobody"]);
        }
        let mut running = Running::start(command.args(args).arg(format!("127.0.0.1:{port}")).arg("16"));
        let start = std::time::Instant::now();
        while start.elapsed() < LIMIT && running.is_running() {
            if std::net::TcpStream::connect(("127.0.0.1", port)).is_ok() {
                return Some(running);
            }
            // A foreign process has no other sign of being ready than its answer.
            let _ = timer.recv_timeout(Duration::from_millis(5));
        }
        None
    })
}

fn once(addr: SocketAddr) -> Result<()> {
    let mut smtp = Smtp::connect(&addr.into(), &clear())?;
    smtp.send(&hello())?;
    smtp.reset()?;
    smtp.noop()?;
    smtp.quit()
}

#[test]
fn smtp_sink_takes_all() {
    for args in [&["-c"][..], &["-p", "-8", "-e"]] {
        let Some((_running, addr)) = sink(args) else { return };
        let mut smtp = Smtp::connect(&addr.into(), &clear()).unwrap();
        assert_eq!(smtp.extensions().has("PIPELINING"), args.len() == 1);
        for _ in 0..100 {
            assert!(smtp.send(&hello()).unwrap().refused.is_empty());
        }
        smtp.send_to(&envelope(&["a@example.com"; 250]), HARD).unwrap();
        smtp.noop().unwrap();
        smtp.quit().unwrap();
    }
}

#[test]
fn smtp_sink_with_a_fault_at_each_command() {
    let commands = ["CONNECT", "EHLO", "MAIL", "RCPT", "DATA", ".", "RSET", "NOOP", "QUIT"];
    // Each is a process of its own. Faults -q and -Q leave PIPELINING on; the others turn it off.
    for (fault, command) in commands.iter().flat_map(|command| ["-f", "-r", "-q", "-Q"].map(|fault| (fault, *command)))
    {
        let Some((_running, addr)) = sink(&[fault, command]) else { return };
        let result = once(addr);
        match (fault, command, result) {
            ("-f", "EHLO", result) => result.unwrap(), // HELO does
            ("-f", _, Err(Error::Reply(reply))) => assert_eq!(reply.code / 100, 5, "{fault} {command}"),
            ("-r", _, Err(error @ Error::Reply(_))) => assert!(error.is_transient(), "{fault} {command}: {error}"),
            ("-q", ".", Err(Error::Other(_, cause))) => assert!(cause.is::<Unknown>(), "{cause}"),
            ("-q", _, Err(Error::Closed(_) | Error::Io(..))) if command != "." => {}
            ("-Q", ".", Err(Error::Reply(reply))) => assert_eq!(reply.code, 421),
            ("-Q", _, Err(Error::Reply(reply))) => assert_eq!(reply.code, 421, "{fault} {command}"),
            (_, _, other) => panic!("{fault} {command}: {other:?}"),
        }
    }
}

#[test]
fn smtp_sink_that_does_not_wait_for_the_dot() {
    let Some((_running, addr)) = sink(&["-A", "1"]) else { return };
    let mut smtp = Smtp::connect(&addr.into(), &clear()).unwrap();
    let error = smtp.send(&hello()).unwrap_err();
    assert!(matches!(&error, Error::Reply(reply) if reply.code == 550), "{error}");
    assert!(matches!(smtp.send(&hello()), Err(Error::Closed(_) | Error::Io(..))), "it has closed");
}

/// As whom only those may send who logged in; from others the message is taken as it comes.
const MEMBER: &str = "member@example.com";

/// Postfix with a configuration and folders of its own, that hands everything on to `next`.
struct Postfix {
    running: Running,
    addr: SocketAddr,
    folder: Folder,
}

fn postfix(next: SocketAddr, folder: Folder, (cert, key): (&PathBuf, &PathBuf)) -> Option<Postfix> {
    tool("postfix")?;
    if run(tool("id")?.arg("-u"), b"").out != b"0\n" {
        support::not_allowed("postfix", "only root can start it");
        return None;
    }
    let own = folder.path().display();
    std::fs::create_dir_all(folder.path().join("queue")).unwrap();
    std::fs::create_dir_all(folder.path().join("data")).unwrap();
    std::fs::create_dir_all(folder.path().join("sasl")).unwrap();
    assert_eq!(run(tool("chown")?.arg("postfix").arg(folder.path().join("data")), b"").status, 0);
    folder.file("main.cf", format!(
        "compatibility_level = 3.6\nqueue_directory = {own}/queue\ndata_directory = {own}/data\nmaillog_file = /dev/stdout\n\
         inet_interfaces = 127.0.0.1\ninet_protocols = ipv4\nmyhostname = postfix.example\nmydestination =\n\
         mynetworks = 127.0.0.0/8\nalias_maps =\nalias_database =\nrelayhost = [127.0.0.1]:{}\n\
         smtpd_tls_security_level = may\nsmtpd_tls_cert_file = {}\nsmtpd_tls_key_file = {}\nsmtp_tls_security_level = may\n\
         smtpd_recipient_restrictions = inline:{{{{nobody@example.com = reject}}}},\n \
         check_sender_access inline:{{{{{MEMBER} = permit_sasl_authenticated, reject}}}}, permit_mynetworks, reject\n\
         smtpd_sasl_auth_enable = yes\nsmtpd_tls_auth_only = yes\nsmtpd_sasl_local_domain = example.com\n\
         cyrus_sasl_config_path = {own}/sasl\nmessage_size_limit = 100000\n",
        next.port(), cert.display(), key.display()
    ));
    let users = folder.path().join("users.db");
    folder.file(
        "sasl/smtpd.conf", // where Debian looks, whatever main.cf says
        format!(
            "pwcheck_method: auxprop\nauxprop_plugin: sasldb\nsasldb_path: {}\nmech_list: PLAIN LOGIN\n",
            users.display()
        ),
    );
    let mut add = tool("saslpasswd2")?;
    let added = run(add.args(["-p", "-c", "-u", "example.com", "-f"]).arg(&users).arg("user"), b"password");
    assert_eq!((added.status, run(tool("chown")?.arg("postfix").arg(&users), b"").status), (0, 0), "{}", added.err);
    let service = |name: &str, kind: &str, private: &str, limit: &str, program: &str| {
        format!("{name} {kind} {private} - n {limit} {program}\n")
    };
    let services: String = [
        service("pickup", "unix", "n", "60 1", "pickup"),
        service("cleanup", "unix", "n", "- 0", "cleanup"),
        service("qmgr", "unix", "n", "300 1", "qmgr"),
        service("tlsmgr", "unix", "-", "1000? 1", "tlsmgr"),
        service("rewrite", "unix", "-", "- -", "trivial-rewrite"),
        service("bounce", "unix", "-", "- 0", "bounce"),
        service("defer", "unix", "-", "- 0", "bounce"),
        service("trace", "unix", "-", "- 0", "bounce"),
        service("smtp", "unix", "-", "- -", "smtp"),
        service("error", "unix", "-", "- -", "error"),
        service("retry", "unix", "-", "- -", "error"),
        service("proxymap", "unix", "-", "- -", "proxymap"),
        service("anvil", "unix", "-", "- 1", "anvil"),
        service("scache", "unix", "-", "- 1", "scache"),
        service("postlog", "unix-dgram", "n", "- 1", "postlogd"),
    ]
    .concat();
    let (running, addr) = at_a_free_port("Postfix", |port| {
        folder.file("master.cf", service(&format!("127.0.0.1:{port}"), "inet", "n", "- -", "smtpd") + &services);
        let running = Running::start(tool("postfix")?.arg("-c").arg(folder.path()).arg("start-fg"));
        let up = |said: &support::programs::Said| said.out.text().contains("daemon started");
        running.within(LIMIT, |said| said.ended() || up(said));
        running.said(|said| up(said)).then_some(running)
    })?;
    Some(Postfix { running, addr, folder })
}

impl Drop for Postfix {
    fn drop(&mut self) {
        let _ = tool("postfix").map(|mut postfix| run(postfix.arg("-c").arg(self.folder.path()).arg("stop"), b""));
    }
}

#[test]
fn postfix_takes_it_and_hands_it_to_our_lab() {
    let folder = Folder::new();
    let Some((cert, key, trust)) = certificate(&folder) else { return };
    let lab = lab::start(lab::Options::default()).unwrap();
    let Some(postfix) = postfix(lab.addr(), folder, (&cert, &key)) else { return };
    let target = postfix.addr.into();

    let mut smtp = Smtp::connect(&target, &with_tls(&trust)).unwrap();
    assert!(smtp.is_secure() && smtp.extensions().has("PIPELINING") && smtp.extensions().size() == Some(100_000));
    let message = Message::new(&hello()).unwrap();
    assert!(smtp.send_to(message.envelope(), message.bytes()).unwrap().refused.is_empty());
    let sent = smtp.send_to(&envelope(&["nobody@example.com", "a@example.com", "nobody@example.com"]), HARD).unwrap();
    let refused: Vec<(&str, u16)> = sent.refused.iter().map(|one| (one.address.as_str(), one.reply.code)).collect();
    assert_eq!(refused, [("nobody@example.com", 554); 2]);
    let error = smtp.send_to(&envelope(&["nobody@example.com"]), HARD).unwrap_err();
    assert!(matches!(&error, Error::Reply(reply) if reply.code == 554 && reply.lines.len() == 1), "{error}");
    let large = [&b"Subject: large\r\n\r\n"[..], &b"x\r\n".repeat(40_000)].concat();
    assert!(matches!(smtp.send_to(&envelope(&["a@example.com"]), &large), Err(Error::TooLong(_, 100_000))));
    let international = Envelope { from: "你@example.com".into(), to: vec!["好@example.com".into()] };
    smtp.send_to(&international, "Subject: 你好\r\n\r\n你好".as_bytes()).unwrap();
    smtp.quit().unwrap();
    for mechanism in ["PLAIN", "LOGIN"] {
        let mut smtp = Smtp::connect(&target, &with_tls(&trust)).unwrap();
        let mut login = |password| match mechanism {
            "PLAIN" => smtp.login("user", password),
            _ => smtp.login_by(&mut Login::new("user", password)),
        };
        let wrong = login("wrong").unwrap_err();
        assert!(matches!(&wrong, Error::Reply(reply) if reply.code == 535), "{mechanism}: {wrong}");
        login("password").unwrap();
        let member = Envelope { from: MEMBER.into(), ..envelope(&["a@example.com"]) };
        smtp.send_to(&member, format!("Subject: {mechanism}\r\n\r\nx").as_bytes()).unwrap();
        smtp.quit().unwrap();
    }
    // In the clear, when that is asked for by its name.
    let mut smtp = Smtp::connect(&target, &clear()).unwrap();
    assert!(!smtp.extensions().has_login("PLAIN"));
    smtp.send(&hello().subject_once("clear")).unwrap();
    let stranger = Envelope { from: MEMBER.into(), ..envelope(&["a@example.com"]) };
    let error = smtp.send_to(&stranger, HARD).unwrap_err();
    assert!(matches!(&error, Error::Reply(reply) if reply.code == 554), "{error}");
    smtp.quit().unwrap();
    // Nobody vouches for its certificate here.
    let error = Smtp::connect(&target, &with_tls(&tls::trust().unwrap())).unwrap_err();
    assert!(error.to_string().contains("certificate") || error.to_string().contains("authority"), "{error}");

    let all = |said: &support::programs::Said| said.out.text().matches("status=sent").count() >= 6;
    assert!(postfix.running.within(LIMIT, all), "{}", postfix.running.said(|said| said.out.text()));
    let inbox = lab.inbox();
    let arrived = |subject: &str| {
        inbox.iter().find(|mail| mail.subject() == subject).unwrap_or_else(|| panic!("{subject}: {inbox:?}"))
    };
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    // Postfix puts its own fields in front; behind them each byte is ours.
    assert!(text(&arrived("测试邮件").bytes).ends_with(&text(message.bytes())));
    assert!(arrived("测试邮件").secure);
    assert!(
        text(&arrived("hard").bytes).ends_with(&HARD_ARRIVES["Subject: hard\r\n".len()..]),
        "{:?}",
        arrived("hard")
    );
    assert_eq!(arrived("你好").to, ["好@example.com"]);
    assert_eq!([arrived("PLAIN"), arrived("LOGIN")].map(|mail| mail.from.as_str()), [MEMBER; 2]);
    assert_eq!(arrived("clear").parts()[1].bytes, b".\r\n.\n");
}

/// Exim's own user, whom this machine need not have: Exim sees an /etc/passwd of its own, and ends with the shell that is the
/// first process of its namespace.
const EXIM: &str = r#"
cp /etc/passwd /etc/group "$1"
echo "Debian-exim:x:61000:61000::$1:/bin/false" >>"$1/passwd"
echo "Debian-exim:x:61000:" >>"$1/group"
mount --bind "$1/passwd" /etc/passwd
mount --bind "$1/group" /etc/group
mkdir -p "$1/spool"
chown 61000:61000 "$1/spool" "$1/key.pem"
"$2" -C "$1/exim.conf" -bdf -v -oX "127.0.0.1.$3" &
wait
"#;

/// Exim, which takes mail over TLS from those who log in, and puts each message into a file of its own.
fn exim(folder: &Folder) -> Option<(Running, SocketAddr)> {
    let program = PathBuf::from(tool("exim4")?.get_program());
    let isolated = || {
        let mut command = tool("unshare")?;
        command.args(["--mount", "--pid", "--fork", "--kill-child", "sh", "-ec"]);
        Some(command)
    };
    let allowed = run(tool("id")?.arg("-u"), b"").out == b"0\n" && run(isolated()?.arg("true"), b"").status == 0;
    if !allowed {
        support::not_allowed("exim4", "only root can start it, in a view of the files of its own");
        return None;
    }
    let own = folder.path().display();
    folder.file(
        "exim.conf",
        format!(
            r#"
primary_hostname = exim.example
exim_path = {}
spool_directory = {own}/spool
log_file_path = {own}/spool/%slog
deliver_drop_privilege = true
keep_environment =
rfc1413_query_timeout = 0s
tls_advertise_hosts = *
tls_certificate = {own}/cert.pem
tls_privatekey = {own}/key.pem
auth_advertise_hosts = ${{if def:tls_in_cipher {{*}}{{}}}}
smtputf8_advertise_hosts = *
message_size_limit = 100000
acl_smtp_rcpt = recipient
acl_smtp_data = accept
begin acl
recipient:
  deny recipients = nobody@example.com
    message = 5.1.1 no such user
  accept authenticated = *
  deny message = 5.7.1 log in first
begin routers
all:
  driver = accept
  transport = box
begin transports
box:
  driver = appendfile
  directory = {own}/spool/box
  maildir_format
  use_crlf
begin authenticators
plain:
  driver = plaintext
  public_name = PLAIN
  server_condition = ${{if and{{{{eq{{$auth2}}{{user}}}}{{eq{{$auth3}}{{password}}}}}}}}
login:
  driver = plaintext
  public_name = LOGIN
  server_prompts = Username:: : Password::
  server_condition = ${{if and{{{{eq{{$auth1}}{{user}}}}{{eq{{$auth2}}{{password}}}}}}}}
"#,
            program.display()
        ),
    );
    at_a_free_port("Exim", |port| {
        let mut command = isolated()?;
        let running = Running::start(command.args([EXIM, "sh"]).arg(folder.path()).arg(&program).arg(port.to_string()));
        let up = |said: &support::programs::Said| said.err.text().contains("listening for SMTP on");
        let taken = |said: &support::programs::Said| said.err.text().contains("Address already in use");
        running.within(LIMIT, |said| said.ended() || up(said) || taken(said));
        running.said(|said| up(said)).then_some(running)
    })
}

#[test]
fn exim_with_starttls_and_auth_writes_it_to_files() {
    let folder = Folder::new();
    let Some((_, _, trust)) = certificate(&folder) else { return };
    let Some((running, addr)) = exim(&folder) else { return };
    let connect = |options| Smtp::connect(&addr.into(), &options).unwrap();
    // Nobody who did not log in, and nobody in the clear.
    for options in [clear(), with_tls(&trust)] {
        let mut smtp = connect(options);
        assert_eq!(
            (smtp.is_secure(), smtp.is_secure()),
            (smtp.extensions().has_login("PLAIN"), !smtp.extensions().has("STARTTLS"))
        );
        let error = smtp.send(&hello()).unwrap_err();
        assert!(matches!(&error, Error::Reply(reply) if reply.code == 550), "{error}");
        smtp.quit().unwrap();
    }
    let mut smtp = connect(with_tls(&trust));
    let wrong = smtp.login("user", "wrong").unwrap_err();
    assert!(matches!(&wrong, Error::Reply(reply) if reply.code == 535), "{wrong}");
    smtp.login("user", "password").unwrap();
    let message = Message::new(&hello()).unwrap();
    smtp.send_to(message.envelope(), message.bytes()).unwrap();
    let sent = smtp.send_to(&envelope(&["nobody@example.com", "a@example.com"]), HARD).unwrap();
    assert_eq!((sent.refused.len(), sent.refused[0].reply.code), (1, 550));
    let large = [&b"Subject: large\r\n\r\n"[..], &b"x\r\n".repeat(40_000)].concat();
    assert!(matches!(smtp.send_to(&envelope(&["a@example.com"]), &large), Err(Error::TooLong(_, 100_000))));
    smtp.quit().unwrap();
    let mut smtp = connect(with_tls(&trust));
    smtp.login_by(&mut Login::new("user", "password")).unwrap();
    let international = Envelope { from: "你@example.com".into(), to: vec!["好@example.com".into()] };
    let utf8 = "Subject: 你好\r\n\r\n你好\r\n";
    smtp.send_to(&international, utf8.as_bytes()).unwrap();
    smtp.quit().unwrap();

    let all = |said: &support::programs::Said| said.err.text().matches("Completed").count() == 3;
    assert!(running.within(LIMIT, all), "{}", running.said(|said| said.err.text()));
    let files = std::fs::read_dir(folder.path().join("spool/box/new")).unwrap();
    let boxed: Vec<Vec<u8>> = files.map(|file| std::fs::read(file.unwrap().path()).unwrap()).collect();
    assert_eq!(boxed.len(), 3);
    for ours in [message.bytes(), HARD_ARRIVES.as_bytes(), utf8.as_bytes()] {
        // Exim puts its own fields in front; behind them each byte is ours.
        assert!(boxed.iter().any(|file| file.ends_with(ours)), "{:?}", String::from_utf8_lossy(ours));
    }
}

/// `hello` has a subject already: mail-builder would write both.
trait SubjectOnce {
    fn subject_once(self, subject: &'static str) -> Self;
}

impl SubjectOnce for MessageBuilder<'static> {
    fn subject_once(mut self, subject: &'static str) -> Self {
        self.headers.retain(|(name, _)| name != "Subject");
        self.subject(subject)
    }
}

fn aiosmtpd(modes: &[&str], cert: &PathBuf, key: &PathBuf) -> Option<Running> {
    let mut command = python_with("aiosmtpd", "smtp_server.py")?;
    let running = Running::start(command.arg(cert).arg(key).args(modes).env("PYTHONWARNINGS", "ignore"));
    running.within(LIMIT, |said| said.ended() || said.out.text().contains('\n'));
    Some(running)
}

#[test]
fn aiosmtpd_with_starttls_and_auth() {
    let folder = Folder::new();
    let Some((cert, key, trust)) = certificate(&folder) else { return };
    for modes in [&[][..], &["login-only"], &["at-once"]] {
        let Some(server) = aiosmtpd(modes, &cert, &key) else { return };
        let at_once = modes.contains(&"at-once");
        let options = match at_once {
            true => Options { dial: Dial { tls: Some(trust.clone()), ..Dial::default() }, ..clear() },
            false => with_tls(&trust),
        };
        let addr = support::programs::address(server.said(|said| said.out.text()).lines().next().unwrap());
        let mut smtp = Smtp::connect(&addr.into(), &options).unwrap();
        let refused = smtp.send(&hello()).unwrap_err();
        assert!(matches!(&refused, Error::Reply(reply) if reply.code == 530), "{refused}");
        let wrong = smtp.login("user", "wrong").unwrap_err();
        assert!(matches!(&wrong, Error::Reply(reply) if reply.code == 535), "{wrong}");
        smtp.login_by(&mut Login::new("user", "password")).unwrap();
        let sent = smtp.send_to(&envelope(&["a@example.com", "nobody@example.com"]), HARD).unwrap();
        assert_eq!((sent.refused.len(), sent.refused[0].reply.code), (1, 550));
        smtp.quit().unwrap();
        let mut smtp = Smtp::connect(&addr.into(), &options).unwrap();
        smtp.login("user", "password").unwrap();
        smtp.send(&hello()).unwrap();
        smtp.quit().unwrap();
        assert!(server.within(LIMIT, |said| said.out.text().matches('\n').count() == 3));
        let seen: Vec<Value> = server
            .said(|said| said.out.text())
            .lines()
            .skip(1)
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        let session = (&seen[0]["to"], &seen[0]["user"], &seen[0]["tls"]);
        // It does not know of TLS that began before it was asked.
        assert_eq!(session, (&json!(["a@example.com"]), &json!("user"), &json!(!at_once)));
        let content = |n: usize| parse_base64(seen[n]["content"].as_str().unwrap()).unwrap();
        assert_eq!(String::from_utf8(content(0)).unwrap(), HARD_ARRIVES);
        assert!(String::from_utf8_lossy(&content(1)).starts_with("From: =?utf-8?"));
    }
}

// ---- clients of others before our lab ----

fn lab(wrong: Vec<Wrong>, when: When) -> Lab {
    lab::start(lab::Options { wrong, tls: when, ..lab::Options::default() }).unwrap()
}

fn ca(folder: &Folder) -> PathBuf {
    folder.file("ca.pem", tls::ca_pem().unwrap())
}

#[test]
fn smtplib_with_the_calls_of_the_usual_listing() {
    let folder = Folder::new();
    let lab = lab(vec![Wrong::RefusesRecipients(vec!["nobody@example.com".into()])], When::Offered(Certificate::Good));
    let Some(mut python) = python("smtp_send.py") else { return };
    let left = run(python.args(["localhost", &lab.addr().port().to_string()]).arg(ca(&folder)), b"");
    assert_eq!(left.status, 0, "{}", left.err);
    let seen: Value = serde_json::from_slice(&left.out).unwrap();
    let features = ["8bitmime", "enhancedstatuscodes", "pipelining", "size", "smtputf8"];
    assert_eq!(seen["plain features"], json!([&features[..], &["starttls"]].concat()));
    assert_eq!(seen["tls features"], json!([&["8bitmime", "auth"][..], &features[1..]].concat()));
    let codes = ["ehlo", "wrong", "login", "noop", "verify", "rset", "quit"]
        .map(|name| seen[name].as_u64().or_else(|| seen[name][0].as_u64()).unwrap_or_default());
    assert_eq!(codes, [250, 535, 235, 250, 252, 250, 221], "{seen}");
    assert_eq!(
        (&seen["refused"], &seen["all refused"]),
        (&json!({"nobody@example.com": 550}), &json!({"nobody@example.com": 550}))
    );
    let inbox = lab.inbox();
    let usual = &inbox[0];
    assert_eq!((usual.subject().as_str(), usual.sender().as_str()), ("测试邮件", "sender@example.com"));
    assert_eq!((usual.parts()[0].text().as_str(), usual.parts()[0].kind.as_str()), ("这是一封测试邮件", "text/plain"));
    assert_eq!((usual.secure, usual.user.as_deref()), (true, Some("user")));
    assert_eq!(inbox[1].bytes, b"Subject: x\r\n\r\n.\r\n..\r\nend.\r\n");
    assert_eq!((inbox[2].to[0].as_str(), inbox[2].subject().as_str(), inbox.len()), ("好@example.com", "你好", 3));
}

/// swaks, where it can speak TLS: Perl has that in a package of its own.
fn swaks() -> Option<std::process::Command> {
    let mut swaks = tool("swaks")?;
    let able = run(swaks.arg("--support"), b"").text().contains("=== TLS supported");
    if !able {
        support::missing("swaks", "this Perl has no Net::SSLeay");
    }
    able.then(|| tool("swaks"))?
}

#[test]
fn curl_and_swaks_send_and_are_told() {
    let folder = Folder::new();
    let (ca, letter) = (ca(&folder), folder.file("letter.eml", HARD_ARRIVES.replace("hard", "by curl")));
    let refuses = || vec![Wrong::RefusesRecipients(vec!["nobody@example.com".into()])];
    for when in [When::Offered(Certificate::Good), When::AtOnce(Certificate::Good)] {
        let lab = lab(refuses(), when);
        let at_once = when == When::AtOnce(Certificate::Good);
        let addr = lab.addr();
        if let Some(mut curl) = tool("curl") {
            let scheme = if at_once { "smtps" } else { "smtp" };
            curl.args(["--silent", "--show-error", "--noproxy", "*", "--ssl-reqd", "--cacert"]).arg(&ca);
            curl.args([&format!("{scheme}://localhost:{}/me", addr.port()), "--user", "user:password"]);
            curl.args(["--mail-from", "a@example.com", "--mail-rcpt", "b@example.com", "--mail-rcpt", "c@example.com"]);
            let left = run(curl.arg("--upload-file").arg(&letter), b"");
            assert_eq!(left.status, 0, "{}", left.text());
            let mail = lab.inbox().pop().unwrap();
            assert_eq!((mail.subject().as_str(), mail.to.len(), mail.user.as_deref()), ("by curl", 2, Some("user")));
            assert_eq!(String::from_utf8_lossy(&mail.bytes), HARD_ARRIVES.replace("hard", "by curl"));
        }
        if let Some(mut swaks) = swaks() {
            let port = addr.port().to_string();
            swaks.args(["--server", "127.0.0.1", "--port", &port, "--from", "a@example.com", "--to", "b@example.com"]);
            swaks.args([if at_once { "--tls-on-connect" } else { "-tls" }, "--tls-verify", "--tls-ca-path"]).arg(&ca);
            swaks.args(["--auth", "LOGIN", "--auth-user", "user", "--auth-password", "password", "--ehlo", "me"]);
            swaks.args(["--header", "Subject: by swaks", "--body", ".\n..\nend"]);
            let left = run(&mut swaks, b"");
            assert_eq!(left.status, 0, "{}", left.text());
            let mail = lab.inbox().pop().unwrap();
            assert_eq!((mail.subject().as_str(), mail.secure), ("by swaks", true));
            assert!(mail.parts()[0].text().trim_end().ends_with(".\n..\nend"), "{mail:?}");
        }
        if let Some(mut swaks) = swaks() {
            let port = addr.port().to_string();
            swaks.args([
                "--server",
                "127.0.0.1",
                "--port",
                &port,
                "--from",
                "a@example.com",
                "--to",
                "nobody@example.com",
            ]);
            swaks.args([if at_once { "--tls-on-connect" } else { "-tls" }, "--ehlo", "me"]);
            let left = run(&mut swaks, b"");
            assert!(left.status != 0 && left.text().contains("550 5.1.1"), "{}", left.text());
        }
    }
}

#[test]
fn smtp_source_sends_many() {
    let Some(mut source) = tool("smtp-source") else { return };
    let lab = lab(Vec::new(), When::Never);
    let left =
        run(source.args(["-m", "200", "-s", "4", "-l", "1024", &format!("127.0.0.1:{}", lab.addr().port())]), b"");
    assert_eq!((left.status, lab.inbox().len()), (0, 200), "{}", left.text());
}
