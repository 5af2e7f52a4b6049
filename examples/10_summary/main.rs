//! A health monitor: looks at addresses, writes a report, uploads it by FTP and mails it. It stands on all that came before.
//!
//! On the wire: DNS, HTTP, WebSocket, FTP and SMTP. Without an address it looks at servers of the lab on this machine,
//! and reports to others of them. Exit status: 0 all is well, 1 something is wrong, 2 wrong arguments.

mod checks;
mod deliver;
#[path = "../lesson/mod.rs"]
mod lesson;
mod plan;
mod report;

use checks::Finding;
use lesson::Args;
use netprimer::gather::Gather;
use netprimer::part::Part;
use netprimer::{Deadline, Error, Result};
use std::io::{self, ErrorKind, Write};
use std::path::Path;
use std::process::ExitCode;

fn main() -> ExitCode {
    lesson::tool("Looks whether all is well, and reports it.", plan::arguments(), run)
}

fn run(args: &Args) -> Result<()> {
    let (plan, _lab) = plan::of(args)?;
    let after = |quarters| Deadline::after((plan.total / 4).saturating_mul(quarters));
    let (look, upload, mail) = (after(2), after(3), after(4));
    // Who wants to read the conversations wants one after the other.
    let workers = if plan.dial.trace.is_some() { 1 } else { 16 };
    let gather = Gather { workers, each: Some(plan.each), deadline: look, ..Gather::default() };
    let found = gather.run(&plan.addresses, |address, by| Ok(checks::look(address, &plan.dial, by)))?;
    let late = |(address, found): (&String, Result<Finding>)| {
        found.unwrap_or_else(|error| Finding::of(address, |_| Err(error))) // there was no time to begin
    };
    let mut findings: Vec<Finding> = plan.addresses.iter().zip(found).map(late).collect();

    let page = report::page(&findings);
    if let Some(file) = &plan.html {
        findings.push(Finding::of(file, |finding| finding.step("write", || save(&page, Path::new(file)))));
    }
    if let Some(post) = plan.ftp {
        findings.push(deliver::upload(post, &page, upload));
    }
    if let Some((post, people)) = plan.smtp {
        let letter = [report::summary(&findings), report::lines(&findings), page];
        findings.push(deliver::mail(post, people, letter, mail));
    }
    let summary = report::summary(&findings);
    say(&format!("{}{summary}\n", report::lines(&findings)))?;
    let well = findings.iter().all(|one| one.said.is_ok());
    if well { Ok(()) } else { Err(Error::Other("look whether all is well".into(), summary.into())) }
}

/// Nobody may be left to read it: the exit status tells the truth all the same.
fn say(text: &str) -> Result<()> {
    match io::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(Error::Io("write the report".into(), error)),
        _ => Ok(()),
    }
}

/// A browser that looks while we write sees the old page or the new one, never a half.
fn save(page: &str, file: &Path) -> Result<String> {
    let mut part = Part::beside(file)?;
    part.write_all(page.as_bytes()).map_err(Error::io("write the page"))?;
    part.name(file)?;
    Ok("written".into())
}
