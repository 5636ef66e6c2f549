//! How long a call waits before its next attempt.

use std::time::Duration;

use rand::{Rng, RngExt as _};

use super::settings::Retry;
use crate::config::MAX_DURATION;

/// The wait after attempt `attempt` (1 for the first): exponential, capped, at least `retry_after`, and then lengthened
/// by jitter. Jitter only lengthens a wait, so a wait is never shorter than the upstream's own `Retry-After`.
pub(crate) fn wait_after(
    attempt: u32,
    settings: &Retry,
    retry_after: Option<Duration>,
    rng: &mut impl Rng,
) -> Duration {
    let exponent = f64::from(attempt.saturating_sub(1));
    // May be infinite, never NaN: the base is above 0 and the multiplier at least 1.
    let exponential = settings.base_delay.as_secs_f64() * settings.multiplier.powf(exponent);
    let capped = exponential.min(settings.max_delay.as_secs_f64());
    let floor = retry_after.unwrap_or_default().min(MAX_DURATION).as_secs_f64();
    let jitter = 1.0 + rng.random_range(0.0..=settings.jitter);
    Duration::from_secs_f64(capped.max(floor) * jitter)
}

/// A random time to add to a rejection's `retry_after`, so that callers that were rejected together do not return
/// together. At most a tenth of `retry_after`, or 1 s if that is more, because clients round to seconds.
pub(crate) fn spread(retry_after: Duration, rng: &mut impl Rng) -> Duration {
    let most = (retry_after / 10).max(Duration::from_secs(1));
    most.mul_f64(rng.random_range(0.0..=1.0))
}

#[cfg(test)]
mod tests {
    use rand::{SeedableRng, rngs::SmallRng};

    use super::*;

    fn rng() -> SmallRng {
        SmallRng::seed_from_u64(1)
    }

    #[test]
    fn waits_double_up_to_the_cap() {
        let settings = Retry { jitter: 0.0, ..Default::default() };
        let waits: Vec<_> =
            (1..=6).map(|attempt| wait_after(attempt, &settings, None, &mut rng())).collect();
        assert_eq!(waits, [1, 2, 4, 8, 10, 10].map(Duration::from_secs));
    }

    #[test]
    fn jitter_lengthens_each_wait_by_a_random_share_of_up_to_a_tenth() {
        let (settings, mut rng) = (Retry::default(), rng());
        let waits: Vec<_> =
            (0..10_000).map(|_| wait_after(3, &settings, None, &mut rng).as_secs_f64()).collect();
        let (least, most) = waits
            .iter()
            .fold((f64::MAX, 0.0_f64), |(least, most), &wait| (least.min(wait), most.max(wait)));
        assert!((4.0..4.01).contains(&least) && (4.39..=4.4).contains(&most), "{least} {most}");
    }

    #[test]
    fn attempt_ten_thousand_waits_for_the_cap_without_overflow() {
        let settings = Retry { multiplier: 1_000.0, jitter: 1.0, ..Default::default() };
        for attempt in [10_000, u32::MAX] {
            let wait = wait_after(attempt, &settings, None, &mut rng());
            assert!((10.0..=20.0).contains(&wait.as_secs_f64()), "{wait:?}");
        }
    }

    #[test]
    fn retry_after_is_the_minimum_wait_and_may_exceed_the_cap() {
        let settings = Retry::default();
        let wait = |attempt, floor| {
            wait_after(attempt, &settings, Some(Duration::from_secs(floor)), &mut rng())
                .as_secs_f64()
        };
        assert!((15.0..=16.5).contains(&wait(1, 15)));
        assert!((8.0..=8.8).contains(&wait(4, 3)), "a floor below the wait changes nothing");
        assert!((0.0..=MAX_DURATION.as_secs_f64() * 1.1).contains(&wait(1, u64::MAX)));
    }

    #[test]
    fn the_spread_is_at_most_a_tenth_of_the_wait_or_one_second() {
        let mut rng = rng();
        for _ in 0..1_000 {
            assert!(spread(Duration::from_secs(30), &mut rng) <= Duration::from_secs(3));
            assert!(spread(Duration::ZERO, &mut rng) <= Duration::from_secs(1));
        }
    }
}
