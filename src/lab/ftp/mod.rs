//! An FTP server on this machine, for lessons and tests: a folder, users, guests, TLS, and misbehaviour that has a name.
//!
//! What travels is described in `ftp`; `session` answers the commands, `files` those about files, `data` opens the second connection
//! and moves the bytes, `tree` keeps everybody inside the folder.
//!
//! RFC 959, 1635 (guests), 2389 (FEAT), 2428 (EPSV, EPRT), 2577 (what a server must not do for a client), 3659 (MLSD and others),
//! 4217 (TLS). Not here: the block and compressed modes, record structure, EBCDIC, accounts: nobody uses them.
//!
//! May use: everything but `check`.

mod data;
mod files;
mod session;
mod tree;

use crate::error::{Error, Result};
use crate::lab::pause::{Curtain, CurtainFalls};
use crate::lab::tls::Acceptor;
use crate::server::{Drained, Handle, Server};
use crate::trace::Sink;
use std::collections::{BTreeMap, HashMap};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use std::{fmt, fs, process};
use tree::Tree;

/// How the server is to be.
#[derive(Clone)]
pub struct Options {
    /// The port on 127.0.0.1; 0, the default, takes any that is free.
    pub port: u16,
    /// The folder that is served. `None`, the default, is an empty one of its own, which goes with the server.
    pub root: Option<PathBuf>,
    /// Names and passwords. Default: `username` with `password`.
    pub users: Vec<(String, String)>,
    /// Whether `anonymous` and `ftp` may come in with any password; they can read, and change nothing. Default yes.
    pub anonymous: bool,
    /// AUTH TLS with the certificate of this acceptor; `None`, the default, knows no TLS.
    pub tls: Option<Acceptor>,
    /// What it does wrong.
    pub wrong: Vec<Wrong>,
    /// Who watches the control connections (over TLS: the plaintext), if anybody.
    pub trace: Option<Arc<dyn Sink>>,
    /// The same for the data connections.
    pub data_trace: Option<Arc<dyn Sink>>,
    /// Which port is named for a data connection that is awaited here: that of a router or a proxy before this server. `None`, the
    /// default, names the port itself.
    pub data_port: Option<DataPort>,
    /// What a client may take.
    pub limits: Limits,
}

/// Gives the port to name for a data connection, and takes the address where it is awaited.
pub type DataPort = Arc<dyn Fn(SocketAddr) -> u16 + Send + Sync>;

impl Default for Options {
    fn default() -> Options {
        Options {
            port: 0,
            root: None,
            users: vec![("username".into(), "password".into())],
            anonymous: true,
            tls: None,
            wrong: Vec::new(),
            trace: None,
            data_trace: None,
            data_port: None,
            limits: Limits::default(),
        }
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Options({:?}, {:?}, {:?}, {:?})", self.root, self.tls, self.wrong, self.limits)
    }
}

/// Something that servers do, and clients must survive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wrong {
    /// It does not know EPSV (older servers do not).
    NoEpsv,
    /// It does not know SIZE, and does not say how much will come.
    NoSize,
    /// Its reply to PASV names this host.
    LieAboutPasv(Ipv4Addr),
    /// It cuts each data connection that it sends on after so many bytes, without the end that TLS has, and says 226.
    CutAfter(u64),
    /// It falls silent after so many bytes of each data connection that it sends on.
    StallAfter(u64),
    /// It wants TLS before the login.
    DemandTls,
    /// It refuses each data connection over TLS because no session was resumed, in the words of vsftpd.
    DemandReuse,
}

/// What one client may take of time and memory. A line has at most 4 KiB.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// How many clients at once. Default 64.
    pub places: usize,
    /// How many of them from one address. Default 8.
    pub per_host: usize,
    /// A client may be silent for so long between two commands. Default 300 s, as vsftpd has it.
    pub idle: Duration,
    /// A data connection must have come about after so long. Default 30 s.
    pub accept: Duration,
    /// A data connection may stand still for so long. Default 60 s.
    pub stall: Duration,
    /// Passwords that a client may get wrong before he is sent away. Default 3, as vsftpd has it.
    pub tries: u32,
    /// How long he waits for the answer to a wrong one. Default 1 s, as vsftpd has it.
    pub penalty: Duration,
}

impl Default for Limits {
    fn default() -> Limits {
        let seconds = Duration::from_secs;
        Limits {
            places: 64,
            per_host: 8,
            idle: seconds(300),
            accept: seconds(30),
            stall: seconds(60),
            tries: 3,
            penalty: seconds(1),
        }
    }
}

/// A server that runs. Dropping it stops it.
pub struct Lab {
    // Before the server, so that an answer that waits ends before the server is stopped.
    curtain: CurtainFalls,
    server: Handle,
    shared: Arc<Shared>,
    _own: Option<OwnFolder>,
}

struct Shared {
    options: Options,
    tree: Tree,
    curtain: Curtain,
    hosts: Mutex<HashMap<IpAddr, usize>>,
}

impl Shared {
    fn wrong(&self, is: impl Fn(&Wrong) -> bool) -> bool {
        self.options.wrong.iter().any(is)
    }
}

/// Starts a server on 127.0.0.1.
///
/// # Errors
/// Those of [`Server::bind`] and [`Server::start`]; [`Error::Io`] when the folder is not there or cannot be made.
///
/// ```
/// use netprimer::lab::ftp;
/// let lab = ftp::start(ftp::Options::default())?;
/// lab.put("folder/hello.txt", "你好")?;
/// assert_eq!(lab.files()["/folder/hello.txt"], "你好".as_bytes());
/// # Ok::<(), netprimer::Error>(())
/// ```
pub fn start(options: Options) -> Result<Lab> {
    let (root, own) = match &options.root {
        Some(root) => (root.clone(), None),
        None => {
            let own = OwnFolder::new()?;
            (own.0.clone(), Some(own))
        }
    };
    let tree = Tree::new(&root)?;
    // Every wait has a deadline of its own here, which knows what is being waited for.
    let server = Server::bind(format!("127.0.0.1:{}", options.port))?
        .places(options.limits.places)
        .refuse_with("421 too many clients, come back later\r\n")
        .idle(None);
    let shared = Arc::new(Shared { options, tree, curtain: Curtain::default(), hosts: Mutex::default() });
    let stage = Arc::clone(&shared);
    let server = server.start(move |conn| session::talk(conn, &stage))?;
    Ok(Lab { curtain: CurtainFalls(shared.curtain.clone()), server, shared, _own: own })
}

impl Lab {
    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.server.addr()
    }

    /// The folder that is served.
    pub fn root(&self) -> &Path {
        self.shared.tree.root()
    }

    /// Puts a file into the folder, and what folders it needs.
    ///
    /// # Errors
    /// [`Error::Io`] when it cannot be written; [`Error::Invalid`] for a path that leads out.
    pub fn put(&self, path: &str, contents: impl AsRef<[u8]>) -> Result<()> {
        let path =
            self.shared.tree.find(&[], path).map_err(|why| Error::Invalid(format!("{path}: {why}").into()))?.real;
        let made = path.parent().map_or(Ok(()), fs::create_dir_all).and_then(|()| fs::write(&path, contents));
        made.map_err(Error::io(format!("write {}", path.display())))
    }

    /// All files that are there, by their path, which begins with `/`. What cannot be read is left out, and so is what no name in
    /// FTP leads to.
    pub fn files(&self) -> BTreeMap<String, Vec<u8>> {
        self.shared.tree.files()
    }

    /// The server below, for its counts.
    pub fn server(&self) -> &Handle {
        &self.server
    }

    /// Ends it, and says how its connections ended.
    pub fn stop(self, grace: Duration) -> Drained {
        let Lab { curtain, server, .. } = self;
        drop(curtain);
        server.stop(grace)
    }
}

impl fmt::Debug for Lab {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Lab(ftp://{} over {})", self.addr(), self.root().display())
    }
}

/// A folder among the system's temporary ones, which goes with this value.
struct OwnFolder(PathBuf);

impl OwnFolder {
    fn new() -> Result<OwnFolder> {
        static MADE: AtomicU64 = AtomicU64::new(0);
        loop {
            let name = format!("netprimer-ftp-lab-{}-{}", process::id(), MADE.fetch_add(1, Ordering::Relaxed));
            let path = std::env::temp_dir().join(name);
            match fs::create_dir(&path) {
                Ok(()) => return Ok(OwnFolder(path)),
                Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(Error::io(format!("make {}", path.display()))(error)),
            }
        }
    }
}

impl Drop for OwnFolder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
