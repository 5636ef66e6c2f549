//! Settings of the concurrency limit.

use std::{ops::RangeInclusive, time::Duration};

use serde::{Deserialize, Serialize};

use crate::config::{InvalidConfig, in_range, positive};

/// How many attempts may be in flight at an upstream at a time, and how many more may wait for a place.
///
/// ```
/// # use std::time::Duration;
/// # use resilience_actors::Concurrency;
/// let limit = Concurrency::at_most(10).queue(100).wait(Duration::from_millis(500));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Concurrency {
    /// Maximum number of attempts in flight: [`MAX`](Self::MAX), default 25.
    pub concurrency_max: usize,
    /// Maximum number of attempts that wait for a place, in order of arrival: [`QUEUE`](Self::QUEUE), default 0.
    pub concurrency_queue: usize,
    /// Longest wait for a place: one of [`DURATIONS`](crate::DURATIONS), default 1 s.
    #[serde(with = "crate::seconds")]
    pub concurrency_wait: Duration,
}

impl Concurrency {
    /// Range of [`concurrency_max`](Self::concurrency_max).
    pub const MAX: RangeInclusive<usize> = 1..=1_000_000;
    /// Range of [`concurrency_queue`](Self::concurrency_queue).
    pub const QUEUE: RangeInclusive<usize> = 0..=1_000_000;

    /// At most `max` attempts in flight. Further attempts are rejected at once.
    pub fn at_most(max: usize) -> Self {
        Self { concurrency_max: max, ..Self::default() }
    }

    /// Lets this many attempts wait for a place.
    pub fn queue(self, attempts: usize) -> Self {
        Self { concurrency_queue: attempts, ..self }
    }

    /// Sets the longest wait for a place.
    pub fn wait(self, longest: Duration) -> Self {
        Self { concurrency_wait: longest, ..self }
    }

    pub(crate) fn validate(&self) -> Result<(), InvalidConfig> {
        in_range("concurrency_max", self.concurrency_max, Self::MAX)?;
        in_range("concurrency_queue", self.concurrency_queue, Self::QUEUE)?;
        positive("concurrency_wait", self.concurrency_wait)
    }
}

impl Default for Concurrency {
    /// The limit is resilience4j's.
    fn default() -> Self {
        Self { concurrency_max: 25, concurrency_queue: 0, concurrency_wait: Duration::from_secs(1) }
    }
}
