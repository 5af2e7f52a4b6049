//! FTP: list a folder, download a file and upload it again, over two kinds of connections.
//!
//! On the wire: commands and three-digit replies on the control connection; each listing and each file on a data connection of
//! its own, whose end is the end of the file (RFC 959). With `--tls` all of them are encrypted (RFC 4217).

mod lesson;

use clap::Arg;
use lesson::{Args, Server, flag};
use netprimer::dial::Target;
use netprimer::encode::visible;
use netprimer::ftp::{self, Ftp, Mode, Options};
use netprimer::lab::ftp::{self as lab, Lab};
use netprimer::lab::tls::{self, Acceptor, Certificate};
use netprimer::{Error, Result};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::{env, fs, process};

/// In seconds: longer than any server needs, short enough for a person.
const PATIENCE: &str = "10";
/// The password comes from here: what stands on a command line can be read by everybody on this machine. Without it the lab's.
const PASSWORD: &str = "FTP_PASSWORD";

fn main() -> ExitCode {
    let option = |name: &'static str, value: &'static str, default: &'static str| {
        Arg::new(name).long(name).value_name(value).default_value(default)
    };
    let [target, wire, slow] = lesson::common();
    let args = [
        target
            .value_name("HOST[:PORT]")
            .value_parser(|text: &str| Target::parse(text, ftp::PORT).map(|t| t.to_string())),
        option("user", "NAME", "username").help(
            "Who you are (`anonymous` is nobody in particular); the password is what the variable FTP_PASSWORD holds",
        ),
        option("file", "NAME", "remote_file.txt").help("Download this file, and upload it again"),
        flag("tls", "Encrypt commands and files (AUTH TLS, PROT P)"),
        Arg::new("ca")
            .long("ca")
            .value_name("FILE")
            .requires_all(["tls", "TARGET"])
            .help("Trust the authority with this certificate (PEM), and no other"),
        flag("active", "Let the server open the data connections"),
        option("timeout", "SECONDS", PATIENCE)
            .value_parser(lesson::seconds)
            .help("For one reply, and one pause of a file"),
        wire,
        slow,
    ];
    lesson::tool("Lists a folder of an FTP server, downloads a file and uploads it again.", args, run)
}

fn run(args: &Args) -> Result<()> {
    let chosen = args.target_or(|| start(args.get_flag("tls")))?;
    let text = |name| args.get_one::<String>(name).map_or("", String::as_str);
    let mut ftp = Ftp::connect_with(Target::parse(&chosen.address, ftp::PORT)?, options(args))?;
    if args.get_flag("tls") {
        // Our own server has a certificate that only this program knows.
        let trust = if chosen.server.is_some() { tls::trust()? } else { args.trust()? };
        ftp = ftp.secure(&trust)?;
    }
    let password = env::var(PASSWORD).unwrap_or("password".to_owned());
    usual(ftp, text("user"), &password, text("file"))
}

/// The five steps of the usual Python listing: `login`, `retrlines`, `retrbinary`, `storbinary`, `quit`.
fn usual(mut ftp: Ftp, user: &str, password: &str, file: &str) -> Result<()> {
    ftp.login(user, password)?;
    for line in ftp.list("")? {
        println!("{}", visible(line.as_bytes()));
    }
    let folder = Folder::new()?;
    let local = folder.0.join("local_file.txt");
    let came = ftp.fetch(file, &local)?;
    println!("downloaded {came} bytes");
    let sent = ftp.store(&local, file)?;
    println!("uploaded {sent} bytes");
    ftp.quit()
}

/// Commands and files are watched apart, for they travel apart.
fn options(args: &Args) -> Options {
    let mut options = Options { data_trace: args.wire_of("data "), ..Options::default() };
    if let Some(time) = args.get_one("timeout") {
        (options.dial.reply, options.data) = (*time, *time);
    }
    options.dial.trace = args.wire();
    if args.get_flag("active") {
        options.mode = Mode::Active;
    }
    options
}

/// A server of our own, with one file.
fn start(tls: bool) -> Result<Lab> {
    let tls = if tls { Some(Acceptor::new(Certificate::Good)?) } else { None };
    let lab = lab::start(lab::Options { tls, ..lab::Options::default() })?;
    lab.put("remote_file.txt", "你好\n")?;
    Ok(lab)
}

impl Server for Lab {
    fn name(&self) -> &str {
        "FTP server"
    }
    fn addr(&self) -> SocketAddr {
        Lab::addr(self)
    }
}

/// A folder for the files of this run, which is removed with them, also when something fails.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Result<Folder> {
        let path = env::temp_dir().join(format!("netprimer-05-ftp-{}", process::id()));
        fs::create_dir(&path).map_err(Error::io(format!("make {}", path.display())))?;
        Ok(Folder(path))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0); // what cannot be removed is no reason to fail
    }
}
