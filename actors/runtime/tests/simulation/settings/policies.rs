//! Random settings of the optional policies.

use std::time::Duration;

use rand::{RngExt as _, rngs::SmallRng};
use resilience_actors::{Chaos, Concurrency, Hedge, Rate, RetryBudget};

use super::random_millis;

/// The optional policies of an episode: most have few, some have many.
#[derive(Debug, Clone, Copy)]
pub(super) struct Policies {
    /// The probability of each.
    share: f64,
}

impl Policies {
    pub(super) fn random(rng: &mut SmallRng) -> Self {
        Self { share: if rng.random_bool(0.3) { 0.7 } else { 0.3 } }
    }

    /// Whether the episode has a policy, and with which settings.
    pub(super) fn some<T>(
        self,
        rng: &mut SmallRng,
        settings: impl FnOnce(&mut SmallRng) -> T,
    ) -> Option<T> {
        rng.random_bool(self.share).then(|| settings(rng))
    }
}

/// In half of the cases, attempts wait for their turn.
pub(super) fn random_rate(rng: &mut SmallRng) -> Rate {
    let rate = Rate::per(rng.random_range(1..=20), random_millis(rng, 500, 3_000));
    let wait = if rng.random() { random_millis(rng, 50, 2_000) } else { Duration::ZERO };
    rate.burst(rng.random_range(1..=10)).wait(wait)
}

pub(super) fn random_concurrency(rng: &mut SmallRng) -> Concurrency {
    let most = rng.random_range(1..=8);
    let limit = match rng.random() {
        true => Concurrency::at_most(most),
        false => Concurrency::adaptive(rng.random_range(1..=most)..=most),
    };
    let limit = limit.queue(rng.random_range(0..=8)).wait(random_millis(rng, 50, 3_000));
    if rng.random() { limit.priorities() } else { limit }
}

pub(super) fn random_hedge(rng: &mut SmallRng, attempt_timeout: Duration) -> Hedge {
    let hedge = match rng.random() {
        true => Hedge::after(random_millis(rng, 10, 1_000).min(attempt_timeout / 2)),
        false => Hedge::after_percentile(rng.random_range(Hedge::PERCENTILE)),
    };
    hedge.at_most(rng.random_range(1..=3))
}

/// Few faults, or one for each attempt, or none.
pub(super) fn random_chaos(rng: &mut SmallRng) -> Chaos {
    let chaos = match rng.random_range(0..10) {
        0 => Chaos::default(),
        1 => Chaos::default().fail(0.25).delay(0.5, random_millis(rng, 1, 3_000)).panic(0.25),
        _ => Chaos::default()
            .fail(rng.random_range(0.0..0.2))
            .delay(rng.random_range(0.0..0.3), random_millis(rng, 1, 2_000))
            .panic(rng.random_range(0.0..0.1)),
    };
    if rng.random() { chaos.seed(rng.random_range(1..=3)) } else { chaos }
}

/// A budget that is spent soon.
pub(super) fn random_budget(rng: &mut SmallRng) -> RetryBudget {
    RetryBudget::share(rng.random_range(0.0..0.5)).min_per_second(rng.random_range(0.1..0.5))
}
