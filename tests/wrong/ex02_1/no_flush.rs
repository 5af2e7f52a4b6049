//! Writes into a buffer, which sends when it is full or dropped, and not when a line is answered.

use std::io::{self, BufRead, BufReader, BufWriter, Write};
use std::net::TcpListener;

pub fn serve(listener: TcpListener) -> io::Result<()> {
    loop {
        let (stream, _) = listener.accept()?;
        let mut writer = BufWriter::new(&stream);
        for line in BufReader::new(&stream).split(b'\n') {
            writeln!(writer, "{}", line?.len())?;
        }
    }
}
