//! The circuit, and what happened in each of its epochs.

use std::{
    ops::RangeInclusive,
    time::{Duration, Instant},
};

use resilience_actors::{Mode, State};

use super::call::CallNumber;
use crate::support::now;

/// Number of a permit in its episode.
pub(crate) type PermitNumber = u64;

/// The circuit, as its events describe it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Circuit {
    pub(crate) state: State,
    pub(crate) mode: Mode,
    pub(crate) epoch: u64,
    /// When its epoch began.
    pub(crate) since: Instant,
    /// How long it stays open before it becomes half-open.
    pub(crate) open_time: Duration,
    /// How often it has reopened since it was closed.
    pub(crate) reopenings: i32,
}

#[derive(Debug, Default)]
pub(crate) struct Epoch {
    /// Successes and failures, in the order in which they happened. A failure that a retry repairs is one of them.
    pub(crate) results: Vec<AttemptResult>,
    /// Number of slow attempts that have ended.
    pub(crate) slow: usize,
    pub(crate) trials: Vec<Trial>,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct AttemptResult {
    pub(crate) at: Instant,
    pub(crate) failed: bool,
    /// False if it may be of the epoch before, where it changes nothing.
    pub(crate) sure: bool,
}

/// A trial of a half-open circuit.
#[derive(Debug)]
pub(crate) struct Trial {
    pub(crate) holder: Holder,
    pub(crate) began: Instant,
    /// How long it may take. More than one if the setting changed at the instant at which it began.
    pub(crate) lease: RangeInclusive<Duration>,
    pub(crate) ended: Option<Instant>,
}

/// What makes a trial.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Holder {
    Call(CallNumber),
    Permit(PermitNumber),
}

impl Epoch {
    pub(crate) fn failures(&self) -> usize {
        self.results.iter().filter(|result| result.failed).count()
    }

    pub(crate) fn successes(&self) -> usize {
        self.results.len() - self.failures()
    }

    pub(crate) fn trials_in_flight(&self) -> usize {
        self.trials.iter().filter(|trial| trial.ended.is_none()).count()
    }

    /// The results without successes that may be of the epoch before.
    pub(crate) fn sure_results(&self) -> Vec<AttemptResult> {
        self.results.iter().filter(|result| result.failed || result.sure).copied().collect()
    }

    pub(crate) fn ends_with(&mut self, failed: bool, sure: bool) {
        self.results.push(AttemptResult { at: now(), failed, sure });
    }

    pub(crate) fn trial_begins(&mut self, holder: Holder, lease: RangeInclusive<Duration>) {
        self.trials.push(Trial { holder, began: now(), lease, ended: None });
    }

    pub(crate) fn trial_ends(&mut self, holder: Holder) {
        let of_holder = |trial: &&mut Trial| trial.holder == holder && trial.ended.is_none();
        if let Some(trial) = self.trials.iter_mut().find(of_holder) {
            trial.ended = Some(now());
        }
    }
}
