//! Waits for arbitrary valid settings.

use proptest::prelude::*;
use rand::{SeedableRng as _, rngs::SmallRng};

use super::*;
use crate::props::config;

fn duration() -> impl Strategy<Value = Duration> {
    let longest = u64::try_from(MAX_DURATION.as_nanos()).unwrap();
    prop_oneof![1..=longest, 1..=1_000_000_000_u64].prop_map(Duration::from_nanos)
}

fn retry() -> impl Strategy<Value = Retry> {
    use {Backoff::*, JitterMode::*};
    let modes = prop_oneof![
        Just((Exponential, Proportional)),
        Just((Exponential, Full)),
        Just((Exponential, Decorrelated)),
        Just((Linear, Proportional)),
        Just((Linear, Full)),
        Just((Constant, Proportional)),
        Just((Constant, Full)),
    ];
    let numbers = (Retry::MAX_ATTEMPTS, Retry::MULTIPLIER, Retry::JITTER);
    (modes, (duration(), duration()), numbers).prop_map(
        |((backoff, jitter_mode), delays, numbers)| {
            let (max_attempts, multiplier, jitter) = numbers;
            let scaled = backoff == Exponential && jitter_mode != Decorrelated;
            Retry {
                max_attempts,
                base_delay: delays.0.min(delays.1),
                backoff,
                multiplier: if scaled { multiplier } else { 2.0 },
                max_delay: delays.0.max(delays.1),
                jitter,
                jitter_mode,
            }
        },
    )
}

fn attempt() -> impl Strategy<Value = u32> {
    prop_oneof![1_u32..=20, Just(10_000), Just(u32::MAX)]
}

/// The bounds of a wait, without `retry_after`, as the documentation of the settings states them.
fn bounds(settings: &Retry, attempt: u32, previous: Option<Duration>) -> (Duration, Duration) {
    let (base, cap) = (settings.base_delay, settings.max_delay);
    let grown = Duration::from_secs_f64(capped(attempt, settings));
    match settings.jitter_mode {
        JitterMode::Proportional => (grown, grown.mul_f64(1.0 + settings.jitter)),
        JitterMode::Full => (Duration::ZERO, grown),
        JitterMode::Decorrelated => (base, (3 * previous.unwrap_or(base).max(base)).min(cap)),
    }
}

/// Numbers are rounded to a nanosecond here and there.
const ROUNDING: Duration = Duration::from_nanos(2);

proptest! {
    #![proptest_config(config())]

    #[test]
    fn a_wait_lies_within_the_bounds_of_its_mode(
        settings in retry(),
        attempt in attempt(),
        previous in proptest::option::of(duration()),
        seed: u64,
    ) {
        prop_assert_eq!(settings.validate(), Ok(()));
        let mut rng = SmallRng::seed_from_u64(seed);
        let wait = wait_after(attempt, previous, &settings, None, &mut rng);
        let (least, most) = bounds(&settings, attempt, previous);
        prop_assert!(least <= wait + ROUNDING, "{:?} is below {:?}", wait, least);
        prop_assert!(wait <= most + ROUNDING, "{:?} is above {:?}", wait, most);
    }

    #[test]
    fn the_backoff_never_shrinks_and_never_passes_the_cap(settings in retry(), attempt in attempt()) {
        let [wait, next] = [attempt, attempt.saturating_add(1)].map(|at| capped(at, &settings));
        prop_assert!(settings.base_delay.as_secs_f64() <= wait, "{}", wait);
        prop_assert!(wait <= next && next <= settings.max_delay.as_secs_f64(), "{} {}", wait, next);
    }

    #[test]
    fn a_wait_is_never_shorter_than_retry_after_and_passes_it_by_the_share_at_most(
        settings in retry(),
        attempt in attempt(),
        previous in proptest::option::of(duration()),
        floor in duration(),
        seed: u64,
    ) {
        let mut rng = SmallRng::seed_from_u64(seed);
        let wait = wait_after(attempt, previous, &settings, Some(floor), &mut rng);
        prop_assert!(wait >= floor, "{:?} is below {:?}", wait, floor);
        let most = bounds(&settings, attempt, previous).1.max(floor.mul_f64(1.0 + settings.jitter));
        prop_assert!(wait <= most + ROUNDING, "{:?} is above {:?}", wait, most);
    }
}
