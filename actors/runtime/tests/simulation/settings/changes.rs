//! Other settings, for changes at run time.

use std::time::Duration;

use rand::{RngExt as _, rngs::SmallRng};
use resilience_actors::{BreakerSettings, Chaos, HedgeDelay};

use super::{
    breaker::random_breaker,
    calls::random_calls,
    policies::{
        Policies, random_budget, random_chaos, random_concurrency, random_hedge, random_rate,
    },
    random_millis,
};
use crate::support::Settings;

/// Each policy stays as it is, has other settings, or may be switched on or off.
pub(crate) fn other_calls(rng: &mut SmallRng, before: &Settings) -> Settings {
    let timeout =
        if rng.random() { before.attempt_timeout } else { random_millis(rng, 200, 2_500) };
    let policies = Policies::random(rng);
    let others = random_calls(rng, policies, timeout);
    let mut mixed = Settings {
        retry_budget: mix(rng, &before.retry_budget, others.retry_budget, random_budget),
        rate: mix(rng, &before.rate, others.rate, random_rate),
        concurrency: mix(rng, &before.concurrency, others.concurrency, random_concurrency),
        hedge: mix(rng, &before.hedge, others.hedge, |rng| random_hedge(rng, timeout)),
        chaos: mix(rng, &before.chaos, others.chaos, random_chaos),
        quiet_period: if rng.random() { before.quiet_period } else { others.quiet_period },
        throttle: if rng.random() { before.throttle.clone() } else { others.throttle },
        ..others
    };
    let delay = mixed.hedge.as_ref().map(|hedge| hedge.hedge_after);
    if matches!(delay, Some(HedgeDelay::Time(delay)) if delay >= timeout) {
        mixed.hedge = None;
    }
    let for_token = mixed.rate.as_ref().map_or(Duration::ZERO, |rate| rate.rate_wait);
    let for_place =
        mixed.concurrency.as_ref().map_or(Duration::ZERO, |limit| limit.concurrency_wait);
    mixed.call_deadline = timeout + for_token + for_place + random_millis(rng, 0, 8_000);
    mixed
}

/// The same settings, with fault injection on if it was off, and off if it was on.
pub(crate) fn with_or_without_faults(rng: &mut SmallRng, before: &Settings) -> Settings {
    let chaos = before.chaos.is_none().then(|| random_chaos(rng));
    Settings { chaos, ..before.clone() }
}

fn mix<T: Clone>(
    rng: &mut SmallRng,
    before: &Option<T>,
    other: Option<T>,
    random: impl FnOnce(&mut SmallRng) -> T,
) -> Option<T> {
    match rng.random_range(0..3) {
        0 => before.clone(),
        1 => other,
        _ => before.is_some().then(|| random(rng)),
    }
}

/// Other settings of which one breaks its rule.
pub(crate) fn invalid_calls(rng: &mut SmallRng, before: &Settings) -> Settings {
    let calls = other_calls(rng, before);
    match rng.random_range(0..4) {
        0 => Settings { chaos: Some(Chaos::default().fail(0.8).panic(0.3)), ..calls },
        1 => Settings { max_attempts: 0, ..calls },
        2 => Settings { call_deadline: calls.attempt_timeout / 2, ..calls },
        _ => Settings { jitter: 1.5, ..calls },
    }
}

/// Other settings of the breaker, or only other thresholds and times.
pub(crate) fn other_breaker(
    rng: &mut SmallRng,
    before: &BreakerSettings,
    attempt_timeout: Duration,
) -> BreakerSettings {
    let others = random_breaker(rng, attempt_timeout);
    let is_slow = before.slow_call.is_some_and(|slow_call| slow_call >= attempt_timeout);
    if is_slow || rng.random() {
        return others;
    }
    let most = before.min_calls;
    BreakerSettings {
        fail_max: if before.fail_max == 0 { 0 } else { others.fail_max.max(1) },
        streak_max_age: others.streak_max_age,
        failure_rate: before.failure_rate.map(|_| rng.random_range(0.2..1.0)),
        failures: before.failures.map(|_| rng.random_range(1..=most)),
        window: before.window,
        min_calls: before.min_calls,
        slow_call: before.slow_call,
        slow_rate: before.slow_rate.map(|_| rng.random_range(0.2..1.0)),
        ..others
    }
}
