//! Attempts of a call.

use std::time::{Duration, Instant};

use resilience_actors::{CallKind, InjectedFault, Verdict};

use super::CallNumber;

/// An attempt of a call, by its position among them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct AttemptId {
    pub(crate) call: CallNumber,
    pub(crate) position: usize,
}

#[derive(Debug)]
pub(crate) struct Attempt {
    /// 1 for the first.
    pub(crate) number: u32,
    /// It was made beside another attempt of the same number.
    pub(crate) hedge: bool,
    pub(crate) began: Instant,
    /// How often the attempt was repeated because it did not reach the upstream.
    pub(crate) repeat: u32,
    pub(crate) epoch: u64,
    /// False if the epoch began at the instant at which the attempt began: the breaker admitted it before or after
    /// that.
    pub(crate) epoch_is_sure: bool,
    /// The time after which it is slow.
    pub(crate) slow_call: Option<Duration>,
    /// None if the circuit left half-open at the instant at which the attempt began: the breaker admitted it before or
    /// after that.
    pub(crate) trial: Option<bool>,
    /// An attempt before it may have failed by its connection.
    pub(crate) suspects_connection: bool,
    /// The fault that was injected into it.
    pub(crate) fault: Option<InjectedFault>,
    /// When it reaches the upstream, if it is delayed and has not reached it yet.
    pub(crate) delayed_until: Option<Instant>,
    pub(crate) ended: Option<Ended>,
}

impl Attempt {
    /// It has taken so long that it is slow.
    pub(crate) fn is_slow(&self, at: Instant) -> bool {
        self.slow_call.is_some_and(|slow_call| self.began + slow_call <= at)
    }

    /// It has ended with a good answer.
    pub(crate) fn is_good(&self) -> bool {
        self.ended.is_some_and(|ended| ended.verdict.outcome.kind() == CallKind::Successful)
    }
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Ended {
    pub(crate) at: Instant,
    pub(crate) verdict: Verdict,
    /// The upstream's quiet period lasted at most this long from then on.
    pub(crate) quiet: Duration,
}
