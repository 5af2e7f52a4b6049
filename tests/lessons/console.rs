//! Console blocks: what a learner types at `$ `, `T1$ `, `T2$ ` is run, and what they will see is compared.

use super::markdown::{Block, Problem};
use super::names::Names;
use super::process::Running;
use super::program::{Call, Programs};
use std::time::Duration;

/// One command with its prompt.
struct Command {
    block: usize,
    line: usize,
    /// 0 at `$ `, 1 at `T1$ `.
    terminal: u32,
    prompt: String,
    call: Call,
    /// What the lesson shows below it.
    shown: Vec<String>,
}

/// A block as the lesson has it and as it is, both with steady names.
pub struct Compared {
    pub block: usize,
    pub shown: Vec<String>,
    pub real: Vec<String>,
}

fn prompt(line: &str) -> Option<(u32, &str)> {
    let (head, text) = line.split_once("$ ")?;
    match head.strip_prefix('T') {
        None if head.is_empty() => Some((0, text)),
        Some(n) => Some((n.parse().ok().filter(|n| (1..=9).contains(n))?, text)),
        None => None,
    }
}

fn commands(n: usize, block: &Block) -> Result<Vec<Command>, Problem> {
    let mut commands: Vec<Command> = Vec::new();
    for (line, text) in (block.open + 1..).zip(&block.body) {
        match (prompt(text), commands.last_mut()) {
            (Some((terminal, typed)), _) => {
                let call = Call::at_prompt(typed).map_err(|e| Problem::new(line, e))?;
                commands.push(Command { block: n, line, terminal, prompt: text.clone(), call, shown: Vec::new() });
            }
            (None, Some(command)) => command.shown.push(text.clone()),
            (None, None) => {
                return Err(Problem::new(line, "a console block begins with a prompt: `$ `, `T1$ ` or `T2$ `"));
            }
        }
    }
    Ok(commands)
}

/// The names of the programs in these blocks.
pub fn programs(blocks: &[Block]) -> Vec<String> {
    let consoles = blocks.iter().filter(|block| block.info == "console");
    consoles.filter_map(|block| commands(0, block).ok()).flatten().map(|command| command.call.name).collect()
}

/// Runs the console blocks of one section. In each the highest terminal is where a person types and waits; what was
/// started on a lower one goes on in the background until that terminal is used again or the section ends, and its block
/// shows all that it prints until then. On T1 that is a server, which must say `listening on` before anything else runs.
/// `silence`: how long a program in the background must print nothing before we believe that it has said all.
pub fn run(programs: &Programs, blocks: &[(usize, &Block)], silence: Duration) -> Result<Vec<Compared>, Problem> {
    let mut all = Vec::new();
    for (n, block) in blocks {
        all.extend(commands(*n, block)?);
    }
    let front = all.iter().map(|command| command.terminal).filter(|terminal| *terminal != 1).max().unwrap_or(0);
    let mut names = Names::default();
    let mut said: Vec<Vec<String>> = vec![Vec::new(); all.len()];
    let mut behind: Vec<(usize, Running)> = Vec::new();
    let stop = |behind: &mut Vec<(usize, Running)>, said: &mut Vec<Vec<String>>, terminal: u32| {
        while behind.last().is_some_and(|(n, _)| all[*n].terminal >= terminal) {
            let Some((n, running)) = behind.pop() else { return };
            said[n] = running.stop(all[n].shown.len(), programs.limit / 6, silence);
        }
    };
    for (n, command) in all.iter().enumerate() {
        let wrong = |e| Problem::new(command.line, e);
        let call = &command.call;
        if command.terminal == 0 || command.terminal == front {
            let path = programs.path(&call.name).map_err(wrong)?;
            let mut running = Running::start(&path, &names.args(programs, call), call.input.clone());
            let status = running.end(programs.limit).map_err(wrong)?;
            said[n] = running.said();
            if status != 0 {
                said[n].push(format!("[exit status {status}]"));
            }
            // A person is slower than this: what a server says about one client comes before the next.
            behind.iter().for_each(|(_, running)| running.settle(Duration::from_millis(50)));
            continue;
        }
        stop(&mut behind, &mut said, command.terminal);
        let running = names.start(programs, call, command.terminal == 1).map_err(wrong)?.0;
        behind.push((n, running));
    }
    stop(&mut behind, &mut said, 0);

    let (mut compared, mut clients) = (Vec::<Compared>::new(), Vec::new());
    for (command, said) in all.iter().zip(&said) {
        if compared.last().is_none_or(|last| last.block != command.block) {
            compared.push(Compared { block: command.block, shown: Vec::new(), real: Vec::new() });
        }
        let block = compared.last_mut().unwrap();
        block.shown.push(command.prompt.clone());
        block.shown.extend(command.shown.iter().map(|line| names.shown(line, &mut clients)));
        block.real.push(command.prompt.clone());
        block.real.extend(said.iter().map(|line| names.printed(line)));
    }
    Ok(compared)
}
