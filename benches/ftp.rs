//! How fast do files move? Our FTP client against curl, suppaftp and Python's ftplib, all at one vsftpd on this machine whose files
//! lie in memory.
//!
//! ```text
//! cargo bench --bench ftp                          a minute, once all is built
//! cargo bench --bench ftp -- --quick               a few seconds, coarse
//! cargo bench --bench ftp -- --rounds 31
//! ```
//!
//! "bare" is the least that a client can do: std's blocking sockets, no limits of time, no look at what the server says beyond the
//! last reply. Where bare itself does not reach a goal, nobody can: the rest of the time is the server's and the system's.
//!
//! Each run is a process of its own that logs in and moves one large file or many small ones. Its clock runs from before the
//! connection to the reply after the last file, so that the start of an interpreter does not count. Ours asks for the size after
//! each upload, which costs a round trip that the others save. Absolute figures change from hour to hour; so each round runs
//! everybody once, a ratio is taken inside a round, and the table shows the median of all rounds with the middle half of them.

mod common;

use common::{Folder, Process, Report, Result, Spread, command, first_line};
use netprimer::ftp::Ftp;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::thread;
use std::time::{Duration, Instant};

const LARGE: usize = 256 << 20;
const SMALL: usize = 1 << 10;
const MANY: usize = 500;
/// A run that takes longer hangs.
const LIMIT: Duration = Duration::from_secs(60);

const USAGE: &str = "usage: cargo bench --bench ftp -- [--quick] [--rounds N]";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    match args.split_first() {
        Some((first, rest)) if first == "--move" => common::finish(ours(rest).map(|()| 0)),
        Some((first, rest)) if first == "--bare" => common::finish(bare(rest).map(|()| 0)),
        _ => common::main(USAGE, |args| common::only_rounds(args, 15), run),
    }
}

/// What `TASK ADDR FILE COUNT` say.
struct Order<'a> {
    upload: bool,
    addr: SocketAddr,
    file: &'a str,
    name: &'a str,
    count: usize,
}

impl Order<'_> {
    fn read(args: &[String]) -> Result<Order<'_>> {
        let [task, addr, file, count] = args else {
            return Err("a move has a task, an address, a file and a number".into());
        };
        let name = Path::new(file).file_name().and_then(|name| name.to_str()).ok_or("the file has no name")?;
        Ok(Order { upload: task == "stor", addr: addr.parse()?, file, name, count: count.parse()? })
    }
}

fn null() -> io::Result<File> {
    OpenOptions::new().write(true).open("/dev/null")
}

/// `--move TASK ADDR FILE COUNT`: this program as one of those who move files; it prints what the others print.
fn ours(args: &[String]) -> Result<()> {
    let (order, mut bytes) = (Order::read(args)?, 0);
    let start = Instant::now();
    let mut ftp = Ftp::connect(order.addr)?;
    ftp.login_anonymous()?;
    for n in 0..order.count {
        let remote = format!("{}{n}", order.name);
        bytes += if order.upload { ftp.store(order.file, &remote)? } else { ftp.retr(&remote, &mut null()?)? };
    }
    writeln!(io::stdout(), "seconds={} bytes={bytes}", start.elapsed().as_secs_f64())?;
    Ok(ftp.quit()?)
}

/// `--bare TASK ADDR FILE COUNT`: the same with as little as possible.
fn bare(args: &[String]) -> Result<()> {
    let (order, mut bytes, mut piece) = (Order::read(args)?, 0, vec![0; 128 << 10]);
    let start = Instant::now();
    let socket = TcpStream::connect(order.addr)?;
    socket.set_nodelay(true)?;
    let mut control = BufReader::with_capacity(4096, socket);
    expect(&mut control, "220")?;
    for (command, code) in [("USER anonymous", "331"), ("PASS guest@", "230"), ("TYPE I", "200")] {
        control.get_mut().write_all(format!("{command}\r\n").as_bytes())?;
        expect(&mut control, code)?;
    }
    for n in 0..order.count {
        control.get_mut().write_all(b"EPSV\r\n")?;
        let said = expect(&mut control, "229")?;
        let port = said.split('|').nth(3).and_then(|port| port.parse().ok()).ok_or("no port")?;
        let mut data = TcpStream::connect(SocketAddr::new(order.addr.ip(), port))?;
        let verb = if order.upload { "STOR" } else { "RETR" };
        control.get_mut().write_all(format!("{verb} {}{n}\r\n", order.name).as_bytes())?;
        expect(&mut control, "150")?;
        bytes += if order.upload {
            pass(&mut File::open(order.file)?, &mut data, &mut piece)?
        } else {
            pass(&mut data, &mut null()?, &mut piece)?
        };
        drop(data);
        expect(&mut control, "226")?;
    }
    Ok(writeln!(io::stdout(), "seconds={} bytes={bytes}", start.elapsed().as_secs_f64())?)
}

fn expect(control: &mut impl BufRead, code: &str) -> Result<String> {
    let mut line = String::new();
    control.read_line(&mut line)?;
    if line.starts_with(code) { Ok(line) } else { Err(format!("{line:?} instead of {code}").into()) }
}

/// All bytes from the one to the other.
fn pass(from: &mut impl Read, to: &mut impl Write, piece: &mut [u8]) -> Result<usize> {
    let mut all = 0;
    loop {
        let n = from.read(piece)?;
        if n == 0 {
            return Ok(all);
        }
        to.write_all(&piece[..n])?;
        all += n;
    }
}

/// What is moved: a row of tasks and who does them.
struct Task {
    name: &'static str,
    way: &'static str,
    /// The local file, which is called as those of the server without their number.
    file: PathBuf,
    count: usize,
    bytes: usize,
    /// With whom we compare, and how many times as fast we want to be.
    goals: &'static [(&'static str, f64)],
}

/// One who moves files.
struct Mover {
    name: &'static str,
    command: Vec<String>,
}

fn run(rounds: usize) -> Result<usize> {
    let begin = Instant::now();
    let folder = Folder::in_memory("ftp")?;
    let (server, addr) = start_vsftpd(&folder.0)?;
    let mut skipped = Vec::new();
    let movers = movers(&mut skipped)?;
    let out = &mut io::stdout();
    let how = [
        first_line("curl", &["--version"]).unwrap_or_default(),
        format!("{rounds} rounds; ratio theirs / ours in time: median (middle half of the rounds)"),
    ];
    common::header(out, "FTP on 127.0.0.1, one vsftpd, files in memory", &how, &skipped)?;
    writeln!(out, "{:<22}{:>10}{:>22}{:>22}{:>22}{:>22}", "", "ours, ms", "bare", "curl", "suppaftp", "ftplib")?;

    let mut report = Report::default();
    for task in tasks(&folder.0)? {
        // curl waits some 30 ms for each small file: that is no match.
        let takes_part = |mover: &Mover| task.count == 1 || mover.name != "curl";
        let figures = common::rounds(rounds, movers.len(), |number, at| {
            let mover = Some(&movers[at]).filter(|mover| takes_part(mover))?;
            let seconds = seconds(mover, &task, addr);
            seconds
                .map_err(|e| {
                    report.complaints.push(format!("{}, {}, round {}: {e}", mover.name, task.name, number + 1))
                })
                .ok()
        });
        row(out, &task, &movers, &figures, &mut report)?;
    }
    report.print(out, begin)?;
    drop(server);
    Ok(report.complaints.len())
}

fn row(
    out: &mut impl Write,
    task: &Task,
    movers: &[Mover],
    figures: &[Vec<Option<f64>>],
    report: &mut Report,
) -> Result<()> {
    let own = Spread::of(figures.iter().filter_map(|round| round[0]));
    write!(out, "{:<22}{:>10}", task.name, own.map_or("-".into(), |own| format!("{:.1}", own.median * 1e3)))?;
    for name in ["bare", "curl", "suppaftp", "ftplib"] {
        let at = movers.iter().position(|mover| mover.name == name);
        let ratio = at.and_then(|at| Spread::of(figures.iter().filter_map(|round| Some(round[at]? / round[0]?))));
        write!(out, "{:>22}", Spread::cell(ratio))?;
        let Some((_, goal)) = task.goals.iter().find(|(whom, _)| *whom == name) else { continue };
        if let Some(Spread { median, .. }) = ratio {
            let what = format!("{name} against ours, {}", task.name);
            report.goal(&what, format!("{median:.2}"), &format!("at least {goal}"), median >= *goal);
        }
    }
    Ok(writeln!(out)?)
}

/// The files, local and on the server, and what is done with them.
fn tasks(folder: &Path) -> Result<[Task; 4]> {
    let (large, small) = (folder.join("large"), folder.join("small"));
    let bytes: Vec<u8> = (0..1 << 20).map(|n: usize| (n * 31 % 251) as u8).collect();
    let mut file = File::create(&large)?;
    (0..LARGE >> 20).try_for_each(|_| file.write_all(&bytes))?;
    fs::write(&small, &bytes[..SMALL])?;
    fs::copy(&large, folder.join("root/large0"))?;
    (0..MANY).try_for_each(|n| fs::copy(&small, folder.join(format!("root/small{n}"))).map(drop))?;
    let task = |name, way, count, goals| {
        let (file, each) = if count == 1 { (&large, LARGE) } else { (&small, SMALL) };
        Task { name, way, file: file.clone(), count, bytes: each * count, goals }
    };
    Ok([
        task("RETR 256 MiB", "retr", 1, &[("curl", 1.1), ("suppaftp", 1.25), ("ftplib", 1.7)]),
        task("STOR 256 MiB", "stor", 1, &[("curl", 1.0)]),
        task("RETR 500 of 1 KiB", "retr", MANY, &[("suppaftp", 1.0), ("ftplib", 3.0)]),
        task("STOR 500 of 1 KiB", "stor", MANY, &[]),
    ])
}

/// All who move files; we are the first.
fn movers(skipped: &mut Vec<String>) -> Result<Vec<Mover>> {
    let this = std::env::current_exe()?.display().to_string();
    let own = |name, how: &str| Mover { name, command: vec![this.clone(), how.to_owned()] };
    let mut movers = vec![own("ours", "--move"), own("bare", "--bare")];
    match first_line("curl", &["--version"]) {
        Some(_) => movers.push(Mover { name: "curl", command: vec!["curl".into()] }),
        None => skipped.push("curl (not installed)".into()),
    }
    match common::built("ftp", "suppaftp") {
        Ok(program) => movers.push(Mover { name: "suppaftp", command: vec![program.display().to_string()] }),
        Err(e) => skipped.push(format!("suppaftp ({e})")),
    }
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/peers/py/ftp.py").display().to_string();
    match first_line("python3", &["--version"]) {
        Some(_) => movers.push(Mover { name: "ftplib", command: vec!["python3".into(), script] }),
        None => skipped.push("ftplib (no `python3`)".into()),
    }
    Ok(movers)
}

/// One run, after which all bytes must be where they belong.
fn seconds(mover: &Mover, task: &Task, addr: SocketAddr) -> Result<f64> {
    let file = task.file.display().to_string();
    let args = if mover.name == "curl" {
        let name = task.file.file_name().unwrap_or_default().display();
        let url = format!("ftp://{addr}/{name}0");
        let mut args = vec!["-s", "-S", "-w", "seconds=%{time_total} bytes=%{size_download}%{size_upload}", &url];
        args.extend(if task.way == "retr" { ["-o", "/dev/null"] } else { ["-T", &file] });
        args.into_iter().map(str::to_owned).collect()
    } else {
        vec![task.way.to_owned(), addr.to_string(), file, task.count.to_string()]
    };
    let said = common::output(&mut command(&mover.command, args.iter().map(String::as_str)), LIMIT)?;
    let field = |name: &str| said.split_whitespace().find_map(|word| word.strip_prefix(name));
    let (Some(seconds), Some(bytes)) = (field("seconds="), field("bytes=")) else {
        return Err(format!("it said {said:?}").into());
    };
    // curl prints the other direction's 0 before or after it.
    let bytes =
        if mover.name == "curl" && task.way == "retr" { bytes.strip_suffix('0').unwrap_or_default() } else { bytes };
    if bytes.parse::<usize>().ok() != Some(task.bytes) {
        return Err(format!("{bytes} of {} bytes", task.bytes).into());
    }
    Ok(seconds.parse()?)
}

/// Starts vsftpd for guests, who may do everything in `root`.
fn start_vsftpd(folder: &Path) -> Result<(Process, SocketAddr)> {
    let root = folder.join("root");
    fs::create_dir(&root)?;
    let vsftpd = ["vsftpd", "/usr/sbin/vsftpd"].into_iter().find(|name| Command::new(name).arg("-v").output().is_ok());
    let vsftpd = vsftpd.ok_or("there is no vsftpd: install the package `vsftpd`")?;
    let addr = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?;
    let config = folder.join("vsftpd.conf");
    let text = format!(
        "listen=YES\nlisten_address=127.0.0.1\nlisten_port={}\nbackground=NO\nrun_as_launching_user=YES\nanonymous_enable=YES\n\
         anon_root={}\nallow_writeable_chroot=YES\nwrite_enable=YES\nanon_upload_enable=YES\nanon_other_write_enable=YES\n\
         anon_world_readable_only=NO\nanon_umask=022\nseccomp_sandbox=NO\nxferlog_enable=NO\n",
        addr.port(),
        root.display()
    );
    fs::write(&config, text)?;
    let child = Command::new(vsftpd).arg(&config).stdin(Stdio::null()).stdout(Stdio::null()).spawn()?;
    let mut server = Process(child);
    let start = Instant::now();
    while TcpStream::connect(addr).is_err() {
        if server.0.try_wait()?.is_some() || start.elapsed() > LIMIT {
            return Err("vsftpd does not start".into());
        }
        thread::sleep(Duration::from_millis(20));
    }
    Ok((server, addr))
}
