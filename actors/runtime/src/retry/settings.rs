//! How a call is retried.

use std::{ops::RangeInclusive, time::Duration};

use serde::{Deserialize, Serialize};
use strum::IntoStaticStr;

use crate::config::{InvalidConfig, at_least, in_range, positive};

/// How the waits of a call grow, before jitter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, IntoStaticStr)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
#[strum(serialize_all = "lowercase")]
pub enum Backoff {
    /// Each wait is the one before, times the multiplier.
    Exponential,
    /// Each wait is longer than the one before by the base delay.
    Linear,
    /// Each wait is the base delay.
    Constant,
}

/// Where the random part of a wait comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, IntoStaticStr)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
#[strum(serialize_all = "lowercase")]
pub enum JitterMode {
    /// The backoff's wait, and up to a share of it on top. Keeps most of the wait.
    Proportional,
    /// From 0 to the backoff's wait. Spreads calls the most.
    Full,
    /// From the base delay to three times the wait before, at most the cap. In place of exponential backoff.
    Decorrelated,
}

/// How often a call is tried, and how long it waits between attempts: a backoff with jitter.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default, deny_unknown_fields)]
pub struct Retry {
    /// Maximum number of attempts, the first included: [`MAX_ATTEMPTS`](Self::MAX_ATTEMPTS), default 4.
    pub max_attempts: u32,
    /// Wait before the second attempt: one of [`DURATIONS`](crate::DURATIONS), default 1 s.
    #[serde(with = "crate::seconds")]
    #[cfg_attr(feature = "openapi", schema(value_type = f64))]
    pub base_delay: Duration,
    /// How the waits grow, default [`Backoff::Exponential`].
    pub backoff: Backoff,
    /// Factor from each wait to the next: [`MULTIPLIER`](Self::MULTIPLIER), default 2. Only for exponential backoff
    /// that is not decorrelated.
    pub multiplier: f64,
    /// Cap of the waits, before jitter: one of [`DURATIONS`](crate::DURATIONS), no less than the base delay, default
    /// 10 s.
    #[serde(with = "crate::seconds")]
    #[cfg_attr(feature = "openapi", schema(value_type = f64))]
    pub max_delay: Duration,
    /// Each wait is lengthened by a random part of itself from 0 to this: [`JITTER`](Self::JITTER), default 0.1. In the
    /// other modes than [`JitterMode::Proportional`], only the upstream's `retry_after` is.
    pub jitter: f64,
    /// Where the random part of a wait comes from, default [`JitterMode::Proportional`]. [`JitterMode::Decorrelated`]
    /// requires [`Backoff::Exponential`].
    pub jitter_mode: JitterMode,
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

    /// As [`exponential`](Self::exponential), but the waits are `step`, 2 * `step`, 3 * `step`.
    pub fn linear(step: Duration) -> Self {
        Self { backoff: Backoff::Linear, ..Self::exponential(step) }
    }

    /// Four attempts; each wait is `delay`.
    pub fn constant(delay: Duration) -> Self {
        Self { backoff: Backoff::Constant, ..Self::exponential(delay) }
    }

    /// Sets the maximum number of attempts, the first included.
    pub fn attempts(self, max_attempts: u32) -> Self {
        Self { max_attempts, ..self }
    }

    /// Lengthens each wait by a random part of itself, up to `share`.
    pub fn jitter(self, share: f64) -> Self {
        Self { jitter: share, jitter_mode: JitterMode::Proportional, ..self }
    }

    /// Makes each wait a random one from 0 to the backoff's.
    pub fn full_jitter(self) -> Self {
        Self { jitter_mode: JitterMode::Full, ..self }
    }

    /// Makes each wait a random one from the base delay to three times the wait before.
    pub fn decorrelated_jitter(self) -> Self {
        Self { jitter_mode: JitterMode::Decorrelated, ..self }
    }

    pub(crate) fn validate(&self) -> Result<(), InvalidConfig> {
        in_range("max_attempts", self.max_attempts, Self::MAX_ATTEMPTS)?;
        positive("base_delay", self.base_delay)?;
        in_range("multiplier", self.multiplier, Self::MULTIPLIER)?;
        positive("max_delay", self.max_delay)?;
        in_range("jitter", self.jitter, Self::JITTER)?;
        at_least("max_delay", self.max_delay, "base_delay", self.base_delay)?;
        self.check_modes()
    }

    /// Refuses what contradicts the backoff or the jitter's mode.
    fn check_modes(&self) -> Result<(), InvalidConfig> {
        let (backoff, mode): (&str, &str) = (self.backoff.into(), self.jitter_mode.into());
        let (taken_by, given) = match (self.backoff, self.jitter_mode) {
            (Backoff::Exponential, JitterMode::Decorrelated) => ("jitter_mode", mode),
            (Backoff::Exponential, _) => return Ok(()),
            (_, JitterMode::Decorrelated) => {
                let allowed = "proportional or full";
                return Err(InvalidConfig::with("jitter_mode", mode, allowed, "backoff", backoff));
            }
            _ => ("backoff", backoff),
        };
        let (multiplier, default) = (self.multiplier, Self::default().multiplier);
        // Any other value was set, and has no effect.
        #[expect(clippy::float_cmp, reason = "the default is a constant")]
        if multiplier == default {
            return Ok(());
        }
        Err(InvalidConfig::with("multiplier", multiplier, default, taken_by, given))
    }
}

impl Default for Retry {
    fn default() -> Self {
        Self {
            max_attempts: 4,
            base_delay: Duration::from_secs(1),
            backoff: Backoff::Exponential,
            multiplier: 2.0,
            max_delay: Duration::from_secs(10),
            jitter: 0.1,
            jitter_mode: JitterMode::Proportional,
        }
    }
}
