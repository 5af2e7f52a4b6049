//! How fast does mail leave? Our client against `smtp-source` (Postfix) and smtplib (Python); all send the same number of
//! messages over one connection to one `smtp-sink` (Postfix), which throws them away.
//!
//! ```text
//! cargo bench --bench smtp                          under a minute, once all is built
//! cargo bench --bench smtp -- --quick               a few seconds, coarse
//! cargo bench --bench smtp -- --rounds 31 --messages 10000
//! ```
//!
//! The whole run of each program is measured, its start included; a second row has the sending alone, from before the connection
//! to the last reply, as the program itself measures it. "raw socket" is the floor: the same bytes from std, with no care at
//! all. Absolute figures change from hour to hour; so each round runs everybody once, a ratio is taken inside a round, and the
//! table shows the median of all rounds with the middle half of them.

mod common;

use common::{Process, Report, Result, Spread, command, first_line, one_core};
use netprimer::smtp::{Envelope, Options as How, Smtp, StartTls, wire};
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// Bytes of a message; how many times fewer of them are sent; and by how much ours must be faster than smtp-source and smtplib.
const SIZES: [(usize, usize, [f64; 2]); 2] = [(1_000, 1, [1.8, 4.0]), (100_000, 10, [0.95, 5.0])];
/// A run that takes longer hangs.
const LIMIT: Duration = Duration::from_secs(60);

const USAGE: &str = "usage: cargo bench --bench smtp -- [--quick] [--rounds N] [--messages N]";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    match args.split_first() {
        Some((first, rest)) if first == "--send" => common::finish(send(rest).map(|()| 0)),
        Some((first, rest)) if first == "--send-raw" => common::finish(send_raw(rest).map(|()| 0)),
        _ => common::main(USAGE, Options::parse, run),
    }
}

struct Options {
    rounds: usize,
    messages: usize,
}

impl Options {
    fn parse(args: Vec<String>) -> Result<Options> {
        let mut options = Options { rounds: 15, messages: 3_000 };
        common::options(args, |name, value| {
            match name {
                "--quick" => options = Options { rounds: 3, messages: 1_000 },
                "--rounds" => options.rounds = value()?.parse::<usize>()?.max(1),
                "--messages" => options.messages = value()?.parse::<usize>()?.max(10),
                _ => return Ok(false),
            }
            Ok(true)
        })?;
        Ok(options)
    }
}

/// What stands behind `--send` and `--send-raw`: where to, how many messages, and one of that size.
fn order(args: &[String]) -> Result<(SocketAddr, usize, String)> {
    let [server, messages, size] = args else { return Err("to send needs a server and two numbers".into()) };
    let size: usize = size.parse()?;
    let line = format!("{}\r\n", "x".repeat(70));
    let text = &line.repeat(size / line.len() + 1)[..size - 2];
    let message = format!("From: a@localhost\r\nTo: b@localhost\r\nSubject: x\r\n\r\n{text}\r\n");
    Ok((server.parse()?, messages.parse()?, message))
}

/// `--send ADDR MESSAGES BYTES`: this program as one of those who send.
fn send(args: &[String]) -> Result<()> {
    let (server, messages, message) = order(args)?;
    let how = How { starttls: StartTls::ReadableByAnyone, ..How::default() };
    let envelope = Envelope { from: "a@localhost".into(), to: vec!["b@localhost".into()] };
    let begin = Instant::now();
    let mut smtp = Smtp::connect(&server.into(), &how)?;
    for _ in 0..messages {
        smtp.send_to(&envelope, message.as_bytes())?;
    }
    smtp.quit()?;
    println!("seconds={}", begin.elapsed().as_secs_f64());
    Ok(())
}

/// `--send-raw ADDR MESSAGES BYTES`: the same bytes in the same turns, made before the clock starts, from a socket of std; no
/// reply is looked at beyond its end, nothing has a limit. No client on a blocking socket can be faster.
fn send_raw(args: &[String]) -> Result<()> {
    let (server, messages, message) = order(args)?;
    let (size, block) = (message.len(), wire::block(message.as_bytes())?);
    let envelope = format!("MAIL FROM:<a@localhost> SIZE={size}\r\nRCPT TO:<b@localhost>\r\nDATA\r\n");
    let begin = Instant::now();
    let mut socket = TcpStream::connect(server)?;
    socket.set_nodelay(true)?;
    turn(&mut socket, b"", 1)?;
    turn(&mut socket, b"EHLO localhost\r\n", 1)?;
    for _ in 0..messages {
        turn(&mut socket, envelope.as_bytes(), 3)?;
        turn(&mut socket, &block, 1)?;
    }
    turn(&mut socket, b"QUIT\r\n", 1)?;
    println!("seconds={}", begin.elapsed().as_secs_f64());
    Ok(())
}

/// One write, then reads up to the last line of so many replies.
fn turn(socket: &mut TcpStream, bytes: &[u8], replies: usize) -> Result<()> {
    socket.write_all(bytes)?;
    let (mut heard, mut buffer) = (Vec::new(), [0; 4096]);
    loop {
        let n = socket.read(&mut buffer)?;
        heard.extend_from_slice(&buffer[..n]);
        let ends = heard.split(|byte| *byte == b'\n').filter(|line| line.get(3) == Some(&b' ')).count();
        match n {
            0 => return Err("the server closed the connection".into()),
            _ if ends == replies && heard.ends_with(b"\n") => return Ok(()),
            _ => {}
        }
    }
}

/// One who sends: the words behind which a server, a number of messages and their size come.
struct Sender {
    name: &'static str,
    command: fn(SocketAddr, usize, usize) -> Vec<String>,
}

fn ours(server: SocketAddr, messages: usize, size: usize) -> Vec<String> {
    this("--send", server, messages, size)
}

fn raw(server: SocketAddr, messages: usize, size: usize) -> Vec<String> {
    this("--send-raw", server, messages, size)
}

fn this(how: &str, server: SocketAddr, messages: usize, size: usize) -> Vec<String> {
    let this = std::env::current_exe().map_or_else(|_| "smtp".into(), |path| path.display().to_string());
    vec![this, how.into(), server.to_string(), messages.to_string(), size.to_string()]
}

fn smtp_source(server: SocketAddr, messages: usize, size: usize) -> Vec<String> {
    let program = postfix("smtp-source").unwrap_or("smtp-source");
    // -d: one connection for all; -s 1: and no second one beside it.
    let words = format!("{program} -d -s 1 -m {messages} -l {size} -f a@localhost -t b@localhost {server}");
    words.split(' ').map(str::to_owned).collect()
}

fn smtplib(server: SocketAddr, messages: usize, size: usize) -> Vec<String> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/peers/py/smtp_send.py").display().to_string();
    let (host, port) = (server.ip().to_string(), server.port().to_string());
    vec!["python3".into(), script, host, port, messages.to_string(), size.to_string()]
}

/// Where Debian puts them is in no PATH but the administrator's.
fn postfix(name: &str) -> Option<&'static str> {
    let places = match name {
        "smtp-sink" => ["smtp-sink", "/usr/sbin/smtp-sink"],
        _ => ["smtp-source", "/usr/sbin/smtp-source"],
    };
    // Without arguments each says how it is used.
    places.into_iter().find(|place| Command::new(place).stdin(Stdio::null()).output().is_ok())
}

fn run(options: Options) -> Result<usize> {
    let begin = Instant::now();
    let mut skipped = Vec::new();
    let (_sink, server) = start_sink()?;
    let mut senders = vec![Sender { name: "ours", command: ours }, Sender { name: "raw socket", command: raw }];
    match postfix("smtp-source") {
        Some(_) => senders.push(Sender { name: "smtp-source", command: smtp_source }),
        None => skipped.push("smtp-source (install the package `postfix`)".into()),
    }
    match first_line("python3", &["-c", "import smtplib; print(1)"]) {
        Some(_) => senders.push(Sender { name: "smtplib", command: smtplib }),
        None => skipped.push("smtplib (no `python3`)".into()),
    }
    let out = &mut io::stdout();
    let mut how = vec![format!(
        "{} rounds of {} messages (of 100 KB a tenth); ratio theirs / ours in time: median (middle half of the rounds)",
        options.rounds, options.messages
    )];
    if !one_core().is_empty() {
        how.push("who sends and the server share one core".into());
    }
    common::header(out, "mail on 127.0.0.1, one connection", &how, &skipped)?;

    let mut report = Report::default();
    writeln!(out, "{:<24}{:>10}{:>14}{:>22}", "", "bytes", "messages/s", "ours")?;
    for (size, fewer, goals) in SIZES {
        let messages = (options.messages / fewer).max(1);
        let rounds = common::rounds(options.rounds, senders.len(), |number, at| {
            let run = timed(&senders[at], server, messages, size);
            let complaint = |e| format!("{} of {size}, round {}: {e}", senders[at].name, number + 1);
            run.map_err(|e| report.complaints.push(complaint(e))).ok()
        });
        let mut row = |name: &str, who: usize, time: fn(&Run) -> Option<f64>| -> Result<Option<Spread>> {
            let of = |round: &Vec<Option<Run>>, who: usize| time(round[who].as_ref()?);
            let ratio = Spread::of(rounds.iter().filter_map(|round| Some(of(round, who)? / of(round, 0)?)));
            let each = Spread::of(rounds.iter().filter_map(|round| of(round, who)));
            let rate = each.map_or("-".into(), |each| format!("{:.0}", messages as f64 / each.median));
            writeln!(out, "{name:<24}{size:>10}{rate:>14}{:>22}", Spread::cell(ratio))?;
            Ok(ratio)
        };
        for (n, sender) in senders.iter().enumerate() {
            let ratio = row(sender.name, n, |run| Some(run.whole))?;
            if sender.name != "smtp-source" {
                row(&format!("{}, sending alone", sender.name), n, |run| run.sending)?;
            }
            let goal = match sender.name {
                "smtp-source" => goals[0],
                "smtplib" => goals[1],
                _ => continue,
            };
            let Some(Spread { median, .. }) = ratio else { continue };
            let what = format!("{} against ours, {size} bytes", sender.name);
            report.goal(&what, format!("{median:.2}"), &format!("at least {goal}"), median >= goal);
        }
    }
    report.print(out, begin)?;
    Ok(report.complaints.len())
}

/// Starts the server, on a port that was free a moment ago: it can neither take port 0 nor say that it is ready.
fn start_sink() -> Result<(Process, SocketAddr)> {
    let sink = postfix("smtp-sink").ok_or("there is no smtp-sink: install the package `postfix`")?;
    let server = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?;
    let address = server.to_string();
    // As root it wants to become somebody else.
    let user: &[&str] = if first_line("id", &["-u"]).is_some_and(|id| id == "0") { &["-u", "nobody"] } else { &[] };
    let mut words = one_core();
    words.push(sink.to_owned());
    let all = user.iter().copied().chain([address.as_str(), "100"]);
    let mut process = Process(command(&words, all).stdin(Stdio::null()).stdout(Stdio::null()).spawn()?);
    let start = Instant::now();
    while TcpStream::connect(server).is_err() {
        if let Some(status) = process.0.try_wait()? {
            return Err(format!("smtp-sink does not start: {status}").into());
        }
        if start.elapsed() > LIMIT {
            return Err("smtp-sink does not listen".into());
        }
        thread::sleep(Duration::from_millis(20));
    }
    Ok((process, server))
}

/// The seconds of one run, and those that it says it needed for the sending alone.
struct Run {
    whole: f64,
    sending: Option<f64>,
}

fn timed(sender: &Sender, server: SocketAddr, messages: usize, size: usize) -> Result<Run> {
    let mut words = one_core();
    words.extend((sender.command)(server, messages, size));
    let begin = Instant::now();
    let said = common::output(&mut command(&words, []), LIMIT)?;
    let whole = begin.elapsed().as_secs_f64();
    let sending = said.split_whitespace().find_map(|word| word.strip_prefix("seconds=")?.parse().ok());
    Ok(Run { whole, sending })
}
