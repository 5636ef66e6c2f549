//! Short names for common settings.

use std::time::Duration;

use super::{
    config::{BreakerSettings, Window},
    handle::Breaker,
};

/// Settings by the trip that opens the circuit. They become a [`BreakerConfig`](super::BreakerConfig) by `try_into`,
/// which checks them.
///
/// ```
/// # use std::time::Duration;
/// use resilience_actors::{Breaker, BreakerConfig};
///
/// let settings = Breaker::failure_rate(0.5).over(Duration::from_secs(60)).at_least(20);
/// let config = BreakerConfig::try_from(settings.or_consecutive(10))?;
/// # Ok::<(), resilience_actors::InvalidConfig>(())
/// ```
impl Breaker {
    /// Opens after this number of failures in a row.
    pub fn consecutive(failures: u32) -> BreakerSettings {
        BreakerSettings { fail_max: failures, ..Default::default() }
    }

    /// Opens when this share of the calls in the window failed.
    pub fn failure_rate(share: f64) -> BreakerSettings {
        Self::consecutive(0).or_failure_rate(share)
    }

    /// Opens when this number of the calls in the window failed.
    pub fn failures(failures: u32) -> BreakerSettings {
        Self::consecutive(0).or_failures(failures)
    }

    /// Opens when this share of the calls in the window took longer than `slow_call`.
    pub fn slow_rate(share: f64, slow_call: Duration) -> BreakerSettings {
        Self::consecutive(0).or_slow_rate(share, slow_call)
    }
}

impl BreakerSettings {
    /// Opens after this number of failures in a row, too.
    #[must_use]
    pub fn or_consecutive(self, failures: u32) -> Self {
        Self { fail_max: failures, ..self }
    }

    /// Opens when this share of the calls in the window failed, too.
    #[must_use]
    pub fn or_failure_rate(self, share: f64) -> Self {
        Self { failure_rate: Some(share), ..self }
    }

    /// Opens when this number of the calls in the window failed, too.
    #[must_use]
    pub fn or_failures(self, failures: u32) -> Self {
        Self { failures: Some(failures), ..self }
    }

    /// Opens when this share of the calls in the window took longer than `slow_call`, too.
    #[must_use]
    pub fn or_slow_rate(self, share: f64, slow_call: Duration) -> Self {
        Self { slow_rate: Some(share), slow_call: Some(slow_call), ..self }
    }

    /// Takes rates of the calls of this time.
    #[must_use]
    pub fn over(self, time: Duration) -> Self {
        Self { window: Window::Time(time), ..self }
    }

    /// Takes rates of this number of last calls.
    #[must_use]
    pub fn over_calls(self, calls: u32) -> Self {
        Self { window: Window::Calls(calls), ..self }
    }

    /// No rate opens the circuit with fewer calls than this.
    #[must_use]
    pub fn at_least(self, calls: u32) -> Self {
        Self { min_calls: calls, ..self }
    }

    /// Two failures further apart than this are not in a row.
    #[must_use]
    pub fn max_age(self, max_age: Duration) -> Self {
        Self { streak_max_age: Some(max_age), ..self }
    }

    /// Stays open for this time.
    #[must_use]
    pub fn reset_after(self, reset_timeout: Duration) -> Self {
        Self { reset_timeout, ..self }
    }

    /// Stays open for longer with each reopening, by this factor, up to `max`.
    #[must_use]
    pub fn backing_off(self, factor: f64, max: Duration) -> Self {
        Self { reset_backoff: factor, reset_max: max, ..self }
    }
}
