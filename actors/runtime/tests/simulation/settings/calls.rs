//! Random settings of calls.

use std::time::Duration;

use rand::{RngExt as _, rngs::SmallRng};
use resilience_actors::{Backoff, BreakerScope, JitterMode, QuietPeriod, Throttle};

use super::{
    policies::{
        Policies, random_budget, random_chaos, random_concurrency, random_hedge, random_rate,
    },
    random_millis, sometimes,
};
use crate::support;

pub(super) fn random_calls(
    rng: &mut SmallRng,
    policies: Policies,
    attempt_timeout: Duration,
) -> support::Settings {
    let rate = policies.some(rng, random_rate);
    let concurrency = policies.some(rng, random_concurrency);
    let hedge = policies.some(rng, |rng| random_hedge(rng, attempt_timeout));
    let for_token = rate.as_ref().map_or(Duration::ZERO, |rate| rate.rate_wait);
    let for_place = concurrency.as_ref().map_or(Duration::ZERO, |limit| limit.concurrency_wait);
    support::Settings {
        retry_budget: policies.some(rng, random_budget),
        attempt_timeout,
        call_deadline: attempt_timeout + for_token + for_place + random_millis(rng, 0, 8_000),
        connect_retries: rng.random_range(0..=2),
        scope: if rng.random() { BreakerScope::Call } else { BreakerScope::Attempt },
        throttle: policies.some(rng, |rng| Throttle::ratio(rng.random_range(1.0..3.0))),
        rate,
        concurrency,
        hedge,
        quiet_period: policies.some(rng, |rng| QuietPeriod::up_to(random_millis(rng, 100, 6_000))),
        chaos: policies.some(rng, random_chaos),
        ..random_retries(rng)
    }
}

fn random_retries(rng: &mut SmallRng) -> support::Settings {
    let base_delay = random_millis(rng, 50, 1_000);
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
        ..support::Settings::default()
    }
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
