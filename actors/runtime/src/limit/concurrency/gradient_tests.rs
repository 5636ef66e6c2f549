//! The rule alone, and against a simulated upstream: some servers, each with one attempt at a time, and a queue.

use std::{cmp::Reverse, collections::BinaryHeap};

use proptest::prelude::*;
use rand::{SeedableRng as _, rngs::SmallRng};

use super::*;
use crate::clock;

/// Time of one attempt on a free server, on average.
const SERVICE: f64 = 0.05;

/// An upstream, and callers that make attempts at a constant rate.
struct World {
    zero: Instant,
    now: f64,
    rate: f64,
    service: f64,
    /// When each server is free.
    servers: Vec<f64>,
    /// When attempts end, and when they began.
    in_flight: BinaryHeap<Reverse<(Duration, Duration)>>,
    rng: SmallRng,
}

/// What happened in a time.
struct Seen {
    median: f64,
    /// Attempts a second.
    answered: f64,
    lowest: usize,
    highest: usize,
}

impl World {
    fn new(servers: usize, rate: f64) -> Self {
        Self {
            zero: clock::now(),
            now: 0.0,
            rate,
            service: SERVICE,
            servers: vec![0.0; servers],
            in_flight: BinaryHeap::new(),
            rng: SmallRng::seed_from_u64(7),
        }
    }

    /// Runs for `seconds`. `limit` says how many attempts may be in flight, and learns how they end.
    fn run(
        &mut self,
        seconds: f64,
        mut limit: impl FnMut(Option<(Measured, Instant)>) -> usize,
    ) -> Seen {
        let (end, mut latencies) = (self.now + seconds, Vec::new());
        let (mut lowest, mut highest) = (usize::MAX, 0);
        while self.now < end {
            self.now += 1.0 / self.rate;
            let now = Duration::from_secs_f64(self.now);
            while let Some(Reverse((ended, began))) =
                self.in_flight.peek().copied().filter(|next| next.0.0 <= now)
            {
                let latency = ended - began;
                let measured = Measured {
                    latency: Some(latency),
                    in_flight: self.in_flight.len(),
                    refused: false,
                };
                self.in_flight.pop();
                limit(Some((measured, self.zero + ended)));
                latencies.push(latency.as_secs_f64());
            }
            let max = limit(None);
            (lowest, highest) = (lowest.min(max), highest.max(max));
            if self.in_flight.len() < max {
                let service = self.service * self.rng.random_range(0.7..1.3);
                let free = self.servers.iter_mut().min_by(|a, b| a.total_cmp(b)).unwrap();
                *free = free.max(self.now) + service;
                self.in_flight.push(Reverse((Duration::from_secs_f64(*free), now)));
            }
        }
        latencies.sort_by(f64::total_cmp);
        let median = latencies[latencies.len() / 2];
        Seen { median, answered: latencies.len() as f64 / seconds, lowest, highest }
    }

    fn adaptive(&mut self, seconds: f64, gradient: &mut Gradient) -> Seen {
        self.run(seconds, |ended| match ended {
            Some((measured, now)) => gradient.record(measured, now),
            None => gradient.limit(),
        })
    }

    fn fixed(&mut self, seconds: f64, max: usize) -> Seen {
        self.run(seconds, |_| max)
    }
}

/// Servers with twice as many attempts a second as they can take.
fn overloaded(servers: usize) -> World {
    World::new(servers, 2.0 * servers as f64 / SERVICE)
}

#[test]
fn the_limit_ends_near_the_capacity_with_a_short_queue() {
    for servers in [5, 20, 100] {
        let (mut world, mut gradient) = (overloaded(servers), Gradient::new(1..=1_000));
        world.adaptive(30.0, &mut gradient);
        let seen = world.adaptive(20.0, &mut gradient);
        let limit = gradient.limit();
        assert!((servers..=2 * servers + 5).contains(&limit), "{servers} servers: {limit}");
        assert!(seen.median < 2.2 * SERVICE, "{servers} servers: {} s", seen.median);
        let capacity = servers as f64 / SERVICE;
        assert!(seen.answered > 0.95 * capacity, "{servers} servers: {}/s", seen.answered);
    }
}

#[test]
fn the_limit_follows_when_capacity_halves_and_a_fixed_one_does_not() {
    let (mut world, mut gradient) = (overloaded(40), Gradient::new(1..=1_000));
    world.adaptive(30.0, &mut gradient);
    let before = gradient.limit();
    world.servers.truncate(20);
    world.adaptive(5.0, &mut gradient);
    let after = world.adaptive(10.0, &mut gradient);
    assert!(gradient.limit() < before * 2 / 3, "from {before} to {}", gradient.limit());
    assert!(after.median < 2.0 * SERVICE, "{} s", after.median);
    assert!(after.answered > 0.95 * 20.0 / SERVICE, "{}/s", after.answered);

    let mut world = overloaded(40);
    let fixed = world.fixed(30.0, before);
    assert!(fixed.median < 2.0 * SERVICE, "{} s", fixed.median);
    world.servers.truncate(20);
    world.fixed(5.0, before);
    let fixed = world.fixed(10.0, before);
    assert!(fixed.median > 2.4 * SERVICE, "{} s", fixed.median);
}

#[test]
fn the_limit_grows_when_capacity_comes_back() {
    let (mut world, mut gradient) = (overloaded(10), Gradient::new(1..=1_000));
    world.adaptive(30.0, &mut gradient);
    world.servers.resize(40, world.now);
    world.rate = 2.0 * 40.0 / SERVICE;
    world.adaptive(15.0, &mut gradient);
    let seen = world.adaptive(10.0, &mut gradient);
    assert!(seen.answered > 0.95 * 40.0 / SERVICE, "{}/s at {}", seen.answered, gradient.limit());
}

#[test]
fn a_baseline_that_is_too_low_is_measured_again() {
    let (mut world, mut gradient) = (overloaded(20), Gradient::new(1..=1_000));
    world.adaptive(30.0, &mut gradient);
    // Each attempt takes three times as long from now on.
    world.service = 3.0 * SERVICE;
    world.adaptive(30.0, &mut gradient);
    let seen = world.adaptive(20.0, &mut gradient);
    let capacity = 20.0 / world.service;
    assert!(seen.answered > 0.9 * capacity, "{} of {capacity}/s", seen.answered);
    let baseline = gradient.baseline().unwrap().as_secs_f64();
    assert!((2.5..3.8).contains(&(baseline / SERVICE)), "{baseline}");
}

#[test]
fn a_baseline_that_was_measured_under_load_is_measured_again() {
    // The initial limit is ten times the capacity.
    let (mut world, mut gradient) = (overloaded(2), Gradient::new(1..=1_000));
    world.adaptive(30.0, &mut gradient);
    let seen = world.adaptive(20.0, &mut gradient);
    assert!(gradient.limit() <= 9, "{}", gradient.limit());
    assert!(seen.median < 4.0 * SERVICE, "{} s", seen.median);
}

#[test]
fn without_overload_the_limit_is_in_no_way() {
    let (mut world, mut gradient) = (World::new(40, 200.0), Gradient::new(4..=200));
    // 200 attempts a second need 10 of 40 servers.
    for _ in 0..60 {
        let seen = world.adaptive(1.0, &mut gradient);
        assert!(seen.lowest >= 18, "{}..{}", seen.lowest, seen.highest);
        assert!(seen.highest <= 30, "a limit that is not used does not grow: {}", seen.highest);
        assert!((seen.answered - 200.0).abs() < 25.0, "{}/s", seen.answered);
    }
}

/// Records the same sample once a millisecond.
fn record(gradient: &mut Gradient, now: &mut Instant, measured: Measured, times: u32) {
    for _ in 0..times {
        *now += Duration::from_millis(1);
        gradient.record(measured, *now);
    }
}

#[test]
fn refusals_and_timeouts_lower_the_limit_and_good_answers_raise_it_again() {
    let (mut gradient, mut now) = (Gradient::new(2..=100), clock::now());
    let (fast, slow) = (Some(Duration::from_millis(10)), Some(Duration::from_secs(3)));
    let good = |in_flight| Measured { latency: fast, in_flight, refused: false };
    record(&mut gradient, &mut now, good(20), 300);
    let high = gradient.limit();
    assert!(high > 20, "{high}");
    // In flight is far below the limit.
    for latency in [None, slow] {
        record(&mut gradient, &mut now, Measured { latency, in_flight: 3, refused: true }, 2_000);
        assert_eq!(gradient.limit(), 2);
        record(&mut gradient, &mut now, good(100), 12_000);
        assert!(gradient.limit() > 20, "{}", gradient.limit());
    }
}

#[test]
fn a_window_needs_samples_and_time() {
    let (mut gradient, began) = (Gradient::new(1..=100), clock::now());
    let good = Measured { latency: Some(Duration::from_millis(1)), in_flight: 20, refused: false };
    let limit = gradient.limit();
    for _ in 0..1_000 {
        assert_eq!(gradient.record(good, began + Duration::from_millis(99)), limit);
    }
    let mut gradient = Gradient::new(1..=100);
    for second in 0..9 {
        assert_eq!(gradient.record(good, began + Duration::from_secs(second)), limit);
    }
    assert!(gradient.record(good, began + Duration::from_secs(9)) > limit);
}

proptest! {
    #[test]
    fn the_limit_stays_between_floor_and_ceiling(
        floor in 1_usize..50,
        above in 0_usize..300,
        samples in prop::collection::vec(
            (prop::option::of(0_u64..5_000_000), 0_usize..400, any::<bool>(), 0_u64..200), 0..600),
    ) {
        let range = floor..=floor + above;
        let (mut gradient, mut now) = (Gradient::new(range.clone()), clock::now());
        prop_assert!(range.contains(&gradient.limit()));
        for (micros, in_flight, refused, wait) in samples {
            now += Duration::from_millis(wait);
            let latency = micros.map(Duration::from_micros);
            let limit = gradient.record(Measured { latency, in_flight, refused }, now);
            prop_assert!(range.contains(&limit), "{limit} of {range:?}");
            prop_assert_eq!(limit, gradient.limit());
        }
    }
}
