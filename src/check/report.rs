//! What a learner reads when a check fails: the dialogue so far, what was expected, what came, and what it most likely
//! means. No line is wider than 76 columns, and no port, time or number of the system makes two runs differ.
//!
//! May use: encode; of this folder peer.

use super::peer::Ended;
use crate::encode::visible;
use std::fmt;
use std::time::Duration;

/// No line of a report is wider: it fits a terminal of 80 columns and a projector.
pub(super) const COLUMNS: usize = 76;

/// One step of a conversation: what it is about, and what it means when something else comes.
#[derive(Debug)]
pub struct Step {
    title: &'static str,
    heading: &'static str,
    lines: Vec<String>,
    clues: Vec<(Clue, &'static str)>,
    /// What was before this step is over and belongs to no failure from here on.
    pub(super) fresh: bool,
}

#[derive(Debug, PartialEq)]
enum Clue {
    Received(&'static [u8]),
    Cut,
    More(&'static str),
    Early,
    Silent,
    HungUp,
    Returned,
}

impl Step {
    pub(super) fn new(title: &'static str, heading: &'static str) -> Step {
        Step { title, heading, lines: Vec::new(), clues: Vec::new(), fresh: false }
    }

    /// What it means when these bytes come in place of the right ones; more may follow them.
    pub fn if_received(&mut self, bytes: &'static (impl AsRef<[u8]> + ?Sized), why: &'static str) -> &mut Step {
        self.clues.push((Clue::Received(bytes.as_ref()), why));
        self
    }

    /// What it means when the right answer begins and does not go on.
    pub fn if_cut(&mut self, why: &'static str) -> &mut Step {
        self.clues.push((Clue::Cut, why));
        self
    }

    /// What it means when these bytes come behind the right answer; more may follow them.
    pub fn if_more(&mut self, bytes: &'static str, why: &'static str) -> &mut Step {
        self.clues.push((Clue::More(bytes), why));
        self
    }

    /// What it means when anything comes where nothing may come yet.
    pub fn if_early(&mut self, why: &'static str) -> &mut Step {
        self.clues.push((Clue::Early, why));
        self
    }

    /// What it means when nothing comes.
    pub fn if_silent(&mut self, why: &'static str) -> &mut Step {
        self.clues.push((Clue::Silent, why));
        self
    }

    /// What it means when a client returns an answer where there is none, or none yet.
    pub fn if_returned(&mut self, why: &'static str) -> &mut Step {
        self.clues.push((Clue::Returned, why));
        self
    }

    /// What it means when the other side hangs up, has ended, or is not there; of a client also: when it fails.
    pub fn if_hung_up(&mut self, why: &'static str) -> &mut Step {
        self.clues.push((Clue::HungUp, why));
        self
    }

    /// What it means when something comes is from here on for others to say.
    pub(super) fn forget(&mut self) {
        self.clues.clear();
    }

    /// The dialogue has found out by itself why.
    pub(super) fn because(&mut self, why: &'static str) {
        self.clues.insert(0, (Clue::Received(b""), why));
    }

    pub(super) fn note(&mut self, line: &str) {
        self.lines.push(line.to_owned());
    }
}

/// What had to come.
#[derive(Debug, PartialEq)]
pub(super) enum Expected {
    Connection,
    Bytes(Vec<u8>),
    Answer,
    Nothing,
    NoMore,
    HangUp,
    HalfClose,
    Result(Vec<u8>),
    Error,
    Other(String),
}

/// What came after the bytes.
#[derive(Debug, PartialEq)]
pub(super) enum End {
    /// The bytes are wrong, whatever comes after them.
    Open,
    /// A connection that was not to come.
    Connects,
    Silent(Duration),
    /// All waits together took longer than a conversation may.
    Slow(Duration),
    HungUp,
    /// A client gave an error.
    Failed,
    Refused(String),
}

/// The evidence of a step that failed.
#[derive(Debug)]
pub struct Failure {
    pub(super) expected: Expected,
    pub(super) received: Vec<u8>,
    pub(super) end: End,
    pub(super) ended: Option<Ended>,
    /// Whose it is: `serve()`, or `the program`.
    pub(super) whose: &'static str,
    /// What it is: a server, or a client.
    pub(super) noun: &'static str,
}

impl Failure {
    fn expected(&self) -> String {
        match &self.expected {
            Expected::Connection => "a connection".to_owned(),
            Expected::Bytes(bytes) => some(bytes),
            Expected::Answer => "an answer".to_owned(),
            Expected::Nothing => "nothing yet".to_owned(),
            Expected::NoMore => "nothing more".to_owned(),
            Expected::HangUp => "(hangs up)".to_owned(),
            Expected::HalfClose => "FIN".to_owned(),
            Expected::Result(bytes) => format!("the result {}", some(bytes)),
            Expected::Error => "an error".to_owned(),
            Expected::Other(what) => what.clone(),
        }
    }

    fn received(&self) -> String {
        let end = match &self.end {
            End::Open if self.received.is_empty() && matches!(self.expected, Expected::Other(_)) => {
                "nothing".to_owned()
            }
            End::Open => return some(&self.received),
            End::Connects => "a connection".to_owned(),
            End::Silent(_) if self.ended.is_some() => "nothing".to_owned(),
            End::Silent(time) => format!("nothing within {} s", time.as_secs_f32()),
            End::Slow(time) => format!("not all of it within the {} s that a whole check may take", time.as_secs()),
            End::HungUp => "(hangs up)".to_owned(),
            End::Failed if matches!(self.ended, Some(Ended::Panicked { .. })) => "a panic".to_owned(),
            End::Failed => "an error".to_owned(),
            End::Refused(how) => how.clone(),
        };
        if self.received.is_empty() { end } else { format!("{} and then {end}", shown(&self.received)) }
    }

    /// The first byte that is wrong or missing.
    fn offset(&self) -> Option<String> {
        let (Expected::Bytes(wanted) | Expected::Result(wanted)) = &self.expected else { return None };
        let at = self.received.iter().zip(wanted).take_while(|(a, b)| a == b).count();
        let Some(wanted) = wanted.get(at..=at).map(shown) else {
            let more = shown(self.received.get(at..=at)?);
            return Some(format!("byte {at} is \"{more}\", and nothing had to come there (counted from 0)"));
        };
        match self.received.get(at..=at) {
            Some(got) => Some(format!("byte {at} is \"{}\", not \"{wanted}\" (counted from 0)", shown(got))),
            None if at > 0 => Some(format!("byte {at} is missing: \"{wanted}\" (counted from 0)")),
            None => None,
        }
    }

    /// The number 5 where the digit `5` had to come, which is the byte 53.
    fn number_for_its_digit(&self) -> Option<u8> {
        let (Expected::Bytes(wanted) | Expected::Result(wanted)) = &self.expected else { return None };
        let (got, wanted) = self.received.iter().zip(wanted).find(|(got, wanted)| got != wanted)?;
        (wanted.is_ascii_digit() && wanted - b'0' == *got).then_some(*got)
    }

    /// The likely mistake: what the step knows about this evidence, or what is true of every step.
    fn why(&self, step: &Step) -> String {
        match &self.ended {
            Some(Ended::Panicked { words, .. }) if words.starts_with("not yet implemented") => {
                return "Write your code in place of todo!() and check again.".to_owned();
            }
            Some(Ended::Panicked { .. }) => {
                let ends = if self.noun == "server" { "the server for everybody" } else { "the whole program" };
                let why = "What comes from outside may be anything: look at it before you trust it.";
                let panic = format!("A panic ends {ends}. {why}");
                // Where a right answer made it panic, the step knows what is special about that answer.
                let special = step.clues.iter().find(|(clue, _)| *clue == Clue::HungUp);
                return match (&self.expected, special) {
                    (Expected::Result(_), Some((_, special))) => format!("{special} {panic}"),
                    _ => panic,
                };
            }
            _ => {}
        }
        let fits = |clue: &Clue| match clue {
            Clue::Received(bytes) => {
                !matches!(self.expected, Expected::Nothing | Expected::NoMore) && self.received.starts_with(bytes)
            }
            Clue::Cut => {
                matches!(self.expected, Expected::Bytes(_)) && self.end != End::Open && !self.received.is_empty()
            }
            Clue::More(bytes) => self.expected == Expected::NoMore && self.received.starts_with(bytes.as_bytes()),
            Clue::Early => matches!(self.end, End::Open | End::Connects) && self.expected == Expected::Nothing,
            // Who connects once more and gets no answer waits as well.
            Clue::Silent => {
                let waits = matches!(self.expected, Expected::Result(_) | Expected::Error) && self.end == End::Connects;
                (waits || matches!(self.end, End::Silent(_))) && self.ended.is_none()
            }
            Clue::HungUp => matches!(self.end, End::HungUp | End::Failed | End::Refused(_)) || self.ended.is_some(),
            Clue::Returned => matches!(self.expected, Expected::Error | Expected::Nothing) && self.end == End::Open,
        };
        if let Some((_, why)) = step.clues.iter().find(|(clue, _)| fits(clue)) {
            return (*why).to_owned();
        }
        let noun = self.noun;
        if let Some(digit) = self.number_for_its_digit() {
            return format!(
                "This byte has the value {digit}. What is wanted is the digit: text, as format!() makes it."
            );
        }
        match (&self.expected, &self.end) {
            (_, End::Refused(_)) => "Nobody listens there: does the server still run?".to_owned(),
            (_, End::Slow(_)) => {
                format!("The {noun} has not stopped, but each answer took its time. What does it wait for?")
            }
            (Expected::Connection, End::Silent(_)) => {
                format!("Nobody connected. Does the {noun} use the address that it is given?")
            }
            (Expected::Result(_) | Expected::Error, End::Silent(_)) => {
                format!("The {noun} still waits. Does every wait of it have an end?")
            }
            (Expected::Bytes(_), End::Silent(_)) if !self.received.is_empty() => {
                format!("The rest of the {} is missing.", if noun == "server" { "answer" } else { "question" })
            }
            (_, End::Silent(_)) if self.ended.is_some() => format!("The {noun} came to its end where it had to go on."),
            (_, End::Silent(_)) => format!("The {noun} waits where it has to do something. What does it wait for?"),
            (_, End::HungUp) => format!("The {noun} closed the connection where it had to go on."),
            (_, End::Failed) => format!("The {noun} gave up where it had to go on."),
            (Expected::Error, End::Open) => "Here is no right answer to return: an error had to come.".to_owned(),
            (Expected::Result(_) | Expected::Error, End::Connects) => {
                format!("All was said, and the {noun} connects once more: does it send something twice?")
            }
            (Expected::NoMore, End::Open) if noun == "client" => "Here is one question too many.".to_owned(),
            (Expected::NoMore, End::Open) => "Here is one answer too many.".to_owned(),
            (Expected::Nothing, End::Open) => format!("The {noun} spoke before it was its turn."),
            (Expected::HangUp | Expected::HalfClose, End::Open) => {
                "Nothing more had to come, only the end of the connection.".to_owned()
            }
            (Expected::Result(_), End::Open) if self.received.is_empty() => {
                "Nothing was returned. What was printed is not the result: return it.".to_owned()
            }
            (_, End::Connects) => format!("The {noun} connected before it was its turn."),
            (_, End::Open) => {
                "Up to that byte all is right. Which line of your code makes the byte that came, and out of what?"
                    .to_owned()
            }
        }
    }
}

/// How a check went. Its text is for the learner; the last line is the verdict.
#[derive(Debug)]
pub struct Report {
    text: String,
    passed: bool,
}

impl Report {
    pub(super) fn new(exercise: &super::Exercise, steps: &[Step], failure: Option<&Failure>) -> Report {
        let mut text = format!("{}: {}\n\n", exercise.name, exercise.task);
        // The dialogue since the client connected that the failed step talks about: earlier ones went well and are over.
        let from = steps.iter().rposition(|step| step.fresh).unwrap_or(0);
        for (n, step) in steps.iter().enumerate() {
            let failed = failure.is_some() && n + 1 == steps.len();
            text += &format!("{:>2} {}  {}\n", n + 1, if failed { "FAILED" } else { "ok    " }, step.title);
            if failure.is_some() && n >= from {
                step.lines.iter().for_each(|line| text += &wrap("", 11, line));
            }
        }
        text.push('\n');
        match (failure, steps.last()) {
            (Some(failure), Some(step)) => {
                if let Some(ended) = &failure.ended {
                    let what = match ended {
                        Ended::Returned(answer) if !answer.is_empty() => format!("returned {}", shown(answer)),
                        _ => ended.to_string(),
                    };
                    text += &wrap("", 0, &format!("{} {what}", failure.whose));
                }
                if let Some(Ended::Panicked { place, .. }) = &failure.ended {
                    text += &wrap("place", 11, place);
                }
                text += &wrap("expected", 11, &failure.expected());
                text += &wrap("received", 11, &failure.received());
                if let Some(offset) = failure.offset() {
                    text += &wrap("", 11, &offset);
                }
                text += &wrap("why", 11, &failure.why(step));
                text += &wrap("lesson", 11, &format!("lessons/{}.md, \"{}\"", exercise.lesson, step.heading));
                text += &wrap("hint", 11, &format!("cargo run --example {} -- hint", exercise.name));
                text += &format!("\n{} failed at step {}: {}\n", exercise.name, steps.len(), step.title);
            }
            _ => {
                text += &wrap("compare", 11, &format!("examples/solutions/{}.rs", exercise.name));
                text += &wrap("next", 11, &format!("lessons/{}.md", exercise.next));
                text += &format!("\n{} passed: {} steps\n", exercise.name, steps.len());
            }
        }
        Report { text, passed: failure.is_none() }
    }

    /// Whether every step went well.
    pub fn passed(&self) -> bool {
        self.passed
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// The same, where nothing is something too.
pub(super) fn some(bytes: &[u8]) -> String {
    if bytes.is_empty() { "(no bytes)".to_owned() } else { shown(bytes) }
}

/// Bytes on one line, or a line of words on two or three where [`wrap`] finds spaces: what is longer is cut, and its length
/// named.
pub(super) fn shown(bytes: &[u8]) -> String {
    const FITS: usize = 60;
    let mut whole = visible(bytes).replace("  ", " \\x20");
    // A space at the end of a line would not be seen.
    if whole.ends_with(' ') {
        whole.replace_range(whole.len() - 1.., "\\x20");
    }
    let one_line = || !bytes.trim_ascii_end().contains(&b'\n');
    let words_fit = || whole.split(' ').all(|word| columns(word) <= FITS / 2);
    if columns(&whole) <= FITS || (columns(&whole) <= 2 * FITS && one_line() && words_fit()) {
        return whole;
    }
    // One byte takes at most four columns (\x1b), a cut character is shown as bytes.
    format!("{}... ({} bytes in all)", visible(&bytes[..bytes.len().min(10)]), bytes.len())
}

/// Text in lines of at most 76 columns, indented by `indent`, the first one begun by `label`.
pub(super) fn wrap(label: &str, indent: usize, text: &str) -> String {
    let mut lines = String::new();
    let mut line = format!("{label:<indent$}");
    let mut used = indent;
    let mut first = true;
    for word in text.split_whitespace() {
        if !first && used + 1 + columns(word) > COLUMNS {
            lines += &line;
            lines.push('\n');
            line = " ".repeat(indent);
            used = indent;
            first = true;
        }
        if !first {
            line.push(' ');
            used += 1;
        }
        line += word;
        used += columns(word);
        first = false;
    }
    lines += &line;
    lines.push('\n');
    lines
}

/// Chinese, Japanese and Korean characters take two columns; counting all above them so is safe.
pub(super) fn columns(text: &str) -> usize {
    text.chars().map(|c| if c < '\u{1100}' { 1 } else { 2 }).sum()
}
