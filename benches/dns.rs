//! How fast is a lookup? Our resolver against dnspython, the C library's (through Rust's std and through Python) and hickory;
//! all ask one nsd on this machine, one question after the other.
//!
//! ```text
//! cargo bench --bench dns                          under a minute, once all is built
//! cargo bench --bench dns -- --quick               a few seconds, coarse
//! cargo bench --bench dns -- --rounds 31 --lookups 20000
//! NETPRIMER_PYTHON=venv/bin/python cargo bench --bench dns        a Python that has dnspython
//! ```
//!
//! What the C library asks, `resolv.conf` says: so all of this runs in a network and a view of the files of its own, where
//! the kernel allows that. Absolute figures change from hour to hour; so each round runs everybody once, a ratio is taken
//! inside a round, and the table shows the median of all rounds with the middle half of them.

use netprimer::dns::{Kind, Lookup, Resolver};
use std::error::Error;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, ToSocketAddrs, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// Names in the zone, each with an IPv4 and an IPv6 address.
const NAMES: usize = 1_000;
/// The slow ones get fewer lookups, so that all take about as long.
const SLOWER: usize = 10;
/// A run that takes longer hangs.
const LIMIT: Duration = Duration::from_secs(60);

const USAGE: &str = "usage: cargo bench --bench dns -- [--quick] [--rounds N] [--lookups N]";

fn main() -> ExitCode {
    // `cargo test --all-targets` runs this program too, but only `cargo bench` says so.
    let mut args: Vec<String> = std::env::args().skip(1).collect();
    let result = match args.first().map(String::as_str) {
        Some("--lookup") => lookups(&args[1..]).map(|()| 0),
        _ => match args.iter().position(|arg| arg == "--bench") {
            None => return ExitCode::SUCCESS,
            Some(at) => {
                args.remove(at);
                match Options::parse(args.into_iter()) {
                    Ok(options) => run(&options),
                    Err(e) => {
                        let _ = writeln!(io::stderr(), "error: {e}\n{USAGE}");
                        return ExitCode::from(2);
                    }
                }
            }
        },
    };
    match result {
        Ok(0) => return ExitCode::SUCCESS,
        Ok(errors) => drop(writeln!(io::stderr(), "error: {errors} runs failed")),
        Err(e) => drop(writeln!(io::stderr(), "error: {e}")),
    }
    ExitCode::FAILURE
}

struct Options {
    rounds: usize,
    lookups: usize,
}

impl Options {
    fn parse(mut args: impl Iterator<Item = String>) -> Result<Options> {
        let mut options = Options { rounds: 15, lookups: 5_000 };
        while let Some(name) = args.next() {
            let mut value = || args.next().ok_or_else(|| format!("{name} needs a value"));
            match name.as_str() {
                "--quick" => options = Options { rounds: 3, lookups: 1_000 },
                "--rounds" => options.rounds = value()?.parse::<usize>()?.max(1),
                "--lookups" => options.lookups = value()?.parse::<usize>()?.max(SLOWER),
                _ => return Err(format!("{name} is no option of this bench").into()),
            }
        }
        Ok(options)
    }
}

/// `--lookup WAY ADDR NAMES LOOKUPS`: this program as one of those who ask; it prints what the others print.
fn lookups(args: &[String]) -> Result<()> {
    let [way, server, names, lookups] = args else { return Err("a lookup has a way, a server and two numbers".into()) };
    let (names, lookups): (usize, usize) = (names.parse()?, lookups.parse()?);
    let resolver = Resolver::at(server.parse()?);
    let addresses = |name: &str| -> Result<usize> {
        Ok(match way.as_str() {
            "A" => match resolver.lookup(name, Kind::A)? {
                Lookup::Found(records) => records.len(),
                _ => 0,
            },
            "A+AAAA" => resolver.addresses(name)?.len(),
            _ => (name, 80).to_socket_addrs()?.count(),
        })
    };
    addresses("n0.bench.test.")?;
    let (start, mut answers) = (Instant::now(), 0);
    for n in 0..lookups {
        answers += addresses(&format!("n{}.bench.test.", n % names))?;
    }
    Ok(writeln!(io::stdout(), "seconds={} answers={answers}", start.elapsed().as_secs_f64())?)
}

/// One who asks.
struct Asker {
    name: &'static str,
    asks: &'static str,
    command: Vec<String>,
    /// Lookups of a round are divided by this.
    slower: usize,
    /// Answers to each lookup.
    answers: usize,
}

fn run(options: &Options) -> Result<usize> {
    let begin = Instant::now();
    let folder = Folder::new()?;
    let mut skipped = Vec::new();
    let (server, inside) = start_nsd(&folder.0, &mut skipped)?;
    let askers = askers(&server, inside, &mut skipped)?;
    let out = &mut io::stdout();
    header(out, options, &skipped)?;

    let mut complaints = Vec::new();
    let mut rounds: Vec<Vec<Option<f64>>> = Vec::new();
    for number in 0..options.rounds {
        let mut round = vec![None; askers.len()];
        for turn in 0..askers.len() {
            let at = (number + turn) % askers.len(); // each round begins with another one
            match seconds_each(&server, &askers[at], options.lookups) {
                Ok(seconds) => round[at] = Some(seconds),
                Err(e) => complaints.push(format!("{}, round {}: {e}", askers[at].name, number + 1)),
            }
        }
        rounds.push(round);
    }
    table(out, &askers, &rounds)?;
    for line in &complaints {
        writeln!(out, "failed: {line}")?;
    }
    writeln!(out, "took {:.0} s", begin.elapsed().as_secs_f64())?;
    Ok(complaints.len())
}

/// A folder that goes with this value.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Result<Folder> {
        let path = std::env::temp_dir().join(format!("netprimer-bench-dns-{}", std::process::id()));
        fs::create_dir_all(&path)?;
        Ok(Folder(path))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// The name server, and the words before a command that reaches it.
struct Server {
    process: Child,
    addr: SocketAddr,
    reach: Vec<String>,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// In a network of its own, with the system's files as we want them; then the program takes the place of the shell.
const ISOLATED: &str = r#"
    ip link set lo up
    for file in resolv.conf hosts nsswitch.conf; do
        if [ -e "/etc/$file" ]; then mount --bind "$1/$file" "/etc/$file"; fi
    done
    if [ -d /run/nscd ]; then mount -t tmpfs none /run/nscd; fi
    shift
    exec "$@"
"#;

/// Starts nsd, on port 53 of a network of its own where that is allowed (then the second value is true).
fn start_nsd(folder: &Path, skipped: &mut Vec<String>) -> Result<(Server, bool)> {
    for (file, text) in [
        ("resolv.conf", "nameserver 127.0.0.1\n"),
        ("hosts", "127.0.0.1 localhost\n"),
        ("nsswitch.conf", "hosts: files dns\n"),
    ] {
        fs::write(folder.join(file), text)?;
    }
    let isolated: Vec<String> =
        ["unshare", "-rnm", "sh", "-ec", ISOLATED, "sh", &folder.display().to_string()].map(String::from).into();
    let probe = command(&isolated, &["true"]).output();
    let inside = match probe {
        Ok(output) if output.status.success() && first_line("nsenter", &["--version"]).is_some() => true,
        Ok(output) => {
            let said = String::from_utf8_lossy(&output.stderr);
            skipped.push(format!(
                "the C library's (no network of our own: {})",
                said.lines().next().unwrap_or("no nsenter")
            ));
            false
        }
        Err(e) => {
            skipped.push(format!("the C library's (no network of our own: unshare: {e})"));
            false
        }
    };
    let port = if inside { 53 } else { free_port()? };
    fs::write(folder.join("bench.test"), zone())?;
    fs::write(folder.join("conf"), configuration(&folder.display().to_string(), port))?;
    let nsd = ["nsd", "/usr/sbin/nsd"].into_iter().find(|name| Command::new(name).arg("-v").output().is_ok());
    let nsd = nsd.ok_or("there is no nsd: install the package `nsd`")?;
    let log = File::create(folder.join("log"))?;
    let mut words = if inside { isolated } else { Vec::new() };
    words.extend(one_core());
    let process = command(&words, &[nsd, "-d", "-c", &folder.join("conf").display().to_string()])
        .stdin(Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log)
        .spawn()?;
    let pid = process.id().to_string();
    let addr = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let mut server = Server { process, addr, reach: Vec::new() };
    if inside {
        server.reach = ["nsenter", "-t", &pid, "-U", "-n", "-m", "--preserve-credentials"].map(String::from).into();
    }
    server.reach.extend(one_core());
    // Its first answer is the only sign that it is ready.
    let ready = ours(&server, "A", "own", 1)?;
    let start = Instant::now();
    while seconds_each(&server, &ready, 1).is_err() {
        if server.process.try_wait()?.is_some() || start.elapsed() > LIMIT {
            return Err(format!("nsd does not start: {}", fs::read_to_string(folder.join("log"))?).into());
        }
        thread::sleep(Duration::from_millis(20));
    }
    Ok((server, inside))
}

/// One who asks and a server that answers never work at the same time. On two cores such a run would measure how the
/// scheduler places them, and how fast an idle core wakes up.
fn one_core() -> Vec<String> {
    let taskset = first_line("taskset", &["--version"]).is_some();
    if taskset { ["taskset", "-c", "0"].map(String::from).into() } else { Vec::new() }
}

fn free_port() -> Result<u16> {
    for _ in 0..64 {
        let addr = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?;
        if UdpSocket::bind(addr).is_ok() {
            return Ok(addr.port());
        }
    }
    Err("no port is free for both TCP and UDP".into())
}

fn zone() -> String {
    let mut text =
        String::from("bench.test. 300 IN SOA ns.bench.test. hostmaster.bench.test. 1 7200 900 1209600 300\n");
    text += "bench.test. 300 IN NS ns.bench.test.\nns.bench.test. 300 IN A 127.0.0.1\n";
    for n in 0..NAMES {
        let four: IpAddr = [192, 0, 2, (n % 256) as u8].into();
        text += &format!("n{n}.bench.test. 300 IN A {four}\nn{n}.bench.test. 300 IN AAAA 2001:db8::{n:x}\n");
    }
    text
}

/// nsd's rate limit would answer a busy asker with TC or not at all.
fn configuration(here: &str, port: u16) -> String {
    format!(
        "server:\n  ip-address: 127.0.0.1\n  port: {port}\n  username: \"\"\n  chroot: \"\"\n  zonesdir: \"{here}\"\n  \
         database: \"\"\n  pidfile: \"{here}/pid\"\n  xfrdfile: \"{here}/xfrd\"\n  xfrdir: \"{here}\"\n  \
         zonelistfile: \"{here}/list\"\n  server-count: 1\n  rrl-ratelimit: 0\nremote-control:\n  control-enable: no\n\
         zone:\n  name: \"bench.test\"\n  zonefile: \"bench.test\"\n"
    )
}

/// This program as one who asks.
fn ours(server: &Server, way: &'static str, name: &'static str, answers: usize) -> Result<Asker> {
    let this = std::env::current_exe()?.display().to_string();
    let command = [this.as_str(), "--lookup", way, &server.addr.to_string()].map(String::from).into();
    Ok(Asker { name, asks: if answers == 1 { "A" } else { "A, AAAA" }, command, slower: 1, answers })
}

/// All who ask; ours are the first two.
fn askers(server: &Server, inside: bool, skipped: &mut Vec<String>) -> Result<Vec<Asker>> {
    let mut askers = vec![ours(server, "A", "ours", 1)?, ours(server, "A+AAAA", "ours", 2)?];
    match hickory() {
        Ok(program) => {
            let command = vec![program.display().to_string(), server.addr.to_string()];
            askers.push(Asker { name: "hickory", asks: "A", command, slower: 1, answers: 1 });
        }
        Err(e) => skipped.push(format!("hickory ({e})")),
    }
    if inside {
        askers.push(ours(server, "std", "getaddrinfo (std)", 2)?);
    }
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/peers/py/dns_lookup.py").display().to_string();
    let python = |python: &str, way: &str| {
        [python, &script, way, &server.addr.ip().to_string(), &server.addr.port().to_string()]
            .map(String::from)
            .to_vec()
    };
    if inside && first_line("python3", &["--version"]).is_some() {
        let command = python("python3", "gethostbyname");
        askers.push(Asker { name: "gethostbyname (Python)", asks: "A", command, slower: 1, answers: 1 });
    } else if inside {
        skipped.push("gethostbyname (no `python3`)".into());
    }
    let named = std::env::var("NETPRIMER_PYTHON").ok();
    let known = named.iter().map(String::as_str).chain(["python3", "/usr/bin/python3"]);
    match known
        .into_iter()
        .find(|python| first_line(python, &["-c", "import dns.resolver, dns.version; print(1)"]).is_some())
    {
        Some(found) => {
            let command = python(found, "dnspython");
            askers.push(Asker { name: "dnspython", asks: "A", command, slower: SLOWER, answers: 1 });
        }
        None => skipped.push("dnspython (no Python has it: name one in NETPRIMER_PYTHON)".into()),
    }
    Ok(askers)
}

/// Builds the program that asks with hickory-resolver.
fn hickory() -> Result<PathBuf> {
    let peers = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/peers");
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".into());
    let built = Command::new(cargo)
        .args(["build", "--quiet", "--locked", "--release", "--manifest-path"])
        .arg(peers.join("dns/Cargo.toml"))
        .env("CARGO_TARGET_DIR", peers.join("target"))
        .output()?;
    let said = String::from_utf8_lossy(&built.stderr);
    if built.status.success() {
        return Ok(peers.join("target/release/hickory"));
    }
    Err(format!("not built: {}", said.lines().next().unwrap_or("cargo failed")).into())
}

/// One run: seconds for each lookup.
fn seconds_each(server: &Server, asker: &Asker, lookups: usize) -> Result<f64> {
    let lookups = (lookups / asker.slower).max(1);
    let mut words = server.reach.clone();
    words.extend(asker.command.iter().cloned());
    let numbers = [NAMES.to_string(), lookups.to_string()];
    let mut child = command(&words, &[&numbers[0], &numbers[1]])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    let (done, wait) = mpsc::channel();
    let mut stdout = child.stdout.take().ok_or("it has no output")?;
    // A read of a pipe has no deadline in std; a thread that reads can be waited for with one.
    thread::spawn(move || {
        let mut said = String::new();
        let _ = done.send(stdout.read_to_string(&mut said).map(|_| said));
    });
    let said = wait.recv_timeout(LIMIT);
    if said.is_err() {
        child.kill()?;
    }
    let complaint = String::from_utf8_lossy(&child.wait_with_output()?.stderr).into_owned();
    let said = said.map_err(|_| format!("not done in {LIMIT:?}"))??;
    let field = |name: &str| said.split_whitespace().find_map(|word| word.strip_prefix(name)?.parse::<f64>().ok());
    let (Some(seconds), Some(answers)) = (field("seconds="), field("answers=")) else {
        return Err(format!("it said {:?}", complaint.lines().last().unwrap_or(&said)).into());
    };
    if answers != (lookups * asker.answers) as f64 {
        return Err(format!("{answers} answers to {lookups} lookups").into());
    }
    Ok(seconds / lookups as f64)
}

fn table(out: &mut impl Write, askers: &[Asker], rounds: &[Vec<Option<f64>>]) -> Result<()> {
    let ratio = |theirs: usize, ours: usize| {
        Spread::of(rounds.iter().filter_map(|round| Some(round[theirs]? / round[ours]?)).collect())
    };
    let cell = |spread: Option<Spread>| {
        spread.map_or("-".into(), |Spread { low, median, high }| format!("{median:.2} ({low:.2}-{high:.2})"))
    };
    writeln!(out, "{:<26}{:<10}{:>12}{:>22}{:>22}", "", "asks", "us each", "ours, A", "ours, A and AAAA")?;
    for (n, asker) in askers.iter().enumerate() {
        let each = Spread::of(rounds.iter().filter_map(|round| round[n]).collect());
        let each = each.map_or("-".into(), |spread| format!("{:.1}", spread.median * 1e6));
        let (a, both) = (cell(ratio(n, 0)), cell(ratio(n, 1)));
        writeln!(out, "{:<26}{:<10}{each:>12}{a:>22}{both:>22}", asker.name, asker.asks)?;
    }
    writeln!(out, "\ngoals (against ours, A)")?;
    for (name, goal) in [("dnspython", 20.0), ("getaddrinfo (std)", 2.0), ("hickory", 1.8)] {
        let spread = askers.iter().position(|asker| asker.name == name).and_then(|n| ratio(n, 0));
        let Some(spread) = spread else { continue };
        let verdict = if spread.median >= goal { "met" } else { "MISSED" };
        writeln!(out, "{name:<26}{:>8.2}   at least {goal:<5} {verdict}", spread.median)?;
    }
    Ok(())
}

/// The middle of a set of figures: half of them lie between `low` and `high`.
#[derive(Clone, Copy)]
struct Spread {
    low: f64,
    median: f64,
    high: f64,
}

impl Spread {
    fn of(mut values: Vec<f64>) -> Option<Spread> {
        values.sort_by(f64::total_cmp);
        let last = values.len().checked_sub(1)?;
        let median = (values[last / 2] + values[last.div_ceil(2)]) / 2.0;
        Some(Spread { low: values[last / 4], median, high: values[last - last / 4] })
    }
}

fn header(out: &mut impl Write, options: &Options, skipped: &[String]) -> Result<()> {
    let cores = thread::available_parallelism().map_or("?".into(), |cores| cores.to_string());
    let kernel = first_line("uname", &["-sr"]).unwrap_or_else(|| std::env::consts::OS.into());
    writeln!(out, "DNS on 127.0.0.1, one question after the other: {cores} cores, {kernel}")?;
    writeln!(
        out,
        "{} rounds of {} lookups (dnspython {}); ratio theirs / ours in time: median (middle half of the rounds)",
        options.rounds,
        options.lookups,
        options.lookups / SLOWER
    )?;
    if !one_core().is_empty() {
        writeln!(out, "who asks and the server share one core")?;
    }
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    if let Some(load) = load.split(' ').next().filter(|load| !load.is_empty()) {
        writeln!(out, "others' work on this machine when it began (load average): {load}")?;
    }
    for what in skipped {
        writeln!(out, "skipped: {what}")?;
    }
    Ok(writeln!(out)?)
}

fn command(words: &[String], more: &[&str]) -> Command {
    let mut all = words.iter().map(String::as_str).chain(more.iter().copied());
    let mut command = Command::new(all.next().unwrap_or_default());
    command.args(all);
    command
}

/// The first line that a program prints, if there is such a program and it succeeds.
fn first_line(program: &str, args: &[&str]) -> Option<String> {
    let output = Command::new(program).args(args).output().ok().filter(|output| output.status.success())?;
    Some(String::from_utf8_lossy(&output.stdout).lines().next()?.trim().to_owned())
}
