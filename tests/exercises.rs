//! Proof that the checkers are worth something: right answers pass, wrong ones fail at the intended step with the report
//! that a learner reads (`tests/wrong/NAME/ANSWER.txt`; `BLESS=1 cargo test --test exercises` writes them anew).
//!
//! A plain run proves a sample of them; NETPRIMER_PROOFS=1 proves all, and the starters too.
//!
//! A hundred runs on a machine that has other work as well (each `yes` ends by itself):
//!
//! ```sh
//! for n in 1 2 3 4; do timeout 600 yes > /dev/null & done; cargo test --no-run && \
//! for n in $(seq 100); do NETPRIMER_PEERS=1 NETPRIMER_PROOFS=1 cargo test -q --test exercises || { echo "failed in run $n"; break; }; done
//! ```

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use netprimer::check::{self, EXERCISES, Exercise, Peer, Role};
use std::collections::BTreeSet;
use std::fs;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{LazyLock, Mutex, mpsc};
use std::thread;
use std::time::{Duration, Instant};
use support::note;
use support::programs::{self, Left, Programs, Running};
use support::sockets::closed_port;

static PROGRAMS: LazyLock<Programs> = LazyLock::new(|| Programs::build(["check"]));

/// The starters as they are now. A learner who is in the middle of one may well leave it uncompiled, and that is no fault
/// of the project; where it is proved, they compile.
static STARTERS: LazyLock<Option<Programs>> = LazyLock::new(|| {
    let names: Vec<&str> = EXERCISES.iter().map(|exercise| exercise.name).collect();
    if !proofs() && programs::build(&names).is_err() {
        note("skipped: the starters, because one does not compile yet: cargo run --example check");
        return None;
    }
    Some(Programs::build(names))
});

/// Whether the files that a learner writes in are as they are in the repository.
fn proofs() -> bool {
    std::env::var_os("NETPRIMER_PROOFS").is_some()
}

/// The answers of one exercise: each a file that has the function of the starter.
struct Answers {
    pass: &'static [(&'static str, Peer)],
    fail: &'static [(&'static str, Peer)],
}

macro_rules! answers {
    ($kind:ident($function:ident) pass: solution $(, $pass:ident)* fail: $($fail:ident),* $(,)?) => {
        $(mod $pass;)*
        $(mod $fail;)*
        pub const ANSWERS: $crate::Answers = $crate::Answers {
            pass: &[
                ("solution", netprimer::check::Peer::$kind(solution::$function)),
                $((stringify!($pass), netprimer::check::Peer::$kind($pass::$function))),*
            ],
            fail: &[$((stringify!($fail), netprimer::check::Peer::$kind($fail::$function))),*],
        };
    };
}

#[path = "wrong/ex02_1/mod.rs"]
mod ex02_1;
#[path = "wrong/ex02_2/mod.rs"]
mod ex02_2;
#[path = "wrong/ex02_3/mod.rs"]
mod ex02_3;
#[path = "wrong/ex02_4/mod.rs"]
mod ex02_4;
#[path = "wrong/ex02_5/mod.rs"]
mod ex02_5;
#[path = "wrong/ex03_1/mod.rs"]
mod ex03_1;
#[path = "wrong/ex03_2_1/mod.rs"]
mod ex03_2_1;
#[path = "wrong/ex03_2_2/mod.rs"]
mod ex03_2_2;
#[path = "wrong/ex03_2_3/mod.rs"]
mod ex03_2_3;
#[path = "wrong/ex03_2_4/mod.rs"]
mod ex03_2_4;
#[path = "wrong/ex04_1/mod.rs"]
mod ex04_1;
#[path = "wrong/ex04_2/mod.rs"]
mod ex04_2;
#[path = "wrong/ex05/mod.rs"]
mod ex05;
#[path = "wrong/ex06/mod.rs"]
mod ex06;
#[path = "wrong/ex07_1/mod.rs"]
mod ex07_1;
#[path = "wrong/ex07_2/mod.rs"]
mod ex07_2;
#[path = "wrong/ex08_1/mod.rs"]
mod ex08_1;
#[path = "wrong/ex08_2/mod.rs"]
mod ex08_2;
#[path = "wrong/ex09/mod.rs"]
mod ex09;

/// One row for each exercise, beside its `mod` above.
const ANSWERS: &[(&str, Answers)] = &[
    ("ex02_1", ex02_1::ANSWERS),
    ("ex02_2", ex02_2::ANSWERS),
    ("ex02_3", ex02_3::ANSWERS),
    ("ex02_4", ex02_4::ANSWERS),
    ("ex02_5", ex02_5::ANSWERS),
    ("ex03_1", ex03_1::ANSWERS),
    ("ex03_2_1", ex03_2_1::ANSWERS),
    ("ex03_2_2", ex03_2_2::ANSWERS),
    ("ex03_2_3", ex03_2_3::ANSWERS),
    ("ex03_2_4", ex03_2_4::ANSWERS),
    ("ex04_1", ex04_1::ANSWERS),
    ("ex04_2", ex04_2::ANSWERS),
    ("ex05", ex05::ANSWERS),
    ("ex06", ex06::ANSWERS),
    ("ex07_1", ex07_1::ANSWERS),
    ("ex07_2", ex07_2::ANSWERS),
    ("ex08_1", ex08_1::ANSWERS),
    ("ex08_2", ex08_2::ANSWERS),
    ("ex09", ex09::ANSWERS),
];

fn root(path: &str) -> PathBuf {
    support::files::root().join(path)
}

/// The names of the files in a folder that end so, without the ending.
fn names(folder: &str, ending: &str) -> BTreeSet<String> {
    let files = fs::read_dir(root(folder)).unwrap().map(|file| file.unwrap().file_name().into_string().unwrap());
    files.filter_map(|name| name.strip_suffix(ending).map(str::to_owned)).collect()
}

/// A check mostly waits ...
const AT_ONCE: usize = 20;
/// ... but not where an interpreter is to start for each step.
const PROGRAMS_AT_ONCE: usize = 4;

/// Does all jobs, so many at once, and gives what came of them in order.
fn each<T: Sync, R: Send>(at_once: usize, jobs: &[T], work: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let (next, done) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    thread::scope(|scope| {
        for _ in 0..at_once.min(jobs.len()) {
            scope.spawn(|| {
                while let Some((n, job)) = Some(next.fetch_add(1, Relaxed)).and_then(|n| Some((n, jobs.get(n)?))) {
                    let result = work(job);
                    done.lock().unwrap().push((n, result));
                }
            });
        }
    });
    let mut done = done.into_inner().unwrap();
    done.sort_by_key(|(n, _)| *n);
    done.into_iter().map(|(_, result)| result).collect()
}

/// A plain run is to be short: there a few, evenly spread, stand for all.
fn sample<T>(all: &'static [T], few: usize) -> impl Iterator<Item = &'static T> {
    let whole = proofs() || std::env::var_os("BLESS").is_some();
    all.iter().step_by(if whole { 1 } else { all.len().div_ceil(few) })
}

/// All exercises, or of each kind one.
fn some_exercises() -> Vec<&'static Exercise> {
    let of = |role| EXERCISES.iter().filter(move |exercise| exercise.role == role);
    let roles = [Role::Server, Role::UdpServer, Role::Client];
    roles.into_iter().flat_map(|role| of(role).take(if proofs() { usize::MAX } else { 1 })).collect()
}

type Job = (&'static Exercise, &'static str, Peer);

/// One job for each answer of each exercise.
fn jobs(of: impl Fn(&Answers) -> &'static [(&'static str, Peer)], few: usize) -> Vec<Job> {
    let jobs = ANSWERS.iter().flat_map(|(name, answers)| {
        let exercise = check::find(name).unwrap_or_else(|| panic!("{name} has no row in check::EXERCISES"));
        sample(of(answers), few).map(move |(answer, peer)| (exercise, *answer, peer.clone()))
    });
    jobs.collect()
}

/// A check that ends in the time that its documentation promises: a minute at most, also where the machine stands still again and again.
fn timed_check(exercise: &Exercise, peer: &Peer) -> check::Report {
    let limit = Duration::from_secs(60);
    let begin = Instant::now();
    let report = check::check(exercise, peer).unwrap();
    assert!(begin.elapsed() < limit, "{}: {:?}\n{report}", exercise.name, begin.elapsed());
    report
}

#[test]
fn right_answers_pass_also_slow_ones() {
    each(AT_ONCE, &jobs(|answers| answers.pass, 1), |(exercise, answer, peer)| {
        let report = timed_check(exercise, peer);
        assert!(report.passed(), "{answer}:\n{report}");
        let solution = format!("examples/solutions/{}.rs\n", exercise.name);
        let [compare, next] =
            [solution, format!("lessons/{}.md\n", exercise.next)].map(|path| report.to_string().find(&path));
        assert!(compare.is_some() && compare < next, "what comes after it:\n{report}");
    });
    for (name, answers) in ANSWERS {
        assert!(answers.pass.len() >= 2, "{name}: the solution and one that is slow but correct");
    }
}

#[test]
fn wrong_answers_fail_with_the_pinned_report() {
    let reports = each(AT_ONCE, &jobs(|answers| answers.fail, 3), |(exercise, answer, peer)| {
        let report = timed_check(exercise, peer);
        assert!(!report.passed(), "{}: the wrong answer {answer} passed", exercise.name);
        let report = report.to_string();
        let wide = |line: &&str| line.chars().map(|c| if c.is_ascii() { 1 } else { 2 }).sum::<usize>() > 76;
        assert_eq!(report.lines().find(wide), None, "{answer}: wider than 76 columns");
        let file = root(&format!("tests/wrong/{}/{answer}.txt", exercise.name));
        if std::env::var_os("BLESS").is_some() {
            fs::write(&file, &report).unwrap();
        }
        let pinned = fs::read_to_string(&file).unwrap_or_default().replace("\r\n", "\n");
        let verdict = report.lines().last().unwrap().to_owned();
        let differs = format!("--- {}\n{pinned}+++ now\n{report}\n", file.display());
        (exercise.name, verdict, if pinned == report { String::new() } else { differs })
    });
    let whole = reports.len() == ANSWERS.iter().map(|(_, answers)| answers.fail.len()).sum::<usize>();
    let different: String = reports.iter().map(|(_, _, different)| different.as_str()).collect();
    assert!(different.is_empty(), "BLESS=1 pins these, if they are as they should be:\n{different}");
    for (name, _) in ANSWERS.iter().filter(|_| whole) {
        let of_this = reports.iter().filter(|report| report.0 == *name);
        let verdicts: BTreeSet<&str> = of_this.map(|(_, verdict, _)| verdict.as_str()).collect();
        assert!(verdicts.len() >= 3, "{name}: wrong answers that fail at few steps prove little: {verdicts:?}");
    }
}

#[test]
fn table_files_hints_and_reports_agree() {
    let listed: BTreeSet<String> = EXERCISES.iter().map(|exercise| exercise.name.to_owned()).collect();
    assert_eq!(listed.len(), EXERCISES.len(), "a name twice");
    let starters: BTreeSet<String> =
        names("examples", ".rs").into_iter().filter(|name| name.starts_with("ex")).collect();
    let answered: BTreeSet<String> = ANSWERS.iter().map(|(name, _)| (*name).to_owned()).collect();
    let dialogues: BTreeSet<String> =
        names("src/check", ".rs").into_iter().filter(|name| name.starts_with("ex")).collect();
    assert_eq!(starters, listed, "examples/");
    assert_eq!(names("examples/solutions", ".rs"), listed, "examples/solutions/");
    assert_eq!(names("tests/wrong", ""), listed, "tests/wrong/");
    assert_eq!(dialogues, listed, "src/check/");
    assert_eq!(answered, listed, "tests/exercises.rs");
    for (name, answers) in ANSWERS {
        let folder = format!("tests/wrong/{name}");
        let of = |answers: &[(&str, Peer)]| answers.iter().map(|(name, _)| (*name).to_owned()).collect::<BTreeSet<_>>();
        let (mut all, fail) = (of(answers.pass), of(answers.fail));
        all.extend(fail.clone());
        all.remove("solution");
        all.insert("mod".to_owned());
        assert_eq!(names(&folder, ".rs"), all, "{folder}: a stray or missing answer");
        assert_eq!(names(&folder, ".txt"), fail, "{folder}: a stray or missing report");
    }
    for exercise in EXERCISES {
        let name = exercise.name;
        assert!(exercise.hints.iter().all(|hint| !hint.trim().is_empty()), "{name}: an empty hint");
        let of_lesson = name.replacen("ex", "", 1) + "_";
        assert!(exercise.lesson.starts_with(&of_lesson), "{name} belongs to another lesson");
        let lessons = names("lessons", ".md");
        let next = lessons.iter().find(|lesson| *lesson != "README" && lesson.as_str() > exercise.lesson);
        assert_eq!(next.map(String::as_str), Some(exercise.next), "{name}: the lesson after {}", exercise.lesson);
    }
}

/// The lesson has the same hints as `-- hint`, and the headings that the reports point to.
#[test]
fn lessons_have_the_hints_and_headings() {
    for exercise in EXERCISES {
        let path = format!("lessons/{}.md", exercise.lesson);
        let Ok(lesson) = fs::read_to_string(root(&path)) else {
            note(&format!("skipped: {path} is not there yet"));
            continue;
        };
        for heading in [check::ON_THE_WIRE, check::THE_CODE, check::WHEN_IT_GOES_WRONG, check::THE_EXERCISE] {
            assert!(lesson.contains(&format!("\n## {heading}\n")), "{path} has no heading {heading:?}");
        }
        let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
        let (_, hints) = lesson.split_once("\n### Hints\n").unwrap_or_else(|| panic!("{path} has no hints"));
        for hint in exercise.hints {
            assert!(words(hints).contains(&words(hint)), "{path} misses the hint {hint:?}");
        }
    }
}

/// Whether its client speaks UDP. The port of the same number, but of TCP, may be that of another check.
fn asks_with_datagrams(exercise: &Exercise) -> bool {
    ["ex02_4", "ex07_1"].contains(&exercise.name)
}

/// One that says nothing at all, one that never stops, one that is not there: each check ends in time.
#[test]
fn silence_a_drip_and_nobody_end_in_time() {
    fn silent(listener: TcpListener) -> io::Result<()> {
        let _open = listener.incoming().collect::<Vec<_>>();
        Ok(())
    }
    fn drips(listener: TcpListener) -> io::Result<()> {
        let (mut stream, _) = listener.accept()?;
        let clock = mpsc::channel::<()>(); // its sender lives and never sends: the receiver ticks
        loop {
            stream.write_all(b"5")?;
            let _ = clock.1.recv_timeout(Duration::from_millis(50));
        }
    }
    fn silent_udp(socket: UdpSocket) -> io::Result<()> {
        loop {
            socket.recv_from(&mut [0; 100])?;
        }
    }
    fn floods(socket: UdpSocket) -> io::Result<()> {
        let (_, from) = socket.recv_from(&mut [0; 100])?;
        // Connected, it hears that nobody is there any more: who gets that port next is not to be flooded.
        socket.connect(from)?;
        (0..10_000).try_for_each(|_| socket.send(b"5").map(drop))
    }
    fn never_asks(_: SocketAddr) -> io::Result<Vec<u8>> {
        mpsc::channel::<()>().1.recv_timeout(Duration::from_secs(10)).map_err(io::Error::other)?;
        Ok(Vec::new())
    }
    fn knows_already(_: SocketAddr) -> io::Result<Vec<u8>> {
        Ok(b"5".to_vec())
    }
    fn never_stops(server: SocketAddr) -> io::Result<Vec<u8>> {
        let mut stream = TcpStream::connect(server)?;
        loop {
            stream.write_all(&[b'5'; 1_000])?;
        }
    }
    fn floods_us(server: SocketAddr) -> io::Result<Vec<u8>> {
        let udp = UdpSocket::bind("127.0.0.1:0")?;
        udp.connect(server)?;
        (0..1_000).try_for_each(|_| udp.send(b"5").map(drop))?;
        Err(io::Error::other("no answer"))
    }
    let (nobody, _kept) = closed_port();
    let nobody = Peer::At("127.0.0.1".to_owned(), nobody.port());
    let of = |exercise: &Exercise| match exercise.role {
        Role::Server => vec![Peer::Server(silent), Peer::Server(drips), nobody.clone()],
        Role::UdpServer => vec![Peer::UdpServer(silent_udp), Peer::UdpServer(floods), nobody.clone()],
        Role::Client => {
            let talks_on = if asks_with_datagrams(exercise) { floods_us } else { never_stops };
            [never_asks, knows_already, talks_on].map(Peer::Client).to_vec()
        }
    };
    let all =
        some_exercises().into_iter().flat_map(|exercise| of(exercise).into_iter().map(move |peer| (exercise, peer)));
    let all: Vec<_> = all.collect();
    each(AT_ONCE, &all, |(exercise, peer)| {
        assert!(!timed_check(exercise, peer).passed(), "{}: {peer:?} passed", exercise.name)
    });
}

/// What a stranger's program sends cannot move the cursor of the terminal that shows the report.
#[test]
fn nothing_in_a_report_moves_a_cursor() {
    fn paint() -> Vec<u8> {
        b"\x1b[2J\x07\r".repeat(100)
    }
    fn paints(listener: TcpListener) -> io::Result<()> {
        let (mut stream, _) = listener.accept()?;
        stream.write_all(&paint())?;
        stream.read(&mut [0; 100]).map(drop)
    }
    fn paints_udp(socket: UdpSocket) -> io::Result<()> {
        let (_, from) = socket.recv_from(&mut [0; 100])?;
        socket.send_to(&paint(), from).map(drop)
    }
    fn paints_itself(server: SocketAddr) -> io::Result<Vec<u8>> {
        TcpStream::connect(server).and_then(|mut stream| stream.write_all(&paint())).map(|()| paint())
    }
    fn paints_a_question(server: SocketAddr) -> io::Result<Vec<u8>> {
        UdpSocket::bind("127.0.0.1:0")?.send_to(&paint(), server).map(|_| paint())
    }
    for exercise in EXERCISES {
        let peer = match exercise.role {
            Role::Server => Peer::Server(paints),
            Role::UdpServer => Peer::UdpServer(paints_udp),
            Role::Client if asks_with_datagrams(exercise) => Peer::Client(paints_a_question),
            Role::Client => Peer::Client(paints_itself),
        };
        let report = timed_check(exercise, &peer).to_string();
        assert!(report.chars().all(|c| c == '\n' || !c.is_control()), "{report:?}");
    }
}

/// A program of another language is checked as well: `check -- NAME ADDR` a server, `check -- NAME -- COMMAND` a client.
#[test]
fn python_programs_pass_and_fail() {
    // A client that is a program starts anew for each step: in a plain run only as far as the mistake.
    let takes_long = |exercise: &Exercise| exercise.role == Role::Client && !proofs();
    let both = |exercise| {
        [(exercise, "wrong", 1), (exercise, "right", 0)].into_iter().take(2 - usize::from(takes_long(exercise)))
    };
    each(
        PROGRAMS_AT_ONCE,
        &some_exercises().into_iter().flat_map(both).collect::<Vec<_>>(),
        |(exercise, which, status)| {
            let Some(mut python) = programs::python(&format!("{}_{which}.py", exercise.name)) else { return };
            let done = if exercise.role == Role::Client {
                check_client(exercise.name, &python)
            } else {
                let python = Running::server(&mut python);
                PROGRAMS.run("check", [exercise.name, &python.addr().to_string()], b"")
            };
            assert_eq!(done.status, *status, "{}", done.text());
            assert_eq!(done.text().contains("FAILED"), *which == "wrong", "{}", done.text());
        },
    );
}

/// A program that never ends is ended with its check. It has the stderr of `check`, whose end is heard only when both ended.
#[test]
fn no_program_outlives_its_check() {
    if !proofs() {
        return note("skipped: a client that never ends, because NETPRIMER_PROOFS is not set (it takes five seconds)");
    }
    let Some(python) = programs::python("sleeps.py") else { return };
    let done = check_client("ex02_2", &python);
    assert!(done.status == 1 && done.text().contains("FAILED"), "{}", done.text());
}

/// What is no client at all, such as a file that is not there, is not taken for one with a mistake.
#[test]
fn a_program_that_ends_before_it_connects_is_told_so() {
    let other = PROGRAMS.command("check");
    let done = check_client("ex02_2", &other);
    assert_eq!(done.status, 1, "{}", done.text());
    assert!(done.text().contains("why        The program ended before it connected."), "{}", done.text());
    let (status, text) = run(&PROGRAMS, "check", &["ex02_2", "python3", "mine.py"]);
    assert!(status == 2 && text.contains("hint: a client is a program, and -- stands before it"), "{text}");
}

/// `check NAME -- COMMAND`. Each start of a program takes its time, on a machine that has other work a second: the check has
/// a minute.
fn check_client(name: &str, command: &Command) -> Left {
    let mut check = PROGRAMS.command("check");
    check.args([name, "--"]).arg(command.get_program()).args(command.get_args());
    Running::start(&mut check).input(b"").end_within(Duration::from_secs(70))
}

fn run(programs: &Programs, name: &str, args: &[&str]) -> (i32, String) {
    let left = programs.run(name, args, b"");
    (left.status, left.text())
}

#[test]
fn a_starter_gives_hints_plays_and_knows_wrong_arguments() {
    let Some(starters) = &*STARTERS else { return };
    for exercise in EXERCISES {
        for (n, hint) in exercise.hints.iter().enumerate() {
            // Named by number: the next hint is the learner's, and a test must not use it up.
            let (status, text) = run(starters, exercise.name, &["hint", &(n + 1).to_string()]);
            let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
            assert_eq!(status, 0);
            assert!(words(&text).contains(&words(hint)), "{text}");
        }
        let verb = if exercise.role == Role::Client { "run" } else { "serve" };
        let starter = Running::start(starters.command(exercise.name).args([verb, "127.0.0.1:0"]));
        if exercise.role == Role::Client {
            // Nobody can listen at port 0. To most that is an error, to some an answer; if it is not written yet, that is said.
            let left = starter.input(b"").end();
            let said = if left.status == 0 {
                left.text().starts_with("ask() returned ")
            } else {
                left.err.starts_with("error: ")
            };
            assert!(left.status <= 1 && said, "{}", left.text());
        } else {
            // The starter ends at once, so only its stdout is looked at.
            let addr = programs::address(&starter.line());
            let udp = if exercise.role == Role::UdpServer { "--udp " } else { "" };
            assert_eq!(starter.line(), format!("talk to it: cargo run --example nc -- {udp}{addr}"));
        }
        for args in [["hint", "4"].as_slice(), &["help!"], &[verb, "nowhere"], &[verb, "127.0.0.1:99999"]] {
            let (status, text) = run(starters, exercise.name, args);
            assert_eq!(status, 2, "{args:?}: {text}");
            assert!(text.contains("usage: ") && !text.contains("panicked"), "{args:?}: {text}");
            assert!(text.contains(&format!(" {verb} [ADDR")), "{args:?}: {text}");
        }
        let (status, text) = run(starters, exercise.name, &["--help"]);
        assert!(status == 0 && text.starts_with("usage: "), "{text}");
    }
}

#[test]
fn the_check_program_knows_wrong_arguments() {
    for args in [
        ["ex99_9", "127.0.0.1:1"].as_slice(),
        &["ex02_1"],
        &["ex02_1", "127.0.0.1"],
        &["ex02_1", "127.0.0.1:99999"],
        &["ex02_1", "127.0.0.1:1", "more"],
        &["ex02_1", "--", "program"],
        &["ex02_2"],
        &["ex02_2", "127.0.0.1:1"],
        &["ex02_2", "127.0.0.1:1", "--", "program"],
        &["--", "program"],
        &["--csv", "ex02_1", "127.0.0.1:1"],
        &["--nonsense"],
    ] {
        let (status, text) = run(&PROGRAMS, "check", args);
        assert_eq!(status, 2, "{args:?}: {text}");
        assert!(text.starts_with("error: ") && !text.contains("panicked"), "{args:?}: {text}");
    }
    assert_eq!(run(&PROGRAMS, "check", &["--help"]).0, 0);
}

/// `check` without an address asks cargo to build each exercise, which may have to wait for another cargo.
fn list(args: &[&str]) -> (i32, String, String) {
    let Left { status, out, err } =
        Running::start(PROGRAMS.command("check").args(args)).input(b"").end_within(Duration::from_secs(120));
    (status, String::from_utf8(out).unwrap(), err)
}

#[test]
fn the_list_has_a_line_for_each_exercise() {
    let (status, table, said) = list(&["--all", "--csv"]);
    let lines: Vec<&str> = table.lines().collect();
    assert_eq!(lines.len(), 1 + EXERCISES.len(), "{table}");
    assert_eq!(lines[0], "exercise,lesson,state,detail");
    for (line, exercise) in lines[1..].iter().zip(EXERCISES) {
        // Which state is up to the learner, but each is the result of a check that ran, if it could.
        let state = line.strip_prefix(&format!("{},{},", exercise.name, exercise.lesson)).unwrap();
        let ran = ["to do,", "begun,", "done,"].iter().any(|wanted| state.starts_with(wanted));
        assert!(ran || (STARTERS.is_none() && state.starts_with("broken,")), "{line}");
    }
    let done = lines.iter().filter(|line| line.contains(",done,")).count();
    assert_eq!(status, i32::from(done < EXERCISES.len()));
    assert!(said.starts_with(&format!("exit status {status}: ")) && said.ends_with(" (--all)\n"), "{said}");
    // The same list for a person says what comes next, by its name, and demands nothing.
    let (status, text, said) = list(&[]);
    assert_eq!((status, said.as_str()), (0, ""));
    let next = text.lines().last().unwrap().split_once(" done. Next: ").unwrap_or_else(|| panic!("{text}"));
    assert_eq!(next.0, format!("{done} of {}", EXERCISES.len()));
    let to_do = |exercise: &&Exercise| !table.contains(&format!("{},{},done,", exercise.name, exercise.lesson));
    match EXERCISES.iter().find(to_do) {
        Some(exercise) => assert_eq!(next.1, format!("cargo run --example {}", exercise.name)),
        None => assert!(root(next.1).exists(), "{text}"),
    }
}

/// Every starter as it is in the repository fails in the way a learner meets first. Once a learner has solved it this
/// must not turn red, so it runs only where it is asked for.
#[test]
fn starters_fail_with_not_yet_implemented() {
    if !proofs() {
        return note("skipped: the starters, because NETPRIMER_PROOFS is not set (you may have solved them)");
    }
    for exercise in EXERCISES {
        let starter = fs::read_to_string(root(&format!("examples/{}.rs", exercise.name))).unwrap();
        assert!(starter.contains(&format!("lessons/{}.md", exercise.lesson)), "{}: names its lesson", exercise.name);
        let (status, text) = run(STARTERS.as_ref().unwrap(), exercise.name, &[]);
        assert_eq!(status, 1, "{text}");
        let name = exercise.role.function();
        assert!(text.contains(&format!("{name}() panicked: not yet implemented: ")), "{text}");
    }
}

/// A server of exercise 5 with a file that is longer than the solution takes.
fn serve_too_much(listener: &TcpListener) -> io::Result<()> {
    let data = TcpListener::bind("127.0.0.1:0")?;
    let [high, low] = data.local_addr()?.port().to_be_bytes();
    let (control, _) = listener.accept()?;
    let mut lines = BufReader::new(&control);
    let passive = format!("227 (127,0,0,1,{high},{low})\r\n");
    (&control).write_all(b"220 ready\r\n")?;
    for reply in ["230 welcome\r\n", "200 bytes\r\n", &passive, "150 here it comes\r\n"] {
        lines.read_line(&mut String::new())?;
        (&control).write_all(reply.as_bytes())?;
    }
    let _ = data.accept()?.0.write_all(&vec![b'x'; (1 << 20) + 1]); // it need not take all
    (&control).write_all(b"226 that was all\r\n")
}

#[test]
fn a_solution_takes_no_piece_of_a_file_for_the_whole() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let server = listener.local_addr().unwrap();
    let served = thread::spawn(move || serve_too_much(&listener));
    let [(_, Peer::Client(ask)), ..] = ex05::ANSWERS.pass else { panic!("the solution is a client") };
    let got = ask(server).map(|file| file.len());
    let _ = served.join().unwrap();
    assert!(got.is_err(), "{got:?}");
}
