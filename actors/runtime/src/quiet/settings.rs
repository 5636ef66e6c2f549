//! Settings of the quiet period.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::config::{InvalidConfig, positive};

/// All calls to an upstream stay away for the time that it asks one of them to wait.
///
/// ```
/// # use std::time::Duration;
/// # use resilience_actors::QuietPeriod;
/// let quiet = QuietPeriod::up_to(Duration::from_secs(60));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct QuietPeriod {
    /// The longest time that an answer can ask for, without the random part: one of [`DURATIONS`](crate::DURATIONS),
    /// default 5 minutes. A longer one counts as this.
    #[serde(with = "crate::seconds")]
    pub retry_after_max: Duration,
}

impl QuietPeriod {
    /// Stays away for at most this time at an answer.
    pub fn up_to(longest: Duration) -> Self {
        Self { retry_after_max: longest }
    }

    pub(crate) fn validate(&self) -> Result<(), InvalidConfig> {
        positive("retry_after_max", self.retry_after_max)
    }
}

impl Default for QuietPeriod {
    fn default() -> Self {
        Self::up_to(Duration::from_secs(300))
    }
}
