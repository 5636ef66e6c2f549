//! Attempts and failures of the last 10 seconds.

use std::time::Instant;

/// Number of slices of one second each.
const SLICES: usize = 10;

/// Numbers of attempts and failures.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Tried {
    pub(super) attempts: u64,
    pub(super) failures: u64,
}

impl Tried {
    /// Share of failures. 0 without an attempt.
    #[expect(clippy::cast_precision_loss, reason = "a share needs no more than 52 bits")]
    pub(super) fn failure_rate(self) -> f64 {
        if self.attempts == 0 { 0.0 } else { self.failures as f64 / self.attempts as f64 }
    }

    pub(super) fn add(&mut self, other: Self) {
        self.attempts += other.attempts;
        self.failures += other.failures;
    }
}

/// Counts the attempts of the last 10 s, in slices of a second.
#[derive(Debug, Default)]
pub(super) struct FailureWindow {
    /// The beginning of the first slice.
    began: Option<Instant>,
    /// Each with the number of its second since the beginning.
    slices: [(u64, Tried); SLICES],
}

impl FailureWindow {
    /// Counts an attempt.
    pub(super) fn count(&mut self, failed: bool, now: Instant) {
        let second = self.second(now);
        let slot = usize::try_from(second).unwrap_or(0) % SLICES;
        let (of, tried) = &mut self.slices[slot];
        if *of != second {
            (*of, *tried) = (second, Tried::default());
        }
        tried.add(Tried { attempts: 1, failures: u64::from(failed) });
    }

    /// The attempts of the last 10 s, or of a second less.
    pub(super) fn sum(&mut self, now: Instant) -> Tried {
        let second = self.second(now);
        let mut sum = Tried::default();
        for (of, tried) in &self.slices {
            if second.saturating_sub(*of) < SLICES as u64 {
                sum.add(*tried);
            }
        }
        sum
    }

    fn second(&mut self, now: Instant) -> u64 {
        let began = *self.began.get_or_insert(now);
        now.saturating_duration_since(began).as_secs()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn attempts_of_the_last_ten_seconds_count() {
        let (mut window, start) = (FailureWindow::default(), Instant::now());
        let at = |seconds: f64| start + Duration::from_secs_f64(seconds);
        window.count(true, at(0.0));
        window.count(false, at(0.9));
        window.count(true, at(5.0));
        assert_eq!(window.sum(at(9.9)), Tried { attempts: 3, failures: 2 });
        assert_eq!(window.sum(at(10.0)), Tried { attempts: 1, failures: 1 });
        window.count(false, at(10.5));
        assert_eq!(window.sum(at(10.5)), Tried { attempts: 2, failures: 1 });
        assert_eq!(window.sum(at(40.0)), Tried::default());
    }
}
