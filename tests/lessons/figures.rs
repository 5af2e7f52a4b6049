//! The figures of README.md, counted anew at each run, so that none of them is older than what it counts.
//!
//! `cargo test --test lessons figures -- --nocapture` prints them; BLESS=1 writes them down as it does with listings.

use super::markdown::{Block, blocks};
use super::support::files::{below, read, root};
use super::support::programs::{PACKAGES, PEERS};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// One table; `shown` is how the text has it now.
pub fn figures(root: &Path, which: &str, shown: &[String]) -> Result<Vec<String>, String> {
    match which {
        "course" => Ok(course(root)),
        "code" => Ok(code(root, shown)),
        _ => Err("wanted: figures: course, or figures: code".to_owned()),
    }
}

// ---- the course ----

fn course(root: &Path) -> Vec<String> {
    let mut texts = files(root, "lessons", ".md");
    texts.push("README.md".to_owned());
    // What is no text is said where the texts are compared.
    let blocks: Vec<Block> = texts.iter().flat_map(|path| blocks(&read(root, path)).unwrap_or_default()).collect();
    let from = |kind: &str| -> Vec<&Block> {
        let of_kind = |block: &&Block| block.origin.as_ref().is_some_and(|(origin, _)| origin == kind);
        blocks.iter().filter(of_kind).collect()
    };
    let console: Vec<&Block> = blocks.iter().filter(|block| block.info == "console").collect();
    let count = |blocks: &[&Block], counts: fn(&&String) -> bool| -> usize {
        blocks.iter().map(|block| block.body.iter().filter(counts).count()).sum()
    };
    let compiled = blocks.iter().filter(|block| block.origin.is_none() && block.info.starts_with("rust")).count();

    let examples = files(root, "examples", ".rs").into_iter().filter(|path| {
        let name = &path["examples/".len()..];
        !name.starts_with("ex") && !name.starts_with("my_") && (!name.contains('/') || name.ends_with("/main.rs"))
    });
    let reports = files(root, "tests/wrong", ".txt").len();
    // Each answer is a file; `mod.rs` lists them, and the solution stands elsewhere.
    let answers = files(root, "tests/wrong", ".rs").iter().filter(|path| !path.ends_with("/mod.rs")).count();
    let exercises = files(root, "examples/solutions", ".rs").len();
    let lessons = texts.iter().filter(|path| path["lessons/".len()..].starts_with(char::is_numeric)).count();

    let faults = "const AT_LEAST: usize = ";
    let sweep = read(root, "tests/protocols/sweep.rs");
    let faults = sweep.split_once(faults).and_then(|(_, rest)| rest.split_once(';')).map_or("?", |(number, _)| number);

    let (all, peers) = ("cargo test --test ", "NETPRIMER_PEERS=1 cargo test");
    let rows: Vec<(&str, String, String)> = vec![
        ("lessons", lessons.to_string(), format!("{all}pairing")),
        ("examples: theirs and four tools", examples.count().to_string(), format!("{all}examples")),
        ("listings, equal to their source", from("listing").len().to_string(), format!("{all}lessons")),
        ("console blocks, run and compared", console.len().to_string(), format!("{all}lessons")),
        ("  commands in them", count(&console, |line| line.contains("$ ")).to_string(), format!("{all}lessons")),
        (
            "arrows, from real conversations",
            count(&from("wire"), |line| !line.starts_with(' ')).to_string(),
            format!("{all}lessons"),
        ),
        ("blocks of Rust that are compiled", compiled.to_string(), "cargo test --doc".to_owned()),
        ("exercises", exercises.to_string(), format!("{all}exercises")),
        (
            "  answers that pass, slow ones too",
            (answers - reports + exercises).to_string(),
            format!("NETPRIMER_PROOFS=1 {all}exercises"),
        ),
        ("  wrong ones, each with its report", reports.to_string(), format!("NETPRIMER_PROOFS=1 {all}exercises")),
        ("programs and packages of others", (PEERS.len() + PACKAGES.len()).to_string(), peers.to_owned()),
        ("  tests that talk with them", tests_with_peers(root).to_string(), peers.to_owned()),
        ("faults survived, and more", faults.replace('_', ","), format!("NETPRIMER_LOAD=all {all}protocols sweep")),
    ];
    let rows = rows.into_iter().map(|(what, number, command)| format!("{what:<35}{number:>7}   {command}"));
    rows.collect()
}

fn files(root: &Path, folder: &str, end: &str) -> Vec<String> {
    below(root, folder).into_iter().filter(|path| path.ends_with(end)).collect()
}

/// How many tests start a program of others, by themselves or through what their file has for it.
fn tests_with_peers(root: &Path) -> usize {
    let sources = files(root, "tests", ".rs").into_iter().filter(|path| !path.starts_with("tests/support/"));
    sources.filter(|path| !path.starts_with("tests/lessons/")).map(|path| with_peers(&read(root, &path)).len()).sum()
}

/// The names of those tests in one file.
fn with_peers(source: &str) -> Vec<String> {
    let items = items(source);
    let starts = |text: &str| {
        let mut tools = text.split("tool(").skip(1);
        // What is no name in quotes is one of several peers.
        let peer = |rest: &str| rest.strip_prefix('"').is_none_or(|rest| PEERS.iter().any(|name| begins(rest, name)));
        ["python(", "python_with("].iter().any(|call| text.contains(call)) || tools.any(peer)
    };
    let mut reached: BTreeSet<&str> =
        items.iter().filter(|item| starts(item.body)).map(|item| item.name.as_str()).collect();
    loop {
        let calls = |item: &&Item<'_>| reached.iter().any(|name| calls(item.body, name));
        let more: BTreeSet<&str> = items.iter().filter(calls).map(|item| item.name.as_str()).collect();
        if more.is_subset(&reached) {
            break;
        }
        reached.extend(more);
    }
    items
        .iter()
        .filter(|item| item.test && reached.contains(item.name.as_str()))
        .map(|item| item.name.clone())
        .collect()
}

fn begins(rest: &str, name: &str) -> bool {
    rest.strip_prefix(name).is_some_and(|rest| rest.starts_with('"'))
}

/// Whether a function or a type of this name is called.
fn calls(body: &str, name: &str) -> bool {
    let own = |at: usize| !body[..at].ends_with(|c: char| c.is_alphanumeric() || "_.:".contains(c));
    let call = |at: usize| ["(", "::"].iter().any(|sign| body[at + name.len()..].starts_with(sign));
    body.match_indices(name).any(|(at, _)| own(at) && call(at))
}

/// A function, or all that is implemented for a type.
struct Item<'s> {
    name: String,
    test: bool,
    body: &'s str,
}

/// The items of a source as rustfmt writes it: each begins in the first column, and ends with the next `}` there.
fn items(source: &str) -> Vec<Item<'_>> {
    let mut items = Vec::new();
    let mut rest = source;
    while let Some((item, more)) = rest.split_once("\n}\n") {
        rest = more;
        let fits = |line: &&str| ["fn ", "pub fn ", "impl ", "impl<"].iter().any(|start| line.starts_with(start));
        let Some(head) = item.lines().rfind(fits) else { continue };
        let name = match head.split_once("fn ") {
            Some((_, name)) if !head.starts_with("impl") => name,
            _ => head.trim_end_matches('{').split_whitespace().next_back().unwrap_or_default(),
        };
        let name: String = name.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
        let at = item.rfind(head).unwrap_or_default();
        items.push(Item { name, test: item[..at].ends_with("#[test]\n"), body: &item[at + head.len()..] });
    }
    items
}

// ---- the code ----

/// A protocol of ours, and packages that do the same. Parts of theirs for which ours has nothing are left out; README.md
/// names them.
struct Beside {
    ours: &'static str,
    theirs: &'static [&'static str],
    without: &'static [&'static str],
    note: &'static str,
}

const BESIDE: [Beside; 6] = [
    Beside {
        ours: "dns",
        theirs: &["hickory-resolver", "hickory-proto", "hickory-net"],
        without: &["dnssec/", "recursor/", "multicast/", "quic/", "h3/", "h2.rs", "http.rs", "tls.rs"],
        note: "",
    },
    Beside { ours: "ftp", theirs: &["suppaftp"], without: &["async_ftp", "test_"], note: "" },
    Beside {
        ours: "http",
        theirs: &["ureq", "ureq-proto"],
        without: &["server/", "socks.rs", "proxy.rs", "cookies.rs", "multipart.rs", "rustls.rs", "brotli.rs"],
        note: "",
    },
    Beside { ours: "smtp", theirs: &[], without: &[], note: "on mail-builder" },
    Beside { ours: "web", theirs: &[], without: &[], note: "on ureq" },
    Beside { ours: "websocket", theirs: &["tokio-tungstenite"], without: &[], note: "both on tungstenite" },
];

fn code(root: &Path, shown: &[String]) -> Vec<String> {
    let sources = files(root, "src", ".rs");
    let module =
        |path: &str| path["src/".len()..].split('/').next().unwrap_or_default().trim_end_matches(".rs").to_owned();
    let lines = |ours: &dyn Fn(&str) -> bool| -> usize {
        let ours = sources.iter().filter(|path| ours(&module(path)) && !is_test(path));
        ours.map(|path| code_lines(&read(root, path))).sum()
    };
    let other =
        |name: &str| ["lib", "bin", "lab", "check"].contains(&name) || BESIDE.iter().any(|row| row.ours == name);
    let ground = lines(&|name| !other(name));
    let mut rows = vec![format!("{:<11}{:>6}{:>10}{:>9}", "", "ours", "+ ground", "theirs")];
    for beside in &BESIDE {
        let ours = lines(&|name| name == beside.ours);
        let start = format!("{:<11}{:>6}{:>10}", beside.ours, hundreds(ours), hundreds(ours + ground));
        let packages: Vec<String> =
            beside.theirs.iter().map(|name| format!("{name} {}", version(root, name))).collect();
        let who = [packages.join(", "), beside.note.to_owned()];
        let who = who.iter().filter(|part| !part.is_empty()).map(String::as_str).collect::<Vec<_>>().join(", ");
        let theirs = match packages.iter().map(|package| lines_of(package, beside.without)).sum::<Option<usize>>() {
            Some(0) => "-".to_owned(),
            Some(lines) => hundreds(lines).to_string(),
            // Only who has built the benches has all of them: what was counted elsewhere stays.
            None => {
                let row = shown.iter().find(|row| row.starts_with(beside.ours) && row.ends_with(&who));
                row.and_then(|row| row.split_whitespace().nth(3)).unwrap_or("?").to_owned()
            }
        };
        rows.push(format!("{start}{theirs:>9}  {who}"));
    }
    rows.push(format!("{:<11}{:>6}", "ground", hundreds(ground)));
    rows
}

/// Rounded: nobody wants to write the figures anew for a line more.
fn hundreds(lines: usize) -> usize {
    (lines + 50) / 100 * 100
}

/// The version that this project, or one of its benches, is built with.
fn version(root: &Path, package: &str) -> String {
    let mut locks = vec!["Cargo.lock".to_owned()];
    locks.extend(below(root, "benches/peers").into_iter().filter(|path| path.ends_with("Cargo.lock")));
    let head = format!("name = \"{package}\"\nversion = \"");
    let found = locks.iter().find_map(|lock| {
        let text = read(root, lock);
        text.split_once(&head).and_then(|(_, rest)| rest.split_once('"')).map(|(version, _)| version.to_owned())
    });
    found.unwrap_or_else(|| "?".to_owned())
}

/// The lines of code of `NAME VERSION` as cargo unpacked it, where it did.
fn lines_of(package: &str, without: &[&str]) -> Option<usize> {
    let home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| Some(std::env::home_dir()?.join(".cargo")))?;
    let registries = std::fs::read_dir(home.join("registry/src")).ok()?.flatten();
    let folder = registries.map(|one| one.path().join(package.replace(' ', "-"))).find(|folder| folder.is_dir())?;
    let left_out = |path: &String| is_test(path) || without.iter().any(|part| path.contains(&format!("/{part}")));
    let sources = files(&folder, "src", ".rs").into_iter().filter(|path| !left_out(path));
    Some(sources.map(|path| code_lines(&read(&folder, &path))).sum())
}

fn is_test(path: &str) -> bool {
    let name = path.trim_end_matches(".rs");
    name.split('/').any(|part| part == "test" || part == "tests" || part.ends_with("_tests"))
}

/// Lines that are neither empty nor comment nor of a unit test.
fn code_lines(source: &str) -> usize {
    let mut count = 0;
    let mut lines = source.lines().filter(|line| !line.trim().is_empty());
    while let Some(line) = lines.next() {
        let code = line.trim_start();
        let indent = &line[..line.len() - code.len()];
        if code.starts_with("//") {
        } else if code.starts_with("/*") {
            let mut line = line;
            while !line.contains("*/") {
                let Some(next) = lines.next() else { break };
                line = next;
            }
        } else if code.starts_with("#[cfg(test)]") || code.starts_with("#[cfg(all(test") {
            // The item behind it: one line, or as far as the brace in its own column.
            let ends =
                |line: &str| line.starts_with(&format!("{indent}}}")) || line.ends_with(';') || line.ends_with("}");
            let mut item = lines.by_ref().skip_while(|line| line.trim_start().starts_with(['#', '/']));
            if item.next().is_some_and(|head| !ends(head)) {
                item.find(|line| line.starts_with(&format!("{indent}}}")));
            }
        } else {
            count += 1;
        }
    }
    count
}

#[test]
fn figures_are_shown() {
    let readme = read(root(), "README.md");
    let shown = blocks(&readme).unwrap();
    for which in ["course", "code"] {
        let origin = ("figures".to_owned(), which.to_owned());
        let block = shown.iter().find(|block| block.origin.as_ref() == Some(&origin));
        let block = block.unwrap_or_else(|| panic!("README.md has no <!-- figures: {which} -->"));
        println!("{}\n", figures(root(), which, &block.body).unwrap().join("\n"));
    }
}

#[test]
fn what_is_counted() {
    let source = "
        //! Head.
        fn a() {} // one
        /* no
           no */
        #[cfg(test)]
        use b;

        /// Doc.
        fn c() {
            \"//\"
        }
        #[cfg(test)]
        #[allow(x)]
        mod tests {
            fn d() {
            }
        }
        const E: u8 = 1;
    ";
    assert_eq!(code_lines(source), 5);
    let source = "
fn start() -> Peer {
    tool(\"nginx\")
}

impl Drop for Other {
    fn drop(&mut self) {
        start();
    }
}

#[test]
fn by_itself() {
    python_with(\"requests\", \"\");
}

#[test]
fn through_others() {
    let other = Other::new();
}

#[test]
fn with_the_system() {
    tool(\"unshare\");
    restart();
}
";
    assert_eq!(with_peers(source), ["by_itself", "through_others"]);
}
