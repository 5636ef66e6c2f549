//! Settings of throttling.

use std::ops::RangeInclusive;

use serde::{Deserialize, Serialize};

use crate::config::{InvalidConfig, in_range};

/// How soon attempts are rejected instead of being made at an upstream that refuses many. Those of each
/// [priority](crate::CallOptions::priority) are counted apart.
///
/// ```
/// # use resilience_actors::Throttle;
/// let throttle = Throttle::default();
/// let stricter = Throttle::ratio(1.1);
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Throttle {
    /// Attempts may be this many times those that the upstream accepts: [`RATIO`](Self::RATIO), default 2. A lower
    /// ratio makes fewer attempts in vain, and notices later that the upstream accepts more again.
    pub throttle_ratio: f64,
}

impl Throttle {
    /// Range of [`throttle_ratio`](Self::throttle_ratio).
    pub const RATIO: RangeInclusive<f64> = 1.0..=100.0;

    /// Lets attempts be this many times those that the upstream accepts.
    pub fn ratio(ratio: f64) -> Self {
        Self { throttle_ratio: ratio }
    }

    pub(crate) fn validate(&self) -> Result<(), InvalidConfig> {
        in_range("throttle_ratio", self.throttle_ratio, Self::RATIO)
    }
}

impl Default for Throttle {
    /// The ratio is the one that the source of the rule prefers.
    fn default() -> Self {
        Self::ratio(2.0)
    }
}
