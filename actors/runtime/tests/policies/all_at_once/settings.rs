//! Settings with every policy on. Times are short, so that much happens in a second.

use std::time::Duration;

use rand::{RngExt as _, rngs::SmallRng};
use resilience_actors::{
    Breaker, BreakerSettings, CallSettings, Chaos, Concurrency, Hedge, QuietPeriod, Rate, Retry,
    RetryBudget, Throttle,
};

pub(super) const SLOW_CALL: Duration = millis(25);
pub(super) const TIMEOUT: Duration = millis(80);

pub(super) const fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// One trial at a time. Its lease is longer than the test, so that a lost trial stays in flight until the end.
pub(super) fn breaker() -> BreakerSettings {
    let trips = Breaker::failure_rate(0.7).or_slow_rate(0.3, SLOW_CALL).over_calls(50);
    BreakerSettings { trial_lease: Duration::from_secs(600), ..trips.reset_after(millis(30)) }
}

/// Each policy is on, with random settings.
pub(super) fn calls(rng: &mut SmallRng) -> CallSettings {
    let number = rng.random_range(1..=10_u32);
    let limit = match number {
        1..4 => Concurrency::at_most(50),
        _ => Concurrency::adaptive(25..=80),
    };
    let hedge = match number {
        1..6 => Hedge::after(millis(2)),
        _ => Hedge::after_percentile(0.9),
    };
    let rate = Rate::per_second(2_000 * number).burst(10 * number).wait(millis(5));
    // A low ratio rejects many of the calls once the upstream has refused some.
    let throttle = Throttle::ratio(if number == 2 { 1.0 } else { 2.0 });
    // A low share refuses many of the retries.
    let budget = RetryBudget::share(if number < 4 { 0.01 } else { 0.3 });
    let chaos = Chaos::default().fail(0.02).delay(0.02, millis(5)).panic(0.005);
    CallSettings {
        retry: Some(Retry::exponential(millis(2)).attempts(1 + number % 4)),
        retry_budget: Some(budget.min_per_second(1.0)),
        attempt_timeout: Some(TIMEOUT),
        call_deadline: Some(millis(300)),
        connect_retries: 1,
        throttle: Some(throttle),
        rate: Some(rate),
        concurrency: Some(limit.queue(30).wait(millis(10)).priorities()),
        hedge: Some(hedge.at_most(1 + number % 2)),
        quiet_period: Some(QuietPeriod::up_to(millis(5))),
        chaos: Some(chaos),
        ..CallSettings::default()
    }
}
