//! Answers to exercise 7.1: the solution and a slow one pass, the usual mistakes fail, each with the report beside it.
//!
//! What the starter brings with it stands here once: an answer is a reader of names.

use std::io::{self, ErrorKind};
use std::net::{SocketAddr, UdpSocket};
use std::time::Duration;

#[path = "../../../examples/solutions/ex07_1.rs"]
mod solution;

answers! {
    Client(ask)
    pass: solution, slow_but_right
    fail: not_begun, dot_at_the_end, keeps_lengths, behind_the_target, pointer_is_all, one_pointer, low_byte,
        no_limit, small_limit, slices, any_length, not_itself, every_pointer, start_stays, counts_jumps, sixty_four,
        one_bit
}

type Name = fn(&[u8], usize) -> io::Result<(Vec<u8>, usize)>;

fn ask_with(name: Name, server: SocketAddr) -> io::Result<Vec<u8>> {
    let socket = UdpSocket::bind("127.0.0.1:0")?;
    socket.connect(server)?;
    socket.set_read_timeout(Some(Duration::from_secs(1)))?;
    socket.send(b"\x12\x34\x01\0\0\x01\0\0\0\0\0\0\x03www\x07example\x04test\0\0\x05\0\x01")?;
    let mut reply = [0; 512];
    let n = socket.recv(&mut reply)?;
    let message = &reply[..n];
    let (mut target, mut at) = name(message, 12)?;
    at += 4;
    for _ in 0..number(message, 6)? {
        let (_, behind) = name(message, at)?;
        let length = number(message, behind + 8)?;
        (target, _) = name(message, behind + 10)?;
        at = behind + 10 + length;
    }
    Ok(target)
}

fn number(message: &[u8], at: usize) -> io::Result<usize> {
    let bytes = message.get(at..at + 2).ok_or(ErrorKind::InvalidData)?;
    Ok(usize::from(bytes[0]) << 8 | usize::from(bytes[1]))
}
