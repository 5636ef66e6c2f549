//! Calls and retries, as a retry budget counts them.

use std::time::{Duration, Instant};

use crate::support::now;

/// What one upstream's budget has seen, each with its instant.
#[derive(Debug, Default)]
pub(crate) struct Budget {
    /// Calls that began their first attempt.
    calls: Vec<Instant>,
    /// Retries and hedges that were made.
    made: Vec<Instant>,
    /// These, and retries that a call may have begun to wait for.
    taken_at_most: Vec<Instant>,
}

impl Budget {
    pub(crate) fn call_begins(&mut self) {
        self.calls.push(now());
    }

    pub(crate) fn hedge_is_made(&mut self) {
        self.retry_was_taken(now());
        self.retry_may_be_taken();
    }

    /// A retry is made, which its call began to wait for at this instant.
    pub(crate) fn retry_was_taken(&mut self, at: Instant) {
        let position = self.made.partition_point(|made| *made <= at);
        self.made.insert(position, at);
    }

    pub(crate) fn retry_may_be_taken(&mut self) {
        self.taken_at_most.push(now());
    }

    /// The budget has refused a retry now.
    pub(crate) fn retry_is_refused(&mut self) {
        if let Some(last) = self.taken_at_most.iter().rposition(|at| *at == now()) {
            self.taken_at_most.remove(last);
        }
    }

    /// When retries were made that count at or after this instant.
    pub(crate) fn made_since(&self, since: Instant) -> &[Instant] {
        &self.made[self.made.partition_point(|at| *at < since)..]
    }

    pub(crate) fn calls_within(&self, time: Duration, until: Instant) -> usize {
        within(&self.calls, time, until)
    }

    pub(crate) fn made_within(&self, time: Duration, until: Instant) -> usize {
        within(&self.made, time, until)
    }

    pub(crate) fn taken_at_most_within(&self, time: Duration, until: Instant) -> usize {
        within(&self.taken_at_most, time, until)
    }
}

/// How many of these ordered instants are within a time before an instant, or at that instant.
fn within(instants: &[Instant], time: Duration, until: Instant) -> usize {
    let end = instants.partition_point(|at| *at <= until);
    end - instants.partition_point(|at| until.saturating_duration_since(*at) >= time)
}
