//! How fast is HTTP? Ours by hand and `web::Session` against plain ureq, Python's `http.client`, curl and aiohttp.
//!
//! ```text
//! cargo bench --bench http                         two minutes, once all is built
//! cargo bench --bench http -- --quick              half a minute, coarse
//! cargo bench --bench http -- --rounds 31
//! NETPRIMER_PYTHON=venv/bin/python cargo bench --bench http       a Python that has aiohttp
//! ```
//!
//! Turns and downloads are asked of one nginx; pages that come after 50 ms of a small server of our own (`peers/src/slow.rs`).
//! Who asks is a process of its own each time. Absolute figures change from hour to hour; so each round runs everybody once,
//! a ratio is taken inside a round, and the table shows the median of all rounds with the middle half of them.

mod common;

use common::{Folder, Process, Report, Result, Spread, command, first_line, one_core};
use netprimer::gather::Gather;
use netprimer::stream::Tls;
use netprimer::{dial, http, web};
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// A page.
const PAGE: usize = 1024;
/// A download.
const FILE: u64 = 256 << 20;
/// How long the slow server waits with each answer.
const DELAY: Duration = Duration::from_millis(50);
/// Pages fetched at once.
const MANY: [usize; 2] = [200, 2_000];
/// Python gets fewer turns, so that all take about as long.
const SLOWER: usize = 5;
/// One read of a download: as much as [`http::Response::save`] takes.
const PIECE: usize = 256 << 10;
/// A run that takes longer hangs.
const LIMIT: Duration = Duration::from_secs(60);
/// What a process needs beside its connections.
const OWN_DESCRIPTORS: usize = 50;

const USAGE: &str = "usage: cargo bench --bench http -- [--quick] [--rounds N] [--requests N]";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    match args.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["--ask", way, url, number] => common::finish(ask(way, url, number).map(|()| 0)),
        _ => common::main(USAGE, Options::parse, run),
    }
}

struct Options {
    rounds: usize,
    requests: usize,
}

impl Options {
    fn parse(args: Vec<String>) -> Result<Options> {
        let mut options = Options { rounds: 15, requests: 20_000 };
        common::options(args, |name, value| {
            match name {
                "--quick" => options = Options { rounds: 3, requests: 5_000 },
                "--rounds" => options.rounds = value()?.parse::<usize>()?.max(1),
                "--requests" => options.requests = value()?.parse::<usize>()?.max(SLOWER),
                _ => return Ok(false),
            }
            Ok(true)
        })?;
        Ok(options)
    }
}

// ---- this program as one who asks ----

/// `--ask WAY URL NUMBER`: prints what the scripts in `peers/py` print.
fn ask(way: &str, url: &str, number: &str) -> Result<()> {
    let mut client = http::Client::new();
    let session = web::Session::new();
    let agent = ureq::Agent::new_with_defaults();
    match way {
        "turns-http" => turns(number, || Ok(client.get(url)?.bytes()?.len())),
        "turns-web" => turns(number, || Ok(session.get(url).send()?.bytes()?.len())),
        "turns-ureq" => turns(number, || Ok(agent.get(url).call()?.body_mut().read_to_vec()?.len())),
        "fetch-http" => fetch(url, number, |url| Ok(http::get(url)?.bytes()?.len())),
        "fetch-web" => fetch(url, number, |url| Ok(session.get(url).send()?.bytes()?.len())),
        "fetch-ureq" => fetch(url, number, |url| {
            let read = agent.get(url).call().and_then(|mut answer| answer.body_mut().read_to_vec());
            read.map(|body| body.len()).map_err(|e| netprimer::Error::Other("ask".into(), e.into()))
        }),
        "drop" => download(url, number, |mut answer| {
            let (mut piece, mut bytes) = (vec![0; PIECE], 0);
            loop {
                match answer.body.read(&mut piece)? {
                    0 => return Ok(bytes),
                    n => bytes += n as u64,
                }
            }
        }),
        "save" => download(url, "", |answer| Ok(answer.save(number, |_, _| {})?)),
        way => Err(format!("{way} is no way to ask").into()),
    }
}

/// One page again and again, on one connection.
fn turns(requests: &str, mut turn: impl FnMut() -> Result<usize>) -> Result<()> {
    let requests: usize = requests.parse()?;
    turn()?;
    let (start, mut answers) = (Instant::now(), 0);
    for _ in 0..requests {
        answers += usize::from(turn()? == PAGE);
    }
    Ok(writeln!(io::stdout(), "seconds={} answers={answers}", start.elapsed().as_secs_f64())?)
}

/// Many pages at once, each on a connection of its own.
fn fetch(url: &str, count: &str, get: impl Fn(&str) -> netprimer::Result<usize> + Sync) -> Result<()> {
    let count: usize = count.parse()?;
    let start = Instant::now();
    let gather = Gather { workers: count, ..Gather::default() };
    let lengths = gather.all(0..count, |number, _deadline| get(&format!("{url}/{number}")))?;
    let seconds = start.elapsed().as_secs_f64();
    let status = fs::read_to_string("/proc/self/status")?;
    let most = status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.split_whitespace().next());
    let answers = lengths.iter().filter(|length| **length == PAGE).count();
    Ok(writeln!(io::stdout(), "seconds={seconds} answers={answers} rss_kib={}", most.ok_or("no VmHWM")?)?)
}

/// A large file. `trusted` names a file with the certificate to be trusted, where there is one.
fn download(url: &str, trusted: &str, take: impl FnOnce(http::Response<'static>) -> Result<u64>) -> Result<()> {
    let tls = if trusted.is_empty() { Tls::system() } else { Tls::trusting(&fs::read_to_string(trusted)?)? };
    let dial = dial::Dial { tls: Some(tls), ..dial::Dial::default() };
    let client = http::Client::with(http::Options { dial, ..http::Options::default() });
    let bytes = take(client.send_last(&http::Request::new(http::Method::Get, url))?)?;
    if bytes == FILE { Ok(()) } else { Err(format!("{bytes} bytes instead of {FILE}").into()) }
}

// ---- the measurement ----

/// What is measured in a row of rounds, by everybody in turn.
struct Part {
    title: String,
    kind: Kind,
    askers: Vec<Asker>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// The time of one request on a kept connection.
    Turns,
    /// Time and processor time of a whole process.
    Download,
    /// The same over TLS.
    Sealed,
    /// The time for so many pages, and the memory of the process.
    Fetch(usize),
}

/// One who asks; those of us come first.
struct Asker {
    name: &'static str,
    command: Vec<String>,
    /// As many answers must come.
    answers: usize,
}

#[derive(Clone, Copy)]
struct Figures {
    seconds: f64,
    /// Seconds of processor time for a download, MiB where pages are fetched.
    cost: f64,
}

fn run(options: Options) -> Result<usize> {
    let begin = Instant::now();
    let folder = Folder::in_memory("http")?;
    let mut skipped = Vec::new();
    let (mut parts, mut servers) = (Vec::new(), Vec::new());
    match nginx(&folder.0) {
        Ok((process, base, tls)) => {
            servers.push(process);
            parts.push(turns_part(&base, &options, &mut skipped));
            parts.extend(download_parts(&base, tls, &folder.0, &mut skipped));
        }
        Err(e) => skipped.push(format!("turns and downloads ({e})")),
    }
    match slow() {
        Ok((process, base)) => {
            servers.push(process);
            parts.extend(fetch_parts(&base, &mut skipped)?);
        }
        Err(e) => skipped.push(format!("pages that come late ({e})")),
    }
    let out = &mut io::stdout();
    let mut how = vec![format!(
        "{} rounds; time: median; ratio theirs / ours in time: median (middle half of the rounds)",
        options.rounds
    )];
    if !one_core().is_empty() {
        how.push("turns: who asks and the server share one core".into());
    }
    common::header(out, "HTTP on 127.0.0.1", &how, &skipped)?;

    let mut report = Report::default();
    for part in &parts {
        let rounds = common::rounds(options.rounds, part.askers.len(), |number, at| {
            let asker = &part.askers[at];
            let failed =
                |e| report.complaints.push(format!("{}, {}, round {}: {e}", part.title, asker.name, number + 1));
            part.one(asker).map_err(failed).ok()
        });
        part.table(out, &rounds)?;
        part.goals(&rounds, &mut report);
    }
    drop(servers);
    report.print(out, begin)?;
    Ok(report.complaints.len())
}

/// This program as one who asks.
fn ours(way: &str, url: &str, number: &str) -> Vec<String> {
    let this = std::env::current_exe().unwrap_or_default().display().to_string();
    [&this, "--ask", way, url, number].map(String::from).into()
}

fn script(python: &str, name: &str, words: &[&str]) -> Vec<String> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/peers/py").join(name).display().to_string();
    [python, &script].iter().chain(words).map(|word| (*word).to_owned()).collect()
}

fn turns_part(base: &str, options: &Options, skipped: &mut Vec<String>) -> Part {
    let (url, requests) = (format!("{base}/page"), options.requests);
    let mut askers: Vec<Asker> = [("by hand", "turns-http"), ("web", "turns-web"), ("ureq", "turns-ureq")]
        .map(|(name, way)| Asker { name, command: ours(way, &url, &requests.to_string()), answers: requests })
        .into();
    if first_line("python3", &["--version"]).is_some() {
        let (host, port) = base.trim_start_matches("http://").split_once(':').unwrap_or_default();
        let answers = requests / SLOWER;
        let command = script("python3", "http_turns.py", &[host, port, "/page", &answers.to_string()]);
        askers.push(Asker { name: "http.client", command, answers });
    } else {
        skipped.push("http.client (no `python3`)".into());
    }
    for asker in &mut askers {
        asker.command.splice(0..0, one_core());
    }
    Part { title: "requests of 1 KiB on one connection".into(), kind: Kind::Turns, askers }
}

fn download_parts(base: &str, tls: Option<Sealed>, folder: &Path, skipped: &mut Vec<String>) -> Vec<Part> {
    let missing = |program: &&str| first_line(program, &["--version"]).is_none();
    if let Some(program) = ["curl", "bash"].into_iter().find(missing) {
        skipped.push(format!("downloads (no `{program}`)"));
        return Vec::new();
    }
    // What a process took, to the millisecond: neither std nor /proc tells that of a child.
    let saved = folder.join("saved").display().to_string();
    let timed = |command: Vec<String>| {
        // A file of the round before goes first: to replace it would cost more than to write it.
        let time = "rm -f \"$0\"; TIMEFORMAT='seconds=%R user=%U sys=%S'; { time \"$@\"; } 2>&1";
        Vec::from_iter(["bash", "-c", time, &saved].map(String::from).into_iter().chain(command))
    };
    let part = |kind, title: &str, us: Vec<String>, curl: &[&str]| {
        let curl = ["curl", "-sSf"].iter().chain(curl).map(|word| (*word).to_owned()).collect();
        let askers = [("by hand", us), ("curl", curl)];
        let askers = askers.map(|(name, command)| Asker { name, command: timed(command), answers: 0 }).into();
        Part { title: format!("256 MiB, {title}"), kind, askers }
    };
    let url = format!("{base}/file");
    let mut parts = vec![
        part(Kind::Download, "thrown away", ours("drop", &url, ""), &["-o", "/dev/null", &url]),
        part(Kind::Download, "into a file", ours("save", &url, &saved), &["-o", &saved, &url]),
    ];
    match tls {
        None => skipped.push("downloads over TLS (no `openssl`)".into()),
        Some((base, cert)) => {
            let url = format!("{base}/file");
            let curl = ["--cacert", &cert, "-o", "/dev/null", &url];
            parts.push(part(Kind::Sealed, "over TLS", ours("drop", &url, &cert), &curl));
        }
    }
    parts
}

fn fetch_parts(base: &str, skipped: &mut Vec<String>) -> Result<Vec<Part>> {
    let descriptors = first_line("sh", &["-c", "ulimit -n"]).and_then(|limit| limit.parse().ok()).unwrap_or(usize::MAX);
    let named = std::env::var("NETPRIMER_PYTHON").ok();
    let mut known = named.iter().map(String::as_str).chain(["python3", "/usr/bin/python3"]);
    let python = known.find(|python| first_line(python, &["-c", "import aiohttp; print(1)"]).is_some());
    if python.is_none() {
        skipped.push("aiohttp (no Python has it: name one in NETPRIMER_PYTHON)".into());
    }
    let mut parts = Vec::new();
    for count in MANY {
        if count + OWN_DESCRIPTORS > descriptors {
            skipped.push(format!("{count} at once (only {descriptors} descriptors: `ulimit -n`)"));
            continue;
        }
        let all = [("by hand", "fetch-http"), ("web", "fetch-web"), ("ureq", "fetch-ureq")];
        let us = |(name, way)| Asker { name, command: ours(way, base, &count.to_string()), answers: count };
        let mut askers = Vec::from(all.map(us));
        if let Some(python) = python {
            let command = script(python, "aiohttp_fetch.py", &[base, &count.to_string()]);
            askers.push(Asker { name: "aiohttp", command, answers: count });
        }
        let title = format!("{count} pages that come after {} ms, all at once", DELAY.as_millis());
        parts.push(Part { title, kind: Kind::Fetch(count), askers });
    }
    Ok(parts)
}

impl Part {
    /// One run.
    fn one(&self, asker: &Asker) -> Result<Figures> {
        let said = common::output(&mut command(&asker.command, []), LIMIT)?;
        let field = |name: &str| {
            let found = said.split_whitespace().find_map(|word| word.strip_prefix(name)?.parse::<f64>().ok());
            found.ok_or_else(|| format!("it said {said:?}"))
        };
        // curl and a download of ours fail where not all has come; the others count.
        if asker.answers > 0 && field("answers=")? != asker.answers as f64 {
            return Err(format!("{} answers to {} requests", field("answers=")?, asker.answers).into());
        }
        let seconds = field("seconds=")?;
        Ok(match self.kind {
            Kind::Turns => Figures { seconds: seconds / asker.answers as f64, cost: 0.0 },
            Kind::Download | Kind::Sealed => Figures { seconds, cost: field("user=")? + field("sys=")? },
            Kind::Fetch(_) => Figures { seconds, cost: field("rss_kib=")? / 1024.0 },
        })
    }

    /// What others need for each second, or each MiB, of ours.
    fn ratio(&self, rounds: &[Round], of: &str, to: &str, figure: fn(Figures) -> f64) -> Option<Spread> {
        let at = |name: &str| self.askers.iter().position(|asker| asker.name == name);
        let (of, to) = (at(of)?, at(to)?);
        Spread::of(rounds.iter().filter_map(|round| Some(figure(round[of]?) / figure(round[to]?))))
    }

    fn table(&self, out: &mut impl Write, rounds: &[Round]) -> Result<()> {
        let (unit, scale, cost, cost_scale) = match self.kind {
            Kind::Turns => ("us each", 1e6, "", 1.0),
            Kind::Download | Kind::Sealed => ("ms", 1e3, "CPU ms", 1e3),
            Kind::Fetch(_) => ("ms", 1e3, "MiB", 1.0),
        };
        writeln!(out, "{}", self.title)?;
        let of_cost = if cost.is_empty() { String::new() } else { format!("{:>12}{:>22}", cost, "by hand") };
        writeln!(out, "{:<14}{unit:>10}{:>22}{:>22}{of_cost}", "", "by hand", "web")?;
        for (n, Asker { name, .. }) in self.askers.iter().enumerate() {
            let median = |figure: fn(Figures) -> f64, scale: f64| {
                let spread = Spread::of(rounds.iter().filter_map(|round| Some(figure(round[n]?))));
                spread.map_or("-".into(), |spread| format!("{:.1}", spread.median * scale))
            };
            let cell = |to: &str, figure| Spread::cell(self.ratio(rounds, name, to, figure));
            let each = median(|f| f.seconds, scale);
            write!(out, "{name:<14}{each:>10}{:>22}{:>22}", cell("by hand", seconds), cell("web", seconds))?;
            if !cost.is_empty() {
                write!(out, "{:>12}{:>22}", median(|f| f.cost, cost_scale), cell("by hand", |f| f.cost))?;
            }
            writeln!(out)?;
        }
        Ok(writeln!(out)?)
    }

    fn goals(&self, rounds: &[Round], report: &mut Report) {
        let mut least = |of: &str, to: &str, goal: f64, figure: fn(Figures) -> f64, what: &str| {
            let Some(Spread { median, .. }) = self.ratio(rounds, of, to, figure) else { return };
            let what = format!("{what}: {of} / {to}");
            report.goal(&what, format!("{median:.2}"), &format!("at least {goal}"), median >= goal);
        };
        match self.kind {
            Kind::Turns => {
                least("ureq", "by hand", 1.25, seconds, "turns");
                least("http.client", "by hand", 5.0, seconds, "turns");
                least("ureq", "web", 0.95, seconds, "turns");
            }
            Kind::Download => {
                least("curl", "by hand", 1.0, seconds, &format!("{}, time", self.title));
                least("curl", "by hand", 1.0, |f| f.cost, &format!("{}, CPU", self.title));
            }
            Kind::Fetch(count) if count == MANY[0] => {
                for us in ["by hand", "web"] {
                    least("aiohttp", us, 1.0, seconds, &format!("{count} at once, time"));
                    least("aiohttp", us, 1.0, |f| f.cost, &format!("{count} at once, memory"));
                }
                for (n, Asker { name, .. }) in self.askers.iter().enumerate().take(2) {
                    let times = rounds.iter().filter_map(|round| Some(round[n]?.seconds / DELAY.as_secs_f64()));
                    let Some(Spread { median, .. }) = Spread::of(times) else { continue };
                    let what = format!("{count} at once, time: {name} / ideal");
                    report.goal(&what, format!("{median:.2}"), "at most 1.35", median <= 1.35);
                }
            }
            // That thousands come through at all is what is asked of them, and TLS is for comparison.
            Kind::Fetch(_) | Kind::Sealed => {}
        }
    }
}

type Round = Vec<Option<Figures>>;

fn seconds(figures: Figures) -> f64 {
    figures.seconds
}

// ---- the servers ----

/// An address over TLS, and the file with its certificate.
type Sealed = (String, String);

/// nginx with a page and a large file: its address, and that over TLS, where there is an `openssl`.
fn nginx(folder: &Path) -> Result<(Process, String, Option<Sealed>)> {
    let here = folder.display();
    fs::create_dir(folder.join("site"))?;
    fs::write(folder.join("site/page"), [b'x'; PAGE])?;
    let mut file = File::create(folder.join("site/file"))?;
    let piece: Vec<u8> = (0..1 << 20).map(|n: u32| n.to_le_bytes()[n as usize % 3]).collect();
    (0..FILE / piece.len() as u64).try_for_each(|_| file.write_all(&piece))?;

    let (port, tls_port) = (free_port()?, free_port()?);
    let (cert, key) = (format!("{here}/cert.pem"), format!("{here}/key.pem"));
    let subject = ["-subj", "/CN=bench", "-addext", "subjectAltName=IP:127.0.0.1", "-days", "2", "-nodes"];
    let made = Command::new("openssl")
        .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-keyout", &key, "-out", &cert])
        .args(subject)
        .output();
    let tls = made.is_ok_and(|made| made.status.success());
    let listen_tls = format!("listen 127.0.0.1:{tls_port} ssl; ssl_certificate {cert}; ssl_certificate_key {key};");
    let configuration = format!(
        "daemon off; master_process off; pid {here}/pid; error_log {here}/log; events {{ worker_connections 1024; }}\n\
         http {{ access_log off; sendfile on; tcp_nopush on; keepalive_requests 1000000000; keepalive_timeout 600;\n\
         client_body_temp_path {here}/b; proxy_temp_path {here}/p; fastcgi_temp_path {here}/f; uwsgi_temp_path {here}/u;\n\
         scgi_temp_path {here}/s; server {{ listen 127.0.0.1:{port}; {} root {here}/site; }} }}\n",
        if tls { &listen_tls } else { "" }
    );
    let path = folder.join("nginx.conf");
    fs::write(&path, configuration)?;
    let program = ["nginx", "/usr/sbin/nginx"].into_iter().find(|name| Command::new(name).arg("-v").output().is_ok());
    let program = program.ok_or("there is no nginx: install the package `nginx`")?;
    let words = [one_core(), vec![program.into()]].concat();
    let log = File::create(folder.join("start"))?;
    let process = command(&words, ["-p", &here.to_string(), "-c", &path.display().to_string()])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(log)
        .spawn()?;
    let mut process = Process(process);
    let start = Instant::now();
    while TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err() {
        if process.0.try_wait()?.is_some() || start.elapsed() > LIMIT {
            return Err(format!("nginx does not start: {}", fs::read_to_string(folder.join("start"))?).into());
        }
        thread::sleep(Duration::from_millis(20));
    }
    let tls = tls.then(|| (format!("https://127.0.0.1:{tls_port}"), cert));
    Ok((process, format!("http://127.0.0.1:{port}"), tls))
}

fn free_port() -> Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}

/// The server that answers late, and its address.
fn slow() -> Result<(Process, String)> {
    let program = common::built("", "slow")?;
    let mut process = Process::start(Command::new(program).arg(DELAY.as_millis().to_string()))?;
    let line = process.first_line(LIMIT)?;
    let address = line.strip_prefix("listening on ").ok_or_else(|| format!("it said {line:?}"))?;
    Ok((process, format!("http://{address}")))
}
