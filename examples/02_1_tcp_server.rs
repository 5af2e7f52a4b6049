//! 2.1 A TCP server: one connection at a time. It reads one message, shows it, answers and closes.
//!
//! On the wire: up to 1024 bytes from the client, then our `Hello, Client!\n` and our FIN (RFC 9293 section 3.6).

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::process::ExitCode;
use std::thread;
use std::time::{Duration, Instant};

/// The longest message, in bytes.
const SIZE_LIMIT: usize = 1024;
/// The longest wait for a whole message: while we wait, nobody else is served.
const TIME_LIMIT: Duration = Duration::from_secs(2);

fn main() -> ExitCode {
    netprimer::finish(run())
}

fn run() -> io::Result<()> {
    let addr = address("127.0.0.1:8888")?;
    let listener = TcpListener::bind(&addr).map_err(|e| tried(format!("listen on {addr}"), e))?;
    let mut out = io::stdout();
    writeln!(out, "listening on {}", listener.local_addr()?)?;
    loop {
        let (client, peer) = match listener.accept() {
            Ok(accepted) => accepted,
            Err(e) => {
                writeln!(out, "accept: {e}")?;
                thread::sleep(Duration::from_millis(100)); // with no descriptor free it fails again at once
                continue;
            }
        };
        // What goes wrong with one client is one line of output, and the next client's turn.
        match read_message(&client) {
            Ok((bytes, end)) => {
                writeln!(out, "{peer} sent {} bytes, ended by {end}: {}", bytes.len(), show(&bytes))?;
                if let Err(e) = answer(client) {
                    writeln!(out, "{peer}: no answer possible: {e}")?;
                }
            }
            Err(e) => writeln!(out, "{peer}: {e}")?,
        }
    }
}

/// TCP has no messages: it is for us to say what ends one. Gives the bytes and what ended them.
fn read_message(client: &TcpStream) -> io::Result<(Vec<u8>, &'static str)> {
    let (mut message, mut piece) = (Vec::new(), [0; SIZE_LIMIT]);
    let deadline = Instant::now() + TIME_LIMIT;
    loop {
        let room = SIZE_LIMIT - message.len();
        match read_by(deadline, client, &mut piece[..room]) {
            Ok(0) => return Ok((message, "the client's FIN")),
            Ok(n) => message.extend_from_slice(&piece[..n]),
            Err(e) if e.kind() == ErrorKind::TimedOut => return Ok((message, "our time limit")),
            Err(e) => return Err(e),
        }
        if let Some(newline) = message.iter().position(|&byte| byte == b'\n') {
            message.truncate(newline + 1);
            return Ok((message, "a newline"));
        }
        if message.len() == SIZE_LIMIT {
            return Ok((message, "our size limit"));
        }
    }
}

/// Closing with unread bytes sends a reset, and that can destroy the answer on its way (RFC 9293 section 3.6.1).
/// So: "no more from me" first, then read on until the client has closed too.
fn answer(mut client: TcpStream) -> io::Result<()> {
    client.set_write_timeout(Some(TIME_LIMIT))?;
    client.write_all(b"Hello, Client!\n")?;
    client.shutdown(Shutdown::Write)?;
    let deadline = Instant::now() + TIME_LIMIT;
    while let Ok(1..) = read_by(deadline, &client, &mut [0; SIZE_LIMIT]) {}
    Ok(())
}

/// One read that is over at the deadline, however many reads came before: the kernel gets what is left of the time.
fn read_by(deadline: Instant, mut stream: &TcpStream, buffer: &mut [u8]) -> io::Result<usize> {
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(ErrorKind::TimedOut.into()); // a timeout of zero would be none at all
        }
        stream.set_read_timeout(Some(left))?;
        match stream.read(buffer) {
            // "Nothing came in time" is WouldBlock on Unix and TimedOut on Windows; a signal interrupts.
            Err(e) if matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {}
            result => return result,
        }
    }
}

/// Bytes are text only if they are valid UTF-8. Both ways escape what could move the cursor of your terminal.
fn show(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) => format!("{text:?}"),
        Err(_) => format!("b\"{}\"", bytes.escape_ascii()),
    }
}

/// The address to use: the one argument, or the default.
fn address(default: &str) -> io::Result<String> {
    let wrong = |what: &str| io::Error::new(ErrorKind::InvalidInput, what);
    let mut args = std::env::args_os().skip(1);
    match (args.next(), args.next()) {
        (None, _) => Ok(default.to_owned()),
        (Some(addr), None) => addr.into_string().map_err(|_| wrong("an address is text")),
        _ => Err(wrong("one address at most")),
    }
}

/// The error says what we tried, and keeps its kind, so that `finish` knows a hint.
fn tried(what: String, e: io::Error) -> io::Error {
    io::Error::new(e.kind(), format!("{what}: {e}"))
}
