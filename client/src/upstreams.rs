//! The backend with all policies, and without protection.

use std::sync::Arc;

use futures::future::Either;
use resilience_actors::{
    Breaker, CallLimit, CallOptions, CallSettings, Coalescer, InvalidConfig, Observation, Observer,
    Priority, ReconfigureError, Upstream, UpstreamBuilder,
};
use serde::Serialize;

use crate::{
    call_metrics::CallMetrics,
    fallback::{StaleFallback, StaleLimits},
    policy_settings::{Calls, Policies},
    stats::{Stats, Tally},
    transport::{BackendCall, BackendReport},
};

/// The policies between a call and the backend.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Protection {
    /// Circuit breaker and retries.
    Full,
    /// Circuit breaker, one attempt.
    BreakerOnly,
    /// One attempt, without the circuit breaker: the baseline.
    None,
}

/// The upstreams of the process.
#[derive(Debug, Clone)]
pub struct Upstreams {
    protected: Upstream,
    bare: Upstream,
    breaker: Breaker,
    limit: CallLimit,
    tally: Arc<Tally>,
    stale: Option<Arc<StaleFallback>>,
    coalescer: Option<RequestCoalescer>,
}

/// Shares calls of requests with the same path, whose other parts are the same too.
pub type RequestCoalescer = Coalescer<(&'static str, Priority), Arc<BackendReport>>;

impl Upstreams {
    /// Upstreams over a running breaker.
    ///
    /// # Errors
    /// A setting breaks its rule.
    pub fn new(
        calls: &Calls,
        breaker: &Breaker,
        limit: &CallLimit,
        stats: &Stats,
        metrics: &CallMetrics,
    ) -> Result<Self, InvalidConfig> {
        let attempts = Attempts { tally: Arc::clone(&stats.resilient), metrics: metrics.clone() };
        let protected =
            upstream(Arc::clone(breaker.name()), calls.settings(), limit).breaker(breaker.clone());
        let bare = upstream("baseline", of_baseline(calls), limit);
        Ok(Self {
            protected: protected.observer(Arc::new(attempts)).start()?,
            // The breaker counts overload here too, but does not decide on the calls.
            bare: bare.observer(Arc::new(breaker.clone())).start()?,
            breaker: breaker.clone(),
            limit: limit.clone(),
            tally: Arc::clone(&stats.resilient),
            stale: None,
            coalescer: None,
        })
    }

    /// Puts other settings in force: all of them, or none.
    ///
    /// # Errors
    /// A setting breaks its rule, or the breaker's actor is gone.
    pub async fn reconfigure(&self, policies: &Policies) -> Result<(), ReconfigureError> {
        let (calls, breaker) = (policies.calls.settings(), (*policies.breaker).clone());
        self.protected.reconfigure_with_breaker(calls, breaker).await?;
        Ok(self.bare.reconfigure(of_baseline(&policies.calls))?)
    }

    /// Adds stale answers to calls with protection, if there are limits for them.
    pub fn with_fallback(self, limits: Option<StaleLimits>) -> Self {
        let stale = limits.map(|limits| Arc::new(StaleFallback::new(limits)));
        Self { stale, ..self }
    }

    /// Lets identical requests share a call, if `coalesce` is true.
    pub fn with_coalescing(self, coalesce: bool) -> Self {
        Self { coalescer: coalesce.then(Coalescer::new), ..self }
    }

    /// The upstream with all policies.
    pub fn protected(&self) -> &Upstream {
        &self.protected
    }

    /// The upstream of the baseline: one attempt, without the circuit breaker.
    pub fn bare(&self) -> &Upstream {
        &self.bare
    }

    /// Makes a call with this protection.
    pub fn call(
        &self,
        protection: Protection,
        options: CallOptions,
        operation: BackendCall,
    ) -> impl Future<Output = BackendReport> {
        let (upstream, options) = match protection {
            Protection::Full => (&self.protected, options),
            Protection::BreakerOnly => (&self.protected, options.without_retries()),
            Protection::None => (&self.bare, options),
        };
        match &self.stale {
            Some(stale) if protection != Protection::None => {
                // Boxed to keep the future small for calls without a fallback.
                Either::Right(Box::pin(or_stale(upstream, stale, options, operation)))
            }
            _ => Either::Left(upstream.run_with(options, operation)),
        }
    }

    /// The stale answers, if they are on.
    pub fn stale(&self) -> Option<&StaleFallback> {
        self.stale.as_deref()
    }

    /// The shared calls, if they are on.
    pub fn coalescer(&self) -> Option<&RequestCoalescer> {
        self.coalescer.as_ref()
    }

    /// The circuit breaker.
    pub fn breaker(&self) -> &Breaker {
        &self.breaker
    }

    /// Counts the calls with protection.
    pub fn tally(&self) -> &Tally {
        &self.tally
    }

    /// The limit on calls in flight and waiting.
    pub fn limit(&self) -> &CallLimit {
        &self.limit
    }
}

/// Makes a call. If it has no answer, a stale one is put in its place.
async fn or_stale(
    upstream: &Upstream,
    stale: &StaleFallback,
    options: CallOptions,
    operation: BackendCall,
) -> BackendReport {
    let request = operation.request.wanted.path();
    let fallback = |report: &BackendReport| stale.instead_of(request, report);
    let report = upstream.run_or(options, operation, fallback).await;
    stale.keep(request, &report);
    report
}

fn upstream(
    name: impl Into<Arc<str>>,
    settings: CallSettings,
    limit: &CallLimit,
) -> UpstreamBuilder {
    Upstream::builder(name).settings(settings).limit(limit.clone())
}

/// The same time limits as with protection, and no policy.
fn of_baseline(calls: &Calls) -> CallSettings {
    let CallSettings { attempt_timeout, call_deadline, .. } = calls.settings();
    CallSettings { attempt_timeout, call_deadline, ..CallSettings::default() }
}

/// Counts attempts through the circuit breaker, and waits between them.
pub(crate) struct Attempts {
    pub(crate) tally: Arc<Tally>,
    pub(crate) metrics: CallMetrics,
}

impl Observer for Attempts {
    fn observe(&self, observation: &Observation<'_>) {
        match observation {
            Observation::Admitted { attempt, hedge: false, .. } if *attempt > 1 => {
                self.tally.count_retry();
            }
            Observation::AttemptEnded { attempt, .. } => self.metrics.attempt_ended(attempt),
            Observation::CallEnded(call) => self.metrics.call_ended(call),
            _ => {}
        }
    }
}
