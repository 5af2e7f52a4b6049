//! FTP: files to and from a server, over two connections.
//!
//! ```text
//! control connection (port 21)            data connection, one for each listing and each file
//! S: 220 ready
//! C: USER anna          S: 331 password?
//! C: PASS ...           S: 230 come in
//! C: EPSV               S: 229 ... (|||40000|)       C connects to port 40000
//! C: RETR hello.txt     S: 150 here it comes         S: the bytes of the file, FIN
//!                       S: 226 that was all
//! C: QUIT               S: 221 bye
//! ```
//!
//! RFC 959 (the protocol), 2428 (EPSV, EPRT), 3659 (SIZE, MDTM, MLSD, REST), 4217 (TLS), 2577 and 1579 (what was learned). To read
//! it: `wire`, `client`. Beside them: `data` (the second connection), `transfer` (bytes to and fro, and whether all of them came),
//! `files` (the commands about files, and files of ours), `entry` (lines of MLSD), `ascii` (line ends), `active` (the server calls us).
//! Not here, on purpose: reading LIST, mirrors, TLS from the first byte.
//!
//! ```
//! use netprimer::ftp::Ftp;
//! use netprimer::lab;
//! # let folder = std::env::temp_dir().join(format!("netprimer-ftp-{}", std::process::id()));
//! # std::fs::create_dir_all(&folder)?;
//! # let local = folder.join("local_file.txt");
//! let lab = lab::ftp::start(lab::ftp::Options::default())?;
//! lab.put("remote_file.txt", "你好\n")?;
//!
//! let mut ftp = Ftp::connect(lab.addr())?;
//! ftp.login("username", "password")?;
//! for line in ftp.list("")? {
//!     println!("{line}");
//! }
//! ftp.fetch("remote_file.txt", &local)?;
//! ftp.store(&local, "copy.txt")?;
//! ftp.quit()?;
//! assert_eq!(lab.files()["/copy.txt"], "你好\n".as_bytes());
//! # std::fs::remove_dir_all(&folder)?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! May use: error, encode, deadline, part, stream, text, trace, reply, dial.

pub mod wire;

mod active;
pub(crate) mod ascii;
mod client;
mod data;
mod entry;
mod files;
mod transfer;

pub use client::Ftp;
pub use data::SessionReuse;
pub use entry::{Entry, local_name};
pub use transfer::Download;

use crate::dial::Dial;
use crate::text::Limits;
use crate::trace::Sink;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// The port of the control connection.
pub const PORT: u16 = 21;

/// Who opens the data connections.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Mode {
    /// We do, to a port that the server names: works through firewalls and address translation on our side.
    #[default]
    Passive,
    /// The server does, to a port that we name: as FTP was in 1985. Only a connection from the server's address is taken.
    Active,
}

/// How bytes are meant (RFC 959 section 3.1.1).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Type {
    /// As they are.
    #[default]
    Image,
    /// As text: CRLF ends a line on the wire, LF on our side.
    Ascii,
}

/// How a client works.
#[derive(Clone)]
pub struct Options {
    /// How to connect; `reply` is the time for one command and its reply, `connect` also that for a data connection to come about.
    /// `tls` must be `None`: FTP begins in plain text, see [`Ftp::secure`].
    pub dial: Dial,
    /// How long one read or write on a data connection may wait. Default 60 s; a server gives a stalled
    /// transfer more (vsftpd 300 s).
    pub data: Duration,
    /// How long one whole transfer may take, however busy it is, beside the waits for replies. Default one hour; [`Duration::MAX`] for no such limit.
    pub transfer: Duration,
    /// Who opens the data connections.
    pub mode: Mode,
    /// Connect to the address that the server names in its reply to PASV, and ask by PASV. Otherwise data goes to the host that
    /// we talk to already: a server could send us to any port of any machine that we reach (CVE-2021-4189).
    pub trust_pasv_host: bool,
    /// Who watches the data connections, over TLS in plaintext; nobody by default.
    pub data_trace: Option<Arc<dyn Sink>>,
    /// How much of the server's text is taken: `block` is a whole listing, with what its lines cost here beside their bytes.
    pub limits: Limits,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            dial: Dial::default(),
            data: Duration::from_secs(60),
            transfer: Duration::from_secs(60 * 60),
            mode: Mode::Passive,
            trust_pasv_host: false,
            data_trace: None,
            limits: Limits::default(),
        }
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Options { dial, data, transfer, mode, trust_pasv_host, limits, .. } = self;
        write!(
            f,
            "Options {{ {dial:?}, data: {data:?}, transfer: {transfer:?}, {mode:?}, trust_pasv_host: {trust_pasv_host}, {limits:?} }}"
        )
    }
}
