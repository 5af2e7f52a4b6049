//! Exercise 7.1: a DNS client that reads names, follows pointers in them, and is not led in a circle.
//!
//! ```text
//! C: 12 bytes of header     an id, the flags 01 00, one question
//! C: 22 bytes of question   www.example.test, type 5 (CNAME), class 1
//! S: a reply                the same id and question, and one or two aliases, all names perhaps with pointers (RFC 1035
//!                           section 4.1.4)
//! ```
//!
//! The result is the target of the last alias, as text: a dot between two labels. A name has 255 bytes at most, with the
//! lengths and the root (section 2.3.4). A pointer leads back; one that does not, and whatever is cut or reserved, is an
//! error.
//!
//! May use: encode; of this folder client, free, peer, report, talk.

use super::report::{Failure, shown};
use super::{At, Checked, Exercise, ON_THE_WIRE, Role, THE_EXERCISE, Talk, WHEN_IT_GOES_WRONG};
use crate::encode::visible;
use std::time::Duration;

/// The row in the table of exercises.
pub const EXERCISE: Exercise = Exercise {
    name: "ex07_1",
    lesson: "07_1_dns",
    next: "07_2_port_scan",
    task: "read a name of DNS, follow its pointers, refuse a circle",
    role: Role::Client,
    hints: [
        "One loop, and in it one byte at a time that says what stands here: 0 is the end, 1 to 63 a label of that length, 192 \
         and more a pointer, and what is between is an error. Where you read (`at`) and what you return as the place behind \
         the name are two different things, from the first pointer on.",
        "Three variables: `at`, where you read; `behind: Option<usize>`, set at the first pointer and never again; and `run`, \
         where the labels begin that you read now. A pointer to `to` is right if `to < run`; then `run` and `at` become `to`. \
         So each jump leads further back, and the walk must end. `message.get(..)` gives `None` where `message[..]` would \
         panic: `.ok_or(ErrorKind::InvalidData)?` makes an error of it.",
        "`match length { 0 => return Ok((name, behind.unwrap_or(at + 1))), 1..=63 => .., 192..=255 => .., _ => return \
         Err(ErrorKind::InvalidData.into()) }`. The label is `message.get(at + 1..at + 1 + usize::from(length))`; a dot comes \
         before it unless `name` is empty; more than 253 bytes of text are an error. The pointer leads to \
         `usize::from(length & 0x3f) << 8 | usize::from(low)`, where `low` is the byte behind it; \
         `behind = behind.or(Some(at + 2))`.",
    ],
    dialogue,
};

/// Its name begins behind the header, at byte 12; `example` at byte 16.
const QUESTION: &[u8] = b"\x03www\x07example\x04test\x00\x00\x05\x00\x01";
const WWW: usize = 12;
const EXAMPLE: usize = 16;
/// The first alias stands behind the question: its owner ...
const OWNER: usize = 12 + QUESTION.len();
/// ... and, if that is a pointer, behind type, class, TTL and length its target.
const TARGET: usize = OWNER + 2 + 10;
/// A client that walks in a circle would walk for ever; one that does not needs no time, but perhaps a processor.
const IN_TIME: Duration = Duration::from_secs(2);

/// An alias: whose it is, and what it stands for, as they travel.
type Alias = (Vec<u8>, Vec<u8>);

fn pointer(to: usize) -> Vec<u8> {
    (0xc000 | u16::try_from(to).unwrap_or(u16::MAX)).to_be_bytes().to_vec()
}

/// A label of so many letters.
fn long(letters: u8) -> Vec<u8> {
    [vec![letters], vec![b'x'; usize::from(letters)]].concat()
}

/// An alias of the name that was asked for.
fn alias(target: &[u8]) -> Alias {
    (pointer(WWW), target.to_vec())
}

/// Three labels of 63 letters and the name of the question: 210 bytes. The second alias adds one label more.
fn with_a_label_more(letters: u8) -> [Alias; 2] {
    let first = [long(63), long(63), long(63), pointer(WWW)].concat();
    [alias(&first), (pointer(TARGET), [long(letters), pointer(TARGET)].concat())]
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(" ")
}

/// A name as it travels, for a reader: `3 api, c0 10 (byte 16)`.
fn spelled(mut name: &[u8]) -> String {
    let mut parts = Vec::new();
    while let Some((length, rest)) = name.split_first() {
        let label = rest.split_at_checked(usize::from(*length)).filter(|_| *length < 64);
        let (part, behind) = match (label, rest.split_first()) {
            _ if *length == 0 => ("0".to_owned(), rest),
            (Some((label, behind)), _) => {
                let more = if label.len() > 10 { "..." } else { "" };
                let label = &label[..label.len().min(10)];
                let text = label.iter().all(u8::is_ascii_graphic);
                (format!("{length} {}{more}", if text { visible(label) } else { hex(label) }), behind)
            }
            (None, Some((low, behind))) if *length >= 0xc0 => {
                let to = usize::from(*length & 0x3f) << 8 | usize::from(*low);
                (format!("{length:02x} {low:02x} (byte {to})"), behind)
            }
            _ if rest.iter().all(u8::is_ascii_graphic) => (format!("{length} {}", shown(rest)), &[] as &[u8]),
            _ => (hex(name), &[] as &[u8]),
        };
        parts.push(part);
        name = behind;
    }
    parts.join(", ")
}

/// The client starts and asks; these aliases are the answer.
fn answered(talk: &mut Talk, aliases: &[Alias]) -> Checked {
    talk.start(At::Udp)?;
    let id = asked(talk)?;
    let counts = [0, 1, 0, aliases.len() as u8, 0, 0, 0, 0];
    let mut reply = [id.as_slice(), &[0x81, 0x80], &counts, QUESTION].concat();
    for (owner, target) in aliases {
        talk.say(&format!("the alias at byte {}: {}", reply.len(), spelled(owner)));
        reply.extend([owner.as_slice(), &[0, 5, 0, 1, 0, 0, 0, 60, 0, target.len() as u8]].concat());
        talk.say(&format!("stands for, at byte {}: {}", reply.len(), spelled(target)));
        reply.extend(target);
    }
    talk.send_unshown(reply);
    Ok(())
}

/// The question came: its id.
fn asked(talk: &mut Talk) -> Result<[u8; 2], Box<Failure>> {
    let wanted = "the question for the CNAME of www.example.test, 34 bytes";
    let question = talk.hear_unshown(OWNER, wanted)?;
    let right = question.get(4..12) == Some(&[0, 1, 0, 0, 0, 0, 0, 0]) && question.get(12..) == Some(QUESTION);
    match question.first_chunk() {
        Some(id) if right => {
            let (header, question) = question.split_at(WWW);
            let (name, kind) = question.split_at(question.len() - 4);
            talk.say_of_client(&format!("{}, {}, {}", hex(header), spelled(name), hex(kind)));
            Ok(*id)
        }
        _ => talk.refuse(wanted, &question, "The question stands in the starter: send it as it is.").map(|()| [0; 2]),
    }
}

/// What the server plays and expects.
fn dialogue(talk: &mut Talk) -> Checked {
    let whole = [&QUESTION[..QUESTION.len() - 4]].concat();
    talk.step("names without pointers", ON_THE_WIRE)
        .if_received(
            "\u{3}api",
            "A length stands before each label. It is no part of the text: a dot stands between two labels.",
        )
        .if_received(".api", "A dot stands between two labels, and not before the first.")
        .if_received("api.example.test.", "A dot stands between two labels, and not behind the last.")
        .if_received("apiexample", "A dot stands between two labels.")
        .if_hung_up("Here all names are labels and a 0. Is the place behind the name the one behind its 0?");
    answered(talk, &[(whole.clone(), b"\x03api\x07example\x04test\x00".to_vec())])?;
    talk.expect_result("api.example.test")?;

    let behind = "The owner is a pointer: two bytes, and behind them the record goes on. Where the name ends that it leads to is \
                  no matter here.";
    talk.step("a pointer for a whole name", ON_THE_WIRE).if_hung_up(behind).if_received("", behind);
    answered(talk, &[alias(b"\x03api\x07example\x04test\x00")])?;
    talk.expect_result("api.example.test")?;

    talk.step("a pointer behind a label", ON_THE_WIRE)
        .if_received("example", "The labels before the pointer belong to the name.")
        .if_hung_up("A pointer can stand behind labels, and ends the name as a 0 would.");
    answered(talk, &[alias(&[b"\x03api".to_vec(), pointer(EXAMPLE)].concat())])?;
    talk.expect_result("api.example.test")?;

    talk.step("a pointer to a pointer", THE_EXERCISE)
        .if_hung_up("Where a pointer leads, a pointer may stand: this one leads further back, so it is right.");
    answered(talk, &[alias(&[b"\x02db".to_vec(), pointer(OWNER)].concat())])?;
    talk.expect_result("db.www.example.test")?;

    let high =
        "This pointer leads beyond byte 255. It has fourteen bits: the lower six of its first byte are the upper six.";
    talk.step("a pointer of fourteen bits", WHEN_IT_GOES_WRONG).if_hung_up(high).if_received("", high);
    let first = [long(63), long(63), long(63), long(20), b"\x07example\x04test\x00".to_vec()].concat();
    let far = TARGET + 3 * 64 + 21;
    answered(talk, &[alias(&first), (pointer(TARGET), [b"\x04edge".to_vec(), pointer(far)].concat())])?;
    talk.expect_result("edge.example.test")?;

    talk.step("the longest name", THE_EXERCISE)
        .if_hung_up("A name of 255 bytes is right: with all lengths and the 0. As text it has 253.");
    answered(talk, &with_a_label_more(44))?;
    let labels = [44, 63, 63, 63].map(|letters| "x".repeat(letters));
    talk.expect_result(labels.join(".") + ".www.example.test")?;

    for (title, aliases, why) in [
        (
            "a name that is too long",
            with_a_label_more(45).to_vec(),
            "This name has 256 bytes, and 255 are allowed (as text: 253). Without a limit, a few pointers in a small message \
             make a very long name.",
        ),
        (
            "a label that is cut",
            vec![alias(b"\x0aabc")],
            "The label has ten bytes, and the message ends after three of them.",
        ),
        ("a name without an end", vec![alias(b"\x03abc")], "The message ends, and no 0 came: this name is not whole."),
        (
            "a pointer that is cut",
            vec![alias(b"\xc0")],
            "A pointer has two bytes, and the message ends after the first.",
        ),
        (
            "neither a length nor a pointer",
            vec![alias(&[vec![64], vec![b'a'; 64], pointer(EXAMPLE)].concat())],
            "The first byte is 64. A label has 63 bytes at most, and a pointer begins with 192 or more: what is between is \
             reserved.",
        ),
        (
            "half a pointer's mark",
            vec![alias(&[0x80, EXAMPLE as u8])],
            "The first byte is 128. A pointer begins with 192 or more: both upper bits are set. What is between 63 and 192 is \
             reserved.",
        ),
        ("a pointer to nowhere", vec![alias(b"\xff\xff")], "There is no byte 16383 in this message."),
        ("a pointer to itself", vec![alias(&pointer(TARGET))], "This pointer leads to itself: there is no name."),
        (
            "two pointers in a circle",
            vec![alias(&[pointer(TARGET + 2), pointer(TARGET)].concat())],
            "Each of the two pointers leads to the other: there is no name.",
        ),
        (
            "a circle with a label",
            vec![alias(&[b"\x01a".to_vec(), pointer(TARGET)].concat())],
            "The pointer leads back, but to the beginning of its own name: a.a.a.a and so on, without an end.",
        ),
        (
            "a circle further back",
            vec![
                alias(&[vec![4], pointer(TARGET + 3), pointer(TARGET + 1), vec![0]].concat()),
                (pointer(WWW), pointer(TARGET + 1)),
            ],
            "The name leads back to two pointers, and each of these leads to the other. Both stand before the place where the name \
             began, so to compare with that place is not enough: it moves with each jump.",
        ),
        (
            "a pointer that leads forward",
            vec![alias(&[pointer(TARGET + 2), b"\x03api\x00".to_vec()].concat())],
            "There is a name at byte 48, but this pointer stands at byte 46: it must lead back. Where all lead back, no circle can \
             be.",
        ),
    ] {
        talk.step(title, WHEN_IT_GOES_WRONG).if_returned(why).if_silent(
            "The client walks in a circle. A pointer must lead back to before the place where the labels began that were \
             read just now. Then each jump comes nearer to byte 0, and the walk must end.",
        );
        answered(talk, &aliases)?;
        talk.expect_error(Duration::ZERO, IN_TIME)?;
    }
    Ok(())
}
