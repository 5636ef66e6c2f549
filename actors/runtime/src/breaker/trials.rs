//! The trials of one half-open phase.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

/// Trials in flight with the ends of their leases, and the number of those that succeeded.
#[derive(Debug, Default)]
pub(crate) struct Trials {
    next: u64,
    leases: BTreeMap<u64, Instant>,
    succeeded: u32,
}

impl Trials {
    /// Begins a trial and returns its number, which no other trial of this breaker has.
    pub(crate) fn begin(&mut self, now: Instant, lease: Duration) -> u64 {
        let number = self.next;
        self.next += 1;
        self.leases.insert(number, now + lease);
        number
    }

    /// Ends a trial. False if it is not in flight.
    pub(crate) fn end(&mut self, number: Option<u64>) -> bool {
        number.is_some_and(|number| self.leases.remove(&number).is_some())
    }

    /// Counts a success, and returns how many there are.
    pub(crate) fn succeed(&mut self) -> u32 {
        self.succeeded += 1;
        self.succeeded
    }

    pub(crate) fn in_flight(&self) -> usize {
        self.leases.len()
    }

    pub(crate) fn succeeded(&self) -> u32 {
        self.succeeded
    }

    /// When the first lease runs out.
    pub(crate) fn first_lease(&self) -> Option<Instant> {
        self.leases.values().min().copied()
    }

    /// Forgets all, for a new phase.
    pub(crate) fn clear(&mut self) {
        self.leases.clear();
        self.succeeded = 0;
    }
}
