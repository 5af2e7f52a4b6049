//! The commands about files, and those that announce a data connection.
//!
//! ```text
//! C: RETR a      S: 150 here it comes (6 bytes)     S: the bytes      S: 226 that was all
//! C: STOR b      S: 150 go on                       C: the bytes      S: 226 it is stored
//! ```
//!
//! An upload from the first byte on stands under its name only once it is whole. A name is UTF-8.
//!
//! May use: everything but `check`.

use super::Wrong;
use super::data::{Data, Stop, Way};
use super::session::{Answer, Session};
use super::tree::{Place, facts, long};
use crate::encode::ftp_time;
use crate::ftp::ascii::{FromWire, ToWire};
use crate::ftp::wire::{host_port, number};
use crate::part::Part;
use crate::stream::Invitation;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::SystemTime;

pub(super) const NOT_THERE: (u16, &str) = (550, "there is no such file or folder");

/// What a command gives up with, and the reply to it.
type Refused = (u16, &'static str);

pub(super) fn denied() -> io::Result<()> {
    Err(io::ErrorKind::PermissionDenied.into())
}

impl Session<'_> {
    pub(super) fn features(&self) -> String {
        let mut lines = vec!["what is known here"];
        lines.extend(self.lab.options.tls.as_ref().map(|_| " AUTH TLS"));
        lines.extend((!self.lab.wrong(|wrong| *wrong == Wrong::NoEpsv)).then_some(" EPRT\n EPSV"));
        lines.push(" MDTM\n MLST type*;size*;modify*;perm*;");
        lines.extend(self.lab.options.tls.as_ref().map(|_| " PBSZ\n PROT"));
        lines.push(" REST STREAM");
        lines.extend((!self.lab.wrong(|wrong| *wrong == Wrong::NoSize)).then_some(" SIZE"));
        lines.push(" TVFS\n UTF8\nthat is all");
        lines.join("\n")
    }

    // ---- names ----

    pub(super) fn place(&self, path: &str) -> Result<Place, Refused> {
        if path.contains('\u{fffd}') {
            return Err((553, "a name is UTF-8"));
        }
        self.lab.tree.find(&self.cwd, path).map_err(|why| (550, why))
    }

    pub(super) fn existing(&self, path: &str) -> Result<Place, Refused> {
        self.place(path).and_then(|place| if place.what.is_some() { Ok(place) } else { Err(NOT_THERE) })
    }

    fn file(&self, path: &str) -> Result<Place, Refused> {
        self.existing(path).and_then(|place| if place.is_file() { Ok(place) } else { Err((550, "this is no file")) })
    }

    pub(super) fn change_to(&mut self, path: &str) -> Answer {
        let place = self.existing(path)?;
        if !place.is_folder() {
            return Err((550, "this is no folder"));
        }
        self.cwd = place.names;
        Ok((250, "there you are".into()))
    }

    pub(super) fn change(&self, path: &str, act: impl FnOnce(&Place) -> io::Result<()>) -> Answer {
        let place = self.existing(path)?;
        if place.names.is_empty() {
            return Err((550, "not this one"));
        }
        act(&place).map_err(|_| (550, "that cannot be done"))?;
        Ok((250, "done".into()))
    }

    pub(super) fn ask(&self, verb: &str, path: &str) -> Answer {
        let what = self.file(path)?.what.ok_or(NOT_THERE)?;
        match verb {
            "SIZE" if self.ascii => Err((550, "as text it may have any size: TYPE I first")),
            "SIZE" => Ok((213, what.len().to_string())),
            _ => Ok((213, ftp_time(what.modified().unwrap_or(SystemTime::UNIX_EPOCH)))),
        }
    }

    // ---- the data connection ----

    pub(super) fn passive(&mut self, verb: &str, argument: &str) -> Answer {
        self.way = None; // one port for each client
        if verb == "EPSV" {
            match argument {
                _ if self.lab.wrong(|wrong| *wrong == Wrong::NoEpsv) => return Err((500, "not known here")),
                "" => {}
                all if all.eq_ignore_ascii_case("ALL") => {
                    self.epsv_only = true;
                    return Ok((200, "nothing but EPSV from now on".into()));
                }
                family if family == self.family() => {}
                _ => return Err((522, "use the family of this connection")),
            }
        } else if self.epsv_only {
            return Err((501, "you said EPSV ALL"));
        }
        let invitation =
            Invitation::new(self.local.ip(), self.peer.ip()).map_err(|_| (425, "there is no port to be had"))?;
        self.ender.invited(&invitation);
        let own = invitation.addr();
        let port = self.lab.options.data_port.as_ref().map_or(own.port(), |name| name(own));
        self.way = Some(Way::Passive(invitation));
        if verb == "EPSV" {
            return Ok((229, format!("extended passive mode (|||{port}|)")));
        }
        let IpAddr::V4(own) = self.local.ip() else { return Err((425, "use EPSV")) };
        let lie = self.lab.options.wrong.iter().find_map(|wrong| match wrong {
            Wrong::LieAboutPasv(host) => Some(*host),
            _ => None,
        });
        Ok((227, format!("passive mode ({})", host_port(lie.unwrap_or(own), port))))
    }

    fn family(&self) -> &'static str {
        if self.local.is_ipv4() { "1" } else { "2" }
    }

    pub(super) fn active(&mut self, verb: &str, argument: &str) -> Answer {
        self.way = None;
        if self.epsv_only {
            return Err((501, "you said EPSV ALL"));
        }
        let addr = if verb == "PORT" { port(argument) } else { self.eprt(argument)? };
        // Else anybody could have us connect to any machine in his place (RFC 2577 section 3).
        let addr = addr.filter(|addr| addr.ip() == self.peer.ip() && addr.port() >= 1024);
        self.way = Some(Way::Active(addr.ok_or((501, "your own address, and a port above 1023"))?));
        Ok((200, "ok".into()))
    }

    fn eprt(&self, argument: &str) -> Result<Option<SocketAddr>, Refused> {
        let Some(delimiter) = argument.chars().next() else { return Ok(None) };
        let fields: Vec<&str> = argument.split(delimiter).collect();
        let ["", family, ip, port, ""] = fields[..] else { return Ok(None) };
        if family != self.family() {
            return Err((522, "use the family of this connection"));
        }
        Ok(ip.parse().ok().zip(number(port)).map(|(ip, port)| SocketAddr::new(ip, port)))
    }

    /// Says that it begins, and opens the connection.
    fn begin(&mut self, text: &str) -> Result<Data, Refused> {
        let way = self.way.take().ok_or((425, "EPSV or PASV first"))?;
        self.say(150, text).map_err(|_| (426, "you are gone"))?;
        let reuse = self.protect && self.lab.wrong(|wrong| *wrong == Wrong::DemandReuse);
        way.open(self.lab, self.protect, &self.ender).map_err(|_| match reuse {
            true => (522, "SSL connection failed; session reuse required: see require_ssl_reuse"),
            false => (425, "the data connection did not come about"),
        })
    }

    fn end(&mut self, moved: Result<(), Stop>) -> Answer {
        match moved {
            Ok(()) => Ok((226, "that was all".into())),
            Err(Stop::Say(code, text)) => Err((code, text)),
            Err(Stop::Aborted) => {
                self.say(426, "cut short").map_err(|_| (426, "you are gone"))?;
                Ok((226, "as you wish".into()))
            }
        }
    }

    pub(super) fn list(&mut self, verb: &str, argument: &str) -> Answer {
        // Programs that take the server for `ls` send options; MLSD has none.
        let path = match verb {
            "MLSD" => argument,
            _ => argument.split(' ').find(|word| !word.starts_with('-')).map_or("", |_| {
                let options = argument.split(' ').take_while(|word| word.starts_with('-')).map(|word| word.len() + 1);
                &argument[options.sum::<usize>()..]
            }),
        };
        let place = self.existing(path)?;
        if verb == "MLSD" && !place.is_folder() {
            return Err((501, "this is no folder"));
        }
        let entries = match &place.what {
            Some(what) if what.is_file() => vec![(place.names.last().cloned().unwrap_or_default(), what.clone())],
            _ => self.lab.tree.list(&place),
        };
        let line = |(name, what): &(String, fs::Metadata)| match verb {
            "LIST" => long(name, what),
            "NLST" => name.clone(),
            _ => facts(name, what, !self.guest),
        };
        let text: String = entries.iter().map(|entry| line(entry) + "\r\n").collect();
        let data = self.begin("here comes the list")?;
        let moved = data.send(&mut text.as_bytes(), self);
        self.end(moved)
    }

    pub(super) fn retr(&mut self, path: &str, rest: u64) -> Answer {
        let place = self.file(path)?;
        let mut file = File::open(&place.real).map_err(|_| (550, "it cannot be read"))?;
        let all = place.what.map_or(0, |what| what.len());
        if rest > all {
            return Err((554, "the file is shorter than that"));
        }
        file.seek(SeekFrom::Start(rest)).map_err(|_| (550, "it cannot be read"))?;
        let hint = if self.ascii || self.lab.wrong(|wrong| *wrong == Wrong::NoSize) {
            String::new()
        } else {
            format!(" ({} bytes)", all - rest)
        };
        let data = self.begin(&format!("here it comes{hint}"))?;
        let moved = match self.ascii {
            true => data.send(&mut AsText { inner: file, ends: ToWire::default() }, self),
            false => data.send(&mut file, self),
        };
        self.end(moved)
    }

    pub(super) fn stor(&mut self, verb: &str, path: &str, rest: u64) -> Answer {
        let place = self.place(path)?;
        if place.what.is_some() && !place.is_file() {
            return Err((550, "this is no file"));
        }
        if rest == 0 && (verb == "STOR" || place.what.is_none()) {
            let mut part = Part::beside(&place.real).map_err(|_| (553, "it cannot be written"))?;
            let data = self.begin("go on")?;
            let moved = data.receive(&mut taking(self.ascii, &mut part), self);
            if moved.is_ok() {
                part.name(&place.real).map_err(|_| (552, "it cannot be stored"))?;
            }
            return self.end(moved);
        }
        if rest > place.what.map_or(0, |what| what.len()) {
            return Err((554, "the file is shorter than that"));
        }
        let opened = OpenOptions::new().write(true).open(&place.real);
        let mut file = opened.map_err(|_| (553, "it cannot be written"))?;
        let data = self.begin("go on")?; // what stands behind the offset goes only once something can come
        let at = match verb {
            "APPE" => file.seek(SeekFrom::End(0)),
            _ => file.set_len(rest).and_then(|()| file.seek(SeekFrom::Start(rest))),
        };
        at.map_err(|_| (451, "it cannot be written"))?;
        let moved = data.receive(&mut taking(self.ascii, &mut file), self);
        self.end(moved)
    }
}

/// The arguments of PORT.
fn port(argument: &str) -> Option<SocketAddr> {
    let numbers: Vec<u8> = argument.split(',').map(number).collect::<Option<_>>()?;
    let [a, b, c, d, high, low] = numbers[..] else { return None };
    Some(SocketAddr::new(Ipv4Addr::new(a, b, c, d).into(), u16::from_be_bytes([high, low])))
}

/// A file as text: CRLF at the end of each line.
struct AsText {
    inner: File,
    ends: ToWire,
}

impl Read for AsText {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut half = vec![0; buffer.len() / 2]; // each byte may become two
        let n = self.inner.read(&mut half)?;
        let mut text = Vec::with_capacity(buffer.len());
        self.ends.convert(&half[..n], &mut text);
        buffer[..text.len()].copy_from_slice(&text);
        Ok(text.len())
    }
}

/// Takes what comes, as text if it is meant so, into a file.
fn taking<'w>(ascii: bool, file: &'w mut dyn Write) -> impl FnMut(&[u8]) -> io::Result<()> + 'w {
    let (mut ends, mut text) = (FromWire::default(), Vec::new());
    move |bytes| {
        if !ascii {
            return file.write_all(bytes);
        }
        text.clear();
        match bytes {
            [] => ends.end(&mut text),
            bytes => ends.convert(bytes, &mut text),
        }
        file.write_all(&text)
    }
}
