//! The program `echo-server`, and a client of it.

use super::programs::Programs;
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::process::Command;
use std::sync::LazyLock;

pub static PROGRAMS: LazyLock<Programs> = LazyLock::new(|| Programs::build(["echo-server"]));

/// `echo-server` on a free port, with these further arguments.
pub fn echo_server(args: &[&str]) -> Command {
    let mut command = PROGRAMS.command("echo-server");
    command.arg("127.0.0.1:0").args(args);
    command
}

pub fn ask(client: &mut TcpStream) -> io::Result<()> {
    client.write_all("你好".as_bytes())?;
    let mut answer = [0; 6];
    client.read_exact(&mut answer)?;
    assert_eq!(answer, "你好".as_bytes());
    Ok(())
}
