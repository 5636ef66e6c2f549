//! Reports of permits to the state machine.

use std::time::Instant;

/// Permission to make one attempt, as the state machine knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ticket {
    /// The epoch that gave it. Reports on tickets of older epochs change nothing.
    pub(crate) epoch: u64,
    /// The number of the trial, if the circuit was half-open.
    pub(crate) trial: Option<u64>,
}

/// What an attempt says about the upstream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Report {
    /// Only trials report a success. Other successes are only counted.
    Success,
    Failure(Failure),
    /// Frees a trial's permit and changes nothing else.
    Neutral,
    /// A trial has waited for its caller, and is not over when its lease is.
    WaitsForCaller,
    /// The call has become slow at this moment. Its end comes later.
    Slow(CountersAt),
    /// The first success of a slice of time.
    SliceBegan(CountersAt),
}

/// A failure, with its position among the results.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Failure {
    /// What went wrong, for the log.
    pub(crate) cause: String,
    /// When it happened.
    pub(crate) at: Instant,
    /// The epoch's successes up to then.
    pub(crate) successes: u64,
    /// When it was reported: later than it happened if the call tried again in between.
    pub(crate) sent: CountersAt,
}

/// What the breaker's counters say at one moment of an epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct CountersAt {
    pub(crate) at: Instant,
    /// Successes so far, slow ones included.
    pub(crate) successes: u64,
    /// Successes and failures so far that were not slow.
    pub(crate) not_slow: u64,
    /// No result that is counted above came in a later slice of time than this one. 0 without a window of time.
    pub(crate) last_slice: u64,
}

impl CountersAt {
    /// At `at`, without any result.
    pub(crate) fn start(at: Instant) -> Self {
        Self { at, successes: 0, not_slow: 0, last_slice: 0 }
    }
}

impl Report {
    /// The counters when the report was sent, if the report has them.
    pub(crate) fn sent(&self) -> Option<&CountersAt> {
        match self {
            Self::Failure(failure) => Some(&failure.sent),
            Self::Slow(moment) | Self::SliceBegan(moment) => Some(moment),
            Self::Success | Self::Neutral | Self::WaitsForCaller => None,
        }
    }
}
