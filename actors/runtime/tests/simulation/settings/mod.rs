//! The random settings of an episode.

mod breaker;
mod calls;
mod changes;
mod policies;

use std::time::Duration;

use breaker::{random_breaker, random_probe};
use calls::random_calls;
pub(crate) use changes::{invalid_calls, other_breaker, other_calls, with_or_without_faults};
use policies::Policies;
use rand::{RngExt as _, rngs::SmallRng};
use resilience_actors::{BreakerSettings, Probe};

use crate::support;

#[derive(Debug, Clone)]
pub(crate) struct Settings {
    pub(crate) breaker: BreakerSettings,
    /// How the open circuit is probed, if it is.
    pub(crate) probe: Option<Probe>,
    pub(crate) calls: support::Settings,
    pub(crate) max_calls: usize,
    /// Upstreams, each with its own scheduler.
    pub(crate) labs: usize,
    /// Whether callers may leave before they are answered. Where none does, some counts are known exactly.
    pub(crate) callers_leave: bool,
    /// Whether some callers share calls.
    pub(crate) callers_share: bool,
    /// Whether some callers have deadlines of their own.
    pub(crate) callers_hurry: bool,
    /// Whether some callers have a fallback.
    pub(crate) callers_fall_back: bool,
    /// Whether operators change settings. They begin with `breaker` and `calls`.
    pub(crate) settings_change: bool,
}

impl Settings {
    pub(crate) fn random(rng: &mut SmallRng) -> Self {
        let policies = Policies::random(rng);
        let attempt_timeout = random_millis(rng, 200, 2_500);
        let breaker = random_breaker(rng, attempt_timeout);
        Self {
            probe: policies.some(rng, |rng| random_probe(rng, &breaker, attempt_timeout)),
            breaker,
            calls: random_calls(rng, policies, attempt_timeout),
            max_calls: rng.random_range(1..=40),
            labs: rng.random_range(1..=3),
            callers_leave: rng.random_bool(0.7),
            callers_share: policies.some(rng, |_| ()).is_some(),
            callers_hurry: policies.some(rng, |_| ()).is_some(),
            callers_fall_back: policies.some(rng, |_| ()).is_some(),
            settings_change: rng.random_bool(0.4),
        }
    }
}

pub(crate) fn random_millis(rng: &mut SmallRng, from: u64, to: u64) -> Duration {
    Duration::from_millis(rng.random_range(from..=to))
}

/// Some value in half of the cases.
fn sometimes<T>(rng: &mut SmallRng, value: impl FnOnce(&mut SmallRng) -> T) -> Option<T> {
    rng.random::<bool>().then(|| value(rng))
}
