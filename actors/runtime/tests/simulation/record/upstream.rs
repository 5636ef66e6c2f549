//! What an upstream has seen, and its policies with it.

use std::time::{Duration, Instant};

use resilience_actors::Outcome;

use super::{Attempt, Budget, Quiet};
use crate::support::now;

#[derive(Debug, Default)]
pub(crate) struct UpstreamRecord {
    /// When its attempts began.
    pub(crate) begun: Vec<Instant>,
    /// When it refused an attempt, or an attempt was throttled, for the last time.
    pub(crate) refused: Option<Instant>,
    /// Its last quiet period.
    pub(crate) quiet: Option<Quiet>,
    /// When an attempt ended for the last time, and how many ended then.
    pub(crate) last_ended: Option<(Instant, usize)>,
    pub(crate) hedges: Hedges,
    pub(crate) budget: Budget,
    pub(crate) faults: Faults,
}

/// What fault injection has done.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Faults {
    /// Attempts, with or without a fault.
    pub(crate) attempts: u64,
    pub(crate) failures: u64,
    pub(crate) delays: u64,
    pub(crate) panics: u64,
}

/// What hedging knows.
#[derive(Debug, Default)]
pub(crate) struct Hedges {
    pub(crate) made: u64,
    /// Hedges that gave a good answer.
    pub(crate) won: u64,
    /// When each attempt with a good answer ended, and each that lost against a hedge; and how long it took. Without
    /// hedges, trials, and attempts of calls that have no retries.
    pub(crate) latencies: Vec<(Instant, Duration)>,
    /// One of these may have been a trial.
    pub(crate) latencies_unsure: bool,
}

impl UpstreamRecord {
    pub(crate) fn attempt_ends(&mut self) {
        self.last_ended = Some((now(), self.ended_now() + 1));
    }

    /// Number of attempts that have ended at this instant.
    pub(crate) fn ended_now(&self) -> usize {
        self.last_ended.filter(|(at, _)| *at == now()).map_or(0, |(_, ended)| ended)
    }
}

impl Hedges {
    /// An attempt has ended.
    pub(crate) fn learn(&mut self, attempt: &Attempt, outcome: Outcome) {
        if attempt.hedge {
            self.won += u64::from(attempt.is_good());
        } else if attempt.trial != Some(true)
            && (attempt.is_good() || outcome == Outcome::Cancelled)
        {
            self.latencies.push((now(), now() - attempt.began));
            self.latencies_unsure |= attempt.trial.is_none();
        }
    }
}
