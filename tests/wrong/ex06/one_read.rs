//! Takes one read for a reply.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};

pub fn ask(server: SocketAddr, text: &str) -> io::Result<Vec<u8>> {
    let stream = TcpStream::connect(server)?;
    let mut replies = &stream;
    reply(&mut replies, '2')?;
    let rcpt = "RCPT TO:<you@example.com>\r\n";
    for line in ["HELO localhost\r\n", "MAIL FROM:<me@example.com>\r\n", rcpt, "DATA\r\n"] {
        (&stream).write_all(line.as_bytes())?;
        reply(&mut replies, if line == "DATA\r\n" { '3' } else { '2' })?;
    }
    (&stream).write_all(stuffed(text).as_bytes())?;
    let taken = reply(&mut replies, '2')?;
    (&stream).write_all(b"QUIT\r\n")?;
    Ok(taken.trim_end().into())
}

fn reply(replies: &mut impl Read, wanted: char) -> io::Result<String> {
    let mut piece = [0; 1000];
    let n = replies.read(&mut piece)?;
    let line = String::from_utf8_lossy(&piece[..n]).into_owned();
    if line.starts_with(wanted) { Ok(line) } else { Err(io::Error::other(line)) }
}

fn stuffed(text: &str) -> String {
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    let lines = text.split_terminator('\n').map(|line| if line.starts_with('.') { format!(".{line}\r\n") } else { format!("{line}\r\n") });
    lines.collect::<String>() + ".\r\n"
}
