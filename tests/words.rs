//! Words that do not belong into this project: how it was made is no part of it, and neither are keys or promises.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "support/files.rs"]
mod files;

use files::{below, is_learners, root};

/// Cut in two, so that this file is not found itself.
const NEVER: [(&str, &str); 17] = [
    ("see", "d's"),
    ("see", "d.md"),
    ("/wor", "k/"),
    ("/tmp", "/wt"),
    ("desi", "gn.md"),
    ("bri", "ef.md"),
    ("`fac", "ts/"),
    ("teach", "ing.md"),
    ("reliab", "ility.md"),
    ("issu", "e 2"),
    ("Clau", "de"),
    ("ChatG", "PT"),
    ("language mo", "del"),
    ("TO", "DO"),
    ("FIX", "ME"),
    ("BEGIN PRIVATE ", "KEY"),
    ("BEGIN RSA PRIVATE ", "KEY"),
];

fn found(text: &str) -> Vec<String> {
    let words = NEVER.map(|(a, b)| format!("{a}{b}"));
    let lines = (1..).zip(text.lines());
    let hits = lines
        .flat_map(|(n, line)| words.iter().filter(|word| line.contains(*word)).map(move |word| format!("{n}: {word}")));
    hits.collect()
}

#[test]
fn no_file_holds_what_does_not_belong_into_it() {
    let mut wrong = Vec::new();
    let paths = below(root(), "");
    assert!(paths.iter().any(|path| path == "Cargo.toml"), "{paths:?}");
    for path in paths.into_iter().filter(|path| !is_learners(path)) {
        // What is no text is none of ours.
        let text = std::fs::read_to_string(root().join(&path)).unwrap_or_default();
        wrong.extend(found(&text).iter().map(|hit| format!("{path}:{hit}")));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn this_test_can_see() {
    for (a, b) in NEVER {
        assert_eq!(found(&format!("fine\nhere {a}{b}\n")), [format!("2: {a}{b}")]);
    }
    assert_eq!(found("a seed for proptest, todo!() and artifacts/"), [""; 0]);
}
