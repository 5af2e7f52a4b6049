//! Takes away more than the newline.

use std::io::{self, BufRead, BufReader, Write};
use std::net::TcpListener;

pub fn serve(listener: TcpListener) -> io::Result<()> {
    loop {
        let (stream, _) = listener.accept()?;
        let mut reader = BufReader::new(&stream);
        let mut line = Vec::new();
        while reader.read_until(b'\n', &mut line)? > 0 {
            writeln!(&stream, "{}", line.trim_ascii().len())?;
            line.clear();
        }
    }
}
