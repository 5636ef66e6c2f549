//! The last events, in order. Pure: no clock, no lock.

use std::{
    collections::VecDeque,
    sync::Arc,
    time::{Instant, SystemTime},
};

use super::{
    EventType,
    event::{Event, EventKind},
    quota::Quota,
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

/// The last events of one breaker, each with its number.
#[derive(Debug)]
pub(crate) struct Ring {
    breaker: Arc<str>,
    events: VecDeque<Arc<Event>>,
    /// Rare events that are older than all of `events` ([`EventType::is_rare`]).
    rare: VecDeque<Arc<Event>>,
    capacity: usize,
    newest: u64,
    recorded: [u64; EventType::ALL.len()],
    /// Types of which there are as many as calls.
    quotas: [(EventType, Quota); 3],
}

impl Ring {
    /// Keeps the last `capacity` events, at least one, and as many rare events from before them.
    pub(crate) fn new(breaker: Arc<str>, capacity: usize) -> Self {
        Self {
            breaker,
            events: VecDeque::new(),
            rare: VecDeque::new(),
            capacity: capacity.max(1),
            newest: 0,
            recorded: Default::default(),
            quotas: [EventType::Call, EventType::Retry, EventType::RetryRefused]
                .map(|of| (of, Quota::default())),
        }
    }

    /// Number of the newest event, 0 before the first.
    pub(crate) fn newest(&self) -> u64 {
        self.newest
    }

    /// Number of the oldest event from which on all are kept, 0 before the first.
    pub(crate) fn oldest(&self) -> u64 {
        self.events.front().map_or(0, |event| event.sequence)
    }

    /// Number of events of each type since the start, including skipped ones.
    pub(crate) fn recorded(&self) -> [(EventType, u64); EventType::ALL.len()] {
        EventType::ALL.map(|of| (of, self.recorded[of as usize]))
    }

    /// Adds an event on the events skipped in a second that is over. Must come first in each step.
    pub(crate) fn handle_timeout(&mut self, at: Moment) {
        let over = self.quotas.each_mut().map(|(of, quota)| (*of, quota.over(at.now)));
        for (of, count) in over {
            if let Some(count) = count {
                self.recorded[EventType::CallsSkipped as usize] += 1;
                self.push(at, EventKind::CallsSkipped { of, count });
            }
        }
    }

    /// When [`handle_timeout`](Self::handle_timeout) has something to do next.
    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        self.quotas.iter().filter_map(|(_, quota)| quota.poll_timeout()).min()
    }

    /// Counts an event of type `of`. True if the event is to be kept.
    pub(crate) fn admit(&mut self, at: Moment, of: EventType) -> bool {
        self.recorded[of as usize] += 1;
        let quota = self.quotas.iter_mut().find(|(limited, _)| *limited == of);
        quota.is_none_or(|(_, quota)| quota.admit(at.now))
    }

    /// Adds an event, drops the oldest if the ring is full, and returns the event's number.
    pub(crate) fn push(&mut self, at: Moment, kind: EventKind) -> u64 {
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
        let event = Event::new(self.newest, (at.date)(), Arc::clone(&self.breaker), kind);
        self.events.push_back(Arc::new(event));
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
