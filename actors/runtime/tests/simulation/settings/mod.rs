//! The random settings of an episode.

use std::time::Duration;

use rand::{RngExt as _, rngs::SmallRng};
use resilience_actors::{
    Backoff, BreakerScope, BreakerSettings, Concurrency, JitterMode, Probe, QuietPeriod, Rate,
    Throttle, Window,
};

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
}

impl Settings {
    pub(crate) fn random(rng: &mut SmallRng) -> Self {
        let attempt_timeout = random_millis(rng, 200, 2_500);
        let breaker = random_breaker(rng, attempt_timeout);
        Self {
            probe: sometimes(rng, |rng| random_probe(rng, &breaker, attempt_timeout)),
            breaker,
            calls: random_calls(rng, attempt_timeout),
            max_calls: rng.random_range(1..=40),
            labs: rng.random_range(1..=3),
            callers_leave: rng.random_bool(0.7),
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

fn random_breaker(rng: &mut SmallRng, attempt_timeout: Duration) -> BreakerSettings {
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

fn random_probe(rng: &mut SmallRng, breaker: &BreakerSettings, timeout: Duration) -> Probe {
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

fn random_calls(rng: &mut SmallRng, attempt_timeout: Duration) -> support::Settings {
    let base_delay = random_millis(rng, 50, 1_000);
    let concurrency = random_concurrency(rng);
    let longest_wait = concurrency.as_ref().map_or(Duration::ZERO, |limit| limit.concurrency_wait);
    let (backoff, jitter_mode) = random_modes(rng);
    // The multiplier has no effect otherwise.
    let scaled = backoff == Backoff::Exponential && jitter_mode != JitterMode::Decorrelated;
    support::Settings {
        max_attempts: rng.random_range(1..=5),
        base_delay,
        backoff,
        multiplier: if scaled { rng.random_range(1.0..3.0) } else { 2.0 },
        max_delay: base_delay + random_millis(rng, 0, 4_000),
        jitter: sometimes(rng, |rng| rng.random_range(0.0..1.0)).unwrap_or(0.0),
        jitter_mode,
        retry_budget: None,
        attempt_timeout,
        call_deadline: attempt_timeout + longest_wait + random_millis(rng, 0, 8_000),
        connect_retries: rng.random_range(0..=2),
        scope: if rng.random() { BreakerScope::Call } else { BreakerScope::Attempt },
        throttle: sometimes(rng, |rng| Throttle::ratio(rng.random_range(1.0..3.0))),
        rate: random_rate(rng),
        concurrency,
        hedge: None,
        quiet_period: sometimes(rng, |rng| QuietPeriod::up_to(random_millis(rng, 100, 6_000))),
    }
}

/// Attempts do not wait for their turn.
fn random_rate(rng: &mut SmallRng) -> Option<Rate> {
    sometimes(rng, |rng| {
        let rate = Rate::per(rng.random_range(1..=20), random_millis(rng, 500, 3_000));
        rate.burst(rng.random_range(1..=10))
    })
}

fn random_concurrency(rng: &mut SmallRng) -> Option<Concurrency> {
    sometimes(rng, |rng| {
        let limit = Concurrency::at_most(rng.random_range(1..=8));
        limit.queue(rng.random_range(0..=8)).wait(random_millis(rng, 50, 3_000))
    })
}

/// The defaults in half of the cases.
fn random_modes(rng: &mut SmallRng) -> (Backoff, JitterMode) {
    use {Backoff::*, JitterMode::*};
    let others = [
        (Exponential, Full),
        (Exponential, Decorrelated),
        (Linear, Proportional),
        (Linear, Full),
        (Constant, Proportional),
        (Constant, Full),
    ];
    sometimes(rng, |rng| others[rng.random_range(0..others.len())])
        .unwrap_or((Exponential, Proportional))
}
