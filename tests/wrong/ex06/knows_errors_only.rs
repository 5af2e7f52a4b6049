//! Looks for the digits of errors, and not for the one that it wants.

use std::io::{self, BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpStream};

pub fn ask(server: SocketAddr, text: &str) -> io::Result<Vec<u8>> {
    let stream = TcpStream::connect(server)?;
    let mut replies = BufReader::new(&stream);
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

fn reply(replies: &mut impl BufRead, wanted: char) -> io::Result<String> {
    let mut line = String::new();
    replies.read_line(&mut line)?;
    let error = line.is_empty() || line.starts_with(['4', '5']);
    if !error || line.starts_with(wanted) { Ok(line) } else { Err(io::Error::other(line)) }
}

fn stuffed(text: &str) -> String {
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    let lines = text.split_terminator('\n').map(|line| if line.starts_with('.') { format!(".{line}\r\n") } else { format!("{line}\r\n") });
    lines.collect::<String>() + ".\r\n"
}
