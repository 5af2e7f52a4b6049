//! FTP: our client against our lab, and against peers that lie, stall and leave.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use netprimer::ftp::{Ftp, Mode, Options, Type};
use netprimer::lab::ftp::{self as lab, Lab, Wrong};
use netprimer::lab::tls::{self, Acceptor, Certificate, Version};
use std::fs;
use support::files::Folder;

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
}
