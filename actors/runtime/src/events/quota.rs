//! The number of events of one type that a log keeps in a second.

use std::time::{Duration, Instant};

/// Number of calls, of retries and of refused retries that a log keeps in a second. It sums up the others.
pub const EVENTS_PER_SECOND: u32 = 100;

const WINDOW: Duration = Duration::from_secs(1);

/// Admits [`EVENTS_PER_SECOND`] events in each second, and counts the others.
#[derive(Debug, Default)]
pub(crate) struct Quota {
    since: Option<Instant>,
    used: u32,
    skipped: u64,
}

impl Quota {
    /// True if there is room for one more event in the current second. Call [`over`](Self::over) first.
    pub(crate) fn admit(&mut self, now: Instant) -> bool {
        self.since.get_or_insert(now);
        if self.used < EVENTS_PER_SECOND {
            self.used += 1;
            return true;
        }
        self.skipped += 1;
        false
    }

    /// Begins a new second if the current one is over. Returns the number of events skipped in it, if there were any.
    pub(crate) fn over(&mut self, now: Instant) -> Option<u64> {
        let since = self.since?;
        if now.saturating_duration_since(since) < WINDOW {
            return None;
        }
        self.end()
    }

    /// Ends the current second. Returns the number of events skipped in it, if there were any.
    pub(crate) fn end(&mut self) -> Option<u64> {
        let skipped = std::mem::take(self).skipped;
        (skipped > 0).then_some(skipped)
    }

    /// When [`over`](Self::over) will have skipped events to return.
    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        if self.skipped > 0 { self.since.map(|since| since + WINDOW) } else { None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[expect(clippy::disallowed_methods, reason = "any instant will do")]
    fn start() -> Instant {
        Instant::now()
    }

    #[test]
    fn a_hundred_events_pass_each_second_and_the_others_are_counted() {
        let (start, mut quota) = (start(), Quota::default());
        let passed = (0..250).filter(|_| quota.admit(start)).count();
        assert_eq!((passed, quota.poll_timeout()), (100, Some(start + WINDOW)));
        assert_eq!(quota.over(start + WINDOW - Duration::from_nanos(1)), None);
        assert_eq!(quota.over(start + WINDOW), Some(150));
        assert_eq!((quota.over(start + WINDOW), quota.poll_timeout()), (None, None));
        assert!(quota.admit(start + WINDOW), "the next second has room again");
    }

    #[test]
    fn a_second_without_skipped_events_reports_nothing() {
        let (start, mut quota) = (start(), Quota::default());
        assert!((0..100).all(|_| quota.admit(start)));
        assert_eq!((quota.poll_timeout(), quota.over(start + WINDOW)), (None, None));
    }
}
