//! Programs as children of a test: built first, started, fed, listened to, and ended in time, whatever they do.

use super::{LIMIT, all, load, missing, not_allowed, peers, sockets, uninterrupted};
use std::env::consts::EXE_SUFFIX;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::mpsc::channel;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

// ---- ours, always as their sources are now ----

/// Programs of this project that are built. A test file has one `static` of them, in a `LazyLock`: built once.
pub struct Programs(Vec<&'static str>);

impl Programs {
    pub fn build(names: impl IntoIterator<Item = &'static str>) -> Programs {
        let names: Vec<&str> = names.into_iter().collect();
        build(&names).unwrap_or_else(|e| panic!("{e}"));
        Programs(names)
    }

    pub fn path(&self, name: &str) -> PathBuf {
        assert!(self.0.contains(&name), "{name} is not in the list of programs to build");
        path(&folder(), name)
    }

    pub fn command(&self, name: &str) -> Command {
        Command::new(self.path(name))
    }

    /// Runs one to its end.
    pub fn run<S: AsRef<std::ffi::OsStr>>(&self, name: &str, args: impl IntoIterator<Item = S>, input: &[u8]) -> Left {
        run(self.command(name).args(args), input)
    }
}

/// The folder into which the cargo that built this test builds: target/debug of target/debug/deps/NAME-0123456789abcdef.
pub fn folder() -> PathBuf {
    std::env::current_exe().unwrap().ancestors().nth(2).unwrap().to_owned()
}

/// Where a program lies in such a folder.
pub fn path(folder: &Path, name: &str) -> PathBuf {
    let file = format!("{name}{EXE_SUFFIX}");
    if is_bin(name) { folder.join(file) } else { folder.join("examples").join(file) }
}

fn is_bin(name: &str) -> bool {
    super::files::root().join(format!("src/bin/{name}.rs")).exists()
}

/// Builds examples and bins, in one go. `cargo test --test NAME` builds no examples, and an old one may lie there.
pub fn build(names: &[&str]) -> Result<(), String> {
    let folder = folder();
    let profile = folder.file_name().and_then(|name| name.to_str()).unwrap();
    let mut cargo = Command::new(env!("CARGO"));
    // What was resolved and downloaded for this test is all that is needed: no network, no other Cargo.lock.
    cargo.current_dir(super::files::root()).args(["build", "--quiet", "--frozen"]);
    cargo.args(["--profile", if profile == "debug" { "dev" } else { profile }]);
    cargo.arg("--target-dir").arg(folder.parent().unwrap());
    // With other features cargo would build all of it a second time.
    let features = [("lab", cfg!(feature = "lab")), ("vendored", cfg!(feature = "vendored"))];
    cargo.args((!cfg!(feature = "default")).then_some("--no-default-features"));
    cargo.args(features.iter().filter(|(_, on)| *on).flat_map(|(name, _)| ["--features", name]));
    cargo.args(names.iter().flat_map(|name| [if is_bin(name) { "--bin" } else { "--example" }, name]));
    let cargo = born(cargo.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()));
    let done = cargo.and_then(Child::wait_with_output).map_err(|e| format!("cargo does not start: {e}"))?;
    if done.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&done.stderr).into_owned()) }
}

// ---- those of others ----

/// Where servers, and programs that set up a network, stand on many systems; the PATH of a user often does not say so.
const SYSTEM: [&str; 3] = ["/usr/sbin", "/usr/local/sbin", "/sbin"];

/// Packages that exclude each other on one system lie here, unpacked and not installed (`.ci/run` does that).
fn unpacked() -> Vec<PathBuf> {
    let packages = std::fs::read_dir(folder().with_file_name("peers")).into_iter().flatten().flatten();
    packages.map(|package| package.path().join("usr/sbin")).collect()
}

/// What changes only the conditions of a test takes part in every run.
const OF_THE_SYSTEM: [&str; 11] =
    ["chown", "id", "ip", "iptables", "ip6tables", "mount", "prlimit", "script", "setpriv", "sh", "unshare"];

/// What others wrote and the tests use. [`tool`] knows no other program, so this list is complete.
pub const PEERS: [&str; 26] = [
    "chromium",
    "curl",
    "dig",
    "dnsmasq",
    "exim4",
    "knotd",
    "lftp",
    "named",
    "nc",
    "ncat",
    "nginx",
    "nmap",
    "node",
    "nsd",
    "openssl",
    "postfix",
    "pure-ftpd",
    "python3",
    "saslpasswd2",
    "smtp-sink",
    "smtp-source",
    "socat",
    "swaks",
    "telnet",
    "vsftpd",
    "wget",
];

/// The same as packages of Python: no other may be asked of [`python_with`].
pub const PACKAGES: [&str; 8] =
    ["aiohttp", "aiosmtpd", "dns.message", "httpbin", "pyftpdlib", "requests", "test.test_ftplib", "websockets"];

/// A program that a learner's machine may lack: where it does, this says so and gives nothing. Nor does it in a plain run,
/// unless the program belongs to the system.
pub fn tool(name: &str) -> Option<Command> {
    assert!(PEERS.contains(&name) || OF_THE_SYSTEM.contains(&name), "{name} is in no list");
    if !peers() && !OF_THE_SYSTEM.contains(&name) {
        not_allowed(
            name,
            "programs of others take part with NETPRIMER_PEERS=1, so that plain runs are short and the same everywhere",
        );
        return None;
    }
    let folders = std::env::var_os("PATH").unwrap_or_default();
    let file = format!("{name}{EXE_SUFFIX}");
    let mut folders = std::env::split_paths(&folders).chain(SYSTEM.map(PathBuf::from)).chain(unpacked());
    let found = folders.find_map(|folder| Some(folder.join(&file)).filter(|path| path.is_file()));
    if found.is_none() {
        missing(name, "it is not installed, so nothing is tried with it here");
    }
    found.map(Command::new)
}

/// Whether what a test needs works on this machine.
pub fn works(command: &mut Command, what: &str) -> bool {
    let left = run(command, b"");
    if left.status != 0 {
        missing(what, &left.err);
    }
    left.status == 0
}

/// `python3 tests/python/SCRIPT`, with text in UTF-8 whatever this machine is set to.
pub fn python(script: &str) -> Option<Command> {
    tool("python3").map(|python| scripted(python, script))
}

/// The same with a python3 that has this module (and those behind a comma): the first in PATH, or the system's own.
pub fn python_with(module: &str, script: &str) -> Option<Command> {
    assert!(PACKAGES.iter().any(|known| module.split(',').next() == Some(known)), "{module} is in no list");
    let pythons = [tool("python3")?, Command::new("/usr/bin/python3")];
    let has_it = |python: &Command| {
        let import = Command::new(python.get_program()).args(["-c", &format!("import {module}")]).output();
        import.is_ok_and(|output| output.status.success())
    };
    let found = pythons.into_iter().find(has_it);
    if found.is_none() {
        missing(module, "no python3 has this module");
    }
    found.map(|python| scripted(python, script))
}

fn scripted(mut python: Command, script: &str) -> Command {
    python.env("PYTHONIOENCODING", "utf-8").env("PYTHONDONTWRITEBYTECODE", "1");
    python.arg(super::files::root().join("tests/python").join(script));
    python
}

// ---- under other conditions ----

/// What Ctrl-Z and then `fg` do to a program that waits: a wait with a timeout ends with `EINTR` then (man 7 signal).
#[cfg(target_os = "linux")]
pub fn stop_and_go_on(pid: u32) {
    let signal =
        |name: &str| assert_eq!(run(Command::new("kill").args([name, pid.to_string().as_str()]), b"").status, 0);
    let start = Instant::now();
    // The state stands behind the name, which is in brackets (man 5 proc).
    let are_all = |state: &str| {
        while !std::fs::read_dir(format!("/proc/{pid}/task")).unwrap().all(|thread| {
            let stat = std::fs::read_to_string(thread.unwrap().path().join("stat")).unwrap_or_default();
            stat.rsplit(") ").next().unwrap_or_default().starts_with(state)
        }) {
            assert!(start.elapsed() < LIMIT, "not all threads of {pid} are in the state {state}");
            thread::yield_now();
        }
    };
    are_all("S");
    signal("-STOP");
    are_all("T");
    signal("-CONT");
}

/// `sh` sets a limit for itself, then the program takes its place and keeps its process id.
pub fn under(limit: &str, program: &Path) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", &format!("{limit}; exec \"$0\" \"$@\"")]).arg(program);
    command
}

/// The program with this many threads at most: as another user, because such a limit does not hold for root, and as one that
/// nobody else is, because it counts all that a user runs. Only root can become another user.
pub fn with_threads(most: usize, program: &Path) -> Option<Command> {
    tool("setpriv").and(tool("prlimit"))?;
    // Numbers between those of packages and that of nobody. The program may lie in a folder that other users cannot enter, so
    // it is opened before.
    let user = 50_000 + std::process::id() % 10_000;
    let user = format!("setpriv --reuid={user} --regid={user} --clear-groups");
    let script = format!("exec 9<\"$0\"; exec {user} prlimit --nproc={most} /proc/self/fd/9 \"$@\"");
    let with = |program: &Path| {
        let mut command = Command::new("sh");
        command.args(["-c", &script]).arg(program);
        command
    };
    let allowed = run(&mut with(Path::new("/bin/true")), b"");
    if allowed.status != 0 {
        not_allowed("a limit of threads, which needs root", &allowed.err);
        return None;
    }
    Some(with(program))
}

/// Set for the copy of a test program that runs one of its tests again, under other conditions.
const AGAIN: &str = "NETPRIMER_TEST_AGAIN";

/// What the copy was told; nothing in the test program that a person started.
pub fn told() -> Option<String> {
    std::env::var(AGAIN).ok()
}

/// This test program with the one test that calls this, told to do there what only it can.
pub fn again(test: &str, tell: &str, mut wrapped: impl FnMut(&Path) -> Command) -> Left {
    let mut command = wrapped(&std::env::current_exe().unwrap());
    command.args([&format!("::{test}"), "--nocapture"]).env(AGAIN, tell); // a test stands in a module
    // It waits for several things, and for each of them at most LIMIT.
    let times = if all() { 120 } else { 4 + 16 * u32::from(load()) };
    let left = Running::start(&mut command).input(b"").end_within(times * LIMIT);
    let one = String::from_utf8_lossy(&left.out).contains("1 passed");
    assert!(left.status == 0 && one, "{test}, run again: {}", left.text());
    left
}

// ---- at work ----

/// No program of a test writes more than this to one of its outputs; one that does is taken for endless.
const MOST: usize = 4 << 20;

/// What came on one output.
#[derive(Default)]
pub struct Heard {
    pub bytes: Vec<u8>,
    pub ended: bool,
    /// So much of it was given out as lines.
    taken: usize,
}

impl Heard {
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes).into_owned()
    }
}

/// What came on stdout and on stderr.
#[derive(Default)]
pub struct Said {
    pub out: Heard,
    pub err: Heard,
}

impl Said {
    pub fn ended(&self) -> bool {
        self.out.ended && self.err.ended
    }

    /// How many lines are complete.
    pub fn lines(&self) -> usize {
        [&self.out, &self.err].map(|heard| heard.bytes.iter().filter(|byte| **byte == b'\n').count()).iter().sum()
    }
}

type Ears = Arc<(Mutex<Said>, Condvar)>;

/// Hears what comes from here, until it ends.
fn follow(mut from: impl Read + Send + 'static, ears: &Ears, output: fn(&mut Said) -> &mut Heard) {
    let ears = Arc::clone(ears);
    thread::spawn(move || {
        let mut buffer = vec![0; 64 << 10];
        loop {
            let n = uninterrupted(|| from.read(&mut buffer)).unwrap_or(0);
            let mut said = ears.0.lock().unwrap();
            let heard = output(&mut said);
            heard.bytes.extend_from_slice(&buffer[..n]);
            heard.ended = n == 0 || heard.bytes.len() > MOST;
            let ended = heard.ended;
            ears.1.notify_all();
            if ended {
                return;
            }
        }
    });
}

/// Held while a child is born: until it runs its program it has a copy of every pipe that this process holds (fork(2)).
static BIRTH: Mutex<()> = Mutex::new(());

fn born(command: &mut Command) -> io::Result<Child> {
    let _one_at_a_time = BIRTH.lock().unwrap_or_else(PoisonError::into_inner);
    command.spawn()
}

/// Closes the end of a pipe from which nothing is read any more, when no child that is being born has a copy of it: from now
/// on each write at the other end fails.
pub fn close(stdout: impl Into<Option<ChildStdout>>) {
    let _nobody_is_born = BIRTH.lock().unwrap_or_else(PoisonError::into_inner);
    drop(stdout.into());
}

/// A program at work. Dropping it ends it, also when a test panics.
pub struct Running {
    child: Child,
    /// Open and silent, like a terminal at which nobody types, until it is given its input.
    stdin: Option<ChildStdin>,
    ears: Ears,
}

/// What a program left that has ended by itself. The status is -1 where a signal ended it.
pub struct Left {
    pub status: i32,
    pub out: Vec<u8>,
    pub err: String,
}

/// Runs a program to its end.
pub fn run(command: &mut Command, input: &[u8]) -> Left {
    Running::start(command).input(input).end()
}

impl Running {
    pub fn start(command: &mut Command) -> Running {
        let (running, stdout) = Running::unheard(command, Stdio::piped());
        running.ears.0.lock().unwrap().out.ended = false;
        follow(stdout.unwrap(), &running.ears, |said| &mut said.out);
        running
    }

    /// A server: waits until the first line on its stdout says where it listens.
    pub fn server(command: &mut Command) -> Running {
        let running = Running::start(command);
        running.addr();
        running.line();
        running
    }

    /// With a stdout that is somebody else's; a pipe is handed out.
    pub fn unheard(command: &mut Command, stdout: Stdio) -> (Running, Option<ChildStdout>) {
        let command = command.stdin(Stdio::piped()).stdout(stdout).stderr(Stdio::piped());
        let mut child = born(command).unwrap_or_else(|e| panic!("{command:?} does not start: {e}"));
        let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let ears = Ears::default();
        ears.0.lock().unwrap().out.ended = true;
        let running = Running { child, stdin, ears };
        follow(stderr.unwrap(), &running.ears, |said| &mut said.err);
        (running, stdout)
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    // ---- what it hears ----

    /// Writes the whole input from a thread, then ends it.
    pub fn input(mut self, bytes: &[u8]) -> Running {
        let (mut stdin, bytes) = (self.stdin(), bytes.to_vec());
        // A program that ends before it has read all of it is judged by its status.
        thread::spawn(move || drop(stdin.write_all(&bytes)));
        self
    }

    /// Its stdin, for a test that feeds it by itself.
    pub fn stdin(&mut self) -> ChildStdin {
        self.stdin.take().unwrap()
    }

    /// Writes a piece of input and leaves it open.
    pub fn type_in(&mut self, text: &str) {
        let stdin = self.stdin.as_mut().unwrap();
        stdin.write_all(text.as_bytes()).and_then(|()| stdin.flush()).unwrap();
    }

    // ---- what it says ----

    /// Whether it has said enough in time.
    pub fn within(&self, limit: Duration, enough: impl Fn(&Said) -> bool) -> bool {
        let said = self.ears.0.lock().unwrap();
        !self.ears.1.wait_timeout_while(said, limit, |said| !enough(said)).unwrap().1.timed_out()
    }

    /// Looks at what it has said so far.
    pub fn said<T>(&self, look: impl FnOnce(&mut Said) -> T) -> T {
        look(&mut self.ears.0.lock().unwrap())
    }

    fn wait(&self, what: &str, enough: impl Fn(&Said) -> bool) {
        let in_time = self.within(LIMIT, enough);
        self.said(|said| {
            let texts = || (said.out.text(), said.err.text());
            assert!(said.out.bytes.len().max(said.err.bytes.len()) <= MOST, "what it says has no end");
            assert!(in_time, "no {what} in time, only {:?}", texts());
        });
    }

    /// The next line on its stdout.
    pub fn line(&self) -> String {
        self.wait("further line", |said| said.out.ended || said.out.bytes[said.out.taken..].contains(&b'\n'));
        self.lines_said(1).pop().unwrap_or_else(|| panic!("no further line: {:?}", self.said(|said| said.err.text())))
    }

    /// The lines on its stdout that wait to be looked at.
    pub fn lines(&self) -> Vec<String> {
        self.lines_said(usize::MAX)
    }

    fn lines_said(&self, most: usize) -> Vec<String> {
        self.said(|said| {
            let out = &mut said.out;
            let new = out.bytes[out.taken..].split_inclusive(|byte| *byte == b'\n');
            let new: Vec<&[u8]> = new.filter(|line| line.ends_with(b"\n")).take(most).collect();
            out.taken += new.concat().len();
            let text = |line: &&[u8]| String::from_utf8_lossy(line).trim_end_matches(['\r', '\n']).to_owned();
            new.iter().map(text).collect()
        })
    }

    /// Waits until its stdout holds this, and gives all of it.
    pub fn shows(&self, text: &str) -> String {
        self.wait(text, |said| said.out.text().contains(text));
        self.said(|said| said.out.text())
    }

    /// Waits until its first line says where it listens. Programs whose stdout is for something else say it on stderr.
    pub fn addr(&self) -> SocketAddr {
        let first = |said: &Said| {
            let first = [&said.out, &said.err].into_iter().find(|heard| heard.bytes.contains(&b'\n'))?;
            first.text().lines().next().map(str::to_owned)
        };
        self.wait("first line", |said| said.ended() || first(said).is_some());
        address(&self.said(|said| first(said).unwrap_or_else(|| said.err.text())))
    }

    /// A connection to where it listens.
    pub fn dial(&self) -> TcpStream {
        sockets::dial(self.addr())
    }

    // ---- its end ----

    pub fn is_running(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// Waits until it ends by itself.
    pub fn end(self) -> Left {
        self.end_within(LIMIT)
    }

    pub fn end_within(mut self, limit: Duration) -> Left {
        let status = self.status(limit);
        self.wait("end", Said::ended);
        let status = status.unwrap_or_else(|| panic!("no end in time"));
        self.said(|said| Left { status, out: std::mem::take(&mut said.out.bytes), err: said.err.text() })
    }

    /// Its status, -1 if a signal ended it; nothing if it does not end in time.
    pub fn status(&mut self, limit: Duration) -> Option<i32> {
        let start = Instant::now();
        self.within(limit, Said::ended).then_some(())?;
        // Its outputs are closed: it is about to end, and std can only ask whether it has.
        loop {
            match self.child.try_wait().unwrap() {
                Some(status) => return Some(status.code().unwrap_or(-1)),
                None if start.elapsed() >= limit => return None,
                None => thread::yield_now(),
            }
        }
    }

    /// Ends it by force, and hears all that it has said until then.
    pub fn kill(&mut self) {
        self.end_it();
        self.wait("end", Said::ended);
    }

    fn end_it(&mut self) {
        let _ = self.child.kill(); // it may be over already
        let _ = self.child.wait();
    }

    /// User and system time since its start, as Linux tells it in hundredths of a second (proc(5), fields 14 and 15).
    pub fn cpu(&self) -> Option<Duration> {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.id())).ok()?;
        let fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11).take(2);
        Some(Duration::from_millis(fields.filter_map(|field| field.parse::<u64>().ok()).sum::<u64>() * 10))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.end_it();
    }
}

impl Left {
    /// Status, stdout, stderr.
    pub fn parts(self) -> (i32, String, String) {
        (self.status, String::from_utf8_lossy(&self.out).into_owned(), self.err)
    }

    /// stdout, then stderr.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.out).into_owned() + &self.err
    }

    /// An error for a person: a status, what we tried, and no panic.
    pub fn is_error(&self, status: i32, says: &str) {
        assert!(self.err.starts_with("error: ") && self.err.contains(says), "{says:?} is missing in: {}", self.err);
        assert!(!self.err.contains("panicked"), "{}", self.err);
        assert_eq!(self.status, status, "{}", self.err);
    }
}

/// The first line from a stdout that is not heard to its end, and that stdout, behind the line.
pub fn first_line(mut stdout: ChildStdout) -> (String, ChildStdout) {
    let (done, first) = channel();
    thread::spawn(move || {
        let (mut line, mut byte) = (Vec::new(), [0]);
        while !line.ends_with(b"\n") && uninterrupted(|| stdout.read(&mut byte)).is_ok_and(|n| n == 1) {
            line.push(byte[0]);
        }
        let _ = done.send((String::from_utf8_lossy(&line).trim_end().to_owned(), stdout));
    });
    first.recv_timeout(LIMIT).expect("a first line in time")
}

/// The address in the first line of a server; what stands between a client and a server says `listening on HERE for THERE`.
pub fn address(first: &str) -> SocketAddr {
    let addr = first.strip_prefix("listening on ").map(|rest| rest.split_once(" for ").map_or(rest, |(at, _)| at));
    addr.and_then(|addr| addr.parse().ok()).unwrap_or_else(|| panic!("no address in {first:?}"))
}
