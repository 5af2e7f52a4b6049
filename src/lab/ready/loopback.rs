//! Whether this machine can talk to itself: TCP, UDP, names, refusals, TLS.
//!
//! May use: everything but `check`.

use super::{Finding, PATIENCE, V4, bad, good, note};
use crate::deadline::Deadline;
use crate::error::{Error, Result};
use crate::http;
use crate::lab::http as web_server;
use crate::lab::ports::Closed;
use crate::lab::tls::{self, Acceptor, Certificate};
use crate::server::Server;
use crate::stream::{self, Stream};
use std::io::{ErrorKind, Read, Write};
use std::net::{IpAddr, Ipv6Addr, SocketAddr, UdpSocket};
use std::time::Instant;

const V6: IpAddr = IpAddr::V6(Ipv6Addr::LOCALHOST);

/// More bytes than characters: who counts wrong loses some.
const SAMPLE: &str = "Hello, 你好!\n";

pub(super) fn tcp() -> Finding {
    loopback(tcp_round_trip(V4), V4)
}

pub(super) fn udp() -> Finding {
    loopback(udp_round_trip(V4), V4)
}

pub(super) fn ipv6() -> Finding {
    match tcp_round_trip(V6).and_then(|()| udp_round_trip(V6)) {
        Ok(()) => loopback(Ok(()), V6),
        Err(error) => note(
            format!("no ::1 here: {error}"),
            "nothing to do: all lessons run on 127.0.0.1; where a lesson types [::1], you get this error",
        ),
    }
}

fn loopback(tried: Result<()>, ip: IpAddr) -> Finding {
    match tried {
        Ok(()) => good(format!("{} bytes went to {ip} and came back", SAMPLE.len())),
        Err(error @ Error::Timeout(_)) => bad(
            error.to_string(),
            format!("a firewall or a security program filters this machine's own addresses: it must let {ip} pass"),
        ),
        Err(error) => {
            bad(error.to_string(), "the loopback interface is not there or off; on Linux: sudo ip link set lo up")
        }
    }
}

fn tcp_round_trip(ip: IpAddr) -> Result<()> {
    let phase = "talk to ourselves over TCP";
    let server = Server::bind(SocketAddr::new(ip, 0))?.idle(Some(PATIENCE)).start(|mut conn| {
        let mut text = String::new();
        (&mut conn.stream).take(1_024).read_to_string(&mut text).map_err(Error::io("hear"))?;
        conn.stream.write_all(text.as_bytes()).map_err(Error::io("answer"))
    })?;
    let deadline = Deadline::after(PATIENCE);
    let mut stream = stream::connect_any(&[server.addr()], deadline)?;
    stream.set_deadline(deadline);
    stream.write_all(SAMPLE.as_bytes()).and_then(|()| stream.finish()).map_err(Error::io(phase))?;
    let mut text = String::new();
    stream.take(1_024).read_to_string(&mut text).map_err(Error::io(phase))?;
    same(text.as_bytes())
}

fn udp_round_trip(ip: IpAddr) -> Result<()> {
    let talk = || {
        let server = UdpSocket::bind((ip, 0))?;
        server.set_read_timeout(Some(PATIENCE))?;
        let client = stream::connect_udp(server.local_addr()?)?;
        client.set_read_timeout(Some(PATIENCE))?;
        client.send(SAMPLE.as_bytes())?;
        let mut buffer = [0; 1_024];
        let (n, from) = server.recv_from(&mut buffer)?;
        server.send_to(&buffer[..n], from)?;
        let n = client.recv(&mut buffer)?;
        Ok(buffer[..n].to_vec())
    };
    same(&talk().map_err(Error::io("talk to ourselves over UDP"))?)
}

fn same(came: &[u8]) -> Result<()> {
    match came == SAMPLE.as_bytes() {
        true => Ok(()),
        false => Err(Error::Protocol("what came back is not what was sent".into())),
    }
}

pub(super) fn localhost() -> Finding {
    let mend = "the file hosts (/etc/hosts; on Windows below System32\\drivers\\etc) needs a line: 127.0.0.1 localhost";
    match stream::resolve("localhost", 0, Deadline::after(PATIENCE)) {
        Err(error) => bad(error.to_string(), mend),
        Ok(found) => {
            let mut ips: Vec<IpAddr> = found.iter().map(SocketAddr::ip).collect();
            ips.dedup();
            let shown: Vec<String> = ips.iter().map(IpAddr::to_string).collect();
            let saw = format!("localhost is {}", shown.join(" and "));
            match ips.iter().all(IpAddr::is_loopback) && ips.contains(&V4) {
                true => good(saw),
                false => bad(saw, mend),
            }
        }
    }
}

pub(super) fn refused() -> Finding {
    let tried = Closed::start(V4).map(|closed| {
        let start = Instant::now();
        let error = stream::connect_any(&[closed.addr()], Deadline::after(PATIENCE)).err();
        (error, start.elapsed())
    });
    match tried {
        Ok((Some(Error::Io(_, cause)), time)) if cause.kind() == ErrorKind::ConnectionRefused => {
            good(format!("a closed port said no after {:.1} ms", time.as_secs_f64() * 1e3))
        }
        Ok((Some(error), _)) => note(
            format!("a closed port should refuse at once: {error}"),
            "a firewall drops instead of refusing; in lessons 2.2 and 7.2 a closed port will look filtered",
        ),
        Ok((None, _)) => note("somebody answers on a port that is closed", "a security program stands in between"),
        Err(error) => bad(error.to_string(), "mend what stands above first"),
    }
}

pub(super) fn tls() -> Finding {
    let ask = |shows| -> Result<u16> {
        let tls = Some(Acceptor::new(shows)?);
        let server = web_server::start(web_server::Options { tls, ..web_server::Options::default() })?;
        let mut options = http::Options::default();
        (options.dial.connect, options.dial.reply, options.dial.tls) = (PATIENCE, PATIENCE, Some(tls::trust()?));
        Ok(http::Client::with(options).get(&server.url("/get"))?.status)
    };
    match (ask(Certificate::Good), ask(Certificate::Expired)) {
        (Ok(200), Err(Error::Other(..))) => good("a good certificate was believed, an expired one was refused"),
        (Err(error), _) => bad(error.to_string(), "mend what stands above first; on Linux OpenSSL must be whole"),
        (Ok(200), Err(error)) => bad(error.to_string(), "mend what stands above first"),
        (Ok(status), refused) => {
            let saw = format!("status {status}; an expired certificate was believed: {}", refused.is_ok());
            bad(saw, "TLS of this system does not check certificates: use another machine for lessons with https")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lab::ready::State;

    #[test]
    fn what_fails_names_the_likely_cause() {
        let timeout = loopback(Err(Error::Timeout("talk".into())), V4);
        assert!(timeout.state == State::Bad && timeout.mend.contains("firewall"), "{timeout:?}");
        let gone = loopback(Err(Error::Io("talk".into(), ErrorKind::NetworkUnreachable.into())), V4);
        assert!(gone.state == State::Bad && gone.mend.contains("interface"), "{gone:?}");
        assert_eq!(same(b"Hello").is_err(), same(SAMPLE.as_bytes()).is_ok());
    }
}
