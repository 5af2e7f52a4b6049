//! All servers of the lab, each on the port that the lessons name, until Enter stops them: something to talk to for every
//! program that you have.
//!
//! On the wire: HTTP, HTTPS, WebSocket, FTP, SMTP, DNS and echo, on 127.0.0.1 only.

mod lesson;

use clap::{Arg, value_parser};
use lesson::{Args, flag};
use netprimer::lab::all::{self, Lab, Ports};
use netprimer::lab::smtp::Mail;
use netprimer::lab::tls;
use netprimer::trace::{Event, Numbers, Side, Sink, show};
use netprimer::{Error, Result};
use std::io::{self, ErrorKind, IsTerminal, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use std::{fs, process};

/// How long conversations may go on after Enter.
const GRACE: Duration = Duration::from_secs(2);

const ABOUT: &str = "\
Starts all servers of the lab, says what to try with which program, and shows every mail that comes.

Enter stops it, and says what there was. Ctrl-C just ends it.";

fn main() -> ExitCode {
    let args = [
        flag("wire", "Show the conversations on stderr, as they happen; passwords too: they are the lab's"),
        flag("any-port", "Take ports that are free instead of those of the lessons"),
        Arg::new("ca")
            .long("ca")
            .value_name("FILE")
            .value_parser(value_parser!(PathBuf))
            .help("Where the certificate of the lab's authority goes [default: target/lab-ca.pem]"),
    ];
    lesson::tool(ABOUT, args, run)
}

fn run(args: &Args) -> Result<()> {
    let any = args.get_flag("any-port");
    let lab = open(if any { Ports::default() } else { Ports::LESSONS }, args.get_flag("wire"))?;
    lab.ftp.put("hello.txt", "Hello, 你好\n")?;
    // Several labs on free ports have an authority each.
    let name = if any { format!("target/lab-ca-{}.pem", process::id()) } else { "target/lab-ca.pem".to_owned() };
    let ca = args.get_one("ca").cloned().unwrap_or(PathBuf::from(name));
    write(&ca)?;
    println!("the lab is open, for this machine only; Enter stops it");
    println!("who is to believe its certificates needs this file: {}", ca.display());
    print!("{}", table(&lab, &ca.display().to_string()));
    until_enter(&lab);
    let ended = close(lab);
    let _ = fs::remove_file(&ca); // it would be of no use: the next lab has another authority
    ended
}

/// Starts all servers. A port that is taken is the usual trouble.
fn open(ports: Ports, wire: bool) -> Result<Lab> {
    let last = Arc::new(Mutex::new(String::new()));
    let watch = |name: &'static str| -> Option<Arc<dyn Sink>> {
        wire.then(|| Arc::new(Named { name: name.to_owned(), last: last.clone(), numbers: Numbers::default() }) as _)
    };
    all::start(ports, &watch, Some(Arc::new(arrived))).map_err(|error| match error.kind() {
        ErrorKind::AddrInUse if ports != Ports::default() => {
            let mend = format!("{error}; `cargo run --example lab -- --any-port` takes ports that are free");
            Error::io("open the lab")(io::Error::new(ErrorKind::AddrInUse, mend))
        }
        _ => error,
    })
}

/// What came, as a person reads it. Whoever sent it chose every word: the lab makes control characters visible.
fn arrived(mail: &Mail) {
    let text: String = mail.to_string().lines().map(|line| format!("  {line}\n")).collect();
    println!("a mail came:\n{}", text.trim_end());
}

/// The certificate of the lab's authority. Another start makes another one: the key is never stored.
fn write(ca: &Path) -> Result<()> {
    let pem = tls::ca_pem()?;
    let made = ca.parent().map_or(Ok(()), fs::create_dir_all).and_then(|()| fs::write(ca, pem));
    made.map_err(Error::io(format!("write {}", ca.display())))
}

/// What to try: for each server the tools and what is typed.
fn table(lab: &Lab, ca: &str) -> String {
    let mut table = String::new();
    for (name, server) in lab.servers() {
        let (at, port) = (server.addr(), server.addr().port());
        let ours = |example: &str, args: &str| ("ours", format!("cargo run --example {example} -- {args}"));
        let (about, lines) = match name {
            "HTTP" => {
                let get = format!("curl \"http://{at}/get?key1=value1\"");
                let page = ("browser", format!("http://{at}/"));
                ("", vec![page, ("curl", get), ours("03_2_1_http_get", &format!("http://{at}/get"))])
            }
            "HTTPS" => ("", vec![("curl", format!("curl --cacert {ca} https://localhost:{port}/get"))]),
            "WebSocket" => {
                let python = format!("python3 -m websockets ws://{at}/");
                let talk = ours("04_2_websocket_client", &format!("ws://{at}/"));
                ("", vec![("browser", format!("http://{at}/")), ("Python", python), talk])
            }
            "FTP" => {
                let store = format!("curl -T README.md ftp://username:password@{at}/");
                let list = format!("curl ftp://{at}/");
                let fetch = ours("05_ftp", &format!("{at} --file hello.txt"));
                let secure = format!("curl --ssl-reqd --cacert {ca} ftp://localhost:{port}/");
                ("; guests may read", vec![("curl", list), ("curl", store), ("curl", secure), fetch])
            }
            "SMTP" => {
                let program = format!("server 127.0.0.1, port {port}, no encryption, no login");
                let telnet = format!("telnet 127.0.0.1 {port}");
                let send = ours("06_smtp", &format!("localhost:{port} --ca {ca}"));
                ("; EHLO me, HELP, QUIT are for telnet", vec![("mail", program), ("telnet", telnet), send])
            }
            "SMTPS" => ("", vec![("curl", format!("curl --cacert {ca} smtps://localhost:{port}"))]),
            "DNS" => {
                let dig = format!("dig @127.0.0.1 -p {port} www.example.com");
                ("", vec![("dig", dig), ours("07_1_dns", &format!("--server {at}"))])
            }
            _ => {
                let nc = format!("nc 127.0.0.1 {port}");
                let at = at.to_string();
                (", TCP and UDP", vec![("nc", nc), ours("02_2_tcp_client", &at), ours("02_4_udp_client", &at)])
            }
        };
        table += &format!("\n{name} on {at}{about}\n");
        table.extend(lines.iter().map(|(tool, typed)| format!("  {tool:<8} {typed}\n")));
    }
    table
}

/// Waits for a line, from a person or from a program. Without any input only a signal ends the lab.
fn until_enter(lab: &Lab) {
    match io::stdin().read_line(&mut String::new()) {
        Ok(n) if n > 0 || io::stdin().is_terminal() => {}
        _ => lab.http.server().wait(),
    }
}

/// Lets the conversations end, and counts.
fn close(lab: Lab) -> Result<()> {
    let open: usize = lab.servers().iter().map(|(_, server)| server.active()).sum();
    println!("stopping; still connected: {open}; seconds to finish: {}", GRACE.as_secs());
    let counts = lab.servers().map(|(name, server)| format!("{name} {}", server.totals().accepted)).join(", ");
    let mails = lab.smtp.inbox().len() + lab.smtps.inbox().len();
    let (questions, datagrams) = (lab.dns.questions(), lab.echo.datagrams());
    let drained = lab.stop(GRACE)?;
    println!("finished: {}, cut off: {}, stuck: {}", drained.finished, drained.forced, drained.stuck);
    println!("connections: {counts}");
    println!("mails: {mails}, questions to DNS: {questions}, datagrams to echo: {datagrams}");
    Ok(())
}

/// What passes at one of several servers; a line with its name, and from its second connection on with a number, stands
/// wherever another one goes on.
struct Named {
    name: String,
    last: Arc<Mutex<String>>,
    numbers: Numbers,
}

impl Sink for Named {
    fn event(&self, side: Side, event: Event<'_>) {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let head = if *last == self.name { String::new() } else { format!("-- {}\n", self.name) };
        last.clone_from(&self.name);
        // Watching must not end the conversation.
        let _ = io::stderr().write_all((head + &show(side, event)).as_bytes());
    }

    fn connection(&self, ends: [SocketAddr; 2]) -> Option<Arc<dyn Sink>> {
        let name = format!("{} {}", self.name, self.numbers.mark(ends)).trim_end().to_owned();
        Some(Arc::new(Named { name, last: self.last.clone(), numbers: self.numbers.clone() }))
    }
}
