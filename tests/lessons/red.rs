//! The proof is worth nothing if it cannot fail: here each kind of untruth is told to it, and it must see it.

use super::check::{Mode, check};
use super::listing::listing;
use super::markdown::blocks;
use super::process::Running;
use super::program::{Call, Programs};
use super::support::{files, programs, sockets, uninterrupted};
use std::fs;
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::thread;
use std::time::{Duration, Instant};

/// A project of one example, built without cargo.
fn fake() -> Programs {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    let root = BUILT.get_or_init(|| {
        let root = Path::new(env!("CARGO_TARGET_TMPDIR")).join("proof");
        fs::create_dir_all(root.join("built/examples")).unwrap();
        fs::create_dir_all(root.join("examples")).unwrap();
        // Made aside and then moved: another run of this test may be at the same, and never meets half a file.
        let aside = root.join(std::process::id().to_string());
        fs::create_dir_all(&aside).unwrap();
        let (source, note, program) = (aside.join("fake.rs"), aside.join("note.txt"), aside.join("fake"));
        fs::copy(files::root().join("tests/lessons/fake.rs"), &source).unwrap();
        fs::write(&note, "one\n# anchor: middle\n  two\n    three\n# end: middle\nfour\n").unwrap();
        let mut rustc = Command::new(std::env::var_os("RUSTC").unwrap_or("rustc".into()));
        rustc.args(["--edition=2024", "-o"]).arg(&program).arg(&source);
        assert!(rustc.status().unwrap().success());
        fs::rename(source, root.join("examples/fake.rs")).unwrap();
        fs::rename(note, root.join("note.txt")).unwrap();
        fs::rename(program, programs::path(&root.join("built"), "fake")).unwrap();
        fs::remove_dir_all(aside).unwrap();
        root
    });
    Programs {
        root: root.clone(),
        built: root.join("built"),
        limit: Duration::from_secs(20),
        silence: Duration::from_millis(200),
    }
}

fn complaints(text: &str) -> Vec<String> {
    check(&fake(), text, Mode::Compare).1.iter().map(ToString::to_string).collect()
}

/// The text after `BLESS=1`, which must satisfy a plain run and stay as it is when blessed again.
fn blessed(text: &str) -> String {
    let (text, problems) = check(&fake(), text, Mode::Bless);
    assert_eq!(problems, [], "{text}");
    thread::scope(|scope| {
        scope.spawn(|| assert_eq!(complaints(&text), [""; 0], "{text}"));
        let again = check(&fake(), &text, Mode::Bless);
        assert_eq!(again, (text.clone(), Vec::new()), "blessing twice changes nothing");
    });
    text
}

/// With `from` written as `to`, a plain run reports exactly one problem: this one.
fn red(text: &str, from: &str, to: &str, report: &str) {
    assert!(text.contains(from), "{from:?} is not in {text}");
    let reports = complaints(&text.replacen(from, to, 1));
    assert!(matches!(&reports[..], [only] if only.contains(report)), "wanted {report:?}, got {reports:#?}");
}

#[test]
fn a_listing_is_its_source() {
    let text = blessed("# x\n\n<!-- listing: examples/fake.rs#const DEFAULT -->\n```rust\n```\n");
    let body = "```rust,ignore\nconst DEFAULT: &str = \"127.0.0.1:8888\";\n```\n";
    assert!(text.ends_with(body), "{text}");
    red(
        &text,
        "8888",
        "8889",
        "5: shown (-) is not what is (+)\n    - const DEFAULT: &str = \"127.0.0.1:8889\";\n    + const",
    );
    red(&text, "rust,ignore", "rust", "4: the fence of this listing is ```rust,ignore");
    red(&text, "const DEFAULT -", "const OTHER -", "3: examples/fake.rs: has no `const OTHER`");
    red(&text, "examples/", "../examples/", "is not a path inside this project");
    red(&text, "-->\n", "-->\n\n", "3: this comment belongs directly above a fence");
    red("```rust,ignore\nnot rust\n```\n", "not", "no", "1: `ignore` is for listings");
    red("```rust,custom\nnot rust\n```\n", "not", "no", "1: `custom` is for listings");

    let text = blessed("<!-- listing: note.txt#middle -->\n```text\n```\n");
    assert!(text.ends_with("```text\ntwo\n  three\n```\n"), "{text}");
}

#[test]
fn an_item_comes_with_its_comment_and_ends_where_it_ends() {
    let root = files::root();
    let whole = |spec: &str| listing(root, spec).unwrap();
    let first_and_last = |spec| {
        let lines = whole(spec);
        (lines[0].clone(), lines[lines.len() - 1].clone())
    };
    let pair = |a: &str, b: &str| (a.to_owned(), b.to_owned());
    assert_eq!(first_and_last("src/encode.rs#fn hides").1, "}");
    assert!(whole("src/encode.rs#fn visible").len() > 10);
    assert_eq!(first_and_last("src/stream.rs#impl Read for Tcp"), pair("impl Read for Tcp {", "}"));
    assert_eq!(first_and_last("src/trace.rs#impl Stream for Traced").0, "impl<S: Stream> Stream for Traced<S> {");
    let derived = "src/deadline.rs#struct Deadline";
    assert_eq!(
        whole(derived)[1..],
        ["#[derive(Debug, Clone, Copy, PartialEq, Eq)]", "pub struct Deadline(Option<Instant>);"]
    );
    for (spec, report) in [
        ("src/stream.rs#fn set_deadline", "more than once"),
        ("src/stream.rs#fn nothing", "has no `fn nothing`"),
        ("src/stream.rs#nothing", "has no line `// anchor: nothing`"),
        ("src/none.rs", "src/none.rs: "),
    ] {
        assert!(listing(root, spec).unwrap_err().contains(report), "{spec}");
    }
}

const TWO_TERMINALS: &str = "## Run it

```console
T1$ cargo run -q --example fake -- serve 127.0.0.1:9999
```

```console
T2$ cargo run -q --example fake -- 127.0.0.1:9999
T2$ cargo run -q --example fake -- localhost:9999
```

## When it goes wrong

```console
$ cargo run -q --example fake
$ printf 'a b\\x00\\n' | cargo run -q --example fake -- echo
```
";

#[test]
fn console_blocks_are_run() {
    let text = blessed(TWO_TERMINALS);
    for line in [
        "listening on 127.0.0.1:9999\n127.0.0.1:50001 came after 0.0 ms\n127.0.0.1:50002 came after 0.0 ms\n```",
        "T2$ cargo run -q --example fake -- localhost:9999\n127.0.0.1:9999 answered hello\n```",
        "fake\n127.0.0.1:8888: Connection refused (os error N)\n",
        "echo\na b\\x00\\n\nto stderr\n[exit status 3]\n```",
    ] {
        assert!(text.contains(line), "{line:?} is not in {text}");
    }
    // Another run's port, time and error number are the same truth.
    let same = text.replace("50001", "40123").replace("0.0 ms", "7.25 ms").replace("error N", "error 61");
    // Each of them waits for silences of its own: at once.
    thread::scope(|scope| {
        scope.spawn(|| assert_eq!(complaints(&same), [""; 0]));
        for (from, to, report) in [
            (
                "answered hello",
                "answered hallo",
                "12: shown (-) is not what is (+)\n    - 127.0.0.1:9999 answered hallo\n    + ",
            ),
            ("127.0.0.1:50002 came", "127.0.0.1:50001 came", "7: shown"),
            ("status 3", "status 4", "shown"),
            ("fake -- serve", "fake -- serve surplus", "\n    + one line more"),
            ("fake -- serve", "fake -- serve other", "+ 127.0.0.1:9999 answered adieu"),
            ("fake -- echo", "fake -- echo > file", "cannot run `printf"),
            ("$ cargo run -q --example fake\n", "$ cargo test\n", "cannot run `cargo test`"),
        ] {
            let text = &text;
            scope.spawn(move || red(text, from, to, report));
        }
    });
}

#[test]
fn a_program_that_misbehaves_ends_in_a_clear_error() {
    let started = Instant::now();
    let programs = Programs { limit: Duration::from_millis(500), ..fake() };
    let cases = [
        ("T1$ cargo run --example fake -- silent", "a server's first line is `listening on ADDR`; this one said []"),
        ("T1$ cargo run --example fake -- echo", "a server's first line is `listening on ADDR`; this one said []"),
        ("$ cargo run --example fake -- serve 127.0.0.1:0", "it did not end within 500ms"),
        ("$ cargo run --example none", "there is no example or bin `none`"),
        ("no prompt", "a console block begins with a prompt"),
    ];
    thread::scope(|scope| {
        for (command, report) in cases {
            let programs = &programs;
            scope.spawn(move || {
                let problems = check(programs, &format!("```console\n{command}\n```\n"), Mode::Compare).1;
                assert!(matches!(&problems[..], [only] if only.text.contains(report)), "{problems:?}");
            });
        }
    });
    assert!(started.elapsed() < Duration::from_secs(15), "{:?}", started.elapsed());
}

#[test]
fn a_test_that_panics_leaves_no_program_behind() {
    let (listener, address) = sockets::listen();
    let holds = Running::open(&fake().path("fake").unwrap(), &["hold".to_owned(), address.to_string()]);
    let mut its_end = sockets::limited(listener.accept().unwrap().0);
    let panicked = thread::spawn(move || {
        let _holds = holds;
        panic!("as a failed assertion would");
    });
    assert!(panicked.join().is_err());
    let closed = uninterrupted(|| its_end.read(&mut [0; 1]));
    assert!(closed.as_ref().map_or_else(|e| e.kind() == ErrorKind::ConnectionReset, |n| *n == 0), "{closed:?}");
}

#[test]
fn a_missing_line_of_a_server_is_waited_for_and_then_missed() {
    let programs = Programs { limit: Duration::from_secs(6), ..fake() };
    let text = "```console\nT1$ cargo run --example fake -- serve\nlistening on 127.0.0.1:8888\nand more\n```\n";
    let problems = check(&programs, text, Mode::Compare).1;
    assert!(matches!(&problems[..], [only] if only.text.ends_with("\n    - and more")), "{problems:?}");
}

#[test]
fn a_third_terminal_puts_the_second_into_the_background() {
    let run = "cargo run --example fake --";
    let text = format!(
        "```console\nT1$ {run} serve\n```\n```console\nT2$ {run} serve 127.0.0.1:9000\n```\n\
         ```console\nT3$ {run} 127.0.0.1:9000\nT3$ {run} 127.0.0.1:8888\n```\n\
         ## A client that says nothing\n```console\nT1$ {run} serve\nT2$ {run} hold 127.0.0.1:8888\nT3$ {run} echo\n```\n"
    );
    let text = blessed(&text);
    assert!(text.contains("serve 127.0.0.1:9000\nlistening on 127.0.0.1:9000\n127.0.0.1:50002 came"), "{text}");
    assert!(text.contains("127.0.0.1:9000 answered hello\n"), "{text}");
    assert!(text.contains("127.0.0.1:8888 answered hello\n"), "{text}");
    assert!(text.contains("127.0.0.1:50001 came after 0.0 ms\nT2$"), "{text}");
    assert!(text.contains("hold 127.0.0.1:8888\nconnected to 127.0.0.1:8888\nT3$"), "{text}");
}

#[test]
fn arrows_and_bytes_were_on_the_wire() {
    let text = "\
<!-- wire: fake serve < fake -->
```text
was
        The client
        greets.
was
        It says that it is done.
was
        The server answers.
was
        It is done too.
```

<!-- bytes: C of fake serve < fake -->
```text
```
";
    let text = blessed(text);
    let told = "\
C -> S  \"你好\"  6 bytes
        The client
        greets.
C -> S  FIN
        It says that it is done.
S -> C  \"hello\\n\"  6 bytes
        The server answers.
S -> C  FIN
        It is done too.
";
    assert!(text.contains(told), "{text}");
    assert!(text.contains("\n0000  e4 bd a0 e5 a5 bd"), "{text}");
    red(&text, "你好", "您好", "\n    - C -> S  \"您好\"  6 bytes\n    + C -> S  \"你好\"  6 bytes");
    red(&text, "0000  e4", "0000  e5", "shown (-)");
    red(&text, "        It says that it is done.\n", "", "no sentence is spoken below arrow 2: C -> S  FIN");
    red(&text, "bytes: C of", "bytes: X of", "wanted: C of");
    red(&text, "wire: fake serve <", "wire: fake serve >", "wanted: SERVER < CLIENT");
}

#[test]
fn a_server_of_the_lab_may_be_one_side() {
    let text = blessed(
        "<!-- wire: lab http < fake 127.0.0.1:8080 -->\n```text\nx\n        He says\nx\n        what\nx\n        is no HTTP.\nx\n        and leaves.\n```\n",
    );
    assert!(text.contains("C -> S  \"你好\"  6 bytes\n"), "{text}");
    red(&text, "lab http <", "lab gopher <", "the lab has no `gopher`");

    let text = blessed(
        "<!-- wire: lab ftp < fake 127.0.0.1:2121 -->\n```text\nx\n        It greets,\nx\n        hears what\nx\n        is no command,\nx\n        and leaves.\n```\n",
    );
    assert!(text.contains("C -> S  \"你好\"  6 bytes\n"), "{text}");
}

#[test]
fn datagrams_are_not_joined() {
    let text = "<!-- wire: udp fake serve-udp < fake ask-udp 127.0.0.1:8888 -->\n```text\n```\n";
    let (text, problems) = check(&fake(), text, Mode::Bless);
    let arrow = |way, word| format!("{way}  \"{word}\"  3 bytes\n");
    let all = ["one", "two"].map(|word| arrow("C -> S", word) + &arrow("S -> C", word)).concat();
    assert!(text.contains(&all), "{text}");
    assert!(problems[0].text.contains("no sentence is spoken below arrow 1"), "{problems:?}");
}

#[test]
fn fences_are_found_or_refused() {
    assert_eq!(blocks("a\n````text\n```\n````\n").unwrap()[0].body, ["```"]);
    for (text, report) in [
        ("```text\nx\n", "1: this fence is never closed"),
        ("- a\n  ```console\n  $ x\n  ```\n", "2: a fence begins in the first column"),
    ] {
        assert!(blocks(text).unwrap_err().to_string().starts_with(report));
    }
    red("```mermaid\n```\n", "m", "m", "1: a fence is one of");
}

#[test]
fn commands_are_read_as_a_shell_reads_them() {
    let call = Call::at_prompt(r#"printf '%% \x41\r\n' | cargo run -q --bin echo-server -- "a b" '' c"#).unwrap();
    assert_eq!((call.name.as_str(), call.input), ("echo-server", Some(b"% A\r\n".to_vec())));
    assert_eq!(call.args, ["a b", "", "c"]);
    assert_eq!(Call::at_prompt("echo '你好' | cargo run --example x").unwrap().input.unwrap(), "你好\n".as_bytes());
    for text in [
        "cargo run",
        "cargo run --example x; rm y",
        "yes | cargo run --example x",
        "printf '%d' | cargo run --example x",
        "cargo run --example ex02_1",
        "cargo run --example 'x",
    ] {
        assert!(Call::at_prompt(text).is_err(), "{text}");
    }
}

#[test]
fn the_boundary_of_a_form_is_always_the_same() {
    let said =
        |line: &str| blessed(&format!("```console\n$ printf '{line}' | cargo run --example fake -- echo\n```\n"));
    let text = said("C: ------formdata-ureq-8d70f96c1e721756a308346beb4949c6--");
    assert!(text.contains("\nC: ------formdata-ureq-00000000000000000000000000000000--\nto stderr\n"), "{text}");
    let text = said("C: 21756a308346beb4949c6\\nC: formdata-ureq-8d7\\nC: 21756a3083");
    assert!(text.contains("\nC: 000000000000000000000\\nC: formdata-ureq-000\\nC: 21756a3083\n"), "{text}");
}

#[test]
fn what_a_websocket_draws_is_always_the_same() {
    let said = |line: &str| super::names::as_in_rfc_6455(line);
    let rfc = "C: 7f 9f 4d 51 ^ 37 fa 21 3d = 48 65 6c 6c  Hell";
    assert_eq!(said("C: ee 3f 9d b6 ^ a6 5a f1 da = 48 65 6c 6c  Hell"), rfc);
    let wrong = "C: ee 3f 9d b7 ^ a6 5a f1 da = 48 65 6c 6c  Hell";
    assert_eq!(said(wrong), wrong, "bytes that do not fit stay, so that somebody sees them");
    assert_eq!(said("C: 17          ^ 72          = 65           e"), "C: 52          ^ 37          = 65           e");
    let (key, accept) =
        ("C: Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "S: sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    assert_eq!(said("C: Sec-WebSocket-Key: IbRAMw7vDSbgrOSzILPmoQ==\\r\\n"), format!("{key}\\r\\n"));
    assert_eq!(said("S: sec-websocket-accept: uDA8UCeFJ+9pAQTWe3znoGZtKuk=\\r\\n"), format!("{accept}\\r\\n"));
    assert_eq!(said("C: Sec-WebSocket-Key: short\\r\\n"), "C: Sec-WebSocket-Key: short\\r\\n");
}

#[test]
fn frames_behind_a_101_are_arrows_of_their_own() {
    use netprimer::trace::{Entry, Side, What};
    let mut frames = false;
    let mut arrows = |side, bytes: &[u8]| {
        let turn = Entry { side, what: What::Bytes(bytes.to_vec()), at: std::time::Instant::now() };
        super::wire::arrows(&turn, &mut frames)
    };
    let hello = b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58"; // the example of RFC 6455 section 5.7
    let before = arrows(Side::Client, hello);
    assert!(before.len() == 1 && before[0].ends_with("\"  11 bytes"), "no frame before the handshake: {before:?}");
    let answer = b"HTTP/1.1 101 Switching Protocols\r\n\r\n\x89\x02Hi\x88\x02\x03\xe8";
    let behind = arrows(Side::Server, answer);
    assert_eq!(behind[1..], ["S -> C  ping \"Hi\"  4 bytes", "S -> C  close 1000 \"\"  4 bytes"]);
    assert!(behind[0].starts_with("S -> C  \"HTTP/1.1 101 Switching"), "{behind:?}");
    assert_eq!(arrows(Side::Client, hello), ["C -> S  text \"Hello\", masked  11 bytes"]);
    let cut = arrows(Side::Client, &hello[..7]);
    assert!(cut.len() == 1 && cut[0].starts_with("C -> S  \"") && cut[0].ends_with("7 bytes"), "half a frame: {cut:?}");
}

#[test]
fn the_id_of_a_message_is_always_the_same() {
    let row = |number: &str| {
        let said = format!("0000  b8 9c                     id {number}");
        blessed(&format!("```console\n$ printf '{said}' | cargo run --example fake -- echo\n```\n"))
    };
    let text = row("47260 (0xb89c)");
    assert!(text.contains("\n0000  12 34                     id 4660 (0x1234)\nto stderr\n"), "{text}");
    let text = row("47261 (0xb89d)");
    assert!(
        text.contains("\n0000  b8 9c                     id 47261 (0xb89d)\n"),
        "not the number of its bytes: {text}"
    );
}

#[test]
fn the_date_of_an_answer_is_always_the_same() {
    let said = |date: &str| {
        blessed(&format!("```console\n$ printf 'S: Date: {date}' | cargo run --example fake -- echo\n```\n"))
    };
    let text = said("Wed, 01 Jul 2026 10:20:30 GMT");
    assert!(text.contains("\nS: Date: Sun, 06 Nov 1994 08:49:37 GMT\nto stderr\n"), "{text}");
    let text = said("Wed, 01 Jul 2026 10:20:30 CET");
    assert!(text.contains("\nS: Date: Wed, 01 Jul 2026 10:20:30 CET\n"), "no date of HTTP: {text}");
    for day in ["1", "21"] {
        let text = said(&format!("Wed, {day} Jul 2026 10:20:30 +0000"));
        assert!(text.contains("\nS: Date: Sun, 06 Nov 1994 08:49:37 +0000\nto stderr\n"), "{text}");
    }
    let text = said("MAIL FROM:<a@b> SIZE=328");
    assert!(text.contains("\nS: Date: MAIL FROM:<a@b> SIZE=N\n"), "{text}");
}

#[test]
fn what_is_measured_is_always_the_same() {
    let said =
        |line: &str| blessed(&format!("```console\n$ printf '{line}' | cargo run --example fake -- echo\n```\n"));
    let text = said("50.5 ms, 4.9 times as fast; 9.8 MiB at most");
    assert!(text.contains("\n0.0 ms, 0.0 times as fast; 0.0 MiB at most\nto stderr\n"), "{text}");
    // What has no fraction was not measured.
    let text = said("after 50 ms, 4 times as fast as 1.5 s; 9 MiB");
    assert!(text.contains("\nafter 50 ms, 4 times as fast as 1.5 s; 9 MiB\n"), "{text}");
}
