//! A proxy that shows every byte that passes, with its direction and time, as it really came: where TCP cuts is its own
//! choice, and here you see it. With options it spoils the conversation, always at the same byte.
//!
//! Client -> tap (127.0.0.1:8889) -> server (127.0.0.1:8888), and back.

mod lesson;

use clap::Arg;
use lesson::{Args, flag, number};
use netprimer::dial::Target;
use netprimer::fault::{DatagramFault, DatagramProxy, Fault, FaultProxy, Plan, Seen};
use netprimer::{Deadline, Result, stream};
use std::net::SocketAddr;
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
        number("slice", "N", "Pass on pieces of at most N bytes")
            .value_parser(lesson::whole(1u64, None))
            .conflicts_with("udp"),
        number("delay", "MS", "Pass on each piece so many milliseconds later"),
        number("cut", "N", "End the connection after N bytes").conflicts_with("udp"),
        number("stall", "N", "Pass on N bytes, then nothing more").conflicts_with("udp"),
        number("drop", "N", "Lose the N-th datagram (with --udp)").requires("udp"),
        sides.default_value("both").help("Faults happen only to what this side sends"),
    ];
    lesson::tool(ABOUT, args, run)
}

fn run(args: &Args) -> Result<()> {
    let given: Vec<&Target> = args.get_many("ADDR").unwrap_or_default().collect();
    let local = |port| Target::from(SocketAddr::from(([127, 0, 0, 1], port)));
    let (listen, target) = match given[..] {
        [] => (local(8889), local(8888)),
        [target] => (local(8889), target.clone()),
        [listen, target, ..] => (listen.clone(), target.clone()),
    };
    let target = stream::resolve(target.host(), target.port(), Deadline::after(Duration::from_secs(10)))?;
    let hex = args.get_flag("hex");
    let show = move |seen: &Seen<'_>| print!("{}", seen.show(hex));
    // Each kind of proxy listens before it says so, and serves on threads of its own until Ctrl-C.
    let delay = args.get_one("delay").map(|ms| Duration::from_millis(*ms));
    let number = |name| args.get_one::<u64>(name).copied();
    if args.get_flag("udp") {
        let faults = [delay.map(DatagramFault::Delay), number("drop").map(DatagramFault::Drop)];
        let relay = spoil(args, DatagramProxy::to(target[0]), faults).listen_on(listen).watch(show).start()?;
        println!("listening on {} for {}", relay.addr(), target[0]);
        relay.wait();
    } else {
        let faults = [
            delay.map(Fault::Delay),
            number("slice").map(|n| Fault::Slice(usize::try_from(n).unwrap_or(usize::MAX))),
            number("cut").map(|after| Fault::Cut { after }),
            number("stall").map(|after| Fault::Stall { after }),
        ];
        let proxy = spoil(args, FaultProxy::to(&target[..]), faults).listen_on(listen).watch(show).start()?;
        println!("listening on {} for {}", proxy.addr(), target[0]);
        proxy.wait();
    }
    Ok(())
}

/// Adds the faults that were asked for, to what the wanted side sends.
fn spoil<F: Copy, const N: usize>(args: &Args, mut proxy: Plan<F>, faults: [Option<F>; N]) -> Plan<F> {
    let from = args.get_one::<String>("from").map_or("both", String::as_str);
    for fault in faults.into_iter().flatten() {
        proxy = if from == "server" { proxy } else { proxy.up(fault) };
        proxy = if from == "client" { proxy } else { proxy.down(fault) };
    }
    proxy
}
