//! A network of a test's own, in which it may have any port, its own firewall and its own `/etc/resolv.conf`: Linux gives
//! one to whoever asks (network_namespaces(7)), if the kernel is set so. Nobody is outside, and it ends with the test.

use super::files::Folder;
use super::programs::{Left, again, run, tool};
use super::{not_allowed, note};
use std::process::Command;

/// Files of /etc that the names of hosts come from; whoever is in this network sees these.
pub const NAMES: [(&str, &str); 3] = [
    ("resolv.conf", "nameserver 127.0.0.1\noptions timeout:10\n"),
    ("hosts", "127.0.0.1 localhost\n"),
    ("nsswitch.conf", "hosts: files dns\n"),
];

const PREPARE: &str = include_str!("network.sh");

/// Runs this test program again with this one test in a network of its own, told that; the test asks [`told`] first.
/// `files` are laid over those of /etc, and then `sh` runs `prepare`. Gives nothing, and says why, where a program is missing
/// or the kernel does not allow it.
///
/// [`told`]: super::programs::told
pub fn own(test: &str, tell: &str, files: &[(&str, &str)], prepare: &str) -> Option<Left> {
    if !cfg!(target_os = "linux") {
        note(&format!("skipped: {test}: only Linux gives a test a network of its own"));
        return None;
    }
    if ["unshare", "mount", "ip"].into_iter().any(|name| tool(name).is_none()) {
        return None;
    }
    let folder = Folder::new();
    files.iter().for_each(|(name, text)| drop(folder.file(name, text)));
    let isolated = || {
        let mut command = Command::new("unshare");
        command.args(["-rnm", "sh", "-ec", &format!("{PREPARE}\n{prepare}\nexec \"$@\""), "sh"]).arg(folder.path());
        command
    };
    let allowed = run(isolated().arg("true"), b"");
    if allowed.status != 0 {
        not_allowed(test, &format!("this kernel gives no such network of our own: {}", allowed.err));
        return None;
    }
    Some(again(test, tell, |program| {
        let mut command = isolated();
        command.arg(program);
        command
    }))
}
