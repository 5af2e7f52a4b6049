//! Our FTP client against servers that others wrote, and our lab against their clients. Bytes must be the same on both sides, whatever
//! their number and whatever the file is called.

use crate::support;

use netprimer::dial::Target;
use netprimer::ftp::{Ftp, Mode, Options, SessionReuse};
use netprimer::lab::ftp as lab;
use netprimer::lab::tls::{self, Acceptor, Certificate, Version};
use netprimer::stream::Tls;
use netprimer::{Error, encode};
use std::error::Error as _;
use std::fs;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::Command;
use std::sync::LazyLock;
use std::time::{Instant, SystemTime};
use support::files::Folder;
use support::programs::{Running, python, python_with, run, tool};
use support::{LIMIT, at_once, not_allowed, note, peers, sockets};

/// Around the pieces of everybody.
const SIZES: [u64; 5] = [0, 1, 65_535, 65_536, 65_537];

/// A large one, where peers are the subject.
fn large() -> u64 {
    if peers() { 256 << 20 } else { 4 << 20 }
}

/// Bytes that are the same for everybody who counts, in any number, without keeping them.
#[derive(Clone)]
struct Count {
    at: u64,
    all: u64,
}

/// The count repeats itself after so many bytes, so that a piece of it can be copied.
static ROUNDS: LazyLock<Vec<u8>> = LazyLock::new(|| (0..251 * 1024u64).map(|n| (n % 251) as u8).collect());

impl Read for Count {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let from = (self.at % 251) as usize;
        let n = buffer.len().min(ROUNDS.len() - from).min(usize::try_from(self.all - self.at).unwrap());
        buffer[..n].copy_from_slice(&ROUNDS[from..from + n]);
        self.at += n as u64;
        Ok(n)
    }
}

fn count(all: u64) -> Count {
    Count { at: 0, all }
}

/// Takes what comes and compares.
struct Compare(Count);

impl Write for Compare {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut wanted = vec![0; bytes.len()];
        self.0.read_exact(&mut wanted)?;
        assert!(wanted == bytes, "the bytes differ before {}", self.0.at);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn is_count(path: &Path, all: u64) {
    let mut compare = Compare(count(all));
    assert_eq!(io::copy(&mut fs::File::open(path).unwrap(), &mut compare).unwrap(), all, "{}", path.display());
}

const NAMES: [&str; 6] = ["two words.txt", "\"quoted\"", "你好.txt", "-a", "it's", "a;b=c&d"];

/// All that a client does, with a server over `root`.
fn everything(ftp: &mut Ftp, root: &Path, large: u64) {
    for all in SIZES.into_iter().chain([large]) {
        assert_eq!(ftp.stor("file", &mut count(all)).unwrap(), all);
        is_count(&root.join("file"), all);
        let mut compare = Compare(count(all));
        assert_eq!(ftp.retr("file", &mut compare).unwrap(), all);
        assert_eq!(compare.0.at, all);
        assert_eq!(ftp.size("file").unwrap(), all);
    }
    assert_eq!(ftp.stor("file", &mut count(100_000)).unwrap(), 100_000);
    for name in NAMES {
        assert_eq!(ftp.stor(name, &mut name.as_bytes()).unwrap(), name.len() as u64, "{name}");
        assert_eq!(fs::read(root.join(name)).unwrap(), name.as_bytes());
        let mut back = Vec::new();
        ftp.retr(name, &mut back).unwrap();
        assert_eq!(back, name.as_bytes());
        assert!(ftp.nlst("").unwrap().contains(&name.to_owned()), "{name}: {:?}", ftp.nlst(""));
        assert!(ftp.list("").unwrap().iter().any(|line| line.ends_with(name)), "{name}");
        ftp.delete(name).unwrap();
        assert!(!root.join(name).exists());
    }
    if ftp.feat().unwrap().iter().any(|line| line.starts_with("MLST")) {
        let entries = ftp.mlsd("").unwrap();
        let file = entries.iter().find(|entry| entry.name == "file").unwrap();
        assert_eq!((file.size(), file.is_file()), (Some(100_000), true));
        assert_eq!(file.modified(), Some(ftp.mdtm("file").unwrap()));
    }
    let age = SystemTime::now().duration_since(ftp.mdtm("file").unwrap()).unwrap_or_default();
    assert!(age < LIMIT * 4, "{age:?}");

    // The rest of what one has.
    let mut rest = Vec::new();
    assert_eq!(ftp.retr_from("file", 99_990, &mut rest).unwrap(), 10);
    assert_eq!(rest, (99_990..100_000u64).map(|n| (n % 251) as u8).collect::<Vec<_>>());
    assert_eq!(ftp.stor("file", &mut count(60)).unwrap(), 60);
    assert_eq!(ftp.stor_from("file", 60, &mut Count { at: 60, all: 300 }).unwrap(), 240);
    assert_eq!(ftp.appe("file", &mut Count { at: 300, all: 1_000 }).unwrap(), 700);
    is_count(&root.join("file"), 1_000);

    // Folders and names.
    let home = ftp.pwd().unwrap();
    ftp.mkdir("fol \"d\" 你").unwrap();
    ftp.cwd("fol \"d\" 你").unwrap();
    assert_eq!(ftp.pwd().unwrap(), format!("{}/fol \"d\" 你", home.trim_end_matches('/')));
    assert_eq!(ftp.lines("LIST").unwrap().iter().filter(|line| line.contains("file")).count(), 0);
    ftp.cwd("..").unwrap();
    assert_eq!(ftp.pwd().unwrap(), home);
    ftp.rmdir("fol \"d\" 你").unwrap();
    ftp.rename("file", "other").unwrap();
    is_count(&root.join("other"), 1_000);
    ftp.noop().unwrap();

    // What is refused leaves all as it was.
    for error in [
        ftp.retr("nothing", &mut Vec::new()).unwrap_err(),
        ftp.rename("nothing", "b").unwrap_err(),
        ftp.cwd("nothing").unwrap_err(),
        ftp.size("nothing").unwrap_err(),
    ] {
        assert!(matches!(&error, Error::Reply(reply) if reply.code == 550), "{error}");
    }
    assert_eq!(ftp.retr("other", &mut Compare(count(1_000))).unwrap(), 1_000);

    // Given up in the middle, with much still to come.
    assert_eq!(ftp.stor("big", &mut count(20 << 20)).unwrap(), 20 << 20);
    let mut download = ftp.open("big", 0).unwrap();
    download.read_exact(&mut [0; 1000]).unwrap();
    download.abort().unwrap();
    ftp.noop().unwrap();
    drop(ftp.open("big", 0).unwrap());
    ftp.noop().unwrap();
    assert_eq!(ftp.unusable(), None);
    assert_eq!(ftp.retr("other", &mut Compare(count(1_000))).unwrap(), 1_000);
    ftp.delete("other").unwrap();
    ftp.delete("big").unwrap();
}

/// What each server is asked, in the plain or over TLS.
fn all_ways(connect: impl Fn(Options) -> Ftp, root: &Path) {
    for (mode, large) in [(Mode::Passive, large()), (Mode::Active, 1 << 20)] {
        let mut ftp = connect(Options { mode, ..Options::default() });
        everything(&mut ftp, root, large);
        ftp.quit().unwrap();
    }
}

/// Connects as soon as the server listens, which not all of them say.
fn until_listening(addr: SocketAddr, running: &mut Running) -> bool {
    let start = Instant::now();
    while running.is_running() {
        if TcpStream::connect(addr).is_ok() {
            return true;
        }
        assert!(start.elapsed() < LIMIT, "{addr} does not listen");
        std::thread::yield_now();
    }
    false
}

/// A server that cannot be asked for a free port: we find one; should somebody take it in between, we find another.
fn served(what: &str, mut start: impl FnMut(u16) -> Running) -> Option<(Running, SocketAddr)> {
    for _ in 0..5 {
        let addr = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let mut running = start(addr.port());
        if until_listening(addr, &mut running) {
            return Some((running, addr));
        }
        let said = running.said(|said| said.out.text() + &said.err.text());
        if said.contains("root") || said.contains("ermission") {
            not_allowed(what, &said);
            return None;
        }
    }
    panic!("{what} does not listen");
}

/// A certificate for localhost that OpenSSL made, in one file with its key, and who trusts it.
fn certificate(folder: &Folder) -> Option<Tls> {
    let (key, cert) = (folder.path().join("key.pem"), folder.path().join("cert.pem"));
    let mut make = tool("openssl")?;
    make.args(["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost", "-addext"]);
    make.arg("subjectAltName=DNS:localhost,IP:127.0.0.1").arg("-keyout").arg(&key).arg("-out").arg(&cert);
    let left = run(&mut make, b"");
    assert_eq!(left.status, 0, "{}", left.err);
    let text = fs::read_to_string(&cert).unwrap();
    fs::write(folder.path().join("both.pem"), text.clone() + &fs::read_to_string(&key).unwrap()).unwrap();
    Some(Tls::trusting(&text).unwrap())
}

/// OpenSSL's own settings, for servers that have none for the version.
fn openssl_conf(folder: &Folder, version: &str) -> std::path::PathBuf {
    let text = format!(
        "openssl_conf = start\n[start]\nssl_conf = ssl\n[ssl]\nsystem_default = all\n[all]\nMinProtocol = TLSv{version}\n\
         MaxProtocol = TLSv{version}\nCipherString = DEFAULT@SECLEVEL=1\n"
    );
    folder.file(&format!("openssl-{version}.cnf"), text)
}

/// Connects, begins TLS if there is somebody to trust, and logs in.
fn enter(addr: SocketAddr, tls: Option<&Tls>, user: (&str, &str), options: Options) -> Ftp {
    let target = Target::parse(&format!("localhost:{}", addr.port()), 21).unwrap();
    let target = if addr.is_ipv6() { Target::from(addr) } else { target };
    let mut ftp = Ftp::connect_with(target, options).unwrap();
    if let Some(tls) = tls {
        ftp = ftp.secure(tls).unwrap();
    }
    ftp.login(user.0, user.1).unwrap();
    ftp
}

const VERSIONS: [&str; 2] = ["1.2", "1.3"];

#[test]
fn pyftpdlib_in_plain_text() {
    for family in ["4", "6"] {
        let root = Folder::new();
        let Some(mut command) = python_with("pyftpdlib", "ftp_peer.py") else { return };
        if family == "6" && !sockets::has_ipv6("pyftpdlib on ::1") {
            return;
        }
        let server = Running::server(command.arg("pyftpdlib").arg(root.path()).arg(family));
        let addr = server.said(|said| support::programs::address(said.out.text().lines().next().unwrap()));
        all_ways(|options| enter(addr, None, ("lab", "secret"), options), root.path());
    }
}

#[test]
fn pyftpdlib_over_tls() {
    let folder = Folder::new();
    let Some(tls) = certificate(&folder) else { return };
    at_once(VERSIONS, |version| {
        let root = Folder::new();
        let Some(mut command) = python_with("pyftpdlib, OpenSSL", "ftp_peer.py") else { return };
        command.arg("pyftpdlib").arg(root.path()).args(["4", version]);
        let server = Running::server(command.arg(folder.path().join("cert.pem")).arg(folder.path().join("key.pem")));
        let addr = server.said(|said| support::programs::address(said.out.text().lines().next().unwrap()));
        all_ways(|options| enter(addr, Some(&tls), ("lab", "secret"), options), root.path());
    });
}

struct Vsftpd {
    _running: Running,
    addr: SocketAddr,
    root: Folder,
    _folder: Folder,
    tls: Option<Tls>,
}

fn vsftpd(version: Option<&str>, more: &str) -> Option<Vsftpd> {
    tool("vsftpd")?;
    let (root, folder) = (Folder::new(), Folder::new());
    let own = folder.path().display().to_string();
    let tls = if version.is_some() { Some(certificate(&folder)?) } else { None };
    let ssl = format!(
        "ssl_enable=YES\nallow_anon_ssl=YES\nforce_anon_data_ssl=YES\nforce_anon_logins_ssl=YES\nssl_ciphers=HIGH\n\
         rsa_cert_file={own}/cert.pem\nrsa_private_key_file={own}/key.pem\n"
    );
    let (running, addr) = served("vsftpd", |port| {
        let config = format!(
            "listen=YES\nlisten_address=127.0.0.1\nlisten_port={port}\nbackground=NO\nrun_as_launching_user=YES\nanonymous_enable=YES\n\
             anon_root={}\nno_anon_password=NO\nnopriv_user=nobody\nseccomp_sandbox=NO\nallow_writeable_chroot=YES\nwrite_enable=YES\n\
             anon_upload_enable=YES\nanon_mkdir_write_enable=YES\nanon_other_write_enable=YES\nanon_world_readable_only=NO\nanon_umask=022\n\
             port_enable=YES\nasync_abor_enable=NO\nutf8_filesystem=YES\n{}{more}\n",
            root.path().display(),
            if version.is_some() { ssl.as_str() } else { "" },
        );
        let mut command = tool("vsftpd").unwrap();
        if let Some(version) = version {
            command.env("OPENSSL_CONF", openssl_conf(&folder, version));
        }
        Running::start(command.arg(folder.file("vsftpd.conf", config)))
    })?;
    Some(Vsftpd { _running: running, addr, root, _folder: folder, tls })
}

#[test]
fn vsftpd_in_plain_text() {
    let Some(server) = vsftpd(None, "") else { return };
    all_ways(|options| enter(server.addr, None, ("anonymous", "guest@"), options), server.root.path());
}

#[test]
fn vsftpd_over_tls() {
    at_once(VERSIONS, |version| {
        let Some(server) = vsftpd(Some(version), "require_ssl_reuse=NO\nstrict_ssl_read_eof=YES") else { return };
        all_ways(
            |options| enter(server.addr, server.tls.as_ref(), ("anonymous", "guest@"), options),
            server.root.path(),
        );
    });
}

#[test]
fn vsftpd_that_wants_sessions_resumed_is_named() {
    at_once(VERSIONS, |version| {
        let Some(server) = vsftpd(Some(version), "require_ssl_reuse=YES") else { return };
        fs::write(server.root.path().join("file"), "你好").unwrap();
        // It ends the control connection too after its refusal, so each time anew.
        let enter = || enter(server.addr, server.tls.as_ref(), ("anonymous", "guest@"), Options::default());
        for error in [
            enter().retr("file", &mut Vec::new()).unwrap_err(),
            enter().list("").unwrap_err(),
            enter().stor("other", &mut &b"you"[..]).unwrap_err(),
        ] {
            assert!(error.source().is_some_and(|cause| cause.is::<SessionReuse>()), "{version}: {error}");
            assert!(error.to_string().contains("require_ssl_reuse=NO"), "{error}");
        }
    });
}

struct PureFtpd {
    _running: Running,
    addr: SocketAddr,
    root: Folder,
    _folder: Folder,
    tls: Option<Tls>,
}

fn pure_ftpd(version: Option<&str>) -> Option<PureFtpd> {
    let found = tool("pure-ftpd")?;
    let (root, folder) = (Folder::new(), Folder::new());
    let tls = if version.is_some() { Some(certificate(&folder)?) } else { None };
    // It serves as a user who is nobody, so that he must be able to write there.
    let hash = run(tool("openssl")?.args(["passwd", "-1", "secret"]), b"");
    let hash = String::from_utf8(hash.out).unwrap();
    let home = root.path().display();
    let users = folder.file("passwd", format!("lab:{}:65534:65534::{home}/./::::::::::::\n", hash.trim()));
    let owned = run(Command::new("chown").arg("65534:65534").arg(root.path()), b"");
    if owned.status != 0 {
        not_allowed("pure-ftpd, which changes to another user", &owned.err);
        return None;
    }
    let database = folder.path().join("users.pdb");
    let pure_pw = Path::new(found.get_program()).parent().unwrap().join("../bin/pure-pw");
    let made = run(Command::new(pure_pw).arg("mkdb").arg(&database).arg("-f").arg(&users), b"");
    assert_eq!(made.status, 0, "{}", made.err);
    let (running, addr) = served("pure-ftpd", |port| {
        let mut command = Command::new(found.get_program());
        command.args(["-S", &format!("127.0.0.1,{port}"), "-4", "-H", "-u", "1", "-E", "-z"]);
        command.arg("-g").arg(folder.path().join("pid")).arg("-l").arg(format!("puredb:{}", database.display()));
        if let Some(version) = version {
            command.env("OPENSSL_CONF", openssl_conf(&folder, version));
            let files = format!("{0}/cert.pem,{0}/key.pem", folder.path().display());
            command.args(["-Y", "3", "-2", &files]);
        }
        Running::start(&mut command)
    })?;
    Some(PureFtpd { _running: running, addr, root, _folder: folder, tls })
}

#[test]
fn pure_ftpd_in_plain_text() {
    let Some(server) = pure_ftpd(None) else { return };
    all_ways(|options| enter(server.addr, None, ("lab", "secret"), options), server.root.path());
}

#[test]
fn pure_ftpd_over_tls() {
    at_once(VERSIONS, |version| {
        let Some(server) = pure_ftpd(Some(version)) else { return };
        all_ways(|options| enter(server.addr, server.tls.as_ref(), ("lab", "secret"), options), server.root.path());
    });
}

#[test]
fn the_server_that_cpython_tests_its_client_against() {
    if !sockets::has_ipv6("CPython's server for its own tests") {
        return;
    }
    // Many systems leave the tests of the interpreter out.
    let ships = |python: &str| run(Command::new(python).args(["-c", "import test.test_ftplib"]), b"").status == 0;
    if tool("python3").is_none() || !["python3", "/usr/bin/python3"].into_iter().any(ships) {
        return note("skipped: CPython's server for its own tests: this python3 does not ship it");
    }
    for way in [&["dummy"][..], &["dummy", "tls"]] {
        let Some(mut command) = python_with("test.test_ftplib", "ftp_peer.py") else { return };
        let server = Running::server(command.args(way));
        let addr = server.said(|said| support::programs::address(said.out.text().lines().next().unwrap()));
        let tls = (way.len() == 2).then(|| Tls::trusting(&fs::read_to_string(server.line()).unwrap()).unwrap());
        let mut ftp = enter(addr, tls.as_ref(), ("anyone", "anything"), Options::default());
        let mut data = Vec::new();
        ftp.retr("anything", &mut data).unwrap();
        let line = [&b"abcde"[..], "\u{b9}\u{b2}\u{b3}\u{a4}\u{a6}\r\n".as_bytes()].concat();
        assert!(data == line.repeat(1000), "{}", data.len());
        let mut rest = Vec::new();
        ftp.retr_from("anything", 10, &mut rest).unwrap();
        assert!(rest == data[15..]); // it counts characters
        assert_eq!(ftp.stor("anything", &mut &data[..]).unwrap(), data.len() as u64);
        assert_eq!(ftp.list("").unwrap().len(), 3);
        assert_eq!(ftp.nlst("").unwrap()[..2], ["foo", "bar"]);
        let entries = ftp.mlsd("").unwrap();
        assert!(entries.len() == 17 && entries.iter().any(|entry| entry.name == " leading space" && entry.is_file()));
        assert_eq!(ftp.pwd().unwrap(), "pwd ok");
        ftp.rename("a", "b").unwrap();
        ftp.noop().unwrap();
        ftp.quit().unwrap();
    }
}

// ---- our lab, and clients that others wrote ----

fn our_lab(version: Option<Version>) -> lab::Lab {
    served_with(version.map(|version| Acceptor::only(Certificate::Good, version).unwrap()))
}

fn served_with(tls: Option<Acceptor>) -> lab::Lab {
    let lab = lab::start(lab::Options { tls, ..lab::Options::default() }).unwrap();
    lab.put("remote_file.txt", "你好\n").unwrap();
    lab
}

/// For clients that want the authority in a file.
fn ca(folder: &Folder) -> std::path::PathBuf {
    folder.file("ca.pem", tls::ca_pem().unwrap())
}

/// Several turns of everybody's buffer.
const BIG: u64 = 2 << 20;
const WAYS: [Option<Version>; 3] = [None, Some(Version::V1_2), Some(Version::V1_3)];

#[test]
fn ftplib_and_our_lab() {
    at_once(WAYS, |version| {
        let (lab, folder) = (our_lab(version), Folder::new());
        let Some(mut command) = python("ftp_peer.py") else { return };
        command.arg("ftplib").arg(lab.addr().port().to_string()).arg(folder.path());
        if version.is_some() {
            command.arg(ca(&folder));
        }
        let (status, out, err) = run(&mut command, b"").parts();
        assert_eq!((status, err.as_str()), (0, ""), "{version:?}: {out}");
        let lines: Vec<&str> = out.lines().collect();
        assert!(
            lines[0].starts_with("-rw-r--r-- 1 ftp      ftp                 7 ")
                && lines[0].ends_with(" remote_file.txt")
        );
        assert_eq!(
            lines[1..],
            [
                "226 that was all",
                "['copy of 你好.txt', 'remote_file.txt']",
                "[('copy of 你好.txt', 'file', '7'), ('remote_file.txt', 'file', '7')]",
                "7 / /a \"b\" 250 there you are /a \"b\"",
                "226 that was all",
                "one",
                "two",
                "b'two\\n' 250 done 250 done 250 there you are 250 done",
                "226 that was all",
                "['big', 'copy of 你好.txt', 'local_file.txt', 'remote_file.txt']",
                "refused: 550 there is no such file or folder",
                "refused: 550 there is no such file or folder",
                "221 goodbye",
            ]
            .map(|line| line.replace("'local_file.txt', ", "")),
            "{version:?}"
        );
        assert_eq!(fs::read(folder.path().join("local_file.txt")).unwrap(), "你好\n".as_bytes());
        assert_eq!(lab.files()["/copy of 你好.txt"], "你好\n".as_bytes());
    });
}

#[test]
fn curl_and_our_lab() {
    at_once(WAYS, |version| {
        // What curl uploads with TLS 1.3 can get lost, and 426 says so, because it closes with session tickets unread.
        let lab = match version {
            Some(Version::V1_3) => served_with(Some(Acceptor::without_tickets(Certificate::Good).unwrap())),
            _ => our_lab(version),
        };
        let folder = Folder::new();
        let ca = ca(&folder);
        let curl = |args: &[&str]| {
            let mut command = tool("curl")?;
            command.args(["--silent", "--show-error", "--max-time", "30", "--user", "username:password"]);
            if version.is_some() {
                command.arg("--ssl-reqd").arg("--cacert").arg(&ca);
            }
            let left = run(command.args(args), b"");
            assert_eq!(left.status, 0, "{version:?} {args:?}: {}", left.err);
            Some(left.out)
        };
        let url = |path: &str| format!("ftp://localhost:{}/{path}", lab.addr().port());
        let Some(text) = curl(&[&url("remote_file.txt")]) else { return };
        assert_eq!(text, "你好\n".as_bytes());
        let (big, back) = (folder.path().join("big"), folder.path().join("back"));
        let (local, got) = (big.to_str().unwrap(), back.to_str().unwrap());
        for all in SIZES.into_iter().chain([large()]) {
            io::copy(&mut count(all), &mut fs::File::create(&big).unwrap()).unwrap();
            curl(&["--upload-file", local, &url("sized")]).unwrap();
            is_count(&lab.root().join("sized"), all);
            curl(&["--output", got, &url("sized")]).unwrap();
            is_count(&back, all);
        }
        fs::remove_file(lab.root().join("sized")).unwrap();
        for name in NAMES {
            fs::write(&big, name).unwrap();
            let remote = url(&encode::percent(name));
            curl(&["--upload-file", local, &remote]).unwrap();
            assert_eq!(lab.files()[&format!("/{name}")], name.as_bytes());
            assert_eq!(curl(&[&remote]).unwrap(), name.as_bytes());
            fs::remove_file(lab.root().join(name)).unwrap();
        }
        io::copy(&mut count(BIG), &mut fs::File::create(&big).unwrap()).unwrap();
        let path = encode::percent("new/fol der/big 你");
        let path = url(&path.replace("%2F", "/"));
        curl(&["--ftp-create-dirs", "--upload-file", local, &path]).unwrap();
        is_count(&lab.root().join("new/fol der/big 你"), BIG);
        let active = ["--ftp-port", "127.0.0.1", "--disable-eprt"];
        // curl 7.88 never begins TLS on a data connection that it accepted; ftplib does.
        let ways = [&[][..], &["--disable-epsv"], &active[..2], &active];
        for way in &ways[..if version.is_some() { 2 } else { 4 }] {
            curl(&[*way, &["--output", got, path.as_str()]].concat()).unwrap();
            is_count(&back, BIG);
            fs::remove_file(&back).unwrap();
        }
        let rest = curl(&["--range", &format!("{}-", BIG - 8), &path]).unwrap();
        assert_eq!(rest, (BIG - 8..BIG).map(|n| (n % 251) as u8).collect::<Vec<_>>());
        let names = curl(&["--list-only", &url("")]).unwrap();
        assert_eq!(String::from_utf8(names).unwrap().lines().collect::<Vec<_>>(), ["new", "remote_file.txt"]);
        curl(&["--quote", "DELE remote_file.txt", &url("new/")]).unwrap();
        assert_eq!(lab.files().len(), 1);
    });
}

#[test]
fn lftp_and_our_lab() {
    at_once(WAYS, |version| {
        let (lab, folder) = (our_lab(version), Folder::new());
        lab.put("tree/one/two/三.txt", "three").unwrap();
        lab.put("tree/a b", vec![7; 100_000]).unwrap();
        fs::create_dir(lab.root().join("tree/empty")).unwrap();
        let Some(mut command) = tool("lftp") else { return };
        // Half of it is there: the rest is fetched.
        folder.file("half", vec![7; 50_000]);
        let script = format!(
            "set net:max-retries 1; set net:timeout 20; set cmd:fail-exit true; set ftp:charset utf8; set file:charset utf8; \
             set ftp:ssl-force {}; set ssl:ca-file {}; open -u username,password -p {} localhost; cd tree; \
             get -c \"a b\" -o half; cd ..; mirror tree down; mirror -R down up; put -c half -o resumed; cls; bye",
            version.is_some(),
            ca(&folder).display(),
            lab.addr().port()
        );
        let home = folder.path().join("home");
        fs::create_dir(&home).unwrap();
        let left = run(command.current_dir(folder.path()).env("HOME", &home).args(["--norc", "-c", &script]), b"");
        assert_eq!(left.status, 0, "{version:?}: {}", left.text());
        assert_eq!(fs::read(folder.path().join("half")).unwrap(), vec![7; 100_000]);
        assert_eq!(fs::read(folder.path().join("down/one/two/三.txt")).unwrap(), b"three");
        let files = lab.files();
        for (name, contents) in &files {
            if let Some(rest) = name.strip_prefix("/tree/") {
                assert!(files[&format!("/up/{rest}")] == *contents, "{name}");
            }
        }
        assert!(lab.root().join("up/empty").is_dir() && files["/resumed"].len() == 100_000);
    });
}
