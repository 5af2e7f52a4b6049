//! What integration tests share: the files of this project, the programs it builds, sockets whose waits end.

#![allow(dead_code, unused_imports, clippy::unwrap_used, clippy::expect_used, clippy::panic)] // each test file uses some of it

pub mod echo;
pub mod files;
pub mod network;
pub mod numbers;
pub mod programs;
pub mod sockets;

use std::collections::BTreeSet;
use std::io::{self, ErrorKind, Write};
use std::sync::Mutex;
use std::time::Duration;

/// No test waits longer than this for anything: far above what is needed, so that a busy machine passes.
pub const LIMIT: Duration = Duration::from_secs(30);

/// Says something where a passing test may speak: libtest hides what `eprintln!` prints.
pub fn note(text: &str) {
    let _ = writeln!(io::stderr(), "{text}");
}

/// Whether the programs of others are the subject of this run (NETPRIMER_PEERS=1), and not one of many tests of somebody who
/// learns. Then nothing may be missing, and what is repeated is repeated as often as it is worth.
pub fn peers() -> bool {
    std::env::var_os("NETPRIMER_PEERS").is_some_and(|value| value == "1")
}

/// Whether time does not matter (NETPRIMER_LOAD=1): what is tried on samples otherwise is tried on much more.
pub fn load() -> bool {
    all() || std::env::var_os("NETPRIMER_LOAD").is_some_and(|value| value == "1")
}

/// Whether it does not matter at all (NETPRIMER_LOAD=all): it is tried on all there is.
pub fn all() -> bool {
    std::env::var_os("NETPRIMER_LOAD").is_some_and(|value| value == "all")
}

/// The most memory that this process ever had, in KiB (proc(5)): only on Linux.
pub fn most_memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.split_whitespace().next().unwrap().parse().unwrap()
}

/// Names what is left out because this machine does not have it. With NETPRIMER_PEERS=1 it was promised, and this fails.
pub fn missing(what: &str, why: &str) {
    assert!(!peers(), "{what}: {why}");
    not_allowed(what, why);
}

/// Names what is left out because this machine does not allow it. Nobody can promise that. The same is named once, however
/// many tests it concerns.
pub fn not_allowed(what: &str, why: &str) {
    static NAMED: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());
    let text = format!("skipped: {what}: {}", why.trim());
    if NAMED.lock().unwrap().insert(text.clone()) {
        note(&text);
    }
}

/// The same test with each of these, on threads of their own: what mostly waits, waits at once.
pub fn at_once<T: Send>(cases: impl IntoIterator<Item = T>, test: impl Fn(T) + Sync) {
    std::thread::scope(|scope| {
        for case in cases {
            scope.spawn(|| test(case));
        }
    });
}

/// Tests that mostly wait, as one: all at once, so that it takes as long as the longest of them. Each has a thread with its name.
#[macro_export]
macro_rules! together {
    ($all:ident: $($(#[$only:meta])* $test:path),+ $(,)?) => {
        #[test]
        fn $all() {
            $crate::support::together(&[$($(#[$only])* (stringify!($test), $test as fn())),+]);
        }
    };
}

/// See [`together!`].
pub fn together(tests: &[(&str, fn())]) {
    std::thread::scope(|scope| {
        for (name, test) in tests {
            std::thread::Builder::new().name((*name).to_owned()).spawn_scoped(scope, test).unwrap();
        }
    });
}

/// A call that has a timeout can be interrupted (signal(7)), by a machine that is suspended and goes on for instance.
pub fn uninterrupted<T>(mut call: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    loop {
        match call() {
            Err(e) if e.kind() == ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}
