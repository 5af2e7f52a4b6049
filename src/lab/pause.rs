//! A pause that the end of a lab peer cuts short: nobody who drops one waits for its slowest answer.
//!
//! May use: nothing of this crate.

use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

/// Up while the peer plays. Those who pause sleep on it.
#[derive(Debug, Clone, Default)]
pub(super) struct Curtain(Arc<(Mutex<bool>, Condvar)>);

impl Curtain {
    /// Passes the time, unless the curtain falls. False when it fell.
    pub(super) fn pause(&self, time: Duration) -> bool {
        let (down, fell) = &*self.0;
        let down = down.lock().unwrap_or_else(PoisonError::into_inner);
        if time.is_zero() {
            return !*down;
        }
        !*fell.wait_timeout_while(down, time, |down| !*down).unwrap_or_else(PoisonError::into_inner).0
    }
}

/// Lets the curtain fall when it is dropped. It stands before the server in a struct, so that every pause has ended before
/// the server waits for its workers.
#[derive(Debug)]
pub(super) struct CurtainFalls(pub(super) Curtain);

impl Drop for CurtainFalls {
    fn drop(&mut self) {
        let (down, fell) = &*self.0.0;
        *down.lock().unwrap_or_else(PoisonError::into_inner) = true;
        fell.notify_all();
    }
}
