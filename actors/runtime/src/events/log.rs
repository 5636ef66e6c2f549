//! The log of the events of one breaker, or of several.

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::{Notify, watch};

use super::{
    EventType,
    event::{Event, EventKind},
    ring::{Batch, Moment, Ring, SourceId},
};
use crate::clock;

/// Default number of events that a log keeps.
pub const DEFAULT_CAPACITY: usize = 1024;

/// The last events of one breaker and the schedulers around it: a handle, shared by cloning.
///
/// Recording takes a lock for a moment and wakes at most one task, however many readers there are. A reader that is
/// more than the capacity behind is told that events are missing.
///
/// Breakers can share a log ([`for_breaker`](Self::for_breaker)): their events have one numbering, and readers see all.
/// Each event has the name of its breaker.
#[derive(Clone)]
pub struct EventLog {
    of_breaker: Arc<OfBreaker>,
}

/// What the handles of one breaker share.
struct OfBreaker {
    name: Arc<str>,
    source: SourceId,
    shared: Arc<Shared>,
}

impl Drop for OfBreaker {
    fn drop(&mut self) {
        self.shared.step(|ring, at| ring.remove(at, self.source));
    }
}

pub(crate) struct Shared {
    state: Mutex<LogState>,
    /// Wakes the hub: there are new events, or the last reader has gone.
    pub(crate) due: Notify,
    /// Wakes the readers when the hub has ended while they waited.
    pub(crate) lost: Notify,
    /// Number of the newest event that readers have been woken for.
    pub(crate) published: watch::Sender<u64>,
}

pub(crate) struct LogState {
    pub(crate) ring: Ring,
    pub(crate) readers: usize,
    /// The hub has been woken and has not run yet.
    pub(crate) pending: bool,
    /// There is a hub.
    pub(crate) hub: bool,
}

impl EventLog {
    /// An empty log of the breaker named `breaker`, which keeps the last `capacity` events (at
    /// least one), and as many again of those before them that are
    /// [rare](EventType::is_rare).
    pub fn new(breaker: impl Into<Arc<str>>, capacity: usize) -> Self {
        let ring = Ring::new(capacity);
        let state = Mutex::new(LogState { ring, readers: 0, pending: false, hub: false });
        let (due, lost) = (Notify::new(), Notify::new());
        let published = watch::Sender::new(0);
        Self::of(Arc::new(Shared { state, due, lost, published }), breaker.into())
    }

    /// The same log for another breaker. It then keeps as many events for each breaker, but no more than for eight. If
    /// a breaker has more events than that, those of others leave the log sooner. When the last handle of a breaker is
    /// dropped, its events stay, and its counts end.
    #[must_use]
    pub fn for_breaker(&self, breaker: impl Into<Arc<str>>) -> Self {
        Self::of(Arc::clone(self.shared()), breaker.into())
    }

    fn of(shared: Arc<Shared>, name: Arc<str>) -> Self {
        let source = shared.lock().ring.add(Arc::clone(&name));
        Self { of_breaker: Arc::new(OfBreaker { name, source, shared }) }
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.of_breaker.shared
    }

    /// The breaker's name.
    pub fn name(&self) -> &Arc<str> {
        &self.of_breaker.name
    }

    /// Records an event and returns its number. Returns `None` if the event was only counted, because there were too
    /// many of its type and its breaker in this second ([`EVENTS_PER_SECOND`](super::EVENTS_PER_SECOND)).
    pub fn record(&self, kind: EventKind) -> Option<u64> {
        let id = self.of_breaker.source;
        self.shared().step(|ring, at| {
            if ring.admit(at, id, kind.event_type()) { ring.push(at, id, kind) } else { None }
        })
    }

    /// Records an event of type `of` as [`record`](Self::record) does. Calls `kind` only if the event is kept.
    pub fn record_with(&self, of: EventType, kind: impl FnOnce() -> EventKind) -> Option<u64> {
        let id = self.of_breaker.source;
        if !self.shared().step(|ring, at| ring.admit(at, id, of)) {
            return None;
        }
        let kind = kind();
        debug_assert_eq!(kind.event_type(), of);
        self.shared().step(|ring, at| ring.push(at, id, kind))
    }

    /// The first `limit` events after the event with the number `after`. 0 stands before the first event.
    pub fn since(&self, after: u64, limit: usize) -> Batch {
        self.shared().step(|ring, _| ring.since(after, limit))
    }

    /// The last `limit` events for which `wanted` returns true, in order. `wanted` is called with the log locked, so it
    /// must be quick and must not use the log.
    pub fn last(&self, limit: usize, wanted: impl Fn(&Event) -> bool) -> Vec<Arc<Event>> {
        self.shared().step(|ring, _| ring.last(limit, wanted))
    }

    /// Number of the newest event, 0 before the first.
    pub fn newest(&self) -> u64 {
        self.shared().step(|ring, _| ring.newest())
    }

    /// Number of the oldest event from which on all are kept, 0 before the first.
    pub fn oldest(&self) -> u64 {
        self.shared().step(|ring, _| ring.oldest())
    }

    /// Number of events of each type of this breaker since the start, including those that were only counted.
    pub fn recorded(&self) -> [(EventType, u64); EventType::ALL.len()] {
        self.shared().step(|ring, _| ring.recorded(self.of_breaker.source))
    }
}

impl Shared {
    /// Runs one step of the ring at the current time, and wakes the hub if there is news for readers.
    fn step<R>(&self, step: impl FnOnce(&mut Ring, Moment) -> R) -> R {
        let at = Moment { now: clock::now(), date: clock::date };
        let mut state = self.lock();
        let before = (state.ring.newest(), state.ring.poll_timeout());
        state.ring.handle_timeout(at);
        let result = step(&mut state.ring, at);
        let changed = before != (state.ring.newest(), state.ring.poll_timeout());
        let wake = changed && state.readers > 0 && !std::mem::replace(&mut state.pending, true);
        drop(state);
        if wake {
            self.due.notify_one();
        }
        result
    }

    /// After a panic under the lock, the ring lacks its newest event and is still usable.
    pub(crate) fn lock(&self) -> MutexGuard<'_, LogState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for EventLog {
    /// Of a breaker named "backend", with [`DEFAULT_CAPACITY`].
    fn default() -> Self {
        Self::new("backend", DEFAULT_CAPACITY)
    }
}

impl fmt::Debug for EventLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventLog").field("name", self.name()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;

    use super::*;

    fn woken(log: &EventLog) -> bool {
        log.shared().due.notified().now_or_never().is_some()
    }

    #[test]
    fn recording_wakes_the_hub_once_per_read_and_only_if_there_are_readers() {
        let (log, event) = (EventLog::default(), EventKind::Reset { epoch: 1 });
        log.record(event.clone());
        assert!(!woken(&log), "no reader");
        let reader = log.reader(0);
        log.record(event.clone());
        assert!(woken(&log));
        log.record(event.clone());
        assert!(!woken(&log), "it has been told, and has not looked yet");
        log.shared().lock().pending = false;
        log.record(event);
        assert!(woken(&log));
        drop(reader);
        assert!(woken(&log), "it may end");
    }
}
