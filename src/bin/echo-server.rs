//! An echo server (RFC 862) to leave running: what a client sends comes back, byte for byte, until the client ends its
//! side (FIN); then what is still on its way is sent, and our side ends too.
//!
//! ```text
//! C -> S  any bytes
//! S -> C  the same bytes, in pieces of any size
//! C -> S  FIN
//! S -> C  the rest, FIN
//! ```
//!
//! Each client has a thread that sleeps in `read` or `write`. How clients are accepted, limited and sent home stands in
//! `src/server/`; here is what is done with one of them.

use netprimer::server::{Conn, Event, MOST_PLACES, Server};
use netprimer::{Error, Result};
use std::io::{self, ErrorKind, IsTerminal, Read, Write};
use std::process::ExitCode;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

const USAGE: &str = "\
usage: echo-server [ADDR] [--max N] [--idle SECONDS] [--quiet]
  ADDR            where to listen; 127.0.0.1:8888 if not given, and only this machine can call there
  --max N         clients at once, 1 to 10000; 1000 if not given; more clients wait until one leaves
  --idle SECONDS  a client may be silent, or not read, for so long; 300 if not given
  --quiet         no line for each client
On a terminal, Enter stops it. In the background: echo-server </dev/null &
";

/// The echo itself needs little stack: its buffer is on the heap.
const STACK: usize = 64 << 10;

/// A quiet client's buffer, and a busy one's. With 4 KiB a message of 16 KiB costs four reads and four writes; with
/// 16 KiB for everybody, 10,000 silent clients would take 160 MB for nothing. More than 16 KiB was not faster.
const SMALL: usize = 4 << 10;
const LARGE: usize = 16 << 10;

/// A large buffer is given back after so many small reads in a row, or after so long without any.
const SMALL_READS: u32 = 16;
const LULL: Duration = Duration::from_secs(1);

/// How long clients may go on after Enter.
const GRACE: Duration = Duration::from_secs(5);

fn main() -> ExitCode {
    let options = match Options::parse(std::env::args_os().skip(1).map(|arg| arg.to_string_lossy().into_owned())) {
        Ok(Some(options)) => options,
        Ok(None) => {
            let _ = write!(io::stdout(), "{USAGE}");
            return ExitCode::SUCCESS;
        }
        Err(wrong) => return netprimer::finish(Err(Error::Invalid(format!("{wrong}\n{}", USAGE.trim_end()).into()))),
    };
    netprimer::finish(run(options))
}

#[derive(Debug, PartialEq)]
struct Options {
    addr: String,
    max: usize,
    idle: Duration,
    quiet: bool,
}

impl Options {
    /// `None` when help is wanted; the error says what is wrong.
    fn parse(mut args: impl Iterator<Item = String>) -> std::result::Result<Option<Options>, String> {
        let mut addr = None;
        let (mut max, mut idle, mut quiet) = (1_000, 300, false);
        while let Some(arg) = args.next() {
            match arg.as_str() {
                "--help" | "-h" => return Ok(None),
                "--quiet" => quiet = true,
                "--max" => max = number("--max", args.next(), MOST_PLACES)?,
                "--idle" => idle = number("--idle", args.next(), 1_000_000)?,
                _ if arg.starts_with('-') => return Err(format!("{arg} is no option of this program")),
                _ if addr.is_none() => addr = Some(arg),
                _ => return Err("one address at most".to_owned()),
            }
        }
        let addr = addr.unwrap_or_else(|| "127.0.0.1:8888".to_owned());
        Ok(Some(Options { addr, max, idle: Duration::from_secs(idle as u64), quiet }))
    }
}

fn number(option: &str, text: Option<String>, most: usize) -> std::result::Result<usize, String> {
    let number = text.and_then(|text| text.parse().ok()).filter(|number| (1..=most).contains(number));
    number.ok_or_else(|| format!("{option} wants a number from 1 to {most}"))
}

fn run(options: Options) -> Result<()> {
    let Options { addr, max, idle, quiet } = options;
    let (say, printer) = printer()?;
    let server = Server::bind(addr)?.places(max).idle(Some(idle)).stack(STACK);
    let (lines, log) = (say.clone(), say.clone());
    let server = server.on_event(move |event| report(&event, &log));
    let terminal = io::stdin().is_terminal();
    let how = if terminal { "Enter stops it\n" } else { "" };
    let listening = format!("listening on {}\n{how}", server.addr());
    let handle = server.start(move |mut conn| {
        let start = Instant::now();
        let mut bytes = 0;
        let result = echo(&mut conn, idle, &mut bytes);
        if !quiet {
            let line = format!("{}: {bytes} bytes in {:.1?}, {}\n", conn.peer, start.elapsed(), ending(&result));
            let _ = lines.try_send(line);
        }
        result
    })?;
    let _ = say.send(listening);
    if !terminal {
        handle.wait(); // for ever: only a signal ends this program
    }
    let enter = io::stdin().read_line(&mut String::new());
    if enter.is_err() {
        handle.wait(); // the terminal is gone, the clients are not
    }
    let open = handle.active();
    let _ = say.send(format!("stopping; still connected: {open}; seconds to finish: {}\n", GRACE.as_secs()));
    let drained = handle.stop(GRACE);
    // Who left between the count above and the stop has finished too.
    let finished = drained.finished.max(open.saturating_sub(drained.forced + drained.stuck));
    let totals = handle.totals();
    let _ = say.send(format!(
        "finished: {finished}, cut off: {}, stuck: {}; clients in all: {}, at once: {}, ended with an error: {}\n",
        drained.forced, drained.stuck, totals.accepted, totals.peak, totals.failed
    ));
    drop((say, handle));
    let _ = printer.join();
    Ok(())
}

/// A thread that prints, so that a terminal that is held (Ctrl-S, a mark with the mouse) or a pipe that nobody reads
/// does not hold the clients' threads. Lines beyond a thousand that wait are lost.
fn printer() -> Result<(SyncSender<String>, thread::JoinHandle<()>)> {
    let (say, lines) = sync_channel::<String>(1_000);
    let print = move || {
        for line in lines {
            // Nobody may be left to read it: a closed stdout is no reason to stop.
            let _ = io::stdout().write_all(line.as_bytes());
        }
    };
    let thread =
        thread::Builder::new().name("printer".into()).spawn(print).map_err(Error::not_started("start the printer"))?;
    Ok((say, thread))
}

/// What went wrong outside of any one client, for stderr's reader.
fn report(event: &Event<'_>, log: &SyncSender<String>) {
    let line = match event {
        Event::AcceptFailed(error, times) => format!("cannot accept clients: {error} ({times} times)\n"),
        Event::NoThread(peer, error) => format!("{peer}: turned away, no thread for it: {error}\n"),
        Event::Panicked(peer, text) => format!("{peer}: the handler panicked: {text}\n"),
        _ => return,
    };
    let _ = log.try_send(line);
}

/// How a client's stay ended, for its line.
fn ending(result: &Result<()>) -> String {
    match result {
        Ok(()) => "ended by the client".to_owned(),
        Err(Error::Timeout(_)) => "ended by us: nothing moved for too long".to_owned(),
        Err(error) if error.kind() == ErrorKind::ConnectionReset => "reset by the client".to_owned(),
        Err(error) => error.to_string(),
    }
}

/// Sends back what comes, until the client has sent its FIN; the return closes the connection, which sends ours.
fn echo(conn: &mut Conn, idle: Duration, bytes: &mut u64) -> Result<()> {
    let stream = &mut conn.stream;
    let mut buffer = vec![0; SMALL];
    let (mut turns, mut small_reads) = (0_u64, 0);
    let mut silent = Duration::ZERO;
    loop {
        // While the buffer is large, a lull gives it back.
        let patience = if buffer.len() == LARGE { idle.min(LULL) } else { idle - silent };
        stream.set_patience(Some(patience));
        if turns < 2 {
            // A client that comes for one message has it on its way, and then its FIN. If it goes on first, the read
            // need not sleep and be woken: a fifth more such clients. A client that stays is not worth a call each time.
            thread::yield_now();
        }
        turns += 1;
        let n = match stream.read(&mut buffer).map_err(Error::io("wait for the client")) {
            Ok(0) => return Ok(()),
            Ok(n) => n,
            Err(Error::Timeout(_)) if silent + patience < idle => {
                silent += patience;
                buffer = vec![0; SMALL];
                continue;
            }
            Err(error) => return Err(error),
        };
        silent = Duration::ZERO;
        stream.set_patience(Some(idle));
        stream.write_all(&buffer[..n]).map_err(Error::io("send it back"))?;
        *bytes += n as u64;
        small_reads = if n < SMALL { small_reads + 1 } else { 0 };
        if n == buffer.len() && n == SMALL {
            buffer = vec![0; LARGE];
        } else if buffer.len() == LARGE && small_reads >= SMALL_READS {
            buffer = vec![0; SMALL];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(args: &[&str]) -> std::result::Result<Option<Options>, String> {
        Options::parse(args.iter().map(|arg| (*arg).to_owned()))
    }

    #[test]
    fn who_says_nothing_is_reached_from_this_machine_only() {
        let options = parse(&[]).unwrap().unwrap();
        assert_eq!((options.addr.as_str(), options.max, options.idle.as_secs()), ("127.0.0.1:8888", 1_000, 300));
        assert!(!options.quiet);
    }

    #[test]
    fn every_option_is_taken() {
        let options = parse(&["--max", "10000", "[::1]:0", "--quiet", "--idle", "5"]).unwrap().unwrap();
        let expected = Options { addr: "[::1]:0".into(), max: 10_000, idle: Duration::from_secs(5), quiet: true };
        assert_eq!(options, expected);
        assert_eq!(parse(&["--max", "5", "--help"]), Ok(None));
        assert!(parse(&["--max", "--quiet"]).is_err());
    }
}
