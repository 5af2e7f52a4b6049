//! 2.5 A threaded server: one thread for each connection. It sends back every byte it gets, until the client is done.
//!
//! On the wire: the client's bytes, the same bytes back, the client's FIN, ours (the echo of RFC 862, on another port).

use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::ExitCode;
use std::thread;
use std::time::Duration;

/// A client that sends nothing, or takes nothing, for so long has lost its place.
const IDLE: Duration = Duration::from_secs(60);

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
        writeln!(out, "{peer}: connected")?;
        // Builder, because thread::spawn panics when the system has no thread left. `move` gives the connection to the
        // thread. If there is none, it is dropped, which closes it: that client is lost, and no other.
        let spawned = thread::Builder::new().name(peer.to_string()).spawn(move || handle(client, peer));
        if let Err(e) = spawned {
            writeln!(out, "{peer}: no thread: {e}")?;
        }
    }
}

/// The life of one connection. An error in here, even a panic, ends this thread and touches no other.
fn handle(client: TcpStream, peer: SocketAddr) {
    let end = match echo(&client, IDLE) {
        Ok(bytes) => format!("{bytes} bytes sent back"),
        Err(e) if matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => "idle for too long".to_owned(),
        Err(e) => e.to_string(),
    };
    // If nobody reads our output any more, that is for the accepting thread to find out.
    let _ = writeln!(io::stdout(), "{peer}: {end}");
}

/// Sends back what comes until the client has said that it was all. Gives the number of bytes.
pub fn echo(mut client: &TcpStream, idle: Duration) -> io::Result<usize> {
    client.set_read_timeout(Some(idle))?;
    client.set_write_timeout(Some(idle))?;
    client.set_nodelay(true)?; // every piece goes out at once, however small (RFC 896 would save them up)
    let (mut total, mut piece) = (0, [0; 16 * 1024]);
    loop {
        match client.read(&mut piece) {
            Ok(0) => return Ok(total), // the client's FIN; ours follows when the connection is dropped
            Ok(n) => {
                client.write_all(&piece[..n])?;
                total += n;
            }
            Err(e) if e.kind() == ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
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
