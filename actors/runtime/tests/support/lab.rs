//! An upstream behind three sets of policies, which share one breaker and one call limit.

use std::{
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use resilience_actors::{
    Breaker, BreakerScope, CallLimit, CallSettings, Observation, Observer, Operation, Outcome,
    ReportOf, Retry, Upstream,
};

use super::now;

/// Settings of calls. The defaults are those of the client service.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    pub(crate) max_attempts: u32,
    pub(crate) base_delay: Duration,
    pub(crate) multiplier: f64,
    pub(crate) max_delay: Duration,
    pub(crate) jitter: f64,
    pub(crate) attempt_timeout: Duration,
    pub(crate) call_deadline: Duration,
    pub(crate) connect_retries: u32,
    pub(crate) scope: BreakerScope,
}

impl Default for Settings {
    fn default() -> Self {
        let Retry { max_attempts, base_delay, multiplier, max_delay, jitter } = Retry::default();
        Self {
            max_attempts,
            base_delay,
            multiplier,
            max_delay,
            jitter,
            attempt_timeout: Duration::from_secs(3),
            call_deadline: Duration::from_secs(30),
            connect_retries: 2,
            scope: BreakerScope::Call,
        }
    }
}

impl From<Settings> for CallSettings {
    fn from(rules: Settings) -> Self {
        let Settings { max_attempts, base_delay, multiplier, max_delay, jitter, .. } = rules;
        Self {
            retry: Some(Retry { max_attempts, base_delay, multiplier, max_delay, jitter }),
            attempt_timeout: Some(rules.attempt_timeout),
            call_deadline: Some(rules.call_deadline),
            connect_retries: rules.connect_retries,
            scope: rules.scope,
        }
    }
}

/// The same operation through three upstreams.
#[derive(Clone)]
pub(crate) struct Lab<O> {
    operation: O,
    pub(crate) limit: CallLimit,
    /// Circuit breaker and retries.
    pub(crate) protected: Upstream,
    /// Circuit breaker, one attempt.
    pub(crate) breaker_only: Upstream,
    /// One attempt, without the breaker.
    pub(crate) bare: Upstream,
    ended: Arc<Mutex<Vec<(Instant, Outcome)>>>,
}

impl<O> Lab<O> {
    pub(crate) fn new(operation: O, rules: Settings, breaker: &Breaker, limit: CallLimit) -> Self {
        Self::seeded(operation, rules, breaker, limit, 1)
    }

    pub(crate) fn seeded(
        operation: O,
        rules: Settings,
        breaker: &Breaker,
        limit: CallLimit,
        seed: u64,
    ) -> Self {
        let ended = Arc::<Mutex<_>>::default();
        let settings = CallSettings::from(rules);
        let once = CallSettings { retry: None, ..settings.clone() };
        let bare = CallSettings { connect_retries: 0, ..once.clone() };
        let start = |settings, seed| {
            let ends = Arc::new(Ends(Arc::clone(&ended)));
            let builder = Upstream::builder("backend").settings(settings).limit(limit.clone());
            builder.observer(ends).seed(seed)
        };
        let shared = |settings, seed| start(settings, seed).breaker(breaker.clone());
        Self {
            protected: shared(settings, seed).start().unwrap(),
            breaker_only: shared(once, seed).start().unwrap(),
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
    /// Makes a call with circuit breaker and retries.
    pub(crate) fn call(&self) -> impl Future<Output = ReportOf<O>> + use<'_, O> {
        self.protected.run(self.operation.clone())
    }

    /// Makes a call with the circuit breaker and one attempt.
    pub(crate) fn call_once(&self) -> impl Future<Output = ReportOf<O>> + use<'_, O> {
        self.breaker_only.run(self.operation.clone())
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
