//! Mail: a message is built, sent over TLS after a login, and read back from the inbox.
//!
//! On the wire: commands and three-digit replies (RFC 5321), in the clear only up to STARTTLS (RFC 3207); then the login
//! (RFC 4954), the envelope, and the message with a head of its own (RFC 5322). Without a server one of the lab is started,
//! which keeps what it gets: no mail leaves this machine.

mod lesson;

use clap::{Arg, ArgAction};
use lesson::{Args, Server, flag, seconds};
use netprimer::dial::Target;
use netprimer::lab::smtp::{self as lab, Lab, Wrong};
use netprimer::lab::tls::{self, Certificate};
use netprimer::smtp::{MessageBuilder, Options, Smtp, StartTls, wire};
use netprimer::stream::Tls;
use netprimer::{Error, Result};
use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::Duration;

/// Where programs hand in mail, after STARTTLS and a login (RFC 6409).
const SUBMISSION: u16 = 587;
/// The password for `--user` comes from here: what stands on a command line can be read by everybody on this machine.
const PASSWORD: &str = "SMTP_PASSWORD";

fn main() -> ExitCode {
    let option = |name: &'static str, value: &'static str, help: &'static str| {
        Arg::new(name).long(name).value_name(value).help(help)
    };
    let mailbox = |text: &str| wire::mailbox(text).map(|()| text.to_owned());
    let args = [
        option("from", "ADDRESS", "Who sends").value_parser(mailbox).default_value("sender@example.com"),
        option("to", "ADDRESS", "Who is to get it; may be repeated")
            .action(ArgAction::Append)
            .value_parser(mailbox)
            .default_value("receiver@example.com"),
        option("subject", "TEXT", "What it is about").default_value("测试邮件"),
        option("body", "TEXT", "What it says").default_value("这是一封测试邮件"),
        option("user", "NAME", "Log in; the password is what the variable SMTP_PASSWORD holds").requires("TARGET"),
        option("ca", "FILE", "Trust the authority whose certificate is in this file (PEM), and no other")
            .requires("TARGET"),
        option("timeout", "SECONDS", "For each turn [default: 30]").value_parser(seconds),
        flag("strangers", "Also try servers that are not what they seem").conflicts_with("TARGET"),
    ];
    lesson::main("Sends a mail over STARTTLS.", args, run)
}

fn run(args: &Args) -> Result<()> {
    let message = message(args);
    let chosen = args.target_or(|| lab::start(lab::Options { login_required: true, ..lab::Options::default() }))?;
    let Some(lab) = &chosen.server else {
        let target = Target::parse(&chosen.address, SUBMISSION)?;
        return send(&target, &options(args, args.trust()?), login(args)?, &message);
    };
    let options = options(args, tls::trust()?);
    send(&lab.addr().into(), &options, Some(("user", "password".into())), &message)?;
    inbox(lab);
    if args.get_flag("strangers") { strangers(&options, &message) } else { Ok(()) }
}

/// `MIMEText`, `msg["From"]`, `msg["To"]`, `msg["Subject"]`.
fn message(args: &Args) -> MessageBuilder<'_> {
    let text = |name| args.get_one::<String>(name).map_or("", String::as_str);
    let to: Vec<&str> = args.get_many::<String>("to").into_iter().flatten().map(String::as_str).collect();
    MessageBuilder::new().from(text("from")).to(to).subject(text("subject")).text_body(text("body"))
}

/// `SMTP(host, 587)`, `starttls()`, `login`, `send_message`, `quit`.
fn send(server: &Target, options: &Options, login: Option<(&str, String)>, message: &MessageBuilder<'_>) -> Result<()> {
    let mut smtp = Smtp::connect(server, options)?; // with TLS, or not at all
    if let Some((user, password)) = login {
        smtp.login(user, &password)?;
    }
    let sent = smtp.send(message)?;
    println!("taken: {}", sent.reply);
    for refused in &sent.refused {
        println!("not for {}: {}", refused.address, refused.reply);
    }
    smtp.quit()
}

/// What the server has, twice: as servers see it (the envelope), and as people do (the head and the text).
fn inbox(lab: &Lab) {
    for mail in lab.inbox() {
        println!("envelope: from {} to {}", mail.from, mail.to.join(", "));
        println!("logged in: {}, over TLS: {}", mail.user.as_deref().unwrap_or("nobody"), mail.secure);
        println!("From: {}", mail.sender());
        println!("Subject: {}", mail.subject());
        for part in mail.parts() {
            println!("{}, {} bytes: {}", part.kind, part.bytes.len(), part.text().trim_end());
        }
    }
}

/// Servers that a stranger put in the way. None of them gets the login or the mail.
fn strangers(options: &Options, message: &MessageBuilder<'_>) -> Result<()> {
    for (what, tls, wrong) in [
        ("another's certificate", lab::Tls::Offered(Certificate::WrongHost), vec![]),
        ("one that it signed itself", lab::Tls::Offered(Certificate::SelfSigned), vec![]),
        ("STARTTLS struck out", lab::Tls::Offered(Certificate::Good), vec![Wrong::Hides("STARTTLS".into())]),
        (
            "a line put behind the reply",
            lab::Tls::Offered(Certificate::Good),
            vec![Wrong::InjectsAfterStartTls("250 AUTH PLAIN\r\n".into())],
        ),
    ] {
        let lab = lab::start(lab::Options { tls, wrong, ..lab::Options::default() })?;
        match send(&lab.addr().into(), options, Some(("user", "password".into())), message) {
            Err(error) => println!("{what}: {error}"),
            Ok(()) => println!("{what}: it has {} mails", lab.inbox().len()),
        }
    }
    Ok(())
}

fn options(args: &Args, trusted: Tls) -> Options {
    let mut options = Options { starttls: StartTls::Required(trusted), ..Options::default() };
    options.dial.trace = args.wire();
    if let Some(time) = args.get_one::<Duration>("timeout") {
        (options.dial.connect, options.dial.reply, options.taking) = (*time, *time, *time);
    }
    options
}

fn login(args: &Args) -> Result<Option<(&str, String)>> {
    let Some(user) = args.get_one::<String>("user") else { return Ok(None) };
    let usage = format!(
        "the password is missing: read -rs {PASSWORD} && export {PASSWORD} asks for it; usage: 06_smtp SERVER --user NAME"
    );
    let unset = |_| Error::Invalid(usage.into());
    Ok(Some((user, std::env::var(PASSWORD).map_err(unset)?)))
}

impl Server for Lab {
    fn name(&self) -> &str {
        "SMTP server"
    }
    fn addr(&self) -> SocketAddr {
        Lab::addr(self)
    }
}
