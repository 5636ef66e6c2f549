//! Bursts of rejections, told once a second. Pure: no clock, no atomics.
//!
//! An open circuit can reject thousands of calls in a second, and counts them without a message. Only the first call of
//! a burst tells the actor. The actor then reads the counters once a second for as long as they grow.

use std::time::{Duration, Instant};

use crate::rejection::RejectionKind;

/// Time between two observations of a burst.
const WINDOW: Duration = Duration::from_secs(1);

/// Rejections of each kind since the start, in the order of [`RejectionKind::ALL`].
pub(crate) type Totals = [u64; RejectionKind::ALL.len()];

/// Calls that were rejected within one window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Burst {
    pub(crate) rejection: RejectionKind,
    pub(crate) count: u64,
    pub(crate) window: Duration,
}

/// The windows of a burst.
#[derive(Debug, Default)]
pub(crate) struct Bursts {
    since: Option<Instant>,
    told: Totals,
}

impl Bursts {
    /// A burst has begun.
    pub(crate) fn begin(&mut self, now: Instant) {
        self.since.get_or_insert(now);
    }

    /// When the window ends, during a burst.
    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        self.since.map(|since| since + WINDOW)
    }

    /// True if there are rejections that observers were not told of.
    pub(crate) fn behind(&self, totals: Totals) -> bool {
        self.told != totals
    }

    /// The rejections to tell, at the end of the window, or at once if it is `cut` short. A window without rejections
    /// ends the burst.
    pub(crate) fn take(&mut self, now: Instant, totals: Totals, cut: bool) -> Vec<Burst> {
        let Some(since) = self.since else { return Vec::new() };
        let window = now.saturating_duration_since(since);
        let over = window >= WINDOW;
        if !over && !cut {
            return Vec::new();
        }
        let mut bursts = Vec::new();
        for (kind, (total, told)) in
            RejectionKind::ALL.into_iter().zip(totals.into_iter().zip(&mut self.told))
        {
            // The calls that waited at an opening have an event of their own.
            let count = total - *told;
            *told = total;
            if count > 0 && kind != RejectionKind::Released {
                bursts.push(Burst { rejection: kind, count, window });
            }
        }
        if !bursts.is_empty() {
            self.since = Some(now);
        } else if over {
            self.since = None;
        }
        bursts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[expect(clippy::disallowed_methods, reason = "any instant will do")]
    fn start() -> Instant {
        Instant::now()
    }

    fn totals(circuit_open: u64, trial_limit: u64, released: u64, overloaded: u64) -> Totals {
        let mut totals = Totals::default();
        totals[..4].copy_from_slice(&[circuit_open, trial_limit, released, overloaded]);
        totals
    }

    fn burst(rejection: RejectionKind, count: u64, window: Duration) -> Burst {
        Burst { rejection, count, window }
    }

    #[test]
    fn a_burst_is_reported_once_a_second_for_each_kind_until_it_ends() {
        let (start, mut bursts) = (start(), Bursts::default());
        assert_eq!(
            bursts.take(start, [9; RejectionKind::ALL.len()], true),
            [],
            "no burst has begun"
        );
        bursts.begin(start);
        bursts.begin(start + WINDOW / 2);
        assert_eq!(bursts.poll_timeout(), Some(start + WINDOW), "it began once");
        let almost = start + WINDOW - Duration::from_nanos(1);
        assert_eq!(bursts.take(almost, totals(5, 0, 0, 2), false), []);
        assert_eq!(
            bursts.take(start + WINDOW, totals(7, 0, 0, 3), false),
            [
                burst(RejectionKind::CircuitOpen, 7, WINDOW),
                burst(RejectionKind::Overloaded, 3, WINDOW)
            ]
        );
        assert_eq!(bursts.poll_timeout(), Some(start + WINDOW * 2));
        assert_eq!(
            bursts.take(start + WINDOW * 2, totals(7, 1, 0, 3), false),
            [burst(RejectionKind::TrialLimit, 1, WINDOW)]
        );
        assert_eq!(bursts.take(start + WINDOW * 3, totals(7, 1, 0, 3), false), []);
        assert_eq!(bursts.poll_timeout(), None, "a second without ends it");
        assert!(!bursts.behind(totals(7, 1, 0, 3)) && bursts.behind(totals(8, 1, 0, 3)));
    }

    #[test]
    fn a_transition_ends_the_window_but_not_the_burst() {
        let (start, mut bursts) = (start(), Bursts::default());
        bursts.begin(start);
        let half = start + WINDOW / 2;
        let told = bursts.take(half, totals(4, 0, 0, 0), true);
        assert_eq!(told, [burst(RejectionKind::CircuitOpen, 4, WINDOW / 2)]);
        assert_eq!(bursts.poll_timeout(), Some(half + WINDOW));
        assert_eq!(bursts.take(half, totals(4, 0, 0, 0), true), []);
        assert_eq!(bursts.poll_timeout(), Some(half + WINDOW), "it is for the clock to end it");
    }

    #[test]
    fn released_calls_are_not_part_of_a_burst() {
        let (start, mut bursts) = (start(), Bursts::default());
        bursts.begin(start);
        assert_eq!(bursts.take(start + WINDOW, totals(0, 0, 50, 0), false), []);
    }
}
