//! Looks at the length, but only when all has been read, however much it is.

use super::solution::whole;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

pub fn ask(server: SocketAddr) -> io::Result<Vec<u8>> {
    let second = Duration::from_secs(1);
    let end = Instant::now() + second;
    let mut stream = TcpStream::connect_timeout(&server, second)?;
    stream.write_all(b"text\n")?;
    stream.shutdown(Shutdown::Write)?;
    let (mut all, mut piece) = (Vec::new(), [0; 4096]);
    loop {
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(ErrorKind::TimedOut.into());
        }
        stream.set_read_timeout(Some(left))?;
        match stream.read(&mut piece)? {
            0 => return whole(&all),
            n => all.extend_from_slice(&piece[..n]),
        }
    }
}
