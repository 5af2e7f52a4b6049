//! FTP: our client against our lab, and against peers that lie, stall and leave.

use crate::support;

use netprimer::dial::Dial;
use netprimer::encode::ftp_time;
use netprimer::ftp::wire::{
    announced, parse_epsv, parse_pasv, parse_quoted, parse_size, parse_time, port_command, quoted,
};
use netprimer::ftp::{Entry, Ftp, Mode, Options, SessionReuse, Type, local_name};
use netprimer::lab::ftp::{self as lab, Lab, Wrong};
use netprimer::lab::script::{self, Script, Step};
use netprimer::lab::tls::{self, Acceptor, Certificate, Version};
use netprimer::stream::Tcp;
use netprimer::text::TextConn;
use netprimer::trace::{Side, Transcript};
use netprimer::{Deadline, Error, Reply};
use std::error::Error as _;
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};
use support::files::Folder;
use support::{LIMIT, sockets};

/// Sizes around those of our pieces, and none.
const SIZES: [usize; 6] = [0, 1, 65_535, 65_536, 65_537, 1 << 20];

fn bytes(length: usize) -> Vec<u8> {
    (0..length).map(|n| (n * 31 % 251) as u8).collect()
}

fn lab(options: lab::Options) -> Lab {
    lab::start(options).unwrap()
}

fn plain() -> Lab {
    lab(lab::Options::default())
}

fn wrong(wrong: Wrong) -> Lab {
    lab(lab::Options { wrong: vec![wrong], ..lab::Options::default() })
}

fn secure(version: Version) -> lab::Options {
    lab::Options { tls: Some(Acceptor::only(Certificate::Good, version).unwrap()), ..lab::Options::default() }
}

/// In, as the user who may do everything.
fn login(lab: &Lab) -> Ftp {
    login_with(lab, Options::default())
}

fn login_with(lab: &Lab, options: Options) -> Ftp {
    let mut ftp = Ftp::connect_with(lab.addr(), options).unwrap();
    ftp.login("username", "password").unwrap();
    ftp
}

/// To and fro, and every name as it is.
fn everyday(ftp: &mut Ftp, lab: &Lab) {
    let folder = Folder::new();
    for size in SIZES {
        let local = folder.file("up", bytes(size));
        assert_eq!(ftp.store(&local, "file").unwrap(), size as u64);
        assert!(lab.files()["/file"] == bytes(size), "{size}");
        let copy = folder.path().join("down");
        assert_eq!(ftp.fetch("file", &copy).unwrap(), size as u64);
        assert!(fs::read(&copy).unwrap() == bytes(size), "{size}");
    }
    for name in ["two words", " begins", "ends ", "\"quoted\"", "你好.txt", "-a", "a;b=c", "100%"] {
        assert_eq!(ftp.stor(name, &mut name.as_bytes()).unwrap(), name.len() as u64);
        let mut back = Vec::new();
        ftp.retr(name, &mut back).unwrap();
        assert_eq!(back, name.as_bytes());
        assert!(ftp.nlst("").unwrap().contains(&name.to_owned()), "{name:?}");
        let entry = ftp.mlsd("").unwrap().into_iter().find(|entry| entry.name == name).unwrap();
        assert_eq!(entry.size(), Some(name.len() as u64));
        ftp.delete(name).unwrap();
    }
    assert_eq!(lab.files().len(), 1);
    ftp.delete("file").unwrap();
}

#[test]
fn to_and_fro() {
    let lab = plain();
    let mut ftp = login(&lab);
    everyday(&mut ftp, &lab);
    ftp.quit().unwrap();
}

#[test]
fn to_and_fro_over_tls() {
    for version in [Version::V1_2, Version::V1_3] {
        let lab = lab(secure(version));
        let mut ftp = Ftp::connect(lab.addr()).unwrap().secure(&tls::trust().unwrap()).unwrap();
        ftp.login("username", "password").unwrap();
        everyday(&mut ftp, &lab);
        ftp.quit().unwrap();
    }
}

#[test]
fn to_and_fro_in_other_ways() {
    let active = Options { mode: Mode::Active, ..Options::default() };
    let lab = plain();
    everyday(&mut login_with(&lab, active.clone()), &lab);
    let lab = wrong(Wrong::NoEpsv);
    everyday(&mut login(&lab), &lab);
    let lab = wrong(Wrong::NoSize);
    everyday(&mut login(&lab), &lab);
    let lab = self::lab(secure(Version::V1_3));
    let mut ftp = Ftp::connect_with(lab.addr(), active).unwrap().secure(&tls::trust().unwrap()).unwrap();
    ftp.login("username", "password").unwrap();
    everyday(&mut ftp, &lab);
}

#[test]
fn files_and_folders() {
    let lab = plain();
    let mut ftp = login(&lab);
    assert!(ftp.greeting().code == 220 && !ftp.is_secure());
    ftp.mkdir("fol \"d\" 你").unwrap();
    ftp.cwd("fol \"d\" 你").unwrap();
    assert_eq!(ftp.pwd().unwrap(), "/fol \"d\" 你");
    // A part of a file, and what is behind it.
    let all = bytes(1_000);
    assert_eq!(ftp.stor("a", &mut &all[..60]).unwrap(), 60);
    assert_eq!(ftp.stor_from("a", 60, &mut &all[60..300]).unwrap(), 240);
    assert_eq!(ftp.appe("a", &mut &all[300..]).unwrap(), 700);
    assert!(lab.files()["/fol \"d\" 你/a"] == all);
    let mut rest = Vec::new();
    assert_eq!(ftp.retr_from("a", 990, &mut rest).unwrap(), 10);
    assert_eq!((rest, ftp.size("a").unwrap()), (all[990..].to_vec(), 1_000));
    ftp.rename("a", "b").unwrap();
    assert_eq!(ftp.mlsd("").unwrap()[0].modified(), Some(ftp.mdtm("b").unwrap()));
    assert!(ftp.list("").unwrap()[0].ends_with(" b"));
    assert!(matches!(ftp.rmdir("../fol \"d\" 你"), Err(Error::Reply(reply)) if reply.code == 550), "not empty");
    ftp.delete("b").unwrap();
    ftp.cwd("..").unwrap();
    ftp.rmdir("fol \"d\" 你").unwrap();
    assert_eq!((ftp.pwd().unwrap(), ftp.nlst("").unwrap().len()), ("/".into(), 0));
    assert!(ftp.feat().unwrap().contains(&"REST STREAM".to_owned()));
    assert_eq!(ftp.command("SYST").unwrap().code, 215);
    ftp.noop().unwrap();
    ftp.quit().unwrap();
}

#[test]
fn text_has_the_line_ends_of_its_side() {
    let lab = plain();
    let mut ftp = login(&lab);
    ftp.set_type(Type::Ascii);
    ftp.stor("text", &mut &b"one\ntwo\n"[..]).unwrap();
    assert_eq!(lab.files()["/text"], b"one\ntwo\n");
    let mut text = Vec::new();
    ftp.retr("text", &mut text).unwrap();
    assert_eq!(text, b"one\ntwo\n");
    assert_eq!(ftp.lines("RETR text").unwrap(), ["one", "two"]);
    // The type that was said by hand is not the one that the client remembers.
    ftp.set_type(Type::Image);
    for by_hand in ["NOOP", "TYPE A", "type a"] {
        ftp.command(by_hand).unwrap();
        let mut file = Vec::new();
        assert_eq!((ftp.retr("text", &mut file).unwrap(), file), (8, b"one\ntwo\n".to_vec()), "{by_hand}");
    }
}

// ---- what stands in replies ----

fn reply(code: u16, text: &str) -> Reply {
    Reply { code, lines: vec![text.into()] }
}

#[test]
fn addresses_in_replies() {
    let here = Ipv4Addr::LOCALHOST;
    for (text, wanted) in [
        ("Entering Passive Mode (127,0,0,1,156,64).", Some((here, 40_000))),
        ("Entering Passive Mode 127,0,0,1,156,64", Some((here, 40_000))),
        ("=127,0,0,1,0,1", Some((here, 1))),
        ("(0,0,0,0,255,255)", Some((Ipv4Addr::UNSPECIFIED, 65_535))),
        ("(127,0,0,1,156)", None),
        ("(127,0,0,1,156,64,1)", None),
        ("(1216,256,2,127,127,127)", None),
        ("(127,0,0,1,0,0)", None),
        ("(127,0,0,1,-1,64)", None),
        ("(127, 0, 0, 1, 156, 64)", None),
        ("(+127,0,0,1,156,64)", Some((Ipv4Addr::new(127, 0, 0, 1), 40_000))),
        ("nothing", None),
        ("", None),
    ] {
        assert_eq!(parse_pasv(&reply(227, text)).ok(), wanted, "{text}");
    }
    for (text, wanted) in [
        ("Entering Extended Passive Mode (|||40000|)", Some(40_000)),
        ("(!!!2000!)", Some(2_000)),
        ("(|1|10.0.0.1|2000|)", Some(2_000)),
        ("(|||65535|)", Some(65_535)),
        ("(|||0|)", None),
        ("(|||65536|)", None),
        ("(|||1000000|)", None),
        ("(|||+21|)", None),
        ("(|||21)", None),
        ("(||21|)", None),
        ("(||||21|)", None),
        ("(|!|21|)", None),
        ("(11121)", None),
        ("(   2000 )", None),
        ("|||2000|", None),
        ("(|||2000|", None),
        ("()", None),
        ("", None),
    ] {
        assert_eq!(parse_epsv(&reply(229, text)).ok(), wanted, "{text}");
    }
    assert_eq!(port_command("127.0.0.1:40000".parse().unwrap()), "PORT 127,0,0,1,156,64");
    assert_eq!(port_command("[::1]:40000".parse().unwrap()), "EPRT |2|::1|40000|");
    assert_eq!(port_command("[::ffff:127.0.0.1]:40000".parse().unwrap()), "PORT 127,0,0,1,156,64");
}

#[test]
fn names_sizes_and_times_in_replies() {
    for (text, wanted) in [
        ("\"/\" is it", Some("/")),
        ("\"/a \"\"b\"\" c\" is it", Some("/a \"b\" c")),
        ("\"/a\"", Some("/a")),
        ("\"/a \"b\" c\" with quotes that should be two", Some("/a \"b\" c")),
        ("\"\" is it", None),
        ("\"/a", None),
        ("\"/a\"b", None),
        ("/a", None),
        ("\"/a\u{1b}[2J\"", None),
        ("\"/a\rb\"", None),
    ] {
        assert_eq!(parse_quoted(&reply(257, text)).ok().as_deref(), wanted, "{text}");
    }
    assert_eq!(parse_quoted(&reply(257, &quoted("a\"b\""))).unwrap(), "a\"b\"");
    for (text, wanted) in [
        ("0", Some(0)),
        ("18446744073709551615", Some(u64::MAX)),
        ("18446744073709551616", None),
        ("-1", None),
        ("+1", None),
        ("1 byte", None),
        ("", None),
    ] {
        assert_eq!(parse_size(&reply(213, text)).ok(), wanted, "{text}");
    }
    for (text, wanted) in [
        ("20240229235959", Some("20240229235959")),
        ("20240229235959.123", Some("20240229235959")),
        ("2003040a102659", None),
        ("20030401026590", None),
        ("20240230000000", None),
        ("19691231235959", None),
        ("2024", None),
        ("20240229235959.", None),
        ("２０２４０２２９", None),
    ] {
        assert_eq!(parse_time(&reply(213, text)).ok().map(ftp_time).as_deref(), wanted, "{text}");
    }
    for (text, wanted) in [
        ("for x (6 bytes).", Some(6)),
        ("for x(y) (0 bytes)", Some(0)),
        ("for x", None),
        ("(six bytes)", None),
        ("( bytes)", None),
    ] {
        assert_eq!(announced(&reply(150, text)), wanted, "{text}");
    }
}

#[test]
fn lines_of_mlsd() {
    let entry = Entry::parse("Type=FILE;SIZE=12;Modify=20240229235959.5;x.y==; a ; b").unwrap();
    assert_eq!(
        (entry.name.as_str(), entry.size(), entry.is_file(), entry.is_folder()),
        ("a ; b", Some(12), true, false)
    );
    assert_eq!((entry.fact("x.y"), entry.modified().map(ftp_time).as_deref()), (Some("="), Some("20240229235959")));
    assert_eq!(entry.facts, "Type=FILE;SIZE=12;Modify=20240229235959.5;x.y==;", "as long as it came");
    assert_eq!(Entry::parse(" nameless facts").unwrap().facts, "");
    assert_eq!(Entry::parse("size=18446744073709551616; a").unwrap().size(), None);
    for line in ["", "a", "type=file a", "type=file; ", "type; a", "type=file;size=1 a"] {
        assert!(matches!(Entry::parse(line), Err(Error::Protocol(_))), "{line:?}");
    }
    assert_eq!(Entry::parse("type=dir; \u{1b}[2J").unwrap().to_string().matches('\u{1b}').count(), 0);
}

/// What a server must not be able to do with a name (CVE-2014-4877, CVE-2018-10916).
#[test]
fn names_that_lead_elsewhere_are_no_names_for_files() {
    for name in
        ["../x", "/etc/passwd", "a/b", "..", ".", "", "a\\b", "C:x", "-rf", "a\u{1b}[2Jb", "a\rb", "a\nb", "a\0b"]
    {
        assert!(matches!(local_name(name), Err(Error::Protocol(_))), "{name:?}");
    }
    for name in ["a", "...", "你好 .txt", "a-b", " ", "a\"b"] {
        assert_eq!(local_name(name).unwrap(), name);
    }
}

#[test]
fn what_the_lab_shows() {
    let lab = plain();
    for name in ["film.part", ".hidden", "a.part.txt"] {
        lab.put(name, "x").unwrap();
    }
    assert_eq!(lab.files().into_keys().collect::<Vec<_>>(), ["/.hidden", "/a.part.txt", "/film.part"]);
}

// ---- servers that lie, stall and leave ----

/// A control connection as it always begins, and then this.
fn liar(then: impl IntoIterator<Item = Step>) -> Script {
    script::play([Step::say("220 ready\r\n")].into_iter().chain(then)).unwrap()
}

/// For data connections where nothing is to come; replies do come, and may be late on a machine that is busy with other things.
fn quick() -> Options {
    let connect = Duration::from_secs(2); // also for a server that is to connect to us
    Options { dial: Dial { connect, ..Dial::default() }, data: Duration::from_millis(300), ..Options::default() }
}

/// For replies that do not come.
fn impatient() -> Options {
    let reply = Duration::from_millis(300);
    Options { dial: Dial { reply, ..Dial::default() }, ..Options::default() }
}

fn to(script: &Script) -> Ftp {
    Ftp::connect(script.addr()).unwrap()
}

/// A turn: the command that must come, and the reply to it.
fn turn(command: &str, reply: &str) -> [Step; 2] {
    [Step::hear(format!("{command}\r\n")), Step::say(format!("{reply}\r\n"))]
}

/// What a server says to RETR a, with its data connection at `data`; `last` comes at once.
fn retr(data: &Script, last: &str) -> Vec<Step> {
    let port = data.addr().port();
    let mut steps = Vec::new();
    steps.extend(turn("TYPE I", "200 ok"));
    steps.extend(turn("EPSV", &format!("229 (|||{port}|)")));
    steps.extend(turn("RETR a", format!("150 here\r\n{last}").trim_end()));
    steps
}

fn data(bytes: &str) -> Script {
    script::play([Step::say(bytes), Step::Finish, Step::HearEnd]).unwrap()
}

pub fn replies_that_are_none() {
    let endless = "230-on and on\r\n".repeat(600);
    let broad = format!("230-{}\r\n", "x".repeat(4_000)).repeat(20);
    for (said, wanted) in [
        ("220 no end", "Timeout"),
        ("", "Timeout"),
        ("hello\r\n", "Protocol"),
        ("633 x\r\n", "Protocol"),
        ("22 x\r\n", "Protocol"),
        ("220 x\n", "Protocol"),
        ("220 a\0b\r\n", "Protocol"),
        ("220-a\r\n221 b\r\n", "Protocol"),
        (&format!("220 {}\r\n", "x".repeat(17_000)), "TooLong"),
        (&endless, "TooLong"),
        (&broad, "TooLong"),
        ("421 not now\r\n", "Reply"),
        ("530 not you\r\n", "Reply"),
        ("120 soon\r\n", "Timeout"),
    ] {
        let peer = script::play([Step::say(said), Step::Hold]).unwrap();
        let options = if wanted == "Timeout" { impatient() } else { Options::default() };
        let error = Ftp::connect_with(peer.addr(), options).unwrap_err();
        assert!(format!("{error:?}").starts_with(wanted), "{said:.40?}: {error:?}");
    }
    let peer =
        script::play([Step::say("120 soon\r\n220-now\r\n 220 is not the end\r\n220 ready\r\n"), Step::Hold]).unwrap();
    assert_eq!(Ftp::connect(peer.addr()).unwrap().greeting().lines.len(), 3);
    let peer = script::play([Step::say("220-never"), Step::Slam]).unwrap();
    assert!(matches!(Ftp::connect(peer.addr()), Err(Error::Closed(_) | Error::Io(..))));
    let drip = script::play([Step::Drip(b"220-a\r\n".repeat(100), Duration::from_millis(50))]).unwrap();
    let start = Instant::now();
    assert!(matches!(Ftp::connect_with(drip.addr(), impatient()), Err(Error::Timeout(_))));
    assert!(start.elapsed() < LIMIT, "{:?}", start.elapsed());
}

#[test]
fn a_client_that_lost_count_says_so() {
    // A reply too many, in the same packet or by itself.
    let peer = liar([turn("NOOP", "200 yes\r\n200 yes")].concat().into_iter().chain([Step::Hold]));
    let mut ftp = to(&peer);
    ftp.noop().unwrap();
    let error = ftp.pwd().unwrap_err();
    assert!(error.to_string().contains("spoke before PWD was sent"), "{error}");
    assert!(ftp.unusable().is_some());
    assert!(matches!(ftp.noop(), Err(Error::Closed(_))));
    // By itself: its code is not the one that EPSV has, nor that of a refusal.
    for stray in ["200 yes", "226 done", "150 here"] {
        let begin = [turn("TYPE I", "200 ok").to_vec(), vec![Step::say(format!("{stray}\r\n"))]];
        let peer = liar(begin.concat().into_iter().chain(turn("EPSV", "229 (|||40000|)")).chain([Step::Hold]));
        let mut ftp = to(&peer);
        let error = ftp.retr("a", &mut io::sink()).unwrap_err();
        assert!(matches!(error, Error::Protocol(_)) && ftp.unusable().is_some(), "{stray}: {error:?}");
    }
    // A second reply to a transfer, which comes when the client is about to begin another.
    let file = data("Hello");
    let late = [Step::say("226 done\r\n")].into_iter().chain(turn("EPSV", "229 (|||40000|)"));
    let peer = liar(retr(&file, "226 done").into_iter().chain(turn("SIZE a", "213 5")).chain(late).chain([Step::Hold]));
    let mut ftp = to(&peer);
    ftp.retr("a", &mut io::sink()).unwrap();
    assert!(matches!(ftp.retr("a", &mut io::sink()), Err(Error::Protocol(_))));
    assert!(ftp.unusable().is_some());
    // One that waits, before a command with a reply like that of many.
    let peer = liar([turn("NOOP", "200 yes").to_vec(), vec![Step::say("200 yes\r\n"), Step::Hold]].concat());
    let mut ftp = to(&peer);
    ftp.noop().unwrap();
    let start = Instant::now();
    while peer.wire().sent_by(Side::Server).len() < "220 ready\r\n200 yes\r\n200 yes\r\n".len() {
        assert!(start.elapsed() < LIMIT);
        std::thread::yield_now();
    }
    assert!(matches!(ftp.delete("a"), Err(Error::Protocol(_))) && ftp.unusable().is_some());
    assert_eq!(peer.wire().sent_by(Side::Client), b"NOOP\r\n", "nothing was deleted");
    // A goodbye while nobody asked.
    let peer = script::play([Step::say("220 ready\r\n421 idle for too long\r\n"), Step::Hold]).unwrap();
    let mut ftp = to(&peer);
    assert!(matches!(ftp.noop(), Err(Error::Reply(reply)) if reply.code == 421));
    assert!(ftp.unusable().is_some());
}

/// Whatever comes later would be taken for another's reply.
pub fn after_a_silence_nothing_more_is_said() {
    let peer = liar([Step::HearLine, Step::Wait(LIMIT)]);
    // The greeting has this time, too.
    let dial = Dial { reply: Duration::from_secs(5), ..Dial::default() };
    let mut ftp = Ftp::connect_with(peer.addr(), Options { dial, ..Options::default() }).unwrap();
    assert!(matches!(ftp.noop(), Err(Error::Timeout(_))));
    assert!(matches!(ftp.noop(), Err(Error::Closed(_))));
}

/// CR, LF and NUL end a command early: what follows would be a command of its own (CVE-2019-9740 and its sisters).
#[test]
fn no_argument_becomes_a_command() {
    let wire = Transcript::new();
    let lab = plain();
    let dial = Dial { trace: Some(Arc::new(wire.clone())), ..Dial::default() };
    let mut ftp = login_with(&lab, Options { dial, ..Options::default() });
    let before = wire.sent_by(Side::Client).len();
    let folder = Folder::new();
    let file = folder.file("file", "x");
    for bad in ["a\r\nDELE b", "a\nb", "a\rb", "a\0b"] {
        let none = &mut io::sink();
        for result in [
            ftp.retr(bad, none).map(drop),
            ftp.retr_from(bad, 1, none).map(drop),
            ftp.open(bad, 0).map(drop),
            ftp.fetch(bad, folder.path().join("new")).map(drop),
            ftp.stor(bad, &mut io::empty()).map(drop),
            ftp.appe(bad, &mut io::empty()).map(drop),
            ftp.store(&file, bad).map(drop),
            ftp.list(bad).map(drop),
            ftp.nlst(bad).map(drop),
            ftp.mlsd(bad).map(drop),
            ftp.lines(bad).map(drop),
            ftp.cwd(bad),
            ftp.size(bad).map(drop),
            ftp.mdtm(bad).map(drop),
            ftp.rename(bad, "b"),
            ftp.rename("b", bad),
            ftp.delete(bad),
            ftp.mkdir(bad),
            ftp.rmdir(bad),
            ftp.command(bad).map(drop),
            ftp.login(bad, "x").map(drop),
        ] {
            assert!(matches!(result, Err(Error::Invalid(_))), "{bad:?}: {result:?}");
        }
    }
    assert_eq!(wire.sent_by(Side::Client).len(), before, "{wire}");
    assert!(!folder.path().join("new").exists());
    assert!(matches!(ftp.login("username", "pass\r\nword"), Err(Error::Invalid(_))));
    ftp.login("username", "password").unwrap();
    assert!(!wire.to_string().contains("password\\r"), "{wire}");
}

#[test]
fn ports_that_are_none() {
    for (epsv, pasv, wanted) in [
        ("229 (|||0|)", "", "Protocol"),
        ("229 nonsense", "", "Protocol"),
        ("229 (|||80|)", "", "Protocol"),
        ("200 yes", "", "Protocol"),
        ("421 no more", "", "Reply"),
        ("425 not now", "", "Reply"),
        ("500 what?", "227 (127,0,0,1,156)", "Protocol"),
        ("502 what?", "227 (127,0,0,1,0,0)", "Protocol"),
        ("522 what?", "227 (127,0,0,1,0,80)", "Protocol"),
        ("500 what?", "500 what?", "Reply"),
        ("500 what?", "229 (|||40000|)", "Protocol"),
    ] {
        let more = if pasv.is_empty() { Vec::new() } else { turn("PASV", pasv).to_vec() };
        let peer =
            liar([turn("TYPE I", "200 ok"), turn("EPSV", epsv)].concat().into_iter().chain(more).chain([Step::Hold]));
        let error = to(&peer).retr("a", &mut io::sink()).unwrap_err();
        assert!(format!("{error:?}").starts_with(wanted), "{epsv} {pasv}: {error:?}");
    }
    // Nobody listens there.
    let (closed, _kept) = sockets::closed_port();
    let epsv = format!("229 (|||{}|)", closed.port());
    let peer = liar([turn("TYPE I", "200 ok"), turn("EPSV", &epsv), turn("NOOP", "200 ok")].concat());
    let mut ftp = to(&peer);
    assert!(matches!(ftp.retr("a", &mut io::sink()), Err(Error::Io(..))));
    ftp.noop().unwrap();
}

/// CVE-2021-4189: the address in the reply to PASV is not where data goes, unless it is trusted by name.
#[test]
fn pasv_names_another_host() {
    let lies = |host| vec![Wrong::NoEpsv, Wrong::LieAboutPasv(host)];
    let lab = self::lab(lab::Options { wrong: lies(Ipv4Addr::new(10, 0, 0, 1)), ..lab::Options::default() });
    everyday(&mut login(&lab), &lab);
    let lab = self::lab(lab::Options { wrong: lies(Ipv4Addr::new(127, 255, 255, 255)), ..lab::Options::default() });
    let trusting = Options { trust_pasv_host: true, ..quick() };
    let error = login_with(&lab, trusting.clone()).list("").unwrap_err();
    assert!(error.to_string().contains("connect to 127.255.255.255:"), "{error}");
    let honest = plain();
    everyday(&mut login_with(&honest, Options { trust_pasv_host: true, ..Options::default() }), &honest);
}

pub fn data_connections_that_never_come() {
    // We wait for the server, and he says that it begins, or says nothing more.
    support::at_once(["425 cannot open data connection\r\n", ""], |last| {
        let steps =
            [turn("TYPE I", "200 ok").to_vec(), vec![Step::HearLine, Step::say("200 ok\r\n"), Step::HearLine]].concat();
        let peer = liar(steps.into_iter().chain([Step::say(format!("150 here\r\n{last}")), Step::Hold]));
        let start = Instant::now();
        let options = Options { mode: Mode::Active, ..quick() };
        let mut ftp = Ftp::connect_with(peer.addr(), options).unwrap();
        let error = ftp.retr("a", &mut io::sink()).unwrap_err();
        match last {
            "" => {
                assert!(matches!(error, Error::Timeout(_)), "{error:?}");
                assert!(ftp.noop().is_err() && ftp.unusable().is_some(), "nothing is said to ABOR");
            }
            _ => assert!(matches!(&error, Error::Reply(reply) if reply.code == 425), "{error:?}"),
        }
        assert!(start.elapsed() < LIMIT);
    });
}

/// Who finds the port first in active mode is not the server (RFC 2577 section 8).
pub fn a_stranger_brings_a_file() {
    // A server at another address of this machine, which only Linux has; std's sockets call from 127.0.0.1.
    let Ok(server) = TcpListener::bind("127.0.0.9:0") else { return };
    let addr = server.local_addr().unwrap();
    let talk = std::thread::spawn(move || {
        let mut control = TextConn::new(Tcp::new(server.accept().unwrap().0).unwrap(), Default::default());
        control.until(Deadline::after(LIMIT));
        let mut say = |text: &str| {
            control.stream().write_all(text.as_bytes()).unwrap();
            String::from_utf8(control.read_line().unwrap_or_default()).unwrap()
        };
        say("220 ready\r\n");
        let port = say("200 ok\r\n");
        assert!(port.starts_with("PORT 127,0,0,1,"), "only where the server sees us: {port}");
        let (_, port) = parse_pasv(&reply(227, &port)).unwrap();
        say("200 ok\r\n");
        let mut stranger = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).unwrap();
        let _ = stranger.write_all(b"forged");
        say("150 here\r\n226 done\r\n");
    });
    let mut ftp = Ftp::connect_with(addr, Options { mode: Mode::Active, ..quick() }).unwrap();
    let mut into = Vec::new();
    let error = ftp.retr("a", &mut into).unwrap_err();
    assert!(matches!(error, Error::Timeout(_)) && into.is_empty(), "{error:?}");
    drop(ftp);
    talk.join().unwrap();
}

#[test]
fn what_decides_is_the_last_reply_and_the_size() {
    // All came, and the reply was there before the data.
    let file = data("Hello");
    let peer = liar(retr(&file, "226 done").into_iter().chain(turn("SIZE a", "213 5")));
    let mut into = Vec::new();
    assert_eq!(to(&peer).retr("a", &mut into).unwrap(), 5);
    assert_eq!(into, b"Hello");
    peer.verdict().unwrap();

    for (sent, last, size, wanted) in [
        ("Hello", "226 done", "213 6", "Closed"),
        ("Hello", "226 done", "213 4", "Protocol"),
        ("Hello", "226 done", "213 many", "Protocol"),
        ("Hello", "426 broken off", "", "Reply"),
        ("Hello", "451 disk broken", "", "Reply"),
        ("Hello", "350 what now?", "", "Reply"),
    ] {
        let file = data(sent);
        let size = if size.is_empty() { Vec::new() } else { turn("SIZE a", size).to_vec() };
        let peer = liar(retr(&file, last).into_iter().chain(size).chain(turn("NOOP", "200 ok")));
        let mut ftp = to(&peer);
        let error = ftp.retr("a", &mut io::sink()).unwrap_err();
        assert!(format!("{error:?}").starts_with(wanted), "{last}: {error:?}");
        ftp.noop().unwrap();
    }
    // The number in the first reply counts too.
    let file = data("Hello");
    let port = file.addr().port();
    let begin = [
        turn("TYPE I", "200 ok"),
        turn("EPSV", &format!("229 (|||{port}|)")),
        turn("RETR a", "150 x (6 bytes)\r\n226 done"),
    ];
    let peer = liar(begin.concat());
    assert!(matches!(to(&peer).retr("a", &mut io::sink()), Err(Error::Closed(_))));
    // Done before it began.
    let file = data("Hello");
    let begin = [
        turn("TYPE I", "200 ok"),
        turn("EPSV", &format!("229 (|||{}|)", file.addr().port())),
        turn("RETR a", "226 done"),
    ];
    let peer = liar(begin.concat().into_iter().chain([Step::Hold]));
    let mut ftp = to(&peer);
    assert!(matches!(ftp.retr("a", &mut io::sink()), Err(Error::Protocol(_))));
    assert!(ftp.unusable().is_some());
    // The control connection breaks while data moves.
    let file = data("Hello");
    let peer = liar(retr(&file, "").into_iter().chain([Step::Slam]));
    assert!(matches!(to(&peer).retr("a", &mut io::sink()), Err(Error::Closed(_) | Error::Io(..))));
    // A refusal in the middle, and the data connection stays open and silent.
    let file = script::play([Step::say("Hel"), Step::Hold]).unwrap();
    let peer = liar(retr(&file, "426 enough").into_iter().chain(turn("NOOP", "200 ok")));
    let mut ftp = Ftp::connect_with(peer.addr(), quick()).unwrap();
    assert!(matches!(ftp.retr("a", &mut io::sink()), Err(Error::Reply(reply)) if reply.code == 426));
    ftp.noop().unwrap();
}

pub fn hostile_listings() {
    for (listing, wanted) in [
        ("type=file; a\rb\r\n", "Protocol"),
        ("type=file; a\0b\r\n", "Protocol"),
        ("type=file; a\n", "Protocol"),
        ("type=file a\r\n", "Protocol"),
        ("type=file; half", "Closed"),
        (&format!("type=file; {}\r\n", "x".repeat(64 << 10)), "TooLong"),
    ] {
        let file = data(listing);
        let begin = [
            turn("TYPE A", "200 ok"),
            turn("EPSV", &format!("229 (|||{}|)", file.addr().port())),
            turn("MLSD", "150 here\r\n226 done"),
        ];
        // Some of them are given up: ABOR, and NOOP after it.
        let end = [Step::HearLine, Step::HearLine, Step::say("225 nothing to cut\r\n200 ok\r\n")];
        let peer = liar(begin.concat().into_iter().chain(end));
        let error = to(&peer).mlsd("").unwrap_err();
        assert!(format!("{error:?}").starts_with(wanted), "{listing:.40?}: {error:?}");
    }
    // Many are no harm, up to a limit.
    let lab = plain();
    let mut options = Options::default();
    options.limits.block = 1000;
    for n in 0..20 {
        lab.put(&format!("{n:050}"), "").unwrap();
    }
    let mut ftp = login_with(&lab, options);
    assert!(matches!(ftp.list(""), Err(Error::TooLong(_, 1000))));
    ftp.noop().unwrap();
    assert_eq!(login(&lab).list("").unwrap().len(), 20);
}

// ---- time ----

pub fn every_wait_ends() {
    let stalls = |wrong: &[Wrong]| lab(lab::Options { wrong: wrong.to_vec(), ..lab::Options::default() });
    let quiet = stalls(&[Wrong::StallAfter(1000)]);
    quiet.put("a", bytes(100_000)).unwrap();
    let start = Instant::now();
    let mut ftp = login_with(&quiet, Options { data: Duration::from_millis(200), ..Options::default() });
    assert!(matches!(ftp.retr("a", &mut io::sink()), Err(Error::Timeout(_))));
    ftp.noop().unwrap(); // given up, and in order
    // The whole has a limit of its own, however busy it is. (What is said before the data falls into it, on a busy machine too.)
    let drip = script::play([Step::Drip(vec![b'x'; 500], Duration::from_millis(20))]).unwrap();
    let peer = liar(
        retr(&drip, "")
            .into_iter()
            .chain([Step::HearLine, Step::say("426 cut\r\n226 ok\r\n"), Step::HearLine])
            .chain([Step::say("200 ok\r\n"), Step::HearLine, Step::say("200 ok\r\n")]),
    );
    let options = Options { transfer: Duration::from_secs(3), ..Options::default() };
    let mut ftp = Ftp::connect_with(peer.addr(), options).unwrap();
    assert!(matches!(ftp.retr("a", &mut io::sink()), Err(Error::Timeout(_))));
    assert_eq!(ftp.unusable(), None);
    ftp.noop().unwrap();
    // A server that takes nothing.
    let full = script::play([Step::Wait(LIMIT)]).unwrap();
    let begin = [
        turn("TYPE I", "200 ok"),
        turn("EPSV", &format!("229 (|||{}|)", full.addr().port())),
        turn("STOR a", "150 go"),
    ];
    let peer = liar(begin.concat().into_iter().chain([Step::Hold]));
    let mut ftp = Ftp::connect_with(peer.addr(), quick()).unwrap();
    assert!(matches!(ftp.stor("a", &mut io::repeat(0)), Err(Error::Timeout(_))));
    assert!(ftp.noop().is_err() && ftp.unusable().is_some(), "ABOR had no reply");
    assert!(start.elapsed() < LIMIT, "{:?}", start.elapsed());
}

// ---- nothing is lost silently ----

pub fn a_download_cut_short_is_none() {
    for tls in [None, Some(Version::V1_2), Some(Version::V1_3)] {
        let folder = Folder::new();
        let local = folder.file("file", "what was there");
        // Also where no number says how much there should have been: over TLS the end is marked.
        for wrong in [vec![Wrong::CutAfter(70_000)], vec![Wrong::CutAfter(70_000), Wrong::NoSize]] {
            let known = wrong.len() == 1;
            let lab = lab(match tls {
                None => lab::Options { wrong, ..lab::Options::default() },
                Some(version) => lab::Options { wrong, ..secure(version) },
            });
            lab.put("file", bytes(100_000)).unwrap();
            let mut ftp = Ftp::connect(lab.addr()).unwrap();
            if tls.is_some() {
                ftp = ftp.secure(&tls::trust().unwrap()).unwrap();
            }
            ftp.login("username", "password").unwrap();
            if !known && tls.is_none() {
                // FTP itself has nothing more to say.
                assert_eq!(ftp.fetch("file", folder.path().join("short")).unwrap(), 70_000);
                fs::remove_file(folder.path().join("short")).unwrap();
                continue;
            }
            let error = ftp.fetch("file", &local).unwrap_err();
            assert!(matches!(error, Error::Closed(_)), "{tls:?}: {error:?}");
            assert_eq!(fs::read(&local).unwrap(), b"what was there");
            assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is left over");
            ftp.noop().unwrap();
            if tls.is_some() {
                lab.put("many", "").unwrap();
                (0..900).for_each(|n| lab.put(&format!("{n:0100}"), "").unwrap());
                assert!(matches!(ftp.list(""), Err(Error::Closed(_))), "a listing too");
            }
        }
    }
}

/// RFC 8446 section 4.6.1: the server's tickets lie unread with us, and a close would reset the connection.
#[test]
fn an_upload_over_tls_is_drained() {
    let lab = lab(secure(Version::V1_3));
    let mut ftp = Ftp::connect(lab.addr()).unwrap().secure(&tls::trust().unwrap()).unwrap();
    ftp.login("username", "password").unwrap();
    let all = bytes(2_000_000);
    for n in 0..5 {
        assert_eq!(ftp.stor("file", &mut &all[..]).unwrap(), 2_000_000);
        assert!(lab.files()["/file"] == all, "upload {n}");
    }
}

#[test]
fn an_upload_that_the_server_lost_is_an_error() {
    for (size, wanted) in
        [("213 5", ""), ("213 4", "Closed"), ("213 6", "Protocol"), ("550 gone", ""), ("502 what?", "")]
    {
        let file = script::play([Step::hear("Hello"), Step::HearEnd]).unwrap();
        let epsv = format!("229 (|||{}|)", file.addr().port());
        let turns =
            [turn("TYPE I", "200 ok"), turn("EPSV", &epsv), turn("STOR a", "150 go\r\n226 ok"), turn("SIZE a", size)];
        let peer = liar(turns.concat());
        let stored = to(&peer).stor("a", &mut &b"Hello"[..]);
        match wanted {
            "" => assert_eq!(stored.unwrap(), 5, "{size}"),
            wanted => assert!(format!("{:?}", stored.unwrap_err()).starts_with(wanted), "{size}"),
        }
    }
    // No room: the server says so and leaves, while we still send.
    let file = script::play([Step::HearLine]).unwrap();
    let epsv = format!("229 (|||{}|)", file.addr().port());
    let turns = [
        turn("TYPE I", "200 ok"),
        turn("EPSV", &epsv),
        turn("STOR a", "150 go\r\n452 no room"),
        turn("NOOP", "200 ok"),
    ];
    let peer = liar(turns.concat());
    let mut ftp = to(&peer);
    let error = ftp.stor("a", &mut &b"line\n".repeat(4 << 20)[..]).unwrap_err();
    assert!(matches!(&error, Error::Reply(reply) if reply.code == 452), "{error:?}");
    ftp.noop().unwrap();
}

#[test]
fn no_size_is_too_large_to_count_with() {
    let file = script::play([Step::hear("Hello"), Step::HearEnd]).unwrap();
    let epsv = format!("229 (|||{}|)", file.addr().port());
    let most = || turn("SIZE a", &format!("213 {}", u64::MAX));
    let turns = [turn("TYPE I", "200 ok"), most(), turn("EPSV", &epsv), turn("APPE a", "150 go\r\n226 ok"), most()];
    let error = to(&liar(turns.concat())).appe("a", &mut &b"Hello"[..]).unwrap_err();
    assert!(matches!(error, Error::Closed(_)), "{error:?}");
}

/// A file that has more to give whenever it is asked.
struct Growing(File);

impl Growing {
    fn more(&mut self) {
        self.0.write_all(b"more").unwrap();
    }
}

#[test]
fn a_file_that_changes_while_it_is_uploaded() {
    let (lab, folder) = (plain(), Folder::new());
    let local = folder.file("file", bytes(1 << 20));
    let mut ftp = login(&lab);
    let mut growing = Growing(OpenOptions::new().append(true).open(&local).unwrap());
    let error = ftp.store_with(&local, "file", |_, _| growing.more()).unwrap_err();
    assert!(error.to_string().contains("changed while it was uploaded"), "{error}");
    let shrinking = OpenOptions::new().write(true).open(&local).unwrap();
    let error = ftp.store_with(&local, "file", |_, _| shrinking.set_len(10).unwrap()).unwrap_err();
    assert!(error.to_string().contains("changed while it was uploaded"), "{error}");
    // One that the server has, and that grows behind what it announced.
    ftp.noop().unwrap();
    assert!(matches!(ftp.store(folder.path(), "x"), Err(Error::Io(..))), "a folder");
    assert!(matches!(ftp.store(folder.path().join("nothing"), "x"), Err(Error::Io(..))));
}

/// Gives a few bytes, then fails.
struct Breaks(usize);

impl Read for Breaks {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.0.min(buffer.len());
        self.0 -= n;
        if n == 0 { Err(io::Error::other("broken disk")) } else { Ok(n) }
    }
}

impl Write for Breaks {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self.0.min(bytes.len()) {
            0 => Err(io::ErrorKind::StorageFull.into()),
            n => {
                self.0 -= n;
                Ok(n)
            }
        }
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn what_breaks_on_our_side_leaves_the_connection_usable() {
    for tls in [None, Some(Version::V1_2), Some(Version::V1_3)] {
        let lab = lab(tls.map_or_else(lab::Options::default, secure));
        lab.put("big", bytes(8 << 20)).unwrap();
        lab.put("there", "before").unwrap();
        let mut ftp = Ftp::connect(lab.addr()).unwrap();
        if tls.is_some() {
            ftp = ftp.secure(&tls::trust().unwrap()).unwrap();
        }
        ftp.login("username", "password").unwrap();
        let error = ftp.retr("big", &mut Breaks(100_000)).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::StorageFull);
        ftp.noop().unwrap();
        // Half an upload does not become the file.
        let error = ftp.stor("there", &mut Breaks(300_000)).unwrap_err();
        assert!(error.to_string().contains("broken disk"), "{error}");
        ftp.noop().unwrap();
        assert_eq!(lab.files()["/there"], b"before");
        // Given up, by name and by forgetting it.
        let mut download = ftp.open("big", 0).unwrap();
        assert_eq!(download.announced(), Some(8 << 20));
        download.read_exact(&mut [0; 1000]).unwrap();
        download.abort().unwrap();
        drop(ftp.open("big", 0).unwrap());
        assert!(matches!(ftp.open("big", 0).unwrap().finish(), Err(Error::Invalid(_))), "its end was not read");
        ftp.noop().unwrap();
        let mut download = ftp.open("big", 5).unwrap();
        let mut rest = Vec::new();
        download.read_to_end(&mut rest).unwrap();
        assert_eq!(download.finish().unwrap(), (8 << 20) - 5);
        assert!(rest == bytes(8 << 20)[5..]);
        ftp.quit().unwrap();
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_an_error() {
    let lab = plain();
    lab.put("file", bytes(1 << 20)).unwrap();
    let mut ftp = login(&lab);
    let mut full = OpenOptions::new().write(true).open("/dev/full").unwrap();
    assert_eq!(ftp.retr("file", &mut full).unwrap_err().kind(), io::ErrorKind::StorageFull);
    ftp.noop().unwrap();
    assert!(matches!(ftp.fetch("file", "/nowhere/at/all"), Err(Error::Io(..))));
    assert!(matches!(ftp.fetch("file", "/"), Err(Error::Invalid(_))));
}

#[test]
fn progress_is_told() {
    let (lab, folder) = (plain(), Folder::new());
    let local = folder.file("file", bytes(1 << 20));
    let mut ftp = login(&lab);
    for up in [true, false] {
        let mut told = Vec::new();
        match up {
            true => ftp.store_with(&local, "file", |done, all| told.push((done, all))).unwrap(),
            false => ftp.fetch_with("file", &local, |done, all| told.push((done, all))).unwrap(),
        };
        assert_eq!((told[0], *told.last().unwrap()), ((0, Some(1 << 20)), (1 << 20, Some(1 << 20))));
        assert!(told.len() > 4 && told.is_sorted(), "{told:?}");
    }
}

// ---- TLS ----

#[test]
fn who_talks_us_out_of_tls() {
    let trust = tls::trust().unwrap();
    for (greeting, answer, wanted) in [
        ("220 ready", "500 what?", "Reply"),
        ("220 ready", "502 what?", "Reply"),
        ("220 ready", "431 not now", "Reply"),
        ("220 ready", "230 no need", "Reply"),
        ("220 ready", "334 go on", "Reply"),
        ("220 ready", "234 go on\r\n200 PBSZ=0\r\n200 PROT P", "Protocol"),
        ("220 ready", "234 go on\r\n2", "Protocol"),
        ("230 welcome", "", "Protocol"),
    ] {
        let steps = if answer.is_empty() { Vec::new() } else { turn("AUTH TLS", answer).to_vec() };
        // Nothing more comes from us: neither a name nor a password.
        let peer = script::play([Step::say(format!("{greeting}\r\n"))].into_iter().chain(steps).chain([Step::HearEnd]))
            .unwrap();
        let error = to(&peer).secure(&trust).unwrap_err();
        assert!(format!("{error:?}").starts_with(wanted), "{answer}: {error:?}");
        peer.verdict().unwrap();
    }
    // It speaks TLS, and would have the files go in plain text.
    for refused in [("PBSZ 0", "536 no"), ("PROT P", "536 no"), ("PROT P", "534 no"), ("PROT P", "334 well")] {
        let begin =
            [Step::say("220 ready\r\n"), Step::HearLine, Step::say("234 go\r\n"), Step::StartTls(Certificate::Good)];
        let pbsz = if refused.0 == "PROT P" { turn("PBSZ 0", "200 ok").to_vec() } else { Vec::new() };
        let peer = script::play(begin.into_iter().chain(pbsz).chain(turn(refused.0, refused.1)).chain([Step::HearEnd]))
            .unwrap();
        let error = to(&peer).secure(&trust).unwrap_err();
        assert!(matches!(error, Error::Reply(_)), "{refused:?}: {error:?}");
        peer.verdict().unwrap();
    }
    for certificate in &Certificate::ALL[1..] {
        let acceptor = Acceptor::new(*certificate).unwrap();
        let lab = lab(lab::Options { tls: Some(acceptor), ..lab::Options::default() });
        let error = to_lab(&lab).secure(&trust).unwrap_err();
        assert!(matches!(error, Error::Other(..)), "{certificate:?}: {error:?}");
    }
    let dial = Dial { tls: Some(trust), ..Dial::default() };
    assert!(matches!(
        Ftp::connect_with(plain().addr(), Options { dial, ..Options::default() }),
        Err(Error::Invalid(_))
    ));
}

fn to_lab(lab: &Lab) -> Ftp {
    Ftp::connect(lab.addr()).unwrap()
}

/// The data connection has a certificate of its own, and the name must be the same.
#[test]
fn a_stranger_on_the_data_connection() {
    for certificate in [Certificate::WrongHost, Certificate::UnknownAuthority] {
        let file = script::play([Step::StartTls(certificate), Step::say("Hello")]).unwrap();
        let begin =
            [Step::say("220 ready\r\n"), Step::HearLine, Step::say("234 go\r\n"), Step::StartTls(Certificate::Good)];
        let turns = [
            turn("PBSZ 0", "200 ok"),
            turn("PROT P", "200 ok"),
            turn("TYPE I", "200 ok"),
            turn("EPSV", &format!("229 (|||{}|)", file.addr().port())),
            turn("RETR a", "150 here\r\n522 no"),
            turn("NOOP", "200 ok"),
        ];
        let peer = script::play(begin.into_iter().chain(turns.concat())).unwrap();
        let mut ftp = to(&peer).secure(&tls::trust().unwrap()).unwrap();
        let error = ftp.retr("a", &mut io::sink()).unwrap_err();
        assert!(matches!(&error, Error::Other(phase, _) if phase.contains("TLS handshake")), "{error:?}");
        ftp.noop().unwrap();
        peer.verdict().unwrap();
    }
}

#[test]
fn a_server_that_wants_sessions_resumed_is_named() {
    let lab = lab(lab::Options { wrong: vec![Wrong::DemandReuse], ..secure(Version::V1_3) });
    let mut ftp = to_lab(&lab).secure(&tls::trust().unwrap()).unwrap();
    ftp.login("username", "password").unwrap();
    let error = ftp.list("").unwrap_err();
    assert!(error.source().is_some_and(|cause| cause.is::<SessionReuse>()), "{error:?}");
    ftp.noop().unwrap();
}

#[test]
fn the_wire_shows_plaintext_and_no_password() {
    for secure_it in [false, true] {
        let lab = lab(secure(Version::V1_3));
        lab.put("a", "Hello").unwrap();
        let (wire, moved) = (Transcript::new(), Transcript::new());
        let dial = Dial { trace: Some(Arc::new(wire.clone())), ..Dial::default() };
        let options = Options { dial, data_trace: Some(Arc::new(moved.clone())), ..Options::default() };
        let mut ftp = Ftp::connect_with(lab.addr(), options).unwrap();
        if secure_it {
            ftp = ftp.secure(&tls::trust().unwrap()).unwrap();
        }
        ftp.login("username", "password").unwrap();
        assert_eq!(ftp.command("pass password").unwrap().code, 503, "by hand, too");
        ftp.retr("a", &mut io::sink()).unwrap();
        ftp.quit().unwrap();
        let text = wire.to_string();
        assert!(
            text.contains("C: RETR a") && text.contains("S: 226 that was all") && !text.contains("password\\r"),
            "{text}"
        );
        assert_eq!(moved.sent_by(Side::Server), b"Hello");
    }
}

// ---- what our lab does not let anybody do ----

/// A client that may say anything.
struct Raw(TextConn);

impl Raw {
    fn new(lab: &Lab) -> Raw {
        let mut raw = Raw(TextConn::new(Dial::default().open(&lab.addr().into()).unwrap(), Default::default()));
        raw.0.read_reply().unwrap().expect(220).unwrap();
        raw
    }

    fn inside(lab: &Lab) -> Raw {
        let mut raw = Raw::new(lab);
        assert_eq!(raw.ask("USER username"), 331);
        assert_eq!(raw.ask("PASS password"), 230);
        raw
    }

    fn ask(&mut self, line: &str) -> u16 {
        self.0.command(line).unwrap_or_else(|e| panic!("{line}: {e}")).code
    }

    fn write(&mut self, bytes: &[u8]) {
        self.0.stream().write_all(bytes).unwrap();
    }

    fn ended(&mut self) -> bool {
        matches!(self.0.read_line(), Err(Error::Closed(_) | Error::Io(..)))
    }

    fn port(&mut self) -> u16 {
        parse_epsv(&self.0.command("EPSV").unwrap()).unwrap()
    }
}

#[test]
fn nobody_gets_out_of_the_folder() {
    let outside = Folder::new();
    outside.file("secret", "secret");
    fs::create_dir(outside.path().join("root")).unwrap();
    let lab = lab(lab::Options { root: Some(outside.path().join("root")), ..lab::Options::default() });
    lab.put("in/file", "x").unwrap();
    let mut there =
        vec!["../secret".to_owned(), "/../secret".into(), "in/../../secret".into(), "/in/../../../secret".into()];
    there.extend(
        ["..\\secret", "in\\..\\..\\secret", "....//secret", "%2e%2e/secret", "./.././secret", "//secret", "~/secret"]
            .map(str::to_owned),
    );
    there.push(outside.path().join("secret").display().to_string());
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink(outside.path(), lab.root().join("link")).unwrap();
        std::os::unix::fs::symlink(outside.path().join("secret"), lab.root().join("secret-link")).unwrap();
        there.extend(["link/secret".into(), "secret-link".into(), "link".into()]);
    }
    let mut raw = Raw::inside(&lab);
    for path in &there {
        for verb in ["RETR", "SIZE", "MDTM", "DELE", "RNFR", "CWD", "LIST", "NLST", "MLSD", "MLST", "RMD"] {
            let code = raw.ask(&format!("{verb} {path}"));
            assert!(matches!(code, 501 | 550), "{verb} {path}: {code}");
        }
    }
    // What is made is made inside.
    let mut ftp = login(&lab);
    for path in ["../new", "/../../new2"] {
        ftp.stor(path, &mut &b"x"[..]).unwrap();
    }
    assert!(lab.root().join("new").exists() && lab.root().join("new2").exists());
    assert_eq!(fs::read_dir(outside.path()).unwrap().count(), 2);
    assert_eq!(fs::read(outside.path().join("secret")).unwrap(), b"secret");
    for path in ["/", "..", "."] {
        for verb in ["DELE", "RMD", "RNFR", "STOR", "MKD"] {
            assert!(matches!(raw.ask(&format!("{verb} {path}")), 550 | 553), "{verb} {path}");
        }
    }
    assert!(lab.put("../out", "x").is_ok() && !outside.path().join("out").exists());
    #[cfg(unix)]
    assert!(lab.put("link/out", "x").is_err());
}

/// RFC 2577: a server that connects where a client says is a weapon in his hands.
#[test]
fn nobody_is_called_for_somebody_else() {
    let lab = plain();
    let mut raw = Raw::inside(&lab);
    for (line, code) in [
        ("PORT 10,0,0,1,200,1", 501),
        ("PORT 127,0,0,2,200,1", 501),
        ("PORT 127,0,0,1,0,25", 501),
        ("PORT 127,0,0,1,3,255", 501),
        ("PORT 127,0,0,1,4", 501),
        ("PORT 127,0,0,1,4,0,0", 501),
        ("PORT 127,0,0,1,+4,0", 501),
        ("PORT", 501),
        ("EPRT |1|10.0.0.1|40000|", 501),
        ("EPRT |1|127.0.0.1|25|", 501),
        ("EPRT |1|127.0.0.1|400000|", 501),
        ("EPRT |2|::1|40000|", 522),
        ("EPRT |3|x|40000|", 522),
        ("EPRT", 501),
        ("EPSV 2", 522),
        ("EPSV 9", 522),
        ("RETR x", 550),
        ("LIST", 425),
    ] {
        assert_eq!(raw.ask(line), code, "{line}");
    }
}

#[test]
fn one_port_for_each_client() {
    let lab = plain();
    let mut raw = Raw::inside(&lab);
    let open = |port| TcpStream::connect_timeout(&(Ipv4Addr::LOCALHOST, port).into(), LIMIT);
    // The number of a closed port can be another's at once, so it is the callers who tell.
    let sent_away = |caller: io::Result<TcpStream>| {
        let Ok(mut caller) = caller else { return true };
        caller.set_read_timeout(Some(LIMIT)).unwrap();
        caller.read(&mut [0]).map_or_else(|error| error.kind() == ErrorKind::ConnectionReset, |n| n == 0)
    };
    let early = open(raw.port());
    let second = raw.port();
    assert!(sent_away(early), "a port is closed when the next is opened");
    let (data, another) = (open(second), open(second));
    assert_eq!(raw.ask("NLST"), 150);
    assert_eq!(raw.0.read_reply().unwrap().code, 226);
    assert_eq!(io::read_to_string(data.unwrap()).unwrap(), "");
    assert!(sent_away(another), "one caller is enough");
    assert_eq!(raw.ask("EPSV ALL"), 200);
    for line in ["PASV", "PORT 127,0,0,1,200,1", "EPRT |1|127.0.0.1|40000|"] {
        assert_eq!(raw.ask(line), 501, "{line}");
    }
    raw.port();
    // Nobody comes.
    let limits = lab::Limits { accept: Duration::from_millis(200), ..lab::Limits::default() };
    let lab = self::lab(lab::Options { limits, ..lab::Options::default() });
    let mut raw = Raw::inside(&lab);
    raw.port();
    assert_eq!((raw.ask("LIST"), raw.0.read_reply().unwrap().code), (150, 425));
}

#[test]
fn lines_that_are_none() {
    let lab = self::lab(secure(Version::V1_3));
    let mut raw = Raw::inside(&lab);
    for (bytes, code) in [
        (&b"NOOP\n"[..], 501),
        (b"NO\0OP\r\n", 501),
        (b"NOOP\rQUIT\r\n", 501),
        (b"\xff\xf4\xff\xf2NOOP\r\n", 200),
        (b"noop\r\n", 200),
        (b"\r\n", 502),
        (b"RETR \xe4\xbd\r\n", 553),
        (b"SITE EXEC x\r\n", 502),
        (b"REST -1\r\n", 501),
        (b"REST 1x\r\n", 501),
        (b"REST 18446744073709551616\r\n", 501),
        (b"REST\r\n", 501),
        (b"RNTO a\r\n", 503),
        (b"PBSZ 0\r\n", 503),
        (b"PROT P\r\n", 503),
        (b"TYPE E\r\n", 504),
        (b"MODE B\r\n", 504),
        (b"AUTH GSSAPI\r\n", 504),
        (b"ABOR\r\n", 225),
    ] {
        raw.write(bytes);
        assert_eq!(raw.0.read_reply().unwrap().code, code, "{:?}", String::from_utf8_lossy(bytes));
    }
    lab.put("a", "x").unwrap();
    for line in ["RETR a", "STOR b", "APPE b", "LIST", "MLSD"] {
        assert_eq!(raw.ask(line), 425, "{line}: neither EPSV nor PORT was before it");
    }
    lab.put("a", "Hell").unwrap();
    raw.ask("REST 3");
    assert_eq!(raw.ask("STOR a"), 425);
    raw.ask("REST 3");
    raw.port();
    assert_eq!(raw.ask("STOR new"), 554);
    assert_eq!(lab.files().into_iter().collect::<Vec<_>>(), [("/a".to_owned(), b"Hell".to_vec())], "nothing is done");
    for line in ["STOR", "APPE", "DELE", "MKD", "RMD", "RNFR"] {
        assert_eq!(raw.ask(line), 501, "{line}: what?");
    }
    raw.ask("RNFR a");
    raw.ask("NOOP");
    assert_eq!(raw.ask("RNTO b"), 503, "RNFR holds for the next command only");
    raw.ask("REST 5");
    raw.port();
    assert_eq!(raw.ask("RETR a"), 554);
    raw.write(&[b'x'; 10_000]);
    assert_eq!(raw.0.read_reply().unwrap().code, 500);
    assert!(raw.ended());
    // A page of the web that is sent here (ALPACA) gets nothing back.
    for word in ["GET / HTTP/1.1", "POST /", "HEAD /", "CONNECT a:1", "Host: a", "EHLO a"] {
        let mut raw = Raw::new(&lab);
        raw.write(format!("{word}\r\n").as_bytes());
        assert!(raw.ended(), "{word}");
    }
    // A command behind AUTH TLS would be taken for one that came over TLS (CVE-2021-22947 the other way round).
    let mut raw = Raw::new(&lab);
    raw.write(b"AUTH TLS\r\nUSER username\r\n");
    assert!(raw.ended());
}

#[test]
fn who_comes_in() {
    let limits = lab::Limits { penalty: Duration::from_millis(50), ..lab::Limits::default() };
    let lab = self::lab(lab::Options { limits, ..lab::Options::default() });
    lab.put("file", "x").unwrap();
    let mut raw = Raw::new(&lab);
    for line in ["RETR file", "LIST", "CWD /", "EPSV", "DELE file", "SIZE file"] {
        assert_eq!(raw.ask(line), 530, "{line}");
    }
    assert_eq!(raw.ask("PASS password"), 503);
    let start = Instant::now();
    for code in [530, 530, 421] {
        raw.ask("USER username");
        assert_eq!(raw.ask("PASS wrong"), code);
    }
    assert!(start.elapsed() >= limits.penalty * 3, "each wrong one costs time");
    assert!(raw.ended());
    // A guest reads.
    let mut ftp = to_lab(&lab);
    ftp.login_anonymous().unwrap();
    assert_eq!(ftp.retr("file", &mut io::sink()).unwrap(), 1);
    assert!(matches!(ftp.stor("new", &mut &b"x"[..]), Err(Error::Reply(reply)) if reply.code == 550));
    fs::create_dir(lab.root().join("empty")).unwrap();
    for line in ["DELE file", "MKD a", "XMKD a", "RMD empty", "XRMD empty", "RNFR file", "RNTO b", "STOR b", "APPE b"] {
        assert_eq!(ftp.command(line).unwrap().code, 550, "{line}");
    }
    let nobody = self::lab(lab::Options { anonymous: false, limits, ..lab::Options::default() });
    assert!(matches!(to_lab(&nobody).login_anonymous(), Err(Error::Reply(reply)) if reply.code == 530));
    // TLS first, where it is demanded.
    let demands = self::lab(lab::Options { wrong: vec![Wrong::DemandTls], ..secure(Version::V1_3) });
    assert!(matches!(to_lab(&demands).login("username", "password"), Err(Error::Reply(reply)) if reply.code == 530));
    let mut ftp = to_lab(&demands).secure(&tls::trust().unwrap()).unwrap();
    ftp.login("username", "password").unwrap();
}

pub fn what_one_client_may_take() {
    let limited = |limits| self::lab(lab::Options { limits, ..lab::Options::default() });
    // Before he is silent he has this time for each command, too.
    let lab = limited(lab::Limits { idle: Duration::from_secs(3), ..lab::Limits::default() });
    let mut raw = Raw::inside(&lab);
    assert_eq!(raw.0.read_reply().unwrap().code, 421, "silent for too long");
    assert!(raw.ended());
    let lab = limited(lab::Limits { stall: Duration::from_millis(200), ..lab::Limits::default() });
    lab.put("big", vec![0; 16 << 20]).unwrap();
    // He reads nothing of what he wanted, or sends nothing of what he has.
    for line in ["RETR big", "STOR new"] {
        let mut raw = Raw::inside(&lab);
        let port = raw.port();
        let _data = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).unwrap();
        assert_eq!(raw.ask(line), 150);
        assert_eq!(raw.0.read_reply().unwrap().code, 426, "{line}");
    }
    assert!(!lab.files().contains_key("/new"));
    // Eight from one address; the ninth is told.
    let lab = plain();
    let mut clients: Vec<Raw> = (0..8).map(|_| Raw::new(&lab)).collect();
    let error = Ftp::connect(lab.addr()).unwrap_err();
    assert!(matches!(&error, Error::Reply(reply) if reply.code == 421), "{error:?}");
    assert_eq!(clients[0].ask("QUIT"), 221);
    assert!(clients[0].ended());
    let few = limited(lab::Limits { places: 1, ..lab::Limits::default() });
    let _one = Raw::new(&few);
    assert!(matches!(Ftp::connect(few.addr()), Err(Error::Reply(reply)) if reply.code == 421));
}

/// Dropping the lab ends what waits, wherever it waits.
#[test]
fn the_end_of_the_lab_waits_for_nobody() {
    let start = Instant::now();
    let lab = wrong(Wrong::StallAfter(10));
    lab.put("file", "more than ten").unwrap();
    let mut idle = Raw::inside(&lab);
    let mut waiting = Raw::inside(&lab);
    waiting.port();
    assert_eq!(waiting.ask("NLST"), 150);
    let mut stalled = login(&lab);
    let mut download = stalled.open("file", 0).unwrap();
    download.read_exact(&mut [0; 10]).unwrap();
    let root = lab.root().to_owned();
    assert_eq!(lab.stop(Duration::ZERO).stuck, 0);
    assert!(start.elapsed() < LIMIT && !root.exists(), "{:?}", start.elapsed());
    assert!(idle.ended());
}
