//! Active mode: we listen, the server connects.
//!
//! ```text
//! C: PORT 127,0,0,1,156,64      EPRT |2|::1|40000|      our address on the control connection, and a port of ours
//! S: 200 ok
//! C: RETR a                     S: 150 here it comes    S connects to that port
//! ```
//!
//! RFC 959 section 5.3.2, RFC 2428 section 2. Whoever finds the port first would get the upload or forge the download, so only
//! a connection from the server's address counts, and the port listens on the one address that the server sees.
//!
//! May use: error, stream, and its own folder.

use super::client::Ftp;
use super::wire;
use crate::error::{Error, Result};
use crate::stream::Invitation;

pub(super) fn invite(ftp: &mut Ftp) -> Result<Invitation> {
    let phase = "open a port for the server";
    let own = ftp.control.stream().local_addr().map_err(Error::io(phase))?;
    let invitation = Invitation::new(own.ip(), ftp.peer.ip())?;
    ftp.command(&wire::port_command(invitation.addr()))?.expect(2)?;
    Ok(invitation)
}
