//! What a lesson shows is true because this test makes it true: every listing is its source, every console block was run,
//! every arrow and every byte was on the wire, every figure was counted.
//!
//! `cargo test --test lessons` compares. `BLESS=1 cargo test --test lessons` writes the lessons anew from the truth.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod check;
mod console;
mod figures;
#[path = "../../examples/lesson/frames.rs"]
mod frames;
mod listing;
mod markdown;
mod names;
mod process;
mod program;
mod red;
#[path = "../support/mod.rs"]
mod support;
mod wire;

use check::{Mode, check};
use program::Programs;
use std::{fs, thread};
use support::files;

#[test]
fn what_the_lessons_show_is_true() {
    let root = files::root();
    let mode = if std::env::var_os("BLESS").is_some_and(|value| value == "1") { Mode::Bless } else { Mode::Compare };
    let mut paths = files::below(root, "lessons");
    paths.retain(|path| path.ends_with(".md"));
    paths.extend(root.join("README.md").exists().then(|| "README.md".to_owned()));
    let texts: Vec<(String, String)> = paths.iter().map(|path| (path.clone(), files::read(root, path))).collect();

    let programs = Programs::of_this_project(root);
    programs.build(&texts.iter().flat_map(|(_, text)| check::programs(text)).collect()).unwrap();
    // Lessons mostly wait, and each for itself.
    let reports: Vec<String> = thread::scope(|scope| {
        let lesson = |(path, text): &(String, String)| {
            let (written, problems) = check(&programs, text, mode);
            if mode == Mode::Bless && written != *text {
                fs::write(root.join(path), written).unwrap();
            }
            problems.iter().map(|problem| format!("{path}:{problem}\n")).collect::<String>()
        };
        let running: Vec<_> = texts.iter().map(|text| scope.spawn(move || lesson(text))).collect();
        running.into_iter().map(|lesson| lesson.join().unwrap()).collect()
    });
    let report = reports.concat();
    assert!(
        report.is_empty(),
        "\n{report}\nIs the new output right? BLESS=1 cargo test --test lessons writes it down."
    );
}
