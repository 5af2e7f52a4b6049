//! A small program for the tests of the proof itself: a server and a client, well-behaved or not, as its arguments say.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream, UdpSocket};

const DEFAULT: &str = "127.0.0.1:8888";

fn main() -> io::Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let address = args.iter().find(|arg| arg.contains(':')).map_or(DEFAULT, |arg| arg);
    let has = |word: &str| args.iter().any(|arg| arg == word);
    if has("silent") {
        return io::stdin().read_to_end(&mut Vec::new()).map(drop);
    }
    if has("serve-udp") {
        let socket = UdpSocket::bind(address)?;
        println!("listening on {}", socket.local_addr()?);
        loop {
            let mut buffer = [0; 100];
            let (n, from) = socket.recv_from(&mut buffer)?;
            socket.send_to(&buffer[..n], from)?;
        }
    }
    if has("ask-udp") {
        let socket = UdpSocket::bind("127.0.0.1:0")?;
        for word in ["one", "two"] {
            socket.send_to(word.as_bytes(), address)?;
            socket.recv(&mut [0; 100])?;
        }
        return Ok(());
    }
    if has("serve") {
        let listener = TcpListener::bind(address)?;
        println!("listening on {}", listener.local_addr()?);
        for stream in listener.incoming() {
            let mut stream = stream?;
            println!("{} came after 1.25 ms", stream.peer_addr()?);
            if has("surplus") {
                println!("one line more");
            }
            let mut asked = Vec::new();
            stream.read_to_end(&mut asked)?;
            stream.write_all(if has("other") { b"adieu\n" } else { b"hello\n" })?;
        }
    }
    if has("hold") {
        let stream = TcpStream::connect(address)?;
        println!("connected to {}", stream.peer_addr()?);
        return io::stdin().read_to_end(&mut Vec::new()).map(drop);
    }
    if has("echo") {
        let mut input = Vec::new();
        io::stdin().read_to_end(&mut input)?;
        eprintln!("to stderr");
        println!("{}", input.escape_ascii());
        std::process::exit(3);
    }
    match TcpStream::connect(address) {
        Err(e) => println!("{address}: {e}"),
        Ok(mut stream) => {
            let peer = stream.peer_addr()?;
            stream.write_all("你好".as_bytes())?;
            stream.shutdown(Shutdown::Write)?;
            let mut answer = String::new();
            stream.read_to_string(&mut answer)?;
            print!("{peer} answered {answer}");
        }
    }
    Ok(())
}
