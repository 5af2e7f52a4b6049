//! A peer that follows a script: it says and hears what is written down, byte for byte, and tells afterwards whether
//! all went so.
//!
//! What travels is the script. For clients it is the peer that lies, stalls, drips or leaves in the middle: anything a real
//! server would do once a year.
//!
//! May use: error, encode, deadline, stream, trace, server, lab::tls.

use crate::deadline::Deadline;
use crate::encode::visible;
use crate::error::{Error, Result};
use crate::lab::pause::{Curtain, CurtainFalls};
use crate::lab::tls::{Acceptor, Certificate};
use crate::server::{Conn, Handle, Server};
use crate::stream::{BoxStream, Stream};
use crate::trace::{Side, Traced, Transcript};
use std::io::Read;
use std::net::{Shutdown, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// No step waits longer for the client: a test that hangs says nothing.
const STEP: Duration = Duration::from_secs(5);

/// One step of a script.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Send these bytes in one write.
    Say(Vec<u8>),
    /// Send these bytes one at a time, with a pause after each: what defeats a timeout for one read.
    Drip(Vec<u8>, Duration),
    /// These bytes must come next, in any number of pieces.
    Hear(Vec<u8>),
    /// One line must come next, whatever it says, up to its LF and at most 64 KiB long.
    HearLine,
    /// The client's FIN must come next.
    HearEnd,
    /// Say nothing for so long. Ends early when the script is dropped.
    Wait(Duration),
    /// Say nothing until the client leaves, whatever it sends, or five seconds are over.
    Hold,
    /// Send our FIN; hearing goes on.
    Finish,
    /// Close at once without reading: where the client's bytes lie unread, it gets a reset instead of a FIN; over TLS
    /// nothing marks the end.
    Slam,
    /// Shake hands as a TLS server with this certificate; the steps that follow, and the wire that is kept, are plaintext.
    /// The first step for a protocol that begins with TLS, a later one for STARTTLS.
    StartTls(Certificate),
}

impl Step {
    /// [`Step::Say`] from text or bytes.
    pub fn say(bytes: impl AsRef<[u8]>) -> Step {
        Step::Say(bytes.as_ref().to_vec())
    }

    /// [`Step::Hear`] from text or bytes.
    pub fn hear(bytes: impl AsRef<[u8]>) -> Step {
        Step::Hear(bytes.as_ref().to_vec())
    }
}

/// A scripted peer that runs. Dropping it ends it.
pub struct Script {
    // Before the server, so that a script that waits ends before the server is stopped.
    curtain: CurtainFalls,
    server: Handle,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    wire: Transcript,
    // What went wrong on the first connection that did not go as written; and how many were played.
    played: Mutex<(usize, Option<Error>)>,
    curtain: Curtain,
}

/// Starts a peer on 127.0.0.1 that plays these steps with everyone who connects, and closes after the last. No step waits longer
/// than five seconds for the client.
///
/// # Errors
/// Those of [`Server::bind`] and [`Server::start`].
///
/// ```
/// use netprimer::lab::script::{self, Step};
/// use std::io::{Read, Write};
/// let peer = script::play([Step::hear("PING\r\n"), Step::say("PONG\r\n")])?;
/// let mut client = std::net::TcpStream::connect(peer.addr())?;
/// client.write_all(b"PING\r\n")?;
/// let mut answer = String::new();
/// client.read_to_string(&mut answer)?;
/// assert_eq!(answer, "PONG\r\n");
/// peer.verdict()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn play(steps: impl IntoIterator<Item = Step>) -> Result<Script> {
    let steps: Vec<Step> = steps.into_iter().collect();
    let shared = Arc::new(Shared::default());
    let stage = Arc::clone(&shared);
    let server = Server::bind("127.0.0.1:0")?.idle(Some(STEP)).start(move |conn| {
        let played = perform(&steps, conn, &stage);
        let mut verdict = stage.played.lock().unwrap_or_else(PoisonError::into_inner);
        verdict.0 += 1;
        if let (None, Err(error)) = (&verdict.1, played) {
            verdict.1 = Some(error);
        }
        Ok(())
    })?;
    Ok(Script { curtain: CurtainFalls(shared.curtain.clone()), server, shared })
}

impl Script {
    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.server.addr()
    }

    /// What passed so far, seen from the script.
    pub fn wire(&self) -> Transcript {
        self.shared.wire.clone()
    }

    /// Ends the peer and says whether every connection went as written.
    ///
    /// # Errors
    /// [`Error::Protocol`] with the step's number, what was expected and what came, for the first connection that went
    /// otherwise; [`Error::Invalid`] when nobody connected.
    pub fn verdict(self) -> Result<()> {
        let drained = self.server.stop(STEP);
        drop(self.curtain);
        let mut played = self.shared.played.lock().unwrap_or_else(PoisonError::into_inner);
        match played.1.take() {
            Some(error) => Err(error),
            None if drained.forced + drained.stuck > 0 => Err(Error::Timeout("wait for the script to end".into())),
            None if played.0 == 0 => Err(Error::Invalid("nobody connected to the scripted peer".into())),
            None => Ok(()),
        }
    }
}

fn perform(steps: &[Step], conn: Conn, stage: &Shared) -> Result<()> {
    let closer = conn.stream.closer();
    let traced = |stream: BoxStream| Traced::new(stream, Side::Server, Arc::new(stage.wire.clone()));
    let mut stream = traced(Box::new(conn.stream));
    let mut secured = false;
    for (n, step) in steps.iter().enumerate() {
        stream.set_deadline(Deadline::after(STEP));
        let said = |error| match error {
            Error::Protocol(what) => Error::Protocol(format!("step {}: {what}", n + 1).into()),
            error => Error::Protocol(format!("step {}, {}: {error}", n + 1, said(step)).into()),
        };
        match step {
            Step::Slam => {
                // Over TLS the drop that follows would say goodbye, which is what must not be said now.
                if let (true, Some(socket)) = (secured, closer.upgrade()) {
                    let _ = socket.shutdown(Shutdown::Both);
                }
                return Ok(());
            }
            Step::StartTls(certificate) => {
                let acceptor = Acceptor::new(*certificate)?;
                stream = traced(acceptor.accept(stream.into_inner()).map_err(said)?);
                secured = true;
            }
            step => one(step, &mut stream, stage).map_err(said)?,
        }
    }
    if secured && !steps.contains(&Step::Finish) {
        // The end of the script is a clean end; the client may be gone already.
        let _ = stream.finish();
    }
    Ok(())
}

fn one(step: &Step, stream: &mut impl Stream, stage: &Shared) -> Result<()> {
    match step {
        Step::Say(bytes) => stream.write_all(bytes).map_err(Error::io("say")),
        Step::Drip(bytes, pause) => bytes.iter().try_for_each(|byte| {
            stream.set_deadline(Deadline::after(STEP));
            stream.write_all(&[*byte]).map_err(Error::io("say"))?;
            stage.curtain.pause(*pause);
            Ok(())
        }),
        Step::Hear(wanted) => hear(wanted, stream),
        Step::HearLine => {
            let mut byte = [0];
            for _ in 0..64 << 10 {
                // Byte by byte, because what follows the line belongs to the next step.
                stream.read_exact(&mut byte).map_err(Error::io("hear"))?;
                if byte == *b"\n" {
                    return Ok(());
                }
            }
            Err(Error::TooLong("hear a line".into(), 64 << 10))
        }
        Step::HearEnd => match stream.read(&mut [0]).map_err(Error::io("hear"))? {
            0 => Ok(()),
            _ => Err(Error::Protocol("the client's FIN was expected, and more bytes came".into())),
        },
        Step::Wait(time) => {
            stage.curtain.pause(*time);
            Ok(())
        }
        Step::Hold => {
            // A reset is a way of leaving.
            while stream.read(&mut [0; 4096]).is_ok_and(|n| n > 0) {}
            Ok(())
        }
        Step::Finish => stream.finish().map_err(Error::io("finish")),
        Step::Slam | Step::StartTls(_) => Ok(()), // not one's: they end the stream or change it
    }
}

/// Reads as many bytes as are wanted, and says at which one they differ.
fn hear(wanted: &[u8], stream: &mut impl Read) -> Result<()> {
    let mut heard = Vec::new();
    let mut buffer = [0; 4096];
    while heard.len() < wanted.len() {
        let most = buffer.len().min(wanted.len() - heard.len());
        let n = stream.read(&mut buffer[..most]).map_err(Error::io(format!("hear, after \"{}\"", visible(&heard))))?;
        heard.extend_from_slice(&buffer[..n]);
        if n == 0 || heard != wanted[..heard.len()] {
            break;
        }
    }
    if heard == wanted {
        return Ok(());
    }
    let at = heard.iter().zip(wanted).take_while(|(a, b)| a == b).count();
    let (wanted, heard) = (visible(wanted), visible(&heard));
    Err(Error::Protocol(format!("expected \"{wanted}\", heard \"{heard}\": they differ at byte {at}").into()))
}

fn said(step: &Step) -> String {
    match step {
        Step::Say(bytes) | Step::Drip(bytes, _) => format!("say \"{}\"", visible(bytes)),
        Step::Hear(bytes) => format!("hear \"{}\"", visible(bytes)),
        other => format!("{other:?}"),
    }
}
