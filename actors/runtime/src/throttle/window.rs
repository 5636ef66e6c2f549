//! What the upstream did with the attempts of the last two minutes.

use std::time::{Duration, Instant};

use super::rule::Levels;
use crate::{
    limit::Priority,
    slices::{SLICES, Slices},
};

/// What the rule looks at. The latest slice is not over yet, so it is up to a tenth shorter.
const WINDOW: Duration = Duration::from_secs(120);

/// The attempts of the last two minutes.
#[derive(Debug)]
pub(super) struct Window {
    slices: Slices,
    /// Number of the latest slice.
    latest: u64,
    /// The latest slices: slice n is at n modulo their number.
    counts: [Levels; SLICES as usize],
    /// Of these slices.
    sum: Levels,
}

impl Window {
    pub(super) fn new(start: Instant) -> Self {
        let (counts, sum) = Default::default();
        Self { slices: Slices::new(start, WINDOW), latest: 0, counts, sum }
    }

    /// Counts an attempt.
    pub(super) fn add(&mut self, now: Instant, priority: Priority, accepted: bool) {
        self.advance(now);
        let latest = place(self.latest);
        for levels in [&mut self.counts[latest], &mut self.sum] {
            let attempts = levels.of(priority);
            attempts.requests += 1;
            attempts.accepts += u64::from(accepted);
        }
    }

    /// The attempts in the window.
    pub(super) fn attempts(&mut self, now: Instant) -> &Levels {
        self.advance(now);
        &self.sum
    }

    /// Empties what has left the window. Time does not run backwards.
    fn advance(&mut self, now: Instant) {
        let slices = u64::from(SLICES);
        let latest = self.slices.of(now).max(self.latest);
        let first_new = (self.latest + 1).max((latest + 1).saturating_sub(slices));
        for new in first_new..=latest {
            let old = std::mem::take(&mut self.counts[place(new)]);
            self.sum.remove(&old);
        }
        self.latest = latest;
    }
}

/// Where the counts of a slice are.
fn place(slice: u64) -> usize {
    usize::try_from(slice % u64::from(SLICES)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rand::{SeedableRng as _, rngs::SmallRng};

    use super::{super::rule::Attempts, *};
    use crate::props::config;

    const SECOND: Duration = Duration::from_secs(1);
    const NORMAL: Priority = Priority::Normal;

    #[expect(clippy::disallowed_methods, reason = "a test needs some instant to begin with")]
    fn start() -> Instant {
        Instant::now()
    }

    #[test]
    fn attempts_leave_the_window_slice_by_slice() {
        let start = start();
        let mut window = Window::new(start);
        window.add(start, NORMAL, true);
        window.add(start + SECOND * 13, NORMAL, false);
        let counts = |window: &mut Window, after| {
            let Attempts { requests, accepts } = window.attempts(start + SECOND * after).sum();
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
            let made = rng.random::<f64>() >= window.attempts(now).probability(NORMAL, ratio);
            window.add(now, NORMAL, made && recovered.is_some());
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
            window.add(start + SECOND * second, NORMAL, true);
        }
        assert_eq!(window.attempts(start).sum().requests, 120);
        window.add(start + SECOND * 100_000, NORMAL, false);
        assert_eq!(window.attempts(start).sum(), Attempts { requests: 1, accepts: 0 });
    }

    proptest! {
        #![proptest_config(config())]

        /// Against all attempts, kept with their instants.
        #[test]
        fn the_window_has_the_attempts_of_the_last_two_minutes_but_for_a_slice(
            steps in prop::collection::vec((0_u64..20_000, 0_usize..5, 0_usize..4, any::<bool>()), 1..80),
        ) {
            let (start, mut now) = (start(), Duration::ZERO);
            let (mut window, mut attempts) = (Window::new(start), Vec::new());
            for (millis, count, level, accepted) in steps {
                now += Duration::from_millis(millis);
                for _ in 0..count {
                    window.add(start + now, Priority::ALL[level], accepted);
                    attempts.push((now, Priority::ALL[level], accepted));
                }
                let mut counts = *window.attempts(start + now);
                for priority in Priority::ALL {
                    let within = |time: Duration, all: bool| {
                        let of_priority = attempts.iter().filter(|(_, of, _)| *of == priority);
                        let counted = of_priority.filter(|(at, _, accepted)| now - *at < time && (all || *accepted));
                        counted.count() as u64
                    };
                    let seen = *counts.of(priority);
                    for (seen, all) in [(seen.requests, true), (seen.accepts, false)] {
                        let range = within(WINDOW - WINDOW / SLICES, all)..=within(WINDOW, all);
                        prop_assert!(range.contains(&seen), "{} is not in {:?}", seen, range);
                    }
                }
            }
        }
    }
}
