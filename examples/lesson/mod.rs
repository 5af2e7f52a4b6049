//! What every program from part 3 on has in common: `--help`, its arguments, the target or a server of its own, the wire
//! view, and a quiet end when nobody reads its output any more.
//!
//! A program says `mod lesson;` and hands its work to [`main`] (or to [`tool`], if it has no target).
#![allow(dead_code)] // each program uses a part

use clap::{Arg, ArgAction, ArgMatches, Command, builder::ArgPredicate};
use netprimer::dial;
use netprimer::stream::Tls;
use netprimer::trace::{Event, Live, Side, Sink};
use std::any::Any;
use std::error::Error;
use std::ffi::OsString;
use std::fmt::Display;
use std::io::{self, ErrorKind, IsTerminal, Write};
use std::net::SocketAddr;
use std::ops::Deref;
use std::panic::{self, AssertUnwindSafe};
use std::process::ExitCode;
use std::str::FromStr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use std::{env, fs, process, thread};

/// What `--slow` makes of a time limit that was not typed, in seconds: its pauses are inside the time that is measured, and a
/// class must not lose its answer because somebody explains.
const SLOW_LIMIT: &str = "600";

/// Runs a lesson: reads the arguments, which are `args` and those that all lessons have, and ends by
/// [`netprimer::finish`]. Wrong arguments end the program with status 2 and its usage.
pub fn main<E>(about: &'static str, args: impl IntoIterator<Item = Arg>, run: fn(&Args) -> Result<(), E>) -> ExitCode
where
    E: Into<Box<dyn Error + Send + Sync>>,
{
    tool(about, common().into_iter().chain(args), run)
}

/// Runs a program that has only the arguments `args`.
pub fn tool<E>(about: &'static str, args: impl IntoIterator<Item = Arg>, run: fn(&Args) -> Result<(), E>) -> ExitCode
where
    E: Into<Box<dyn Error + Send + Sync>>,
{
    end_quietly_without_a_reader();
    match read(about, args, env::args_os()) {
        Ok(args) => match panic::catch_unwind(AssertUnwindSafe(|| run(&args))) {
            Ok(result) => netprimer::finish(result),
            Err(panic) => match failed_output(panic.as_ref()) {
                Some(error) => output_failed(&error),
                None => panic::resume_unwind(panic),
            },
        },
        Err(answer) => {
            let _ = answer.print(); // nobody may be left to read it
            ExitCode::from(if answer.use_stderr() { 2 } else { 0 }) // `--help` is no error
        }
    }
}

/// The arguments that all lessons have.
pub fn common() -> [Arg; 3] {
    let slow = Arg::new("slow").long("slow").value_name("SECONDS").num_args(0..=1).require_equals(true);
    [
        Arg::new("TARGET").help("Where to go; without it a server is started here, for this run"),
        flag("wire", "Show on stderr what passes, as it passes"),
        slow.default_missing_value("1")
            .value_parser(pause)
            .help("Like --wire, with a pause before each turn; default limits are then 10 minutes"),
    ]
}

/// Reads the words of a command line, of which the first is the program itself.
///
/// # Errors
/// What clap has to say instead: the help that was asked for, or which word it does not understand.
pub fn read(
    about: &'static str,
    args: impl IntoIterator<Item = Arg>,
    words: impl IntoIterator<Item = impl Into<OsString> + Clone>,
) -> Result<Args, clap::Error> {
    let args = Vec::from_iter(args);
    let slow = args.iter().any(|arg| arg.get_id() == "slow");
    let args = args.into_iter().map(|arg| {
        // `--timeout -1`: the number is wrong, not an argument of its own.
        let option = arg.get_long().is_some() && arg.get_action().takes_values();
        let arg = arg.allow_negative_numbers(option);
        let limit = ["timeout", "total"].contains(&arg.get_id().as_str());
        if slow && limit { arg.default_value_if("slow", ArgPredicate::IsPresent, SLOW_LIMIT) } else { arg }
    });
    Command::new("lesson").about(about).args(args).try_get_matches_from(words).map(Args)
}

/// The arguments: clap's own, and what all lessons ask of them.
pub struct Args(ArgMatches);

impl Deref for Args {
    type Target = ArgMatches;
    fn deref(&self) -> &ArgMatches {
        &self.0
    }
}

impl Args {
    /// The target, or the server that `start` starts: it is announced in one line and lives as long as what this returns.
    ///
    /// # Errors
    /// When the server does not start.
    pub fn target_or<S: Server>(&self, start: impl FnOnce() -> netprimer::Result<S>) -> netprimer::Result<Chosen<S>> {
        if let Some(address) = self.get_one::<String>("TARGET") {
            return Ok(Chosen { address: address.clone(), server: None });
        }
        let server = start()?;
        let address = server.addr().to_string();
        println!("lab: {} on {address}", server.name());
        Ok(Chosen { address, server: Some(server) })
    }

    /// Whom to believe: what this system trusts, or the one authority that `--ca` (PEM) names.
    ///
    /// # Errors
    /// When that file cannot be read, or holds no certificate.
    pub fn trust(&self) -> netprimer::Result<Tls> {
        let Some(file) = self.get_one::<String>("ca") else { return Ok(Tls::system()) };
        Tls::trusting(&fs::read_to_string(file).map_err(netprimer::Error::io(format!("read {file}")))?)
    }

    /// The usual time limit, where no option sets it; longer with `--slow`, as those of the options are.
    pub fn patience(&self, usual: Duration) -> Duration {
        if self.contains_id("slow") { seconds(SLOW_LIMIT).unwrap_or(usual) } else { usual }
    }

    /// Who is to be told what passes: stderr, if `--wire` or `--slow` was given.
    pub fn wire(&self) -> Option<Arc<dyn Sink>> {
        self.wire_of("")
    }

    /// The same for one of several connections, whose name stands before each line.
    pub fn wire_of(&self, name: &str) -> Option<Arc<dyn Sink>> {
        self.shown_by(Live::named(name, io::stderr()))
    }

    /// This one, if anything is to be shown, and slowly where that is wanted.
    pub fn shown_by(&self, sink: impl Sink + 'static) -> Option<Arc<dyn Sink>> {
        match self.get_one::<Duration>("slow") {
            Some(pause) => Some(Arc::new(Slow::new(Arc::new(sink), *pause))),
            None => self.get_flag("wire").then(|| Arc::new(sink) as Arc<dyn Sink>),
        }
    }
}

/// A server that a lesson can start for itself.
pub trait Server {
    /// What it is: `FTP server`.
    fn name(&self) -> &str;
    /// Where it listens.
    fn addr(&self) -> SocketAddr;
}

/// Where a lesson goes.
pub struct Chosen<S> {
    /// As it was typed, or where the server started for this run listens.
    pub address: String,
    /// That server, for a look inside.
    pub server: Option<S>,
}

/// Shows what passes, and waits before the other side speaks: time to explain, in front of a class.
pub struct Slow {
    inner: Arc<dyn Sink>,
    pause: Duration,
    last: Arc<Mutex<Option<Side>>>,
}

impl Slow {
    /// Waits `pause` before it tells `inner` of a turn.
    pub fn new(inner: Arc<dyn Sink>, pause: Duration) -> Slow {
        Slow { inner, pause, last: Arc::default() }
    }
}

impl Sink for Slow {
    fn event(&self, side: Side, event: Event<'_>) {
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner).replace(side);
        if last != Some(side) {
            thread::sleep(self.pause);
        }
        self.inner.event(side, event);
    }
    fn connection(&self, ends: [SocketAddr; 2]) -> Option<Arc<dyn Sink>> {
        let inner = self.inner.connection(ends)?;
        Some(Arc::new(Slow { inner, pause: self.pause, last: self.last.clone() }))
    }
}

/// An option that is there or not.
pub fn flag(name: &'static str, help: &'static str) -> Arg {
    Arg::new(name).long(name).help(help).action(ArgAction::SetTrue)
}

/// An option with a whole number.
pub fn number(name: &'static str, value: &'static str, help: &'static str) -> Arg {
    Arg::new(name).long(name).value_name(value).help(help).value_parser(whole(0u64, None))
}

/// Reads a whole number, of which the least and perhaps the most is said. (clap's own parser would say `invalid digit found in
/// string` to letters.)
pub fn whole<N>(least: N, most: Option<N>) -> impl Fn(&str) -> Result<N, String> + Clone + Send + Sync + 'static
where
    N: FromStr + PartialOrd + Display + Clone + Send + Sync + 'static,
{
    let end = most.as_ref().map_or("on".to_owned(), |most| format!("to {most}"));
    let wanted = format!("a whole number from {least} {end} is wanted here");
    let fits = move |number: &N| *number >= least && most.as_ref().is_none_or(|most| number <= most);
    move |text| text.parse().ok().filter(&fits).ok_or_else(|| wanted.clone())
}

/// A time limit in seconds: `2`, `0.5`. Zero is none: what may take no time cannot be done.
pub fn seconds(text: &str) -> Result<Duration, String> {
    let time = pause(text).ok().filter(|time| !time.is_zero());
    time.ok_or_else(|| "not a number of seconds above 0".to_owned())
}

/// A pause in seconds, which may be 0.
pub fn pause(text: &str) -> Result<Duration, String> {
    let time = text.parse().ok().and_then(|number| Duration::try_from_secs_f64(number).ok());
    time.ok_or_else(|| "not a number of seconds from 0 on".to_owned())
}

/// Bold, a code of ECMA-48 (SGR) as [`painted`] takes it.
pub const BOLD: u8 = 1;

/// The text as a terminal shows it with this code. It must say the same without: a pipe, a simple terminal and those who ask
/// for no colours (no-color.org) get it as it is.
pub fn painted(text: &str, code: u8) -> String {
    let terminal = env::var_os("TERM").is_some_and(|name| name != "dumb") && io::stdout().is_terminal();
    if !terminal || env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty()) {
        return text.to_owned();
    }
    format!("\x1b[{code}m{text}\x1b[0m")
}

/// `HOST:PORT`, or a host alone for port 8888, which is the port of the socket lessons.
pub fn address(text: &str) -> netprimer::Result<dial::Target> {
    dial::Target::parse(text, 8888)
}

/// `nc ... | head -1` is a wish that is fulfilled, not an error: when the reader has gone, `println!` panics, and the
/// program ends with status 0. An output that fails otherwise (a full disk) is an error. In the main thread the panic goes its
/// way first, so that what is to be removed at the end is removed.
fn end_quietly_without_a_reader() {
    let usual = panic::take_hook();
    panic::set_hook(Box::new(move |panic| match failed_output(panic.payload()) {
        None => usual(panic),
        Some(_) if thread::current().name() == Some("main") => {} // `tool` goes on
        Some(error) => output_failed(&error),
    }));
}

/// Why `println!` panicked, if it was that.
fn failed_output(payload: &(dyn Any + Send)) -> Option<io::Error> {
    let cause = payload.downcast_ref::<String>()?.strip_prefix("failed printing to stdout: ")?;
    // The panic has only the text of the system's error, which ends with its number: `(os error 32)`.
    let number = cause.trim_end_matches(')').rsplit(' ').next().and_then(|number| number.parse().ok());
    Some(number.map_or_else(|| io::Error::other(cause), io::Error::from_raw_os_error))
}

/// Standard output for bytes as they are; it ends the program as `println!` does here, when nobody reads it any more.
pub struct Out;

impl Write for Out {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        io::stdout().write(bytes).inspect_err(|error| output_failed(error))
    }
    fn flush(&mut self) -> io::Result<()> {
        io::stdout().flush().inspect_err(|error| output_failed(error))
    }
}

fn output_failed(error: &io::Error) -> ! {
    if error.kind() == ErrorKind::BrokenPipe {
        process::exit(0);
    }
    let _ = writeln!(io::stderr(), "error: write the output: {error}");
    process::exit(1);
}
