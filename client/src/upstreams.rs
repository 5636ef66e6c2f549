//! The backend behind three sets of policies, which share one circuit breaker and one call limit.

use std::sync::Arc;

use resilience_actors::{
    Breaker, CallLimit, CallSettings, InvalidConfig, Observation, Observer, Upstream,
    UpstreamBuilder,
};
use serde::Serialize;

use crate::{config::Calls, metrics::CallMetrics, stats::Stats};

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
    full: Upstream,
    breaker_only: Upstream,
    bare: Upstream,
    breaker: Breaker,
    limit: CallLimit,
}

impl Upstreams {
    /// Three upstreams over a running breaker.
    ///
    /// # Errors
    /// A setting breaks its rule.
    pub fn new(
        calls: &Calls,
        breaker: &Breaker,
        limit: &CallLimit,
        stats: &Arc<Stats>,
        metrics: &CallMetrics,
    ) -> Result<Self, InvalidConfig> {
        let settings = calls.settings();
        let once = CallSettings { retry: None, ..settings.clone() };
        let bare = CallSettings { connect_retries: 0, ..once.clone() };
        let protected = |settings| {
            let attempts = Attempts { stats: Arc::clone(stats), metrics: metrics.clone() };
            upstream(settings, breaker, limit)
                .breaker(breaker.clone())
                .observer(Arc::new(attempts))
                .start()
        };
        Ok(Self {
            full: protected(settings)?,
            breaker_only: protected(once)?,
            // The breaker counts overload here too, but does not decide on the calls.
            bare: upstream(bare, breaker, limit).observer(Arc::new(breaker.clone())).start()?,
            breaker: breaker.clone(),
            limit: limit.clone(),
        })
    }

    /// The upstream with this protection.
    pub fn get(&self, protection: Protection) -> &Upstream {
        match protection {
            Protection::Full => &self.full,
            Protection::BreakerOnly => &self.breaker_only,
            Protection::None => &self.bare,
        }
    }

    /// The circuit breaker.
    pub fn breaker(&self) -> &Breaker {
        &self.breaker
    }

    /// The limit on calls in flight and waiting.
    pub fn limit(&self) -> &CallLimit {
        &self.limit
    }
}

fn upstream(settings: CallSettings, breaker: &Breaker, limit: &CallLimit) -> UpstreamBuilder {
    Upstream::builder(Arc::clone(breaker.name())).settings(settings).limit(limit.clone())
}

/// Counts attempts through the circuit breaker.
struct Attempts {
    stats: Arc<Stats>,
    metrics: CallMetrics,
}

impl Observer for Attempts {
    fn observe(&self, observation: &Observation<'_>) {
        match observation {
            Observation::Admitted { attempt, .. } if *attempt > 1 => {
                self.stats.resilient.count_retry();
            }
            Observation::AttemptEnded { attempt, .. } => self.metrics.attempt_ended(attempt),
            _ => {}
        }
    }
}
