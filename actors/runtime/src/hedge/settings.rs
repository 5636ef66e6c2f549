//! Settings of hedging.

use std::{ops::RangeInclusive, time::Duration};

use serde::{Deserialize, Serialize};

use crate::config::{InvalidConfig, in_range, positive};

/// When a second attempt is made beside one that takes long.
///
/// ```
/// # use std::time::Duration;
/// # use resilience_actors::Hedge;
/// let fixed = Hedge::after(Duration::from_millis(200));
/// let measured = Hedge::after_percentile(0.95).at_most(2);
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hedge {
    /// The delay before each further attempt.
    pub hedge_after: HedgeDelay,
    /// Maximum number of further attempts beside one: [`MAX`](Self::MAX), default 1.
    #[serde(default = "one")]
    pub hedge_max: u32,
}

/// The delay before a further attempt.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum HedgeDelay {
    /// This time: one of [`DURATIONS`](crate::DURATIONS).
    #[serde(with = "crate::seconds")]
    Time(Duration),
    /// The time in which this share of the latest attempts was answered: [`Hedge::PERCENTILE`]. Until there were
    /// [`Hedge::LEAST_SAMPLES`] answers, there is no further attempt.
    Percentile(f64),
}

fn one() -> u32 {
    1
}

impl Hedge {
    /// Range of [`hedge_max`](Self::hedge_max).
    pub const MAX: RangeInclusive<u32> = 1..=10;
    /// Range of a percentile, as a share.
    pub const PERCENTILE: RangeInclusive<f64> = 0.5..=0.999;
    /// Number of answers from which on a percentile is known.
    pub const LEAST_SAMPLES: u64 = 20;

    /// A further attempt after this time.
    pub fn after(time: Duration) -> Self {
        Self { hedge_after: HedgeDelay::Time(time), hedge_max: one() }
    }

    /// A further attempt after the time in which this share of the latest attempts was answered.
    pub fn after_percentile(share: f64) -> Self {
        Self { hedge_after: HedgeDelay::Percentile(share), hedge_max: one() }
    }

    /// Sets the maximum number of further attempts beside one, each a delay after the one before.
    pub fn at_most(self, attempts: u32) -> Self {
        Self { hedge_max: attempts, ..self }
    }

    pub(crate) fn validate(&self) -> Result<(), InvalidConfig> {
        match self.hedge_after {
            HedgeDelay::Time(time) => positive("hedge_after", time)?,
            HedgeDelay::Percentile(share) => in_range("hedge_after", share, Self::PERCENTILE)?,
        }
        in_range("hedge_max", self.hedge_max, Self::MAX)
    }
}
