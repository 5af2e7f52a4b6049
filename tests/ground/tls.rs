//! TLS holds against wrong certificates, wrong peers, cut connections and slow ones; what is sent arrives; and what others
//! wrote (OpenSSL's own tools, Python) understands us.

use crate::support::files::Folder;
use crate::support::programs::{self, tool};

use netprimer::dial::{Dial, Target};
use netprimer::lab::script::{self, Step};
use netprimer::lab::tls::{self, Acceptor, Certificate, Version};
use netprimer::server::{Conn, Event, Handle, Server};
use netprimer::stream::{self, BoxStream, Cut, Stream, Tls};
use netprimer::trace::{Side, Traced, Transcript};
use netprimer::{Deadline, Error};
use std::error::Error as _;
use std::io::{self, BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

/// Longer than anything here takes, also on a busy machine.
const HARD: Duration = Duration::from_secs(20);

const BOTH: [Version; 2] = [Version::V1_2, Version::V1_3];

fn acceptor(version: Version) -> Acceptor {
    Acceptor::only(Certificate::Good, version).unwrap()
}

/// A TLS server on 127.0.0.1; what its handler returned, one after another, comes out of the channel.
fn serve<F>(acceptor: Acceptor, handler: F) -> (Handle, Receiver<Result<(), String>>)
where
    F: Fn(BoxStream) -> netprimer::Result<()> + Send + Sync + 'static,
{
    let (say, said) = mpsc::channel();
    let say = Mutex::new(say);
    let server = Server::bind("127.0.0.1:0").unwrap().total(Some(HARD)).on_event(move |event| {
        if let Event::Ended(_, result) = event {
            let result = result.as_ref().map(|_| ()).map_err(|error| error.to_string());
            let _ = say.lock().unwrap().send(result);
        }
    });
    let accept = move |conn: Conn| handler(acceptor.accept(conn.stream)?);
    (server.start(accept).unwrap(), said)
}

fn dial() -> Dial {
    Dial { connect: HARD, reply: HARD, tls: Some(tls::trust().unwrap()), ..Dial::default() }
}

fn open(host: &str, port: u16) -> netprimer::Result<BoxStream> {
    dial().open(&Target::parse(&format!("{host}:{port}"), 1).unwrap())
}

fn ok(host: &str, port: u16) -> BoxStream {
    open(host, port).unwrap_or_else(|error| panic!("{host}: {error}"))
}

fn echo(mut stream: BoxStream) -> netprimer::Result<()> {
    let mut buffer = [0; 4096];
    loop {
        match stream.read(&mut buffer).map_err(Error::io("read"))? {
            0 => break,
            n => stream.write_all(&buffer[..n]).map_err(Error::io("write"))?,
        }
    }
    stream.finish().map_err(Error::io("finish"))
}

fn read_all(stream: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut all = Vec::new();
    stream.read_to_end(&mut all).map(|_| all)
}

/// Bytes in which every place is different enough from its neighbours to notice one that is lost, doubled or moved.
fn pattern(len: usize) -> Vec<u8> {
    let mut state = 1_u32;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state.to_le_bytes()
    };
    let mut bytes: Vec<u8> = (0..len / 4 + 1).flat_map(|_| next()).collect();
    bytes.truncate(len);
    bytes
}

// ---- who is trusted ----

#[test]
fn the_good_certificate_is_good_for_each_of_its_names() {
    for version in BOTH {
        let (server, _) = serve(acceptor(version), echo);
        for host in ["localhost", "LOCALHOST", "localhost.", "127.0.0.1"] {
            let mut tcp = stream::connect("127.0.0.1", server.addr().port(), HARD.into()).unwrap();
            tcp.set_deadline(HARD.into());
            let mut stream = stream::upgrade(Box::new(tcp), host, &tls::trust().unwrap()).unwrap();
            stream.write_all(b"hello").unwrap();
            stream.finish().unwrap();
            assert_eq!(read_all(&mut stream).unwrap(), b"hello", "{host} {version:?}");
        }
    }
}

#[test]
fn an_address_of_ipv6_is_in_it_too() {
    let acceptor = acceptor(Version::V1_3);
    let server = Server::bind("[::1]:0").unwrap().start(move |conn| echo(acceptor.accept(conn.stream)?)).unwrap();
    drop(ok("[::1]", server.addr().port()));
    // Brackets may come with the name, as in a URL.
    let tcp = stream::connect("::1", server.addr().port(), HARD.into()).unwrap();
    drop(stream::upgrade(Box::new(tcp), "[::1]", &tls::trust().unwrap()).unwrap());
}

#[test]
fn each_wrong_certificate_is_refused_in_words_that_help() {
    let unknown = "comes from an authority that is not trusted here";
    let table = [
        (Certificate::Expired, "localhost", "its certificate has expired"),
        (Certificate::Expired, "127.0.0.1", "its certificate has expired"),
        (Certificate::NotYetValid, "localhost", "not valid yet"),
        (Certificate::WrongHost, "localhost", "made for another name"),
        (Certificate::WrongHost, "127.0.0.1", "made for another address"),
        (Certificate::SelfSigned, "localhost", "self-signed"),
        (Certificate::UnknownAuthority, "localhost", unknown),
        (Certificate::CommonName, "localhost", "names no host"),
        (Certificate::CommonName, "127.0.0.1", "made for another address"),
    ];
    for (certificate, host, words) in table {
        for version in BOTH {
            let (server, said) = serve(Acceptor::only(certificate, version).unwrap(), echo);
            let error = open(host, server.addr().port()).expect_err(words);
            let what = format!("{certificate:?} {host} {version:?}: {error}");
            assert!(matches!(error, Error::Other(..)), "{what}");
            assert!(error.to_string().starts_with(&format!("TLS handshake with {host}: ")), "{what}");
            assert!(error.to_string().contains(words), "{what}");
            let cause = error.source().and_then(|fault| fault.source()).expect("the package's own words");
            assert!(cause.to_string().contains("certificate") || cause.to_string().contains("subject"), "{cause}");
            assert!(!error.is_transient(), "{what}: it will be as wrong the next time");
            assert!(said.recv_timeout(HARD).unwrap().is_err(), "{what}: the server hears of it");
        }
    }
    assert!(Certificate::ALL[1..].iter().all(|c| table.iter().any(|(tried, ..)| tried == c)));
}

#[test]
fn the_lab_is_trusted_only_by_who_asked_for_it() {
    let (server, said) = serve(acceptor(Version::V1_3), echo);
    let target = Target::from(server.addr());
    let error = Dial { tls: Some(Tls::system()), ..dial() }.open(&target).unwrap_err().to_string();
    assert!(error.contains("an authority that is not trusted here"), "{error}");
    let error = said.recv_timeout(HARD).unwrap().unwrap_err();
    assert!(error.contains("does not trust our certificate"), "{error}");
}

#[test]
fn a_list_of_authorities_must_have_some() {
    assert!(matches!(Tls::trusting(""), Err(Error::Invalid(_))));
    let broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    assert!(matches!(Tls::trusting(broken), Err(Error::Other(..))));
    let both = format!("{}{}", tls::ca_pem().unwrap(), tls::ca_pem().unwrap());
    assert!(Tls::trusting(&both).is_ok());
}

#[test]
fn what_cannot_be_a_host_is_refused_without_a_byte() {
    let (server, said) = serve(acceptor(Version::V1_3), echo);
    let long = "a".repeat(254);
    for host in ["", ".", "[]", "a b", "a\0b", "local\r\nhost", long.as_str()] {
        let tcp = stream::connect("127.0.0.1", server.addr().port(), HARD.into()).unwrap();
        let error = stream::upgrade(Box::new(tcp), host, &tls::trust().unwrap()).unwrap_err();
        assert!(matches!(error, Error::Invalid(_)), "{host:?}: {error:?}");
        let heard = said.recv_timeout(HARD).unwrap().unwrap_err();
        assert!(heard.contains("closed the connection too early"), "{heard}");
    }
}

#[test]
fn old_versions_are_refused() {
    let old = Acceptor::only(Certificate::Good, Version::V1_1).unwrap();
    let (server, said) = serve(old, echo);
    let error = open("localhost", server.addr().port()).unwrap_err().to_string();
    assert!(error.contains("no version of TLS that both sides speak"), "{error}");
    let error = said.recv_timeout(HARD).unwrap().unwrap_err();
    assert!(error.contains("no version of TLS that both sides speak"), "{error}");
}

// ---- who is no TLS server ----

#[test]
fn a_plaintext_server_is_named_as_one() {
    for greeting in
        ["220 ready\r\n", "HTTP/1.0 400 Bad Request\r\n\r\n", "+OK\r\n", "SSH-2.0-x\r\n", "\0\0\0\0\0\0\0\0"]
    {
        let peer = script::play([Step::say(greeting), Step::Hold]).unwrap();
        let error = open("localhost", peer.addr().port()).unwrap_err();
        assert!(matches!(error, Error::Other(..)), "{error:?}");
        assert!(error.to_string().contains("does this port speak TLS?"), "{greeting:?}: {error}");
    }
}

#[test]
fn a_plaintext_client_is_named_as_one() {
    for (words, meaning) in [("GET / HTTP/1.0\r\n\r\n", "plain HTTP"), ("EHLO me\r\n", "does this port speak TLS?")] {
        let (server, said) = serve(acceptor(Version::V1_3), echo);
        let mut client = TcpStream::connect(server.addr()).unwrap();
        client.write_all(words.as_bytes()).unwrap();
        let error = said.recv_timeout(HARD).unwrap().unwrap_err();
        assert!(error.starts_with("TLS handshake with the client: ") && error.contains(meaning), "{error}");
    }
}

fn a_silent_server_and_one_that_drips_cost_the_deadline() {
    // The head of a record of 16 KiB, and then its bytes one by one.
    let mut slow = vec![0x16, 3, 3, 0x40, 0];
    slow.resize(5 + 0x4000, 0);
    thread::scope(|scope| {
        for steps in [[Step::Hold], [Step::Drip(slow, Duration::from_millis(20))]] {
            scope.spawn(|| {
                let peer = script::play(steps).unwrap();
                let start = Instant::now();
                let dial = Dial { connect: Duration::from_millis(400), ..dial() };
                let error = dial.open(&Target::parse("localhost", peer.addr().port()).unwrap()).unwrap_err();
                assert!(
                    matches!(&error, Error::Timeout(phase) if phase == "TLS handshake with localhost"),
                    "{error:?}"
                );
                let took = start.elapsed();
                assert!(took >= Duration::from_millis(400) && took < HARD, "{took:?}");
            });
        }
    });
}

#[test]
fn a_server_that_leaves_in_the_handshake_is_named() {
    let peer = script::play([Step::Finish, Step::Hold]).unwrap();
    let error = open("localhost", peer.addr().port()).unwrap_err();
    assert!(matches!(&error, Error::Closed(phase) if phase == "TLS handshake with localhost"), "{error:?}");
    assert!(error.is_transient());
    // Closed with our hello unread: a reset.
    let peer = script::play([Step::hear([0x16]), Step::Slam]).unwrap();
    let error = open("localhost", peer.addr().port()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset, "{error:?}");
    assert!(error.source().is_some_and(|cause| cause.is::<io::Error>()));
}

#[test]
fn a_client_that_is_silent_costs_a_server_its_own_limit() {
    let good = acceptor(Version::V1_3);
    let (say, said) = mpsc::channel();
    let say = Mutex::new(say);
    let server = Server::bind("127.0.0.1:0").unwrap().total(Some(Duration::from_millis(200)));
    let server = server.start(move |conn| {
        let error = good.accept(conn.stream).map(drop).unwrap_err();
        say.lock().unwrap().send(error.to_string()).unwrap();
        Err(error)
    });
    let server = server.unwrap();
    let _silent = TcpStream::connect(server.addr()).unwrap();
    let error = said.recv_timeout(HARD).unwrap();
    assert_eq!(error, "TLS handshake with the client: no answer in time");
}

// ---- the end ----

fn a_marked_end_is_an_end_and_a_cut_is_an_error_wherever_it_comes() {
    const SENT: usize = 40_000; // three records
    for version in BOTH {
        let (server, _) = serve(acceptor(version), |mut stream| {
            stream.write_all(&pattern(SENT)).map_err(Error::io("write"))?;
            stream::close(stream)
        });
        let fetch = |most| {
            let relay = Relay::start(server.addr().port(), most, None);
            let read = open("localhost", relay.port).and_then(|mut stream| {
                let mut all = Vec::new();
                let end = stream.read_to_end(&mut all);
                assert_eq!(all, pattern(SENT)[..all.len()], "what came came right");
                stream.finish().map_err(Error::io("finish"))?;
                match end {
                    Ok(_) => Ok(all.len()),
                    Err(error) => {
                        assert!(Cut::is(&error), "{version:?} {most}: {error:?}");
                        assert_eq!(error.kind(), ErrorKind::InvalidData, "not to be taken for an end");
                        Err(Error::io("read")(error))
                    }
                }
            });
            (read, relay.passed())
        };
        let (whole, all) = fetch(usize::MAX);
        assert_eq!(whole.unwrap(), SENT);
        assert!(all > SENT, "{all}");
        // In the handshake, at the ends of records and within them, before and within the mark itself.
        let within = (0..all).step_by(1_501);
        for cut in within.chain([1, 5, 6, all - 40, all - 24, all - 23, all - 2, all - 1]) {
            let (read, passed) = fetch(cut);
            assert_eq!(passed, cut);
            let error = read.expect_err("cut");
            assert!(matches!(error, Error::Closed(_) | Error::Io(..)), "{version:?} {cut} of {all}: {error:?}");
            assert!(error.is_transient(), "{version:?} {cut} of {all}: {error:?}");
        }
    }
}

#[test]
fn a_server_that_is_gone_is_no_end_of_the_text() {
    let steps = [Step::StartTls(Certificate::Good), Step::say("half"), Step::hear("?"), Step::Slam];
    let peer = script::play(steps).unwrap();
    let mut stream = ok("localhost", peer.addr().port());
    stream.write_all(b"?").unwrap();
    let mut heard = Vec::new();
    let error = stream.read_to_end(&mut heard).unwrap_err();
    assert_eq!(heard, b"half");
    assert!(Cut::is(&error), "{error:?}");
    let error = Error::io("read the text")(error);
    assert!(error.to_string().starts_with("read the text: cut off: TLS marks its end"), "{error}");
    assert!(stream.read(&mut [0; 1]).is_err(), "and stays so");
    peer.verdict().unwrap();
}

#[test]
fn one_way_ends_and_the_other_goes_on() {
    for version in BOTH {
        let (server, said) = serve(acceptor(version), |mut stream| {
            let asked = read_all(&mut stream).map_err(Error::io("read to the end"))?;
            for _ in 0..3 {
                stream.write_all(&asked).map_err(Error::io("answer after the end"))?;
            }
            stream.finish().map_err(Error::io("finish"))?;
            stream.finish().map_err(Error::io("finish again"))
        });
        let mut stream = ok("localhost", server.addr().port());
        stream.write_all(b"abc").unwrap();
        stream.finish().unwrap();
        stream.finish().unwrap();
        assert_eq!(stream.write(b"more").unwrap_err().kind(), ErrorKind::BrokenPipe);
        assert_eq!(read_all(&mut stream).unwrap(), b"abcabcabc");
        assert_eq!(stream.read(&mut [0; 1]).unwrap(), 0, "an end stays an end");
        assert_eq!(said.recv_timeout(HARD).unwrap(), Ok(()), "{version:?}");
    }
}

#[test]
fn a_drop_says_goodbye_only_when_nothing_of_ours_was_open() {
    for version in BOTH {
        let (server, said) = serve(acceptor(version), |mut stream| {
            stream.write_all(b"hello").map_err(Error::io("greet"))?;
            read_all(&mut stream).map(drop).map_err(Error::io("read to the end"))
        });
        let mut reader = ok("localhost", server.addr().port());
        reader.read_exact(&mut [0; 5]).unwrap();
        drop(reader);
        assert_eq!(said.recv_timeout(HARD).unwrap(), Ok(()), "{version:?}: it had listened last");

        let mut writer = ok("localhost", server.addr().port());
        writer.read_exact(&mut [0; 5]).unwrap();
        writer.write_all(b"the first half").unwrap();
        drop(writer);
        let error = said.recv_timeout(HARD).unwrap().unwrap_err();
        assert!(error.contains("cut off"), "{version:?}: a half is no whole: {error}");
    }
}

#[test]
fn nothing_is_lost_in_either_direction() {
    const SIZE: usize = 8 << 20;
    for version in BOTH {
        let (server, said) = serve(acceptor(version), |mut stream| {
            let sent = read_all(&mut stream).map_err(Error::io("read to the end"))?;
            assert!(sent == pattern(SIZE), "{} bytes arrived, or others", sent.len());
            stream.finish().map_err(Error::io("finish"))
        });
        let mut stream = ok("localhost", server.addr().port());
        stream.write_all(&pattern(SIZE)).unwrap();
        stream::close(stream).unwrap();
        assert_eq!(said.recv_timeout(HARD).unwrap(), Ok(()), "{version:?}: up");

        let (server, said) = serve(acceptor(version), |mut stream| {
            stream.write_all(&pattern(SIZE)).map_err(Error::io("write"))?;
            stream::close(stream)
        });
        let mut stream = ok("localhost", server.addr().port());
        assert!(read_all(&mut stream).unwrap() == pattern(SIZE), "{version:?}: down");
        stream.finish().unwrap();
        assert_eq!(said.recv_timeout(HARD).unwrap(), Ok(()), "{version:?}: down");
    }
}

fn an_upload_waits_for_a_server_that_reads_late() {
    const SIZE: usize = 100_000; // fits into the buffers of the system, so that writing ends before the reading begins
    for version in BOTH {
        let (go, wait) = mpsc::channel::<()>();
        let wait = Mutex::new(wait);
        let (server, said) = serve(acceptor(version), move |mut stream| {
            let _ = wait.lock().unwrap().recv_timeout(HARD);
            let sent = read_all(&mut stream).map_err(Error::io("read to the end"))?;
            assert!(sent == pattern(SIZE), "{} bytes arrived, or others", sent.len());
            Ok(()) // without a mark of its own: the upload is whole all the same
        });
        let mut stream = ok("localhost", server.addr().port());
        stream.write_all(&pattern(SIZE)).unwrap();
        let (say, closed) = mpsc::channel();
        let closing = thread::spawn(move || say.send(stream::close(stream)).unwrap());
        let early = closed.recv_timeout(Duration::from_millis(100));
        assert!(early.is_err(), "{version:?}: nobody has read it yet: {early:?}");
        go.send(()).unwrap();
        closed.recv_timeout(HARD).unwrap().unwrap();
        closing.join().unwrap();
        assert_eq!(said.recv_timeout(HARD).unwrap(), Ok(()), "{version:?}");
    }
}

pub fn closing_has_its_limits_too() {
    let silent = script::play([Step::StartTls(Certificate::Good), Step::Hold, Step::Hold]).unwrap();
    let mut stream = ok("localhost", silent.addr().port());
    stream.set_deadline(Deadline::after(HARD));
    stream::close(stream).unwrap(); // Hold ends by our end
    let talks = script::play([Step::StartTls(Certificate::Good), Step::say(vec![0; 2 << 20]), Step::Hold]).unwrap();
    let stream = ok("localhost", talks.addr().port());
    assert!(matches!(stream::close(stream), Err(Error::TooLong(_, 1_048_576))));
    let waits = script::play([Step::StartTls(Certificate::Good), Step::Wait(HARD)]).unwrap();
    let mut stream = ok("localhost", waits.addr().port());
    stream.set_deadline(Deadline::after(Duration::from_millis(200)));
    assert!(matches!(stream::close(stream), Err(Error::Timeout(_))));
}

// ---- what passes ----

#[test]
fn below_there_is_ciphertext_and_above_plaintext() {
    for (host, name_is_sent) in [("localhost", true), ("127.0.0.1", false)] {
        for version in BOTH {
            let (server, _) = serve(acceptor(version), echo);
            let (below, above) = (Transcript::new(), Transcript::new());
            let mut tcp = stream::connect(host, server.addr().port(), HARD.into()).unwrap();
            tcp.set_deadline(HARD.into());
            let watched = Traced::new(tcp, Side::Client, Arc::new(below.clone()));
            let stream = stream::upgrade(Box::new(watched), host, &tls::trust().unwrap()).unwrap();
            let mut stream = Traced::new(stream, Side::Client, Arc::new(above.clone()));
            stream.write_all(b"USER alice in the clear\r\n").unwrap();
            stream.finish().unwrap();
            assert_eq!(read_all(&mut stream).unwrap(), b"USER alice in the clear\r\n");
            assert_eq!(
                above.to_string(),
                "C: USER alice in the clear\\r\\n\nC: FIN\nS: USER alice in the clear\\r\\n\nS: FIN\n"
            );
            let holds = |side, words: &[u8]| below.sent_by(side).windows(words.len()).any(|part| part == words);
            assert!(below.sent_by(Side::Client).starts_with(&[0x16, 3]), "a ClientHello comes first");
            assert!(!holds(Side::Client, b"alice") && !holds(Side::Server, b"alice"), "{version:?}");
            assert_eq!(holds(Side::Client, b"localhost"), name_is_sent, "{host}: SNI has names, never addresses");
            // The certificate itself is in the clear in 1.2 and no longer in 1.3 (RFC 8446 section 1.2).
            assert_eq!(holds(Side::Server, b"netprimer lab authority"), version == Version::V1_2);
        }
    }
}

#[test]
fn a_dial_shows_the_plaintext_and_no_secret() {
    let (server, _) = serve(acceptor(Version::V1_3), echo);
    let wire = Transcript::new();
    let dial = Dial { trace: Some(Arc::new(wire.clone())), ..dial() };
    let mut stream = dial.open(&Target::parse("localhost", server.addr().port()).unwrap()).unwrap();
    assert_eq!(stream.peer_addr().unwrap(), server.addr());
    stream.write_all(b"PASS ").unwrap();
    stream.secret(true);
    stream.write_all(b"open sesame").unwrap();
    stream.secret(false);
    stream.write_all(b"\r\n").unwrap();
    assert_eq!(wire.to_string(), "C: PASS \nC: ***\nC: \\r\\n\n");
    let shown = format!("{stream:?} {dial:?}");
    assert!(!shown.contains("sesame") && shown.contains("Tls("), "{shown}");
}

#[test]
fn a_changed_record_is_noticed() {
    for version in BOTH {
        let (server, _) = serve(acceptor(version), |mut stream| {
            stream.write_all(&pattern(20_000)).map_err(Error::io("write"))?;
            stream::close(stream)
        });
        let relay = Relay::start(server.addr().port(), usize::MAX, Some(15_000));
        let mut stream = ok("localhost", relay.port);
        let error = read_all(&mut stream).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidData, "{version:?}: {error}");
        let error = Error::io("read")(error);
        assert!(error.to_string().contains("a record was changed on its way"), "{version:?}: {error}");
        assert!(error.source().and_then(|e| e.source()).is_some(), "the package's words stay reachable");
    }
}

/// Whatever is changed on the way, it is not about a certificate of ours: we have none.
#[test]
fn a_changed_handshake_is_not_blamed_on_us() {
    let (server, _) = serve(acceptor(Version::V1_2), echo);
    // The places of the certificate, and a bit further.
    for at in (85..1000).step_by(31) {
        let relay = Relay::start(server.addr().port(), usize::MAX, Some(at));
        let error = open("localhost", relay.port).unwrap_err().to_string();
        assert!(!error.contains("our certificate"), "byte {at}: {error}");
    }
}

#[test]
fn time_runs_out_for_one_read_and_not_for_the_session() {
    for version in BOTH {
        let (server, said) = serve(acceptor(version), echo);
        let mut stream = ok("localhost", server.addr().port());
        for _ in 0..3 {
            stream.set_deadline(Deadline::after(Duration::from_millis(50)));
            let error = Error::io("wait for news")(stream.read(&mut [0; 9]).unwrap_err());
            assert!(matches!(&error, Error::Timeout(phase) if phase == "wait for news"), "{error:?}");
            // The deadline is over now: the next read does not even ask.
            assert!(matches!(Error::io("x")(stream.read(&mut [0; 9]).unwrap_err()), Error::Timeout(_)));
            stream.set_deadline(Deadline::after(HARD));
            stream.write_all(b"still here").unwrap();
            let mut back = [0; 10];
            stream.read_exact(&mut back).unwrap();
            assert_eq!(&back, b"still here", "{version:?}");
        }
        drop(stream);
        // The server read our goodbye; that it cannot answer it any more is another matter.
        let ended = said.recv_timeout(HARD).unwrap();
        assert!(ended.is_ok() || ended.as_ref().is_err_and(|e| e.starts_with("finish: ")), "{version:?}: {ended:?}");
    }
}

fn a_server_that_never_reads_does_not_hold_us() {
    let peer = script::play([Step::StartTls(Certificate::Good), Step::Wait(HARD)]).unwrap();
    let mut stream = ok("localhost", peer.addr().port());
    stream.set_deadline(Deadline::after(Duration::from_millis(300)));
    let start = Instant::now();
    let error = Error::io("send")(stream.write_all(&vec![0; 64 << 20]).unwrap_err());
    assert!(matches!(error, Error::Timeout(_)), "{error:?}");
    drop(stream); // nor does the drop
    assert!(start.elapsed() < HARD, "{:?}", start.elapsed());
}

#[test]
fn tls_can_begin_in_the_middle() {
    let peer = script::play([
        Step::say("220 ready\r\n"),
        Step::hear("STARTTLS\r\n"),
        Step::say("220 go on\r\n"),
        Step::StartTls(Certificate::Good),
        Step::hear("NOOP\r\n"),
        Step::say("250 ok\r\n"),
        Step::HearEnd,
    ])
    .unwrap();
    let mut plain = Dial { tls: None, ..dial() }.open(&peer.addr().into()).unwrap();
    plain.read_exact(&mut [0; 11]).unwrap();
    plain.write_all(b"STARTTLS\r\n").unwrap();
    plain.read_exact(&mut [0; 11]).unwrap();
    let mut stream = stream::upgrade(plain, "localhost", &tls::trust().unwrap()).unwrap();
    stream.write_all(b"NOOP\r\n").unwrap();
    stream.finish().unwrap();
    assert_eq!(read_all(&mut stream).unwrap(), b"250 ok\r\n");
    let wire = peer.wire();
    peer.verdict().unwrap();
    let wire = wire.to_string();
    assert!(wire.ends_with("S: 220 go on\\r\\n\nC: NOOP\\r\\n\nS: 250 ok\\r\\n\nC: FIN\nS: FIN\n"), "{wire}");
}

#[test]
fn a_script_tells_of_a_client_that_refuses_its_certificate() {
    let peer = script::play([Step::StartTls(Certificate::Expired)]).unwrap();
    open("localhost", peer.addr().port()).unwrap_err();
    let error = peer.verdict().unwrap_err().to_string();
    assert!(error.starts_with("step 1, StartTls(Expired): TLS handshake with the client: "), "{error}");
}

#[test]
fn many_at_once_share_one_list_of_authorities() {
    let (server, _) = serve(Acceptor::new(Certificate::Good).unwrap(), echo);
    let port = server.addr().port();
    thread::scope(|scope| {
        for n in 0..16_u8 {
            scope.spawn(move || {
                let mut stream = ok("localhost", port);
                stream.write_all(&[n; 1000]).unwrap();
                stream.finish().unwrap();
                assert_eq!(read_all(&mut stream).unwrap(), [n; 1000]);
            });
        }
    });
}

// ---- a relay that cuts or changes what the server sends ----

struct Relay {
    port: u16,
    passed: Receiver<usize>,
}

impl Relay {
    /// Passes one connection on to `port`; from the server at most `most` bytes and then an end, and byte number `flip`
    /// with one bit changed.
    fn start(port: u16, most: usize, flip: Option<usize>) -> Relay {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let ours = listener.local_addr().unwrap().port();
        let (say, passed) = mpsc::channel();
        thread::spawn(move || {
            let (client, _) = listener.accept().unwrap();
            let server = TcpStream::connect(("127.0.0.1", port)).unwrap();
            for end in [&client, &server] {
                end.set_read_timeout(Some(HARD)).unwrap();
            }
            let (mut up, mut to) = (client.try_clone().unwrap(), server.try_clone().unwrap());
            let forth = thread::spawn(move || {
                let _ = io::copy(&mut up, &mut to);
                let _ = to.shutdown(Shutdown::Write);
            });
            let _ = say.send(back(&server, &client, most, flip));
            let _ = client.shutdown(Shutdown::Write);
            let _ = server.shutdown(Shutdown::Read);
            forth.join().unwrap();
        });
        Relay { port: ours, passed }
    }

    fn passed(&self) -> usize {
        self.passed.recv_timeout(HARD).unwrap()
    }
}

fn back(mut server: &TcpStream, mut client: &TcpStream, most: usize, flip: Option<usize>) -> usize {
    let mut passed = 0;
    let mut buffer = [0; 4096];
    while passed < most {
        let room = buffer.len().min(most - passed);
        let Ok(n @ 1..) = server.read(&mut buffer[..room]) else { break };
        if let Some(at) = flip.filter(|at| (passed..passed + n).contains(at)) {
            buffer[at - passed] ^= 1;
        }
        if client.write_all(&buffer[..n]).is_err() {
            break;
        }
        passed += n;
    }
    passed
}

// ---- what others wrote ----

/// A program that is ended with the test.
struct Peer(Child);

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Peer {
    fn start(command: &mut Command) -> Peer {
        Peer(command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap())
    }

    /// The next line that holds `words`.
    fn line(&mut self, words: &str) -> (String, BufReader<&mut std::process::ChildStdout>) {
        let mut out = BufReader::new(self.0.stdout.as_mut().unwrap());
        loop {
            let mut line = String::new();
            assert!(out.read_line(&mut line).unwrap() > 0, "the program ended before it said {words}");
            if line.contains(words) {
                return (line.trim_end().to_owned(), out);
            }
        }
    }
}

/// A certificate that another program made and shows, and who trusts it.
fn foreign(folder: &Folder) -> Tls {
    let names = "subjectAltName=DNS:localhost,IP:127.0.0.1";
    let mut make = Command::new("openssl");
    make.args([
        "req",
        "-x509",
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-days",
        "2",
        "-subj",
        "/CN=localhost",
        "-addext",
        names,
    ]);
    make.arg("-keyout").arg(folder.path().join("key.pem")).arg("-out").arg(folder.path().join("cert.pem"));
    assert!(make.output().unwrap().status.success());
    Tls::trusting(&std::fs::read_to_string(folder.path().join("cert.pem")).unwrap()).unwrap()
}

#[test]
fn openssl_serves_us() {
    if tool("openssl").is_none() {
        return;
    }
    let folder = Folder::new();
    let tls = foreign(&folder);
    for version in ["-tls1_2", "-tls1_3"] {
        let mut server = Command::new("openssl");
        server.args(["s_server", "-accept", "127.0.0.1:0", "-rev", version]);
        server.arg("-cert").arg(folder.path().join("cert.pem")).arg("-key").arg(folder.path().join("key.pem"));
        let mut server = Peer::start(server.stderr(Stdio::null()));
        let (line, _out) = server.line("ACCEPT");
        let port: u16 = line.rsplit(':').next().unwrap().parse().unwrap();
        let dial = Dial { tls: Some(tls.clone()), ..dial() };
        let mut stream = dial.open(&Target::parse("localhost", port).unwrap()).unwrap();
        stream.write_all(b"netprimer\n").unwrap();
        let mut back = [0; 10];
        stream.read_exact(&mut back).unwrap();
        assert_eq!(&back, b"remirpten\n", "{version}");
        drop(stream);
        let error = open("localhost", port).unwrap_err().to_string();
        assert!(error.contains("self-signed"), "{error}");
    }
}

#[test]
fn openssl_is_served_by_us() {
    if tool("openssl").is_none() {
        return;
    }
    let folder = Folder::new();
    std::fs::write(folder.path().join("ca.pem"), tls::ca_pem().unwrap()).unwrap();
    let (server, said) = serve(Acceptor::new(Certificate::Good).unwrap(), |mut stream| {
        let mut line = Vec::new();
        BufReader::new(&mut stream).read_until(b'\n', &mut line).map_err(Error::io("read a line"))?;
        stream.write_all(&line).map_err(Error::io("echo it"))?;
        stream::close(stream)
    });
    for (version, name, fits) in
        [("-tls1_2", "localhost", true), ("-tls1_3", "localhost", true), ("-tls1_3", "other.example", false)]
    {
        let mut client = Command::new("openssl");
        client.args(["s_client", "-quiet", "-verify_return_error", "-verify_hostname", name, version]);
        client.arg("-connect").arg(server.addr().to_string()).arg("-CAfile").arg(folder.path().join("ca.pem"));
        let mut client = Peer::start(client.stderr(Stdio::null()));
        // It may have refused us and be gone by now.
        let sent = client.0.stdin.as_mut().unwrap().write_all(b"hello from another program\n");
        let mut text = String::new();
        client.0.stdout.as_mut().unwrap().read_to_string(&mut text).unwrap();
        assert_eq!(text == "hello from another program\n" && sent.is_ok(), fits, "{version} {name}: {text}");
        assert_eq!(said.recv_timeout(HARD).unwrap().is_ok(), fits, "{version} {name}");
    }
}

#[test]
fn python_is_served_by_us() {
    if tool("python3").is_none() {
        return;
    }
    let folder = Folder::new();
    std::fs::write(folder.path().join("ca.pem"), tls::ca_pem().unwrap()).unwrap();
    for version in BOTH {
        let (server, said) = serve(acceptor(version), echo);
        let mut client = python("client", &server.addr().port().to_string());
        let done = client.arg(folder.path().join("ca.pem")).output().unwrap();
        let out = String::from_utf8_lossy(&done.stdout);
        let version = if version == Version::V1_2 { "TLSv1.2" } else { "TLSv1.3" };
        assert_eq!(
            out,
            format!("{version} 1000000 same, then a marked end\n"),
            "{}",
            String::from_utf8_lossy(&done.stderr)
        );
        assert_eq!(said.recv_timeout(HARD).unwrap(), Ok(()));
    }
    // Python 3.13 still takes a common name for a host.
    for certificate in Certificate::ALL[1..].iter().filter(|bad| **bad != Certificate::CommonName) {
        let (server, _) = serve(Acceptor::new(*certificate).unwrap(), echo);
        let mut client = python("client", &server.addr().port().to_string());
        let done = client.arg(folder.path().join("ca.pem")).output().unwrap();
        let out = String::from_utf8_lossy(&done.stdout);
        assert!(out.starts_with("refused: "), "{certificate:?}: {out}{}", String::from_utf8_lossy(&done.stderr));
    }
}

#[test]
fn python_serves_us() {
    if tool("python3").and(tool("openssl")).is_none() {
        return;
    }
    let folder = Folder::new();
    let tls = foreign(&folder);
    for (version, kind) in [("TLSv1_2", "marked"), ("TLSv1_3", "marked"), ("TLSv1_2", "cut"), ("TLSv1_3", "cut")] {
        let mut server = python("server", version);
        let mut server = Peer::start(server.arg(folder.path()).arg(kind));
        let (line, mut out) = server.line("listening on");
        let port: u16 = line.rsplit(' ').next().unwrap().parse().unwrap();
        let dial = Dial { tls: Some(tls.clone()), ..dial() };
        let mut stream = dial.open(&Target::parse("localhost", port).unwrap()).unwrap();
        stream.write_all(&pattern(1_000_000)).unwrap();
        stream.finish().unwrap();
        let mut all = Vec::new();
        let end = stream.read_to_end(&mut all);
        assert_eq!(String::from_utf8_lossy(&all), "1000000 bytes", "{version}");
        assert_eq!(end.map_err(|error| Cut::is(&error)).map(drop), if kind == "cut" { Err(true) } else { Ok(()) });
        let mut last = String::new();
        out.read_line(&mut last).unwrap();
        assert_eq!(last, "they ended with a mark\n", "{version}");
    }
}

fn python(role: &str, argument: &str) -> Command {
    let mut command = programs::python("tls_peer.py").unwrap();
    command.arg(role).arg(argument);
    command
}

together! { what_waits:
    a_marked_end_is_an_end_and_a_cut_is_an_error_wherever_it_comes,
    a_server_that_never_reads_does_not_hold_us,
    a_silent_server_and_one_that_drips_cost_the_deadline,
    an_upload_waits_for_a_server_that_reads_late,
    time_runs_out_for_one_read_and_not_for_the_session,
}
