//! Settings of fault injection.

use std::{fmt, ops::RangeInclusive, time::Duration};

use serde::{Deserialize, Serialize};

use crate::config::{InvalidConfig, in_range, positive};

/// The shares of the attempts that fail, are delayed or panic, for tests and game days. An attempt gets one fault at
/// most, so the shares sum to at most 1. Fault injection is on if one of them is above 0.
///
/// ```
/// # use std::time::Duration;
/// # use resilience_actors::Chaos;
/// let chaos = Chaos::default().fail(0.1).delay(0.2, Duration::from_secs(2)).panic(0.01).seed(7);
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Chaos {
    /// Share of the attempts that fail in place of reaching the upstream: [`RATE`](Self::RATE), default 0.
    pub chaos_failure_rate: f64,
    /// Share of the attempts that begin later by `chaos_delay`: [`RATE`](Self::RATE), default 0.
    pub chaos_delay_rate: f64,
    /// That delay: one of [`DURATIONS`](crate::DURATIONS), default 1 s.
    #[serde(with = "crate::seconds")]
    pub chaos_delay: Duration,
    /// Share of the attempts that panic: [`RATE`](Self::RATE), default 0.
    pub chaos_panic_rate: f64,
    /// Makes the sequence of faults the same at each run. Default: another sequence at each run, or the same with
    /// [`UpstreamBuilder::seed`](crate::UpstreamBuilder::seed).
    pub chaos_seed: Option<u64>,
}

/// Decimal fractions whose sum is 1 may differ from 1 by a rounding error.
const ROUNDING: f64 = 1e-9;

impl Chaos {
    /// Range of each share.
    pub const RATE: RangeInclusive<f64> = 0.0..=1.0;

    /// Lets this share of the attempts fail.
    pub fn fail(self, share: f64) -> Self {
        Self { chaos_failure_rate: share, ..self }
    }

    /// Lets this share of the attempts begin later by `time`.
    pub fn delay(self, share: f64, time: Duration) -> Self {
        Self { chaos_delay_rate: share, chaos_delay: time, ..self }
    }

    /// Lets this share of the attempts panic.
    pub fn panic(self, share: f64) -> Self {
        Self { chaos_panic_rate: share, ..self }
    }

    /// Makes the sequence of faults the same at each run.
    pub fn seed(self, seed: u64) -> Self {
        Self { chaos_seed: Some(seed), ..self }
    }

    /// True if some attempts get a fault.
    pub fn is_on(&self) -> bool {
        self.shares().iter().any(|(_, share)| *share > 0.0)
    }

    fn shares(&self) -> [(&'static str, f64); 3] {
        [
            ("chaos_failure_rate", self.chaos_failure_rate),
            ("chaos_delay_rate", self.chaos_delay_rate),
            ("chaos_panic_rate", self.chaos_panic_rate),
        ]
    }

    pub(crate) fn validate(&self) -> Result<(), InvalidConfig> {
        let mut left = 1.0;
        let mut greatest = ("", 0.0);
        for (field, share) in self.shares() {
            in_range(field, share, Self::RATE)?;
            if share > left + ROUNDING {
                let left = (left * 1e6).round() / 1e6;
                let allowed = format!("at most {left}, so that the shares sum to at most 1,");
                let (other, given) = greatest;
                return Err(InvalidConfig::with(field, share, allowed, other, given));
            }
            left = (left - share).max(0.0);
            if share > greatest.1 {
                greatest = (field, share);
            }
        }
        positive("chaos_delay", self.chaos_delay)
    }
}

impl Default for Chaos {
    /// No faults.
    fn default() -> Self {
        Self {
            chaos_failure_rate: 0.0,
            chaos_delay_rate: 0.0,
            chaos_delay: Duration::from_secs(1),
            chaos_panic_rate: 0.0,
            chaos_seed: None,
        }
    }
}

impl fmt::Display for Chaos {
    /// What happens to which share of the attempts, as log lines say it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [fail, delay, panic] = self.shares().map(|(_, share)| percent(share));
        let secs = self.chaos_delay.as_secs_f64();
        write!(
            f,
            "{fail} % of the attempts fail, {delay} % are delayed by {secs:.3}s, {panic} % panic"
        )?;
        self.chaos_seed.map_or(Ok(()), |seed| write!(f, ", with seed {seed}"))
    }
}

/// In percent, with at most four digits after the point.
fn percent(share: f64) -> f64 {
    (share * 1e6).round() / 1e4
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::{CallConfig, CallSettings};

    #[test]
    fn each_share_is_a_share_and_the_delay_is_a_time() {
        let second = Duration::from_secs(1);
        let chaos = Chaos::default;
        for (field, chaos) in [
            ("chaos_failure_rate", chaos().fail(1.1)),
            ("chaos_failure_rate", chaos().fail(f64::NAN)),
            ("chaos_delay_rate", chaos().delay(-0.1, second)),
            ("chaos_panic_rate", chaos().panic(2.0)),
            ("chaos_delay", chaos().delay(0.1, Duration::ZERO)),
        ] {
            let settings = CallSettings { chaos: Some(chaos), ..CallSettings::default() };
            assert_eq!(CallConfig::try_from(settings).unwrap_err().field, field);
        }
        assert_eq!(chaos().validate(), Ok(()));
    }

    #[test]
    fn shares_that_sum_to_more_than_1_are_named() {
        let second = Duration::from_secs(1);
        let chaos =
            |fail, delay, panic| Chaos::default().fail(fail).delay(delay, second).panic(panic);
        for valid in [chaos(1.0, 0.0, 0.0), chaos(0.1, 0.2, 0.7), chaos(0.7, 0.2, 0.1)] {
            assert_eq!(valid.validate(), Ok(()), "{valid:?}");
        }
        for (invalid, error) in [
            (
                chaos(0.8, 0.3, 0.0),
                "chaos_delay_rate = 0.3 is not valid: expected at most 0.2, so that the shares sum to at most 1, with \
                 chaos_failure_rate = 0.8",
            ),
            (
                chaos(0.1, 0.6, 0.4),
                "chaos_panic_rate = 0.4 is not valid: expected at most 0.3, so that the shares sum to at most 1, with \
                 chaos_delay_rate = 0.6",
            ),
        ] {
            assert_eq!(invalid.validate().unwrap_err().to_string(), error);
        }
    }

    #[test]
    fn it_is_on_if_a_share_is_above_0() {
        assert!(!Chaos::default().seed(1).is_on());
        assert!(Chaos::default().panic(0.001).is_on());
    }

    #[test]
    fn it_says_what_happens_to_the_attempts() {
        let chaos = Chaos::default().fail(0.1).delay(0.07, Duration::from_millis(1_500)).seed(7);
        assert_eq!(
            chaos.to_string(),
            "10 % of the attempts fail, 7 % are delayed by 1.500s, 0 % panic, with seed 7"
        );
    }
}
