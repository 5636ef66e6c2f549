//! The streak of consecutive failures, told apart from successes that nobody reported.
//!
//! In closed state a success is one atomic add on its epoch's counter and reaches no actor. So a
//! failure brings along the value that the counter had when the failure happened: where it differs
//! from the one before, a success lay between the two.

/// Consecutive failures of one closed epoch.
///
/// Failures may arrive in another order than they happened: one that carries an older counter
/// value belongs to a streak that a success has ended, and is not counted.
#[derive(Debug, Clone, Default)]
pub(crate) struct Streak {
    failures: u32,
    successes_seen: u64,
}

impl Streak {
    /// Counts a failure that happened when the epoch's counter stood at `successes`, and returns
    /// the length of the current streak.
    pub(crate) fn record_failure(&mut self, successes: u64) -> u32 {
        if successes > self.successes_seen {
            self.successes_seen = successes;
            self.failures = 1;
        } else if successes == self.successes_seen {
            self.failures = self.failures.saturating_add(1);
        }
        self.failures
    }

    /// The length of the streak for a reader who sees the counter at `successes` now.
    pub(crate) fn len(&self, successes: u64) -> u32 {
        if successes > self.successes_seen { 0 } else { self.failures }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_without_a_success_between_add_up() {
        let mut streak = Streak::default();
        assert_eq!([0, 0, 0].map(|at| streak.record_failure(at)), [1, 2, 3]);
        assert_eq!(streak.len(0), 3);
    }

    #[test]
    fn a_success_between_starts_the_streak_again() {
        let mut streak = Streak::default();
        assert_eq!([0, 0, 1, 1].map(|at| streak.record_failure(at)), [1, 2, 1, 2]);
    }

    #[test]
    fn a_reader_who_sees_a_later_success_sees_no_streak() {
        let mut streak = Streak::default();
        streak.record_failure(0);
        assert_eq!((streak.len(0), streak.len(1)), (1, 0));
    }

    #[test]
    fn a_failure_from_before_the_last_success_that_arrives_late_is_not_counted() {
        let mut streak = Streak::default();
        assert_eq!(streak.record_failure(1), 1);
        assert_eq!(streak.record_failure(0), 1);
        assert_eq!(streak.record_failure(1), 2);
    }
}
