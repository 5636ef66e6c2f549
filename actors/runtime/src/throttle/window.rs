//! The rule: the share of attempts to reject, from what the upstream did with those of the last two minutes.

use std::time::{Duration, Instant};

use crate::slices::{SLICES, Slices};

/// What the rule looks at. The latest slice is not over yet, so it is up to a tenth shorter.
const WINDOW: Duration = Duration::from_secs(120);

/// Attempts of a time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Attempts {
    /// Attempts that the upstream answered or was working on, and those that were rejected here instead.
    pub(super) requests: u64,
    /// Those of them that the upstream did not refuse.
    pub(super) accepts: u64,
}

impl Attempts {
    /// The share of further attempts to reject: `max(0, (requests - ratio * accepts) / (requests + 1))`.
    pub(super) fn probability(self, ratio: f64) -> f64 {
        let [requests, accepts] = [self.requests, self.accepts].map(|count| count as f64);
        ((requests - ratio * accepts) / (requests + 1.0)).max(0.0)
    }
}

/// The attempts of the last two minutes.
#[derive(Debug)]
pub(super) struct Window {
    slices: Slices,
    /// Number of the latest slice.
    latest: u64,
    /// The latest slices: slice n is at n modulo their number.
    counts: [Attempts; SLICES as usize],
}

impl Window {
    pub(super) fn new(start: Instant) -> Self {
        Self { slices: Slices::new(start, WINDOW), latest: 0, counts: Default::default() }
    }

    /// Counts an attempt.
    pub(super) fn add(&mut self, now: Instant, accepted: bool) {
        let slice = self.advance(now);
        slice.requests += 1;
        slice.accepts += u64::from(accepted);
    }

    /// The attempts in the window.
    pub(super) fn attempts(&mut self, now: Instant) -> Attempts {
        self.advance(now);
        self.counts.iter().fold(Attempts::default(), |sum, slice| Attempts {
            requests: sum.requests + slice.requests,
            accepts: sum.accepts + slice.accepts,
        })
    }

    /// Empties what has left the window. Returns the latest slice: time does not run backwards.
    fn advance(&mut self, now: Instant) -> &mut Attempts {
        let slices = u64::from(SLICES);
        let latest = self.slices.of(now).max(self.latest);
        let first_new = (self.latest + 1).max((latest + 1).saturating_sub(slices));
        for new in first_new..=latest {
            *self.slice(new) = Attempts::default();
        }
        self.latest = latest;
        self.slice(latest)
    }

    fn slice(&mut self, number: u64) -> &mut Attempts {
        let count = self.counts.len() as u64;
        &mut self.counts[usize::try_from(number % count).unwrap_or_default()]
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rand::{SeedableRng as _, rngs::SmallRng};

    use super::*;
    use crate::props::config;

    const SECOND: Duration = Duration::from_secs(1);

    #[expect(clippy::disallowed_methods, reason = "a test needs some instant to begin with")]
    fn start() -> Instant {
        Instant::now()
    }

    #[test]
    fn nothing_is_rejected_while_requests_are_no_more_than_the_ratio_of_what_is_accepted() {
        for (requests, accepts, ratio, expected) in [
            (0, 0, 2.0, 0.0),
            (100, 100, 2.0, 0.0),
            (100, 50, 2.0, 0.0),
            (99, 25, 2.0, 0.49),
            (99, 0, 2.0, 0.99),
            (99, 90, 1.0, 0.09),
            (99, 90, 1.1, 0.0),
        ] {
            let probability = Attempts { requests, accepts }.probability(ratio);
            assert!((probability - expected).abs() < 1e-9, "{requests} {accepts}: {probability}");
        }
    }

    #[test]
    fn attempts_leave_the_window_slice_by_slice() {
        let start = start();
        let mut window = Window::new(start);
        window.add(start, true);
        window.add(start + SECOND * 13, false);
        let counts = |window: &mut Window, after| {
            let Attempts { requests, accepts } = window.attempts(start + SECOND * after);
            (requests, accepts)
        };
        assert_eq!(counts(&mut window, 119), (2, 1));
        assert_eq!(counts(&mut window, 120), (1, 0));
        assert_eq!(counts(&mut window, 131), (1, 0));
        assert_eq!(counts(&mut window, 132), (0, 0));
    }

    /// The time from the recovery of an upstream that refused everything for four minutes until it gets nine of ten
    /// calls.
    fn recovery(ratio: f64) -> Duration {
        let (start, mut rng, mut last) = (start(), SmallRng::seed_from_u64(1), Vec::new());
        let mut window = Window::new(start);
        for call in 0..60_000 {
            let after = SECOND * call / 30;
            let now = start + after;
            let recovered = after.checked_sub(SECOND * 240);
            let made = rng.random::<f64>() >= window.attempts(now).probability(ratio);
            window.add(now, made && recovered.is_some());
            last.push(made);
            let latest = &last[last.len().saturating_sub(300)..];
            let enough = latest.iter().filter(|made| **made).count() >= 270;
            if let Some(time) = recovered.filter(|_| enough) {
                return time;
            }
        }
        panic!("not within {:?}", SECOND * 2_000);
    }

    #[test]
    fn an_upstream_that_refused_everything_gets_its_load_back_in_minutes() {
        for (ratio, seconds) in [(2.0, 400..800), (4.0, 150..400)] {
            let time = recovery(ratio).as_secs();
            assert!(seconds.contains(&time), "{ratio}: {time} s");
        }
    }

    #[test]
    fn a_long_time_without_attempts_empties_the_window_and_a_late_reading_of_the_clock_does_not() {
        let start = start();
        let mut window = Window::new(start);
        for second in 0..120 {
            window.add(start + SECOND * second, true);
        }
        assert_eq!(window.attempts(start).requests, 120);
        window.add(start + SECOND * 100_000, false);
        assert_eq!(window.attempts(start), Attempts { requests: 1, accepts: 0 });
    }

    proptest! {
        #![proptest_config(config())]

        /// Against all attempts, kept with their instants.
        #[test]
        fn the_window_has_the_attempts_of_the_last_two_minutes_but_for_a_slice(
            steps in prop::collection::vec((0_u64..20_000, 0_usize..5, any::<bool>()), 1..80),
        ) {
            let (start, mut now) = (start(), Duration::ZERO);
            let (mut window, mut attempts) = (Window::new(start), Vec::new());
            for (millis, count, accepted) in steps {
                now += Duration::from_millis(millis);
                for _ in 0..count {
                    window.add(start + now, accepted);
                    attempts.push((now, accepted));
                }
                let counts = window.attempts(start + now);
                let within = |time: Duration, all: bool| {
                    let counted = |(at, accepted): &&(Duration, bool)| now - *at < time && (all || *accepted);
                    attempts.iter().filter(counted).count() as u64
                };
                for (seen, all) in [(counts.requests, true), (counts.accepts, false)] {
                    let range = within(WINDOW - WINDOW / SLICES, all)..=within(WINDOW, all);
                    prop_assert!(range.contains(&seen), "{} is not in {:?}", seen, range);
                }
            }
        }
    }
}
