//! Lines, blocks and replies: every end, every cut, every limit; and whatever is stuffed comes back.

use netprimer::Error;
use netprimer::reply::{Reply, read_reply, write_reply};
use netprimer::text::{Limits, read_block, read_line, stuffed, write_line};
use proptest::prelude::*;
use std::io::{BufReader, Read};

/// Hands out `step` bytes at a time, as a slow network would.
struct Slow<'a>(&'a [u8], usize);

impl Read for Slow<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let n = self.1.min(buffer.len()).min(self.0.len());
        let (now, later) = self.0.split_at(n);
        buffer[..n].copy_from_slice(now);
        self.0 = later;
        Ok(n)
    }
}

fn small() -> Limits {
    Limits { line: 20, lines: 3, block: 40 }
}

#[test]
fn every_short_text_is_stuffed_as_its_lines_are() {
    let mut texts = vec![String::new()];
    for _ in 0..6 {
        let longer = texts.iter().flat_map(|text| ["a", ".", "\r", "\n"].map(|letter| format!("{text}{letter}")));
        texts = [String::new()].into_iter().chain(longer).collect();
    }
    assert_eq!(texts.len(), (0..=6).map(|n| 4_usize.pow(n)).sum::<usize>());
    for text in texts {
        let plain = text.replace("\r\n", "\n").replace('\r', "\n");
        let lines = plain.split_terminator('\n').map(|line| match line.strip_prefix('.') {
            Some(rest) => format!("..{rest}\r\n"),
            None => format!("{line}\r\n"),
        });
        let block: String = lines.chain([".\r\n".to_owned()]).collect();
        assert_eq!(stuffed(text.as_bytes()), block.as_bytes(), "{text:?}");
    }
}

#[test]
fn the_ways_a_line_can_end() {
    let read = |wire: &[u8]| read_line(&mut &wire[..], 8);
    assert_eq!(read(b"").unwrap(), None);
    assert_eq!(read(b"\r\n").unwrap(), Some(vec![]));
    assert_eq!(read(b"12345678\r\n").unwrap(), Some(b"12345678".to_vec()));
    assert!(matches!(read(b"123456789\r\n"), Err(Error::TooLong(_, 8))));
    assert!(matches!(read(b"1234567890123456789"), Err(Error::TooLong(_, 8))));
    assert!(matches!(read(b"abc\n"), Err(Error::Protocol(_))));
    assert!(matches!(read(b"a\rb\r\n"), Err(Error::Protocol(_))));
    assert!(matches!(read(b"a\0b\r\n"), Err(Error::Protocol(_))));
    assert!(matches!(read(b"abc\r"), Err(Error::Closed(_))));
    assert!(matches!(read(b"abc"), Err(Error::Closed(_))));
}

#[test]
fn a_line_without_end_costs_no_more_than_its_limit() {
    struct Endless(usize);
    impl Read for Endless {
        fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
            buffer.fill(b'x');
            self.0 += buffer.len();
            Ok(buffer.len())
        }
    }
    let mut endless = BufReader::with_capacity(64, Endless(0));
    assert!(matches!(read_line(&mut endless, 1000), Err(Error::TooLong(_, 1000))));
    assert!(endless.get_ref().0 <= 1002 + 64, "{} bytes were read", endless.get_ref().0);
}

#[test]
fn a_line_to_send_is_one_line() {
    for bad in ["a\r\nDELE b", "a\nb", "a\rb", "a\0b"] {
        let mut wire = Vec::new();
        assert!(matches!(write_line(&mut wire, bad), Err(Error::Invalid(_))));
        assert!(wire.is_empty(), "nothing of a refused line is sent");
    }
}

#[test]
fn every_cut_of_a_block_is_noticed() {
    let whole = stuffed(b"first\r\n.second\r\n");
    for cut in 0..whole.len() {
        assert!(matches!(read_block(&mut &whole[..cut], &small()), Err(Error::Closed(_))), "cut at {cut}");
    }
    assert_eq!(read_block(&mut whole.as_slice(), &small()).unwrap(), b"first\r\n.second\r\n");
}

#[test]
fn a_block_has_a_limit() {
    let whole = stuffed(b"123456789\r\n123456789\r\n123456789\r\n123456789\r\n");
    assert!(matches!(read_block(&mut whole.as_slice(), &small()), Err(Error::TooLong(_, 40))));
}

#[test]
fn every_size_of_read_gives_the_same_reply() {
    let wire = b"220-hello\r\n 221 is no end\r\n220 ready\r\n";
    let lines = vec!["hello".to_string(), " 221 is no end".into(), "ready".into()];
    for step in 1..=wire.len() {
        let reply = read_reply(&mut BufReader::with_capacity(7, Slow(wire, step)), &small()).unwrap();
        assert_eq!(reply, Reply { code: 220, lines: lines.clone() }, "{step} bytes a read");
    }
}

#[test]
fn every_cut_of_a_reply_is_noticed() {
    let wire = b"220-hello\r\n220 ready\r\n";
    for cut in 0..wire.len() {
        assert!(matches!(read_reply(&mut &wire[..cut], &small()), Err(Error::Closed(_))), "cut at {cut}");
    }
}

#[test]
fn replies_that_lie_are_refused() {
    let read = |wire: &str| read_reply(&mut wire.as_bytes(), &small());
    for wire in
        ["\r\n", "2\r\n", "25\r\n", "099 x\r\n", "633 x\r\n", "250_x\r\n", "2500 x\r\n", "x50 x\r\n", "+50 x\r\n"]
    {
        assert!(matches!(read(wire), Err(Error::Protocol(_))), "{wire:?}: {:?}", read(wire));
    }
    assert!(matches!(read("250-a\r\n550 b\r\n"), Err(Error::Protocol(_))), "an end with another code");
    assert!(matches!(read("250-a\r\n250-b\r\n250-c\r\n250 d\r\n"), Err(Error::TooLong(_, 3))), "a reply without end");
    assert!(matches!(read("250 0123456789012345678\r\n"), Err(Error::TooLong(_, 20))));
    let none = Limits { lines: 0, ..small() };
    let lines = "250-a\r\n".repeat(100) + "250 b\r\n";
    assert!(matches!(read_reply(&mut lines.as_bytes(), &none), Err(Error::TooLong(_, 0))));
}

#[test]
fn a_bare_code_is_a_reply() {
    for wire in ["250\r\n", "250 \r\n"] {
        assert_eq!(
            read_reply(&mut wire.as_bytes(), &small()).unwrap(),
            Reply { code: 250, lines: vec![String::new()] }
        );
    }
}

#[test]
fn a_reply_is_expected_by_its_first_digits() {
    let reply = |code| Reply { code, lines: vec!["text".into()] };
    assert!(reply(250).expect(2).is_ok() && reply(250).expect(25).is_ok() && reply(250).expect(250).is_ok());
    assert!(reply(354).expect(354).is_ok());
    for (code, want) in [(354, 2), (251, 250), (550, 25)] {
        assert!(matches!(reply(code).expect(want), Err(Error::Reply(said)) if said.code == code));
    }
}

#[test]
fn nothing_in_a_reply_can_make_a_second_one() {
    let mut wire = Vec::new();
    let reply = Reply { code: 250, lines: vec!["a\r\n550 forged".into()] };
    assert!(matches!(write_reply(&mut wire, &reply), Err(Error::Invalid(_))));
    assert!(wire.is_empty());
    for code in [0, 99, 600, 1000] {
        assert!(write_reply(&mut wire, &Reply { code, lines: vec!["x".into()] }).is_err(), "{code}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None,
        rng_seed: proptest::test_runner::RngSeed::Fixed(1), ..ProptestConfig::default() })]

    #[test]
    fn what_is_stuffed_comes_back_with_crlf(text in "[a.\r\n]{0,60}") {
        let wire = stuffed(text.as_bytes());
        // The end stands once, at the end: nothing inside can be taken for it.
        let ends = wire.windows(5).filter(|five| five == b"\r\n.\r\n").count();
        prop_assert_eq!(ends, usize::from(!text.is_empty()));
        let limits = Limits::default();
        let mut reader = wire.as_slice();
        let back = read_block(&mut reader, &limits).unwrap();
        prop_assert!(reader.is_empty());
        let mut lines = text.replace("\r\n", "\n").replace('\r', "\n");
        if !lines.is_empty() && !lines.ends_with('\n') {
            lines.push('\n');
        }
        prop_assert_eq!(String::from_utf8(back).unwrap(), lines.replace('\n', "\r\n"));
    }

    #[test]
    fn a_reply_reads_as_it_was_written(code in 100u16..600, lines in prop::collection::vec("[ -~]{0,40}", 1..5)) {
        let reply = Reply { code, lines };
        let mut wire = Vec::new();
        write_reply(&mut wire, &reply).unwrap();
        prop_assert_eq!(read_reply(&mut wire.as_slice(), &Limits::default()).unwrap(), reply);
    }

    #[test]
    fn no_bytes_make_the_readers_panic(wire in prop::collection::vec(any::<u8>(), 0..200), step in 1usize..9) {
        let limits = small();
        let _ = read_reply(&mut BufReader::with_capacity(5, Slow(&wire, step)), &limits);
        let _ = read_block(&mut BufReader::with_capacity(5, Slow(&wire, step)), &limits);
    }
}
