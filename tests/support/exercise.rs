//! An exercise that stands in its lesson: the task with its asserts, and one solution. Put together as a learner would.

use super::files::{Folder, read, root};
use super::programs::{Left, run};
use std::process::Command;

pub struct Exercise {
    folder: Folder,
    /// What the task gives before the function that is to be written.
    given: Vec<String>,
    pub solution: String,
    /// `fn main()` with the asserts.
    checks: String,
}

impl Exercise {
    /// Of the lesson with this name: the task is the first block of Rust that says `todo!`, the solution the next.
    pub fn of(lesson: &str) -> Exercise {
        let text = read(root(), &format!("lessons/{lesson}.md"));
        let blocks = text.split("\n```").filter_map(|block| block.split_once('\n'));
        let mut rust = blocks.filter(|(info, _)| info.starts_with("rust")).map(|(_, code)| code);
        let task = rust.find(|code| code.contains("todo!(")).expect("a task");
        let (solution, _) = rust.next().and_then(|code| code.split_once("fn main()")).expect("a solution with a main");
        let given = task.lines().take_while(|line| !line.starts_with("///")).map(str::to_owned).collect();
        let checks = task[task.find("fn main()").expect("a main")..].to_owned();
        Exercise { folder: Folder::new(), given, solution: solution.to_owned(), checks }
    }

    /// Builds the program of a learner who wrote this function, and runs it.
    pub fn run(&self, name: &str, function: &str) -> Left {
        // What stands in the solution too is written once.
        let given: Vec<&str> =
            self.given.iter().map(String::as_str).filter(|line| !function.lines().any(|own| own == *line)).collect();
        let source =
            self.folder.file(&format!("{name}.rs"), format!("{}\n{function}\n{}", given.join("\n"), self.checks));
        let program = self.folder.path().join(name);
        let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
        let left = run(Command::new(rustc).args(["--edition", "2024", "-o"]).arg(&program).arg(&source), b"");
        assert_eq!(left.status, 0, "{}", left.err);
        run(&mut Command::new(program), b"")
    }

    /// The solution passes and says so; with `from` in it replaced by `to` it fails and says this.
    pub fn holds(&self, passed: &str, [from, to]: [&str; 2], says: &str) {
        let left = self.run("solution", &self.solution);
        assert_eq!((left.status, left.text().trim_end()), (0, passed));
        let careless = self.solution.replace(from, to);
        assert_ne!(careless, self.solution, "{from:?} is not in the solution");
        let left = self.run("careless", &careless);
        assert!(left.status != 0 && left.err.contains(says), "a solution that is wrong passes: {}", left.text());
    }
}
