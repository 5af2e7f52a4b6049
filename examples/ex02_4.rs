//! Exercise 2.4: fetch a text in parts, whatever gets lost, comes twice, or comes from a stranger
//! (lessons/02_4_udp_client.md). 20 to 40 minutes.
//!
//! ```text
//! C: 1                      the client asks for part 1
//! S: 1 Hello,               the server answers: the number, a space, the part (here "Hello, ")
//! C: 2                      then for the next one
//! S: 2 Client!
//! C: 3
//! S: 3                      the number, a space and no bytes: that was all
//! ```
//!
//! The result is all parts put together: `Hello, Client!`. Each line above is one datagram, without a newline.
//!
//! Without the answer after 300 ms the client asks for the same part again, three times in all; then the result is an error.
//! What has another number is an old answer that came twice: the client drops it and waits on, and asks nothing because of
//! it; the 300 ms go on meanwhile. What another address than the server's sends is dropped as well.
//!
//! ```text
//! cargo run --example ex02_4                checks your client
//! cargo run --example ex02_4 -- hint        gives the next hint of three
//! cargo run --example ex02_4 -- run [ADDR]  asks a server of yours, at 127.0.0.1:8888 if you name no address ...
//! cargo run --example nc -- --udp --listen 127.0.0.1:8888     ... such as yourself: type the answers, each with Ctrl-D at its
//!                                                             end, because Enter would send a newline too
//! ```

use netprimer::check::{self, Peer, ex02_4};
#[allow(unused_imports)] // until you use them
use std::io::{self, ErrorKind};
#[allow(unused_imports)]
use std::net::{SocketAddr, UdpSocket};
use std::process::ExitCode;
#[allow(unused_imports)]
use std::time::{Duration, Instant};

/// Fetches all parts from the server and returns them as one.
#[allow(unused_variables)] // until you use the address
fn ask(server: SocketAddr) -> io::Result<Vec<u8>> {
    todo!("ask for part 1, 2, 3 ... until one is empty")
}

fn main() -> ExitCode {
    check::main(&ex02_4::EXERCISE, &Peer::Client(ask))
}
