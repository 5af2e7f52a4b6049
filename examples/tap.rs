//! A proxy that shows every byte that passes, with its direction and time, as it really came: where TCP cuts is its own
//! choice, and here you see it. With options it spoils the conversation, always at the same byte.
//!
//! Client -> tap (127.0.0.1:8889) -> server (127.0.0.1:8888), and back.

mod lesson;

use clap::Arg;
use lesson::{Args, flag, number};
use netprimer::fault::{DatagramFault, DatagramProxy, Fault, FaultProxy, Seen};
use netprimer::{Deadline, Result, stream};
use std::process::ExitCode;
use std::time::Duration;

const ABOUT: &str = "\
Shows every byte that passes between a client and a server, with its direction and time.

Start the server, then tap, and point the client at tap. With one address, it is TARGET.
Faults count each direction's bytes (or datagrams) from the start of the connection.
Everything is shown: tap cannot know which bytes are a password.";

fn main() -> ExitCode {
    let addresses = Arg::new("ADDR").num_args(0..=2).value_parser(lesson::address);
    let sides = Arg::new("from").long("from").value_name("SIDE").value_parser(["client", "server", "both"]);
    let args = [
        addresses.value_name("ADDR").help("[LISTEN] TARGET [default: 127.0.0.1:8889 127.0.0.1:8888]"),
        flag("udp", "Datagrams instead of TCP"),
        flag("hex", "Show a hexdump instead of text"),
        number("slice", "N", "Pass on pieces of at most N bytes").conflicts_with("udp"),
        number("delay", "MS", "Pass on each piece so many milliseconds later"),
        number("cut", "N", "End the connection after N bytes").conflicts_with("udp"),
        number("stall", "N", "Pass on N bytes, then nothing more").conflicts_with("udp"),
        number("drop", "N", "Lose the N-th datagram (with --udp)").requires("udp"),
        sides.default_value("both").help("Faults happen only to what this side sends"),
    ];
    lesson::tool(ABOUT, args, run)
}

fn run(args: &Args) -> Result<()> {
    let given: Vec<&(String, u16)> = args.get_many("ADDR").unwrap_or_default().collect();
    let local = |port| ("127.0.0.1".to_owned(), port);
    let (listen, (host, port)) = match given[..] {
        [] => (local(8889), local(8888)),
        [target] => (local(8889), target.clone()),
        [listen, target, ..] => (listen.clone(), target.clone()),
    };
    let target = stream::resolve(&host, port, Deadline::after(Duration::from_secs(10)))?;
    let hex = args.get_flag("hex");
    let show = move |seen: &Seen<'_>| print!("{}", seen.show(hex));
    // Each kind of proxy listens before it says so, and serves on threads of its own until Ctrl-C.
    if args.get_flag("udp") {
        let relay = datagram_faults(args, DatagramProxy::to(target[0])).listen_on(listen).watch(show).start()?;
        println!("listening on {} for {}", relay.addr(), target[0]);
        relay.serve();
    } else {
        let proxy = faults(args, FaultProxy::to(&target[..])).listen_on(listen).watch(show).start()?;
        println!("listening on {} for {}", proxy.addr(), target[0]);
        proxy.serve();
    }
    Ok(())
}

fn faults(args: &Args, mut proxy: FaultProxy) -> FaultProxy {
    let number = |name| args.get_one::<u64>(name).copied();
    let wanted = [
        number("slice").map(|n| Fault::Slice(usize::try_from(n).unwrap_or(usize::MAX))),
        number("delay").map(|ms| Fault::Delay(Duration::from_millis(ms))),
        number("cut").map(|after| Fault::Cut { after }),
        number("stall").map(|after| Fault::Stall { after }),
    ];
    for fault in wanted.into_iter().flatten() {
        proxy = if spoils(args, "client") { proxy.up(fault) } else { proxy };
        proxy = if spoils(args, "server") { proxy.down(fault) } else { proxy };
    }
    proxy
}

fn datagram_faults(args: &Args, mut proxy: DatagramProxy) -> DatagramProxy {
    let number = |name| args.get_one::<u64>(name).copied();
    let wanted = [
        number("drop").map(DatagramFault::Drop),
        number("delay").map(|ms| DatagramFault::Delay(Duration::from_millis(ms))),
    ];
    for fault in wanted.into_iter().flatten() {
        proxy = if spoils(args, "client") { proxy.up(fault) } else { proxy };
        proxy = if spoils(args, "server") { proxy.down(fault) } else { proxy };
    }
    proxy
}

/// Whether faults happen to what `side` sends.
fn spoils(args: &Args, side: &str) -> bool {
    args.get_one::<String>("from").is_none_or(|from| from == side || from == "both")
}
