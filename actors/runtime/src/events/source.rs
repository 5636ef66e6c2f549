//! What a log knows of each breaker whose events it keeps. Pure.

use std::{sync::Arc, time::Instant};

use super::{EventType, quota::Quota};

/// Number of event types with a quota.
const LIMITED: usize = 3;

/// A type, and how many of its events were skipped.
type Skipped = (EventType, u64);

/// One breaker: how many events there were, and how many more are kept in this second.
#[derive(Debug)]
pub(crate) struct Source {
    pub(crate) breaker: Arc<str>,
    recorded: [u64; EventType::ALL.len()],
    quotas: [(EventType, Quota); LIMITED],
}

impl Source {
    pub(crate) fn new(breaker: Arc<str>) -> Self {
        Self {
            breaker,
            recorded: Default::default(),
            quotas: [EventType::Call, EventType::Retry, EventType::RetryRefused]
                .map(|of| (of, Quota::default())),
        }
    }

    /// Number of events of each type since the start, including skipped ones.
    pub(crate) fn recorded(&self) -> [(EventType, u64); EventType::ALL.len()] {
        EventType::ALL.map(|of| (of, self.recorded[of as usize]))
    }

    /// Counts an event of type `of`. True if the event is to be kept. Call [`skipped`](Self::skipped) first.
    pub(crate) fn admit(&mut self, now: Instant, of: EventType) -> bool {
        self.recorded[of as usize] += 1;
        let quota = self.quotas.iter_mut().find(|(limited, _)| *limited == of);
        quota.is_none_or(|(_, quota)| {
            // Returns nothing: `skipped` did.
            quota.over(now);
            quota.admit(now)
        })
    }

    /// Begins new seconds in place of those that are over. Returns how many events of which types were skipped in them,
    /// and counts an event on each.
    pub(crate) fn skipped(&mut self, now: Instant) -> impl Iterator<Item = Skipped> + use<> {
        self.end(|quota| quota.over(now)).into_iter().flatten()
    }

    /// Ends the current seconds early; otherwise as [`skipped`](Self::skipped).
    pub(crate) fn skipped_so_far(&mut self) -> impl Iterator<Item = Skipped> + use<> {
        self.end(Quota::end).into_iter().flatten()
    }

    fn end(&mut self, end: impl Fn(&mut Quota) -> Option<u64>) -> [Option<Skipped>; LIMITED] {
        let over = self.quotas.each_mut().map(|(of, quota)| Some((*of, end(quota)?)));
        self.recorded[EventType::CallsSkipped as usize] += over.iter().flatten().count() as u64;
        over
    }

    /// When [`skipped`](Self::skipped) will return something.
    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        self.quotas.iter().filter_map(|(_, quota)| quota.poll_timeout()).min()
    }
}
