//! What others say to us in lines and fields, damaged in many ways: it is read or refused, without a panic, and what is read can be
//! said again and means the same. (DNS messages, heads of HTTP and blocks of text have tests of this kind with the rest of theirs.)

use crate::support;

use netprimer::encode::{base64, ftp_time, http_date, parse_base64, parse_ftp_time, parse_http_date};
use netprimer::ftp::Entry;
use netprimer::ftp::wire as ftp;
use netprimer::reply::{Reply, read_coded_reply, read_reply, write_reply};
use netprimer::smtp::wire::Extensions;
use netprimer::text::Limits;
use netprimer::url::Url;
use std::net::SocketAddr;
use support::numbers::Numbers;

/// Something that is read: examples of it, the bytes that mean something in it, and a reader that checks what it has read. `false`
/// for what it refuses.
type Read = (&'static str, &'static [&'static str], &'static [u8], fn(&[u8]) -> bool);

const READ: [Read; 9] = [
    ("reply", &["220 ready\r\n", "211-Features:\r\n SIZE\r\n211 End\r\n"], b"0125 -\r\n\0\xff", |wire| {
        let limits = Limits { line: 100, lines: 10, block: 0 };
        for read in [read_reply, read_coded_reply] {
            let mut rest = wire;
            let Ok(reply) = read(&mut rest, &limits) else { continue };
            assert!(
                reply.lines.len() <= 10 && reply.lines.iter().all(|line| !line.contains(['\r', '\n'])),
                "{reply:?}"
            );
            assert!(rest.len() < wire.len() && wire[..wire.len() - rest.len()].ends_with(b"\r\n"));
        }
        let Ok(reply) = read_reply(&mut &wire[..], &limits) else { return false };
        let mut again = Vec::new();
        if write_reply(&mut again, &reply).is_ok() {
            assert_eq!(read_reply(&mut again.as_slice(), &Limits::default()).unwrap(), reply);
        }
        true
    }),
    ("PASV", &["entering passive mode (127,0,0,1,156,64)", "=127,0,0,1,156,64"], b"0129,() ", |wire| {
        let Ok((ip, port)) = ftp::parse_pasv(&reply(227, wire)) else { return false };
        assert!(port > 0);
        assert_eq!(ftp::parse_pasv(&reply(227, ftp::host_port(ip, port).as_bytes())).unwrap(), (ip, port));
        assert!(ftp::port_command(SocketAddr::new(ip.into(), port)).ends_with(&ftp::host_port(ip, port)));
        true
    }),
    ("EPSV", &["extended passive mode (|||40000|)", "(!!!6!)"], b"0469|!()+ ", |wire| {
        ftp::parse_epsv(&reply(229, wire)).is_ok_and(|port| port > 0)
    }),
    (
        "names, sizes and times of FTP",
        &["\"/a \"\"b\"\"\" is here", "20240229123456.789", "6", "ready (6 bytes)"],
        b"\"09. ()",
        |wire| {
            if let Ok(size) = ftp::parse_size(&reply(213, wire)) {
                assert_eq!(ftp::parse_size(&reply(213, size.to_string().as_bytes())).unwrap(), size);
            }
            let _ = (ftp::announced(&reply(150, wire)), ftp::parse_time(&reply(213, wire)));
            let text = String::from_utf8_lossy(wire);
            if let Some(time) = parse_ftp_time(&text) {
                assert_eq!(parse_ftp_time(&ftp_time(time)).map(ftp_time), Some(ftp_time(time)), "{text}");
            }
            let Ok(name) = ftp::parse_quoted(&reply(257, wire)) else { return false };
            assert_eq!(ftp::parse_quoted(&reply(257, ftp::quoted(&name).as_bytes())).unwrap(), name);
            true
        },
    ),
    ("line of MLSD", &["Type=file;Size=6;Modify=20240229123456; 你好 .txt", "type=cdir; ."], b";= /.09\\", |wire| {
        let Ok(entry) = Entry::parse(&String::from_utf8_lossy(wire)) else { return false };
        let _ = (entry.size(), entry.modified(), entry.is_file(), entry.is_folder());
        if let Ok(name) = entry.local_name() {
            assert!(!name.contains(['/', '\\', '\0']) && !matches!(name, "" | "." | ".."), "{name:?} leads elsewhere");
        }
        !entry.name.is_empty()
    }),
    ("what a mail server offers", &["SIZE 1000", "AUTH PLAIN LOGIN", "AUTH=LOGIN", "STARTTLS"], b" =09AS", |wire| {
        let text = String::from_utf8_lossy(wire);
        let lines = vec!["mail.example".to_owned(), text.into_owned()];
        let offered = Extensions::of(&Reply { code: 250, lines });
        let _ = (offered.size(), offered.get("SIZE"));
        offered.has("STARTTLS") || offered.has_login("plain")
    }),
    (
        "date of HTTP",
        &["Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994"],
        b" :,0139-",
        |wire| {
            let Some(time) = parse_http_date(&String::from_utf8_lossy(wire)) else { return false };
            assert_eq!(parse_http_date(&http_date(time)), Some(time));
            true
        },
    ),
    ("base64", &["VXNlcm5hbWU6", "5L2g5aW9", "YQ=="], b"=+/Az09", |wire| {
        let Some(bytes) = parse_base64(&String::from_utf8_lossy(wire)) else { return false };
        assert_eq!(parse_base64(&base64(&bytes)), Some(bytes));
        true
    }),
    (
        "address",
        &["http://example.com:8080/a/../b?q=你好#f", "https://[::1]:443/%41", "../c?d", "//x.test"],
        b"/:.?#%[]@0\\ ",
        |wire| {
            let text = String::from_utf8_lossy(wire);
            let base = Url::parse("http://example.com/a/b?c").unwrap();
            for url in [Url::parse(&text), base.join(&text)].into_iter().flatten() {
                let again = Url::parse(&url.to_string()).unwrap_or_else(|error| panic!("{text:?} -> {url}: {error}"));
                assert!(
                    again.to_string() == url.to_string() && again.same_origin(&url),
                    "{text:?}: {url} is not {again}"
                );
                assert!(url.target().bytes().all(|byte| byte.is_ascii_graphic()), "{text:?}: {url}");
            }
            Url::parse(&text).is_ok()
        },
    ),
];

fn reply(code: u16, line: &[u8]) -> Reply {
    Reply { code, lines: vec![String::from_utf8_lossy(line).into_owned()] }
}

#[test]
fn what_is_damaged_is_read_or_refused() {
    let rounds = if support::load() { 100_000 } else { 5_000 };
    let mut numbers = Numbers::default();
    for (name, seeds, telling, read) in READ {
        let mut good = 0;
        for round in 0..rounds {
            let mut wire = seeds[round % seeds.len()].as_bytes().to_vec();
            numbers.damage(&mut wire, telling);
            good += usize::from(read(&wire));
        }
        // Both ways were gone.
        assert!((rounds / 100..rounds * 99 / 100).contains(&good), "{name}: {good} of {rounds} were read");
    }
}
