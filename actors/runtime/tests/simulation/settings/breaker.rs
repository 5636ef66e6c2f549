//! Random settings of the breaker and of its probes.

use std::time::Duration;

use rand::{RngExt as _, rngs::SmallRng};
use resilience_actors::{BreakerSettings, Probe, Window};

use super::{random_millis, sometimes};

pub(super) fn random_breaker(rng: &mut SmallRng, attempt_timeout: Duration) -> BreakerSettings {
    let reset_timeout = random_millis(rng, 500, 5_000);
    let mut breaker = BreakerSettings {
        fail_max: rng.random_range(1..=6),
        reset_timeout,
        reset_backoff: sometimes(rng, |rng| rng.random_range(1.0..3.0)).unwrap_or(1.0),
        reset_max: reset_timeout + random_millis(rng, 0, 10_000),
        half_open_max_calls: rng.random_range(1..=4),
        success_threshold: rng.random_range(1..=4),
        trial_lease: attempt_timeout + random_millis(rng, 0, 2_000),
        ..BreakerSettings::default()
    };
    if rng.random() {
        add_trips(rng, &mut breaker, attempt_timeout);
    }
    breaker
}

pub(super) fn random_probe(
    rng: &mut SmallRng,
    breaker: &BreakerSettings,
    timeout: Duration,
) -> Probe {
    let interval = random_millis(rng, 10, 1_000).min(breaker.reset_timeout / 2);
    Probe::every(interval).successes(rng.random_range(1..=3)).timeout(timeout)
}

/// Adds trips to the streak, or puts them in its place.
fn add_trips(rng: &mut SmallRng, breaker: &mut BreakerSettings, attempt_timeout: Duration) {
    breaker.min_calls = rng.random_range(1..=10);
    breaker.window = match rng.random() {
        true => Window::Calls(breaker.min_calls + rng.random_range(0..=20)),
        false => Window::Time(random_millis(rng, 500, 5_000)),
    };
    breaker.streak_max_age = sometimes(rng, |rng| random_millis(rng, 100, 3_000));
    breaker.slow_rate = sometimes(rng, |rng| rng.random_range(0.2..1.0));
    breaker.slow_call =
        breaker.slow_rate.map(|_| random_millis(rng, 20, 1_000).min(attempt_timeout / 2));
    let most = breaker.min_calls;
    breaker.failure_rate = sometimes(rng, |rng| rng.random_range(0.2..1.0));
    breaker.failures = sometimes(rng, |rng| rng.random_range(1..=most));
    let other_trip = breaker.failure_rate.is_some() || breaker.failures.is_some();
    if other_trip && rng.random() {
        breaker.fail_max = 0;
    }
}
