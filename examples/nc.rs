//! A netcat: standard input goes to the wire, the wire to standard output, both at the same time and byte by byte. Over
//! TCP the end of the input is the end of what we send (a half-close: FIN, RFC 9293 section 3.6), and the program goes on
//! reading until the other side ends. When that one has closed and not only half-closed, what is sent after that comes
//! back as a reset (RFC 9293 section 3.10.7.1). Over UDP each read of the input is one datagram.

mod lesson;

use clap::Arg;
use lesson::{Args, Out, flag};
use netprimer::dial::Target;
use netprimer::{Deadline, Error, Result, stream, trace};
use std::io::{self, ErrorKind, IsTerminal, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::process::ExitCode;
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// The largest datagram over IPv4: 65,535 less the headers of IP and UDP.
const LARGEST: usize = 65_507;

const ABOUT: &str = "Joins the terminal (or a pipe) with a TCP connection, or with datagrams.";

fn main() -> ExitCode {
    let address = Arg::new("ADDR").required(true).value_parser(lesson::address);
    let wait = Arg::new("wait").long("wait").value_name("SECONDS").value_parser(lesson::pause).default_value("2");
    let args = [
        address.help("HOST:PORT to connect to, or to listen on; without a port 8888"),
        flag("udp", "Datagrams instead of TCP").short('u'),
        flag("listen", "Wait for one peer instead of connecting").short('l'),
        flag("hex", "Show what comes as a hexdump"),
        flag("crlf", "Send each line end as CR LF, as most text protocols want"),
        wait.help("UDP: how long to wait for answers after the input has ended"),
    ];
    lesson::tool(ABOUT, args, run)
}

fn run(args: &Args) -> Result<()> {
    let Some(at) = args.get_one::<Target>("ADDR") else { return Ok(()) }; // clap asks for it
    let soon = Deadline::after(Duration::from_secs(10));
    let addresses = stream::resolve(at.host(), at.port(), soon)?;
    let phase = |what| Error::io(format!("{what} {at}"));
    match (args.get_flag("udp"), args.get_flag("listen")) {
        (false, false) => talk(stream::connect(at.host(), at.port(), soon)?.socket(), args).map_err(phase("talk to")),
        (false, true) => talk(&accept_one(&addresses).map_err(phase("listen on"))?, args).map_err(phase("talk on")),
        (true, false) => {
            exchange(&stream::connect_udp(addresses[0]).map_err(phase("send to"))?, args).map_err(phase("talk to"))
        }
        (true, true) => {
            exchange(&first_sender(&addresses).map_err(phase("listen on"))?, args).map_err(phase("talk on"))
        }
    }
}

fn accept_one(addresses: &[SocketAddr]) -> io::Result<TcpStream> {
    let listener = TcpListener::bind(addresses)?;
    writeln!(io::stderr(), "listening on {}", listener.local_addr()?)?; // stdout is for the peer's bytes only
    Ok(listener.accept()?.0)
}

/// A socket connected to whoever sends the first datagram, which stays to be received.
fn first_sender(addresses: &[SocketAddr]) -> io::Result<UdpSocket> {
    let socket = UdpSocket::bind(addresses)?;
    writeln!(io::stderr(), "listening on {}", socket.local_addr()?)?;
    let (_, peer) = socket.peek_from(&mut [0; LARGEST])?;
    socket.connect(peer)?;
    Ok(socket)
}

/// TCP: ends when both sides have ended what they send.
fn talk(mut socket: &TcpStream, args: &Args) -> io::Result<()> {
    let (mut sender, crlf) = (socket.try_clone()?, args.get_flag("crlf"));
    let sending = start(move || {
        let sent = send_input(crlf, |bytes| sender.write_all(bytes));
        sent.and(sender.shutdown(Shutdown::Write))
    })?;
    let mut buffer = vec![0; LARGEST];
    while let n @ 1.. = socket.read(&mut buffer)? {
        show(&buffer[..n], args)?;
    }
    if io::stdin().is_terminal() && !sending.is_finished() {
        writeln!(io::stderr(), "the other side sends no more; end your side with Ctrl-D (Windows: Ctrl-Z, Enter)")?;
    }
    match join(sending) {
        Err(e) if closed_there(&e) => {
            writeln!(
                io::stderr(),
                "the other side has closed the connection: what was sent after that was not delivered"
            )
        }
        ended => ended,
    }
}

/// What a send or a FIN meets when the other side has closed. All that it sent was read by then, so that is no error.
fn closed_there(error: &io::Error) -> bool {
    use ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, NotConnected};
    matches!(error.kind(), BrokenPipe | ConnectionAborted | ConnectionReset | NotConnected)
}

/// UDP: no datagram says that it was the last, so this ends when the input has ended and nothing comes for a while.
fn exchange(socket: &UdpSocket, args: &Args) -> io::Result<()> {
    let wait: Duration = args.get_one("wait").copied().unwrap_or_default();
    socket.set_read_timeout(Some(wait.max(Duration::from_millis(1))))?;
    let (sender, crlf) = (socket.try_clone()?, args.get_flag("crlf"));
    let sending = start(move || send_input(crlf, |bytes| sender.send(bytes).map(drop)))?;
    let mut buffer = vec![0; LARGEST];
    loop {
        let all_sent = sending.is_finished();
        match socket.recv(&mut buffer) {
            Ok(n) => {
                show(&buffer[..n], args)?;
                // On a terminal each datagram has a line of its own; in a pipe or a file it stays as it is.
                if io::stdout().is_terminal() && !buffer[..n].ends_with(b"\n") && !args.get_flag("hex") {
                    writeln!(Out)?;
                }
            }
            Err(e) if e.kind() == ErrorKind::Interrupted => {} // Ctrl-Z, then fg: a wait with a timeout ends (signal(7))
            Err(e) if !matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => return Err(e),
            Err(_) if all_sent => return join(sending),
            Err(_) => {}
        }
    }
}

/// The input to its end, piece by piece as it comes: from a terminal line by line.
fn send_input(crlf: bool, mut send: impl FnMut(&[u8]) -> io::Result<()>) -> io::Result<()> {
    let mut buffer = vec![0; LARGEST];
    let mut last = 0;
    while let n @ 1.. = io::stdin().read(&mut buffer)? {
        if !crlf {
            send(&buffer[..n])?;
            continue;
        }
        let mut piece = Vec::with_capacity(n);
        for byte in &buffer[..n] {
            if *byte == b'\n' && last != b'\r' {
                piece.push(b'\r');
            }
            piece.push(*byte);
            last = *byte;
        }
        send(&piece)?;
    }
    Ok(())
}

fn show(bytes: &[u8], args: &Args) -> io::Result<()> {
    match args.get_flag("hex") {
        true => Out.write_all(trace::hexdump(bytes).as_bytes())?,
        false => Out.write_all(bytes)?,
    }
    Out.flush()
}

fn start(send: impl FnOnce() -> io::Result<()> + Send + 'static) -> io::Result<JoinHandle<io::Result<()>>> {
    thread::Builder::new().spawn(send).map_err(|cause| Error::not_started("start a thread")(cause).into())
}

fn join(sending: JoinHandle<io::Result<()>>) -> io::Result<()> {
    sending.join().unwrap_or_else(|_| Err(io::Error::other("the sending thread panicked")))
}
