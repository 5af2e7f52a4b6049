//! What the arguments ask for; and without an address, servers of the lab to look at and to report to.

use crate::checks;
use crate::deliver::Post;
use crate::lesson::{self, Args, seconds};
use clap::Arg;
use netprimer::dial::{Dial, Target};
use netprimer::lab::tls::{self, Acceptor, Certificate};
use netprimer::lab::{self, ports::Closed};
use netprimer::smtp::wire::mailbox;
use netprimer::{Error, Result};
use std::env;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

/// For one address: about as long as a person waits.
const EACH: Duration = Duration::from_secs(5);
/// For everything: a program that is started every minute must be done before the next one begins.
const TOTAL: Duration = Duration::from_secs(40);
/// Where programs hand in mail, after STARTTLS and a login (RFC 6409).
const SUBMISSION: u16 = 587;

/// What is to be done.
pub struct Plan {
    pub addresses: Vec<String>,
    pub dial: Dial,
    pub each: Duration,
    pub total: Duration,
    pub html: Option<String>,
    pub ftp: Option<Post>,
    /// With who sends and who gets it.
    pub smtp: Option<(Post, [String; 2])>,
}

pub fn arguments() -> impl Iterator<Item = Arg> {
    let option = |name: &'static str, value: &'static str, help: &'static str| {
        Arg::new(name).long(name).value_name(value).help(help)
    };
    let address = |text: &str| match checks::server(text)?.port() {
        0 => Err(Error::Invalid("the port is missing".into())),
        _ => Ok(text.to_owned()),
    };
    let mail = |text: &str| mailbox(text).map(|()| text.to_owned());
    let own = [
        option("html", "FILE", "Also write the page here"),
        option("ftp", "USER@SERVER", "Upload the page; FTP_PASSWORD has the password").requires("TARGET"),
        option("smtp", "USER@SERVER", "Mail the report; SMTP_PASSWORD has the password").requires_all(["to", "TARGET"]),
        option("from", "MAILBOX", "Who sends the mail [default: who gets it]").value_parser(mail).requires("smtp"),
        option("to", "MAILBOX", "Who gets the mail").value_parser(mail).requires("smtp"),
        option("ca", "FILE", "Trust the authority with this certificate (PEM), and no other").requires("TARGET"),
        option("timeout", "SECONDS", "For each address [default: 5]").value_parser(seconds),
        option("total", "SECONDS", "For all: half to look, a quarter for each delivery [default: 40]")
            .value_parser(seconds),
        lesson::flag("trouble", "Have trouble in the lab").conflicts_with("TARGET"),
    ];
    let [target, wire, slow] = lesson::common();
    let target =
        target.value_name("ADDRESS").num_args(0..).value_parser(address).help(
            "http://…, https://…, ws://…, wss://… or tcp://HOST:PORT; without one, servers that are started here",
        );
    own.into_iter().chain([target, wire, slow])
}

/// The plan, and the lab if there is one.
pub fn of(args: &Args) -> Result<(Plan, Option<Lab>)> {
    let text = |name| args.get_one::<String>(name).cloned();
    let lab = if args.contains_id("TARGET") { None } else { Some(Lab::start()?) };
    let tls = if lab.is_some() { tls::trust()? } else { args.trust()? };
    let dial = Dial { trace: args.wire(), ..Dial::default() };
    // FTP and SMTP begin TLS themselves.
    let post = |server, user: &str, password| Post {
        server,
        user: user.to_owned(),
        password,
        tls: tls.clone(),
        dial: dial.clone(),
    };
    let time = |name, default| args.get_one(name).copied().unwrap_or(default);
    let mut plan = Plan {
        addresses: args.get_many("TARGET").into_iter().flatten().cloned().collect(),
        each: time("timeout", EACH),
        total: time("total", TOTAL),
        html: text("html"),
        ftp: account(args, "ftp", netprimer::ftp::PORT, "FTP_PASSWORD", &post)?,
        smtp: None,
        dial: Dial { tls: Some(tls.clone()), ..dial.clone() },
    };
    if let (Some(account), Some(to)) = (account(args, "smtp", SUBMISSION, "SMTP_PASSWORD", &post)?, text("to")) {
        plan.smtp = Some((account, [text("from").unwrap_or(to.clone()), to]));
    }
    if let Some(lab) = &lab {
        let people = ["monitor@example.com", "you@example.com"].map(str::to_owned);
        plan.addresses = lab.addresses(args.get_flag("trouble"));
        plan.ftp = Some(post(lab.ftp.addr().into(), "username", "password".into()));
        plan.smtp = Some((post(lab.smtp.addr().into(), "user", "password".into()), people));
    }
    Ok((plan, lab))
}

/// `USER@SERVER`. The password comes from the environment: everybody on this machine can read a command line.
fn account(
    args: &Args,
    name: &str,
    port: u16,
    variable: &str,
    post: &impl Fn(Target, &str, String) -> Post,
) -> Result<Option<Post>> {
    let Some(text) = args.get_one::<String>(name) else { return Ok(None) };
    let usage =
        |why| Error::Invalid(format!("{why}; usage: {variable}=... 10_summary --{name} USER@SERVER ADDRESS...").into());
    let (user, server) = text.rsplit_once('@').ok_or_else(|| usage("nobody can log in without a name"))?;
    let password = env::var(variable).map_err(|_| usage("the password is missing"))?;
    Ok(Some(post(Target::parse(server, port)?, user, password)))
}

/// Everything to look at and to report to, on this machine.
pub struct Lab {
    http: lab::http::Lab,
    ws: lab::ws::Lab,
    ftp: lab::ftp::Lab,
    smtp: lab::smtp::Lab,
    nobody: Closed,
}

impl Lab {
    fn start() -> Result<Lab> {
        let tls = Some(Acceptor::new(Certificate::Good)?);
        Ok(Lab {
            http: lab::http::start(lab::http::Options::default())?,
            ws: lab::ws::start(lab::ws::Options { tls: tls.clone(), ..Default::default() })?,
            ftp: lab::ftp::start(lab::ftp::Options { tls, ..Default::default() })?,
            smtp: lab::smtp::start(lab::smtp::Options::default())?,
            nobody: Closed::start(Ipv4Addr::LOCALHOST.into())?,
        })
    }

    fn addresses(&self, trouble: bool) -> Vec<String> {
        let tcp = |addr: SocketAddr| format!("tcp://{addr}");
        let mut addresses = vec![tcp(self.ftp.addr()), self.http.url("/encoding/utf8"), self.ws.url("/")];
        if trouble {
            addresses.extend([tcp(self.nobody.addr()), self.http.url("/status/503"), self.http.url("/wrong/cut")]);
        }
        addresses
    }
}
