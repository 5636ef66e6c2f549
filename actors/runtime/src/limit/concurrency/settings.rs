//! Settings of the concurrency limit.

use std::{ops::RangeInclusive, time::Duration};

use serde::{Deserialize, Serialize};

use crate::config::{InvalidConfig, at_least, in_range, positive};

/// How many attempts may be in flight at an upstream at a time, and how many more may wait for a place.
///
/// ```
/// # use std::time::Duration;
/// # use resilience_actors::Concurrency;
/// let limit = Concurrency::at_most(10).queue(100).wait(Duration::from_millis(500));
/// let adaptive = Concurrency::adaptive(4..=200);
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Concurrency {
    /// Maximum number of attempts in flight, default 25.
    pub concurrency_max: ConcurrencyMax,
    /// Maximum number of attempts that wait for a place, in order of arrival: [`QUEUE`](Self::QUEUE), default 0.
    pub concurrency_queue: usize,
    /// Longest wait for a place: one of [`DURATIONS`](crate::DURATIONS), default 1 s.
    #[serde(with = "crate::seconds")]
    pub concurrency_wait: Duration,
    /// True if more important attempts get places first, and less important ones are rejected first, default false.
    pub concurrency_priorities: bool,
}

/// Maximum number of attempts in flight.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ConcurrencyMax {
    /// This number: [`Concurrency::MAX`].
    Fixed(usize),
    /// What the latency of the upstream allows.
    #[serde(rename = "auto")]
    Adaptive {
        /// The lowest limit: [`Concurrency::MAX`].
        floor: usize,
        /// The highest limit: [`Concurrency::MAX`], no less than the floor.
        ceiling: usize,
    },
}

impl ConcurrencyMax {
    /// A limit that follows latency, in a range that suits most upstreams.
    pub const AUTO: Self = Self::Adaptive { floor: 4, ceiling: 200 };
}

impl Concurrency {
    /// Range of [`concurrency_max`](Self::concurrency_max), of its floor and of its ceiling.
    pub const MAX: RangeInclusive<usize> = 1..=1_000_000;
    /// Range of [`concurrency_queue`](Self::concurrency_queue).
    pub const QUEUE: RangeInclusive<usize> = 0..=1_000_000;

    /// At most `max` attempts in flight. Further attempts are rejected at once.
    pub fn at_most(max: usize) -> Self {
        Self { concurrency_max: ConcurrencyMax::Fixed(max), ..Self::default() }
    }

    /// As many attempts in flight as the latency of the upstream allows, within `range`. The limit falls while latency
    /// is above what it is without load, and while the upstream refuses attempts ([`Outcome::Throttled`]) or does not
    /// answer within their timeout. It grows while it is used and latency stays low.
    ///
    /// [`Outcome::Throttled`]: crate::Outcome::Throttled
    pub fn adaptive(range: RangeInclusive<usize>) -> Self {
        let (floor, ceiling) = range.into_inner();
        Self { concurrency_max: ConcurrencyMax::Adaptive { floor, ceiling }, ..Self::default() }
    }

    /// Lets this many attempts wait for a place.
    pub fn queue(self, attempts: usize) -> Self {
        Self { concurrency_queue: attempts, ..self }
    }

    /// Sets the longest wait for a place.
    pub fn wait(self, longest: Duration) -> Self {
        Self { concurrency_wait: longest, ..self }
    }

    /// Gives places to more important attempts first ([`CallOptions::priority`](crate::CallOptions::priority)), and
    /// rejects less important ones first. While all places are taken, a share of the arriving attempts is rejected at
    /// once, by the load of the last window, so that the queue has room for the more important ones. In the queue they
    /// come first. If they alone take all places, the others get none.
    ///
    /// Without a queue, an attempt of any priority is rejected if no place is free.
    pub fn priorities(self) -> Self {
        Self { concurrency_priorities: true, ..self }
    }

    pub(crate) fn validate(&self) -> Result<(), InvalidConfig> {
        match self.concurrency_max {
            ConcurrencyMax::Fixed(max) => in_range("concurrency_max", max, Self::MAX)?,
            ConcurrencyMax::Adaptive { floor, ceiling } => {
                in_range("concurrency_floor", floor, Self::MAX)?;
                in_range("concurrency_ceiling", ceiling, Self::MAX)?;
                at_least("concurrency_ceiling", ceiling, "concurrency_floor", floor)?;
            }
        }
        in_range("concurrency_queue", self.concurrency_queue, Self::QUEUE)?;
        positive("concurrency_wait", self.concurrency_wait)
    }
}

impl Default for Concurrency {
    /// The limit is resilience4j's.
    fn default() -> Self {
        Self {
            concurrency_max: ConcurrencyMax::Fixed(25),
            concurrency_queue: 0,
            concurrency_wait: Duration::from_secs(1),
            concurrency_priorities: false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_that_is_none_is_refused() {
        let refused = |limit: Concurrency| limit.validate().unwrap_err().to_string();
        assert_eq!(
            refused(Concurrency::adaptive(RangeInclusive::new(9, 8))),
            "concurrency_ceiling = 8 is not valid: expected no less than concurrency_floor = 9"
        );
        let floor = "concurrency_floor = 0 is not valid: expected a number from 1 to 1000000";
        assert_eq!(refused(Concurrency::adaptive(0..=8)), floor);
        assert_eq!(Concurrency::adaptive(8..=8).validate(), Ok(()));
    }
}
