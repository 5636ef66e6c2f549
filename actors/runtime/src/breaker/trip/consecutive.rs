//! Opens after a number of failures in a row.
//!
//! A failure brings along the number of successes that were counted when it happened. Where that differs from the one
//! before, a success lay between the two.

use std::time::{Duration, Instant};

use super::{Readings, Trip};
use crate::breaker::{
    config::BreakerSettings,
    report::{CountersAt, Report},
    transition::Reason,
};

/// The current streak. A failure that happened before the last known success is not part of it, whenever it arrives.
#[derive(Debug)]
pub(crate) struct Consecutive {
    fail_max: u32,
    max_age: Option<Duration>,
    successes: u64,
    /// When the failures of the streak happened, in this order.
    streak: Vec<Instant>,
}

impl Consecutive {
    pub(crate) fn new(settings: &BreakerSettings) -> Option<Self> {
        let (fail_max, max_age) = (settings.fail_max, settings.streak_max_age);
        (fail_max > 0).then(|| Self { fail_max, max_age, successes: 0, streak: Vec::new() })
    }

    fn len(&self) -> u32 {
        u32::try_from(self.streak.len()).unwrap_or(u32::MAX)
    }

    fn is_gap(&self, earlier: Instant, later: Instant) -> bool {
        self.max_age.is_some_and(|max_age| later.saturating_duration_since(earlier) > max_age)
    }

    /// Adds a failure at its place. A gap ends the streak before it, so only the first or the last failure can make
    /// one.
    fn add(&mut self, at: Instant) {
        let place = self.streak.partition_point(|&known| known <= at);
        match (place.checked_sub(1), self.streak.get(place)) {
            (None, Some(&next)) if self.is_gap(at, next) => return,
            (Some(before), None) if self.is_gap(self.streak[before], at) => self.streak.clear(),
            _ => {}
        }
        self.streak.insert(place.min(self.streak.len()), at);
    }
}

impl Trip for Consecutive {
    fn report(&mut self, report: &Report) -> Option<Reason> {
        let Report::Failure(failure) = report else { return None };
        let successes = failure.successes;
        // If a success came between the failure and its report, the streak of this failure is over.
        if successes < self.successes || successes < failure.sent.successes {
            return None;
        }
        if successes > self.successes {
            self.successes = successes;
            self.streak.clear();
        }
        self.add(failure.at);
        let (failures, last) = (self.len(), &failure.cause);
        (failures >= self.fail_max)
            .then(|| Reason::ConsecutiveFailures { failures, last: last.clone() })
    }

    fn adjust(&mut self, settings: &BreakerSettings) -> bool {
        (self.fail_max, self.max_age) = (settings.fail_max, settings.streak_max_age);
        // The age may be shorter now: the streak begins behind its last gap.
        if let Some(gap) = self.streak.windows(2).rposition(|pair| self.is_gap(pair[0], pair[1])) {
            self.streak.drain(..=gap);
        }
        self.fail_max > 0
    }

    fn read(&self, now: &CountersAt, readings: &mut Readings) {
        let over = now.successes > self.successes
            || self.streak.last().is_some_and(|&last| self.is_gap(last, now.at));
        readings.fail_counter = if over { 0 } else { self.len() };
    }
}
