//! The readers of a log, and the hub that wakes them.
//!
//! Waking a thousand readers takes a while, so the actor that records does not do it. One task, the hub, wakes them. A
//! reader that finds no hub starts one on its own tokio runtime. The hub ends with the last reader; if its runtime ends
//! before, another reader starts a new hub.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::{
    sync::watch,
    time::{sleep, sleep_until},
};

use super::{
    log::{EventLog, Shared},
    ring::{Batch, Moment},
};
use crate::clock;

/// Shortest time between two wake-ups of the readers.
pub const WAKE_INTERVAL: Duration = Duration::from_millis(20);

/// Follows an [`EventLog`]: [`changed`](Self::changed), then [`read`](Self::read), and again.
///
/// A reader is only a cursor: while it does not read, it costs nothing, and it misses the events that the log drops.
///
/// ```
/// # use resilience_actors::events::{EventKind, EventLog};
/// # actix::System::new().block_on(async {
/// let log = EventLog::default();
/// let mut reader = log.reader(0);
/// log.record(EventKind::Reset { epoch: 1 });
///
/// reader.changed().await;
/// let batch = reader.read(100);
///
/// assert_eq!((batch.events[0].sequence, batch.missed), (1, false));
/// # });
/// ```
#[derive(Debug)]
pub struct EventReader {
    log: EventLog,
    published: watch::Receiver<u64>,
    cursor: u64,
}

impl EventLog {
    /// Follows the log from the event after the number `after`. See [`EventReader`].
    pub fn reader(&self, after: u64) -> EventReader {
        EventReader::new(self.clone(), after)
    }
}

impl EventReader {
    pub(crate) fn new(log: EventLog, after: u64) -> Self {
        let published = log.shared().published.subscribe();
        log.shared().lock().readers += 1;
        Self { log, published, cursor: after }
    }

    /// Waits until there are events after the cursor. Readers are woken at once for the first event, and then at most
    /// once every [`WAKE_INTERVAL`]. Dropping the future loses nothing.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub async fn changed(&mut self) {
        let Self { log, published, cursor } = self;
        loop {
            let mut lost = std::pin::pin!(log.shared().lost.notified());
            lost.as_mut().enable();
            ensure_hub(log.shared());
            tokio::select! {
                biased;
                // Cannot fail: the sender lives in the log.
                _ = published.wait_for(|newest| *newest > *cursor) => return,
                () = lost => {}
            }
        }
    }

    /// Returns the next events, at most `limit`, and moves the cursor past them. Does not wait.
    pub fn read(&mut self, limit: usize) -> Batch {
        let batch = self.log.since(self.cursor, limit);
        if let Some(last) = batch.events.last() {
            self.cursor = last.sequence;
        }
        batch
    }

    /// Number of the last event that was read.
    pub fn cursor(&self) -> u64 {
        self.cursor
    }
}

impl Drop for EventReader {
    fn drop(&mut self) {
        let mut state = self.log.shared().lock();
        state.readers -= 1;
        let last = state.readers == 0;
        drop(state);
        if last {
            self.log.shared().due.notify_one();
        }
    }
}

/// Starts the hub if there is none.
fn ensure_hub(shared: &Arc<Shared>) {
    let mut state = shared.lock();
    if std::mem::replace(&mut state.hub, true) {
        return;
    }
    drop(state);
    // The guard clears `hub` when the task ends.
    tokio::spawn(hub(HubGuard { shared: Some(Arc::clone(shared)) }));
}

/// Publishes the number of the newest event at intervals, until there are no readers.
async fn hub(mut guard: HubGuard) {
    while let Some(shared) = &guard.shared {
        let Some((newest, timeout)) = shared.look() else {
            guard.shared = None;
            return;
        };
        shared
            .published
            .send_if_modified(|published| std::mem::replace(published, newest) != newest);
        sleep(WAKE_INTERVAL).await;
        match timeout {
            None => shared.due.notified().await,
            Some(timeout) => tokio::select! {
                () = shared.due.notified() => {}
                () = sleep_until(timeout.into()) => {}
            },
        }
    }
}

impl Shared {
    /// Number of the newest event, and when the log will add an event by itself. `None` if there are no readers: the
    /// hub must end.
    fn look(&self) -> Option<(u64, Option<Instant>)> {
        let at = Moment { now: clock::now(), date: clock::date };
        let mut state = self.lock();
        if state.readers == 0 {
            state.hub = false;
            return None;
        }
        state.ring.handle_timeout(at);
        state.pending = false;
        Some((state.ring.newest(), state.ring.poll_timeout()))
    }
}

/// Tells the readers that the hub is gone if its runtime ended.
struct HubGuard {
    shared: Option<Arc<Shared>>,
}

impl Drop for HubGuard {
    fn drop(&mut self) {
        if let Some(shared) = &self.shared {
            shared.lock().hub = false;
            shared.lost.notify_waiters();
        }
    }
}
