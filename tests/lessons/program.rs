//! What stands at a prompt: the few commands a lesson may use, and the programs they start.

use super::support::programs;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// One program of a lesson with its arguments, and what `printf` or `echo` feeds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    pub name: String,
    pub args: Vec<String>,
    pub input: Option<Vec<u8>>,
}

impl Call {
    /// Reads `[printf '...' |] cargo run [-q] --example NAME [-- ARGS]`, or `--bin` in place of `--example`.
    pub fn at_prompt(text: &str) -> Result<Call, String> {
        let (input, words) = fed(text)?;
        let words: Vec<&str> = words.iter().map(String::as_str).filter(|word| *word != "-q").collect();
        match words.as_slice() {
            ["cargo", "run", "--example" | "--bin", name] => Call::new(name, &[], input),
            ["cargo", "run", "--example" | "--bin", name, "--", args @ ..] => Call::new(name, args, input),
            _ => Err(format!(
                "cannot run `{text}`: only cargo run --example or --bin, fed by printf '...' | or echo '...' |"
            )),
        }
    }

    /// Reads `[printf '...' |] NAME [ARGS]`.
    pub fn short(text: &str) -> Result<Call, String> {
        let (input, words) = fed(text)?;
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let (name, args) = words.split_first().ok_or("a program is missing")?;
        Call::new(name, args, input)
    }

    fn new(name: &str, args: &[&str], input: Option<Vec<u8>>) -> Result<Call, String> {
        if name.strip_prefix("ex").is_some_and(|number| number.starts_with(|c: char| c.is_ascii_digit())) {
            return Err(format!(
                "{name} says something else once a learner has solved it: show it as a listing of its report"
            ));
        }
        Ok(Call { name: name.to_owned(), args: args.iter().map(|arg| (*arg).to_owned()).collect(), input })
    }
}

/// The bytes that a command is fed, and its words.
fn fed(text: &str) -> Result<(Option<Vec<u8>>, Vec<String>), String> {
    let words = words(text)?;
    let Some(pipe) = words.iter().position(|word| word == "|") else { return Ok((None, words)) };
    let input = match &words[..pipe] {
        [printf, text] if printf == "printf" => unescaped(text)?,
        [echo, text] if echo == "echo" => format!("{text}\n").into_bytes(),
        _ => return Err("only printf '...' or echo '...' may stand before |".to_owned()),
    };
    Ok((Some(input), words[pipe + 1..].to_vec()))
}

/// Words as a shell cuts them, with 'single' and "double" quotes and nothing else.
fn words(text: &str) -> Result<Vec<String>, String> {
    let (mut words, mut word, mut quote) = (Vec::new(), None::<String>, None);
    for c in text.chars() {
        match (quote, c) {
            (Some(end), _) if c == end => quote = None,
            (Some(_), _) => word.get_or_insert_default().push(c),
            (None, '\'' | '"') => {
                quote = Some(c);
                word.get_or_insert_default(); // '' is a word too
            }
            (None, ' ') => words.extend(word.take()),
            (None, _) if "\\$;&<>`".contains(c) => {
                return Err(format!("cannot run `{text}`: {c} stands outside quotes"));
            }
            (None, _) => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    if quote.is_some() { Err(format!("a quote is open in `{text}`")) } else { Ok(words) }
}

/// What `printf` writes for this format.
fn unescaped(format: &str) -> Result<Vec<u8>, String> {
    let bad = || format!("printf '{format}': only \\n \\r \\t \\\\ \\xHH and %% are understood here");
    let mut bytes = Vec::new();
    let mut rest = format.chars();
    while let Some(c) = rest.next() {
        match c {
            '\\' => bytes.push(match rest.next().ok_or_else(bad)? {
                'n' => b'\n',
                'r' => b'\r',
                't' => b'\t',
                '\\' => b'\\',
                'x' => {
                    let digits: String = rest.by_ref().take(2).collect();
                    u8::from_str_radix(&digits, 16).map_err(|_| bad())?
                }
                _ => return Err(bad()),
            }),
            '%' if rest.next() == Some('%') => bytes.push(b'%'),
            '%' => return Err(bad()),
            c => bytes.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    Ok(bytes)
}

/// Where the programs are built and where their sources are.
pub struct Programs {
    pub root: PathBuf,
    pub built: PathBuf,
    /// No program may take longer.
    pub limit: Duration,
    /// While blessing, nobody has said yet how many lines a server prints: after so long a silence it has said all.
    pub silence: Duration,
}

impl Programs {
    /// The folder into which the cargo that runs this test builds.
    pub fn of_this_project(root: &Path) -> Programs {
        Programs {
            root: root.to_owned(),
            built: programs::folder(),
            limit: Duration::from_secs(60),
            silence: Duration::from_secs(3),
        }
    }

    /// `cargo test --test lessons` builds no examples, so we do, and only those that the lessons name.
    pub fn build(&self, names: &BTreeSet<String>) -> Result<(), String> {
        let names: Vec<&str> = names.iter().map(String::as_str).filter(|name| self.source(name).is_some()).collect();
        // Where there are none, the check says which lesson names a program that is none.
        if names.is_empty() { Ok(()) } else { programs::build(&names) }
    }

    fn source(&self, name: &str) -> Option<String> {
        let sources = [format!("examples/{name}.rs"), format!("examples/{name}/main.rs"), format!("src/bin/{name}.rs")];
        sources.iter().find_map(|path| fs::read_to_string(self.root.join(path)).ok())
    }

    /// Where the program lies. One without a source may lie there too, from an older day: it is no longer ours.
    pub fn path(&self, name: &str) -> Result<PathBuf, String> {
        self.source(name).ok_or_else(|| format!("there is no example or bin `{name}`"))?;
        Ok(programs::path(&self.built, name))
    }

    /// The port that a program uses when it is told none: the first `"127.0.0.1:PORT"` in its source. Port 0 is none.
    pub fn default_port(&self, name: &str) -> Option<u16> {
        let port = self.source(name)?.split_once("\"127.0.0.1:")?.1.split_once('"')?.0.parse().ok();
        port.filter(|port| *port != 0)
    }
}
