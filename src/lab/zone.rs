//! What a DNS server of the lab knows: records, and how they answer a question (RFC 1034 section 4.3.2).
//!
//! ```text
//! www.example.com 300 IN A 93.184.216.34       a line for each record, all names in full
//! ; what a zone is begins with its SOA record
//! ```
//!
//! No wildcards and no delegations: a question is answered from the records of its very name, through aliases.
//!
//! May use: error, dns.

use crate::dns::{AA, Data, IN, Kind, Message, Name, Rcode, Record};
use crate::error::{Error, Result};
use std::collections::{HashMap, HashSet};

/// The names of the lessons. 192.0.2.0/24 and 2001:db8::/32 are nobody's (RFC 5737, RFC 3849).
const LESSON: &str = r#"
example.com         3600 IN SOA   ns.example.com hostmaster.example.com 1 7200 900 1209600 300
example.com         3600 IN NS    ns.example.com
example.com          300 IN A     93.184.216.34
example.com          300 IN MX    10 mail.example.com
example.com          300 IN MX    20 backup.example.com
example.com          300 IN TXT   "v=spf1 -all"
www.example.com      300 IN A     93.184.216.34
www.example.com      300 IN AAAA  2606:2800:220:1:248:1893:25c8:1946
ns.example.com       300 IN A     192.0.2.53
mail.example.com     300 IN A     192.0.2.25
mail.example.com     300 IN AAAA  2001:db8::25
backup.example.com   300 IN A     192.0.2.26
web.example.com      300 IN CNAME www.example.com
_ftp._tcp.example.com 300 IN SRV  0 5 2121 www.example.com
loop.example.com     300 IN CNAME pool.example.com
pool.example.com     300 IN CNAME loop.example.com
216.184.93.in-addr.arpa    3600 IN SOA ns.example.com hostmaster.example.com 1 7200 900 1209600 300
34.216.184.93.in-addr.arpa  300 IN PTR www.example.com
66.216.184.93.in-addr.arpa  300 IN PTR www.example.com
0.0.8.2.6.0.6.2.ip6.arpa   3600 IN SOA ns.example.com hostmaster.example.com 1 7200 900 1209600 300
6.4.9.1.8.c.5.2.3.9.8.1.8.4.2.0.1.0.0.0.0.2.2.0.0.0.8.2.6.0.6.2.ip6.arpa 300 IN PTR www.example.com
"#;

/// Records by their owner.
#[derive(Debug, Clone, Default)]
pub struct Zone {
    records: HashMap<Name, Vec<Record>>,
    // Also names that have no record but one below them: these exist (RFC 8020).
    names: HashSet<Name>,
}

impl Zone {
    /// What the lessons ask for: `www.example.com` and 93.184.216.34 among them, aliases that form a circle (`loop`), a name
    /// that lies about another (66, which says it is `www`), and `big.example.com`, whose text fits no datagram.
    pub fn lesson() -> Zone {
        let mut zone = Zone::parse(LESSON).unwrap_or_default(); // a test reads it
        if let Ok(name) = Name::parse("big.example.com") {
            zone.push(Record { name, class: IN, ttl: 300, data: Data::Txt(vec![vec![b'x'; 200]; 8]) });
        }
        zone
    }

    /// Reads lines of `NAME TTL IN TYPE DATA`, as `Record` shows them; names are always in full, and text has no escapes.
    ///
    /// # Errors
    /// [`Error::Invalid`] with the number of the first line that is none.
    pub fn parse(text: &str) -> Result<Zone> {
        let mut zone = Zone::default();
        for (n, line) in text.lines().enumerate() {
            let line = line.trim();
            if !line.is_empty() && !line.starts_with(';') {
                let bad = |why: &str| Error::Invalid(format!("line {} of the zone: {why}", n + 1).into());
                zone.push(record(line).ok_or_else(|| bad("not NAME TTL IN TYPE DATA"))?);
            }
        }
        Ok(zone)
    }

    /// Adds a record.
    pub fn push(&mut self, record: Record) {
        let mut name = Some(record.name.clone());
        while let Some(here) = name.filter(|here| !self.names.contains(here)) {
            name = here.parent();
            self.names.insert(here);
        }
        self.records.entry(record.name.clone()).or_default().push(record);
    }

    /// Fills `answer` with what is known about the question in it: records, aliases followed, or why there is none.
    pub fn answer(&self, answer: &mut Message) {
        let Some(question) = answer.questions.first() else { return };
        let (mut name, kind) = (question.name.clone(), question.kind);
        if question.class != IN || self.authority(&name).is_none() {
            return set_rcode(answer, Rcode::REFUSED);
        }
        answer.flags |= AA;
        let mut seen = Vec::new();
        while let Some(soa) = self.authority(&name) {
            let own = self.records.get(&name).map_or(&[][..], Vec::as_slice);
            // To "all types" one type is answer enough (RFC 8482 section 4.1).
            let kind = if kind == Kind::ANY { own.first().map_or(kind, |first| first.data.kind()) } else { kind };
            let found = own.iter().filter(|record| record.data.kind() == kind);
            answer.answers.extend(found.clone().cloned());
            if found.count() > 0 {
                return;
            }
            if let Some((alias, target)) = own.iter().find_map(|record| Some((record, record.data.alias()?))) {
                if seen.contains(&name) {
                    return; // a circle: once around is all there is to tell
                }
                answer.answers.push(alias.clone());
                seen.push(std::mem::replace(&mut name, target.clone()));
                continue;
            }
            if !self.names.contains(&name) {
                set_rcode(answer, Rcode::NX_DOMAIN); // also at the end of aliases (RFC 6604)
            }
            answer.authority.push(soa);
            return;
        }
    }

    /// The SOA of the zone this name is in, as a "no" brings it along (RFC 2308 section 3).
    fn authority(&self, name: &Name) -> Option<Record> {
        let mut apex = Some(name.clone());
        while let Some(here) = apex {
            for record in self.records.get(&here).into_iter().flatten() {
                if let Data::Soa { minimum, .. } = record.data {
                    return Some(Record { ttl: record.ttl.min(minimum), ..record.clone() });
                }
            }
            apex = here.parent();
        }
        None
    }
}

fn set_rcode(message: &mut Message, rcode: Rcode) {
    message.flags = message.flags & !15 | rcode.0 & 15;
}

fn record(line: &str) -> Option<Record> {
    let mut words = words(line)?.into_iter();
    let mut next = || words.next();
    let name = Name::parse(&next()?).ok()?;
    let ttl = next()?.parse().ok()?;
    next().filter(|class| class.eq_ignore_ascii_case("IN"))?;
    let kind = Kind::parse(&next()?)?;
    let number = |word: Option<String>| word?.parse::<u32>().ok();
    let short = |word: Option<String>| word?.parse::<u16>().ok();
    let owner = |word: Option<String>| Name::parse(&word?).ok();
    let data = match kind {
        Kind::A => Data::A(next()?.parse().ok()?),
        Kind::AAAA => Data::Aaaa(next()?.parse().ok()?),
        Kind::CNAME => Data::Cname(owner(next())?),
        Kind::NS => Data::Ns(owner(next())?),
        Kind::PTR => Data::Ptr(owner(next())?),
        Kind::MX => Data::Mx { preference: short(next())?, host: owner(next())? },
        Kind::TXT => {
            let strings: Vec<Vec<u8>> = std::iter::from_fn(&mut next).map(String::into_bytes).collect();
            let fit = !strings.is_empty() && strings.iter().all(|string| string.len() <= 255); // RFC 1035 section 3.3.14
            fit.then_some(Data::Txt(strings))?
        }
        Kind::SOA => Data::Soa {
            primary: owner(next())?,
            mailbox: owner(next())?,
            serial: number(next())?,
            refresh: number(next())?,
            retry: number(next())?,
            expire: number(next())?,
            minimum: number(next())?,
        },
        Kind::SRV => {
            Data::Srv { priority: short(next())?, weight: short(next())?, port: short(next())?, target: owner(next())? }
        }
        _ => return None,
    };
    next().is_none().then_some(Record { name, class: IN, ttl, data })
}

/// The words of a line; one in quotes may have spaces. `None` when a quote stays open.
fn words(line: &str) -> Option<Vec<String>> {
    let mut words = Vec::new();
    let mut rest = line.trim_start();
    while !rest.is_empty() {
        let (word, after) = match rest.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"')?,
            None => rest.split_once(char::is_whitespace).unwrap_or((rest, "")),
        };
        words.push(word.to_owned());
        rest = after.trim_start();
    }
    Some(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_of_the_lesson_is_a_record() {
        let records: usize = Zone::lesson().records.values().map(Vec::len).sum();
        assert_eq!(records, LESSON.lines().filter(|line| !line.is_empty()).count() + 1);
    }

    #[test]
    fn what_is_no_record_is_named_by_its_line() {
        let long = format!("x 1 IN TXT {}", "a".repeat(256));
        let lines = [
            "x",
            "x 1 IN A",
            "x 1 IN A 1.2.3",
            "x 1 CH A 1.2.3.4",
            "x 1 IN A 1.2.3.4 5",
            "x 1 IN TXT \"a",
            "x 1 IN TXT",
        ];
        for line in lines.into_iter().chain([long.as_str()]) {
            let error = Zone::parse(&format!("\n; so\n{line}\n")).unwrap_err();
            assert!(error.to_string().starts_with("line 3 of the zone"), "{line}: {error}");
        }
    }
}
