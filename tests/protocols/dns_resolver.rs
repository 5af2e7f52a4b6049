//! The resolver against servers that lie, are silent or late, and the lab's name server against clients that send anything.

use crate::support;
use netprimer::dns::{
    self, Data, Edns, Hosts, IN, Kind, Lookup, Message, Name, QR, RD, Rcode, Record, Resolver, TC, UDP_SIZE,
};
use netprimer::lab::dns::{FORGED, Lie, NameServer, Options, Zone, reply, serve, start};
use netprimer::trace::{Side, Transcript};
use netprimer::{Deadline, Error};
use std::collections::HashSet;
use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};
use support::LIMIT;
use support::files::Folder;
use support::sockets::{both, dial, limited, receive, udp};

const TRUE: Ipv4Addr = Ipv4Addr::new(93, 184, 216, 34);

fn name(text: &str) -> Name {
    Name::parse(text).unwrap()
}

fn a(owner: &str, ip: Ipv4Addr) -> Record {
    Record { name: name(owner), class: IN, ttl: 300, data: Data::A(ip) }
}

fn alias(owner: &str, target: &str) -> Record {
    Record { name: name(owner), class: IN, ttl: 300, data: Data::Cname(name(target)) }
}

fn lab(lies: impl Into<Vec<Lie>>) -> NameServer {
    start(Options { zone: Zone::lesson(), lies: lies.into(), ..Options::default() }).unwrap()
}

/// A resolver that asks there once, and gives up before a test would be called slow.
fn at(server: SocketAddr) -> Resolver {
    Resolver { attempts: 1, patience: LIMIT, total: LIMIT, ..Resolver::at(server) }
}

fn in_a_hurry(server: SocketAddr) -> Resolver {
    Resolver { total: Duration::from_millis(1500), ..at(server) }
}

/// Who waits for a silence to end waits longer.
const LATE: Duration = Duration::from_secs(20);

/// The addresses found, as text.
fn found(lookup: Result<Lookup, Error>) -> Vec<String> {
    match lookup {
        Ok(Lookup::Found(records)) => records.iter().map(|record| record.data.to_string()).collect(),
        other => panic!("records expected: {other:?}"),
    }
}

/// What runs must be over by `most`, and not before `least`.
fn within<T>(least: Duration, most: Duration, work: impl FnOnce() -> T) -> T {
    let begin = Instant::now();
    let result = work();
    let took = begin.elapsed();
    assert!((least..most).contains(&took), "took {took:?}");
    result
}

#[test]
fn what_the_lesson_asks() {
    let lab = lab([]);
    let resolver = at(lab.addr());
    assert_eq!(found(resolver.lookup("www.example.com", Kind::A)), ["93.184.216.34"]);
    assert_eq!(found(resolver.lookup("WWW.Example.COM.", Kind::A)), ["93.184.216.34"]);
    assert_eq!(found(resolver.lookup("web.example.com", Kind::AAAA)), ["2606:2800:220:1:248:1893:25c8:1946"]);
    assert_eq!(found(resolver.lookup("web.example.com", Kind::CNAME)), ["www.example.com"]);
    assert_eq!(found(resolver.lookup("example.com", Kind::MX)), ["10 mail.example.com", "20 backup.example.com"]);
    assert_eq!(found(resolver.lookup("example.com", Kind::TXT)), ["\"v=spf1 -all\""]);
    assert_eq!(found(resolver.lookup("_ftp._tcp.example.com", Kind::SRV)), ["0 5 2121 www.example.com"]);
    assert_eq!(resolver.lookup("nobody.example.com", Kind::A).unwrap(), Lookup::NoSuchName);
    assert_eq!(resolver.lookup("ns.example.com", Kind::AAAA).unwrap(), Lookup::NoData);
    assert_eq!(resolver.lookup("_tcp.example.com", Kind::A).unwrap(), Lookup::NoData, "there is a name below it");
    let six: IpAddr = "2606:2800:220:1:248:1893:25c8:1946".parse().unwrap();
    assert_eq!(resolver.addresses("web.example.com").unwrap(), [IpAddr::from(TRUE), six]);
    assert_eq!(resolver.addresses("nobody.example.com").unwrap(), [] as [IpAddr; 0]);
    assert_eq!(resolver.names(TRUE.into()).unwrap(), [name("www.example.com")]);
    assert_eq!(resolver.names(TRUE.to_ipv6_mapped().into()).unwrap(), [name("www.example.com")]);
    assert_eq!(resolver.names(IpAddr::from([93, 184, 216, 1])).unwrap(), []);
}

#[test]
fn a_name_that_an_address_gives_itself_is_checked() {
    let lab = lab([]);
    let liar = IpAddr::from([93, 184, 216, 66]);
    assert_eq!(at(lab.addr()).names(liar).unwrap(), [name("www.example.com")], "so it says");
    assert_eq!(at(lab.addr()).confirmed(liar).unwrap(), []);
    assert_eq!(at(lab.addr()).confirmed(TRUE.into()).unwrap(), [name("www.example.com")]);
}

#[test]
fn reverse_lookup_for_ipv6() {
    let ip: IpAddr = "2001:db8::25".parse().unwrap();
    let mut zone = Zone::parse("8.b.d.0.1.0.0.2.ip6.arpa 60 IN SOA a.test b.test 1 2 3 4 5").unwrap();
    zone.push(Record { name: Name::reverse(ip), class: IN, ttl: 60, data: Data::Ptr(name("mail.example.com")) });
    let lab = start(Options { zone, ..Options::default() }).unwrap();
    assert_eq!(at(lab.addr()).names(ip).unwrap(), [name("mail.example.com")]);
}

#[test]
fn lies_are_not_believed() {
    for lies in [
        vec![Lie::WrongId(7)],
        vec![Lie::OtherQuestion],
        vec![Lie::FromElsewhere],
        vec![Lie::Junk],
        vec![Lie::Cut],
        vec![Lie::Stray],
        vec![Lie::Truncated],
        vec![Lie::NoEdns],
        vec![Lie::Junk, Lie::Cut, Lie::OtherQuestion, Lie::FromElsewhere, Lie::WrongId(7), Lie::Stray],
    ] {
        let lab = lab(lies.clone());
        let begin = Instant::now();
        assert_eq!(found(at(lab.addr()).lookup("www.example.com", Kind::A)), ["93.184.216.34"], "{lies:?}");
        assert!(begin.elapsed() < LATE, "{lies:?}: a lie must not cost the time of a silence");
    }
}

pub fn lies_alone_are_a_silence() {
    let lies = [[Lie::WrongId(7), Lie::Silent], [Lie::OtherQuestion, Lie::Silent], [Lie::FromElsewhere, Lie::Silent]];
    thread::scope(|scope| {
        for lies in lies {
            scope.spawn(|| {
                let lab = lab(lies);
                let resolver = in_a_hurry(lab.addr());
                let error = within(resolver.total, LATE, || resolver.lookup("www.example.com", Kind::A));
                assert!(matches!(error, Err(Error::Timeout(_))), "{error:?}");
            });
        }
    });
}

/// Watches a lookup and tells how many datagrams and messages the two sides sent.
fn watched(resolver: Resolver) -> (Result<Lookup, Error>, Transcript) {
    let wire = Transcript::new();
    let resolver = Resolver { trace: Some(Arc::new(wire.clone())), ..resolver };
    (resolver.lookup("www.example.com", Kind::A), wire)
}

fn sent(wire: &Transcript, by: Side) -> usize {
    wire.pieces().iter().filter(|piece| piece.side == by).count()
}

pub fn eight_strangers_and_we_ask_over_tcp() {
    let lab = lab([Lie::WrongId(8), Lie::Silent]);
    // Silent over TCP as well; the connection shows that we went there.
    let (answer, wire) = watched(in_a_hurry(lab.addr()));
    assert!(matches!(answer, Err(Error::Timeout(_))), "{answer:?}");
    assert_eq!((sent(&wire, Side::Client), sent(&wire, Side::Server)), (2, 8));
    drop(lab);
    let lab = self::lab([Lie::WrongId(20)]);
    assert_eq!(found(at(lab.addr()).lookup("www.example.com", Kind::A)), ["93.184.216.34"]);
}

#[test]
fn what_was_cut_is_never_used() {
    let lab = lab([Lie::Truncated, Lie::NoTcp]);
    let error = at(lab.addr()).lookup("www.example.com", Kind::A).unwrap_err();
    assert!(error.to_string().contains("over TCP"), "{error}");
    assert!(!error.to_string().contains(&FORGED.to_string()));
}

#[test]
fn long_answers_come_over_tcp() {
    let lab = lab([]);
    let (_, wire) = watched(at(lab.addr()));
    assert_eq!((sent(&wire, Side::Client), sent(&wire, Side::Server)), (1, 1));
    let Ok(Lookup::Found(records)) = at(lab.addr()).lookup("big.example.com", Kind::TXT) else { panic!() };
    let Data::Txt(strings) = &records[0].data else { panic!() };
    assert_eq!(strings.concat().len(), 1600);
}

/// A server of UDP only that sends what `answers` says for each query, for so many queries.
fn scripted(
    queries: usize,
    answers: impl Fn(&Message) -> Vec<Vec<u8>> + Send + 'static,
) -> (SocketAddr, thread::JoinHandle<()>) {
    let socket = udp();
    let addr = socket.local_addr().unwrap();
    let server = thread::spawn(move || {
        for _ in 0..queries {
            let (query, peer) = receive(&socket);
            for packet in answers(&Message::parse(&query).unwrap()) {
                socket.send_to(&packet, peer).unwrap();
            }
        }
    });
    (addr, server)
}

fn good(query: &Message) -> Message {
    Message { answers: vec![a("www.example.com", TRUE)], ..reply(query) }
}

fn forged(query: &Message) -> Message {
    Message { answers: vec![a("www.example.com", FORGED)], ..reply(query) }
}

/// The message with a text behind its answers that makes it as long as no datagram to us may be.
fn one_byte_too_long(message: Message) -> Vec<u8> {
    let filled = |n: usize| {
        let text = Data::Txt([vec![vec![b'x'; 255]; 4], vec![vec![b'x'; n]]].concat());
        let mut message = message.clone();
        message.answers.push(Record { data: text, ..a("www.example.com", FORGED) });
        message.encode().unwrap()
    };
    (0..256).map(filled).find(|wire| wire.len() == usize::from(UDP_SIZE) + 1).unwrap()
}

#[test]
fn only_our_answer_counts() {
    let (addr, server) = scripted(1, |query| {
        let bytes = |message: Message| message.encode().unwrap();
        let mut two = forged(query);
        two.questions.push(two.questions[0].clone());
        let mut chaos = forged(query);
        chaos.questions[0].class = 3;
        let mut six = forged(query);
        six.questions[0].kind = Kind::AAAA;
        let mut longer = bytes(forged(query));
        longer.push(0);
        let mut circle = bytes(forged(query));
        circle[13] = 0xc0;
        let huge = Record { data: Data::Txt(vec![vec![b'x'; 255]; 5]), ..a("www.example.com", FORGED) };
        vec![
            Vec::new(),
            vec![0],
            query.id.to_be_bytes().to_vec(),
            vec![0xff; 11],
            bytes(query.clone()),                                   // the query itself: no answer
            bytes(Message { flags: QR | 0x2000, ..forged(query) }), // another opcode
            bytes(Message { questions: Vec::new(), ..forged(query) }),
            bytes(Message { id: !query.id, flags: QR | TC, ..forged(query) }),
            bytes(two),
            bytes(chaos),
            bytes(six),
            longer,
            circle,
            one_byte_too_long(forged(query)),
            bytes(Message { answers: vec![a("www.example.com", FORGED), huge], ..forged(query) }), // over our limit
            bytes(good(query)),
        ]
    });
    assert_eq!(found(at(addr).lookup("www.example.com", Kind::A)), ["93.184.216.34"]);
    server.join().unwrap();
}

#[test]
fn the_case_of_a_name_is_not_part_of_it() {
    let (addr, server) = scripted(1, |query| {
        let mut answer = Message { answers: vec![a("wWw.eXample.com", TRUE)], ..reply(query) };
        answer.questions[0].name = name("WWW.EXAMPLE.COM");
        vec![answer.encode().unwrap()]
    });
    assert_eq!(found(at(addr).lookup("www.example.com", Kind::A)), ["93.184.216.34"]);
    server.join().unwrap();
}

#[test]
fn aliases_are_followed_by_owner_up_to_eight() {
    let chain = |n: usize| -> Vec<Record> {
        let mut records: Vec<Record> = (0..n)
            .map(|n| match n {
                0 => alias("www.example.com", "a1.test"),
                n => alias(&format!("a{n}.test"), &format!("a{}.test", n + 1)),
            })
            .collect();
        records.push(a(&if n == 0 { "www.example.com".to_owned() } else { format!("a{n}.test") }, TRUE));
        records.reverse(); // the order in the answer means nothing
        records.insert(0, a("stranger.test", FORGED));
        records
    };
    let asked = |records: Vec<Record>, rcode: Rcode| {
        let server = serve(move |query| {
            let answer = reply(query);
            Some(Message { answers: records.clone(), flags: answer.flags | dns::AA | rcode.0, ..answer })
        });
        let server = server.unwrap();
        at(server.addr()).lookup("www.example.com", Kind::A)
    };
    for n in [0, 1, 2, 8] {
        assert_eq!(found(asked(chain(n), Rcode::NO_ERROR)), ["93.184.216.34"], "{n} aliases");
    }
    for endless in [
        chain(9),
        vec![alias("www.example.com", "www.example.com")],
        vec![alias("www.example.com", "b.test"), alias("b.test", "www.example.com")],
    ] {
        let error = asked(endless, Rcode::NO_ERROR).unwrap_err();
        assert!(matches!(error, Error::Protocol(_)) && error.to_string().contains("do not end after 8"), "{error}");
    }
    let stray = vec![a("stranger.test", FORGED), alias("stranger.test", "www.example.com")];
    assert_eq!(asked(stray.clone(), Rcode::NO_ERROR).unwrap(), Lookup::NoData);
    assert_eq!(asked(stray, Rcode::NX_DOMAIN).unwrap(), Lookup::NoSuchName);
    let nowhere = vec![alias("www.example.com", "b.test")];
    assert_eq!(asked(nowhere.clone(), Rcode::NO_ERROR).unwrap(), Lookup::NoData);
    assert_eq!(asked(nowhere, Rcode::NX_DOMAIN).unwrap(), Lookup::NoSuchName);
}

#[test]
fn aliases_in_a_circle_in_the_lab() {
    let lab = lab([]);
    let error = at(lab.addr()).lookup("loop.example.com", Kind::A).unwrap_err();
    assert!(error.to_string().contains("do not end"), "{error}");
}

#[test]
fn an_old_server_is_asked_without_edns() {
    for rcode in [Rcode::FORM_ERR, Rcode::NOT_IMP] {
        for without_question in [false, true] {
            let (addr, server) = scripted(2, move |query| {
                let mut answer = good(query);
                if query.edns.is_some() {
                    answer = Message { edns: None, ..reply(query) };
                    answer.flags |= rcode.0;
                    answer.questions.truncate(if without_question { 0 } else { 1 });
                }
                vec![answer.encode().unwrap()]
            });
            assert_eq!(found(at(addr).lookup("www.example.com", Kind::A)), ["93.184.216.34"]);
            server.join().unwrap();
        }
    }
}

pub fn without_edns_512_bytes_are_the_limit() {
    let (addr, server) = scripted(1, |query| {
        let text = Record { data: Data::Txt(vec![vec![b'x'; 250]; 2]), ..a("www.example.com", TRUE) };
        let long = Message { answers: vec![text], ..reply(query) }.encode().unwrap();
        assert!((513..1232).contains(&long.len()));
        vec![long]
    });
    let query = Message { edns: None, ..Message::query(0, name("www.example.com"), Kind::TXT) };
    let error = in_a_hurry(addr).exchange(&query).unwrap_err();
    assert!(matches!(error, Error::Timeout(_)), "{error:?}");
    server.join().unwrap();
}

#[test]
fn the_next_server_is_asked() {
    let good = lab([]);
    // Connected to somebody else, it takes no datagram of ours, and nobody else can have the port.
    let elsewhere = udp();
    elsewhere.connect(good.addr()).unwrap();
    let closed = elsewhere.local_addr().unwrap();
    let referral = serve(|query| Some(Message { authority: vec![alias("com", "x.test")], ..reply(query) })).unwrap();
    let (failing, no_tcp) = (lab([Lie::Fails]), lab([Lie::Truncated, Lie::NoTcp]));
    for bad in [closed, failing.addr(), referral.addr(), no_tcp.addr()] {
        let resolver = Resolver { servers: vec![bad, good.addr()], ..at(bad) };
        assert_eq!(found(resolver.lookup("www.example.com", Kind::A)), ["93.184.216.34"]);
        let error = at(bad).lookup("www.example.com", Kind::A).unwrap_err();
        assert!(error.to_string().starts_with("look up www.example.com A at 127.0.0.1:"), "{error}");
    }
    // A name that does not exist does not exist at the next one either.
    let (never, asked) = counting();
    let resolver = Resolver { servers: vec![good.addr(), never.addr()], ..at(good.addr()) };
    assert_eq!(resolver.lookup("nobody.example.com", Kind::A).unwrap(), Lookup::NoSuchName);
    assert_eq!(*asked.lock().unwrap(), 0);
}

/// A server that fails and counts how often it was asked.
fn counting() -> (NameServer, Arc<Mutex<usize>>) {
    let asked = Arc::new(Mutex::new(0));
    let count = Arc::clone(&asked);
    let server = serve(move |query| {
        *count.lock().unwrap() += 1;
        let answer = reply(query);
        Some(Message { flags: answer.flags | Rcode::SERV_FAIL.0, ..answer })
    });
    (server.unwrap(), asked)
}

#[test]
fn a_refusal_is_an_error_that_knows_its_code() {
    let lab = lab([]);
    let error = at(lab.addr()).lookup("www.example.org", Kind::A).unwrap_err();
    let rcode = std::error::Error::source(&error).and_then(|cause| cause.downcast_ref::<Rcode>());
    assert_eq!(rcode, Some(&Rcode::REFUSED), "{error}");
    assert!(error.to_string().ends_with("the server refused (REFUSED)"), "{error}");
}

#[test]
fn each_server_is_asked_as_often_as_attempts_say() {
    for attempts in [0, 1, 3] {
        let ((one, first), (two, second)) = (counting(), counting());
        let resolver = Resolver { servers: vec![one.addr(), two.addr()], attempts, ..at(one.addr()) };
        assert!(resolver.lookup("www.example.com", Kind::A).is_err());
        let times = attempts.max(1) as usize;
        assert_eq!((*first.lock().unwrap(), *second.lock().unwrap()), (times, times));
    }
    let none = Resolver { servers: Vec::new(), ..at(([127, 0, 0, 1], 1).into()) };
    assert!(matches!(none.lookup("www.example.com", Kind::A), Err(Error::Invalid(_))));
}

pub fn a_silent_server_costs_its_patience_and_the_total_holds() {
    let (silent, good) = (lab([Lie::Silent]), lab([]));
    // The good one may be asked in vain, too, where this machine has other things to do: it is asked again.
    let patience = Duration::from_secs(1);
    let resolver = Resolver { servers: vec![silent.addr(), good.addr()], patience, attempts: 9, ..at(silent.addr()) };
    let answer = within(patience, LATE, || resolver.lookup("www.example.com", Kind::A));
    assert_eq!(found(answer), ["93.184.216.34"]);
    // Three silent servers, nine attempts: 27 s of patience in a total of half a second.
    let total = Duration::from_millis(500);
    let resolver = Resolver { servers: vec![silent.addr(); 3], total, ..resolver };
    let error = within(total, LATE, || resolver.addresses("www.example.com")).unwrap_err();
    assert!(matches!(&error, Error::Timeout(phase) if phase.starts_with("look up www.example.com")), "{error:?}");
}

#[test]
fn a_late_answer_is_not_taken_for_the_next_one() {
    // Each question brings the answer to the one before it: late, however busy this machine is.
    let before = Mutex::new(None);
    let (addr, server) = scripted(3, move |query| {
        let late = before.lock().unwrap().replace(query.clone());
        late.iter().map(|query| good(query).encode().unwrap()).collect()
    });
    let patience = Duration::from_millis(50);
    let resolver = Resolver { patience, attempts: 3, ..at(addr) };
    let error = within(patience * 3, LATE, || resolver.lookup("www.example.com", Kind::A));
    assert!(matches!(error, Err(Error::Timeout(_))), "each attempt has an id of its own: {error:?}");
    server.join().unwrap();
    // Who has patience gets it.
    let late = lab([Lie::Late(Duration::from_millis(150))]);
    assert_eq!(found(at(late.addr()).lookup("www.example.com", Kind::A)), ["93.184.216.34"]);
}

pub fn a_stream_of_junk_does_not_outlive_the_deadline() {
    let socket = udp();
    let addr = socket.local_addr().unwrap();
    let junk = thread::spawn(move || {
        let (_, peer) = receive(&socket);
        let end = Deadline::after(LIMIT);
        // Until it is refused: whoever asked has gone.
        socket.connect(peer).unwrap();
        while !end.is_over() && socket.send(b"junk").is_ok() {
            thread::yield_now();
        }
        end.is_over()
    });
    let resolver = in_a_hurry(addr);
    let error = within(resolver.total, LATE, || resolver.lookup("www.example.com", Kind::A));
    assert!(matches!(error, Err(Error::Timeout(_))), "{error:?}");
    assert!(!junk.join().unwrap(), "the port we asked from is closed");
}

/// Asks over UDP for TCP, and does there what `talk` does.
fn tcp_only(talk: impl FnOnce(TcpStream, Message) + Send + 'static) -> (SocketAddr, thread::JoinHandle<()>) {
    let (tcp, udp, addr) = both();
    let server = thread::spawn(move || {
        let (query, peer) = receive(&udp);
        let query = Message::parse(&query).unwrap();
        let truncated = forged(&query);
        let mut wire = Message { flags: truncated.flags | TC, ..truncated }.encode().unwrap();
        wire.truncate(wire.len() - 3); // cut where no record ends, as old servers do
        udp.send_to(&wire, peer).unwrap();
        let mut stream = limited(tcp.accept().unwrap().0);
        let again = read_framed(&mut stream);
        assert_eq!(again.questions, query.questions);
        talk(stream, again);
    });
    (addr, server)
}

fn framed(message: &Message) -> Vec<u8> {
    let wire = message.encode().unwrap();
    [&(wire.len() as u16).to_be_bytes()[..], &wire].concat()
}

fn read_framed(stream: &mut TcpStream) -> Message {
    let mut length = [0; 2];
    stream.read_exact(&mut length).unwrap();
    let mut wire = vec![0; u16::from_be_bytes(length).into()];
    stream.read_exact(&mut wire).unwrap();
    Message::parse(&wire).unwrap()
}

#[test]
fn over_tcp_pieces_are_joined() {
    let (addr, server) = tcp_only(|mut stream, query| {
        stream.set_nodelay(true).unwrap();
        framed(&good(&query)).iter().for_each(|byte| stream.write_all(&[*byte]).unwrap());
    });
    assert_eq!(found(at(addr).lookup("www.example.com", Kind::A)), ["93.184.216.34"]);
    server.join().unwrap();
}

pub fn over_tcp_lies_are_errors() {
    type Liar = fn(TcpStream, Message);
    let liars: [(&str, Liar); 8] = [
        ("a length of 0", |mut stream, _| stream.write_all(&[0, 0]).unwrap()),
        ("nothing", |_, _| {}),
        ("half a length", |mut stream, _| stream.write_all(&[0]).unwrap()),
        ("half a message", |mut stream, query| stream.write_all(&framed(&good(&query))[..20]).unwrap()),
        ("another id", |mut stream, query| {
            stream.write_all(&framed(&Message { id: !query.id, ..forged(&query) })).unwrap();
        }),
        ("another question", |mut stream, query| {
            let mut other = forged(&query);
            other.questions[0].name = name("bank.example");
            stream.write_all(&framed(&other)).unwrap();
        }),
        ("truncated again", |mut stream, query| {
            let answer = forged(&query);
            stream.write_all(&framed(&Message { flags: answer.flags | TC, ..answer })).unwrap();
        }),
        ("junk", |mut stream, _| stream.write_all(b"\0\x04junk").unwrap()),
    ];
    for (what, liar) in liars {
        let (addr, server) = tcp_only(liar);
        let answer = at(addr).lookup("www.example.com", Kind::A);
        assert!(matches!(answer, Err(Error::Protocol(_) | Error::Closed(_) | Error::Io(..))), "{what}: {answer:?}");
        server.join().unwrap();
    }
    // Silence, and a drip that would restart a timeout for each read.
    support::at_once([None, Some(0)], |byte| {
        let (addr, server) = tcp_only(move |mut stream, _| {
            stream.write_all(&[0xff, 0xff]).unwrap();
            let end = Deadline::after(LIMIT);
            stream.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
            while !end.is_over() && !matches!(stream.read(&mut [0]), Ok(0)) {
                if byte.is_some_and(|byte| stream.write_all(&[byte]).is_err()) {
                    break;
                }
            }
        });
        let resolver = in_a_hurry(addr);
        let error = within(resolver.total, LATE, || resolver.lookup("www.example.com", Kind::A));
        assert!(matches!(error, Err(Error::Timeout(_))), "{error:?}");
        server.join().unwrap();
    });
}

#[test]
fn every_query_has_a_port_and_an_id_of_its_own() {
    let socket = udp();
    let addr = socket.local_addr().unwrap();
    let server = thread::spawn(move || {
        let (mut ports, mut ids, mut in_order) = (HashSet::new(), HashSet::new(), 0);
        let mut last = 0u16;
        for _ in 0..200 {
            let (query, peer) = receive(&socket);
            let query = Message::parse(&query).unwrap();
            ports.insert(peer.port());
            ids.insert(query.id);
            in_order += u32::from(query.id == last.wrapping_add(1));
            last = query.id;
            socket.send_to(&good(&query).encode().unwrap(), peer).unwrap();
        }
        (ports.len(), ids.len(), in_order)
    });
    let resolver = at(addr);
    for _ in 0..200 {
        assert_eq!(found(resolver.lookup("www.example.com", Kind::A)), ["93.184.216.34"]);
    }
    let (ports, ids, in_order) = server.join().unwrap();
    // By chance alone about 0.3 of 200 ids are equal; ten would be no chance.
    assert!(ports >= 190 && ids >= 190 && in_order < 10, "{ports} ports, {ids} ids, {in_order} one after the other");
}

#[test]
fn names_that_cannot_be_are_refused_without_a_packet() {
    let (server, asked) = counting();
    for bad in ["", "a..b", "a b", "a\0b", "a\nb", &"a".repeat(64), &"abc.".repeat(70)] {
        let resolver = at(server.addr());
        assert!(matches!(resolver.lookup(bad, Kind::A), Err(Error::Invalid(_))), "{bad:?}");
        assert!(matches!(resolver.addresses(bad), Err(Error::Invalid(_))), "{bad:?}");
    }
    assert_eq!(*asked.lock().unwrap(), 0);
}

#[test]
fn what_is_known_is_not_asked_for() {
    let (server, asked) = counting();
    let hosts =
        Hosts::parse("192.0.2.1 me.test alias.test\n192.0.2.1 second.test\n2001:db8::1 me.test\n192.0.2.1 me.test\n");
    let resolver = Resolver { hosts, ..at(server.addr()) };
    let ip = |text: &str| text.parse::<IpAddr>().unwrap();
    assert_eq!(resolver.addresses("ME.test.").unwrap(), [ip("192.0.2.1"), ip("2001:db8::1")]);
    assert_eq!(resolver.addresses("192.0.2.7").unwrap(), [ip("192.0.2.7")]);
    assert_eq!(resolver.addresses("::1").unwrap(), [ip("::1")]);
    assert_eq!(resolver.addresses("localhost").unwrap(), [ip("127.0.0.1"), ip("::1")]);
    assert_eq!(resolver.addresses("a.LOCALHOST.").unwrap(), [ip("127.0.0.1"), ip("::1")]);
    let names = ["me.test", "alias.test", "second.test", "me.test"].map(name);
    assert_eq!(resolver.names(ip("192.0.2.1")).unwrap(), names);
    assert_eq!(resolver.names(ip("::ffff:192.0.2.1")).unwrap(), names);
    assert_eq!(resolver.confirmed(ip("192.0.2.1")).unwrap().len(), 4);
    assert_eq!(*asked.lock().unwrap(), 0);
    assert!(resolver.addresses("else.test").is_err());
    assert_eq!(*asked.lock().unwrap(), 1);
}

#[test]
fn ipv4_is_an_answer_even_if_ipv6_fails() {
    let server = serve(|query| {
        let answer = reply(query);
        Some(match query.questions[0].kind {
            Kind::A => Message { answers: vec![a("www.example.com", TRUE)], ..answer },
            _ => Message { flags: answer.flags | Rcode::SERV_FAIL.0, ..answer },
        })
    });
    assert_eq!(at(server.unwrap().addr()).addresses("www.example.com").unwrap(), [IpAddr::from(TRUE)]);
}

#[test]
fn at_most_eight_names_are_confirmed() {
    let asked = Arc::new(Mutex::new(0));
    let count = Arc::clone(&asked);
    let server = serve(move |query| {
        let question = &query.questions[0];
        let ptr =
            |n| Record { name: question.name.clone(), class: IN, ttl: 1, data: Data::Ptr(name(&format!("n{n}.test"))) };
        let answers = match question.kind {
            Kind::PTR => (0..30).map(ptr).collect(),
            _ => {
                *count.lock().unwrap() += 1;
                vec![Record { name: question.name.clone(), ..a("x", TRUE) }]
            }
        };
        Some(Message { answers, ..reply(query) })
    });
    let server = server.unwrap();
    assert_eq!(at(server.addr()).confirmed(TRUE.into()).unwrap().len(), 8);
    assert_eq!(*asked.lock().unwrap(), 8);
}

#[test]
fn the_files_of_the_system() {
    let folder = Folder::new();
    let lab = lab([]);
    let conf = format!("nameserver [{}]:{}\noptions timeout:3 attempts:1\n", lab.addr().ip(), lab.addr().port());
    let hosts = folder.file("hosts", "192.0.2.9 here.test\n");
    let resolver = Resolver::from_files(&folder.file("resolv.conf", conf), &hosts).unwrap();
    assert_eq!((resolver.servers.as_slice(), resolver.patience), (&[lab.addr()][..], Duration::from_secs(3)));
    assert_eq!(resolver.addresses("here.test").unwrap(), [IpAddr::from([192, 0, 2, 9])]);
    assert_eq!(resolver.names(TRUE.into()).unwrap(), [name("www.example.com")]);
    let error = Resolver::from_files(Path::new("/nowhere/resolv.conf"), &hosts).unwrap_err();
    assert!(error.to_string().starts_with("read /nowhere/resolv.conf"), "{error}");
}

#[test]
fn nonsense_in_the_files_is_survived() {
    let folder = Folder::new();
    let nowhere = folder.path().join("nowhere");
    let servers = |text: &[u8]| {
        let resolver = Resolver::from_files(&folder.file("resolv.conf", text), &nowhere).unwrap();
        assert!((1..=3).contains(&resolver.attempts) && resolver.patience <= Duration::from_secs(30));
        resolver.servers.iter().map(SocketAddr::to_string).collect::<Vec<_>>()
    };
    let local = ["127.0.0.1:53"];
    assert_eq!(servers(b""), local);
    assert_eq!(
        servers(b"nameserver\nnameserver x\nnameserver 1.2.3\nnameserver [1.2.3.4]:0\nnameserver [::1\n"),
        local
    );
    assert_eq!(servers(b"\xff\xfe\0\0nameserver 192.0.2.1\n\xffnameserver 192.0.2.1\n"), local);
    assert_eq!(servers(b"options timeout:99999999999 attempts:-1 timeout:x timeout: : attempts:77 ndots\n"), local);
    assert_eq!(servers(b"nameserver 0.0.0.0\nnameserver ::\n"), ["127.0.0.1:53", "[::1]:53"]);
    let good =
        b"; hello\n# nameserver 192.0.2.9\n  nameserver\t192.0.2.1 # first\r\nsearch a b\nnameserver 2001:db8::53;x\n";
    assert_eq!(servers(good), ["192.0.2.1:53", "[2001:db8::53]:53"]);
    assert_eq!(servers("nameserver 192.0.2.1\n".repeat(100_000).as_bytes()).len(), 3);
    let hosts = Hosts::parse(
        "\0\n127.0.0.1\n999.1.1.1 a\nlocalhost 127.0.0.1\n#\n192.0.2.1 a..b \u{202e}x good.test\r\n::1%lo x\n",
    );
    assert_eq!(hosts.names(IpAddr::from([192, 0, 2, 1])), [name("good.test")]);
    assert_eq!(hosts.names(IpAddr::from([127, 0, 0, 1])), []);
    assert!(hosts.addresses(&name("a")).is_empty() && hosts.addresses(&name("x")).is_empty());
}

// --- The lab's name server, packet by packet ---

/// Sends one datagram and gives back the answer; `None` when another question is answered before it.
fn raw(server: &NameServer, packet: &[u8]) -> Option<Message> {
    let socket = udp();
    socket.connect(server.addr()).unwrap();
    socket.send(packet).unwrap();
    // The server answers in order: if the answer to this comes first, there was none to the packet. It is waited for in any case:
    // later it would reach whoever has this port then.
    let marker = Message { edns: None, ..Message::query(0xfeed, name("ns.example.com"), Kind::A) };
    socket.send(&marker.encode().unwrap()).unwrap();
    let next = || Message::parse(&receive(&socket).0).unwrap();
    let answer = Some(next()).filter(|answer| answer.id != 0xfeed);
    assert!(answer.is_none() || next().id == 0xfeed);
    answer
}

fn plain(text: &str, kind: Kind) -> Message {
    Message { edns: None, ..Message::query(77, name(text), kind) }
}

#[test]
fn the_lab_drops_what_is_no_question() {
    let lab = lab([]);
    let query = plain("www.example.com", Kind::A).encode().unwrap();
    for n in 0..12 {
        assert_eq!(raw(&lab, &query[..n]), None, "{n} bytes");
    }
    let answer = Message { flags: QR, ..plain("www.example.com", Kind::A) };
    assert_eq!(raw(&lab, &answer.encode().unwrap()), None, "an answer is not answered");
}

#[test]
fn the_lab_names_what_is_wrong_with_a_question() {
    let lab = lab([]);
    let rcode = |packet: &[u8]| raw(&lab, packet).map(|answer| (answer.id, answer.rcode()));
    let query = plain("www.example.com", Kind::A);
    let wire = query.encode().unwrap();
    let form_err = Some((77, Rcode::FORM_ERR));
    for opcode in [1, 2, 5, 15] {
        let other = Message { flags: opcode << 11, ..query.clone() }.encode().unwrap();
        let answer = raw(&lab, &other).unwrap();
        assert_eq!((answer.rcode(), answer.opcode()), (Rcode::NOT_IMP, opcode));
    }
    assert_eq!(rcode(&Message { questions: Vec::new(), ..query.clone() }.encode().unwrap()), form_err, "QDCOUNT 0");
    let twice = vec![query.questions[0].clone(); 2];
    assert_eq!(rcode(&Message { questions: twice, ..query.clone() }.encode().unwrap()), form_err, "QDCOUNT 2");
    for cut in 12..wire.len() {
        assert_eq!(rcode(&wire[..cut]), form_err, "cut at {cut}");
    }
    for byte in [0x40, 0x80, 0xc0, 0xff] {
        let mut bad = wire.clone();
        bad[12] = byte;
        assert_eq!(rcode(&bad), form_err, "a label that begins with {byte:02x}");
    }
    for at in [5, 7, 9, 11] {
        let mut lie = wire.clone();
        lie[at] += 1;
        assert_eq!(rcode(&lie), form_err, "the count at byte {at} lies");
    }
    let opt = [0, 0, 41, 4, 0xd0, 0, 0, 0, 0, 0, 0];
    let with = |count: u8, bytes: &[u8]| {
        let mut wire = wire.clone();
        wire[11] = count;
        rcode(&[&wire, bytes].concat())
    };
    assert_eq!(with(1, &opt), Some((77, Rcode::NO_ERROR)));
    assert_eq!(with(2, &opt.repeat(2)), form_err, "two OPT records");
    assert_eq!(with(1, &[&opt[..10], &[9]].concat()), form_err, "an OPT record that is longer than it is");
    let mut newer = Message { edns: Some(Edns { version: 1, ..Edns::default() }), ..query.clone() };
    let answer = raw(&lab, &newer.encode().unwrap()).unwrap();
    assert_eq!((answer.rcode(), answer.flags & 15), (Rcode::BAD_VERS, 0), "the upper bits are in the OPT record");
    newer.edns = Some(Edns { options: vec![(65_001, vec![1, 2, 3])], ..Edns::default() });
    assert_eq!(rcode(&newer.encode().unwrap()), Some((77, Rcode::NO_ERROR)), "an option nobody knows");
}

#[test]
fn the_lab_knows_its_limits() {
    let lab = lab([]);
    let ask = |query: Message| raw(&lab, &query.encode().unwrap()).unwrap();
    let mut chaos = plain("www.example.com", Kind::A);
    chaos.questions[0].class = 3;
    assert_eq!(ask(chaos).rcode(), Rcode::REFUSED);
    assert_eq!(ask(plain("www.example.org", Kind::A)).rcode(), Rcode::REFUSED);
    assert_eq!(ask(plain(".", Kind::NS)).rcode(), Rcode::REFUSED);
    assert_eq!(ask(plain("example.com", Kind::AXFR)).rcode(), Rcode::NOT_IMP);
    let any = ask(plain("example.com", Kind::ANY));
    assert_eq!(any.answers.iter().map(|record| record.data.kind()).collect::<Vec<_>>(), [Kind::SOA], "RFC 8482");
    let cased = ask(plain("wWw.ExAmPlE.cOm", Kind::A));
    assert_eq!(cased.questions[0].name.to_string(), "wWw.ExAmPlE.cOm");
    assert_eq!(cased.flags, QR | dns::AA | RD);
    let no = ask(plain("nobody.example.com", Kind::A));
    assert_eq!((no.rcode(), no.authority.len(), no.authority[0].ttl), (Rcode::NX_DOMAIN, 1, 300));
    for (size, truncated) in [(None, true), (Some(0), true), (Some(1232), true), (Some(65_535), true)] {
        let edns = size.map(|udp_size| Edns { udp_size, ..Edns::default() });
        let answer = ask(Message { edns, ..plain("big.example.com", Kind::TXT) });
        assert_eq!((answer.flags & TC != 0, answer.answers.len()), (truncated, 0), "{size:?}");
        assert_eq!(answer.edns.is_some(), size.is_some());
    }
    assert_eq!(ask(plain("loop.example.com", Kind::A)).answers.len(), 2, "once around");
}

#[test]
fn the_size_that_was_asked_for_is_kept() {
    let text = Record { data: Data::Txt(vec![vec![b'x'; 200]; 4]), ..a("t.example.com", TRUE) };
    let server = serve(move |query| Some(Message { answers: vec![text.clone()], ..reply(query) })).unwrap();
    for (size, fits) in [(None, false), (Some(0), false), (Some(511), false), (Some(900), true), (Some(1232), true)] {
        let edns = size.map(|udp_size| Edns { udp_size, ..Edns::default() });
        let query = Message { edns, ..plain("t.example.com", Kind::TXT) };
        let socket = udp();
        socket.send_to(&query.encode().unwrap(), server.addr()).unwrap();
        let answer = Message::parse(&receive(&socket).0).unwrap();
        assert_eq!((answer.answers.len() == 1, answer.flags & TC == 0), (fits, fits), "{size:?}");
    }
}

fn connect(server: &NameServer) -> TcpStream {
    let stream = dial(server.addr());
    stream.set_nodelay(true).unwrap();
    stream
}

#[test]
fn the_lab_over_tcp() {
    let lab = lab([]);
    let query = plain("big.example.com", Kind::TXT);
    let mut stream = connect(&lab);
    framed(&query).iter().for_each(|byte| stream.write_all(&[*byte]).unwrap());
    assert_eq!(read_framed(&mut stream).answers.len(), 1, "byte by byte, and not truncated");
    let many: Vec<u8> = (0..20).flat_map(|id| framed(&Message { id, ..query.clone() })).collect();
    stream.write_all(&many).unwrap();
    let ids: Vec<u16> = (0..20).map(|_| read_framed(&mut stream).id).collect();
    assert_eq!(ids, (0..20).collect::<Vec<u16>>(), "several questions at once");
    stream.write_all(&framed(&plain("example.com", Kind::AXFR))).unwrap();
    assert_eq!(read_framed(&mut stream).rcode(), Rcode::REFUSED);
    for length in [0u8, 1, 11] {
        let mut stream = connect(&lab);
        stream.write_all(&[0, length]).unwrap();
        assert_eq!(stream.read(&mut [0]).unwrap(), 0, "a length of {length} ends it");
    }
    drop(stream);
    assert_eq!(lab.server().stop(LIMIT).stuck, 0);
    assert_eq!(lab.server().totals().failed, 0, "who has asked all closes: that is no error");
}

#[test]
fn what_the_lab_cannot_say_is_a_failure_and_no_silence() {
    let nothing = Record { data: Data::Txt(Vec::new()), ..a("t.example.com", TRUE) };
    let server = serve(move |query| Some(Message { answers: vec![nothing.clone()], ..reply(query) })).unwrap();
    let query = plain("t.example.com", Kind::TXT);
    let socket = udp();
    socket.send_to(&query.encode().unwrap(), server.addr()).unwrap();
    assert_eq!(Message::parse(&receive(&socket).0).unwrap().rcode(), Rcode::SERV_FAIL);
    let mut stream = connect(&server);
    stream.write_all(&framed(&query)).unwrap();
    assert_eq!(read_framed(&mut stream).rcode(), Rcode::SERV_FAIL);
}

pub fn many_connections_are_served_and_a_stop_ends_all() {
    let lab = lab([Lie::Late(Duration::from_secs(600))]);
    // Idle connections, half a question in one of them; and answers that would be late by ten minutes.
    let mut idle: Vec<TcpStream> = (0..40).map(|_| connect(&lab)).collect();
    idle[0].write_all(&[0]).unwrap();
    idle[39].write_all(&framed(&plain("www.example.com", Kind::A))).unwrap();
    assert_eq!(read_framed(&mut idle[39]).answers.len(), 1);
    let resolver = in_a_hurry(lab.addr());
    assert!(resolver.lookup("www.example.com", Kind::A).is_err());
    within(Duration::ZERO, LATE, || drop(lab));
    for mut stream in idle {
        assert!(!matches!(stream.read(&mut [0]), Ok(1..)), "every connection is closed or reset");
    }
}

#[test]
fn the_lab_has_64_places_for_connections() {
    let lab = lab([]);
    let query = framed(&plain("www.example.com", Kind::A));
    let mut held: Vec<TcpStream> = (0..64).map(|_| connect(&lab)).collect();
    for stream in &mut held {
        stream.write_all(&query).unwrap();
        assert_eq!(read_framed(stream).answers.len(), 1);
    }
    let mut late = connect(&lab);
    late.write_all(&query).unwrap();
    late.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
    assert!(late.read(&mut [0]).is_err(), "it waits for a place");
    late.set_read_timeout(Some(LIMIT)).unwrap();
    held.pop();
    assert_eq!(read_framed(&mut late).answers.len(), 1);
}

#[test]
fn fifty_times_started_and_stopped() {
    for _ in 0..50 {
        let lab = lab([]);
        assert_eq!(found(at(lab.addr()).lookup("www.example.com", Kind::A)), ["93.184.216.34"]);
    }
}

#[test]
fn many_at_once() {
    let lab = lab([]);
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for _ in 0..25 {
                    assert_eq!(found(at(lab.addr()).lookup("www.example.com", Kind::A)), ["93.184.216.34"]);
                    let Ok(Lookup::Found(_)) = at(lab.addr()).lookup("big.example.com", Kind::TXT) else { panic!() };
                }
            });
        }
    });
}

#[test]
fn without_a_name_server_of_its_own_nothing_of_this_leaves_the_machine() {
    assert_eq!(dns::addresses("127.0.0.1").unwrap(), [IpAddr::from(Ipv4Addr::LOCALHOST)]);
    assert!(dns::addresses("localhost").unwrap().contains(&IpAddr::from(Ipv4Addr::LOCALHOST)));
    assert!(matches!(dns::addresses("a..b"), Err(Error::Invalid(_))));
}
