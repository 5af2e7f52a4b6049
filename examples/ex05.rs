//! Exercise 5: fetch a file, with the data connection to the right address (lessons/05_ftp.md). 20 to 40 minutes.
//!
//! ```text
//! S1: 220 ready\r\n                                1 is the control connection
//! C1: USER anonymous\r\n
//! S1: 230 welcome\r\n
//! C1: TYPE I\r\n
//! S1: 200 bytes\r\n
//! C1: PASV\r\n
//! S1: 227 Entering Passive Mode (127,0,0,1,156,64)\r\n
//! C2: (connects)                                   2 is the data connection: to the server, port 156 * 256 + 64
//! C1: RETR notes.txt\r\n
//! S1: 150 here it comes\r\n
//! S2: the file, and FIN
//! S1: 226 that was all\r\n
//! ```
//!
//! The result is the file. The words of a reply are the server's own. In the one to PASV six numbers from 0 to 255 stand between
//! the first bracket and the one that closes it; the last two are the port. The data connection goes to the server that you talk
//! to, whatever the first four say. A reply that begins with another digit than here, or none, or one without such numbers, is an
//! error: hang up, and return it.
//!
//! ```text
//! cargo run --example ex05                checks your client
//! cargo run --example ex05 -- hint        gives the next hint of three
//! cargo run --example ex05 -- run [ADDR]  asks a server of yours, at 127.0.0.1:8888 if you name no address ...
//! cargo run --example nc -- --listen 127.0.0.1:8888     ... such as yourself in another terminal: type the replies
//! ```

use netprimer::check::{self, Peer, ex05};
#[allow(unused_imports)] // until you use them
use std::io::{self, BufRead, BufReader, Read, Write};
#[allow(unused_imports)]
use std::net::{SocketAddr, TcpStream};
use std::process::ExitCode;

/// Fetches `notes.txt` from the server and returns its bytes.
#[allow(unused_variables)] // until you use the address
fn ask(server: SocketAddr) -> io::Result<Vec<u8>> {
    todo!("USER, TYPE, PASV, connect, RETR, read, and the last reply")
}

fn main() -> ExitCode {
    check::main(&ex05::EXERCISE, &Peer::Client(ask))
}
