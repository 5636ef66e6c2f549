//! Settings of the breaker and the rules they keep.

use std::{
    ops::{Deref, RangeInclusive},
    time::Duration,
};

use serde::Serialize;

use crate::config::{InvalidConfig, in_range, positive, seconds};

/// What a breaker can be told. Becomes a [`BreakerConfig`] once it is found valid.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct BreakerSettings {
    /// Consecutive counted failures that open the circuit: [`FAIL_MAX`](Self::FAIL_MAX), default 5.
    pub fail_max: u32,
    /// Time from opening to half-open: one of [`DURATIONS`](crate::DURATIONS), default 30 s.
    #[serde(serialize_with = "seconds")]
    pub reset_timeout: Duration,
    /// Trials that may be in flight at a time while half-open:
    /// [`HALF_OPEN_MAX_CALLS`](Self::HALF_OPEN_MAX_CALLS), default 1.
    pub half_open_max_calls: u32,
    /// Successful trials that close the circuit: [`SUCCESS_THRESHOLD`](Self::SUCCESS_THRESHOLD), default 1.
    pub success_threshold: u32,
    /// How long a trial may go unreported before it counts as failed: one of [`DURATIONS`](crate::DURATIONS),
    /// default 5 s.
    ///
    /// Must be no shorter than a trial can take, or good trials reopen the circuit.
    #[serde(serialize_with = "seconds")]
    pub trial_lease: Duration,
}

impl BreakerSettings {
    /// Range of [`fail_max`](Self::fail_max).
    pub const FAIL_MAX: RangeInclusive<u32> = 1..=1_000_000;
    /// Range of [`half_open_max_calls`](Self::half_open_max_calls).
    pub const HALF_OPEN_MAX_CALLS: RangeInclusive<u32> = 1..=10_000;
    /// Range of [`success_threshold`](Self::success_threshold).
    pub const SUCCESS_THRESHOLD: RangeInclusive<u32> = 1..=10_000;
}

impl Default for BreakerSettings {
    fn default() -> Self {
        Self {
            fail_max: 5,
            reset_timeout: Duration::from_secs(30),
            half_open_max_calls: 1,
            success_threshold: 1,
            trial_lease: Duration::from_secs(5),
        }
    }
}

/// Valid [`BreakerSettings`]: the only way to one is through `try_from`.
#[derive(Debug, Clone, PartialEq, Serialize, Default)]
#[serde(transparent)]
pub struct BreakerConfig(BreakerSettings);

impl TryFrom<BreakerSettings> for BreakerConfig {
    type Error = InvalidConfig;

    fn try_from(settings: BreakerSettings) -> Result<Self, InvalidConfig> {
        in_range("fail_max", settings.fail_max, BreakerSettings::FAIL_MAX)?;
        positive("reset_timeout", settings.reset_timeout)?;
        let trials = BreakerSettings::HALF_OPEN_MAX_CALLS;
        in_range("half_open_max_calls", settings.half_open_max_calls, trials)?;
        let successes = BreakerSettings::SUCCESS_THRESHOLD;
        in_range("success_threshold", settings.success_threshold, successes)?;
        positive("trial_lease", settings.trial_lease)?;
        Ok(Self(settings))
    }
}

impl Deref for BreakerConfig {
    type Target = BreakerSettings;

    fn deref(&self) -> &BreakerSettings {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_are_valid() {
        assert_eq!(
            BreakerConfig::try_from(BreakerSettings::default()),
            Ok(BreakerConfig::default())
        );
    }

    #[test]
    fn each_setting_out_of_bounds_is_named() {
        let default = BreakerSettings::default;
        let bad = [
            ("fail_max", BreakerSettings { fail_max: 0, ..default() }),
            ("fail_max", BreakerSettings { fail_max: 1_000_001, ..default() }),
            ("reset_timeout", BreakerSettings { reset_timeout: Duration::ZERO, ..default() }),
            ("reset_timeout", BreakerSettings { reset_timeout: Duration::MAX, ..default() }),
            ("half_open_max_calls", BreakerSettings { half_open_max_calls: 0, ..default() }),
            ("success_threshold", BreakerSettings { success_threshold: 0, ..default() }),
            ("trial_lease", BreakerSettings { trial_lease: Duration::ZERO, ..default() }),
        ];
        for (field, settings) in bad {
            let error = BreakerConfig::try_from(settings).unwrap_err();
            assert_eq!(error.field, field);
            assert!(error.to_string().starts_with(field), "{error}");
        }
    }
}
