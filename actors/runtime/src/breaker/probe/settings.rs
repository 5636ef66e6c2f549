//! How an open circuit is probed.

use std::{ops::RangeInclusive, time::Duration};

use serde::{Deserialize, Serialize};

use crate::{
    breaker::config::BreakerSettings,
    config::{InvalidConfig, in_range, less_than, positive},
};

/// How often an open circuit is probed, and how many good probes in a row make it half-open.
///
/// ```
/// # use std::time::Duration;
/// # use resilience_actors::breaker::Probe;
/// let probe = Probe::every(Duration::from_secs(1)).successes(2).timeout(Duration::from_secs(3));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Probe {
    /// Time from the opening to the first probe, and from the end of each probe to the next: one of
    /// [`DURATIONS`](crate::DURATIONS), less than the breaker's `reset_timeout`, default 1 s.
    #[serde(with = "crate::seconds")]
    pub probe_interval: Duration,
    /// Good probes in a row that make the circuit half-open: [`SUCCESSES`](Self::SUCCESSES), default 2.
    pub probe_successes: u32,
    /// A probe that takes this long has failed: one of [`DURATIONS`](crate::DURATIONS), default 3 s.
    #[serde(with = "crate::seconds")]
    pub probe_timeout: Duration,
}

impl Probe {
    /// Range of [`probe_successes`](Self::probe_successes).
    pub const SUCCESSES: RangeInclusive<u32> = 1..=1_000;

    /// A probe at each interval.
    pub fn every(interval: Duration) -> Self {
        Self { probe_interval: interval, ..Self::default() }
    }

    /// Sets the number of good probes in a row that make the circuit half-open.
    #[must_use]
    pub fn successes(self, successes: u32) -> Self {
        Self { probe_successes: successes, ..self }
    }

    /// Sets the time limit of each probe.
    #[must_use]
    pub fn timeout(self, timeout: Duration) -> Self {
        Self { probe_timeout: timeout, ..self }
    }

    /// Checks the settings, and that a circuit with these breaker settings is open for longer than the interval.
    ///
    /// # Errors
    /// A setting is out of its range, or the interval is no shorter than the reset timeout.
    pub fn validate(&self, breaker: &BreakerSettings) -> Result<(), InvalidConfig> {
        positive("probe_interval", self.probe_interval)?;
        in_range("probe_successes", self.probe_successes, Self::SUCCESSES)?;
        positive("probe_timeout", self.probe_timeout)?;
        less_than("probe_interval", self.probe_interval, "reset_timeout", breaker.reset_timeout)
    }
}

impl Default for Probe {
    fn default() -> Self {
        Self {
            probe_interval: Duration::from_secs(1),
            probe_successes: 2,
            probe_timeout: Duration::from_secs(3),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_setting_out_of_bounds_is_named() {
        let (default, zero) = (Probe::default(), Duration::ZERO);
        assert_eq!(default.validate(&BreakerSettings::default()), Ok(()));
        for (field, probe) in [
            ("probe_interval", Probe::every(zero)),
            ("probe_successes", default.successes(0)),
            ("probe_successes", default.successes(1_001)),
            ("probe_timeout", default.timeout(zero)),
        ] {
            let error = probe.validate(&BreakerSettings::default()).unwrap_err();
            assert_eq!(error.field, field, "{error}");
        }
    }

    #[test]
    fn an_interval_as_long_as_the_open_time_contradicts_it() {
        let reset = BreakerSettings::default().reset_timeout;
        let error = Probe::every(reset).validate(&BreakerSettings::default()).unwrap_err();
        assert_eq!(
            error.to_string(),
            "probe_interval = 30 is not valid: expected less than reset_timeout = 30"
        );
    }

    #[test]
    fn settings_are_read_from_seconds() {
        let probe: Probe = serde_json::from_str(r#"{"probe_interval": 0.5}"#).unwrap();
        assert_eq!(probe, Probe::every(Duration::from_millis(500)));
        assert!(serde_json::from_str::<Probe>(r#"{"interval": 1}"#).is_err());
    }
}
