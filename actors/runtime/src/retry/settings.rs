//! How a call is retried.

use std::{ops::RangeInclusive, time::Duration};

use serde::{Deserialize, Serialize};

use crate::config::{InvalidConfig, at_least, in_range, positive};

/// How often a call is tried, and how long it waits between attempts: exponential backoff with jitter.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Retry {
    /// Maximum number of attempts, the first included: [`MAX_ATTEMPTS`](Self::MAX_ATTEMPTS), default 4.
    pub max_attempts: u32,
    /// Wait before the second attempt: one of [`DURATIONS`](crate::DURATIONS), default 1 s.
    #[serde(with = "crate::seconds")]
    pub base_delay: Duration,
    /// Factor from each wait to the next: [`MULTIPLIER`](Self::MULTIPLIER), default 2.
    pub multiplier: f64,
    /// Cap of the waits, before jitter: one of [`DURATIONS`](crate::DURATIONS), no less than the base delay, default
    /// 10 s.
    #[serde(with = "crate::seconds")]
    pub max_delay: Duration,
    /// Each wait is lengthened by a random part of itself from 0 to this: [`JITTER`](Self::JITTER), default 0.1.
    pub jitter: f64,
}

impl Retry {
    /// Range of [`max_attempts`](Self::max_attempts).
    pub const MAX_ATTEMPTS: RangeInclusive<u32> = 1..=10_000;
    /// Range of [`multiplier`](Self::multiplier).
    pub const MULTIPLIER: RangeInclusive<f64> = 1.0..=1_000.0;
    /// Range of [`jitter`](Self::jitter).
    pub const JITTER: RangeInclusive<f64> = 0.0..=1.0;

    /// Four attempts; the first wait is `base_delay`, each further wait is twice as long, at most 10 s or `base_delay`
    /// if that is longer.
    pub fn exponential(base_delay: Duration) -> Self {
        let default = Self::default();
        Self { max_delay: default.max_delay.max(base_delay), base_delay, ..default }
    }

    /// Sets the maximum number of attempts, the first included.
    pub fn attempts(self, max_attempts: u32) -> Self {
        Self { max_attempts, ..self }
    }

    pub(crate) fn validate(&self) -> Result<(), InvalidConfig> {
        in_range("max_attempts", self.max_attempts, Self::MAX_ATTEMPTS)?;
        positive("base_delay", self.base_delay)?;
        in_range("multiplier", self.multiplier, Self::MULTIPLIER)?;
        positive("max_delay", self.max_delay)?;
        in_range("jitter", self.jitter, Self::JITTER)?;
        at_least("max_delay", self.max_delay, "base_delay", self.base_delay)
    }
}

impl Default for Retry {
    fn default() -> Self {
        Self {
            max_attempts: 4,
            base_delay: Duration::from_secs(1),
            multiplier: 2.0,
            max_delay: Duration::from_secs(10),
            jitter: 0.1,
        }
    }
}
