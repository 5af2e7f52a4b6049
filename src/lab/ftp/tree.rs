//! The folder that is served, and nothing else: from names of FTP to paths of this machine.
//!
//! ```text
//! CWD /a       cwd is /a
//! RETR ../b    /b        `..` is taken away in the name, before anything is looked up; above `/` there is nothing
//! RETR link    refused   a symbolic link is never followed, wherever it leads
//! ```
//!
//! RFC 3659 section 6 (TVFS: names between slashes). The check and the use of a path are two steps; between them only somebody
//! on this machine could change the folder, because no command makes a link.
//!
//! May use: error, encode.

use crate::encode::ftp_time;
use crate::error::{Error, Result};
use std::collections::BTreeMap;
use std::fs::{self, Metadata};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// Names on the way from the root.
pub(super) type Names = Vec<String>;

pub(super) struct Tree {
    root: PathBuf,
}

/// Where a name leads.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) names: Names,
    pub(super) real: PathBuf,
    /// What is there, if anything is.
    pub(super) what: Option<Metadata>,
}

impl Place {
    pub(super) fn is_folder(&self) -> bool {
        self.what.as_ref().is_some_and(Metadata::is_dir)
    }

    pub(super) fn is_file(&self) -> bool {
        self.what.as_ref().is_some_and(Metadata::is_file)
    }
}

/// As PWD shows it.
pub(super) fn shown(names: &[String]) -> String {
    format!("/{}", names.join("/"))
}

impl Tree {
    pub(super) fn new(root: &Path) -> Result<Tree> {
        let root = root.canonicalize().map_err(Error::io(format!("serve {}", root.display())))?;
        Ok(Tree { root })
    }

    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    /// Where `path` leads for somebody who stands in `cwd`.
    ///
    /// # Errors
    /// Why it leads nowhere, for a 550.
    pub(super) fn find(&self, cwd: &[String], path: &str) -> std::result::Result<Place, &'static str> {
        let mut names: Names = if path.starts_with('/') { Vec::new() } else { cwd.to_vec() };
        for name in path.split('/') {
            match name {
                "" | "." => {}
                ".." => drop(names.pop()),
                // Windows has more separators than one, and names for streams and drives.
                name if name.contains(|c: char| matches!(c, '\\' | '\0') || (cfg!(windows) && c == ':')) => {
                    return Err("no such name can be here");
                }
                name => names.push(name.to_owned()),
            }
        }
        let mut real = self.root.clone();
        let mut what = fs::symlink_metadata(&real).ok();
        for name in &names {
            real.push(name);
            what = fs::symlink_metadata(&real).ok();
            match &what {
                Some(here) if here.is_symlink() => return Err("links are not followed"),
                _ => {}
            }
        }
        Ok(Place { names, real, what })
    }

    /// What is in a folder, by name. Links and what has no name in UTF-8 are not shown, nor is what is still being uploaded.
    pub(super) fn list(&self, place: &Place) -> Vec<(String, Metadata)> {
        let entries = fs::read_dir(&place.real).into_iter().flatten().flatten();
        let shown = entries.filter_map(|entry| {
            let name = entry.file_name().into_string().ok()?;
            let what = fs::symlink_metadata(entry.path()).ok()?;
            let ours = !what.is_symlink() && !is_part(&name) && !name.contains(['\r', '\n', '\\']);
            ours.then_some((name, what))
        });
        let mut all: Vec<_> = shown.collect();
        all.sort_by(|a, b| a.0.cmp(&b.0));
        all
    }

    pub(super) fn files(&self) -> BTreeMap<String, Vec<u8>> {
        let mut files = BTreeMap::new();
        let mut folders = vec![Names::new()];
        while let Some(names) = folders.pop() {
            let Ok(place) = self.find(&[], &shown(&names)) else { continue };
            for (name, what) in self.list(&place) {
                let inner: Names = names.iter().cloned().chain([name.clone()]).collect();
                if what.is_dir() {
                    folders.push(inner);
                } else if let Ok(bytes) = fs::read(place.real.join(&name)) {
                    files.insert(shown(&inner), bytes);
                }
            }
        }
        files
    }
}

/// Whether an upload that is not whole yet has this name: see [`Part`](crate::part::Part).
fn is_part(name: &str) -> bool {
    name.starts_with('.') && name.ends_with(".part")
}

/// A line of LIST, in the form of `ls -l`, which most programs understand.
pub(super) fn long(name: &str, what: &Metadata) -> String {
    const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let at = what.modified().unwrap_or(SystemTime::UNIX_EPOCH);
    let digits = ftp_time(at);
    let month = digits[4..6].parse::<usize>().map_or("Jan", |month| MONTHS[(month + 11) % 12]);
    let recent = SystemTime::now().duration_since(at).is_ok_and(|ago| ago < Duration::from_secs(180 * 24 * 60 * 60));
    let time = if recent { format!("{}:{}", &digits[8..10], &digits[10..12]) } else { format!(" {}", &digits[..4]) };
    let (kind, size) = if what.is_dir() { ("drwxr-xr-x 2", 0) } else { ("-rw-r--r-- 1", what.len()) };
    format!("{kind} ftp      ftp      {size:>12} {month} {} {time} {name}", &digits[6..8])
}

/// The facts of MLSD and MLST, and the name.
pub(super) fn facts(name: &str, what: &Metadata, may_write: bool) -> String {
    let modify = ftp_time(what.modified().unwrap_or(SystemTime::UNIX_EPOCH));
    if what.is_dir() {
        let perm = if may_write { "cdeflmp" } else { "el" };
        return format!("type=dir;modify={modify};perm={perm}; {name}");
    }
    let perm = if may_write { "adfrw" } else { "r" };
    format!("type=file;size={};modify={modify};perm={perm}; {name}", what.len())
}
