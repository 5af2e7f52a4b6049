//! A DNS message: the same form for a question and its answer.
//!
//! ```text
//! id 2 | flags 2 | QDCOUNT 2 | ANCOUNT 2 | NSCOUNT 2 | ARCOUNT 2       twelve bytes, then
//! questions  | answers | authority | additional                       as many of each as counted
//!
//! flags: QR 1 | opcode 4 | AA 1 | TC 1 | RD 1 | RA 1 | zero 1 | AD 1 | CD 1 | RCODE 4
//! ```
//!
//! RFC 1035 section 4.1; RFC 6891 (EDNS: an OPT record among the additional ones says how much we can take). Pure: bytes
//! in, value out. A count from the wire only ends a loop, nothing is reserved for it, and each record must be there whole.
//!
//! May use: error.

use super::name::{Name, Reader, Writer};
use super::record::{Data, Edns, IN, Kind, Rcode, Record, kept_for, record_head, with_length};
use crate::error::{Error, Result};

/// Flag QR: this is an answer.
pub const QR: u16 = 0x8000;
/// Flag AA: the server speaks for this zone itself.
pub const AA: u16 = 0x0400;
/// Flag TC: the answer did not fit and was cut: ask again over TCP.
pub const TC: u16 = 0x0200;
/// Flag RD: please ask others too.
pub const RD: u16 = 0x0100;
/// Flag RA: this server asks others.
pub const RA: u16 = 0x0080;

/// The longest message: TCP has two bytes for its length (RFC 1035 section 4.2.2).
const LONGEST: usize = 65_535;

/// What is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// About whom.
    pub name: Name,
    /// Which type of records.
    pub kind: Kind,
    /// The class, nearly always [`IN`].
    pub class: u16,
}

/// A message in either direction.
///
/// ```
/// use netprimer::dns::{Kind, Message, Name};
/// let query = Message::query(0x1234, Name::parse("www.example.com")?, Kind::A);
/// let packet = query.encode()?;
/// assert_eq!(&packet[..12], [0x12, 0x34, 0x01, 0x00, 0, 1, 0, 0, 0, 0, 0, 1]);
/// assert_eq!(Message::parse(&packet)?, query);
/// # Ok::<(), netprimer::Error>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Message {
    /// Chosen by who asks, repeated by who answers.
    pub id: u16,
    /// [`QR`], [`AA`], [`TC`], [`RD`], [`RA`], the opcode and the lower four bits of the [`Rcode`].
    pub flags: u16,
    /// What is asked: one question in practice.
    pub questions: Vec<Question>,
    /// The answers.
    pub answers: Vec<Record>,
    /// Who speaks for the zone.
    pub authority: Vec<Record>,
    /// What may be of use, without the OPT record.
    pub additional: Vec<Record>,
    /// The OPT record, if there is one.
    pub edns: Option<Edns>,
}

impl Message {
    /// A question to a name server that should find the answer for us (RD), with EDNS.
    pub fn query(id: u16, name: Name, kind: Kind) -> Message {
        let questions = vec![Question { name, kind, class: IN }];
        Message { id, flags: RD, questions, edns: Some(Edns::default()), ..Message::default() }
    }

    /// 0 for a plain question; what else there is (RFC 6895 section 2.2) this library does not send.
    pub fn opcode(&self) -> u16 {
        self.flags >> 11 & 15
    }

    /// How it went, with the upper bits from EDNS.
    pub fn rcode(&self) -> Rcode {
        let high = self.edns.as_ref().map_or(0, |edns| u16::from(edns.rcode_high));
        Rcode(high << 4 | self.flags & 15)
    }

    /// Whether this can be the answer to `query`: the same id, opcode and question (name without case, type, class), and
    /// the other direction. Where it came from is for the socket to check. An error may come without the question:
    /// a server that could not read it has nothing to repeat.
    pub fn answers_to(&self, query: &Message) -> bool {
        let refusal = matches!(self.rcode(), Rcode::FORM_ERR | Rcode::SERV_FAIL | Rcode::NOT_IMP | Rcode::REFUSED);
        self.id == query.id
            && self.flags & QR != 0
            && self.opcode() == query.opcode()
            && (self.questions == query.questions || refusal && self.questions.is_empty())
    }

    /// Whether it only names other servers to ask: a stub resolver has come to the wrong one.
    pub fn is_referral(&self) -> bool {
        let says_something = self.flags & (AA | RA) != 0 || !self.answers.is_empty();
        self.rcode() == Rcode::NO_ERROR && !says_something
    }

    /// Reads a whole message.
    ///
    /// # Errors
    /// [`Error::Protocol`] for a message that is cut, goes on after its last record, or breaks a rule: lengths that do
    /// not fit, bad names, two OPT records or one at a wrong place. [`Error::TooLong`] for names that come to more
    /// than 64 KiB.
    pub fn parse(packet: &[u8]) -> Result<Message> {
        let (mut message, counts, mut reader) = Message::head(packet)?;
        for (section, count) in counts.into_iter().enumerate() {
            for _ in 0..count {
                let name = reader.name()?;
                let (kind, class) = (Kind(reader.u16()?), reader.u16()?);
                let (ttl, length) = (reader.u32()?, usize::from(reader.u16()?));
                if kind == Kind::OPT {
                    if section != 2 || message.edns.is_some() || name != Name::root() {
                        return Err(Error::Protocol("an OPT record stands where it must not".into()));
                    }
                    message.edns = Some(Edns::read(&mut reader, class, ttl, length)?);
                    continue;
                }
                let data = Data::read(&mut reader, kind, class, length)?;
                let records = match section {
                    0 => &mut message.answers,
                    1 => &mut message.authority,
                    _ => &mut message.additional,
                };
                records.push(Record { name, class, ttl: kept_for(ttl), data });
            }
        }
        if reader.at == packet.len() {
            return Ok(message);
        }
        Err(Error::Protocol(format!("the DNS message goes on after its last record, at byte {}", reader.at).into()))
    }

    /// Reads the header and the questions only: enough to know whose answer it is, even if the rest was cut.
    ///
    /// # Errors
    /// Those of [`Message::parse`] for this part.
    pub fn parse_head(packet: &[u8]) -> Result<Message> {
        Ok(Message::head(packet)?.0)
    }

    fn head(packet: &[u8]) -> Result<(Message, [u16; 3], Reader<'_>)> {
        let mut reader = Reader::new(packet);
        let (id, flags, questions) = (reader.u16()?, reader.u16()?, reader.u16()?);
        let counts = [reader.u16()?, reader.u16()?, reader.u16()?];
        let mut message = Message { id, flags, ..Message::default() };
        for _ in 0..questions {
            let name = reader.name()?;
            message.questions.push(Question { name, kind: Kind(reader.u16()?), class: reader.u16()? });
        }
        Ok((message, counts, reader))
    }

    /// The message as it travels, names compressed (RFC 1035 section 4.1.4).
    ///
    /// # Errors
    /// [`Error::Invalid`] for what does not fit: over 65,535 records in a section or bytes in all, a string in TXT over
    /// 255 bytes.
    pub fn encode(&self) -> Result<Vec<u8>> {
        let mut writer = Writer::default();
        writer.u16(self.id);
        writer.u16(self.flags);
        let more = usize::from(self.edns.is_some());
        for n in [self.questions.len(), self.answers.len(), self.authority.len(), self.additional.len() + more] {
            writer.u16(u16::try_from(n).map_err(|_| Error::Invalid("a DNS message counts to 65,535".into()))?);
        }
        for question in &self.questions {
            writer.name(&question.name);
            writer.u16(question.kind.0);
            writer.u16(question.class);
        }
        for record in self.answers.iter().chain(&self.authority).chain(&self.additional) {
            writer.name(&record.name);
            record_head(&mut writer, record.data.kind(), record.class, record.ttl);
            with_length(&mut writer, |writer| record.data.write(writer))?;
        }
        if let Some(edns) = &self.edns {
            edns.write(&mut writer)?;
        }
        if writer.packet.len() > LONGEST {
            return Err(Error::Invalid("a DNS message has at most 65,535 bytes".into()));
        }
        Ok(writer.packet)
    }
}
