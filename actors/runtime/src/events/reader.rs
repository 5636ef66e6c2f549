//! Those who follow a log, and the hub that wakes them.
//!
//! Waking a thousand readers takes a while, so it is not done by the actor that records, but by one
//! task on the thread of some reader: the hub. It is there only while there are readers. It runs on
//! the runtime of the reader who found that there is none; should that runtime end, the other
//! readers start another.

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

/// How often readers are woken at most.
pub const WAKE_INTERVAL: Duration = Duration::from_millis(20);

/// Follows an [`EventLog`]: [`changed`](Self::changed), then [`read`](Self::read), and again.
///
/// It is a cursor and nothing more: a reader that stands still costs nobody anything, and misses
/// what the log no longer keeps.
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
    /// Follows the log from behind the event numbered `after`. See [`EventReader`].
    pub fn reader(&self, after: u64) -> EventReader {
        EventReader::new(self.clone(), after)
    }
}

impl EventReader {
    pub(crate) fn new(log: EventLog, after: u64) -> Self {
        let published = log.shared.published.subscribe();
        log.shared.lock().readers += 1;
        Self { log, published, cursor: after }
    }

    /// Waits until there are events behind the cursor. Events come in batches: readers are woken
    /// at once for the first and at most every [`WAKE_INTERVAL`] from then on. Dropping the future
    /// loses nothing.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub async fn changed(&mut self) {
        let Self { log, published, cursor } = self;
        loop {
            let mut lost = std::pin::pin!(log.shared.lost.notified());
            lost.as_mut().enable();
            ensure_hub(&log.shared);
            tokio::select! {
                biased;
                // Cannot fail: the sender lives in the log.
                _ = published.wait_for(|newest| *newest > *cursor) => return,
                () = lost => {}
            }
        }
    }

    /// The next events, at most `limit`, and moves the cursor behind them. Does not wait.
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
        let mut state = self.log.shared.lock();
        state.readers -= 1;
        let last = state.readers == 0;
        drop(state);
        if last {
            self.log.shared.due.notify_one();
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
    // From here on it is the guard that says when there is no hub any more.
    tokio::spawn(hub(HubGuard { shared: Some(Arc::clone(shared)) }));
}

/// Publishes what is new, at intervals, until there are no readers.
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
    /// Number of the newest event, and when there will be more without anybody recording. None if
    /// there are no readers: then there is no hub from here on.
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

/// Says that the hub is gone, where it did not end by itself: its runtime has ended.
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
