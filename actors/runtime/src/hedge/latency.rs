//! Percentiles of recent latencies, in constant memory.
//!
//! A histogram with buckets that grow by a constant factor, as HdrHistogram has them, in two generations: when the
//! younger one is full, it takes the place of the older one. So a percentile covers the latest one to two generations.

use std::time::Duration;

/// Buckets for each doubling of the latency. A percentile is at most 1/8 too high.
const PER_DOUBLING: u32 = 8;

/// The buckets reach from 1 us to 2^36 us, which is 19 hours.
const BUCKETS: usize = 36 * PER_DOUBLING as usize;

/// Number of latencies in a generation.
const GENERATION: u64 = 1_000;

/// Recent latencies.
#[derive(Debug)]
pub(crate) struct Latencies {
    young: Generation,
    old: Generation,
}

#[derive(Debug)]
struct Generation {
    buckets: Box<[u32; BUCKETS]>,
    count: u64,
}

impl Generation {
    fn new() -> Self {
        Self { buckets: Box::new([0; BUCKETS]), count: 0 }
    }
}

impl Latencies {
    pub(crate) fn new() -> Self {
        Self { young: Generation::new(), old: Generation::new() }
    }

    pub(crate) fn record(&mut self, latency: Duration) {
        if self.young.count == GENERATION {
            std::mem::swap(&mut self.young, &mut self.old);
            self.young.buckets.fill(0);
            self.young.count = 0;
        }
        self.young.buckets[bucket(latency)] += 1;
        self.young.count += 1;
    }

    /// The latency that this share of the recent ones does not exceed. `None` if there are fewer than `least`.
    pub(crate) fn percentile(&self, share: f64, least: u64) -> Option<Duration> {
        let count = self.young.count + self.old.count;
        if count == 0 || count < least {
            return None;
        }
        #[expect(clippy::cast_precision_loss, reason = "at most two generations")]
        let wanted = share * count as f64;
        let mut seen = 0.0;
        let pairs = self.young.buckets.iter().zip(self.old.buckets.iter());
        for (bucket, (young, old)) in pairs.enumerate() {
            seen += f64::from(young + old);
            if seen >= wanted {
                return Some(upper_bound(bucket));
            }
        }
        Some(upper_bound(BUCKETS - 1))
    }
}

/// The bucket of a latency: its doublings above 1 us, and the eighth of the doubling that it is in.
fn bucket(latency: Duration) -> usize {
    let micros = u64::try_from(latency.as_micros()).unwrap_or(u64::MAX).max(1);
    let doubling = micros.ilog2();
    // The position within the doubling, in eighths: from 0 to 7.
    let position = (u128::from(micros - (1 << doubling)) * u128::from(PER_DOUBLING)) >> doubling;
    let position = u32::try_from(position).unwrap_or(PER_DOUBLING - 1);
    ((doubling * PER_DOUBLING + position) as usize).min(BUCKETS - 1)
}

/// No latency in this bucket is higher, but for the last bucket.
fn upper_bound(bucket: usize) -> Duration {
    let bucket = u32::try_from(bucket).unwrap_or(u32::MAX);
    let (doubling, position) = (bucket / PER_DOUBLING, bucket % PER_DOUBLING);
    let base = Duration::from_micros(1 << doubling);
    base + base * (position + 1) / PER_DOUBLING
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn millis(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    #[test]
    fn a_percentile_needs_enough_latencies() {
        let mut latencies = Latencies::new();
        assert_eq!(latencies.percentile(0.5, 0), None);
        latencies.record(millis(1));
        assert_eq!(latencies.percentile(0.5, 2), None);
        latencies.record(millis(1));
        assert!(latencies.percentile(0.5, 2).is_some());
    }

    #[test]
    fn the_share_of_latencies_that_do_not_exceed_a_percentile_is_the_one_asked_for() {
        let mut latencies = Latencies::new();
        (1..=100).for_each(|latency| latencies.record(millis(latency)));
        for (share, exact) in [(0.5, 50), (0.95, 95), (0.99, 99), (0.999, 100)] {
            let percentile = latencies.percentile(share, 1).unwrap();
            assert!(
                percentile >= millis(exact) && percentile <= millis(exact).mul_f64(1.125),
                "{share}: {percentile:?}"
            );
        }
    }

    #[test]
    fn latencies_older_than_two_generations_are_forgotten() {
        let mut latencies = Latencies::new();
        (0..5 * GENERATION).for_each(|_| latencies.record(millis(900)));
        (0..2 * GENERATION).for_each(|_| latencies.record(millis(1)));
        assert!(latencies.percentile(0.999, 1).unwrap() < millis(2));
    }

    proptest! {
        #[test]
        fn a_bucket_bounds_its_latencies_by_an_eighth(micros in 1_u64..1 << 35) {
            let latency = Duration::from_micros(micros);
            let bound = upper_bound(bucket(latency));
            prop_assert!(bound >= latency, "{latency:?} {bound:?}");
            prop_assert!(bound <= latency.mul_f64(1.126) + Duration::from_micros(1), "{latency:?} {bound:?}");
        }
    }

    #[test]
    fn any_latency_has_a_bucket() {
        for latency in [Duration::ZERO, Duration::MAX, Duration::from_nanos(1)] {
            assert!(bucket(latency) < BUCKETS);
        }
    }
}
