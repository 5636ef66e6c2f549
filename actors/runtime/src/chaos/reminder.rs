//! When to remind of fault injection that is still on.

use std::time::{Duration, Instant};

/// Minimum time between two reminders.
const INTERVAL: Duration = Duration::from_secs(60);

/// Decides at each attempt whether to remind, so that it needs no timer.
#[derive(Debug)]
pub(super) struct Reminder {
    /// When the last line was written.
    last: Instant,
    /// Faults since then.
    faults: u64,
}

impl Reminder {
    /// A line was written at `now`.
    pub(super) fn new(now: Instant) -> Self {
        Self { last: now, faults: 0 }
    }

    /// Takes in an attempt. Returns the faults since the last line and the time since then, if a line is due.
    pub(super) fn attempt(&mut self, now: Instant, with_fault: bool) -> Option<(u64, Duration)> {
        self.faults += u64::from(with_fault);
        let since = now.saturating_duration_since(self.last);
        if since < INTERVAL {
            return None;
        }
        let faults = self.faults;
        *self = Self::new(now);
        Some((faults, since))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[expect(clippy::disallowed_methods, reason = "a test needs some instant to begin with")]
    fn it_reminds_at_most_once_a_minute_of_the_faults_since_the_last_time() {
        let (start, second) = (Instant::now(), Duration::from_secs(1));
        let mut reminder = Reminder::new(start);
        for after in 0..60 {
            assert_eq!(reminder.attempt(start + second * after, after % 2 == 0), None);
        }
        assert_eq!(reminder.attempt(start + second * 75, true), Some((31, second * 75)));
        assert_eq!(reminder.attempt(start + second * 134, true), None);
        assert_eq!(reminder.attempt(start + second * 135, false), Some((1, second * 60)));
        assert_eq!(reminder.attempt(start, false), None, "a late reading of the clock");
    }
}
