//! The whole lab: every line of its table is typed, as printed, into the program that it names.

use crate::{PROGRAMS, support};
use netprimer::http;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use support::files::{Folder, root};
use support::network::{self, NAMES};
use support::note;
use support::programs::{Running, close, first_line, python, python_with, run, told, tool};

/// The last line of the table.
const LAST: &str = "02_4_udp_client";

/// The lab on free ports, with the certificate in this folder.
fn lab(folder: &Folder, args: &[&str]) -> Running {
    let mut command = PROGRAMS.command("lab");
    let running = Running::start(command.arg("--any-port").arg("--ca").arg(ca(folder)).args(args));
    running.shows(LAST);
    running
}

fn ca(folder: &Folder) -> std::path::PathBuf {
    folder.path().join("ca.pem")
}

/// A line of the table: the server, the tool, what is typed.
type Row = (String, String, String);

fn rows(table: &str) -> Vec<Row> {
    let mut server = String::new();
    let mut rows = Vec::new();
    for line in table.lines() {
        match line.strip_prefix("  ") {
            Some(line) => {
                let (tool, typed) = line.split_once(' ').unwrap();
                rows.push((server.clone(), tool.to_owned(), typed.trim().to_owned()));
            }
            None => server = line.split(" on ").next().unwrap().to_owned(),
        }
    }
    rows
}

/// Types one line; gives what the tool said, or nothing where this machine has no such tool.
fn try_it((server, name, typed): &Row) -> Option<String> {
    let words: Vec<&str> = typed.split_whitespace().map(|word| word.trim_matches('"')).collect();
    let well = |command: &mut Command, input: &[u8]| {
        let (status, out, err) = run(command, input).parts();
        assert_eq!(status, 0, "{typed}: {out}{err}");
        out
    };
    match name.as_str() {
        "browser" => Some(http::get(typed).unwrap().text().unwrap()),
        "curl" => {
            let mut curl = tool("curl")?;
            curl.args(["-q", "-sS", "--noproxy", "*", "--max-time", "20"]).args(&words[1..]).current_dir(root());
            Some(well(&mut curl, b""))
        }
        "dig" => Some(well(tool("dig")?.args(&words[1..]), b"")),
        "ours" => {
            assert_eq!(words[..3], ["cargo", "run", "--example"], "{typed}");
            assert_eq!(words[4], "--", "{typed}");
            Some(well(PROGRAMS.command(words[3].to_owned().leak()).args(&words[5..]), b""))
        }
        "Python" => {
            let python = python_with("websockets", "")?;
            let mut program = Running::start(Command::new(python.get_program()).args(&words[1..]));
            program.shows("Connected to");
            program.type_in("Hello\n");
            Some(program.shows("< Hello"))
        }
        "mail" => {
            let port = typed.split_once("port ").unwrap().1.split(',').next().unwrap();
            assert!(typed.starts_with("server 127.0.0.1, ") && typed.ends_with("no encryption, no login"), "{typed}");
            Some(well(python("smtp_plain.py")?.args(["127.0.0.1", port]), b""))
        }
        "nc" | "telnet" => {
            let mut program = Running::start(tool(name)?.args(&words[1..]));
            let (says, wanted) = if server == "SMTP" { ("QUIT\n", "221 ") } else { ("Hello\n", "Hello\n") };
            if server == "SMTP" {
                program.shows("220 ");
            }
            program.type_in(says);
            Some(program.shows(wanted))
        }
        other => panic!("no test knows how to try {other}"),
    }
}

#[test]
fn every_line_of_the_table() {
    let folder = Folder::new();
    let mut lab = lab(&folder, &["--wire"]);
    let table = lab.said(|said| said.out.text());
    assert!(table.starts_with("the lab is open, for this machine only; Enter stops it\n"), "{table}");
    assert!(Path::new(&ca(&folder)).exists() && table.contains(&ca(&folder).display().to_string()), "{table}");
    let rows = rows(table.split_once("\n\n").unwrap().1);
    let servers = ["HTTP", "HTTPS", "WebSocket", "FTP", "SMTP", "SMTPS", "DNS", "echo"];
    assert!(servers.iter().all(|server| rows.iter().any(|row| row.0 == *server)), "{rows:?}");
    // What each tool shows when it works.
    let shown: [(&str, &str, &str); 20] = [
        ("HTTP", "browser", "<h1>"),
        ("HTTP", "curl", "\"key1\": \"value1\""),
        ("HTTP", "ours", "200 OK"),
        ("HTTPS", "curl", "https://localhost:"),
        ("WebSocket", "browser", "<script>"),
        ("WebSocket", "Python", "Hello"),
        ("WebSocket", "ours", "Hello, Server!"),
        ("FTP", "curl", "hello.txt"),
        ("FTP", "curl", ""),
        ("FTP", "curl", "hello.txt"),
        ("FTP", "ours", "hello.txt"),
        ("SMTP", "mail", ""),
        ("SMTP", "telnet", "221 "),
        ("SMTP", "ours", "taken: 250 "),
        ("SMTPS", "curl", "214 "),
        ("DNS", "dig", "93.184.216.34"),
        ("DNS", "ours", "93.184.216.34"),
        ("echo", "nc", "Hello\n"),
        ("echo", "ours", "answered 15 bytes"),
        ("echo", "ours", "answered 14 bytes"),
    ];
    let lines: Vec<(&str, &str)> = rows.iter().map(|row| (row.0.as_str(), row.1.as_str())).collect();
    assert_eq!(lines, shown.map(|(server, tool, _)| (server, tool)));
    let tried = thread::scope(|scope| {
        let all: Vec<_> = rows.iter().map(|row| scope.spawn(|| try_it(row))).collect();
        all.into_iter().map(|one| one.join().unwrap()).collect::<Vec<_>>()
    });
    for ((row, said), (_, _, wanted)) in rows.iter().zip(&tried).zip(shown) {
        assert!(said.as_ref().is_none_or(|said| said.contains(wanted)), "{row:?}: {said:?}");
    }
    // Mails are shown: ours, and that of the mail program.
    lab.shows("  Subject: 测试邮件\n");
    if tried[11].is_some() {
        let out = lab.shows("  application/octet-stream a.bin: 3 bytes\n");
        assert!(out.contains("a mail came:\n  from sender@example.com to receiver@example.com\n"), "{out}");
        assert!(out.contains("  Subject: from a mail program: 你好\n  text/plain: 15 bytes\n"), "{out}");
    }
    // And the conversations, each under the name of its server.
    let wire = lab.said(|said| said.err.text());
    let names = ["HTTP", "WebSocket", "SMTP", "DNS", "echo"];
    assert!(names.iter().all(|name| wire.contains(&format!("-- {name}\n"))), "{wire}");
    assert!(wire.contains("C: QUIT\\r\\n") && wire.lines().all(|line| line.chars().count() <= 76), "{wire}");

    lab.type_in("\n");
    let (status, out, _) = lab.end().parts();
    let (_, end) = out.split_once("\nstopping; still connected: ").unwrap();
    assert!(status == 0 && end.contains("stuck: 0\nconnections: HTTP ") && end.contains("\nmails: "), "{out}");
    assert!(!ca(&folder).exists(), "what nobody can use any more is gone");
}

#[test]
fn two_at_once_and_each_ends_by_itself() {
    let (one, two) = (Folder::new(), Folder::new());
    let labs = thread::scope(|scope| {
        [&one, &two].map(|folder| scope.spawn(|| lab(folder, &[]))).map(|lab| lab.join().unwrap())
    });
    for mut lab in labs {
        lab.type_in("\n");
        let (status, out, err) = lab.end().parts();
        assert_eq!((status, err.as_str()), (0, ""));
        assert!(
            out.contains("\nstopping; still connected: 0; seconds to finish: 2\nfinished: 0, cut off: 0, stuck: 0\n"),
            "{out}"
        );
    }
}

/// Without any input it serves on; a client that stays is cut off when the lab ends.
pub fn a_client_that_stays_is_cut_off() {
    let folder = Folder::new();
    let mut lab = lab(&folder, &[]);
    let table = lab.said(|said| said.out.text());
    let echo = table.lines().find_map(|line| line.strip_prefix("echo on ")).unwrap().split(',').next().unwrap();
    let mut client = support::sockets::dial(echo.parse().unwrap());
    support::echo::ask(&mut client).unwrap();
    lab.type_in("\n");
    let (status, out, _) = lab.end().parts();
    assert!(status == 0 && out.contains("still connected: 1;") && out.contains("cut off: 1, stuck: 0"), "{out}");
    assert!(out.contains(" echo 1\n"), "{out}");
}

#[test]
fn wrong_arguments_a_closed_output_and_a_place_for_the_certificate() {
    for wrong in ["--port", "127.0.0.1:8080"] {
        let (status, out, err) = PROGRAMS.run("lab", [wrong], b"").parts();
        assert_eq!((status, out.as_str()), (2, ""));
        assert!(err.starts_with("error: ") && err.contains(wrong), "{err}");
    }
    let (status, out, _) = PROGRAMS.run("lab", ["--help"], b"").parts();
    assert!(status == 0 && out.contains("Enter stops it"), "{out}");

    let folder = Folder::new();
    let file = folder.file("file", "");
    let nowhere = file.join("ca.pem");
    PROGRAMS.run("lab", ["--any-port", "--ca", nowhere.to_str().unwrap()], b"").is_error(1, "write ");

    let mut command = PROGRAMS.command("lab");
    let (mut program, stdout) =
        Running::unheard(command.arg("--any-port").arg("--ca").arg(ca(&folder)), Stdio::piped());
    let (line, reader) = first_line(stdout.unwrap());
    assert!(line.starts_with("the lab is open"), "{line}");
    close(reader);
    drop(std::io::Write::write_all(&mut program.stdin(), b"\n")); // it may have ended already
    let left = program.end();
    assert_eq!((left.status, left.err.as_str()), (0, ""));
}

/// The ports of the lessons, in a network where nobody else has them.
#[test]
fn the_ports_of_the_lessons() {
    if let Some(program) = told() {
        return inside(&program);
    }
    let program = PROGRAMS.path("lab");
    if network::own("the_ports_of_the_lessons", program.to_str().unwrap(), &NAMES, "").is_none() {
        note("so the ports of the lessons were not tried");
    }
}

fn inside(program: &str) {
    let folder = Folder::new();
    let start = || Running::start(Command::new(program).current_dir(folder.path()));
    // One is taken: which, and what mends it.
    let taken = TcpListener::bind("127.0.0.1:2525").unwrap();
    let left = start().end();
    left.is_error(1, "open the lab: listen on 127.0.0.1:2525: ");
    assert!(
        left.err.contains("-- --any-port`") && left.err.contains("\nhint: another program has this port"),
        "{}",
        left.err
    );
    drop(taken);
    let lab = start();
    let out = lab.shows(LAST);
    for (name, port) in [
        ("HTTP", 8080),
        ("HTTPS", 8443),
        ("WebSocket", 8765),
        ("FTP", 2121),
        ("SMTP", 2525),
        ("SMTPS", 4650),
        ("DNS", 5300),
        ("echo", 8888),
    ] {
        assert!(out.contains(&format!("\n{name} on 127.0.0.1:{port}")), "{out}");
    }
    assert!(out.contains("\nwho is to believe its certificates needs this file: target/lab-ca.pem\n"), "{out}");
    assert!(folder.path().join("target/lab-ca.pem").exists());
    assert!(out.lines().all(|line| line.chars().count() <= 80), "{out}");
}
