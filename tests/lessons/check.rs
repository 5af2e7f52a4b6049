//! One lesson against the truth: every fence as it is and as it should be.

use super::markdown::{Block, Problem, blocks, with_blocks};
use super::program::Programs;
use super::{console, figures, listing, wire};
use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

/// Whether a difference is reported, or written down as the new truth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    Compare,
    Bless,
}

/// The programs that a text needs built.
pub fn programs(text: &str) -> BTreeSet<String> {
    let Ok(blocks) = blocks(text) else { return BTreeSet::new() }; // the check says what is wrong
    let mut names: BTreeSet<String> = console::programs(&blocks).into_iter().collect();
    for (_, spec) in blocks.iter().filter_map(|block| block.origin.as_ref()) {
        let spec = spec.split_once(" of ").map_or(spec.as_str(), |(_, spec)| spec);
        if let Ok((_, server, client)) = wire::programs(spec) {
            names.extend([server.name, client.name]);
        }
    }
    names
}

/// The text as it should be, and what is wrong with it. What blessing mends is no problem then.
pub fn check(programs: &Programs, text: &str, mode: Mode) -> (String, Vec<Problem>) {
    let mut found = match blocks(text) {
        Ok(found) => found,
        Err(problem) => return (text.to_owned(), vec![problem]),
    };
    let mut check = Check { programs, mode, problems: Vec::new(), runs: HashMap::new() };
    for block in &mut found {
        check.origin(block);
    }
    check.consoles(&mut found);
    check.problems.sort_by_key(|problem| problem.line);
    (with_blocks(text, &found), check.problems)
}

struct Check<'a> {
    programs: &'a Programs,
    mode: Mode,
    problems: Vec<Problem>,
    runs: HashMap<String, Result<wire::Recorded, String>>,
}

impl Check<'_> {
    fn wrong(&mut self, line: usize, text: impl Into<String>) {
        self.problems.push(Problem::new(line, text));
    }

    fn origin(&mut self, block: &mut Block) {
        let Some((kind, spec)) = block.origin.clone() else { return self.without_origin(block) };
        let fence = if kind == "listing" && spec.split('#').next().is_some_and(|path| path.ends_with(".rs")) {
            "rust,ignore" // GitHub colours it as Rust, and rustdoc does not compile a piece
        } else {
            "text"
        };
        if block.info != fence && self.mode == Mode::Compare {
            self.wrong(block.open, format!("the fence of this {kind} is ```{fence}"));
        }
        block.info = fence.to_owned();
        let truth = match kind.as_str() {
            "listing" => listing::listing(&self.programs.root, &spec),
            "figures" => figures::figures(&self.programs.root, &spec, &block.body),
            "bytes" => match spec.split_once(" of ") {
                Some((side, programs)) => self.recorded(programs, |run| run.bytes(side)),
                None => Err("wanted: C of SERVER < CLIENT, or S of SERVER < CLIENT".to_owned()),
            },
            _ => self.recorded(&spec, |run| Ok(run.arrows.clone())),
        };
        match truth {
            Err(e) => self.wrong(block.open - 1, e),
            Ok(truth) if kind == "wire" => self.arrows(block, &truth),
            Ok(truth) => {
                let shown = block.body.clone();
                self.compare(block, &shown, truth);
            }
        }
    }

    /// Asks one recorded run, which serves all blocks that show it.
    fn recorded(
        &mut self,
        programs: &str,
        ask: impl FnOnce(&wire::Recorded) -> Result<Vec<String>, String>,
    ) -> Result<Vec<String>, String> {
        let run = self.runs.entry(programs.to_owned()).or_insert_with(|| wire::record(self.programs, programs));
        run.as_ref().map_err(String::clone).and_then(ask)
    }

    fn without_origin(&mut self, block: &Block) {
        let (language, attributes) = block.info.split_once(',').unwrap_or((&block.info, ""));
        match language {
            // Whatever else rustdoc understands would keep it from compiling this.
            "rust" if !["", "no_run", "should_panic", "compile_fail"].contains(&attributes) => {
                self.wrong(
                    block.open,
                    format!("`{attributes}` is for listings: a piece of Rust compiles, or it comes from a source file"),
                );
            }
            "rust" | "console" | "text" | "toml" | "sh" | "python" => {}
            _ => self.wrong(block.open, "a fence is one of console, rust, text, toml, sh, python"),
        }
    }

    /// Arrows stand in the first column; what is indented below each is the spoken sentence of a person, and stays.
    fn arrows(&mut self, block: &mut Block, truth: &[String]) {
        let mut spoken: Vec<Vec<String>> = Vec::new();
        let mut shown = Vec::new();
        for line in &block.body {
            match (line.starts_with(char::is_whitespace), spoken.last_mut()) {
                (true, Some(sentence)) => sentence.push(format!("        {}", line.trim())),
                (true, None) => {}
                (false, _) => {
                    shown.push(line.clone());
                    spoken.push(Vec::new());
                }
            }
        }
        if shown != truth {
            // Lines of the difference are those of the arrows alone, so point at the block.
            let whole = Block { close: block.open + 1, ..block.clone() };
            self.differ(&whole, &shown, truth);
        }
        if spoken.len() > truth.len() && self.mode == Mode::Bless {
            let lost = spoken[truth.len()..].concat().join(" ");
            self.wrong(block.open, format!("a sentence has no arrow any more and was dropped: {}", lost.trim()));
        }
        spoken.resize(truth.len(), Vec::new());
        if let Some(n) = spoken.iter().position(Vec::is_empty) {
            self.wrong(block.open, format!("no sentence is spoken below arrow {}: {}", n + 1, truth[n]));
        }
        let lines =
            truth.iter().zip(spoken).flat_map(|(arrow, sentence)| std::iter::once(arrow.clone()).chain(sentence));
        block.body = lines.collect();
    }

    fn consoles(&mut self, blocks: &mut [Block]) {
        let silence = if self.mode == Mode::Bless { self.programs.silence } else { Duration::from_millis(100) };
        let sections: BTreeSet<usize> = blocks.iter().map(|block| block.section).collect();
        for section in sections {
            let here = |(_, block): &(usize, &Block)| block.section == section && block.info == "console";
            let consoles: Vec<(usize, &Block)> = blocks.iter().enumerate().filter(here).collect();
            match console::run(self.programs, &consoles, silence) {
                Err(problem) => self.problems.push(problem),
                Ok(compared) => {
                    for console::Compared { block, shown, real } in compared {
                        self.compare(&mut blocks[block], &shown, real);
                    }
                }
            }
        }
    }

    fn compare(&mut self, block: &mut Block, shown: &[String], truth: Vec<String>) {
        if shown != truth {
            self.differ(block, shown, &truth);
            block.body = truth;
        }
    }

    /// Reports the first difference, shortly; while blessing there is none to report.
    fn differ(&mut self, block: &Block, shown: &[String], truth: &[String]) {
        if self.mode == Mode::Bless {
            return;
        }
        let same = shown.iter().zip(truth).take_while(|(a, b)| a == b).count();
        let tail = shown[same..].iter().rev().zip(truth[same..].iter().rev()).take_while(|(a, b)| a == b).count();
        let some = |sign: &str, lines: &[String]| {
            let lines = &lines[same..lines.len() - tail];
            let more =
                lines.len().checked_sub(6).filter(|more| *more > 0).map(|more| format!("\n    {sign} ... {more} more"));
            let first: String = lines.iter().take(6).map(|line| format!("\n    {sign} {line}")).collect();
            first + &more.unwrap_or_default()
        };
        let line = (block.open + 1 + same).min(block.close);
        self.wrong(line, format!("shown (-) is not what is (+){}{}", some("-", shown), some("+", truth)));
    }
}
