//! Settings of the retry budget.

use std::ops::RangeInclusive;

use serde::{Deserialize, Serialize};

use super::WINDOW;
use crate::config::{InvalidConfig, in_range};

/// How many retries an upstream may see: a share of its calls in the last ten seconds, and a minimum.
///
/// ```
/// # use resilience_actors::RetryBudget;
/// let budget = RetryBudget::share(0.2).min_per_second(10.0);
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RetryBudget {
    /// Retries for each call: [`SHARE`](Self::SHARE), default 0.2.
    pub retry_budget: f64,
    /// Retries a second, on average over ten seconds, that are allowed beside that share:
    /// [`MIN_PER_SECOND`](Self::MIN_PER_SECOND), default 10.
    pub retry_budget_min: f64,
}

impl RetryBudget {
    /// Range of [`retry_budget`](Self::retry_budget).
    pub const SHARE: RangeInclusive<f64> = 0.0..=1.0;
    /// Range of [`retry_budget_min`](Self::retry_budget_min).
    pub const MIN_PER_SECOND: RangeInclusive<f64> = 0.0..=1_000_000.0;

    /// Retries are at most this share of the calls, beside ten a second.
    pub fn share(share: f64) -> Self {
        Self { retry_budget: share, ..Self::default() }
    }

    /// Sets how many retries a second are allowed beside the share.
    pub fn min_per_second(self, retries: f64) -> Self {
        Self { retry_budget_min: retries, ..self }
    }

    pub(crate) fn validate(&self) -> Result<(), InvalidConfig> {
        let Self { retry_budget, retry_budget_min } = *self;
        in_range("retry_budget", retry_budget, Self::SHARE)?;
        in_range("retry_budget_min", retry_budget_min, Self::MIN_PER_SECOND)?;
        // Without a share, the minimum must be enough for one retry a window.
        if retry_budget > 0.0 || retry_budget_min * WINDOW.as_secs_f64() >= 1.0 {
            return Ok(());
        }
        let (allowed, other) = ("more than 0", "retry_budget_min");
        Err(InvalidConfig::with("retry_budget", retry_budget, allowed, other, retry_budget_min))
    }
}

impl Default for RetryBudget {
    /// Share and minimum are those of Finagle and tower.
    fn default() -> Self {
        Self { retry_budget: 0.2, retry_budget_min: 10.0 }
    }
}
