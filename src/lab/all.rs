//! The whole laboratory at once: every server, each on a port of its own.
//!
//! ```text
//! 8080 HTTP   8443 HTTPS   8765 WebSocket   2121 FTP   2525 SMTP   4650 SMTP over TLS   5300 DNS   8888 echo
//! ```
//!
//! These are the ports of the lessons ([`Ports::LESSONS`]): none below 1024, where a program would need rights; for each the
//! protocol's own port can be heard in it (80, 443, 21, 25, 465, 53).
//!
//! May use: everything but `check`.

use crate::error::Result;
use crate::gather::Gather;
use crate::lab::smtp::OnMail;
use crate::lab::tls::{Acceptor, Certificate};
use crate::lab::{dns, echo, ftp, http, smtp, ws};
use crate::server::{Drained, Handle};
use crate::trace::Sink;
use std::sync::Arc;
use std::time::Duration;

/// Where each server listens on 127.0.0.1. By default each on any port that is free.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[allow(missing_docs)] // each is what it is called
pub struct Ports {
    pub http: u16,
    pub https: u16,
    pub ws: u16,
    pub ftp: u16,
    pub smtp: u16,
    /// TLS from the first byte.
    pub smtps: u16,
    /// UDP and TCP.
    pub dns: u16,
    /// UDP and TCP.
    pub echo: u16,
}

impl Ports {
    /// The same ports in every run, so that commands can be written down.
    pub const LESSONS: Ports =
        Ports { http: 8080, https: 8443, ws: 8765, ftp: 2121, smtp: 2525, smtps: 4650, dns: 5300, echo: 8888 };
}

/// Gives who is to watch the server of this name (as [`Lab::servers`] has it), if anybody.
pub type Watch<'w> = &'w dyn Fn(&'static str) -> Option<Arc<dyn Sink>>;

/// All servers of the lab. Dropping it stops them.
#[derive(Debug)]
pub struct Lab {
    /// A web server.
    pub http: http::Lab,
    /// The same over TLS.
    pub https: http::Lab,
    /// WebSocket, with a page for the browser.
    pub ws: ws::Lab,
    /// Files: `username` with `password` may write, guests may read; TLS on demand.
    pub ftp: ftp::Lab,
    /// Mail: TLS on demand, login as `user` with `password`, or without a login.
    pub smtp: smtp::Lab,
    /// The same with TLS from the first byte, and an inbox of its own.
    pub smtps: smtp::Lab,
    /// Names: the zone of the lessons.
    pub dns: dns::NameServer,
    /// What comes goes back.
    pub echo: echo::Lab,
}

/// Starts all servers. `on_mail` hears of each message that either mail server takes.
///
/// # Errors
/// Those of the servers' `start`: [`Error::Io`](crate::Error::Io) that names the address when a port is taken.
///
/// ```
/// use netprimer::lab::all::{self, Ports};
/// let lab = all::start(Ports::default(), &|_| None, None)?;
/// let names: Vec<&str> = lab.servers().iter().map(|(name, _)| *name).collect();
/// assert_eq!(names, ["HTTP", "HTTPS", "WebSocket", "FTP", "SMTP", "SMTPS", "DNS", "echo"]);
/// assert_eq!(netprimer::http::get(&lab.http.url("/ip"))?.status, 200);
/// # Ok::<(), netprimer::Error>(())
/// ```
pub fn start(ports: Ports, watch: Watch<'_>, on_mail: Option<OnMail>) -> Result<Lab> {
    let certificate = Certificate::Good;
    let tls = Some(Acceptor::new(certificate)?);
    let mail = |port, tls, name| {
        smtp::start(smtp::Options { port, tls, trace: watch(name), on_mail: on_mail.clone(), ..Default::default() })
    };
    let web = |port, tls, name| http::start(http::Options { port, tls, trace: watch(name), ..Default::default() });
    let (trace, data_trace) = (watch("FTP"), watch("FTP data"));
    Ok(Lab {
        http: web(ports.http, None, "HTTP")?,
        https: web(ports.https, tls.clone(), "HTTPS")?,
        ws: ws::start(ws::Options { port: ports.ws, trace: watch("WebSocket"), ..Default::default() })?,
        ftp: ftp::start(ftp::Options { port: ports.ftp, tls, trace, data_trace, ..Default::default() })?,
        smtp: mail(ports.smtp, smtp::Tls::Offered(certificate), "SMTP")?,
        smtps: mail(ports.smtps, smtp::Tls::AtOnce(certificate), "SMTPS")?,
        dns: dns::start(dns::Options {
            port: ports.dns,
            zone: dns::Zone::lesson(),
            trace: watch("DNS"),
            ..Default::default()
        })?,
        echo: echo::start(echo::Options { port: ports.echo, trace: watch("echo") })?,
    })
}

impl Lab {
    /// The servers by their names: where they listen, and their counts. What came over UDP is counted by `dns` and `echo`.
    pub fn servers(&self) -> [(&'static str, &Handle); 8] {
        [
            ("HTTP", self.http.server()),
            ("HTTPS", self.https.server()),
            ("WebSocket", self.ws.running().server()),
            ("FTP", self.ftp.server()),
            ("SMTP", self.smtp.server()),
            ("SMTPS", self.smtps.server()),
            ("DNS", self.dns.server()),
            ("echo", self.echo.server()),
        ]
    }

    /// Ends all servers at the same time, and says how their connections ended, all together.
    ///
    /// # Errors
    /// Those of [`Gather::all`].
    pub fn stop(self, grace: Duration) -> Result<Drained> {
        type Stop = Box<dyn FnOnce(Duration) -> Drained + Send>;
        let Lab { http, https, ws, ftp, smtp, smtps, dns, echo } = self;
        let stops: [Stop; 8] = [
            Box::new(|grace| http.stop(grace)),
            Box::new(|grace| https.stop(grace)),
            Box::new(move |grace| ws.stop(grace)),
            Box::new(|grace| ftp.stop(grace)),
            Box::new(|grace| smtp.stop(grace)),
            Box::new(|grace| smtps.stop(grace)),
            Box::new(move |grace| dns.server().stop(grace)),
            Box::new(|grace| echo.stop(grace)),
        ];
        let together = |all: Drained, one: Drained| Drained {
            finished: all.finished + one.finished,
            forced: all.forced + one.forced,
            stuck: all.stuck + one.stuck,
        };
        let ends = Gather::default().all(stops, |stop, _| Ok(stop(grace)))?;
        Ok(ends.into_iter().fold(Drained { finished: 0, forced: 0, stuck: 0 }, together))
    }
}
