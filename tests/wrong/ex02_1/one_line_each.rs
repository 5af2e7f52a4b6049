//! One answer for each client, as the usual Python listing does.

use std::io::{self, Read, Write};
use std::net::TcpListener;

pub fn serve(listener: TcpListener) -> io::Result<()> {
    loop {
        let (mut stream, _) = listener.accept()?;
        let mut buffer = [0; 1024];
        let n = stream.read(&mut buffer)?;
        stream.write_all(format!("{}\n", n - 1).as_bytes())?;
    }
}
