//! When endpoints are ejected, and for how long: the keys `eject_*` of an upstream.

use std::time::Duration;

use resilience_actors::DURATIONS;
use service_edge::{SettingError, Settings};

/// When endpoints are ejected, and for how long.
#[derive(Debug, Clone, PartialEq)]
pub struct EjectionSettings {
    /// Failures in a row that eject an endpoint. 0 turns this rule off.
    pub consecutive_failures: u32,
    /// An endpoint is ejected if its share of failures is higher by more than this than that of the others together. 1
    /// turns this rule off.
    pub failure_rate_gap: f64,
    /// Minimum number of attempts in the last 10 s, at the endpoint and at the others together, before shares are
    /// compared.
    pub min_calls: u64,
    /// Time of the first ejection. The second in a row takes twice as long, and so on.
    pub base_time: Duration,
    /// Maximum time of an ejection.
    pub max_time: Duration,
    /// Maximum share of the endpoints that are ejected at a time, from 0 to 1. 0 turns ejection off.
    pub max_share: f64,
}

impl Default for EjectionSettings {
    fn default() -> Self {
        Self {
            consecutive_failures: 5,
            failure_rate_gap: 0.3,
            min_calls: 20,
            base_time: Duration::from_secs(10),
            max_time: Duration::from_secs(300),
            max_share: 0.5,
        }
    }
}

impl EjectionSettings {
    /// Reads them.
    ///
    /// # Errors
    /// The first whose value is not valid or contradicts another.
    pub(crate) fn read(settings: &mut Settings<'_>) -> Result<Self, SettingError> {
        let default = Self::default();
        let read = Self {
            consecutive_failures: settings.integer(
                "EJECT_CONSECUTIVE_FAILURES",
                default.consecutive_failures,
                0..=1_000_000,
            )?,
            failure_rate_gap: settings.number(
                "EJECT_FAILURE_RATE_GAP",
                default.failure_rate_gap,
                0.0..=1.0,
            )?,
            min_calls: settings.integer("EJECT_MIN_CALLS", default.min_calls, 1..=1_000_000)?,
            base_time: settings.seconds("EJECT_BASE_TIME", default.base_time, DURATIONS)?,
            max_time: settings.seconds("EJECT_MAX_TIME", default.max_time, DURATIONS)?,
            max_share: settings.number("EJECT_MAX_SHARE", default.max_share, 0.0..=1.0)?,
        };
        if read.max_time < read.base_time {
            let allowed = format!("no less than EJECT_BASE_TIME={}", read.base_time.as_secs_f64());
            let value = read.max_time.as_secs_f64().to_string();
            return Err(SettingError::new("EJECT_MAX_TIME", value, allowed));
        }
        Ok(read)
    }

    /// Their keys and values in the file.
    pub(crate) fn shown(&self) -> [(&'static str, String); 6] {
        [
            ("eject_consecutive_failures", self.consecutive_failures.to_string()),
            ("eject_failure_rate_gap", self.failure_rate_gap.to_string()),
            ("eject_min_calls", self.min_calls.to_string()),
            ("eject_base_time", self.base_time.as_secs_f64().to_string()),
            ("eject_max_time", self.max_time.as_secs_f64().to_string()),
            ("eject_max_share", self.max_share.to_string()),
        ]
    }
}
