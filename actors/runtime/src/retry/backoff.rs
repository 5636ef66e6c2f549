//! How long a call waits before its next attempt.
//!
//! Full and decorrelated jitter are those of Brooker, *Exponential Backoff and Jitter*, AWS Architecture Blog, 2015.
//! With many clients that contend for one resource, full jitter needed the least work in his simulation. Decorrelated
//! jitter took a little less time for a little more work. Proportional jitter keeps each wait at least as long
//! as the backoff says, but spreads calls over a part of it only.

use std::time::Duration;

use rand::{Rng, RngExt as _};

use super::settings::{Backoff, JitterMode, Retry};
use crate::config::MAX_DURATION;

/// The wait after attempt `attempt` (1 for the first), whose call waited for `previous` before it (`None` before the
/// first attempt). Never shorter than the upstream's `retry_after`, which is lengthened by up to the share `jitter` in
/// every mode, so that calls that were told the same time do not return together.
pub(crate) fn wait_after(
    attempt: u32,
    previous: Option<Duration>,
    settings: &Retry,
    retry_after: Option<Duration>,
    rng: &mut impl Rng,
) -> Duration {
    let longer = 1.0 + rng.random_range(0.0..=settings.jitter);
    let base = settings.base_delay.as_secs_f64();
    let wait = match settings.jitter_mode {
        JitterMode::Proportional => capped(attempt, settings) * longer,
        JitterMode::Full => rng.random_range(0.0..=capped(attempt, settings)),
        JitterMode::Decorrelated => {
            let previous = previous.map_or(base, |wait| wait.as_secs_f64().max(base));
            rng.random_range(base..=3.0 * previous).min(settings.max_delay.as_secs_f64())
        }
    };
    let floor = retry_after.unwrap_or_default().min(MAX_DURATION).as_secs_f64() * longer;
    Duration::from_secs_f64(wait.max(floor))
}

/// The wait that the backoff alone gives, in seconds.
fn capped(attempt: u32, settings: &Retry) -> f64 {
    let (base, before) = (settings.base_delay.as_secs_f64(), attempt.saturating_sub(1));
    let grown = match settings.backoff {
        // May be infinite, never NaN: the base is above 0 and the multiplier at least 1.
        Backoff::Exponential => base * settings.multiplier.powf(before.into()),
        Backoff::Linear => base * (1.0 + f64::from(before)),
        Backoff::Constant => base,
    };
    grown.min(settings.max_delay.as_secs_f64())
}

/// A random time to add to a rejection's `retry_after`, so that callers that were rejected together do not return
/// together. At most a tenth of `retry_after`, or 1 s if that is more, because clients round to seconds.
pub(crate) fn spread(retry_after: Duration, rng: &mut impl Rng) -> Duration {
    let most = (retry_after / 10).max(Duration::from_secs(1));
    most.mul_f64(rng.random_range(0.0..=1.0))
}

#[cfg(test)]
#[path = "backoff_props.rs"]
mod props;

#[cfg(test)]
mod tests {
    use rand::{SeedableRng, rngs::SmallRng};

    use super::*;

    fn rng() -> SmallRng {
        SmallRng::seed_from_u64(1)
    }

    /// The waits after the first attempts, each in seconds.
    fn waits<const N: usize>(settings: &Retry) -> [f64; N] {
        let attempts = std::array::from_fn(|number| u32::try_from(number).unwrap() + 1);
        attempts.map(|attempt| wait_after(attempt, None, settings, None, &mut rng()).as_secs_f64())
    }

    /// The shortest and the longest of many waits after attempt `attempt`, in seconds.
    fn extremes(attempt: u32, previous: Option<f64>, settings: &Retry) -> (f64, f64) {
        let (previous, mut rng) = (previous.map(Duration::from_secs_f64), rng());
        let waits = (0..10_000)
            .map(|_| wait_after(attempt, previous, settings, None, &mut rng).as_secs_f64());
        waits.fold((f64::MAX, 0.0), |(least, most), wait| (wait.min(least), wait.max(most)))
    }

    #[test]
    fn waits_double_up_to_the_cap() {
        let settings = Retry { jitter: 0.0, ..Default::default() };
        assert_eq!(waits(&settings), [1.0, 2.0, 4.0, 8.0, 10.0, 10.0]);
    }

    #[test]
    fn waits_grow_by_a_step_up_to_the_cap_or_stay_the_same() {
        let linear = Retry::linear(Duration::from_secs(3)).jitter(0.0);
        assert_eq!(waits(&linear), [3.0, 6.0, 9.0, 10.0, 10.0]);
        let constant = Retry::constant(Duration::from_secs(60)).jitter(0.0);
        assert_eq!(waits(&constant), [60.0; 3]);
    }

    #[test]
    fn jitter_lengthens_each_wait_by_a_random_share_of_up_to_a_tenth() {
        let (least, most) = extremes(3, None, &Retry::default());
        assert!((4.0..4.01).contains(&least) && (4.39..=4.4).contains(&most), "{least} {most}");
    }

    #[test]
    fn full_jitter_uses_all_from_nothing_to_the_backoffs_wait() {
        let (least, most) = extremes(3, None, &Retry::default().full_jitter());
        assert!((0.0..0.01).contains(&least) && (3.99..=4.0).contains(&most), "{least} {most}");
    }

    #[test]
    fn decorrelated_jitter_uses_all_from_the_base_to_three_times_the_wait_before_or_the_cap() {
        let settings = Retry::default().decorrelated_jitter();
        for (previous, longest) in
            [(None, 3.0), (Some(0.1), 3.0), (Some(2.0), 6.0), (Some(9.0), 10.0)]
        {
            // The number of the attempt changes nothing.
            let (least, most) = extremes(7, previous, &settings);
            assert!((1.0..1.01).contains(&least), "{least} after {previous:?}");
            assert!((longest - 0.01..=longest).contains(&most), "{most} after {previous:?}");
        }
    }

    #[test]
    fn retry_after_is_the_minimum_wait_and_may_exceed_the_cap() {
        let settings = Retry::default();
        let wait = |attempt, floor| {
            let floor = Some(Duration::from_secs(floor));
            wait_after(attempt, None, &settings, floor, &mut rng()).as_secs_f64()
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
