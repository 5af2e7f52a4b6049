//! DNS messages, byte for byte: what RFC 1035 draws, what nobody may send, and what is left when anything is changed.

use crate::support;
use netprimer::Error;
use netprimer::dns::{AA, Data, Edns, IN, Kind, Message, Name, QR, Question, RA, RD, Rcode, Record, TC, explain};
use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed};
use std::net::{IpAddr, Ipv4Addr};
use support::numbers::Numbers;

fn name(text: &str) -> Name {
    Name::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn record(owner: &str, data: Data) -> Record {
    Record { name: name(owner), class: IN, ttl: 300, data }
}

/// A header with these counts, and what follows it.
fn packet(counts: [u16; 4], rest: &[u8]) -> Vec<u8> {
    let mut packet = vec![0x12, 0x34, 0x81, 0x80];
    counts.iter().for_each(|count| packet.extend(count.to_be_bytes()));
    packet.extend(rest);
    packet
}

/// One answer whose owner is the root, with this type and data and this length before them.
fn answer(kind: Kind, length: u16, data: &[u8]) -> Vec<u8> {
    let mut rest = vec![0];
    rest.extend(kind.0.to_be_bytes());
    rest.extend([0, 1, 0, 0, 1, 44]);
    rest.extend(length.to_be_bytes());
    rest.extend(data);
    packet([0, 1, 0, 0], &rest)
}

/// A question about the name that these bytes are, which stands at byte 12.
fn question(name: &[u8]) -> Vec<u8> {
    packet([1, 0, 0, 0], &[name, &[0, 1, 0, 1]].concat())
}

fn refused(packet: &[u8], why: &str) {
    match Message::parse(packet) {
        Err(error @ (Error::Protocol(_) | Error::TooLong(..))) => {
            assert!(error.to_string().contains(why), "{why:?} expected: {error}");
        }
        other => panic!("{why:?} expected: {other:?}"),
    }
    let text = explain(packet);
    assert!(text.contains("HERE IT BREAKS") || why.contains("64 KiB") || why.contains("OPT"), "{why}:\n{text}");
}

/// A message with one record of every type we know, and one that we do not.
fn everything() -> Message {
    let soa = Data::Soa {
        primary: name("ns.example.com"),
        mailbox: name("hostmaster.example.com"),
        serial: 2_026_010_101,
        refresh: 7200,
        retry: 900,
        expire: 1_209_600,
        minimum: 300,
    };
    Message {
        id: 0xbeef,
        flags: QR | AA | RD | RA | 3,
        questions: vec![Question { name: name("www.example.com"), kind: Kind::ANY, class: IN }],
        answers: vec![
            record("www.example.com", Data::Cname(name("WEB.example.com"))),
            record("WEB.example.com", Data::A([93, 184, 216, 34].into())),
            record("web.example.com", Data::Aaaa("2606:2800:220:1:248:1893:25c8:1946".parse().unwrap())),
            record("example.com", Data::Mx { preference: 10, host: name("mail.example.com") }),
            record("example.com", Data::Txt(vec![b"v=spf1 -all".to_vec(), vec![], vec![0, 255, b'"']])),
            record("34.216.184.93.in-addr.arpa", Data::Ptr(name("www.example.com"))),
            record(
                "_ftp._tcp.example.com",
                Data::Srv { priority: 1, weight: 2, port: 21, target: name("www.example.com") },
            ),
        ],
        authority: vec![record("example.com", soa), record("example.com", Data::Ns(name("ns.example.com")))],
        additional: vec![record(".", Data::Other { kind: Kind(257), bytes: vec![0, 5, b'i'] })],
        edns: Some(Edns { udp_size: 4096, rcode_high: 1, version: 0, flags: 0x8000, options: vec![(10, vec![7; 8])] }),
    }
}

#[test]
fn a_query_as_it_travels() {
    let query = Message::query(0x1234, name("www.example.com"), Kind::A);
    let wire =
        b"\x12\x34\x01\x00\0\x01\0\0\0\0\0\x01\x03www\x07example\x03com\0\0\x01\0\x01\0\0\x29\x04\xd0\0\0\0\0\0\0";
    assert_eq!(query.encode().unwrap().escape_ascii().to_string(), wire.escape_ascii().to_string());
    assert_eq!(Message::parse(wire).unwrap(), query);
}

#[test]
fn an_answer_as_it_travels() {
    // www.example.com is an alias of example.com, which has an address and two mail exchangers: written by hand.
    let wire = b"\xab\xcd\x85\x80\0\x01\0\x02\0\x01\0\0\
        \x03www\x07example\x03com\0\0\x01\0\x01\
        \xc0\x0c\0\x05\0\x01\0\0\x0e\x10\0\x02\xc0\x10\
        \xc0\x10\0\x01\0\x01\0\0\x01\x2c\0\x04\x5d\xb8\xd8\x22\
        \xc0\x10\0\x0f\0\x01\0\0\x01\x2c\0\x09\0\x0a\x04mail\xc0\x10";
    let message = Message {
        id: 0xabcd,
        flags: QR | AA | RD | RA,
        questions: vec![Question { name: name("www.example.com"), kind: Kind::A, class: IN }],
        answers: vec![
            Record { ttl: 3600, ..record("www.example.com", Data::Cname(name("example.com"))) },
            record("example.com", Data::A([93, 184, 216, 34].into())),
        ],
        authority: vec![record("example.com", Data::Mx { preference: 10, host: name("mail.example.com") })],
        ..Message::default()
    };
    assert_eq!(Message::parse(wire).unwrap(), message);
    assert_eq!(message.encode().unwrap(), wire);
}

#[test]
fn the_names_of_rfc_1035_section_4_1_4() {
    // F.ISI.ARPA in full, FOO and a pointer to it, a pointer to its ARPA, and the root.
    let names: [&[u8]; 4] = [b"\x01F\x03ISI\x04ARPA\0", b"\x03FOO\xc0\x0c", b"\xc0\x12", b"\0"];
    let rest: Vec<u8> = names.iter().flat_map(|name| [name, &b"\0\x01\0\x01"[..]].concat()).collect();
    let message = Message::parse(&packet([4, 0, 0, 0], &rest)).unwrap();
    let read: Vec<String> = message.questions.iter().map(|question| question.name.to_string()).collect();
    assert_eq!(read, ["F.ISI.ARPA", "FOO.F.ISI.ARPA", "ARPA", "."]);
    assert_eq!(message.encode().unwrap(), packet([4, 0, 0, 0], &rest), "we would write the same bytes");
}

#[test]
fn all_types_there_and_back() {
    let message = everything();
    let wire = message.encode().unwrap();
    let back = Message::parse(&wire).unwrap();
    assert_eq!(back, message);
    assert_eq!(back.rcode(), Rcode(19), "the upper bits come from EDNS");
    // Names compare without case; the text shows that each kept its own.
    assert_eq!(back.answers[1].name.to_string(), "WEB.example.com");
    assert_eq!(back.answers[2].name.to_string(), "web.example.com");
    assert!(!explain(&wire).contains("BREAKS"), "{}", explain(&wire));
}

#[test]
fn srv_targets_are_not_compressed_but_read() {
    let whole = Message { questions: Vec::new(), edns: None, ..everything() }.encode().unwrap();
    assert!(whole.windows(17).any(|part| part == b"\x03www\x07example\x03com\0"), "RFC 2782");
    let wire = answer(Kind::SRV, 8, b"\0\x01\0\x02\0\x15\xc0\x0c");
    let Data::Srv { target, .. } = &Message::parse(&wire).unwrap().answers[0].data else { panic!() };
    assert_eq!(*target, Name::root());
}

#[test]
fn pointers_lead_only_back() {
    let back = "does not lead back";
    refused(&question(b"\xc0\x0c"), back); // to itself
    refused(&question(b"\xc0\x20"), back); // forward
    refused(&question(b"\x01a\xc0\x0c"), back); // to its own beginning
    refused(&question(b"\xc0\x04"), back); // into the header
    refused(&question(b"\xff\xff"), back); // out of the message
    // Two pointers at each other: the second name begins behind the first.
    let circle = [&b"\xc0\x12\0\x01\0\x01"[..], b"\xc0\x0c\0\x01\0\x01"].concat();
    refused(&packet([2, 0, 0, 0], &circle), back);
    // A pointer back to a name that leads forward again.
    let zigzag = [&b"\x01a\xc0\x16\0\x01\0\x01"[..], b"\x01b\xc0\x0c\0\x01\0\x01"].concat();
    refused(&packet([2, 0, 0, 0], &zigzag), back);
}

#[test]
fn labels_have_63_bytes_and_names_255() {
    let label = |length: u8| [vec![length], vec![b'a'; length.into()]].concat();
    let of = |lengths: &[u8]| [lengths.iter().flat_map(|n| label(*n)).collect(), vec![0]].concat();
    for kind in [0x40, 0x80, 0xbf] {
        refused(&question(&[&[kind], &[b'a'; 200][..], &[0]].concat()), "nobody uses");
    }
    refused(&question(&label(64)), "nobody uses"); // the length 64 is the kind 0x40
    assert!(Message::parse(&question(&of(&[63, 63, 63, 61]))).is_ok(), "255 bytes");
    refused(&question(&of(&[63, 63, 63, 62])), "longer than 255");
    refused(&question(&of(&[63, 63, 63, 63])), "longer than 255");
    assert!(Message::parse(&question(&of(&[1; 127]))).is_ok(), "127 labels");
    refused(&question(&of(&[1; 128])), "longer than 255");
}

/// Questions, each a pointer to the one before it, the first the root.
fn chain(pointers: u16) -> Vec<u8> {
    let mut rest = b"\0\0\x01\0\x01".to_vec();
    for n in 0..pointers {
        let target = if n == 0 { 12 } else { 12 + 5 + (n - 1) * 6 };
        rest.extend((0xc000 | target).to_be_bytes());
        rest.extend([0, 1, 0, 1]);
    }
    packet([pointers + 1, 0, 0, 0], &rest)
}

#[test]
fn no_more_than_126_pointers() {
    assert_eq!(Message::parse(&chain(126)).unwrap().questions.len(), 127);
    refused(&chain(127), "more than 126");
}

#[test]
fn a_small_message_does_not_become_a_large_one() {
    // One name of 255 bytes, and as many pointers to it as a message has room for.
    let long = [[&[63][..], &[b'a'; 63]].concat().repeat(3), [&[61][..], &[b'a'; 61], &[0]].concat()].concat();
    let mut rest = [&long[..], &[0, 1, 0, 1]].concat();
    let more = |n: usize| b"\xc0\x0c\0\x01\0\x01".repeat(n);
    rest.extend(more(256));
    assert_eq!(Message::parse(&packet([257, 0, 0, 0], &rest)).unwrap().questions.len(), 257, "65,535 bytes of names");
    rest.extend(more(1));
    assert!(matches!(Message::parse(&packet([258, 0, 0, 0], &rest)), Err(Error::TooLong(_, 65_536))));
    rest.extend(more(10_000));
    assert!(matches!(Message::parse(&packet([10_258, 0, 0, 0], &rest)), Err(Error::TooLong(_, 65_536))));
}

#[test]
fn counts_that_lie() {
    for n in 0..4 {
        let mut counts = [0; 4];
        counts[n] = 65_535;
        refused(&packet(counts, &[]), "ends at byte 12");
        refused(&packet(counts, b"\0\0\x01\0\x01\0\0\0\0\0\0"), "");
    }
    // Fewer than there are: what follows belongs to nobody.
    let mut wire = everything().encode().unwrap();
    wire[7] -= 1;
    assert!(Message::parse(&wire).is_err());
    refused(&[question(b"\x01a\0"), vec![0]].concat(), "goes on after its last record");
}

#[test]
fn lengths_that_lie() {
    let has_others = "its data has others";
    for (kind, right) in [(Kind::A, 4), (Kind::AAAA, 16)] {
        assert!(Message::parse(&answer(kind, right, &vec![1; right.into()])).is_ok());
        for length in [0, 1, right - 1, right + 1] {
            refused(&answer(kind, length, &vec![1; length.into()]), "");
        }
    }
    refused(&answer(Kind::A, 5, &[1; 5]), has_others);
    refused(&answer(Kind::A, 0, &[]), "ends at byte");
    refused(&answer(Kind::A, 0xffff, &[1; 4]), has_others);
    refused(&answer(Kind(999), 5, &[1; 4]), "ends at byte");
    refused(&answer(Kind::NS, 0, &[]), "ends at byte");
    refused(&answer(Kind::NS, 2, b"\0\0"), has_others);
    refused(&answer(Kind::MX, 2, b"\0\x0a"), "ends at byte");
    refused(&answer(Kind::MX, 4, b"\0\x0a\0\0"), has_others);
    refused(&answer(Kind::SRV, 6, b"\0\x0a\0\0\0\0"), "ends at byte");
    refused(&answer(Kind::SOA, 21, &[0; 21]), "ends at byte");
    refused(&answer(Kind::SOA, 23, &[0; 23]), has_others);
    refused(&answer(Kind::TXT, 0, &[]), "ends at byte");
    refused(&answer(Kind::TXT, 2, b"\x02a"), "ends at byte");
    refused(&answer(Kind::TXT, 2, b"\x02ab"), has_others);
    assert!(Message::parse(&answer(Kind::TXT, 1, b"\0")).is_ok(), "one empty string");
    assert!(Message::parse(&answer(Kind(999), 0, &[])).is_ok(), "no data is data of a type we do not know");
}

#[test]
fn options_that_lie() {
    let opt = |owner: &[u8], length: u16, data: &[u8]| {
        [owner, &[0, 41, 4, 0xd0, 0, 0, 0, 0], &length.to_be_bytes(), data].concat()
    };
    let one = opt(&[0], 0, &[]);
    assert!(Message::parse(&packet([0, 0, 0, 1], &one)).unwrap().edns.is_some());
    refused(&packet([0, 0, 0, 2], &one.repeat(2)), "OPT");
    refused(&packet([0, 1, 0, 0], &one), "OPT");
    refused(&packet([0, 0, 1, 0], &one), "OPT");
    refused(&packet([0, 0, 0, 1], &opt(b"\x01a\0", 0, &[])), "OPT");
    refused(&packet([0, 0, 0, 1], &opt(&[0], 5, &[])), "ends at byte");
    refused(&packet([0, 0, 0, 1], &opt(&[0], 3, &[0, 10, 0])), "ends at byte");
    refused(&packet([0, 0, 0, 1], &opt(&[0], 4, &[0, 10, 0, 9])), "ends at byte");
    // The option is longer than its record, but the message has the bytes: another record follows.
    let long = [opt(&[0], 5, &[0, 10, 0, 2, 7]), opt(b"\x01a\0", 0, &[])].concat();
    refused(&packet([0, 0, 0, 2], &long), "longer than the record");
}

#[test]
fn a_ttl_with_the_highest_bit_is_none() {
    let mut wire = answer(Kind::A, 4, &[1; 4]);
    wire[17] = 0x80;
    assert_eq!(Message::parse(&wire).unwrap().answers[0].ttl, 0, "RFC 2181 section 8");
    assert!(explain(&wire).contains(" TTL: may be kept for 0 seconds"), "{}", explain(&wire));
}

#[test]
fn addresses_of_other_classes_are_bytes() {
    let mut wire = answer(Kind::A, 5, &[1; 5]);
    wire[16] = 3; // CHAOS
    let expected = Data::Other { kind: Kind::A, bytes: vec![1; 5] };
    assert_eq!(Message::parse(&wire).unwrap().answers[0].data, expected);
}

#[test]
fn what_cannot_be_written() {
    let with = |data| Message { answers: vec![record("a", data)], ..Message::default() };
    for message in [
        with(Data::Txt(Vec::new())),
        with(Data::Txt(vec![vec![0; 256]])),
        with(Data::Txt(vec![vec![0; 255]; 257])),
        with(Data::Other { kind: Kind(999), bytes: vec![0; 65_536] }),
        with(Data::Other { kind: Kind(999), bytes: vec![0; 65_535] }),
        Message { answers: vec![record("a", Data::A(Ipv4Addr::LOCALHOST)); 65_536], ..Message::default() },
    ] {
        assert!(matches!(message.encode(), Err(Error::Invalid(_))));
    }
}

#[test]
fn names_behind_16_kib_cannot_be_pointed_at() {
    let filler = record("filler.example", Data::Txt(vec![vec![b'x'; 255]; 64]));
    let late = record("late.name.test", Data::Ns(name("late.name.test")));
    let message = Message { answers: vec![filler, late.clone(), late], ..Message::default() };
    let wire = message.encode().unwrap();
    assert!(wire.len() > 0x4000 + 4 * 16, "four times in full");
    assert_eq!(Message::parse(&wire).unwrap(), message);
}

#[test]
fn compression_saves_most_of_the_names() {
    let answers: Vec<Record> =
        (0..50u8).map(|n| record("a-rather-long-name.example.com", Data::A([192, 0, 2, n].into()))).collect();
    let wire = Message { answers, ..Message::default() }.encode().unwrap();
    assert_eq!(wire.len(), 12 + 32 + 14 + 49 * 16);
}

#[test]
fn who_answers_whom() {
    let query = Message::query(7, name("www.example.com"), Kind::A);
    let good = Message { flags: QR | RD, questions: query.questions.clone(), id: 7, ..Message::default() };
    let asks = |text: &str, kind, class| vec![Question { name: name(text), kind, class }];
    assert!(good.answers_to(&query));
    assert!(Message { questions: asks("WWW.EXAMPLE.com", Kind::A, IN), ..good.clone() }.answers_to(&query));
    for bad in [
        Message { id: 8, ..good.clone() },
        Message { flags: RD, ..good.clone() },
        Message { flags: QR | 0x2000, ..good.clone() },
        Message { questions: Vec::new(), ..good.clone() },
        Message { questions: Vec::new(), flags: QR | 3, ..good.clone() },
        Message { questions: vec![good.questions[0].clone(); 2], ..good.clone() },
        Message { questions: asks("www.example.org", Kind::A, IN), ..good.clone() },
        Message { questions: asks("www.example.com", Kind::AAAA, IN), ..good.clone() },
        Message { questions: asks("www.example.com", Kind::A, 3), ..good.clone() },
    ] {
        assert!(!bad.answers_to(&query), "{bad:?}");
    }
    for rcode in [Rcode::FORM_ERR, Rcode::SERV_FAIL, Rcode::NOT_IMP, Rcode::REFUSED] {
        let refusal = Message { questions: Vec::new(), flags: QR | rcode.0, ..good.clone() };
        assert!(refusal.answers_to(&query), "{rcode}");
    }
}

#[test]
fn names_as_text() {
    for (text, shown) in [
        ("www.example.com", "www.example.com"),
        ("www.example.com.", "www.example.com"),
        (".", "."),
        (r"a\.b.c", r"a\.b.c"),
        (r"a\046b.c", r"a\.b.c"),
        (r"a\\b", r"a\\b"),
        (r"a\032b", r"a\032b"),
        (r"\000\255\127", r"\000\255\127"),
        (r"\097", "a"),
        (r#"a"b;c(d)@$"#, r#"a"b;c(d)@$"#),
        ("_ftp._tcp.example", "_ftp._tcp.example"),
    ] {
        assert_eq!(name(text).to_string(), shown);
        assert_eq!(name(shown), name(text));
    }
    assert_eq!(name(r"a\.b").labels().collect::<Vec<_>>(), [b"a.b"]);
    let long = "a".repeat(63);
    let longest = [long.as_str(), &long, &long, &long[..61]].join(".");
    assert_eq!((longest.len(), name(&longest).to_string()), (253, longest.clone()));
    let label = "a".repeat(64);
    for bad in [
        "",
        "..",
        ".a",
        "a..b",
        "a..",
        &label,
        &format!("{longest}a"),
        &format!("{longest}.a"),
        "a b",
        "a\tb",
        "a\0b",
        "a\u{7f}",
        "bücher.example",
        "a\\",
        "a\\1",
        "a\\12",
        "a\\256",
        "a\\12x",
        "a\\\n",
        &"a.".repeat(1_000_000),
    ] {
        match Name::parse(bad) {
            Err(error @ Error::Invalid(_)) => {
                let text = error.to_string();
                assert!(text.len() < 500 && !text.contains(char::is_control), "{text}");
            }
            other => panic!("{bad:?} gave {other:?}"),
        }
    }
}

#[test]
fn names_of_addresses() {
    for (ip, reverse) in [
        ("93.184.216.34", "34.216.184.93.in-addr.arpa"),
        ("0.0.0.0", "0.0.0.0.in-addr.arpa"),
        ("2001:db8::567:89ab", "b.a.9.8.7.6.5.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa"), // RFC 3596
    ] {
        assert_eq!(Name::reverse(ip.parse::<IpAddr>().unwrap()).to_string(), reverse);
        assert_eq!(Name::reverse(ip.parse::<IpAddr>().unwrap()), name(reverse), "the same bytes as from the text");
    }
}

#[test]
fn records_as_text() {
    let message = everything();
    let all = message.answers.iter().chain(&message.authority).chain(&message.additional);
    let text: Vec<String> = all.map(Record::to_string).collect();
    assert_eq!(text[0], "www.example.com 300 IN CNAME WEB.example.com");
    assert_eq!(text[3], "example.com 300 IN MX 10 mail.example.com");
    assert_eq!(text[4], r#"example.com 300 IN TXT "v=spf1 -all" "" "\x00\xff\"""#);
    assert_eq!(text[6], "_ftp._tcp.example.com 300 IN SRV 1 2 21 www.example.com");
    assert_eq!(text[7], "example.com 300 IN SOA ns.example.com hostmaster.example.com 2026010101 7200 900 1209600 300");
    assert_eq!(text[9], r". 300 IN TYPE257 \# 3 000569");
    for (text, kind) in [("a", Kind::A), ("TYPE28", Kind::AAAA), ("type65535", Kind(65_535)), ("Any", Kind::ANY)] {
        assert_eq!(Kind::parse(text), Some(kind));
    }
    for text in ["", "TYPE", "TYPE65536", "TYPEx", "你好"] {
        assert_eq!(Kind::parse(text), None);
    }
}

#[test]
fn every_cut_is_an_error() {
    let wire = everything().encode().unwrap();
    for cut in 0..wire.len() {
        assert!(matches!(Message::parse(&wire[..cut]), Err(Error::Protocol(_))), "cut at {cut}");
        let text = explain(&wire[..cut]);
        assert!(text.contains("HERE IT BREAKS"), "cut at {cut}:\n{text}");
    }
}

/// What must be true of anything that is read: it can be written, and is then read as the same.
fn sound(wire: &[u8]) -> bool {
    let Ok(message) = Message::parse(wire) else { return false };
    // Compression can only be better than the sender's or, for targets of SRV, be undone; so it may not fit any more.
    if let Ok(again) = message.encode() {
        assert_eq!(Message::parse(&again).as_ref().ok(), Some(&message), "{}", wire.escape_ascii());
    }
    let all = message.answers.iter().chain(&message.authority).chain(&message.additional);
    let names = message.questions.iter().map(|question| &question.name).chain(all.map(|record| &record.name));
    let bytes: usize = names.map(|name| name.labels().map(|label| label.len() + 1).sum::<usize>() + 1).sum();
    assert!(bytes <= 65_536, "{bytes} bytes of names out of {}", wire.len());
    true
}

/// The page about a message has 76 columns and nothing that moves a cursor; and it finds a fault where the reader does.
fn explained(wire: &[u8]) {
    let text = explain(wire);
    let beyond_its_eyes =
        |error: &Error| error.to_string().contains("OPT record stands") || matches!(error, Error::TooLong(..));
    match Message::parse(wire) {
        Ok(_) => assert!(!text.contains("HERE IT BREAKS"), "{text}"),
        Err(error) => assert!(text.contains("HERE IT BREAKS") || beyond_its_eyes(&error), "{error}\n{text}"),
    }
    let wide = text.lines().find(|line| line.chars().count() > 76);
    assert_eq!(wide, None);
    assert!(text.chars().all(|c| c == '\n' || !c.is_control()));
}

#[test]
fn every_byte_changed() {
    let wire = everything().encode().unwrap();
    let mut read = 0;
    for at in 0..wire.len() {
        for bit in 0..8 {
            let mut changed = wire.clone();
            changed[at] ^= 1 << bit;
            read += usize::from(sound(&changed));
        }
        let mut changed = wire.clone();
        changed[at] ^= 0xff;
        sound(&changed);
        explained(&changed);
    }
    assert!((1..wire.len() * 8).contains(&read), "some are still messages ({read}), some are not");
}

#[test]
fn mutated_messages_do_no_harm() {
    let query = Message::query(1, name("www.example.com"), Kind::A);
    let mut seeds: Vec<Vec<u8>> = [query, everything()].iter().map(|message| message.encode().unwrap()).collect();
    seeds.extend([chain(20), answer(Kind::TXT, 4, b"\x03abc"), answer(Kind::SRV, 8, b"\0\x01\0\x02\0\x15\xc0\x0c")]);
    let rounds = if support::load() { 1_000_000 } else { 100_000 };
    // Bytes that mean something at many places are drawn more often than others.
    let telling = [0, 1, 3, 5, 12, 16, 28, 33, 41, 63, 64, 0x80, 0xc0, 0xc0, 0xc0, 0xff];
    let (mut numbers, mut read) = (Numbers::default(), 0);
    for round in 0..rounds {
        let mut wire = seeds[numbers.below(seeds.len())].clone();
        numbers.damage(&mut wire, &telling);
        read += usize::from(sound(&wire));
        if round % 100 == 0 {
            explained(&wire);
        }
    }
    assert!(read > rounds / 100, "{read} of {rounds} were still messages: the rest of the reader is tried, too");
}

fn any_name() -> impl Strategy<Value = Name> {
    let label = prop_oneof![
        4 => "[a-zA-Z0-9_-]{1,12}",
        1 => prop::collection::vec(any::<u8>(), 1..30)
            .prop_map(|bytes| bytes.iter().map(|byte| format!("\\{byte:03}")).collect::<String>()),
    ];
    // Few different labels at the end, so that names have something to share.
    (prop::collection::vec(label, 0..5), prop::sample::select(vec!["example.com", "Example.com", "test", "."]))
        .prop_map(|(labels, end)| match (labels.is_empty(), end) {
            (true, end) => name(end),
            (false, ".") => name(&labels.join(".")),
            (false, end) => name(&format!("{}.{end}", labels.join("."))),
        })
}

fn any_data() -> impl Strategy<Value = Data> {
    let bytes = |most| prop::collection::vec(any::<u8>(), 0..most);
    prop_oneof![
        any::<[u8; 4]>().prop_map(|ip| Data::A(ip.into())),
        any::<[u8; 16]>().prop_map(|ip| Data::Aaaa(ip.into())),
        any_name().prop_map(Data::Cname),
        any_name().prop_map(Data::Ns),
        any_name().prop_map(Data::Ptr),
        (any::<u16>(), any_name()).prop_map(|(preference, host)| Data::Mx { preference, host }),
        prop::collection::vec(bytes(256), 1..4).prop_map(Data::Txt),
        (any_name(), any_name(), any::<[u32; 5]>()).prop_map(
            |(primary, mailbox, [serial, refresh, retry, expire, minimum])| {
                Data::Soa { primary, mailbox, serial, refresh, retry, expire, minimum }
            }
        ),
        (any::<[u16; 3]>(), any_name()).prop_map(|([priority, weight, port], target)| Data::Srv {
            priority,
            weight,
            port,
            target
        }),
        (256..u16::MAX, bytes(300)).prop_map(|(kind, bytes)| Data::Other { kind: Kind(kind), bytes }),
    ]
}

fn any_message() -> impl Strategy<Value = Message> {
    let records = || {
        let record = (any_name(), 0..1u32 << 31, any_data());
        prop::collection::vec(record.prop_map(|(name, ttl, data)| Record { name, class: IN, ttl, data }), 0..6)
    };
    let question = (any_name(), any::<u16>(), any::<u16>()).prop_map(|(name, kind, class)| Question {
        name,
        kind: Kind(kind),
        class,
    });
    let option = (any::<u16>(), prop::collection::vec(any::<u8>(), 0..20));
    let edns = (any::<u16>(), any::<u8>(), any::<u8>(), any::<u16>(), prop::collection::vec(option, 0..3)).prop_map(
        |(udp_size, rcode_high, version, flags, options)| Edns { udp_size, rcode_high, version, flags, options },
    );
    (
        any::<[u16; 2]>(),
        prop::collection::vec(question, 0..3),
        [records(), records(), records()],
        prop::option::of(edns),
    )
        .prop_map(|([id, flags], questions, [answers, authority, additional], edns)| Message {
            id,
            flags,
            questions,
            answers,
            authority,
            additional,
            edns,
        })
}

/// All of it, with the case of the letters: what `==` does not look at.
fn to_the_letter(message: &Message) -> String {
    format!("{message:?}")
}

proptest! {
    #![proptest_config(Config { cases: 300, failure_persistence: None, rng_seed: RngSeed::Fixed(1035), ..Config::default() })]

    #[test]
    fn what_is_written_is_read_as_the_same(message in any_message()) {
        let wire = message.encode().unwrap();
        let back = Message::parse(&wire).unwrap();
        prop_assert_eq!(to_the_letter(&back), to_the_letter(&message));
        prop_assert_eq!(back.encode().unwrap(), wire.clone());
        explained(&wire);
    }

    #[test]
    fn a_name_is_the_same_after_its_text(name in any_name()) {
        let back = Name::parse(&name.to_string()).unwrap();
        prop_assert_eq!(back.labels().collect::<Vec<_>>(), name.labels().collect::<Vec<_>>());
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        sound(&bytes);
        explained(&bytes);
    }
}

#[test]
fn flags_by_name() {
    let message = Message { flags: QR | AA | TC | RD | RA | 5, ..Message::default() };
    assert_eq!((message.opcode(), message.rcode()), (0, Rcode::REFUSED));
    let text = explain(&message.encode().unwrap());
    for word in ["QR an answer", "AA", "TC truncated", "RD", "RA", "REFUSED"] {
        assert!(text.replace("\n                                ", " ").contains(word), "{word}:\n{text}");
    }
}
