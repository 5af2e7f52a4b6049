//! The picture of the code in one table, and the test that keeps it true: who may use whom, who opens the door to which
//! package, how long a file may be, and what must not be written anywhere.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "support/files.rs"]
mod files;

use files::{below, is_learners, read, root};

/// A module of `src/` uses only modules of a lower rank. What is not written yet has its place already.
const RANKS: [&[&str]; 9] = [
    &["error", "encode"],
    &["deadline", "part"],
    &["stream", "retry", "pool", "gather"],
    &["text", "trace", "server"],
    &["reply", "dial", "fault", "scan"],
    &["http", "web", "websocket", "ftp", "smtp", "dns", URL],
    &["lab"],
    &["check"],
    &["bin"],
];
const PROTOCOLS: usize = 5;
/// An address of the web is no protocol: the two ways to speak HTTP share it.
const URL: &str = "url";

/// Each package is used through one door: what another file needs of it, it asks of that one.
const DOORS: [(&str, &[&str]); 5] = [
    ("ureq", &["src/web/"]),
    ("native_tls", &["src/stream.rs", "src/stream/"]),
    ("openssl", &["src/lab/tls/"]),
    ("tungstenite", &["src/websocket.rs", "src/websocket/"]),
    ("mail_builder", &["src/smtp/message.rs"]),
];

// Lines that a file in `src` may have, with its unit tests; and, without unit tests: the ground under the protocols; what one
// must read to know a protocol; and that with all that stands beside this path. More than a learner can read is no teaching.
const FILE: usize = 400;
const GROUND: usize = 5_000;
const PATH: usize = 600;
const PROTOCOL: usize = 1_800;

/// Files whose very work is a pause: between attempts, between probes.
const WAITERS: [&str; 2] = ["src/retry.rs", "src/scan/mod.rs"];

/// `src/ftp/wire.rs` belongs to `ftp`, `src/error.rs` to `error`; `src/lib.rs` names all.
fn module(path: &str) -> &str {
    path.strip_prefix("src/").unwrap_or(path).split('/').next().unwrap().trim_end_matches(".rs")
}

fn rank(module: &str) -> Option<usize> {
    RANKS.iter().position(|names| names.contains(&module))
}

/// The code of a file: comments and what stands in quotes left out. (Doctests live in comments and may use what they like.)
fn code(text: &str) -> String {
    let mut code = String::new();
    for line in text.lines() {
        let mut quoted = false;
        let mut rest = line.chars().peekable();
        while let Some(c) = rest.next() {
            match c {
                '/' if !quoted && rest.peek() == Some(&'/') => break,
                '\\' if quoted => drop(rest.next()),
                '\'' if !quoted && rest.peek() == Some(&'"') => drop(rest.next()), // the character '"'
                '"' => quoted = !quoted,
                c if !quoted => code.push(c),
                _ => {}
            }
        }
        code.push('\n');
    }
    code
}

/// Without the unit tests, which stand at the end.
fn without_tests(text: &str) -> &str {
    text.split("#[cfg(test)]\nmod tests").next().unwrap()
}

/// The modules that a file names after `crate::` (`netprimer::` in a program), also in groups: `use crate::{a, b::c}`.
fn used(text: &str) -> Vec<String> {
    let code = code(text).replace("netprimer::", "crate::");
    let mut used = Vec::new();
    for (_, rest) in code.match_indices("crate::").map(|(at, path)| (at, &code[at + path.len()..])) {
        let name = |text: &str| text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect::<String>();
        let Some(group) = rest.strip_prefix('{') else {
            used.push(name(rest));
            continue;
        };
        let mut depth = 0;
        let mut first = true;
        for (at, c) in group.char_indices() {
            match c {
                '{' => depth += 1,
                '}' if depth == 0 => break,
                '}' => depth -= 1,
                ',' if depth == 0 => first = true,
                c if first && !c.is_whitespace() => {
                    used.push(name(&group[at..]));
                    first = false;
                }
                _ => {}
            }
        }
    }
    // What src/lib.rs names at the top (`crate::Deadline`, `crate::finish`) is of the ground, which all may use.
    used.retain(|name| name.starts_with(char::is_lowercase) && name != "finish");
    used
}

/// What is wrong with a file that uses what it must not, as lines of text.
fn wrong_uses(path: &str, text: &str) -> Vec<String> {
    let own = module(path);
    let Some(rank_of_own) = rank(own) else { return vec![format!("{path}: `{own}` has no rank in tests/layers.rs")] };
    let mut wrong = Vec::new();
    // What a file reaches through its parents would escape this test.
    let root = if path.matches('/').count() == 1 || path.ends_with("/mod.rs") { "super::" } else { "super::super::" };
    if code(without_tests(text)).contains(root) {
        wrong.push(format!("{path}: write crate:: for {root}"));
    }
    for name in used(text).into_iter().filter(|name| name != own) {
        match rank(&name) {
            None => wrong.push(format!("{path} uses `{name}`, which has no rank in tests/layers.rs")),
            Some(PROTOCOLS) if rank_of_own == PROTOCOLS && name == URL => {}
            Some(PROTOCOLS) if rank_of_own == PROTOCOLS => wrong.push(format!("{path} uses the protocol `{name}`")),
            Some(rank) if rank >= rank_of_own => {
                wrong.push(format!("{path} (rank {rank_of_own}) uses `{name}` (rank {rank})"));
            }
            Some(_) if name == "lab" && own != "check" => wrong.push(format!("{path} uses the lab")),
            Some(_) => {}
        }
    }
    wrong
}

fn sources() -> Vec<(String, String)> {
    let mut paths = below(root(), "src");
    paths.retain(|path| path.ends_with(".rs"));
    assert!(paths.len() > 5, "{paths:?}");
    paths.into_iter().map(|path| (path.clone(), read(root(), &path))).collect()
}

/// All that we wrote.
fn all_rust() -> Vec<(String, String)> {
    let folders = ["src", "examples", "tests", "benches"];
    let paths = folders.iter().flat_map(|folder| below(root(), folder)).filter(|path| path.ends_with(".rs"));
    let paths = paths.filter(|path| !is_learners(path));
    paths.map(|path| (path.clone(), read(root(), &path))).collect()
}

#[test]
fn a_module_uses_only_what_is_below_it() {
    let modules = sources().into_iter().filter(|(path, _)| path != "src/lib.rs");
    let wrong: Vec<String> = modules.flat_map(|(path, text)| wrong_uses(&path, &text)).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_module_is_in_the_library() {
    let library = read(root(), "src/lib.rs");
    for (path, _) in sources().iter().filter(|(path, _)| !["lib", "bin"].contains(&module(path))) {
        let module = module(path);
        assert!(library.contains(&format!("mod {module};")), "{path}: src/lib.rs has no `mod {module};`");
    }
}

#[test]
fn the_front_page_shows_the_ranks() {
    let library = read(root(), "src/lib.rs");
    for (path, _) in sources().iter().filter(|(path, _)| !["lib", "bin"].contains(&module(path))) {
        let (module, start) = (module(path), format!("//! | {} |", rank(module(path)).unwrap_or(99)));
        let row = library.lines().find(|line| line.starts_with(&start)).unwrap_or_default();
        assert!(row.contains(&format!("[`{module}`]")), "src/lib.rs: `{module}` is missing in the row {start}");
    }
}

#[test]
fn each_package_has_one_door() {
    for (path, text) in sources() {
        for (package, doors) in DOORS {
            let inside = doors.iter().any(|door| path == *door || (door.ends_with('/') && path.starts_with(door)));
            // The lab's own servers stand on the other side of the wire.
            if !inside && module(&path) != "lab" {
                assert!(
                    !code(&text).contains(&format!("{package}::")),
                    "{path} uses {package}, whose door is {}",
                    doors[0]
                );
            }
        }
    }
}

#[test]
fn a_learner_can_read_it() {
    let sources = sources();
    let lines = |text: &str| text.lines().count();
    for (path, text) in &sources {
        assert!(
            lines(text) <= FILE,
            "{path} has {} lines, more than {FILE}: move tests to tests/, or split it",
            lines(text)
        );
    }
    let sum = |ours: &dyn Fn(&str) -> bool| -> usize {
        let ours = sources.iter().filter(|(path, _)| ours(path) && !path.ends_with("/tests.rs"));
        ours.map(|(_, text)| lines(without_tests(text))).sum()
    };
    let ground = sum(&|path| rank(module(path)).is_some_and(|rank| rank < PROTOCOLS));
    assert!(ground <= GROUND, "the ground under the protocols has {ground} lines, more than {GROUND}");
    for protocol in RANKS[PROTOCOLS] {
        // Wire format and client; what goes beyond the lesson stands in files of other names beside them.
        let path = |path: &str| {
            let parts = ["wire", "head", "chunked", "message", "name", "auth", "resolver", "client", "mod"];
            path == format!("src/{protocol}.rs") || parts.iter().any(|part| path == format!("src/{protocol}/{part}.rs"))
        };
        let read = sum(&path);
        assert!(read <= PATH, "to know {protocol} one must read {read} lines, more than {PATH}");
        let whole = sum(&|path| module(path) == *protocol);
        assert!(whole <= PROTOCOL, "{protocol} has {whole} lines, more than {PROTOCOL}");
    }
}

#[test]
fn nothing_is_written_that_we_do_not_write() {
    // Split, so that this file does not find itself.
    let nowhere = [["uns", "afe {"], ["uns", "afe fn"], ["ureq::", "get("], ["dang", "er_"]];
    let blocking = [["async", " fn"], [".aw", "ait"]];
    let mut wrong = Vec::new();
    for (path, text) in all_rust() {
        let code = code(&text);
        let mut never = |word: &str| {
            if code.contains(word) {
                wrong.push(format!("{path}: {word}"));
            }
        };
        nowhere.iter().for_each(|word| never(&word.concat()));
        if !path.starts_with("benches/peers/") {
            blocking.iter().for_each(|word| never(&word.concat())); // whom we compare ours with may have other ways
        }
        if (path.starts_with("src/") && !WAITERS.contains(&path.as_str())) || path.starts_with("tests/") {
            never("thread::sleep"); // too long or too short: wait for the thing itself
        }
        if path.starts_with("examples/") {
            never(".unwrap()"); // learners imitate what they read
            never(".expect()"); // with a text in quotes, which `code` leaves out; `reply.expect(2)` is ours
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn this_test_can_see() {
    let text = "use crate::{deadline::Deadline, lab, Error};\n// crate::comment\nlet a = \"crate::quoted\"; crate::http::get()";
    assert_eq!(used(text), ["deadline", "lab", "http"]);
    assert_eq!(used("pub use crate::ftp::{wire::{a, b}, client};"), ["ftp"]);
    assert_eq!(code("a '\"' b // c\n\"\\\" // d\" e"), "a ' b \n e\n");
    assert_eq!(wrong_uses("src/ftp/client.rs", "crate::smtp::x").len(), 1, "protocols never use each other");
    assert_eq!(wrong_uses("src/ftp/client.rs", "crate::ftp::wire crate::error::x"), [""; 0]);
    assert_eq!(wrong_uses("src/stream.rs", "crate::trace::x crate::pool::y").len(), 2, "neither up nor beside");
    assert_eq!(wrong_uses("src/server.rs", "crate::lab::x").len(), 1);
    assert_eq!(wrong_uses("src/bin/x.rs", "netprimer::lab::x").len(), 1);
    assert_eq!(wrong_uses("src/new.rs", "").len(), 1);
    assert_eq!(wrong_uses("src/text.rs", "super::stream").len(), 1);
    assert_eq!(wrong_uses("src/ftp/wire.rs", "super::client\n#[cfg(test)]\nmod tests { use super::*; }"), [""; 0]);
    assert!(is_learners("examples/my_client.rs") && !is_learners("examples/nc.rs") && !is_learners("src/ex.rs"));
    assert_eq!(without_tests("a\n#[cfg(test)]\nmod tests {}"), "a\n");
}
