//! The optional policies of an upstream at one moment.

use serde::Serialize;

use crate::{
    breaker::{Breaker, ProbeCounts},
    chaos::{ChaosSnapshot, Injection},
    hedge::{HedgeSnapshot, Hedging},
    limit::{ConcurrencyLimit, ConcurrencySnapshot, RateLimit, RateSnapshot},
    policies::Policies,
    quiet::{Quiet, QuietSnapshot},
    retry::{RetryBudgetSnapshot, budget::SharedBudget},
    throttle::{ThrottleSnapshot, Throttling},
};

/// The state of an upstream's optional policies. Those that are off are absent.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default)]
#[non_exhaustive]
pub struct PolicySnapshot {
    /// Throttling.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub throttle: Option<ThrottleSnapshot>,
    /// The rate limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rate: Option<RateSnapshot>,
    /// The limit on attempts in flight.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub concurrency: Option<ConcurrencySnapshot>,
    /// Hedging.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hedge: Option<HedgeSnapshot>,
    /// Probes of the open circuit that ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub probes: Option<ProbeCounts>,
    /// The time for which the upstream is to be left alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quiet_period: Option<QuietSnapshot>,
    /// The limit on retries.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_budget: Option<RetryBudgetSnapshot>,
    /// Fault injection.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub chaos: Option<ChaosSnapshot>,
}

impl PolicySnapshot {
    pub(crate) fn of(policies: &Policies) -> Self {
        let probes = policies.common.breaker.as_ref().map(Breaker::counts);
        Self {
            throttle: policies.throttling.as_ref().map(Throttling::snapshot),
            rate: policies.rate.as_ref().map(RateLimit::snapshot),
            concurrency: policies.concurrency.as_ref().map(ConcurrencyLimit::snapshot),
            hedge: policies.any_hedging().map(Hedging::snapshot),
            probes: probes.and_then(|counts| counts.probes),
            quiet_period: policies.quiet.as_ref().map(Quiet::snapshot),
            retry_budget: policies.retry_budget.as_ref().map(SharedBudget::snapshot),
            chaos: policies.injection.as_ref().map(Injection::snapshot),
        }
    }

    /// True if none of these policies is on.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}
