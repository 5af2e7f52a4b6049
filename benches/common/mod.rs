//! What the benches share: how they are called, rounds that are fair to all, the middle of the figures, children that end,
//! and how a report looks.

#![allow(dead_code)] // each bench uses some of it

pub mod servers;

use std::error::Error;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::time::{Duration, Instant};
use std::{env, fs, thread};

pub type Result<T> = std::result::Result<T, Box<dyn Error>>;

// ---- how a bench is called ----

/// Reads the options and runs the bench, which gives the number of its failures.
pub fn main<O>(
    usage: &str,
    parse: impl FnOnce(Vec<String>) -> Result<O>,
    run: impl FnOnce(O) -> Result<usize>,
) -> ExitCode {
    // `cargo test --all-targets` runs this program too, but only `cargo bench` says so.
    let mut args: Vec<String> = env::args().skip(1).collect();
    let Some(at) = args.iter().position(|arg| arg == "--bench") else { return ExitCode::SUCCESS };
    args.remove(at);
    match parse(args) {
        Ok(options) => finish(run(options)),
        Err(e) => {
            let _ = writeln!(io::stderr(), "error: {e}\n{usage}");
            ExitCode::from(2)
        }
    }
}

pub fn finish(failures: Result<usize>) -> ExitCode {
    match failures {
        Ok(0) => return ExitCode::SUCCESS,
        Ok(failures) => drop(writeln!(io::stderr(), "error: {failures} connections or runs failed")),
        Err(e) => drop(writeln!(io::stderr(), "error: {e}")),
    }
    ExitCode::FAILURE
}

/// Hands over each option, and with it what gives its value. `false` means that there is no such option.
pub fn options(
    args: Vec<String>,
    mut take: impl FnMut(&str, &mut dyn FnMut() -> Result<String>) -> Result<bool>,
) -> Result<()> {
    let mut args = args.into_iter();
    while let Some(name) = args.next() {
        let mut value = || args.next().ok_or_else(|| format!("{name} needs a value").into());
        if !take(&name, &mut value)? {
            return Err(format!("{name} is no option of this bench").into());
        }
    }
    Ok(())
}

/// The options of a bench that has `--rounds N` and `--quick`, which is 3 of them.
pub fn only_rounds(args: Vec<String>, usual: usize) -> Result<usize> {
    let mut rounds = usual;
    options(args, |name, value| {
        match name {
            "--quick" => rounds = 3,
            "--rounds" => rounds = value()?.parse::<usize>()?.max(1),
            _ => return Ok(false),
        }
        Ok(true)
    })?;
    Ok(rounds)
}

// ---- rounds ----

/// Lets each of `many` have its turn in each round; every round begins with another one. Gives what the rounds measured, each
/// figure at the place of its own.
pub fn rounds<T>(
    rounds: usize,
    many: usize,
    mut measure: impl FnMut(usize, usize) -> Option<T>,
) -> Vec<Vec<Option<T>>> {
    let one = |number: usize| {
        let mut round: Vec<Option<T>> = (0..many).map(|_| None).collect();
        for turn in 0..many {
            let at = (number + turn) % many;
            round[at] = measure(number, at);
        }
        round
    };
    (0..rounds).map(one).collect()
}

/// The middle of a set of figures: half of them lie between `low` and `high`.
#[derive(Clone, Copy)]
pub struct Spread {
    pub low: f64,
    pub median: f64,
    pub high: f64,
}

impl Spread {
    pub fn of(values: impl IntoIterator<Item = f64>) -> Option<Spread> {
        let mut values = Vec::from_iter(values);
        values.sort_by(f64::total_cmp);
        let last = values.len().checked_sub(1)?;
        let median = (values[last / 2] + values[last.div_ceil(2)]) / 2.0;
        Some(Spread { low: values[last / 4], median, high: values[last - last / 4] })
    }

    /// As it stands in a table.
    pub fn cell(spread: Option<Spread>) -> String {
        spread.map_or("-".into(), |Spread { low, median, high }| format!("{median:.2} ({low:.2}-{high:.2})"))
    }
}

// ---- children ----

/// A process that ends with this value, however the function that has it ends.
pub struct Process(pub Child);

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Process {
    /// With no input; its output waits to be read.
    pub fn start(command: &mut Command) -> Result<Process> {
        let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn();
        Ok(Process(child.map_err(|e| format!("start {command:?}: {e}"))?))
    }

    /// The first line of its output.
    pub fn first_line(&mut self, limit: Duration) -> Result<String> {
        let stdout = self.0.stdout.take().ok_or("its output is read already")?;
        let line = aside(move || {
            let mut line = String::new();
            BufReader::new(stdout).read_line(&mut line).map(|_| line)
        });
        Ok(in_time(&line, limit)?.trim_end().to_owned())
    }
}

/// What a program prints that must succeed. Its last complaint is the error.
pub fn output(command: &mut Command, limit: Duration) -> Result<String> {
    let mut process = Process::start(command.stderr(Stdio::piped()))?;
    let (Some(stdout), Some(stderr)) = (process.0.stdout.take(), process.0.stderr.take()) else {
        return Err("it has no output".into());
    };
    let (said, complaints) = (aside(|| io::read_to_string(stdout)), aside(|| lossy(stderr)));
    let (said, complaints) = (in_time(&said, limit)?, in_time(&complaints, limit)?);
    match process.0.wait()? {
        status if status.success() => Ok(said),
        status => Err(complaints.lines().last().map_or(status.to_string(), str::to_owned).into()),
    }
}

fn lossy(mut pipe: impl Read) -> io::Result<String> {
    let mut bytes = Vec::new();
    pipe.read_to_end(&mut bytes).map(|_| String::from_utf8_lossy(&bytes).into_owned())
}

/// A read of a pipe has no deadline in std; a thread that reads can be waited for with one. It ends with the process.
fn aside<T: Send + 'static>(read: impl FnOnce() -> T + Send + 'static) -> Receiver<T> {
    let (done, wait) = mpsc::channel();
    thread::spawn(move || drop(done.send(read())));
    wait
}

fn in_time(read: &Receiver<io::Result<String>>, limit: Duration) -> Result<String> {
    Ok(read.recv_timeout(limit).map_err(|_| format!("no answer in {limit:?}"))??)
}

/// A command of these words and some more.
pub fn command<'a>(words: &'a [String], more: impl IntoIterator<Item = &'a str>) -> Command {
    let mut all = words.iter().map(String::as_str).chain(more);
    let mut command = Command::new(all.next().unwrap_or_default());
    command.args(all);
    command
}

/// The first line that a program prints, if there is such a program and it succeeds.
pub fn first_line(program: &str, args: &[&str]) -> Option<String> {
    let output = Command::new(program).args(args).stdin(Stdio::null()).output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout).lines().next().unwrap_or_default().trim().to_owned();
    output.status.success().then_some(text)
}

/// Words before a command that shall run on one core; none where that cannot be asked for.
///
/// One who asks and a server that answers, in turns, never work at the same time. On two cores such a run would measure how
/// the scheduler places them and how fast an idle core wakes up, which differs tenfold from run to run.
pub fn one_core() -> Vec<String> {
    let taskset = first_line("taskset", &["--version"]).is_some();
    if taskset { ["taskset", "-c", "0"].map(String::from).into() } else { Vec::new() }
}

/// Builds one of the programs we compare with, and says where it lies.
pub fn built(package: &str, program: &str) -> Result<PathBuf> {
    let peers = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/peers");
    let mut cargo = Command::new(env::var("CARGO").unwrap_or_else(|_| "cargo".into()));
    cargo.args(["build", "--quiet", "--locked", "--release", "--manifest-path"]);
    cargo.arg(peers.join(package).join("Cargo.toml")).env("CARGO_TARGET_DIR", peers.join("target"));
    let done = cargo.output()?;
    let said = String::from_utf8_lossy(&done.stderr);
    if done.status.success() {
        return Ok(peers.join("target/release").join(program));
    }
    Err(format!("{program} is not built: {}", said.lines().next().unwrap_or("cargo failed")).into())
}

/// A folder that goes with this value.
pub struct Folder(pub PathBuf);

impl Folder {
    pub fn new(bench: &str) -> Result<Folder> {
        Folder::at(&env::temp_dir(), bench)
    }

    /// For large files: on no disk, where the system has such a place.
    pub fn in_memory(bench: &str) -> Result<Folder> {
        let memory = Path::new("/dev/shm");
        Folder::at(memory, bench).or_else(|_| Folder::new(bench))
    }

    fn at(place: &Path, bench: &str) -> Result<Folder> {
        let path = place.join(format!("netprimer-bench-{bench}-{}", std::process::id()));
        fs::create_dir_all(&path)?;
        Ok(Folder(path))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Words before a command that shall run in a network of its own (network_namespaces(7)), where the files of this folder are
/// laid over those of /etc. The error says why there is none here.
pub fn isolated(folder: &Path) -> Result<Vec<String>> {
    let script = format!("{}\nexec \"$@\"", include_str!("../../tests/support/network.sh"));
    let words = ["unshare", "-rnm", "sh", "-ec", &script, "sh", &folder.display().to_string()].map(String::from);
    match output(&mut command(&words, ["true"]), Duration::from_secs(10)) {
        Ok(_) => Ok(words.into()),
        Err(e) => Err(format!("no network of our own: {e}").into()),
    }
}

// ---- the report ----

/// What stands above the table: what is measured and how, on which machine, and what cannot be measured here.
pub fn header(out: &mut impl Write, what: &str, how: &[String], skipped: &[String]) -> Result<()> {
    let cores = thread::available_parallelism().map_or("?".into(), |cores| cores.to_string());
    let kernel = first_line("uname", &["-sr"]).unwrap_or_else(|| env::consts::OS.into());
    writeln!(out, "{what}: {cores} cores, {kernel}")?;
    how.iter().try_for_each(|line| writeln!(out, "{line}"))?;
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    if let Some(load) = load.split(' ').next().filter(|load| !load.is_empty()) {
        writeln!(out, "others' work on this machine when it began (load average): {load}")?;
    }
    skipped.iter().try_for_each(|what| writeln!(out, "skipped: {what}"))?;
    Ok(writeln!(out)?)
}

/// What stands below the table.
#[derive(Default)]
pub struct Report {
    pub goals: Vec<String>,
    /// How many connections or runs failed, where that is counted.
    pub failures: usize,
    pub complaints: Vec<String>,
}

impl Report {
    pub fn goal(&mut self, what: &str, figure: String, goal: &str, met: bool) {
        self.goals.push(format!("{what:<42}{figure:>8}   {goal:<14} {}", if met { "met" } else { "MISSED" }));
    }

    pub fn print(&self, out: &mut impl Write, begin: Instant) -> Result<()> {
        writeln!(out, "\ngoals")?;
        self.goals.iter().try_for_each(|line| writeln!(out, "{line}"))?;
        self.complaints.iter().try_for_each(|line| writeln!(out, "failed: {line}"))?;
        Ok(writeln!(out, "took {:.0} s", begin.elapsed().as_secs_f64())?)
    }
}
