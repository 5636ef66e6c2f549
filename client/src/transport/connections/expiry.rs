//! Closes idle connections that no request may use any more. awc's pool finds them only when a request asks for one.

use std::{
    cell::Cell,
    rc::{Rc, Weak},
    time::Duration,
};

use tokio::time::{Instant, sleep_until};

use super::{Connections, Stream};
use crate::transport::ConnectionSettings;

/// When idle connections are closed.
#[derive(Debug)]
pub(super) struct Expiry {
    max_age: Duration,
    idle_timeout: Duration,
    /// A task closes them.
    runs: Cell<bool>,
}

impl Expiry {
    pub(super) fn new(
        &ConnectionSettings { max_age, idle_timeout, .. }: &ConnectionSettings,
    ) -> Self {
        Self { max_age, idle_timeout, runs: Cell::new(false) }
    }

    /// When the connection is to be closed, if it is idle.
    fn end(&self, stream: &Stream) -> Option<Instant> {
        let idle = stream.idle_since.get()? + self.idle_timeout;
        Some(idle.min(stream.opened + self.max_age))
    }
}

impl Connections {
    /// Runs a task that closes idle connections, as long as there are connections.
    pub(super) fn expire(self: &Rc<Self>) {
        let Some(expiry) = &self.expiry else { return };
        if expiry.runs.replace(true) {
            return;
        }
        let connections = Rc::downgrade(self);
        actix_rt::spawn(async move {
            while let Some(next) = connections.upgrade().and_then(|all| all.close_expired()) {
                sleep_until(next).await;
            }
        });
    }

    /// Closes expired connections. Returns when the next one may expire. `None` if there are no connections.
    fn close_expired(&self) -> Option<Instant> {
        let expiry = self.expiry.as_ref()?;
        let now = Instant::now();
        let mut all = self.all.borrow_mut();
        all.retain(|stream| stream.upgrade().is_some_and(|stream| stream.io().is_some()));
        // A connection that is in use cannot expire earlier.
        let mut next = now + expiry.idle_timeout.min(expiry.max_age);
        for stream in all.iter().filter_map(Weak::upgrade) {
            match expiry.end(&stream) {
                Some(end) if end <= now => stream.close(),
                Some(end) => next = next.min(end),
                None => {}
            }
        }
        expiry.runs.set(!all.is_empty());
        expiry.runs.get().then_some(next)
    }
}
