//! Calls and their attempts.

use std::time::{Duration, Instant};

use resilience_actors::{Outcome, Verdict};

use crate::support::now;

/// Number of a call in its episode.
pub(crate) type CallNumber = u64;

/// The policies between a call and the upstream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Route {
    /// Circuit breaker and retries.
    Protected,
    /// Circuit breaker, one attempt.
    BreakerOnly,
    /// One attempt, without the breaker.
    Bare,
}

#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) number: CallNumber,
    pub(crate) route: Route,
    /// The upstream that is asked.
    pub(crate) lab: usize,
    pub(crate) idempotent: bool,
    pub(crate) started: Instant,
    /// The caller has left.
    pub(crate) abandoned: bool,
    pub(crate) attempts: Vec<Attempt>,
    /// A failure that counts when the call ends, unless a later attempt is a success.
    pub(crate) pending_failure: bool,
}

#[derive(Debug)]
pub(crate) struct Attempt {
    pub(crate) began: Instant,
    /// How often the attempt was repeated because it did not reach the upstream.
    pub(crate) repeat: u32,
    pub(crate) epoch: u64,
    /// None if the circuit left half-open at the instant at which the attempt began: the breaker admitted it before or
    /// after that.
    pub(crate) trial: Option<bool>,
    pub(crate) ended: Option<Ended>,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Ended {
    pub(crate) at: Instant,
    pub(crate) verdict: Verdict,
    /// The upstream's quiet period lasted at most this long from then on.
    pub(crate) quiet: Duration,
}

impl Call {
    pub(crate) fn new(number: CallNumber, route: Route, lab: usize, idempotent: bool) -> Self {
        let (started, attempts) = (now(), Vec::new());
        Self {
            number,
            route,
            lab,
            idempotent,
            started,
            abandoned: false,
            attempts,
            pending_failure: false,
        }
    }

    pub(crate) fn asks_breaker(&self) -> bool {
        self.route != Route::Bare
    }

    pub(crate) fn may_be_retried(&self) -> bool {
        self.route == Route::Protected && self.idempotent
    }

    pub(crate) fn may_be_repeated(&self) -> bool {
        self.asks_breaker() && self.idempotent
    }

    pub(crate) fn in_flight(&self) -> bool {
        self.attempts.last().is_some_and(|last| last.ended.is_none())
    }

    /// How the last attempt ended.
    pub(crate) fn last_end(&self) -> Option<Ended> {
        self.attempts.last().and_then(|last| last.ended)
    }

    pub(crate) fn last_outcome(&self) -> Option<Outcome> {
        self.last_end().map(|ended| ended.verdict.outcome)
    }

    /// An attempt of this epoch is in flight, and was slow at this instant.
    pub(crate) fn is_slow(&self, epoch: u64, at: Instant, slow_call: Duration) -> bool {
        self.asks_breaker()
            && self.attempts.last().is_some_and(|last| {
                last.ended.is_none() && last.epoch == epoch && last.began + slow_call <= at
            })
    }
}
