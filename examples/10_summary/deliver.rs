//! What becomes of the report: the page goes to a server by FTP (RFC 959), text and page go to a person by mail (RFC 5321).
//!
//! Both over TLS or not at all (RFC 4217, RFC 3207): there is a password to lose.

use crate::checks::Finding;
use netprimer::dial::{Dial, Target};
use netprimer::ftp::{self, Ftp};
use netprimer::gather::wait_for;
use netprimer::smtp::{self, MessageBuilder, Smtp, StartTls};
use netprimer::{Deadline, stream::Tls};

/// A server that takes something from us.
pub struct Post {
    pub server: Target,
    pub user: String,
    pub password: String,
    pub tls: Tls,
    pub dial: Dial,
}

/// Puts the page there as `health.html`.
pub fn upload(to: Post, page: &str, by: Deadline) -> Finding {
    let (address, page) = (format!("ftp upload to {}", to.server), page.to_owned());
    let work = move || {
        let options = ftp::Options { dial: to.dial.by(by)?, ..Default::default() };
        let mut ftp = Ftp::connect_with(to.server, options)?.secure(&to.tls)?;
        ftp.login(&to.user, &to.password)?;
        ftp.stor("health.html", &mut page.as_bytes())?;
        let _ = ftp.quit(); // it has arrived, also without a goodbye
        Ok("health.html".into())
    };
    Finding::of(&address, |finding| finding.step("talk", || wait_for(by, "upload the page", work)))
}

/// Mails the report, with the page beside it.
pub fn mail(to: Post, people: [String; 2], [subject, text, page]: [String; 3], by: Deadline) -> Finding {
    let address = format!("mail to {} at {}", people[1], to.server);
    let work = move || {
        let (dial, starttls) = (to.dial.by(by)?, StartTls::Required(to.tls));
        let [sender, receiver] = people;
        let message = MessageBuilder::new().from(sender).to(receiver).subject(subject).text_body(text);
        let message = message.attachment("text/html", "health.html", page.into_bytes());
        let mut smtp = Smtp::connect(&to.server, &smtp::Options { dial, starttls, ..Default::default() })?;
        smtp.login(&to.user, &to.password)?;
        let sent = smtp.send(&message)?;
        let _ = smtp.quit();
        Ok(sent.reply.to_string())
    };
    Finding::of(&address, |finding| finding.step("talk", || wait_for(by, "send the mail", work)))
}
