//! The lab as a whole, and its echo server.

use crate::support;
use netprimer::error::Error;
use netprimer::lab::all::{self, Ports};
use netprimer::lab::{echo, smtp as lab_smtp, tls};
use netprimer::smtp::{MessageBuilder, Options, Smtp, StartTls};
use netprimer::stream::connect_udp;
use netprimer::trace::{Sink, Transcript};
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpListener, UdpSocket};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;
use support::LIMIT;
use support::sockets::dial;

#[test]
fn what_comes_goes_back() {
    let wire = Transcript::new();
    let lab = echo::start(echo::Options { trace: Some(Arc::new(wire.clone())), ..Default::default() }).unwrap();
    // More than the buffers of both sides hold, while nobody reads: so it is written from a thread.
    let sent: Vec<u8> = (0..1_000_000_u32).map(|n| n as u8).collect();
    let mut client = dial(lab.addr());
    let (mut writer, all) = (client.try_clone().unwrap(), sent.clone());
    let writes = thread::spawn(move || writer.write_all(&all).and_then(|()| writer.shutdown(Shutdown::Write)));
    let mut came = Vec::new();
    client.read_to_end(&mut came).unwrap();
    writes.join().unwrap().unwrap();
    assert!(came == sent);

    let socket = connect_udp(lab.addr()).unwrap();
    socket.set_read_timeout(Some(LIMIT)).unwrap();
    let mut buffer = vec![0; 65_535];
    // No bytes are a datagram too, and so are as many as IPv4 can carry.
    for length in [0, 1, 1_472, 65_507] {
        socket.send(&sent[..length]).unwrap();
        let n = socket.recv(&mut buffer).unwrap();
        assert!(buffer[..n] == sent[..length], "{n} of {length}");
    }
    assert_eq!((lab.datagrams(), lab.server().totals().accepted), (4, 1));
    let drained = lab.stop(LIMIT);
    assert_eq!(drained.forced + drained.stuck, 0);
    // Not at its end: the one who serves the stream may be told later that it is over.
    assert!(wire.to_string().contains(&netprimer::trace::show(
        netprimer::trace::Side::Server,
        netprimer::trace::Event::Bytes(&sent[..65_507])
    )));
}

#[test]
fn a_port_that_is_taken_is_named() {
    let starts = |port| all::start(Ports { echo: port, ..Ports::default() }, &|_| None, None);
    let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
    let error = starts(tcp.local_addr().unwrap().port()).unwrap_err();
    assert!(error.kind() == ErrorKind::AddrInUse && error.to_string().starts_with("listen on 127.0.0.1:"), "{error}");
    let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
    let error = starts(udp.local_addr().unwrap().port()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AddrInUse, "{error}");
}

/// The mail is heard of before its sender hears that it was taken, and each server's watcher has its name.
#[test]
fn every_mail_and_every_server_is_heard_of() {
    let (mails, names) = (Arc::new(Mutex::new(Vec::new())), Mutex::new(Vec::new()));
    let heard = Arc::clone(&mails);
    let on_mail: lab_smtp::OnMail = Arc::new(move |mail| heard.lock().unwrap().push(mail.subject()));
    let watch = |name| -> Option<Arc<dyn Sink>> {
        names.lock().unwrap().push(name);
        None
    };
    let lab = all::start(Ports::default(), &watch, Some(on_mail)).unwrap();
    for (addr, at_once) in [(lab.smtp.addr(), false), (lab.smtps.addr(), true)] {
        let mut options = Options { starttls: StartTls::Required(tls::trust().unwrap()), ..Options::default() };
        options.dial.tls = at_once.then(|| tls::trust().unwrap());
        let mut smtp = Smtp::connect(&addr.into(), &options).unwrap();
        let message = MessageBuilder::new().from("a@example.com").to("b@example.com").text_body("");
        smtp.send(&message.subject(format!("at once: {at_once}"))).unwrap();
        assert_eq!(mails.lock().unwrap().last().unwrap(), &format!("at once: {at_once}"));
    }
    let expected = ["HTTP", "HTTPS", "WebSocket", "FTP", "FTP data", "SMTP", "SMTPS", "DNS", "echo"];
    let mut names = names.into_inner().unwrap();
    names.sort_unstable_by_key(|name| expected.iter().position(|known| known == name));
    assert_eq!(names, expected);
    let dialled = dial(lab.echo.addr());
    let addrs = lab.servers().map(|(_, server)| server.addr());
    let drained = lab.stop(Duration::ZERO).unwrap();
    assert_eq!(drained.stuck, 0);
    drop(dialled);
    for addr in addrs {
        let refused = netprimer::stream::connect_any(&[addr], netprimer::Deadline::after(LIMIT)).unwrap_err();
        assert!(matches!(refused, Error::Io(..)) && refused.kind() == ErrorKind::ConnectionRefused, "{refused}");
    }
}
