//! The files of this project, as the tests that read them need them.

#![allow(dead_code)] // each test file uses some of it

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

/// The folder of Cargo.toml.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every file below `root/folder` that is not built or hidden, with its path from `root`, `/` between its parts, sorted.
/// None when the folder is not there.
pub fn below(root: &Path, folder: &str) -> Vec<String> {
    let mut found = Vec::new();
    walk(&root.join(folder), &mut found);
    let mut names: Vec<String> =
        found.iter().map(|path| path.strip_prefix(root).unwrap().to_str().unwrap().replace('\\', "/")).collect();
    names.sort();
    names
}

fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        match () {
            () if matches!(name, "target" | "vendor" | ".git" | "__pycache__") => {}
            () if path.is_dir() => walk(&path, found),
            () => found.push(path),
        }
    }
}

/// Copies that the lessons tell a learner to make, `examples/my_client.rs`: theirs, and no test asks how they look.
pub fn is_copy(path: &str) -> bool {
    path.starts_with("examples/my_")
}

/// A file that a learner writes in: a copy, or the starter of an exercise. What we wrote into the starters is looked at
/// where NETPRIMER_PROOFS is set, as it is when the project itself is tested.
pub fn is_learners(path: &str) -> bool {
    let starter = |path: &str| path.starts_with("examples/ex") && path.ends_with(".rs");
    is_copy(path) || (starter(path) && std::env::var_os("NETPRIMER_PROOFS").is_none())
}

/// The text of a file, by its path from `root`.
pub fn read(root: &Path, path: &str) -> String {
    fs::read_to_string(root.join(path)).unwrap_or_else(|e| panic!("{path}: {e}"))
}

/// A folder of a test's own, which goes with this value.
pub struct Folder(PathBuf);

impl Folder {
    pub fn new() -> Folder {
        static MADE: AtomicU32 = AtomicU32::new(0);
        let name = format!("netprimer-test-{}-{}", std::process::id(), MADE.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        fs::create_dir_all(&path).unwrap();
        Folder(path)
    }

    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Writes a file into it.
    pub fn file(&self, name: &str, contents: impl AsRef<[u8]>) -> PathBuf {
        let path = self.0.join(name);
        fs::write(&path, contents).unwrap();
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
