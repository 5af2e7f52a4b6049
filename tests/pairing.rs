//! One number, one name: example, lesson and the rows of both tables belong together, no file is a stray, every lesson
//! keeps to the same template, and no link leads nowhere.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "support/files.rs"]
mod files;

use files::{below, is_copy, read, root};
use std::collections::BTreeSet;
use std::path::Path;

const HEADINGS: [&str; 7] =
    ["Run it", "On the wire", "The code", "When it goes wrong", "Exercise", "Check yourself", "Teacher"];
/// Lessons without an exercise.
const NO_EXERCISE: [&str; 3] = ["00_", "01_", "10_"];
/// What stands in `examples/` beside lessons and exercises.
const OTHERS: [&str; 4] = ["lab", "nc", "tap", "check"];
/// The core of a lesson, in words: two school periods have room for no more.
const WORDS: usize = 700;

/// `02_1_tcp_server`: two digits and an underscore.
fn is_lesson(name: &str) -> bool {
    let bytes = name.as_bytes();
    bytes.len() > 3 && bytes[..2].iter().all(u8::is_ascii_digit) && bytes[2] == b'_'
}

/// The lessons that a table lists, in its order: what is named like one, in a link, a command or alone.
fn rows(text: &str) -> Vec<String> {
    let rows = text.lines().map(|line| line.trim_start_matches("//!").trim()).filter(|line| line.starts_with('|'));
    // A row may name its lesson twice, as example and as lesson.
    let no_name = |c: char| !c.is_alphanumeric() && c != '_';
    let name = |row: &str| row.split(no_name).find(|word| is_lesson(word)).map(str::to_owned);
    rows.filter_map(name).collect()
}

/// The names of the files directly in a folder that end so, sorted.
fn names(root: &Path, folder: &str, end: &str) -> Vec<String> {
    let files = below(root, folder);
    let name = |path: &String| Some(path.strip_prefix(folder)?.strip_prefix('/')?.strip_suffix(end)?.to_owned());
    files.iter().filter_map(name).filter(|name| !name.contains('/')).collect()
}

/// All that is wrong with a project's examples, lessons and tables.
fn strays(root: &Path) -> Vec<String> {
    let of = |folder, end| names(root, folder, end).into_iter().filter(|name| is_lesson(name)).collect::<Vec<_>>();
    // An example of several files is a folder with a `main.rs`.
    let main = |path: String| path.strip_prefix("examples/")?.strip_suffix("/main.rs").map(str::to_owned);
    let folders = below(root, "examples").into_iter().filter_map(main).filter(|name| is_lesson(name));
    let (mut examples, lessons) = (of("examples", ".rs"), of("lessons", ".md"));
    examples.extend(folders);
    examples.sort();
    let table = |path| std::fs::read_to_string(root.join(path)).unwrap_or_default(); // no file, no rows
    let mut wrong = Vec::new();
    for (what, names) in [
        ("examples/", &examples),
        ("the table in README.md", &rows(&table("README.md"))),
        ("the table in src/lib.rs", &rows(&table("src/lib.rs"))),
    ] {
        if *names != lessons {
            wrong.push(format!("{what} has {names:?}, lessons/ has {lessons:?}"));
        }
    }
    let exercise = |name: &str| name.starts_with("ex") && lessons.iter().any(|lesson| belongs(name, lesson));
    for path in below(root, "examples").into_iter().filter(|path| !is_copy(path)) {
        let inside = path.strip_prefix("examples/").unwrap();
        let name = inside.split('/').next().unwrap().trim_end_matches(".rs");
        let known = lessons.iter().any(|lesson| lesson == name) || OTHERS.contains(&name) || exercise(name);
        if !known && !["lesson/", "solutions/", "exercises/"].iter().any(|folder| inside.starts_with(folder)) {
            wrong.push(format!("{path} belongs to no lesson"));
        }
    }
    for path in below(root, "lessons") {
        let name = path["lessons/".len()..].trim_end_matches(".md");
        if name != "README" && !lessons.iter().any(|lesson| lesson == name) {
            wrong.push(format!("{path} is no lesson"));
        }
    }
    wrong
}

/// `ex02_1` belongs to `02_1_tcp_server`.
fn belongs(exercise: &str, lesson: &str) -> bool {
    lesson.strip_prefix(&exercise[2..]).is_some_and(|rest| rest.starts_with('_'))
}

/// What is wrong with the shape of a lesson.
fn misshapen(name: &str, text: &str) -> Vec<String> {
    let mut wrong = Vec::new();
    let prose = prose(text);
    let number = name.split('_').take_while(|part| part.starts_with(|c: char| c.is_ascii_digit()));
    let number: Vec<String> = number.map(|part| part.parse::<u8>().unwrap().to_string()).collect();
    let title = format!("# {} ", number.join("."));
    if !text.starts_with(&title) {
        wrong.push(format!("{name}: the first line begins with `{title}`"));
    }
    let headings: Vec<&str> = prose.iter().filter_map(|line| line.strip_prefix("## ")).collect();
    let free = NO_EXERCISE.iter().any(|start| name.starts_with(start));
    let wanted: Vec<&str> = HEADINGS.into_iter().filter(|heading| !(free && *heading == "Exercise")).collect();
    if headings != wanted {
        wrong.push(format!("{name}: the headings are {headings:?}, wanted {wanted:?}"));
    }
    let words = core_words(text);
    if words > WORDS {
        wrong.push(format!("{name}: the core has {words} words, more than {WORDS}: put something below a line *More*"));
    }
    wrong
}

/// The lines that are no code.
fn prose(text: &str) -> Vec<&str> {
    let mut code = false;
    let mut prose = Vec::new();
    for line in text.lines() {
        if line.starts_with("```") {
            code = !code;
        } else if !code {
            prose.push(line);
        }
    }
    prose
}

/// Words of the core, the first of a lesson's two periods: what stands between spaces in the prose. Not counted are code,
/// tables, comments, tags, headings, what stands below a line `*More*` up to the next heading, and the exercise, which has
/// the second period for itself.
fn core_words(text: &str) -> usize {
    let mut more = false;
    let mut words = 0;
    for line in prose(text) {
        match line.trim() {
            "*More*" => more = true,
            line if line.starts_with("## ") => more = line == "## Exercise",
            line if more || line.starts_with(['#', '|', '<']) => {}
            line => words += line.split_whitespace().filter(|word| word.contains(char::is_alphanumeric)).count(),
        }
    }
    words
}

/// The links of a text that lead to no file. `folder` is where the text lies.
fn dead_links(root: &Path, folder: &str, text: &str) -> Vec<String> {
    let prose = prose(text).join("\n");
    let links = prose.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    let files = links.map(|link| link.split('#').next().unwrap_or_default());
    let ours = files.filter(|link| !link.is_empty() && !link.contains("://") && !link.starts_with("mailto:"));
    ours.filter(|link| !root.join(folder).join(link).exists()).map(str::to_owned).collect()
}

/// The texts whose ```rust blocks the doctests of `src/lib.rs` compile.
fn compiled(library: &str) -> BTreeSet<String> {
    library.split("\"../").skip(1).filter_map(|rest| rest.split_once('"')).map(|(path, _)| path.to_owned()).collect()
}

fn texts() -> BTreeSet<String> {
    let mut texts: BTreeSet<String> =
        below(root(), "lessons").into_iter().filter(|path| path.ends_with(".md")).collect();
    texts.extend(root().join("README.md").exists().then(|| "README.md".to_owned()));
    texts
}

#[test]
fn example_lesson_and_tables_agree() {
    let wrong = strays(root());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_lesson_has_the_same_shape() {
    let lessons = names(root(), "lessons", ".md").into_iter().filter(|name| is_lesson(name));
    let wrong: Vec<String> =
        lessons.flat_map(|name| misshapen(&name, &read(root(), &format!("lessons/{name}.md")))).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn no_link_leads_nowhere() {
    for path in texts() {
        let folder = if path.starts_with("lessons/") { "lessons" } else { "" };
        let dead = dead_links(root(), folder, &read(root(), &path));
        assert!(dead.is_empty(), "{path}: no file for {dead:?}");
    }
}

#[test]
fn the_rust_in_every_text_is_compiled() {
    let compiled = compiled(&read(root(), "src/lib.rs"));
    assert_eq!(compiled, texts(), "left: what src/lib.rs compiles as doctests; right: the texts that there are");
}

/// The rows of an index `| practice | [file](../file) | `item` |` that lead nowhere, and how many rows there are.
fn lost_rows(root: &Path, text: &str) -> (Vec<String>, usize) {
    let rows: Vec<&str> = text.lines().filter(|line| line.starts_with('|') && line.contains("](../")).collect();
    let found = |row: &str| {
        let (_, rest) = row.split_once("](../")?;
        let (path, rest) = rest.split_once(')')?;
        let item = rest.split('`').nth(1).filter(|item| item.contains(' '))?;
        let source = std::fs::read_to_string(root.join(path)).ok()?;
        source.lines().any(|line| is_item(line, item)).then_some(())
    };
    (rows.iter().filter(|row| found(row).is_none()).map(|row| (*row).to_owned()).collect(), rows.len())
}

/// Whether a line begins this item: `pub fn connect<T>(` is `fn connect`, and `fn connect_any(` is another one.
fn is_item(line: &str, item: &str) -> bool {
    let line = line.trim_start();
    let line = line
        .strip_prefix("pub(crate) ")
        .or(line.strip_prefix("pub(super) "))
        .or(line.strip_prefix("pub "))
        .unwrap_or(line);
    line.strip_prefix(item).is_some_and(|rest| !rest.starts_with(|c: char| c.is_alphanumeric() || c == '_'))
}

#[test]
fn every_practice_stands_where_the_index_says() {
    let lesson = read(root(), "lessons/09_best_practices.md");
    let (lost, rows) = lost_rows(root(), &lesson);
    assert!(lost.is_empty(), "no such item in that file:\n{}", lost.join("\n"));
    assert!(rows >= 20, "an index of {rows} rows");
    let stations = below(root(), "examples/09_best_practices");
    for station in stations.iter().filter(|path| !path.ends_with("/main.rs")) {
        assert!(lesson.contains(&format!("](../{station}) | `fn right` |")), "the index does not name {station}");
        let source = read(root(), station);
        assert!(
            ["fn broken", "fn right"].iter().all(|item| source.lines().any(|line| is_item(line, item))),
            "{station}"
        );
    }
    assert_eq!(stations.len(), 6, "{stations:?}");
}

/// The first three cells of each row of the table below a heading, without its head.
fn cells<'t>(text: &'t str, heading: &str) -> Vec<[&'t str; 3]> {
    let below = text.split_once(&format!("\n{heading}\n")).map_or("", |(_, below)| below);
    let rows = below.lines().skip_while(|line| !line.starts_with('|')).take_while(|line| line.starts_with('|')).skip(2);
    let three = |row: &'t str| {
        let mut cells = row.split('|').map(str::trim).skip(1);
        [cells.next(), cells.next(), cells.next()].map(Option::unwrap_or_default)
    };
    rows.map(three).collect()
}

/// The numbers of lessons in a cell: `2.1, 2.2`.
fn numbers(cell: &str) -> Vec<&str> {
    cell.split(", ").filter(|number| number.starts_with(|c: char| c.is_ascii_digit())).collect()
}

/// What is wrong with the plans of the course: a lesson before what it needs, a way without it or with wrong periods, a week
/// that comes too early or has too much, a lesson in no week.
fn unplanned(course: &str) -> Vec<String> {
    let lessons: Vec<(&str, usize, Vec<&str>)> = cells(course, "## Order and periods")
        .into_iter()
        .map(|[link, periods, needs]| {
            let number = link.trim_start_matches('[').split(' ').next().unwrap_or_default();
            (number, periods.parse().unwrap_or(0), numbers(needs))
        })
        .collect();
    let known = |number: &str| lessons.iter().find(|(own, ..)| *own == number);
    let mut wrong = Vec::new();
    // Each lesson of a list after what it needs; what the table does not have yet is not judged.
    let mut in_order = |what: &str, list: &[&str]| {
        for (at, number) in list.iter().enumerate() {
            let needs = known(number).map_or(&[][..], |(_, _, needs)| needs);
            let missing = needs.iter().filter(|need| known(need).is_some() && !list[..at].contains(need));
            wrong.extend(missing.map(|need| format!("{what}: {number} before {need}")));
        }
    };
    in_order("the table", &lessons.iter().map(|(number, ..)| *number).collect::<Vec<_>>());
    let weeks = cells(course, "## Twelve weeks");
    let planned: Vec<&str> = weeks.iter().flat_map(|[_, lessons, _]| numbers(lessons)).collect();
    in_order("the weeks", &planned);
    let periods =
        |list: &[&str]| list.iter().filter_map(|number| known(number)).map(|(_, periods, _)| periods).sum::<usize>();
    let ways = cells(course, "## Shorter ways");
    for [way, list, _] in &ways {
        in_order(way, &numbers(list));
    }
    for [way, list, wanted] in &ways {
        let list = numbers(list);
        let sum = periods(&list) + 2 * list.iter().filter(|number| known(number).is_none()).count();
        if wanted.parse() != Ok(sum) {
            wrong.push(format!("{way}: {sum} periods, not {wanted}"));
        }
    }
    for [week, list, _] in weeks.iter().filter(|[_, list, _]| periods(&numbers(list)) > 4) {
        wrong.push(format!("week {week} has more than four periods: {list}"));
    }
    for (number, ..) in &lessons {
        if planned.iter().filter(|planned| planned == &number).count() != 1 {
            wrong.push(format!("{number} stands not once in the weeks"));
        }
    }
    if lessons.len() < 20 || ways.len() < 5 || weeks.len() != 12 {
        wrong.push(format!("{} lessons, {} ways, {} weeks", lessons.len(), ways.len(), weeks.len()));
    }
    wrong
}

#[test]
fn the_plans_of_the_course_keep_its_order() {
    let course = read(root(), "lessons/README.md");
    assert_eq!(unplanned(&course), [""; 0]);
    for (from, to, says) in [
        ("| 2 | 2.2, 2.3 |", "| 2 | 2.2 |", "2.3 stands not once in the weeks"),
        ("| 3 | 2.4, 2.5 |", "| 3 | 2.4, 2.5, 3.2.1 |", "the weeks: 3.2.1 before 3.1"),
        ("| 0, 2.1, 2.2, 2.3, 2.4, 2.5 | 11 |", "| 0, 2.1, 2.2, 2.3, 2.4, 2.5 | 12 |", "sockets: 11 periods, not 12"),
        ("| 0, 2.1, 2.2, 2.5, 3.1, 4.1, 4.2 |", "| 0, 2.1, 2.2, 3.1, 4.1, 4.2 |", "chat: 4.1 before 2.5"),
        ("(02_2_tcp_client.md) | 2 | 2.1 |", "(02_2_tcp_client.md) | 2 | 2.4 |", "the table: 2.2 before 2.4"),
    ] {
        assert!(course.contains(from), "{from}");
        let wrong = unplanned(&course.replacen(from, to, 1));
        assert!(wrong.iter().any(|wrong| wrong == says), "{says}: {wrong:?}");
    }
    let words: Vec<String> = cells(&course, "## Words")
        .into_iter()
        .map(|[word, chinese, meaning]| {
            assert!(!chinese.is_empty() && !meaning.is_empty(), "{word}");
            word.trim_matches('`').to_lowercase()
        })
        .collect();
    assert!(words.len() > 80 && words.is_sorted_by(|a, b| a < b), "{words:?}");
}

#[test]
fn this_test_can_see() {
    let table = "//! | part | `a_b` |\n//! |---|\n//! | 2.1 | [`02_1_tcp_server`](x/02_1_tcp_server.md) and `02_1_tcp_server` |\n`02_9_prose`\n";
    assert_eq!(rows(table), ["02_1_tcp_server"]);
    assert!(belongs("ex02_1", "02_1_tcp_server") && !belongs("ex02_1", "02_10_x") && !belongs("ex0", "02_1_x"));

    let headings: String = HEADINGS.map(|heading| format!("## {heading}\n\nSome words.\n\n")).concat();
    let lesson = format!("# 2.1 TCP server\n\n{headings}");
    assert_eq!(misshapen("02_1_tcp_server", &lesson), [""; 0]);
    assert_eq!(core_words(&lesson), 12);
    for (from, to) in [
        ("# 2.1 ", "# 2.2 "),
        ("## Teacher", "## Instructor"),
        ("## Exercise\n", ""),
        ("## Run it", "## Extra\n\n## Run it"),
        ("Some words.", &"word ".repeat(WORDS)),
    ] {
        assert_eq!(misshapen("02_1_tcp_server", &lesson.replacen(from, to, 1)).len(), 1, "{from} as {to}");
    }
    let long = lesson.replacen("Some", &format!("*More*\n\n{}", "word ".repeat(WORDS)), 1);
    assert_eq!(misshapen("02_1_tcp_server", &long), [""; 0]);
    assert_eq!(core_words(&long), 10, "what follows *More* up to the next heading does not count");
    let overview = lesson.replace("# 2.1", "# 1").replace("## Exercise\n", "");
    assert_eq!(misshapen("01_overview", &overview), [""; 0]);
    assert_eq!(core_words("| a | b |\n<!-- c -->\n```text\nd\n```\n- e, \"f\" – g\n"), 3);

    let row = "| a limit | [tests/pairing.rs](../tests/pairing.rs) | `fn is_item` |\n";
    assert_eq!(lost_rows(root(), row), (vec![], 1));
    for (from, to) in
        [("is_item", "is_ite"), ("is_item", "is_item_"), ("tests/", "none/"), ("`fn", "fn"), ("fn is", "is")]
    {
        assert_eq!(lost_rows(root(), &row.replace(from, to)).0.len(), 1, "{from} as {to}");
    }

    let links = "[a](Cargo.toml) [b](none.md#x) [c](https://example.com) [d](#here)\n```text\n[e](none)\n```\n";
    assert_eq!(dead_links(root(), "", links), ["none.md"]);
    assert_eq!(compiled("include_str!(\"../lessons/a.md\")"), BTreeSet::from(["lessons/a.md".to_owned()]));
}

#[test]
fn a_stray_is_found() {
    let root = Path::new(env!("CARGO_TARGET_TMPDIR")).join("pairing");
    let write = |path: &str, text: &str| {
        std::fs::create_dir_all(root.join(path).parent().unwrap()).unwrap();
        std::fs::write(root.join(path), text).unwrap();
    };
    let _ = std::fs::remove_dir_all(&root); // of an earlier run
    let row = "| `02_1_a` |\n";
    write("README.md", row);
    write("src/lib.rs", &format!("//! {row}"));
    for path in [
        "lessons/README.md",
        "lessons/02_1_a.md",
        "examples/02_1_a.rs",
        "examples/nc.rs",
        "examples/lesson/mod.rs",
        "examples/ex02_1.rs",
        "examples/my_client.rs", // lessons tell a learner to make such copies
    ] {
        write(path, "");
    }
    assert_eq!(strays(&root), [""; 0]);
    write("README.md", "");
    assert_eq!(strays(&root).len(), 1, "a row is missing");
    write("README.md", row);
    for path in ["examples/02_2_b.rs", "examples/02_2_b/main.rs"] {
        write(path, "");
        assert_eq!(strays(&root).len(), 2, "an example without a lesson: {path}");
        std::fs::remove_file(root.join(path)).unwrap();
    }
    for path in ["examples/demo.rs", "examples/ex03_1.rs", "lessons/notes.txt"] {
        write(path, "");
        assert_eq!(strays(&root).len(), 1, "{path}");
        std::fs::remove_file(root.join(path)).unwrap();
    }
}
