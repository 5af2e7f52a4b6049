//! The mail client before servers others wrote, the lab's server before their clients, and what we build read by Python.

use crate::support;

use netprimer::encode::base64;
use netprimer::smtp::{Message, MessageBuilder};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};
use support::programs::{python, run};

// ---- what we build ----

/// A message, before mail-builder.
#[derive(Debug, Clone)]
struct Plan {
    subject: String,
    from: (String, String),
    to: Vec<(String, String)>,
    cc: Vec<(String, String)>,
    bcc: Vec<(String, String)>,
    text: Option<String>,
    html: Option<String>,
    attachments: Vec<(&'static str, String, Vec<u8>)>,
}

/// Letters of many kinds, what has a meaning in a head, and what could end a line.
fn letters(most: usize) -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        4 => "[ -~]{0,12}",
        3 => "[一-鿿]{1,6}",
        1 => "[\u{a1}-\u{2fff}]{1,6}",
        1 => "[\u{1f300}-\u{1f64f}]{1,3}",
        2 => prop::sample::select(vec!["\"", "\\", "(", ")", ",", ";", "=?", "?=", "_", "=", "你好", " ", "  ", "@", "<", ">", "."])
            .prop_map(str::to_owned),
        1 => "[a-z]{60,120}",
    ];
    vec(piece, 0..most).prop_map(|pieces| pieces.concat())
}

/// Text with every kind of line end, dots, and long lines.
fn body() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        3 => letters(4),
        2 => prop::sample::select(vec!["\n", "\r\n", "\n.\n", "\r\n.\r\n", "\n..", ".", "\n\n", "From ", " \n", "\t\n", "--"])
            .prop_map(str::to_owned),
        1 => "[a-z ]{900,1100}",
    ];
    vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

fn bytes() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![vec(any::<u8>(), 0..300), body().prop_map(String::into_bytes), Just(b".\r\n.\n\r.\r".to_vec())]
}

/// A name as people have them: no space at its ends, and no line ends.
fn name() -> impl Strategy<Value = String> {
    letters(4).prop_map(|name| name.split_whitespace().collect::<Vec<_>>().join(" "))
}

fn person() -> impl Strategy<Value = (String, String)> {
    (name(), "[a-z0-9!#$%&'*+/=?^_`{|}~-]{1,20}(\\.[a-z0-9]{1,9})?", "[a-z]{1,10}(\\.[a-z]{2,9}){1,2}")
        .prop_map(|(name, local, domain)| (name, format!("{local}@{domain}")))
}

fn plan() -> impl Strategy<Value = Plan> {
    let kinds = ["application/octet-stream", "text/plain", "text/csv", "image/png"];
    let attachment = (prop::sample::select(kinds.to_vec()), name().prop_map(|name| format!("{name}.bin")), bytes());
    (
        name(),
        person(),
        vec(person(), 1..4),
        vec(person(), 0..3),
        vec(person(), 0..2),
        (proptest::option::of(body()), proptest::option::of(body())),
        vec(attachment, 0..3),
    )
        .prop_map(|(subject, from, to, cc, bcc, (text, html), attachments)| Plan {
            subject,
            from,
            to,
            cc,
            bcc,
            text: text.or_else(|| html.is_none().then(|| "文".to_owned())),
            html,
            attachments,
        })
}

fn builder(plan: &Plan) -> MessageBuilder<'static> {
    let mut builder = MessageBuilder::new().from(plan.from.clone()).to(plan.to.clone()).subject(plan.subject.clone());
    if !plan.cc.is_empty() {
        builder = builder.cc(plan.cc.clone());
    }
    if !plan.bcc.is_empty() {
        builder = builder.bcc(plan.bcc.clone());
    }
    if let Some(text) = &plan.text {
        builder = builder.text_body(text.clone());
    }
    if let Some(html) = &plan.html {
        builder = builder.html_body(html.clone());
    }
    for (kind, name, bytes) in &plan.attachments {
        builder = builder.attachment(*kind, name.clone(), bytes.clone());
    }
    builder
}

/// What a reader must find, and the message in which he looks for it.
fn question(plan: &Plan, message: &Message) -> Value {
    let part =
        |kind: &str, name: Option<&String>, bytes: &[u8]| json!({"kind": kind, "name": name, "bytes": base64(bytes)});
    let texts = [("text/plain", &plan.text), ("text/html", &plan.html)].into_iter();
    let texts = texts.filter_map(|(kind, text)| Some(part(kind, None, text.as_ref()?.as_bytes())));
    let files = plan.attachments.iter().map(|(kind, name, bytes)| part(kind, Some(name), bytes));
    let mut fields = vec!["from", "to", "subject", "message-id", "date", "mime-version", "content-type"];
    fields.extend((!plan.cc.is_empty()).then_some("cc"));
    let leaf = usize::from(plan.text.is_some()) + usize::from(plan.html.is_some()) + plan.attachments.len() == 1;
    fields.extend(leaf.then_some("content-transfer-encoding"));
    json!({
        "subject": plan.subject,
        "from": [plan.from],
        "to": plan.to,
        "cc": plan.cc,
        "fields": fields,
        "parts": texts.chain(files).collect::<Vec<_>>(),
        "message": base64(message.bytes()),
    })
}

/// `count` messages, each read by Python's `email` and compared field by field and part by part.
fn python_reads(count: usize, runner: &mut TestRunner) {
    let Some(mut python) = python("smtp_messages.py") else { return };
    let plans = plan();
    let mut questions = String::new();
    for _ in 0..count {
        let plan = plans.new_tree(runner).unwrap().current();
        let message = Message::new(&builder(&plan)).unwrap_or_else(|e| panic!("{e}: {plan:?}"));
        let mut to: Vec<String> = Vec::new();
        for (_, address) in plan.to.iter().chain(&plan.cc).chain(&plan.bcc) {
            if !to.contains(address) {
                to.push(address.clone());
            }
        }
        assert_eq!((&message.envelope().from, &message.envelope().to), (&plan.from.1, &to));
        questions += &format!("{}\n", question(&plan, &message));
    }
    let left = run(&mut python, questions.as_bytes());
    let said = String::from_utf8(left.out).unwrap();
    assert_eq!((left.status, said.trim()), (0, format!("checked {count}").as_str()), "{}", left.err);
}

#[test]
fn python_reads_what_we_build() {
    // Python reads some hundred a second.
    let (batches, of) = if support::peers() { (20, 500) } else { (1, 200) };
    let mut runner = TestRunner::deterministic();
    (0..batches).for_each(|_| python_reads(of, &mut runner));
}
