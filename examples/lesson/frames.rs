//! A WebSocket's wire made visible: the heads of the handshake, how its key is answered, and every frame bit by bit under a ruler
//! (RFC 6455 sections 4.2.2 and 5.2). `--wire` of lessons 4.1, 4.2 and 8.2 shows this.
#![allow(dead_code)] // each program uses a part

use netprimer::encode::visible;
use netprimer::trace::{Event, Numbers, Side, Sink, show};
use netprimer::websocket::derive_accept_key;
use std::collections::HashMap;
use std::fmt::Write as _;
use std::io::Write;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

/// So many bytes of a payload are kept: all of a control frame, and the beginning of the others.
const KEPT: usize = 125;
/// So many of them are shown bit for bit.
const SHOWN: usize = 16;
/// No head is longer.
const HEAD: usize = 16 << 10;

/// A frame, of a long one the beginning.
pub struct Frame {
    first: u8,
    second: u8,
    /// The bytes that hold the length where 7 bits are too few.
    more: Vec<u8>,
    length: u64,
    mask: Option<[u8; 4]>,
    /// As it was sent: masked, if it is.
    sent: Vec<u8>,
}

impl Frame {
    /// The frame with which `bytes` begin, and how many of them it took. `None` while its beginning is not all there.
    pub fn read(bytes: &[u8]) -> Option<(Frame, usize)> {
        let (&first, &second) = (bytes.first()?, bytes.get(1)?);
        let width = match second & 0x7f {
            126 => 2,
            127 => 8,
            _ => 0,
        };
        let more = bytes.get(2..2 + width)?.to_vec();
        let number = more.iter().fold(0, |number, byte| number << 8 | u64::from(*byte));
        let length = if width == 0 { u64::from(second & 0x7f) } else { number };
        let mut at = 2 + width;
        let mask = match second & 0x80 {
            0 => None,
            _ => Some(bytes.get(at..at + 4)?.try_into().ok()?),
        };
        at += if mask.is_some() { 4 } else { 0 };
        let kept = usize::try_from(length).unwrap_or(KEPT).min(KEPT);
        let sent = bytes.get(at..at + kept)?.to_vec();
        Some((Frame { first, second, more, length, mask, sent }, at + kept))
    }

    /// How many bytes of it come after those that were read.
    pub fn rest(&self) -> u64 {
        self.length - self.sent.len() as u64
    }

    /// What it says, unmasked.
    pub fn payload(&self) -> Vec<u8> {
        let mask = self.mask.unwrap_or_default();
        self.sent.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask).collect()
    }

    fn opcode(&self) -> u8 {
        self.first & 0x0f
    }

    fn name(&self) -> String {
        match self.opcode() {
            0 => "continuation".to_owned(),
            1 => "text".to_owned(),
            2 => "binary".to_owned(),
            8 => "close".to_owned(),
            9 => "ping".to_owned(),
            10 => "pong".to_owned(),
            unknown => format!("opcode {unknown}, which nobody knows"),
        }
    }

    /// In one line: `text "Hello", masked`.
    pub fn words(&self) -> String {
        let payload = self.payload();
        let mut words = self.name();
        match (self.opcode(), payload.as_slice()) {
            (8, [high, low, reason @ ..]) => {
                let _ = write!(words, " {} \"{}\"", u16::from_be_bytes([*high, *low]), visible(reason));
            }
            (_, []) => {}
            (_, payload) => {
                let text = visible(payload);
                let start: String = text.chars().take(40).collect();
                let cut = self.rest() > 0 || start.len() < text.len();
                let _ = write!(words, " \"{start}\"{}", if cut { "..." } else { "" });
            }
        }
        let end = if self.first & 0x80 == 0 { ", to be continued" } else { "" };
        words + end + if self.mask.is_some() { ", masked" } else { "" }
    }

    /// Under a ruler: its two bytes bit by bit, then what follows them.
    pub fn rows(&self) -> Vec<String> {
        let length = format!("{} byte{}", self.length, if self.length == 1 { "" } else { "s" });
        let masked = if self.mask.is_some() { ", masked" } else { "" };
        let mut rows = vec![
            "F R R R opcode   M length".to_owned(),
            format!("{}  {}  {}, {length}{masked}", bits(self.first), bits(self.second), self.name()),
        ];
        if !self.more.is_empty() {
            rows.push(format!("{}  the length, in {} more bytes", hex(&self.more), self.more.len()));
        }
        let (payload, shown) = (self.payload(), self.sent.len().min(SHOWN));
        match self.mask {
            Some(mask) if shown > 0 => {
                rows.push("sent        ^ mask        = payload".to_owned());
                for (sent, said) in self.sent[..shown].chunks(4).zip(payload.chunks(4)) {
                    let mask = hex(&mask[..sent.len()]);
                    rows.push(format!("{:11} ^ {mask:11} = {:11}  {}", hex(sent), hex(said), printable(said)));
                }
            }
            Some(mask) => rows.push(format!("{}  the mask, and nothing to be masked", hex(&mask))),
            None if shown > 0 => rows.push(format!("{}  {}", hex(&payload[..shown]), printable(&payload[..shown]))),
            None => {}
        }
        if self.length > shown as u64 {
            rows.push(format!("and {} more", self.length - shown as u64));
        }
        rows
    }
}

fn bits(byte: u8) -> String {
    (0..8).map(|bit| if byte & (0x80 >> bit) == 0 { "0" } else { "1" }).collect::<Vec<_>>().join(" ")
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(" ")
}

fn printable(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| if (0x20..0x7f).contains(byte) { char::from(*byte) } else { '.' }).collect()
}

/// The bytes that a text in base64 stands for (RFC 4648 section 4); what is none of its letters ends it.
pub fn from_base64(text: &str) -> Vec<u8> {
    const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let (mut bytes, mut bits, mut have) = (Vec::new(), 0_u32, 0);
    for value in text.bytes().map_while(|letter| LETTERS.iter().position(|known| *known == letter)) {
        bits = bits << 6 | value as u32;
        have += 6;
        if have >= 8 {
            have -= 8;
            bytes.push((bits >> have) as u8);
        }
    }
    bytes
}

/// Shows what passes, each connection for itself: from the second on, each line begins with its number.
pub struct Wire<W> {
    out: Arc<Mutex<W>>,
    numbers: Numbers,
    views: Arc<Mutex<Views>>,
    view: Arc<Mutex<View>>,
}

/// All connections, by their ends.
type Views = HashMap<[SocketAddr; 2], Arc<Mutex<View>>>;

/// One connection.
#[derive(Default)]
struct View {
    mark: String,
    client: Half,
    server: Half,
    key: String,
}

/// One direction.
#[derive(Default)]
struct Half {
    bytes: Vec<u8>,
    /// The rest of a long payload.
    skip: u64,
}

impl<W: Write + Send> Wire<W> {
    pub fn new(out: W) -> Wire<W> {
        let (numbers, views) = (Numbers::default(), Arc::default());
        Wire { out: Arc::new(Mutex::new(out)), numbers, views, view: Arc::default() }
    }
}

impl<W: Write + Send + 'static> Sink for Wire<W> {
    fn event(&self, side: Side, event: Event<'_>) {
        let mut view = self.view.lock().unwrap_or_else(PoisonError::into_inner);
        let text = view.seen(side, event);
        let text: String = text.lines().map(|line| format!("{}{line}\n", view.mark)).collect();
        // Watching must not end the conversation.
        let mut out = self.out.lock().unwrap_or_else(PoisonError::into_inner);
        let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    }

    /// Who reads a connection and who writes to it have one view of it.
    fn connection(&self, ends: [SocketAddr; 2]) -> Option<Arc<dyn Sink>> {
        let new = || Arc::new(Mutex::new(View { mark: self.numbers.mark(ends), ..View::default() }));
        let view = self.views.lock().unwrap_or_else(PoisonError::into_inner).entry(ends).or_insert_with(new).clone();
        Some(Arc::new(Wire { out: self.out.clone(), numbers: self.numbers.clone(), views: self.views.clone(), view }))
    }
}

impl View {
    fn seen(&mut self, side: Side, event: Event<'_>) -> String {
        let half = if side == Side::Client { &mut self.client } else { &mut self.server };
        let event = match event {
            Event::Secret(_) if !half.bytes.is_empty() => Event::Bytes(b"***\r\n"), // a field of a head, which is shown whole
            other => other,
        };
        let Event::Bytes(mut bytes) = event else {
            let cut = std::mem::take(half).bytes; // half a head or frame, if anything
            let before = if cut.is_empty() { String::new() } else { show(side, Event::Bytes(&cut)) };
            return before + &show(side, event);
        };
        let skipped = usize::try_from(half.skip).unwrap_or(usize::MAX).min(bytes.len());
        half.skip -= skipped as u64;
        bytes = &bytes[skipped..];
        half.bytes.extend_from_slice(bytes);
        let mut text = String::new();
        // The reserved bits are 0 in every frame without an extension, and not 0 in the letters that begin a head.
        while let Some(first) = half.bytes.first() {
            if first & 0x70 != 0 {
                let end = half.bytes.windows(4).position(|four| four == b"\r\n\r\n").map(|at| at + 4);
                let Some(end) = end.or((half.bytes.len() > HEAD).then_some(half.bytes.len())) else { break };
                let head: Vec<u8> = half.bytes.drain(..end).collect();
                text += &show(side, Event::Bytes(&head));
                let head = String::from_utf8_lossy(&head);
                match side {
                    Side::Client => self.key = field(&head, "sec-websocket-key").to_owned(),
                    Side::Server => text += &answer(&self.key, field(&head, "sec-websocket-accept")),
                }
            } else {
                let Some((frame, taken)) = Frame::read(&half.bytes) else { break };
                half.bytes.drain(..taken);
                let rest = usize::try_from(frame.rest()).unwrap_or(usize::MAX).min(half.bytes.len());
                half.bytes.drain(..rest);
                half.skip = frame.rest() - rest as u64;
                for row in frame.rows() {
                    let _ = writeln!(text, "{}: {}", side.letter(), row.trim_end());
                }
            }
        }
        text
    }
}

fn field<'a>(head: &'a str, name: &str) -> &'a str {
    let fields = head.lines().filter_map(|line| line.split_once(':'));
    fields.filter(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim()).next().unwrap_or_default()
}

/// How the answer is computed from the key, where there is one.
fn answer(key: &str, accept: &str) -> String {
    if accept.is_empty() {
        return String::new();
    }
    let right = derive_accept_key(key.as_bytes());
    let verdict = if right == accept { "as the server says" } else { "but the server says something else" };
    format!(
        "   {} + 258EAFA5-E914-47DA-95CA-C5AB0DC85B11\n   SHA-1:  {}\n   base64: {right}  {verdict}\n",
        visible(key.as_bytes()),
        hex(&from_base64(&right)),
    )
}
