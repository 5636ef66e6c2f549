//! Settings of the rate limit.

use std::{ops::RangeInclusive, time::Duration};

use serde::{Deserialize, Serialize};

use crate::config::{InvalidConfig, at_most, in_range, positive};

/// How many attempts may be made at an upstream in a period.
///
/// ```
/// # use std::time::Duration;
/// # use resilience_actors::Rate;
/// let in_bursts = Rate::per_second(100);
/// let smooth = Rate::per_minute(600).burst(1).wait(Duration::from_millis(500));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rate {
    /// Number of attempts in a period: [`LIMIT`](Self::LIMIT).
    pub rate_limit: u32,
    /// The period: one of [`DURATIONS`](crate::DURATIONS), default 1 s.
    #[serde(default = "second", with = "crate::seconds")]
    pub rate_period: Duration,
    /// Maximum number of attempts at once after a time without any: [`BURST`](Self::BURST), default `rate_limit`. With
    /// 1, attempts are evenly spaced. A period has at most this many more attempts than `rate_limit`.
    #[serde(default)]
    pub rate_burst: Option<u32>,
    /// Longest wait for a token, at most [`MAX_DURATION`](crate::MAX_DURATION). With 0, the default, an attempt without
    /// a token is rejected at once.
    #[serde(default, with = "crate::seconds")]
    pub rate_wait: Duration,
}

fn second() -> Duration {
    Duration::from_secs(1)
}

impl Rate {
    /// Range of [`rate_limit`](Self::rate_limit).
    pub const LIMIT: RangeInclusive<u32> = 1..=1_000_000;
    /// Range of [`rate_burst`](Self::rate_burst).
    pub const BURST: RangeInclusive<u32> = 1..=1_000_000;

    /// This many attempts in each period, also all at once, as in governor and resilience4j. Further attempts are
    /// rejected at once.
    pub fn per(attempts: u32, period: Duration) -> Self {
        let (rate_limit, rate_period) = (attempts, period);
        Self { rate_limit, rate_period, rate_burst: None, rate_wait: Duration::ZERO }
    }

    /// This many attempts a second.
    pub fn per_second(attempts: u32) -> Self {
        Self::per(attempts, second())
    }

    /// This many attempts a minute.
    pub fn per_minute(attempts: u32) -> Self {
        Self::per(attempts, second() * 60)
    }

    /// This many attempts an hour.
    pub fn per_hour(attempts: u32) -> Self {
        Self::per(attempts, second() * 3_600)
    }

    /// Sets the maximum number of attempts at once.
    pub fn burst(self, attempts: u32) -> Self {
        Self { rate_burst: Some(attempts), ..self }
    }

    /// Sets the longest wait for a token.
    pub fn wait(self, longest: Duration) -> Self {
        Self { rate_wait: longest, ..self }
    }

    /// Maximum number of attempts at once.
    pub(super) fn max_burst(&self) -> u32 {
        self.rate_burst.unwrap_or(self.rate_limit)
    }

    /// Time between two tokens, rounded up.
    pub(super) fn interval(&self) -> Duration {
        let nanos = self.rate_period.as_nanos().div_ceil(u128::from(self.rate_limit));
        Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }

    pub(crate) fn validate(&self) -> Result<(), InvalidConfig> {
        in_range("rate_limit", self.rate_limit, Self::LIMIT)?;
        positive("rate_period", self.rate_period)?;
        in_range("rate_burst", self.max_burst(), Self::BURST)?;
        at_most("rate_wait", self.rate_wait)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_period_has_more_tokens_than_its_limit() {
        assert_eq!(Rate::per_second(100).interval(), Duration::from_millis(10));
        assert_eq!(Rate::per_second(3).interval(), Duration::from_nanos(333_333_334));
        assert_eq!(Rate::per_hour(1).interval(), Duration::from_secs(3_600));
    }

    #[test]
    fn settings_are_read_with_their_defaults() {
        let read = |json: &str| serde_json::from_str::<Rate>(json).unwrap();
        assert_eq!(read(r#"{"rate_limit": 5}"#), Rate::per_second(5));
        let all = r#"{"rate_limit": 5, "rate_period": 60, "rate_burst": 1, "rate_wait": 0.5}"#;
        let expected = Rate::per_minute(5).burst(1).wait(Duration::from_millis(500));
        assert_eq!(read(all), expected);
    }

    #[test]
    fn each_setting_out_of_bounds_is_named() {
        for (field, rate) in [
            ("rate_limit", Rate::per_second(0)),
            ("rate_period", Rate::per(1, Duration::ZERO)),
            ("rate_burst", Rate::per_second(1).burst(0)),
            ("rate_wait", Rate::per_second(1).wait(Duration::MAX)),
        ] {
            assert_eq!(rate.validate().unwrap_err().field, field);
        }
    }
}
