//! An upstream with all policies, and the same upstream without protection. They share a call limit.

use std::{
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use resilience_actors::{
    Backoff, Breaker, BreakerScope, CallLimit, CallOptions, CallSettings, Chaos, Concurrency,
    Hedge, JitterMode, Observation, Observer, Operation, Outcome, QuietPeriod, Rate, ReportOf,
    Retry, RetryBudget, Throttle, Upstream, UpstreamBuilder,
};

use super::now;

/// Settings of calls. The defaults are those of the client service.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    pub(crate) max_attempts: u32,
    pub(crate) base_delay: Duration,
    pub(crate) backoff: Backoff,
    pub(crate) multiplier: f64,
    pub(crate) max_delay: Duration,
    pub(crate) jitter: f64,
    pub(crate) jitter_mode: JitterMode,
    pub(crate) retry_budget: Option<RetryBudget>,
    pub(crate) attempt_timeout: Duration,
    pub(crate) call_deadline: Duration,
    pub(crate) connect_retries: u32,
    pub(crate) scope: BreakerScope,
    pub(crate) throttle: Option<Throttle>,
    pub(crate) rate: Option<Rate>,
    pub(crate) concurrency: Option<Concurrency>,
    pub(crate) hedge: Option<Hedge>,
    pub(crate) quiet_period: Option<QuietPeriod>,
    pub(crate) chaos: Option<Chaos>,
}

impl Default for Settings {
    fn default() -> Self {
        let retry = Retry::default();
        Self {
            max_attempts: retry.max_attempts,
            base_delay: retry.base_delay,
            backoff: retry.backoff,
            multiplier: retry.multiplier,
            max_delay: retry.max_delay,
            jitter: retry.jitter,
            jitter_mode: retry.jitter_mode,
            retry_budget: None,
            attempt_timeout: Duration::from_secs(3),
            call_deadline: Duration::from_secs(30),
            connect_retries: 2,
            scope: BreakerScope::Call,
            throttle: None,
            rate: None,
            concurrency: None,
            hedge: None,
            quiet_period: None,
            chaos: None,
        }
    }
}

impl From<Settings> for CallSettings {
    fn from(rules: Settings) -> Self {
        let retry = Retry {
            max_attempts: rules.max_attempts,
            base_delay: rules.base_delay,
            backoff: rules.backoff,
            multiplier: rules.multiplier,
            max_delay: rules.max_delay,
            jitter: rules.jitter,
            jitter_mode: rules.jitter_mode,
        };
        Self {
            retry: Some(retry),
            retry_budget: rules.retry_budget,
            attempt_timeout: Some(rules.attempt_timeout),
            call_deadline: Some(rules.call_deadline),
            connect_retries: rules.connect_retries,
            scope: rules.scope,
            throttle: rules.throttle,
            rate: rules.rate,
            concurrency: rules.concurrency,
            hedge: rules.hedge,
            quiet_period: rules.quiet_period,
            chaos: rules.chaos,
            variants: Vec::new(),
        }
    }
}

/// An operation, and the upstreams through which it is called.
#[derive(Clone)]
pub(crate) struct Lab<O> {
    operation: O,
    pub(crate) limit: CallLimit,
    /// All policies.
    pub(crate) protected: Upstream,
    /// One attempt, without the breaker.
    pub(crate) bare: Upstream,
    ended: Arc<Mutex<Vec<(Instant, Outcome)>>>,
}

impl<O> Lab<O> {
    pub(crate) fn new(operation: O, rules: Settings, breaker: &Breaker, limit: CallLimit) -> Self {
        Self::observed(operation, rules, breaker, limit, 1, &[])
    }

    /// With a seed, and with observers of both upstreams.
    pub(crate) fn observed(
        operation: O,
        rules: Settings,
        breaker: &Breaker,
        limit: CallLimit,
        seed: u64,
        observers: &[Arc<dyn Observer>],
    ) -> Self {
        let ended = Arc::<Mutex<_>>::default();
        let settings = CallSettings::from(rules);
        let bare = CallSettings {
            retry: None,
            retry_budget: None,
            connect_retries: 0,
            throttle: None,
            rate: None,
            concurrency: None,
            hedge: None,
            quiet_period: None,
            chaos: None,
            ..settings.clone()
        };
        let start = |settings, seed| {
            let ends = Arc::new(Ends(Arc::clone(&ended)));
            let builder = Upstream::builder("backend").settings(settings).limit(limit.clone());
            let builder = builder.observer(ends).seed(seed);
            observers.iter().cloned().fold(builder, UpstreamBuilder::observer)
        };
        Self {
            protected: start(settings, seed).breaker(breaker.clone()).start().unwrap(),
            // As an observer, the breaker counts the rejections of this upstream too.
            bare: start(bare, seed).observer(Arc::new(breaker.clone())).start().unwrap(),
            operation,
            limit,
            ended,
        }
    }

    /// The attempts that have ended, as observers learn of them: when, and with which outcome.
    pub(crate) fn ended(&self) -> Vec<(Instant, Outcome)> {
        self.ended.lock().unwrap().clone()
    }
}

impl<O: Operation + Clone> Lab<O> {
    /// Makes a call with all policies.
    pub(crate) fn call(&self) -> impl Future<Output = ReportOf<O>> + use<'_, O> {
        self.protected.run(self.operation.clone())
    }

    /// Makes a call with all policies but retries.
    pub(crate) fn call_once(&self) -> impl Future<Output = ReportOf<O>> + use<'_, O> {
        self.call_with(CallOptions::new().without_retries())
    }

    /// Makes a call with all policies and these options.
    pub(crate) fn call_with(
        &self,
        options: CallOptions,
    ) -> impl Future<Output = ReportOf<O>> + use<'_, O> {
        self.protected.run_with(options, self.operation.clone())
    }

    /// Makes a call with one attempt and without the circuit breaker.
    pub(crate) fn call_bare(&self) -> impl Future<Output = ReportOf<O>> + use<'_, O> {
        self.bare.run(self.operation.clone())
    }
}

/// Notes the end of each attempt.
struct Ends(Arc<Mutex<Vec<(Instant, Outcome)>>>);

impl Observer for Ends {
    fn observe(&self, observation: &Observation<'_>) {
        if let Observation::AttemptEnded { attempt, .. } = observation {
            self.0.lock().unwrap().push((now(), attempt.outcome));
        }
    }
}
