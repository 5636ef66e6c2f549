//! SIGHUP, for a service that gives it a meaning.

use std::{
    io,
    sync::atomic::{AtomicUsize, Ordering},
};

use tokio::signal::unix::{Signal, SignalKind, signal};

/// Number of [`Hangups`].
static TAKEN: AtomicUsize = AtomicUsize::new(0);

/// The SIGHUPs that the process gets from now on. While there is one, [`run_service`](crate::run_service) does not log
/// that SIGHUP is ignored. The signal never ends the process, whether or not there is one.
#[derive(Debug)]
pub struct Hangups(Signal);

impl Hangups {
    /// Begins to receive them.
    ///
    /// # Errors
    /// The signal cannot be received.
    ///
    /// # Panics
    /// Panics outside of an actix runtime.
    pub fn new() -> io::Result<Self> {
        let signal = signal(SignalKind::hangup())?;
        TAKEN.fetch_add(1, Ordering::Relaxed);
        Ok(Self(signal))
    }

    /// Returns after the next SIGHUP. Several that come while this is not awaited are one.
    pub async fn next(&mut self) {
        if self.0.recv().await.is_none() {
            // The runtime is ending.
            std::future::pending::<()>().await;
        }
    }
}

impl Drop for Hangups {
    fn drop(&mut self) {
        TAKEN.fetch_sub(1, Ordering::Relaxed);
    }
}

/// True if SIGHUP has a meaning now.
pub(super) fn are_taken() -> bool {
    TAKEN.load(Ordering::Relaxed) > 0
}
