//! What stands between the calls to one upstream and the upstream.

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::Instant,
};

use rand::{RngExt, rngs::SmallRng};

use crate::{
    breaker::{Breaker, Openings},
    clock,
    gate::Gate,
    hedge::Hedging,
    limit::{CallLimit, ConcurrencyLimit, RateLimit},
    observe::{Observation, Observers},
    outcome::Verdict,
    quiet::{Quiet, asked},
    rejection::Rejection,
    report::CallId,
    retry::{backoff::spread, budget::SharedBudget},
    settings::CallConfig,
    state::State,
    throttle::Throttling,
};

/// The policies of one upstream, shared by all its calls.
pub(crate) struct Policies {
    pub(crate) name: Arc<str>,
    pub(crate) config: CallConfig,
    pub(crate) breaker: Option<Breaker>,
    /// Asked before the breaker.
    pub(crate) quiet: Option<Quiet>,
    /// Ends waits at the gates after the breaker, if there are such waits.
    pub(crate) openings: Option<Arc<Openings>>,
    /// Asked after the breaker.
    pub(crate) throttling: Option<Throttling>,
    /// Asked after throttling.
    pub(crate) rate: Option<RateLimit>,
    /// Asked after the rate limit.
    pub(crate) concurrency: Option<ConcurrencyLimit>,
    pub(crate) hedging: Option<Hedging>,
    /// Asked last, in this order.
    pub(crate) gates: Vec<Arc<dyn Gate>>,
    pub(crate) retry_budget: Option<SharedBudget>,
    /// The gate that a call passes first.
    pub(crate) limit: Option<Arc<CallLimit>>,
    pub(crate) observers: Observers,
    /// For jitter and the spread of rejections.
    pub(crate) rng: Mutex<SmallRng>,
}

impl Policies {
    pub(crate) fn state(&self) -> Option<State> {
        self.breaker.as_ref().map(Breaker::state)
    }

    /// The maximum number of attempts of a call.
    pub(crate) fn max_attempts(&self) -> u32 {
        self.config.retry.as_ref().map_or(1, |retry| retry.max_attempts)
    }

    /// The same rejection, a random time later: callers that are rejected together do not return together.
    pub(crate) fn spread(&self, mut rejection: Rejection) -> Rejection {
        rejection.retry_after += self.with_rng(|rng| spread(rejection.retry_after, rng));
        rejection
    }

    /// The rejection of an attempt while the upstream is to be left alone.
    pub(crate) fn rejection_if_quiet(&self) -> Option<Rejection> {
        self.quiet.as_ref().and_then(Quiet::rejection)
    }

    /// Takes in how an attempt of `call` ended. No retry comes before the end of a quiet period.
    pub(crate) fn heed(&self, call: CallId, now: Instant, verdict: &mut Verdict) {
        if let Some(throttling) = &self.throttling {
            throttling.record(now, verdict);
        }
        let Some(quiet) = &self.quiet else { return };
        let begins =
            asked(verdict).and_then(|asked| self.with_rng(|rng| quiet.begin(now, asked, rng)));
        if let Some(wait) = begins {
            self.observers.tell(&Observation::QuietPeriodBegan { call, wait });
        }
        let left = quiet.left(now);
        verdict.retry_after = verdict.retry_after.max((!left.is_zero()).then_some(left));
    }

    /// Takes an attempt after the first, a retry or a hedge, out of the retry budget. False if none is left in it.
    pub(crate) fn may_try_again(&self, now: Instant) -> bool {
        self.retry_budget.as_ref().is_none_or(|budget| budget.try_withdraw(now))
    }

    /// Rejects an attempt by chance while the upstream refuses many.
    pub(crate) fn throttle(&self) -> Result<(), Rejection> {
        let Some(throttling) = &self.throttling else { return Ok(()) };
        throttling.admit(clock::now(), || self.with_rng(RngExt::random))
    }

    pub(crate) fn with_rng<R>(&self, with: impl FnOnce(&mut SmallRng) -> R) -> R {
        with(&mut self.rng.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl fmt::Debug for Policies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Policies")
            .field("name", &self.name)
            .field("config", &self.config)
            .field("breaker", &self.breaker)
            .field("limit", &self.limit)
            .finish_non_exhaustive()
    }
}
