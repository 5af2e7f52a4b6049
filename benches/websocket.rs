//! How fast is the WebSocket server? Ours against tokio-tungstenite (as it comes, and with our settings of the buffers), ws for
//! node and websockets for Python; each sends every message back.
//!
//! ```text
//! cargo bench --bench websocket                          two to three minutes, once all is built
//! cargo bench --bench websocket -- --quick               under a minute, coarse
//! cargo bench --bench websocket -- --rounds 21 --seconds 1
//! NETPRIMER_PYTHON=venv/bin/python cargo bench --bench websocket      a Python that has websockets
//! ```
//!
//! One load generator for all (`peers/src/load.rs`): a handshake, then text in frames with a mask, one on its way at a time for
//! each connection. Absolute figures change from hour to hour; so each round runs all servers one after another, a ratio is
//! taken inside a round, and the table shows the median of all rounds with the middle half of them.
//!
//! One more server answers without a look at what comes: a read and a write for each message, in a thread for each connection. No
//! server that works like ours can be quicker, so a goal beyond it cannot be reached on this machine.

mod common;

use common::servers::{Field, Figures, Load, OURS, Round, Server, Way, most_connections, ratios};
use common::{Report, Result, Spread, built, first_line};
use netprimer::server;
use netprimer::websocket::{self, Limits, Serve};
use std::env;
use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::thread;
use std::time::Instant;
use tungstenite::accept_with_config;
use tungstenite::protocol::WebSocketConfig;
use tungstenite::protocol::frame::Frame;
use tungstenite::protocol::frame::coding::{Data, OpCode};

const BARE: &str = "read and write";
const TOKIO: &str = "tokio-tungstenite";
const SAME: &str = "tokio, our buffers";
const NODE: &str = "ws (node)";
const PYTHON: &str = "websockets (Py)";

/// Whom we want to be ahead of, and how many times as many messages we want to answer.
type Goals = &'static [(&'static str, f64)];

/// How many connections, and the bytes of a message.
const LOADS: [(usize, usize, Goals); 4] = [
    (1, 64, &[(TOKIO, 1.7), (SAME, 1.0), (NODE, 2.0), (PYTHON, 4.0)]),
    (100, 64, &[(TOKIO, 1.7)]),
    (1_000, 64, &[(TOKIO, 1.7)]),
    (10, 16 << 10, &[]),
];

/// KiB for each of the most connections: all of the process, after the load.
const MEMORY: f64 = 30.0;

const USAGE: &str = "usage: cargo bench --bench websocket -- [--quick] [--rounds N] [--seconds S]";

fn main() -> ExitCode {
    match env::args().nth(1).as_deref() {
        Some("--serve") => common::finish(serve().map(|()| 0)),
        Some("--bare") => common::finish(bare().map(|()| 0)),
        _ => common::main(USAGE, Options::parse, run),
    }
}

struct Options {
    rounds: usize,
    seconds: f64,
}

impl Options {
    fn parse(args: Vec<String>) -> Result<Options> {
        let mut options = Options { rounds: 9, seconds: 0.5 };
        common::options(args, |name, value| {
            match name {
                "--quick" => options = Options { rounds: 3, seconds: 0.15 },
                "--rounds" => options.rounds = value()?.parse::<usize>()?.max(1),
                "--seconds" => options.seconds = value()?.parse()?,
                _ => return Ok(false),
            }
            Ok(true)
        })?;
        Ok(options)
    }
}

/// `--serve`: this program as one of the servers, until it is killed.
fn serve() -> Result<()> {
    let server = server::Server::bind("127.0.0.1:0")?.places(2_000);
    println!("listening on {}", server.addr());
    let _running = websocket::serve(server, Serve::default(), |client| {
        while let Some(message) = client.receive()? {
            client.send(message)?;
        }
        Ok(())
    })?;
    loop {
        thread::park();
    }
}

/// `--bare`: the other server of ours, that never looks.
fn bare() -> Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    println!("listening on {}", listener.local_addr()?);
    loop {
        let (stream, _) = listener.accept()?;
        // An error is the end of a connection: the load generator goes without a Close.
        thread::Builder::new().stack_size(64 << 10).spawn(move || drop(answer(stream)))?;
    }
}

/// All messages of a connection are like the first one, so all answers are, too.
fn answer(mut stream: TcpStream) -> Result<()> {
    stream.set_nodelay(true)?;
    let config = WebSocketConfig::default().read_buffer_size(1 << 10);
    let mut socket = accept_with_config(&mut stream, Some(config)).map_err(|error| error.to_string())?;
    let message = socket.read()?;
    socket.send(message.clone())?;
    let mut answer = Vec::new();
    Frame::message(message.into_data(), OpCode::Data(Data::Text), true).format(&mut answer)?;
    let mut question = vec![0; answer.len() + 4]; // with its mask
    loop {
        stream.read_exact(&mut question)?;
        stream.write_all(&answer)?;
    }
}

fn peers(skipped: &mut Vec<String>) -> Result<Vec<Server>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/peers");
    let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<String>>();
    let shown = |path: PathBuf| path.display().to_string();
    let this = shown(env::current_exe()?);
    let mut servers = vec![
        Server { name: OURS, command: words(&[&this, "--serve"]) },
        Server { name: BARE, command: words(&[&this, "--bare"]) },
    ];
    match built("ws", "tokio-ws").map(shown) {
        Ok(tokio) => {
            let buffer = Limits::default().buffer.to_string();
            servers.push(Server { name: TOKIO, command: words(&[&tokio, "0"]) });
            servers.push(Server { name: SAME, command: words(&[&tokio, "0", &buffer]) });
        }
        Err(e) => skipped.push(format!("tokio-tungstenite ({e})")),
    }
    // Debian has its packages there, where node looks only when it is told.
    let path = env::var("NODE_PATH").map_or("/usr/share/nodejs".into(), |path| format!("{path}:/usr/share/nodejs"));
    let path = format!("NODE_PATH={path}");
    match first_line("env", &[&path, "node", "-p", "require('ws') && 1"]) {
        Some(_) => {
            let script = shown(folder.join("js/ws_echo.js"));
            servers.push(Server { name: NODE, command: words(&["env", &path, "node", &script, "0"]) });
        }
        None => skipped.push("ws for node (no `node`, or no such package: Debian's is node-ws)".into()),
    }
    let named = env::var("NETPRIMER_PYTHON").ok();
    let mut known = named.iter().map(String::as_str).chain(["python3", "/usr/bin/python3"]);
    match known.find(|python| first_line(python, &["-c", "import websockets; print(1)"]).is_some()) {
        Some(python) => {
            let script = shown(folder.join("py/websockets_echo.py"));
            servers.push(Server { name: PYTHON, command: words(&[python, &script, "0"]) });
        }
        None => skipped.push("websockets for Python (no Python has it: name one in NETPRIMER_PYTHON)".into()),
    }
    Ok(servers)
}

fn run(options: Options) -> Result<usize> {
    let begin = Instant::now();
    let mut skipped = Vec::new();
    let generator = built("", "load")?;
    let field = Field::of(generator, peers(&mut skipped)?, &mut skipped)?;
    let out = &mut io::stdout();
    let mut how = vec![format!(
        "{} rounds of {} s for each server and load; ratio ours / theirs (CPU: theirs / ours): median (middle half)",
        options.rounds, options.seconds
    )];
    if field.shares_a_core() {
        how.push("one connection: client and server on one core; else on all cores".into());
    }
    common::header(out, "WebSocket echo on 127.0.0.1", &how, &skipped)?;

    let mut report = Report::default();
    let (mut absolute, mut memory) = (Vec::new(), None);
    writeln!(out, "{:<24}{}", "messages per second", field.names(1))?;
    for (connections, size, goals) in LOADS {
        let load = Load { connections, size, way: Way::WebSocket };
        if connections > most_connections() {
            writeln!(out, "{:<24}skipped: only {} descriptors here", load.name(), most_connections())?;
            continue;
        }
        let rounds = field.rounds(&load, options.rounds, options.seconds, &mut report);
        writeln!(out, "{:<24}{}", load.name(), field.ratios(&rounds))?;
        writeln!(out, "{:<24}{}", "  CPU of the server", field.cpu_ratios(&rounds))?;
        writeln!(out, "{:<24}{}", "  read and write only", field.ratios_of(BARE, &rounds))?;
        for &(name, goal) in goals {
            if let Some(spread) = Spread::of(ratios(&rounds, OURS, name)) {
                let what = format!("{} to {name}", load.name());
                let most = Spread::of(ratios(&rounds, BARE, name)).map_or(f64::NAN, |spread| spread.median);
                let wanted = format!("at least {goal}; read and write only: {most:.2}");
                report.goal(&what, format!("{:.2}", spread.median), &wanted, spread.median >= goal);
            }
        }
        for server in &field.servers {
            let middle = |pick: Pick| median(&rounds, server.name, pick).unwrap_or(f64::NAN);
            absolute.push(format!(
                "{:<24}{:<22}{:>10.0}{:>14.1}{:>14.1}",
                load.name(),
                server.name,
                middle(|f| Some(f.per_second)),
                middle(|f| Some(f.cpu_us)),
                middle(|f| Some(f.p99_us))
            ));
        }
        if connections == 1_000 {
            memory = Some(rounds);
        }
    }
    writeln!(out, "\n{:<46}{:>10}{:>14}{:>14}", "absolute", "messages/s", "CPU us each", "99 % in us")?;
    absolute.iter().try_for_each(|line| writeln!(out, "{line}"))?;
    if let Some(rounds) = memory {
        print_memory(out, &field, &rounds, &mut report)?;
    }
    report.print(out, begin)?;
    Ok(report.failures)
}

fn print_memory(out: &mut impl Write, field: &Field, rounds: &[Round], report: &mut Report) -> Result<()> {
    writeln!(out, "\n{:<46}{:>10}{:>14}", "1000 connections", "KiB each", "open after ms")?;
    for server in &field.servers {
        let middle = |pick: Pick| median(rounds, server.name, pick).unwrap_or(f64::NAN);
        let (memory, ready) = (middle(|f| f.rss_whole), middle(|f| Some(f.ready_ms)));
        writeln!(out, "{:<46}{memory:>10.1}{ready:>14.0}", server.name)?;
        if server.name == OURS && memory.is_finite() {
            let goal = format!("at most {MEMORY}");
            report.goal("KiB of the process for each of 1000", format!("{memory:.1}"), &goal, memory <= MEMORY);
        }
    }
    Ok(())
}

type Pick = fn(&Figures) -> Option<f64>;

fn median(rounds: &[Round], name: &str, pick: Pick) -> Option<f64> {
    let spread = Spread::of(rounds.iter().filter_map(|round| round.get(name).and_then(pick)));
    spread.map(|spread| spread.median)
}
