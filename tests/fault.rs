//! The proxy that spoils conversations: exact where nothing is to go wrong, and each fault at each byte.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use netprimer::fault::{DatagramFault, DatagramProxy, Fault, FaultProxy, Passed, Proxy};
use netprimer::stream::{self, Stream, Tcp};
use netprimer::trace::{Side, Transcript, What};
use netprimer::{Deadline, Error};
use std::collections::hash_map::DefaultHasher;
use std::hash::Hasher;
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::{Arc, Mutex, mpsc};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// No test waits longer than this for anything.
const LIMIT: Duration = Duration::from_secs(20);

const QUESTION: &[u8] = b"What is 6 by 7?\n";
const ANSWER: &[u8] = "42 你好\n".as_bytes();

fn listen() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap();
    (listener, addr)
}

fn dial(addr: SocketAddr) -> Tcp {
    let mut tcp = stream::connect(&addr.ip().to_string(), addr.port(), LIMIT.into()).unwrap();
    tcp.set_deadline(LIMIT.into());
    tcp
}

/// Answers each of `clients` at the end of its question, and returns the questions.
fn answerer(clients: usize) -> (SocketAddr, JoinHandle<Vec<Vec<u8>>>) {
    let (listener, addr) = listen();
    let serve = move || {
        let one = |_| {
            let mut client = listener.accept().unwrap().0;
            client.set_read_timeout(Some(LIMIT)).unwrap();
            let mut question = Vec::new();
            // A peer that is gone is what these tests are about.
            let _ = client.read_to_end(&mut question);
            let _ = client.write_all(ANSWER);
            question
        };
        (0..clients).map(one).collect()
    };
    (addr, thread::spawn(serve))
}

/// One dialogue through the proxy: what came back, and how it ended.
fn ask(addr: SocketAddr, deadline: Duration) -> (Vec<u8>, netprimer::Result<()>) {
    let mut tcp = dial(addr);
    tcp.set_deadline(deadline.into());
    let sent = tcp.write_all(QUESTION).and_then(|()| tcp.finish());
    let mut answer = Vec::new();
    let read = tcp.read_to_end(&mut answer);
    (answer, sent.and(read.map(|_| ())).map_err(Error::io("ask")))
}

fn to_the_end(from: &mut impl Read) -> (u64, u64) {
    let (mut hasher, mut total, mut buffer) = (DefaultHasher::new(), 0, vec![0; 64 << 10]);
    loop {
        match from.read(&mut buffer).unwrap() {
            0 => return (total, hasher.finish()),
            n => {
                hasher.write(&buffer[..n]);
                total += n as u64;
            }
        }
    }
}

/// Bytes that do not repeat within a buffer's length (xorshift, Marsaglia 2003).
fn noise(seed: u64, len: usize) -> Vec<u8> {
    let mut x = seed | 1;
    let step = |_| {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        x.to_le_bytes()
    };
    (0..len / 8).flat_map(step).collect()
}

#[test]
fn without_faults_both_directions_are_exact_at_the_same_time() {
    let bytes = if cfg!(debug_assertions) { 16 << 20 } else { 64 << 20 };
    let (listener, addr) = listen();
    let proxy = FaultProxy::to(addr).start().unwrap();
    // Each side sends its own bytes and hashes what comes, both at once.
    let side = move |mut socket: TcpStream, seed: u64| {
        socket.set_read_timeout(Some(LIMIT)).unwrap();
        socket.set_write_timeout(Some(LIMIT)).unwrap();
        thread::spawn(move || {
            let mut writer = socket.try_clone().unwrap();
            let sender = thread::spawn(move || {
                let block = noise(seed, 1 << 20);
                let mut hasher = DefaultHasher::new();
                for _ in 0..bytes / block.len() {
                    writer.write_all(&block).unwrap();
                    block.chunks(64 << 10).for_each(|chunk| hasher.write(chunk));
                }
                writer.shutdown(Shutdown::Write).unwrap();
                block
            });
            let got = to_the_end(&mut socket);
            (got, sender.join().unwrap())
        })
    };
    let client = side(TcpStream::connect(proxy.addr()).unwrap(), 1);
    let server = side(listener.accept().unwrap().0, 2);
    let ((client_got, client_sent), (server_got, server_sent)) = (client.join().unwrap(), server.join().unwrap());
    let whole = |block: Vec<u8>| {
        let all: Vec<u8> = block.iter().copied().cycle().take(bytes).collect();
        to_the_end(&mut all.as_slice())
    };
    assert_eq!(client_got, whole(server_sent));
    assert_eq!(server_got, whole(client_sent));
    assert_eq!(proxy.stop(), 0);
}

#[test]
fn each_direction_has_its_own_end() {
    let (addr, server) = answerer(1);
    let transcript = Transcript::new();
    let proxy = FaultProxy::to(addr).keep().sink(Arc::new(transcript.clone())).start().unwrap();
    let (answer, end) = ask(proxy.addr(), LIMIT);
    end.unwrap();
    assert_eq!(answer, ANSWER);
    assert_eq!(server.join().unwrap(), [QUESTION]);
    let expected = "C: What is 6 by 7?\\n\nC: FIN\nS: 42 你好\\n\nS: FIN\n";
    assert_eq!(transcript.to_string(), expected);
    assert_eq!(proxy.transcripts()[0].to_string(), expected);
}

#[test]
fn an_answer_never_stands_before_its_question() {
    let (listener, addr) = listen();
    let echo = thread::spawn(move || {
        let mut peer = listener.accept().unwrap().0;
        peer.set_nodelay(true).unwrap();
        let mut byte = [0];
        while peer.read(&mut byte).unwrap() > 0 {
            peer.write_all(&byte).unwrap();
        }
    });
    let proxy = FaultProxy::to(addr).keep().start().unwrap();
    let mut client = dial(proxy.addr());
    for n in 0..500_u16 {
        client.write_all(&[n as u8]).unwrap();
        client.read_exact(&mut [0]).unwrap();
    }
    client.finish().unwrap();
    assert_eq!(client.read(&mut [0]).unwrap(), 0);
    echo.join().unwrap();
    let pieces = proxy.transcripts()[0].pieces();
    let sides: String = pieces.iter().map(|piece| piece.side.letter()).collect();
    assert_eq!(sides, "CS".repeat(501));
}

/// Every offset of the answer, with everything that can happen there.
#[test]
fn a_cut_at_every_byte_ends_both_directions() {
    for after in 0..=ANSWER.len() {
        let (addr, server) = answerer(1);
        let proxy = FaultProxy::to(addr).down(Fault::Cut { after: after as u64 }).start().unwrap();
        let (answer, end) = ask(proxy.addr(), LIMIT);
        if let Err(error) = end {
            // Cut at 0, the connection may be over before the question is written.
            assert!(after == 0, "a cut at {after} must be a plain end: {error}");
        }
        assert_eq!(answer, &ANSWER[..after], "cut after {after}");
        server.join().unwrap();
        assert_eq!(proxy.stop(), 0);
    }
    for after in 0..=QUESTION.len() {
        let (addr, server) = answerer(1);
        let proxy = FaultProxy::to(addr).up(Fault::Cut { after: after as u64 }).start().unwrap();
        let (answer, _) = ask(proxy.addr(), LIMIT);
        assert_eq!(server.join().unwrap(), [&QUESTION[..after]], "cut after {after}");
        assert!(answer.is_empty(), "both directions ended: {answer:?}");
    }
}

#[test]
fn a_stall_at_every_byte_ends_by_the_deadline_of_the_client() {
    for after in 0..=ANSWER.len() {
        let (addr, server) = answerer(1);
        let proxy = FaultProxy::to(addr).down(Fault::Stall { after: after as u64 }).start().unwrap();
        let start = Instant::now();
        let (answer, end) = ask(proxy.addr(), Duration::from_millis(60));
        assert!(matches!(end, Err(Error::Timeout(_))), "stall after {after}: {end:?}");
        assert!(start.elapsed() >= Duration::from_millis(60));
        // Under load the client may give up before all of it has come; more never comes.
        assert!(ANSWER[..after].starts_with(&answer), "stall after {after}: {answer:?}");
        assert_eq!(proxy.open(), 1, "the connection stays open");
        assert_eq!(proxy.stop(), 0);
        server.join().unwrap();
    }
}

#[test]
fn a_stall_lets_exactly_its_bytes_through() {
    let (listener, addr) = listen();
    let proxy = FaultProxy::to(addr).up(Fault::Stall { after: 3 }).start().unwrap();
    let mut client = dial(proxy.addr());
    client.write_all(b"abcdef").unwrap();
    let mut server = listener.accept().unwrap().0;
    server.set_read_timeout(Some(LIMIT)).unwrap();
    let mut three = [0; 3];
    server.read_exact(&mut three).unwrap();
    assert_eq!(&three, b"abc");
    server.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
    assert!(matches!(Error::io("read")(server.read(&mut [0]).unwrap_err()), Error::Timeout(_)));
    // The other direction is not stalled.
    server.write_all(b"still here").unwrap();
    let mut text = [0; 10];
    client.read_exact(&mut text).unwrap();
    assert_eq!(&text, b"still here");
}

#[test]
fn a_stalled_writer_waits_until_its_own_deadline() {
    let (listener, addr) = listen();
    let proxy = FaultProxy::to(addr).up(Fault::Stall { after: 10 }).start().unwrap();
    let mut client = dial(proxy.addr());
    let _server = listener.accept().unwrap().0;
    client.set_deadline(Deadline::after(Duration::from_millis(200)));
    let error = Error::io("write")(client.write_all(&vec![0; 64 << 20]).unwrap_err());
    assert!(matches!(error, Error::Timeout(_)), "{error:?}");
}

#[test]
fn a_flip_at_every_byte_changes_that_byte_only() {
    for at in 0..ANSWER.len() {
        let (addr, server) = answerer(1);
        let proxy = FaultProxy::to(addr).down(Fault::Flip { at: at as u64, mask: 0x20 }).down(Fault::Slice(3)).start();
        let (answer, end) = ask(proxy.unwrap().addr(), LIMIT);
        let mut expected = ANSWER.to_vec();
        expected[at] ^= 0x20;
        end.unwrap_or_else(|_| panic!("the proxy was dropped too early"));
        assert_eq!(answer, expected);
        server.join().unwrap();
    }
}
