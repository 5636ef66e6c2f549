//! The trials of one half-open phase.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use super::config::BreakerSettings;

/// A trial in flight. It keeps the settings with which it began.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Trial {
    began: Instant,
    pub(crate) lease: Duration,
    pub(crate) slow_call: Option<Duration>,
}

impl Trial {
    pub(crate) fn lease_ends(&self) -> Instant {
        self.began + self.lease
    }
}

/// Trials in flight, and the number of those that succeeded.
#[derive(Debug, Default)]
pub(crate) struct Trials {
    next: u64,
    in_flight: BTreeMap<u64, Trial>,
    /// Those that wait for their callers: without a lease, and not counted as in flight.
    suspended: BTreeMap<u64, Trial>,
    succeeded: u32,
}

impl Trials {
    /// Begins a trial and returns its number, which no other trial of this breaker has.
    pub(crate) fn begin(&mut self, now: Instant, settings: &BreakerSettings) -> u64 {
        let number = self.next;
        self.next += 1;
        let (lease, slow_call) = (settings.trial_lease, settings.slow_call);
        self.in_flight.insert(number, Trial { began: now, lease, slow_call });
        number
    }

    /// Ends a trial. None if it has ended before.
    pub(crate) fn end(&mut self, number: Option<u64>) -> Option<Trial> {
        let number = number?;
        self.in_flight.remove(&number).or_else(|| self.suspended.remove(&number))
    }

    /// Ends the lease of a trial in flight, but not the trial.
    pub(crate) fn suspend(&mut self, number: Option<u64>) {
        self.suspended.extend(number.and_then(|number| self.in_flight.remove_entry(&number)));
    }

    /// Counts a success.
    pub(crate) fn succeed(&mut self) {
        self.succeeded += 1;
    }

    pub(crate) fn in_flight(&self) -> usize {
        self.in_flight.len()
    }

    pub(crate) fn succeeded(&self) -> u32 {
        self.succeeded
    }

    /// The trial whose lease runs out first.
    pub(crate) fn first_to_end(&self) -> Option<&Trial> {
        self.in_flight.values().min_by_key(|trial| trial.lease_ends())
    }

    /// Forgets all, for a new phase.
    pub(crate) fn clear(&mut self) {
        self.in_flight.clear();
        self.suspended.clear();
        self.succeeded = 0;
    }
}
