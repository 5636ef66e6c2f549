//! The last events, in order. Pure: no clock, no lock.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
    time::{Instant, SystemTime},
};

use super::{
    EventType,
    event::{Event, EventKind},
    source::Source,
};

/// The moment of a step, by the monotonic clock and by the system's date.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Moment {
    pub(crate) now: Instant,
    /// Called only for events that are kept: a busy service does not keep most calls.
    pub(crate) date: fn() -> SystemTime,
}

/// What one read returns.
#[derive(Debug, Clone, Default)]
pub struct Batch {
    /// Events in order, without gaps between them.
    pub events: Vec<Arc<Event>>,
    /// True if the log no longer has some events between the reader's cursor and the first of these.
    pub missed: bool,
}

/// A log of several breakers has room for the events of this many.
const MAX_SHARES: usize = 8;

/// Names a breaker whose events a ring keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct SourceId(u64);

/// The last events of all breakers of a log, each with its number.
#[derive(Debug)]
pub(crate) struct Ring {
    events: VecDeque<Arc<Event>>,
    /// Rare events that are older than all of `events` ([`EventType::is_rare`]).
    rare: VecDeque<Arc<Event>>,
    /// Room for the events of one breaker.
    share: usize,
    capacity: usize,
    newest: u64,
    sources: BTreeMap<SourceId, Source>,
    added: u64,
    /// When [`handle_timeout`](Self::handle_timeout) has something to do next.
    timeout: Option<Instant>,
}

impl Ring {
    /// Keeps the last `capacity` events of each breaker, at least one, and as many rare events from before them. The
    /// room is shared.
    pub(crate) fn new(capacity: usize) -> Self {
        let share = capacity.max(1);
        Self {
            events: VecDeque::new(),
            rare: VecDeque::new(),
            share,
            capacity: share,
            newest: 0,
            sources: BTreeMap::new(),
            added: 0,
            timeout: None,
        }
    }

    /// Keeps events of one more breaker.
    pub(crate) fn add(&mut self, breaker: Arc<str>) -> SourceId {
        let id = SourceId(self.added);
        self.added += 1;
        self.sources.insert(id, Source::new(breaker));
        self.capacity = self.capacity.max(self.share * self.sources.len().min(MAX_SHARES));
        id
    }

    /// Removes a breaker. Keeps its events, and records how many were skipped in its last second.
    pub(crate) fn remove(&mut self, at: Moment, id: SourceId) {
        let Some(mut source) = self.sources.remove(&id) else { return };
        for (of, count) in source.skipped_so_far() {
            self.push_of(at, Arc::clone(&source.breaker), EventKind::CallsSkipped { of, count });
        }
        self.timeout = self.next_timeout();
    }

    /// Number of the newest event, 0 before the first.
    pub(crate) fn newest(&self) -> u64 {
        self.newest
    }

    /// Number of the oldest event from which on all are kept, 0 before the first.
    pub(crate) fn oldest(&self) -> u64 {
        self.events.front().map_or(0, |event| event.sequence)
    }

    /// Number of events of each type of one breaker since the start, including skipped ones.
    pub(crate) fn recorded(&self, id: SourceId) -> [(EventType, u64); EventType::ALL.len()] {
        self.sources.get(&id).map_or(EventType::ALL.map(|of| (of, 0)), Source::recorded)
    }

    /// Adds events on those skipped in seconds that are over. Must come first in each step.
    pub(crate) fn handle_timeout(&mut self, at: Moment) {
        if self.timeout.is_none_or(|timeout| at.now < timeout) {
            return;
        }
        let mut sums = Vec::new();
        for source in self.sources.values_mut() {
            let skipped = source.skipped(at.now);
            sums.extend(skipped.map(|sum| (Arc::clone(&source.breaker), sum)));
        }
        self.timeout = self.next_timeout();
        for (breaker, (of, count)) in sums {
            self.push_of(at, breaker, EventKind::CallsSkipped { of, count });
        }
    }

    fn next_timeout(&self) -> Option<Instant> {
        self.sources.values().filter_map(Source::poll_timeout).min()
    }

    /// When [`handle_timeout`](Self::handle_timeout) has something to do next.
    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        self.timeout
    }

    /// Counts an event of type `of`. True if the event is to be kept.
    pub(crate) fn admit(&mut self, at: Moment, id: SourceId, of: EventType) -> bool {
        let Some(source) = self.sources.get_mut(&id) else { return false };
        let kept = source.admit(at.now, of);
        if !kept {
            self.timeout = self.timeout.into_iter().chain(source.poll_timeout()).min();
        }
        kept
    }

    /// Adds an event, drops the oldest if the ring is full, and returns the event's number.
    pub(crate) fn push(&mut self, at: Moment, id: SourceId, kind: EventKind) -> Option<u64> {
        let breaker = Arc::clone(&self.sources.get(&id)?.breaker);
        Some(self.push_of(at, breaker, kind))
    }

    fn push_of(&mut self, at: Moment, breaker: Arc<str>, kind: EventKind) -> u64 {
        if self.events.len() == self.capacity
            && let Some(old) = self.events.pop_front()
            && old.kind.event_type().is_rare()
        {
            if self.rare.len() == self.capacity {
                self.rare.pop_front();
            }
            self.rare.push_back(old);
        }
        self.newest += 1;
        self.events.push_back(Arc::new(Event::new(self.newest, (at.date)(), breaker, kind)));
        self.newest
    }

    /// The first `limit` events after the event with the number `after`.
    pub(crate) fn since(&self, after: u64, limit: usize) -> Batch {
        let oldest = self.oldest();
        if after >= self.newest {
            return Batch::default();
        }
        let known = after.saturating_add(1).saturating_sub(oldest);
        let skip = usize::try_from(known).unwrap_or(usize::MAX);
        let events = self.events.iter().skip(skip).take(limit).cloned().collect();
        Batch { events, missed: after + 1 < oldest }
    }

    /// The last `limit` events for which `wanted` returns true, in order.
    pub(crate) fn last(&self, limit: usize, wanted: impl Fn(&Event) -> bool) -> Vec<Arc<Event>> {
        let newest_first = self.events.iter().rev().chain(self.rare.iter().rev());
        let newest_first = newest_first.filter(|event| wanted(event)).take(limit);
        let mut events: Vec<_> = newest_first.cloned().collect();
        events.reverse();
        events
    }
}
