//! What stands between the calls to one upstream and the upstream.

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::Instant,
};

use rand::{RngExt, SeedableRng as _, rngs::SmallRng};

use crate::{
    breaker::{Breaker, Openings},
    chaos::{Chaos, Injection},
    clock,
    gate::Gate,
    hedge::Hedging,
    limit::{CallLimit, ConcurrencyLimit, Priority, RateLimit},
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

/// What an upstream has from its start to its end.
pub(crate) struct Common {
    pub(crate) name: Arc<str>,
    pub(crate) breaker: Option<Breaker>,
    /// Ends waits at the gates after the breaker.
    pub(crate) openings: Option<Arc<Openings>>,
    /// Asked last, in this order.
    pub(crate) gates: Vec<Arc<dyn Gate>>,
    /// The gate that a call passes first.
    pub(crate) limit: Option<Arc<CallLimit>>,
    pub(crate) observers: Observers,
    /// For jitter and the spread of rejections.
    pub(crate) rng: Mutex<SmallRng>,
}

/// The policies of one upstream with the settings of one time. A call keeps those that it began with. What they count
/// is shared with those of other settings.
#[derive(Debug)]
pub(crate) struct Policies {
    pub(crate) common: Arc<Common>,
    pub(crate) config: CallConfig,
    /// Asked before the breaker.
    pub(crate) quiet: Option<Quiet>,
    /// Asked after the breaker.
    pub(crate) throttling: Option<Throttling>,
    /// Asked after throttling.
    pub(crate) rate: Option<RateLimit>,
    /// Asked after the rate limit.
    pub(crate) concurrency: Option<ConcurrencyLimit>,
    pub(crate) hedging: Option<Hedging>,
    pub(crate) retry_budget: Option<SharedBudget>,
    /// Inside the attempt's timeout.
    pub(crate) injection: Option<Injection>,
    /// Of the variants of the settings, in their order.
    pub(crate) variants: Box<[Arc<Policies>]>,
}

impl Policies {
    /// Without optional policies.
    pub(crate) fn none(common: Common) -> Self {
        Self {
            common: Arc::new(common),
            config: CallConfig::default(),
            quiet: None,
            throttling: None,
            rate: None,
            concurrency: None,
            hedging: None,
            retry_budget: None,
            injection: None,
            variants: Box::default(),
        }
    }

    /// These policies with other settings. A policy that stays on keeps what it has counted, and the limits that all
    /// calls share change at once; one that was off begins anew.
    pub(crate) fn with(&self, config: CallConfig) -> Self {
        let mut next = self.without_variants(config);
        let mut hedging = next.hedging.clone().or_else(|| self.any_hedging().cloned());
        let variants = next.config.variants.iter().map(|variant| {
            let mut policies = next.without_variants(next.config.of_variant(variant));
            // Shared with the upstream's, or else among the variants.
            policies.hedging = adapt(&hedging, &policies.config.hedge, Hedging::with, Hedging::new);
            hedging = hedging.take().or_else(|| policies.hedging.clone());
            Arc::new(policies)
        });
        next.variants = variants.collect();
        next
    }

    /// The hedging of the upstream's calls, or that of its variants.
    pub(crate) fn any_hedging(&self) -> Option<&Hedging> {
        let of_variants = || self.variants.iter().find_map(|variant| variant.hedging.as_ref());
        self.hedging.as_ref().or_else(of_variants)
    }

    fn without_variants(&self, config: CallConfig) -> Self {
        let now = clock::now();
        Self {
            common: Arc::clone(&self.common),
            quiet: adapt(&self.quiet, &config.quiet_period, Quiet::with, |quiet| {
                Quiet::new(quiet, now)
            }),
            throttling: adapt(&self.throttling, &config.throttle, Throttling::with, |throttle| {
                Throttling::new(throttle, now)
            }),
            rate: adapt(&self.rate, &config.rate, RateLimit::with, RateLimit::new),
            concurrency: adapt(
                &self.concurrency,
                &config.concurrency,
                ConcurrencyLimit::with,
                |limit| ConcurrencyLimit::new(limit, self.with_rng(SmallRng::fork)),
            ),
            hedging: adapt(&self.hedging, &config.hedge, Hedging::with, Hedging::new),
            retry_budget: adapt(
                &self.retry_budget,
                &config.retry_budget,
                SharedBudget::with,
                SharedBudget::new,
            ),
            injection: adapt(
                &self.injection,
                &config.chaos_if_on().cloned(),
                |injection, chaos| injection.with(chaos, now),
                |chaos| self.with_rng(|rng| Injection::new(chaos, now, rng)),
            ),
            variants: Box::default(),
            config,
        }
    }

    /// Admits what waits at a limit that `next` does not have. Ends fault injection if `next` has none.
    pub(crate) fn give_way_to(&self, next: &Self) {
        if let (Some(rate), None) = (&self.rate, &next.rate) {
            rate.switch_off();
        }
        if let (Some(concurrency), None) = (&self.concurrency, &next.concurrency) {
            concurrency.switch_off();
        }
        if let (Some(injection), None) = (&self.injection, &next.injection) {
            injection.switch_off();
        }
    }

    pub(crate) fn state(&self) -> Option<State> {
        self.common.breaker.as_ref().map(Breaker::state)
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
    pub(crate) fn heed(
        &self,
        call: CallId,
        priority: Priority,
        now: Instant,
        verdict: &mut Verdict,
    ) {
        if let Some(throttling) = &self.throttling {
            throttling.record(now, priority, verdict);
        }
        let Some(quiet) = &self.quiet else { return };
        let begins =
            asked(verdict).and_then(|asked| self.with_rng(|rng| quiet.begin(now, asked, rng)));
        if let Some(wait) = begins {
            self.common.observers.tell(&Observation::QuietPeriodBegan { call, wait });
        }
        let left = quiet.left(now);
        verdict.retry_after = verdict.retry_after.max((!left.is_zero()).then_some(left));
    }

    /// Takes an attempt after the first, a retry or a hedge, out of the retry budget. False if none is left in it.
    pub(crate) fn may_try_again(&self, now: Instant) -> bool {
        self.retry_budget.as_ref().is_none_or(|budget| budget.try_withdraw(now))
    }

    /// Rejects an attempt by chance while the upstream refuses many.
    pub(crate) fn throttle(&self, now: Instant, priority: Priority) -> Result<(), Rejection> {
        let Some(throttling) = &self.throttling else { return Ok(()) };
        throttling.admit(now, priority, || self.with_rng(RngExt::random))
    }

    /// Tells the observers what fault injection does from now on, if that changed.
    pub(crate) fn tell_chaos(&self, before: Option<&Chaos>) {
        let (upstream, chaos) = (&*self.common.name, self.config.chaos_if_on());
        if chaos != before {
            self.common.observers.tell(&Observation::ChaosSet { upstream, chaos });
        }
    }

    pub(crate) fn with_rng<R>(&self, with: impl FnOnce(&mut SmallRng) -> R) -> R {
        with(&mut self.common.rng.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// A policy after a change of its settings.
fn adapt<P, S: Clone>(
    policy: &Option<P>,
    settings: &Option<S>,
    with: impl FnOnce(&P, S) -> P,
    new: impl FnOnce(S) -> P,
) -> Option<P> {
    match (policy, settings.clone()?) {
        (Some(policy), settings) => Some(with(policy, settings)),
        (None, settings) => Some(new(settings)),
    }
}

impl fmt::Debug for Common {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Common")
            .field("name", &self.name)
            .field("breaker", &self.breaker)
            .field("limit", &self.limit)
            .finish_non_exhaustive()
    }
}
