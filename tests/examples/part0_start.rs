//! Lesson 0 as a learner and a teacher meet it: on a machine that is ready, and on machines that are not.

use crate::{PROGRAMS, support};
use netprimer::lab::ready::CHECKS;
use std::process::{Command, Stdio};
use std::thread;
use support::network::{self, NAMES};
use support::not_allowed;
use support::programs::{Running, close, first_line, run, told, tool, under, with_threads};

fn start(args: &[&str]) -> (i32, String, String) {
    PROGRAMS.run("00_start", args, b"").parts()
}

#[test]
fn a_machine_that_runs_these_tests_is_ready() {
    let (status, out, err) = start(&[]);
    assert_eq!((status, err.as_str()), (0, ""), "{out}");
    let lines: Vec<&str> = out.lines().filter(|line| !line.starts_with(' ')).collect();
    assert_eq!(lines.len(), CHECKS.len() + 1, "{out}");
    for (line, check) in lines.iter().zip(CHECKS) {
        let (state, rest) = line.split_once("  ").unwrap();
        assert!(["good", "note"].contains(&state) && rest.starts_with(check.name), "{line}");
    }
    assert!(lines[CHECKS.len()].starts_with("this machine is ready: "), "{out}");
    assert!(!out.contains('\x1b'), "plain in a pipe: {out}");
    // What is to note has its mend in the next line.
    assert_eq!(out.matches("\nnote").count(), out.matches("\n                 -> ").count(), "{out}");
}

#[test]
fn only_what_was_asked_for() {
    let (status, out, err) = start(&["udp", "clock"]);
    assert_eq!((status, err.as_str()), (0, ""));
    let words: Vec<&str> = out.lines().filter_map(|line| line.split_whitespace().nth(1)).collect();
    assert_eq!(words, ["clock", "udp", "machine"], "{out}");
    for wrong in ["speed", "--all"] {
        let (status, out, err) = start(&[wrong]);
        assert_eq!((status, out.as_str()), (2, ""));
        assert!(err.starts_with("error: ") && err.contains(wrong), "{err}");
    }
    let (status, out, _) = start(&["--help"]);
    assert!(status == 0 && out.contains("localhost"), "{out}");
}

#[test]
fn a_proxy_in_the_environment_is_a_note() {
    let with = |variables: &[(&str, &str)]| {
        let mut command = PROGRAMS.command("00_start");
        let all = ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"];
        for name in all {
            command.env_remove(name).env_remove(name.to_lowercase());
        }
        run(command.arg("proxy").envs(variables.iter().copied()), b"").parts()
    };
    let (status, out, _) = with(&[("https_proxy", "http://me:secret@192.0.2.1:3128")]);
    assert_eq!(status, 0, "{out}");
    assert!(out.starts_with("note  proxy      set: https_proxy\n") && out.contains("NO_PROXY=localhost"), "{out}");
    assert!(!out.contains("secret"), "{out}");
    let (_, out, _) = with(&[("HTTP_PROXY", "http://192.0.2.1:3128"), ("no_proxy", "localhost,127.0.0.1")]);
    assert!(out.starts_with("good  proxy "), "{out}");
    assert!(with(&[]).1.contains("no proxy is set"));
}

#[test]
fn too_few_descriptors_stop_it() {
    if !cfg!(unix) {
        return; // no `ulimit`
    }
    let limited = |limit: &str| {
        let (status, out, err) = run(under(limit, &PROGRAMS.path("00_start")).arg("files"), b"").parts();
        assert!(out.contains("-> in this terminal: ulimit -n "), "{out}");
        (status, out, err)
    };
    let (status, out, _) = limited("ulimit -n 256");
    assert!(status == 0 && out.starts_with("note  files "), "{out}");
    let (status, out, err) = limited("ulimit -n 64");
    assert!(status == 1 && out.starts_with("STOP  files "), "{out}");
    assert_eq!(err, "error: check this machine: 1 of 1 stop a lesson: mend the first one, then start this again\n");
}

#[test]
fn too_few_threads_stop_it() {
    let Some(mut command) = with_threads(1, &PROGRAMS.path("00_start")) else { return };
    let (status, out, err) = run(command.args(["rust", "tcp", "localhost", "threads"]), b"").parts();
    assert_eq!(status, 1, "{out}{err}");
    assert!(out.starts_with("STOP  rust ") && out.contains("\nSTOP  threads "), "{out}");
    assert_eq!(out.matches("Resource temporarily unavailable").count(), 3, "no time ran out: {out}");
    assert_eq!(err, "error: check this machine: 4 of 4 stop a lesson: mend the first one, then start this again\n");
}

/// A network that nobody has set up: the loopback interface is there, and off.
#[test]
fn without_loopback_it_stops() {
    if !cfg!(target_os = "linux") {
        return;
    }
    let Some(mut without) = tool("unshare") else { return };
    let allowed = run(Command::new(without.get_program()).args(["-rn", "true"]), b"");
    if allowed.status != 0 {
        return not_allowed("a network without loopback", &allowed.err);
    }
    let program = PROGRAMS.path("00_start");
    let (status, out, err) = run(without.arg("-rn").arg(program).args(["tcp", "udp", "ipv6", "tls"]), b"").parts();
    assert_eq!(status, 1, "{out}");
    assert!(out.starts_with("STOP  tcp ") && out.contains("\nSTOP  udp ") && out.contains("\nSTOP  tls "), "{out}");
    assert!(out.contains("\nnote  ipv6 ") && out.contains("ip link set lo up"), "{out}");
    assert!(err.contains("3 of 4"), "{err}");
}

/// Firewalls that drop: one what UDP sends, one the refusals of TCP.
#[test]
fn a_firewall_on_loopback_is_found() {
    if let Some(program) = told() {
        return inside(&program);
    }
    if tool("iptables").is_some() {
        let program = PROGRAMS.path("00_start");
        let rules = "iptables -A INPUT -p udp -j DROP; iptables -A OUTPUT -p tcp --tcp-flags RST RST -j DROP";
        network::own("a_firewall_on_loopback_is_found", program.to_str().unwrap(), &NAMES, rules);
    }
}

fn inside(program: &str) {
    let check = |name: &str| run(Command::new(program).arg(name), b"").parts();
    thread::scope(|scope| {
        let udp = scope.spawn(|| check("udp"));
        let (status, out, _) = check("refused");
        assert!(status == 0 && out.starts_with("note  refused ") && out.contains("will look filtered"), "{out}");
        let (status, out, _) = udp.join().unwrap();
        assert!(status == 1 && out.starts_with("STOP  udp ") && out.contains("a firewall"), "{out}");
    });
    assert!(check("tcp").1.starts_with("good  tcp "));
}

/// `script` of util-linux gives a program a terminal.
#[test]
fn a_terminal_sees_colours_if_it_wants() {
    if !cfg!(target_os = "linux") {
        return;
    }
    let shown = |name: &str, value: &str| {
        let mut command = tool("script")?;
        command.env_remove("NO_COLOR").env("TERM", "xterm").env(name, value);
        let program = format!("{} clock", PROGRAMS.path("00_start").display());
        Some(run(command.args(["-qec", &program, "/dev/null"]), b"").parts().1)
    };
    let Some(out) = shown("TERM", "xterm") else { return };
    assert!(out.starts_with("\x1b[32mgood\x1b[0m  clock "), "{out:?}");
    for (name, value) in [("NO_COLOR", "1"), ("TERM", "dumb")] {
        let out = shown(name, value).unwrap_or_default();
        assert!(out.starts_with("good  clock "), "{name}: {out:?}");
    }
}

#[test]
fn a_closed_output_ends_it_quietly() {
    let (program, stdout) = Running::unheard(&mut PROGRAMS.command("00_start"), Stdio::piped());
    let (line, reader) = first_line(stdout.unwrap());
    assert!(line.contains("  rust "), "{line}");
    close(reader);
    let left = program.end();
    assert_eq!((left.status, left.err.as_str()), (0, ""));
}
