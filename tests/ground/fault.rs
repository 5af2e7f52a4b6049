//! The proxy that spoils conversations: exact where nothing is to go wrong, and each fault at each byte.

use crate::support;
use netprimer::fault::{DatagramFault, DatagramProxy, Fault, FaultProxy, Seen};
use netprimer::server::Handle;
use netprimer::stream::{self, Stream, Tcp};
use netprimer::trace::{Event, Side, Sink, Transcript, What};
use netprimer::{Deadline, Error};
use std::collections::hash_map::DefaultHasher;
use std::hash::Hasher;
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream, UdpSocket};
use std::sync::{Arc, Mutex, mpsc};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};
use support::sockets::{limited, listen, own_home, receive, udp};
use support::{LIMIT, uninterrupted};

const QUESTION: &[u8] = b"What is 6 by 7?\n";
const ANSWER: &[u8] = "42 你好\n".as_bytes();

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
            let mut client = limited(listener.accept().unwrap().0);
            let mut question = Vec::new();
            // A peer that is gone is what these tests are about; one that stays for ever is not.
            let end = client.read_to_end(&mut question).map_err(Error::io("read the question"));
            assert!(!matches!(end, Err(Error::Timeout(_))), "the question has no end: {question:?}");
            let _ = client.write_all(ANSWER);
            question
        };
        (0..clients).map(one).collect()
    };
    (addr, thread::spawn(serve))
}

/// One dialogue through the proxy: what came back, and how it ended.
fn ask(addr: SocketAddr) -> (Vec<u8>, netprimer::Result<()>) {
    let mut tcp = dial(addr);
    let sent = tcp.write_all(QUESTION).and_then(|()| tcp.finish());
    let mut answer = Vec::new();
    let read = tcp.read_to_end(&mut answer);
    (answer, sent.and(read.map(|_| ())).map_err(Error::io("ask")))
}

/// Ends the proxy. How many of its connections are not done.
fn stop(proxy: Handle) -> usize {
    proxy.stop(Duration::ZERO).stuck
}

/// Keeps what passes.
fn keep(transcript: &Transcript) -> impl Fn(&Seen<'_>) + use<> {
    let transcript = transcript.clone();
    move |seen| transcript.event(seen.side, seen.event)
}

fn to_the_end(from: &mut impl Read) -> (u64, u64) {
    let (mut hasher, mut total, mut buffer) = (DefaultHasher::new(), 0, vec![0; 64 << 10]);
    loop {
        match uninterrupted(|| from.read(&mut buffer)).unwrap() {
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
    let side = move |socket: TcpStream, seed: u64| {
        let mut socket = limited(socket);
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
    assert_eq!(stop(proxy), 0);
}

#[test]
fn each_direction_has_its_own_end() {
    let (addr, server) = answerer(1);
    let transcript = Transcript::new();
    let proxy = FaultProxy::to(addr).watch(keep(&transcript)).start().unwrap();
    let (answer, end) = ask(proxy.addr());
    end.unwrap();
    assert_eq!(answer, ANSWER);
    assert_eq!(server.join().unwrap(), [QUESTION]);
    assert_eq!(transcript.to_string(), "C: What is 6 by 7?\\n\nC: FIN\nS: 42 你好\\n\nS: FIN\n");
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
    let transcript = Transcript::new();
    let proxy = FaultProxy::to(addr).watch(keep(&transcript)).start().unwrap();
    let mut client = dial(proxy.addr());
    for n in 0..500_u16 {
        client.write_all(&[n as u8]).unwrap();
        client.read_exact(&mut [0]).unwrap();
    }
    client.finish().unwrap();
    assert_eq!(client.read(&mut [0]).unwrap(), 0);
    echo.join().unwrap();
    let pieces = transcript.pieces();
    let sides: String = pieces.iter().map(|piece| piece.side.letter()).collect();
    assert_eq!(sides, "CS".repeat(501));
}

/// Every offset of the answer, with everything that can happen there.
#[test]
fn a_cut_at_every_byte_ends_both_directions() {
    for after in 0..=ANSWER.len() {
        let (addr, server) = answerer(1);
        let proxy = FaultProxy::to(addr).down(Fault::Cut { after: after as u64 }).start().unwrap();
        let (answer, end) = ask(proxy.addr());
        if let Err(error) = end {
            assert!(!matches!(error, Error::Timeout(_)), "a cut at {after} is no end for the client");
            // Cut at 0, the connection may be over before the question is written.
            assert!(after == 0, "a cut at {after} must be a plain end: {error}");
        }
        assert_eq!(answer, &ANSWER[..after], "cut after {after}");
        server.join().unwrap();
        assert_eq!(stop(proxy), 0);
    }
    for after in 0..=QUESTION.len() {
        let (addr, server) = answerer(1);
        let proxy = FaultProxy::to(addr).up(Fault::Cut { after: after as u64 }).start().unwrap();
        let (answer, end) = ask(proxy.addr());
        assert!(!matches!(end, Err(Error::Timeout(_))), "a cut at {after} is no end for the client");
        assert_eq!(server.join().unwrap(), [&QUESTION[..after]], "cut after {after}");
        assert!(answer.is_empty(), "both directions ended: {answer:?}");
    }
}

pub fn a_stall_at_every_byte_ends_by_the_deadline_of_the_client() {
    for after in 0..=ANSWER.len() {
        let (addr, server) = answerer(1);
        let proxy = FaultProxy::to(addr).down(Fault::Stall { after: after as u64 }).start().unwrap();
        let mut client = dial(proxy.addr());
        client.write_all(QUESTION).unwrap();
        client.finish().unwrap();
        server.join().unwrap(); // it has answered and closed: only the proxy holds the rest back
        let mut answer = vec![0; after];
        client.read_exact(&mut answer).unwrap();
        assert_eq!(answer, &ANSWER[..after]);
        client.set_deadline(Duration::from_millis(30).into());
        let end = client.read(&mut [0]).map_err(Error::io("read"));
        assert!(matches!(end, Err(Error::Timeout(_))), "stall after {after}: {end:?}");
        assert_eq!(proxy.active(), 1, "the connection stays open");
        assert_eq!(stop(proxy), 0);
    }
}

#[test]
fn a_stall_lets_exactly_its_bytes_through() {
    let (listener, addr) = listen();
    let proxy = FaultProxy::to(addr).up(Fault::Stall { after: 3 }).start().unwrap();
    let mut client = dial(proxy.addr());
    client.write_all(b"abcdef").unwrap();
    let mut server = limited(listener.accept().unwrap().0);
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
        let proxy = FaultProxy::to(addr).down(Fault::Flip { at: at as u64, mask: 0x20 }).down(Fault::Slice(3));
        let proxy = proxy.start().unwrap();
        let (answer, end) = ask(proxy.addr());
        end.unwrap();
        let mut expected = ANSWER.to_vec();
        expected[at] ^= 0x20;
        assert_eq!(answer, expected);
        server.join().unwrap();
    }
}

#[test]
fn a_drop_at_every_byte_takes_that_byte_only() {
    for at in 0..ANSWER.len() {
        let (addr, server) = answerer(1);
        let transcript = Transcript::new();
        let proxy = FaultProxy::to(addr).down(Fault::Drop { at: at as u64 }).down(Fault::Slice(3));
        let proxy = proxy.watch(keep(&transcript)).start().unwrap();
        let (answer, end) = ask(proxy.addr());
        end.unwrap();
        let mut expected = ANSWER.to_vec();
        expected.remove(at);
        assert_eq!((&answer, transcript.sent_by(Side::Server)), (&expected, expected.clone()));
        assert_eq!(server.join().unwrap(), [QUESTION]);
    }
}

/// std can make a reset only where bytes lie unread: at every offset but the last.
#[test]
fn a_slam_at_every_byte_is_a_reset_for_the_sender() {
    for after in 0..QUESTION.len() {
        let (addr, server) = answerer(1);
        let transcript = Transcript::new();
        let proxy = FaultProxy::to(addr).up(Fault::Slam { after: after as u64 }).watch(keep(&transcript));
        let proxy = proxy.start().unwrap();
        let mut client = dial(proxy.addr());
        client.write_all(QUESTION).unwrap();
        let error = client.read(&mut [0]).expect_err(&format!("slam after {after}: an end"));
        assert_eq!(error.kind(), ErrorKind::ConnectionReset, "slam after {after}");
        assert_eq!(server.join().unwrap(), [&QUESTION[..after]]);
        assert_eq!(transcript.sent_by(Side::Client), QUESTION[..after]);
    }
    let (addr, _server) = answerer(1);
    let proxy = FaultProxy::to(addr).up(Fault::Slam { after: QUESTION.len() as u64 }).start().unwrap();
    assert_eq!(ask(proxy.addr()).0, ANSWER, "nothing lies unread: nothing happens");
}

/// Each slice is a piece of its own: here the next one waits at the proxy until the reader has the one before.
#[test]
fn slices_arrive_one_by_one() {
    for size in [1, 2, 5, usize::MAX] {
        let (addr, server) = answerer(1);
        let transcript = Transcript::new();
        let proxy = FaultProxy::to(addr).down(Fault::Slice(size)).down(Fault::Delay(Duration::from_millis(5)));
        let (go, gate) = mpsc::channel();
        let (tell, gate) = (keep(&transcript), Mutex::new(gate));
        let proxy = proxy.watch(move |seen| {
            tell(seen);
            if matches!((seen.side, &seen.event), (Side::Server, Event::Bytes(_))) {
                gate.lock().unwrap().recv_timeout(LIMIT).unwrap();
            }
        });
        let proxy = proxy.start().unwrap();
        let mut client = dial(proxy.addr());
        client.write_all(QUESTION).unwrap();
        client.finish().unwrap();
        let mut buffer = [0; 64];
        for slice in ANSWER.chunks(size) {
            go.send(()).unwrap();
            let n = client.read(&mut buffer).unwrap();
            assert_eq!(&buffer[..n], slice, "a read is one slice");
        }
        assert_eq!(client.read(&mut buffer).unwrap(), 0);
        let pieces = transcript.pieces();
        let from_server = pieces.iter().filter(|piece| piece.side == Side::Server);
        let sizes: Vec<usize> = from_server
            .filter_map(|piece| if let What::Bytes(b) = &piece.what { Some(b.len()) } else { None })
            .collect();
        assert_eq!(sizes, ANSWER.chunks(size).map(<[u8]>::len).collect::<Vec<_>>());
        server.join().unwrap();
    }
}

#[test]
fn a_slice_of_nothing_is_a_slice_of_one() {
    let (addr, server) = answerer(1);
    let proxy = FaultProxy::to(addr).up(Fault::Slice(0)).start().unwrap();
    assert_eq!(ask(proxy.addr()).0, ANSWER);
    assert_eq!(server.join().unwrap(), [QUESTION]);
}

#[test]
fn a_delay_keeps_the_order_and_ends_with_the_proxy() {
    let delay = Duration::from_millis(50);
    let (addr, server) = answerer(1);
    let proxy = FaultProxy::to(addr).up(Fault::Delay(delay)).down(Fault::Delay(delay)).start().unwrap();
    let start = Instant::now();
    assert_eq!(ask(proxy.addr()).0, ANSWER);
    assert!(start.elapsed() >= 2 * delay);
    server.join().unwrap();

    let (listener, addr) = listen();
    let (told, wait) = mpsc::channel();
    let proxy = FaultProxy::to(addr).up(Fault::Delay(Duration::from_secs(3600)));
    let proxy = proxy.watch(move |seen| told.send(seen.side).unwrap()).start().unwrap();
    let mut client = dial(proxy.addr());
    client.write_all(b"late").unwrap();
    let _server = listener.accept().unwrap();
    let start = Instant::now();
    assert_eq!(stop(proxy), 0);
    assert!(start.elapsed() < LIMIT, "{:?}", start.elapsed());
    assert_eq!(wait.iter().count(), 0, "what did not pass is not told");
}

#[test]
fn fifty_connections_do_not_mix() {
    let (listener, addr) = listen();
    let echo = thread::spawn(move || {
        let serve =
            |mut peer: TcpStream| thread::spawn(move || std::io::copy(&mut peer.try_clone().unwrap(), &mut peer));
        let all: Vec<_> = (0..50).map(|_| serve(listener.accept().unwrap().0)).collect();
        all.into_iter().for_each(|one| drop(one.join().unwrap()));
    });
    let transcripts: Arc<[Transcript; 50]> = Arc::new(std::array::from_fn(|_| Transcript::new()));
    let all = Arc::clone(&transcripts);
    let watch = move |seen: &Seen<'_>| all[seen.connection as usize - 1].event(seen.side, seen.event);
    let proxy = FaultProxy::to(addr).up(Fault::Slice(1000)).watch(watch).start().unwrap();
    let clients: Vec<_> = (0..50)
        .map(|n| {
            let addr = proxy.addr();
            thread::spawn(move || {
                let bytes = noise(n, 8 << 10);
                let mut tcp = dial(addr);
                tcp.write_all(&bytes).unwrap();
                tcp.finish().unwrap();
                let mut back = Vec::new();
                tcp.read_to_end(&mut back).unwrap();
                assert_eq!(back, bytes);
            })
        })
        .collect();
    clients.into_iter().for_each(|client| client.join().unwrap());
    echo.join().unwrap();
    assert!(transcripts.iter().all(|one| one.sent_by(Side::Client).len() == 8 << 10));
    assert!(transcripts.iter().all(|one| one.sent_by(Side::Client) == one.sent_by(Side::Server)));
    assert_eq!(stop(proxy), 0);
}

#[test]
fn over_the_limit_a_client_waits_for_a_place() {
    let (listener, addr) = listen();
    let proxy = FaultProxy::to(addr).places(1).start().unwrap();
    let first = dial(proxy.addr());
    let first_server = listener.accept().unwrap();
    let mut second = dial(proxy.addr());
    second.set_deadline(Duration::from_millis(50).into());
    assert!(matches!(second.read(&mut [0]).map_err(Error::io("read")), Err(Error::Timeout(_))));
    assert_eq!(proxy.active(), 1);
    drop((first, first_server));
    let mut server = listener.accept().unwrap().0;
    server.write_all(b"your turn").unwrap();
    second.set_deadline(LIMIT.into());
    let mut text = [0; 9];
    second.read_exact(&mut text).unwrap();
    assert_eq!(&text, b"your turn");
    // Nor does a full house hold up the end.
    let _third = dial(proxy.addr());
    assert_eq!(stop(proxy), 0);
}

#[test]
fn stopping_ends_all_threads_and_frees_the_port() {
    for n in 0..20 {
        let (listener, addr) = listen();
        let proxy = FaultProxy::to(addr).listen_on(own_home()).up(Fault::Stall { after: n }).start().unwrap();
        let at = proxy.addr();
        let mut client = dial(at);
        client.write_all(b"some bytes that wait").unwrap();
        let mut server = listener.accept().unwrap().0;
        if n % 2 == 0 {
            drop(proxy)
        } else {
            assert_eq!(stop(proxy), 0)
        }
        server.set_read_timeout(Some(LIMIT)).unwrap();
        let mut rest = Vec::new();
        let _ = server.read_to_end(&mut rest); // an end or a reset: both are an end
        let _ = client.read(&mut [0]);
        let error = TcpStream::connect_timeout(&at, LIMIT).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
    }
}

#[test]
fn stopping_ends_a_write_that_nobody_reads() {
    let (listener, addr) = listen();
    let proxy = FaultProxy::to(addr).start().unwrap();
    let mut client = dial(proxy.addr());
    let _server = listener.accept().unwrap();
    client.set_deadline(Duration::from_millis(200).into());
    client.write_all(&vec![0; 64 << 20]).unwrap_err(); // all buffers on the way are full
    assert_eq!(stop(proxy), 0);
}

#[test]
fn stopping_is_not_told_as_an_end_of_either_side() {
    let (listener, addr) = listen();
    let transcript = Transcript::new();
    let proxy = FaultProxy::to(addr).watch(keep(&transcript)).start().unwrap();
    let mut client = dial(proxy.addr());
    client.write_all(b"x").unwrap();
    let mut server = listener.accept().unwrap().0;
    server.read_exact(&mut [0]).unwrap();
    assert_eq!(stop(proxy), 0);
    assert_eq!(transcript.to_string(), "C: x\n");
}

pub fn a_stop_is_not_held_up_by_a_watcher_that_hangs() {
    let (addr, _server) = answerer(1);
    let (go, wait) = mpsc::channel::<()>();
    let wait = Mutex::new(wait);
    let (told, hangs) = mpsc::channel();
    let proxy = FaultProxy::to(addr).watch(move |_| {
        let _ = told.send(());
        let _ = wait.lock().unwrap().recv();
    });
    let proxy = proxy.start().unwrap();
    let mut client = dial(proxy.addr());
    client.write_all(b"x").unwrap();
    hangs.recv_timeout(LIMIT).unwrap();
    let start = Instant::now();
    assert_eq!(stop(proxy), 1, "the thread in the watcher is still there");
    assert!(start.elapsed() < LIMIT);
    drop(go);
}

fn reset_seen(proxy: FaultProxy) -> (Handle, mpsc::Receiver<Side>) {
    let (told, resets) = mpsc::channel();
    let watch = move |seen: &Seen<'_>| {
        if let Event::Lost(_) = seen.event {
            let _ = told.send(seen.side);
        }
    };
    (proxy.watch(watch).start().unwrap(), resets)
}

#[test]
fn a_client_that_vanishes_in_the_middle_frees_its_server() {
    let (listener, addr) = listen();
    let (proxy, resets) = reset_seen(FaultProxy::to(addr));
    let mut client = dial(proxy.addr());
    client.write_all(b"send me much").unwrap();
    let mut server = limited(listener.accept().unwrap().0);
    let writer = thread::spawn(move || {
        let mut question = [0; 12];
        server.read_exact(&mut question).unwrap();
        // More than all buffers together; the client goes away in the middle.
        while server.write_all(&[b'x'; 64 << 10]).is_ok() {}
    });
    client.read_exact(&mut [0; 1000]).unwrap();
    drop(client); // with unread bytes: a reset
    assert_eq!(resets.recv_timeout(LIMIT), Ok(Side::Client));
    writer.join().unwrap();
    assert_eq!(stop(proxy), 0);
}

#[test]
fn what_a_client_sent_before_it_vanished_still_arrives() {
    let (listener, addr) = listen();
    let proxy = FaultProxy::to(addr).start().unwrap();
    let sent = noise(7, 1 << 20);
    let mut client = dial(proxy.addr());
    let mut server = limited(listener.accept().unwrap().0);
    client.write_all(&sent[..1000]).unwrap();
    drop(client); // nothing lies unread: a plain end of both directions
    server.write_all(b"220 hello\r\n").unwrap(); // into the void
    let mut got = Vec::new();
    server.read_to_end(&mut got).unwrap();
    assert_eq!(got, &sent[..1000]);
    drop(server);
    assert_eq!(stop(proxy), 0);
}

#[test]
fn a_server_that_vanishes_is_an_end_for_the_client() {
    let (listener, addr) = listen();
    let (proxy, resets) = reset_seen(FaultProxy::to(addr));
    let mut client = dial(proxy.addr());
    client.write_all(b"unread").unwrap();
    let server = listener.accept().unwrap().0;
    let server = limited(server);
    uninterrupted(|| server.peek(&mut [0])).unwrap();
    drop(server); // with unread bytes: a reset
    assert_eq!(resets.recv_timeout(LIMIT), Ok(Side::Server));
    assert!(matches!(client.read(&mut [0]), Ok(0) | Err(_)));
    assert_eq!(stop(proxy), 0);
}

#[test]
fn without_a_server_the_client_is_closed_and_the_proxy_lives_on() {
    let (listener, addr) = listen();
    drop(listener);
    let (proxy, gone) = reset_seen(FaultProxy::to(addr));
    for _ in 0..3 {
        assert!(matches!(dial(proxy.addr()).read(&mut [0]), Ok(0) | Err(_)));
        assert_eq!(gone.recv_timeout(LIMIT), Ok(Side::Server));
    }
    let error = FaultProxy::to("127.0.0.1:99999").start().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
    let error = FaultProxy::to(addr).listen_on(proxy.addr()).start().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AddrInUse, "{error}");
}

#[test]
fn the_second_address_of_a_server_is_tried() {
    let (closed, nobody) = listen();
    drop(closed);
    let (addr, server) = answerer(1);
    let proxy = FaultProxy::to(&[nobody, addr][..]).start().unwrap();
    assert_eq!(ask(proxy.addr()).0, ANSWER);
    server.join().unwrap();
}

/// A client and a server socket with a relay between them.
fn datagrams(faults: impl FnOnce(DatagramProxy) -> DatagramProxy) -> (UdpSocket, UdpSocket, Transcript, impl Drop) {
    let (server, client) = (udp(), udp());
    let transcript = Transcript::new();
    let proxy = DatagramProxy::to(server.local_addr().unwrap()).watch(keep(&transcript));
    let relay = faults(proxy).start().unwrap();
    client.connect(relay.addr()).unwrap();
    (client, server, transcript, relay)
}

#[test]
fn datagrams_pass_whole_both_ways() {
    let (client, server, transcript, _relay) = datagrams(|proxy| proxy);
    for length in [0, 1, 1472, 65_507] {
        let datagram = noise(3, length + 8)[..length].to_vec();
        client.send(&datagram).unwrap();
        let (got, from) = receive(&server);
        assert_eq!(got, datagram);
        server.send_to(&got, from).unwrap();
        assert_eq!(receive(&client).0, datagram);
    }
    let pieces = transcript.pieces();
    assert_eq!(pieces.len(), 8, "a datagram is a piece, also an empty one");
    let sides: String = pieces.iter().map(|piece| piece.side.letter()).collect();
    assert_eq!(sides, "CSCSCSCS");
}

pub fn each_fault_hits_the_datagram_it_names() {
    type Case = (DatagramFault, &'static [&'static str]);
    let cases: [Case; 7] = [
        (DatagramFault::Drop(2), &["1", "3", "4"]),
        (DatagramFault::Duplicate(2), &["1", "2", "2", "3", "4"]),
        (DatagramFault::Swap(2), &["1", "3", "2", "4"]),
        (DatagramFault::Flip { at: 0, mask: 1 }, &["0", "3", "2", "5"]),
        (DatagramFault::Flip { at: 1, mask: 1 }, &["1", "2", "3", "4"]),
        (DatagramFault::Delay(Duration::from_millis(5)), &["1", "2", "3", "4"]),
        (DatagramFault::Drop(9), &["1", "2", "3", "4"]),
    ];
    for (fault, expected) in cases {
        let (client, server, _, relay) = datagrams(|proxy| proxy.up(fault));
        for datagram in ["1", "2", "3", "4"] {
            client.send(datagram.as_bytes()).unwrap();
        }
        let arrived: Vec<_> = expected.iter().map(|_| String::from_utf8(receive(&server).0).unwrap()).collect();
        assert_eq!(arrived, expected, "{fault:?}");
        drop(relay);
        // The relay is gone with its threads: what is not here by now never comes.
        server.set_nonblocking(true).unwrap();
        assert_eq!(server.recv(&mut [0]).unwrap_err().kind(), ErrorKind::WouldBlock, "{fault:?}");
    }
    let (client, server, _, _relay) = datagrams(|proxy| proxy.down(DatagramFault::Drop(1)));
    client.send(b"question").unwrap();
    let (_, back) = receive(&server);
    server.send_to(b"lost", back).unwrap();
    server.send_to(b"answer", back).unwrap();
    assert_eq!(receive(&client).0, b"answer");
}

#[test]
fn two_clients_get_their_own_answers() {
    let (one, server, _, _relay) = datagrams(|proxy| proxy);
    let two = udp();
    two.connect(one.peer_addr().unwrap()).unwrap();
    one.send(b"one").unwrap();
    two.send(b"two").unwrap();
    let mut ports = Vec::new();
    for _ in 0..2 {
        let (question, from) = receive(&server);
        server.send_to(&question, from).unwrap();
        ports.push(from.port());
    }
    assert_ne!(ports[0], ports[1], "each client has a port of its own towards the server");
    assert_eq!((receive(&one).0, receive(&two).0), (b"one".to_vec(), b"two".to_vec()));
}

#[test]
fn without_a_place_a_client_loses_its_datagrams() {
    let (one, server, _, _relay) = datagrams(|proxy| proxy.places(1));
    let two = UdpSocket::bind("127.0.0.1:0").unwrap();
    for (client, datagram) in [(&one, "first"), (&two, "second"), (&one, "third")] {
        client.send_to(datagram.as_bytes(), one.peer_addr().unwrap()).unwrap();
    }
    assert_eq!((receive(&server).0, receive(&server).0), (b"first".to_vec(), b"third".to_vec()));
}

#[test]
fn a_datagram_to_nobody_is_told_and_the_relay_lives_on() {
    let server = UdpSocket::bind("127.0.0.1:0").unwrap();
    let addr = server.local_addr().unwrap();
    drop(server);
    let (told, lost) = mpsc::channel();
    let relay = DatagramProxy::to(addr).watch(move |seen| {
        if let Event::Lost(error) = seen.event {
            let _ = told.send(error.kind());
        }
    });
    let relay = relay.start().unwrap();
    let client = udp();
    client.send_to(b"anybody?", relay.addr()).unwrap();
    if cfg!(target_os = "linux") {
        assert_eq!(lost.recv_timeout(LIMIT), Ok(ErrorKind::ConnectionRefused));
    }
    let server = UdpSocket::bind(addr).unwrap();
    server.set_read_timeout(Some(LIMIT)).unwrap();
    client.send_to(b"now?", relay.addr()).unwrap();
    let (question, from) = receive(&server);
    assert_eq!(question, b"now?");
    server.send_to(b"yes", from).unwrap();
    assert_eq!(receive(&client).0, b"yes");
}
