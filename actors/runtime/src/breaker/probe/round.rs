//! The probes of one opening: no clock, no I/O, no actor.

use std::time::Instant;

use super::settings::Probe;

/// The probes of one opening. One is in flight at a time.
#[derive(Debug)]
pub(super) struct Round {
    probe: Probe,
    epoch: u64,
    in_a_row: u32,
    /// When the next probe begins. None while one is in flight, and when there were enough.
    due: Option<Instant>,
}

impl Round {
    /// The probes of the opening that began `epoch`.
    pub(super) fn new(probe: Probe, epoch: u64, now: Instant) -> Self {
        Self { probe, epoch, in_a_row: 0, due: Some(now + probe.probe_interval) }
    }

    pub(super) fn epoch(&self) -> u64 {
        self.epoch
    }

    /// When [`begin`](Self::begin) must be called next.
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.due
    }

    /// True if a probe begins now.
    pub(super) fn begin(&mut self, now: Instant) -> bool {
        self.due.take_if(|due| *due <= now).is_some()
    }

    /// The probe in flight has ended. Returns the number of good probes in a row once they are enough. Then no further
    /// probe is due.
    pub(super) fn end(&mut self, now: Instant, good: bool) -> Option<u32> {
        self.in_a_row = if good { self.in_a_row + 1 } else { 0 };
        if self.in_a_row >= self.probe.probe_successes {
            return Some(self.in_a_row);
        }
        self.due = Some(now + self.probe.probe_interval);
        None
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[expect(clippy::disallowed_methods, reason = "any instant will do as the first")]
    fn round(successes: u32) -> (Round, Instant) {
        let start = Instant::now();
        (Round::new(Probe::every(SECOND).successes(successes), 1, start), start)
    }

    #[test]
    fn the_first_probe_comes_one_interval_after_the_opening() {
        let (mut round, start) = round(2);
        assert_eq!(round.poll_timeout(), Some(start + SECOND));
        assert!(!round.begin(start + SECOND / 2));
        assert!(round.begin(start + SECOND));
    }

    #[test]
    fn one_probe_at_a_time_and_the_next_an_interval_after_its_end() {
        let (mut round, start) = round(2);
        assert!(round.begin(start + SECOND));
        assert_eq!(round.poll_timeout(), None, "one is in flight");
        assert!(!round.begin(start + 5 * SECOND));
        assert_eq!(round.end(start + 5 * SECOND, false), None);
        assert_eq!(round.poll_timeout(), Some(start + 6 * SECOND));
    }

    #[test]
    fn a_bad_probe_starts_the_count_again_and_enough_good_ones_end_the_round() {
        let (mut round, mut now) = round(2);
        let mut probe = |good| {
            now += SECOND;
            assert!(round.begin(now));
            round.end(now, good)
        };
        assert_eq!([true, false, true, true].map(&mut probe), [None, None, None, Some(2)]);
        assert_eq!(round.poll_timeout(), None);
    }
}
