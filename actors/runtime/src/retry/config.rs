//! Settings of the retry scheduler and the rules they keep.

use std::{
    ops::{Deref, RangeInclusive},
    time::Duration,
};

use serde::Serialize;

use crate::config::{InvalidConfig, at_least, in_range, positive, seconds};

/// Which failures the breaker is told of while the circuit is closed. Failures of trials, and
/// outcomes that count at once (see [`Outcome`](crate::Outcome)), it is always told of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum BreakerScope {
    /// The last attempt's: a failure that a retry repaired does not count.
    Call,
    /// Every attempt's.
    Attempt,
}

/// What a retry scheduler can be told. Becomes a [`RetryConfig`] once it is found valid.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RetrySettings {
    /// Attempts in all, the first included: [`MAX_ATTEMPTS`](Self::MAX_ATTEMPTS), default 4.
    pub max_attempts: u32,
    /// Wait before the second attempt, one of [`DURATIONS`](crate::DURATIONS) as all durations here; default 1 s.
    #[serde(serialize_with = "seconds")]
    pub base_delay: Duration,
    /// Factor from each wait to the next: [`MULTIPLIER`](Self::MULTIPLIER), default 2.
    pub multiplier: f64,
    /// Cap of the waits, before jitter: no less than the base delay, default 10 s.
    #[serde(serialize_with = "seconds")]
    pub max_delay: Duration,
    /// Each wait is lengthened by a random part of itself from 0 to this: [`JITTER`](Self::JITTER), default 0.1.
    pub jitter: f64,
    /// Timeout of an attempt, over connect, head and body; default 3 s.
    #[serde(serialize_with = "seconds")]
    pub attempt_timeout: Duration,
    /// Time for a call, waits included: no less than an attempt's, default 30 s.
    #[serde(serialize_with = "seconds")]
    pub call_deadline: Duration,
    /// How often an attempt that never reached the upstream is repeated at once, on a fresh
    /// connection and within its own timeout: [`CONNECT_RETRIES`](Self::CONNECT_RETRIES), default 2. Calls without
    /// [`Protection`](crate::Protection) are not repeated.
    pub connect_retries: u32,
    /// Which failures the breaker is told of, default [`BreakerScope::Call`].
    pub scope: BreakerScope,
}

impl RetrySettings {
    /// Range of [`max_attempts`](Self::max_attempts).
    pub const MAX_ATTEMPTS: RangeInclusive<u32> = 1..=10_000;
    /// Range of [`multiplier`](Self::multiplier).
    pub const MULTIPLIER: RangeInclusive<f64> = 1.0..=1_000.0;
    /// Range of [`jitter`](Self::jitter).
    pub const JITTER: RangeInclusive<f64> = 0.0..=1.0;
    /// Range of [`connect_retries`](Self::connect_retries).
    pub const CONNECT_RETRIES: RangeInclusive<u32> = 0..=100;
}

impl Default for RetrySettings {
    fn default() -> Self {
        Self {
            max_attempts: 4,
            base_delay: Duration::from_secs(1),
            multiplier: 2.0,
            max_delay: Duration::from_secs(10),
            jitter: 0.1,
            attempt_timeout: Duration::from_secs(3),
            call_deadline: Duration::from_secs(30),
            connect_retries: 2,
            scope: BreakerScope::Call,
        }
    }
}

/// Valid [`RetrySettings`]: the only way to one is through `try_from`.
#[derive(Debug, Clone, PartialEq, Serialize, Default)]
#[serde(transparent)]
pub struct RetryConfig(RetrySettings);

impl TryFrom<RetrySettings> for RetryConfig {
    type Error = InvalidConfig;

    fn try_from(settings: RetrySettings) -> Result<Self, InvalidConfig> {
        in_range("max_attempts", settings.max_attempts, RetrySettings::MAX_ATTEMPTS)?;
        positive("base_delay", settings.base_delay)?;
        in_range("multiplier", settings.multiplier, RetrySettings::MULTIPLIER)?;
        positive("max_delay", settings.max_delay)?;
        in_range("jitter", settings.jitter, RetrySettings::JITTER)?;
        positive("attempt_timeout", settings.attempt_timeout)?;
        positive("call_deadline", settings.call_deadline)?;
        in_range("connect_retries", settings.connect_retries, RetrySettings::CONNECT_RETRIES)?;
        at_least("max_delay", settings.max_delay, "base_delay", settings.base_delay)?;
        at_least(
            "call_deadline",
            settings.call_deadline,
            "attempt_timeout",
            settings.attempt_timeout,
        )?;
        Ok(Self(settings))
    }
}

impl Deref for RetryConfig {
    type Target = RetrySettings;

    fn deref(&self) -> &RetrySettings {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_are_valid() {
        assert_eq!(RetryConfig::try_from(RetrySettings::default()), Ok(RetryConfig::default()));
    }

    #[test]
    fn a_contradiction_names_both_settings() {
        let settings = RetrySettings { base_delay: Duration::from_secs(11), ..Default::default() };
        let error = RetryConfig::try_from(settings).unwrap_err();
        assert_eq!(
            error.to_string(),
            "max_delay = 10 is not valid: expected no less than base_delay = 11"
        );
    }

    #[test]
    fn each_setting_out_of_bounds_is_named() {
        let default = RetrySettings::default;
        let bad = [
            ("max_attempts", RetrySettings { max_attempts: 0, ..default() }),
            ("base_delay", RetrySettings { base_delay: Duration::ZERO, ..default() }),
            ("multiplier", RetrySettings { multiplier: 0.5, ..default() }),
            ("multiplier", RetrySettings { multiplier: f64::NAN, ..default() }),
            ("max_delay", RetrySettings { max_delay: Duration::MAX, ..default() }),
            ("max_delay", RetrySettings { max_delay: Duration::from_millis(999), ..default() }),
            ("jitter", RetrySettings { jitter: 1.1, ..default() }),
            ("jitter", RetrySettings { jitter: -0.1, ..default() }),
            ("attempt_timeout", RetrySettings { attempt_timeout: Duration::ZERO, ..default() }),
            ("call_deadline", RetrySettings { call_deadline: Duration::from_secs(2), ..default() }),
            ("connect_retries", RetrySettings { connect_retries: 101, ..default() }),
        ];
        for (field, settings) in bad {
            let error = RetryConfig::try_from(settings).unwrap_err();
            assert_eq!(error.field, field, "{error}");
        }
    }
}
