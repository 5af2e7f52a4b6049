//! A lesson as the proof sees it: its sections, its fences, and the comment that says where a fence comes from.

use std::fmt;

/// One fence.
#[derive(Debug, Clone, Default)]
pub struct Block {
    /// What stands after the backticks: `console`, `rust,ignore`, ...
    pub info: String,
    /// The lines between the two fences.
    pub body: Vec<String>,
    /// The line of the opening fence, counted from 0, and that of the closing one.
    pub open: usize,
    pub close: usize,
    /// How many `## ` headings stand above it.
    pub section: usize,
    /// `listing`, `wire`, `bytes` or `figures`, and what follows the colon in the comment above the fence.
    pub origin: Option<(String, String)>,
}

/// What is wrong, and in which line, counted from 0.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    pub line: usize,
    pub text: String,
}

impl Problem {
    pub fn new(line: usize, text: impl Into<String>) -> Problem {
        Problem { line, text: text.into() }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.line + 1, self.text)
    }
}

/// The fences of a text, in order.
pub fn blocks(text: &str) -> Result<Vec<Block>, Problem> {
    let mut blocks = Vec::new();
    let mut section = 0;
    let mut origin: Option<(String, String)> = None;
    let mut lines = text.lines().enumerate();
    while let Some((n, line)) = lines.next() {
        let fence = &line[..line.len() - line.trim_start_matches('`').len()];
        if fence.len() >= 3 {
            let mut block = Block { info: line[fence.len()..].trim().to_owned(), open: n, section, ..Block::default() };
            block.origin = origin.take();
            loop {
                let (n, line) = lines.next().ok_or_else(|| Problem::new(block.open, "this fence is never closed"))?;
                block.close = n;
                if line.trim_end() == fence {
                    break;
                }
                block.body.push(line.to_owned());
            }
            blocks.push(block);
            continue;
        }
        if line.trim_start().starts_with("```") {
            return Err(Problem::new(n, "a fence begins in the first column, or nothing proves it"));
        }
        if origin.is_some() {
            return Err(Problem::new(n - 1, "this comment belongs directly above a fence"));
        }
        section += usize::from(line.starts_with("## "));
        origin = comment(line);
    }
    Ok(blocks)
}

fn comment(line: &str) -> Option<(String, String)> {
    let inner = line.trim().strip_prefix("<!--")?.strip_suffix("-->")?;
    let (key, value) = inner.trim().split_once(':')?;
    matches!(key, "listing" | "wire" | "bytes" | "figures").then(|| (key.to_owned(), value.trim().to_owned()))
}

/// The text with its blocks as they are in `blocks` now: their bodies and what stands behind their backticks.
pub fn with_blocks(text: &str, blocks: &[Block]) -> String {
    let mut lines: Vec<&str> = text.lines().collect();
    let opened: Vec<String> = blocks
        .iter()
        .map(|block| {
            let line = lines[block.open];
            format!("{}{}", &line[..line.len() - line.trim_start_matches('`').len()], block.info)
        })
        .collect();
    for (block, opened) in blocks.iter().zip(&opened).rev() {
        let body = block.body.iter().map(String::as_str);
        lines.splice(block.open..block.close, std::iter::once(opened.as_str()).chain(body));
    }
    lines.join("\n") + "\n"
}
