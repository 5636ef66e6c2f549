//! The rule of the rate limit: the generic cell rate algorithm (ITU-T I.371, virtual scheduling).
//!
//! One token becomes available each interval. One instant is the whole state: when the next token is due by the rate alone.
//! A token may be taken `burst - 1` intervals before that, so an idle limit admits a burst. A token of the future can be
//! taken as well: its taker waits until it is due, so attempts get their tokens in order of arrival.
//!
//! By hand: the `governor` crate has the rule, but no tokens of the future (its waiting callers race for each token, in no
//! order) and no way to give one back or to count those that are left.

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

/// The tokens of one rate limit.
#[derive(Debug)]
pub(super) struct Gcra {
    interval: Duration,
    /// How much earlier than by the rate alone a token may be taken.
    tolerance: Duration,
    start: Instant,
    /// When the rate was last changed, `start` before the first change. An earlier `now`, of a thread that read the clock
    /// before the change, counts as this.
    changed: Instant,
    /// When the next token is due by the rate alone, counted from `start`. Each token that was taken has moved it by an
    /// interval.
    next: Duration,
    /// The values of `next` after tokens that were given back while later ones were taken.
    given_back: BTreeSet<Duration>,
    /// Number of changes of the rate.
    era: u64,
}

/// A token that was taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Taken {
    /// When it may be used.
    pub(super) due: Instant,
    /// `next` after it was taken.
    next: Duration,
    /// The rate at which it was taken.
    era: u64,
}

impl Gcra {
    /// One token each `interval`, and `burst` tokens at `start`. Both are more than 0.
    pub(super) fn new(start: Instant, interval: Duration, burst: u32) -> Self {
        let tolerance = interval.saturating_mul(burst.saturating_sub(1));
        let (next, given_back) = (Duration::ZERO, BTreeSet::new());
        Self { interval, tolerance, start, changed: start, next, given_back, era: 0 }
    }

    /// Changes the rate. As in Guava's `RateLimiter.setRate`, the share of the burst that is there stays the same. The
    /// `waiting` tokens of the future keep their order and their number of intervals from now.
    pub(super) fn change<'a>(
        &mut self,
        now: Instant,
        interval: Duration,
        burst: u32,
        waiting: impl Iterator<Item = &'a mut Taken>,
    ) {
        self.changed = self.changed.max(now);
        let at = self.since_start(now);
        let old = (self.interval, self.interval + self.tolerance);
        self.tolerance = interval.saturating_mul(burst.saturating_sub(1));
        self.interval = interval;
        self.era += 1;
        let new = (interval, interval + self.tolerance);
        let moved = |next: Duration| at + stretched(next.saturating_sub(at), old, new);
        self.next = moved(self.next);
        self.given_back = self.given_back.iter().map(|next| moved(*next)).collect();
        for token in waiting {
            token.next = moved(token.next);
            token.due = (self.start + token.next.saturating_sub(new.1)).max(now);
            token.era = self.era;
        }
    }

    /// Takes the next token, if it is due by `latest` or already now.
    ///
    /// # Errors
    /// When the next token is due.
    pub(super) fn take(&mut self, now: Instant, latest: Instant) -> Result<Taken, Instant> {
        let due = self.start + self.next.saturating_sub(self.tolerance);
        let due = if due <= self.changed { now } else { due.max(now) };
        if due > latest.max(now) {
            return Err(due);
        }
        self.next = self.next.max(self.since_start(now)) + self.interval;
        Ok(Taken { due, next: self.next, era: self.era })
    }

    /// Gives back a token that was not used. It is there again once all that were taken after it are given back too: who
    /// holds one of those has been told when to use it. A token from before a change of the rate lapses.
    pub(super) fn give_back(&mut self, now: Instant, token: &Taken) {
        if token.era != self.era {
            return;
        }
        if token.next == self.next {
            self.next = self.next.saturating_sub(self.interval);
            while self.given_back.remove(&self.next) {
                self.next = self.next.saturating_sub(self.interval);
            }
        } else {
            self.given_back.insert(token.next);
        }
        // By now these tokens would be there in any case.
        let now = self.since_start(now);
        while self.given_back.first().is_some_and(|next| *next <= now) {
            self.given_back.pop_first();
        }
    }

    /// Number of tokens that can be taken now.
    pub(super) fn available(&self, now: Instant) -> u32 {
        let now = self.since_start(now);
        let early = (now + self.tolerance).checked_sub(self.next.max(now));
        let count = early.map_or(0, |early| early.as_nanos() / self.interval.as_nanos() + 1);
        u32::try_from(count).unwrap_or(u32::MAX)
    }

    fn since_start(&self, now: Instant) -> Duration {
        now.max(self.changed) - self.start
    }
}

/// The time by which the tokens of `ahead` are ahead of the rate, at another rate. A rate is an interval and the time of a
/// whole burst.
fn stretched(ahead: Duration, old: (Duration, Duration), new: (Duration, Duration)) -> Duration {
    let burst = new.1.mul_f64(ahead.div_duration_f64(old.1).min(1.0));
    let waiting = ahead.saturating_sub(old.1).as_nanos();
    let waiting = waiting.saturating_mul(new.0.as_nanos()) / old.0.as_nanos();
    burst + Duration::from_nanos(u64::try_from(waiting).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::props::config;

    const SECOND: Duration = Duration::from_secs(1);

    #[expect(clippy::disallowed_methods, reason = "a test needs some instant to begin with")]
    fn start() -> Instant {
        Instant::now()
    }

    fn at_once(tokens: &mut Gcra, now: Instant) -> Result<(), Duration> {
        tokens.take(now, now).map(drop).map_err(|due| due - now)
    }

    #[test]
    fn smooth_tokens_are_an_interval_apart() {
        let start = start();
        let mut tokens = Gcra::new(start, SECOND, 1);
        assert_eq!(tokens.available(start), 1);
        assert_eq!(at_once(&mut tokens, start), Ok(()));
        assert_eq!(tokens.available(start), 0);
        assert_eq!(at_once(&mut tokens, start + SECOND / 4), Err(SECOND * 3 / 4));
        assert_eq!(at_once(&mut tokens, start + SECOND), Ok(()));
        assert_eq!(at_once(&mut tokens, start + SECOND), Err(SECOND));
    }

    #[test]
    fn a_burst_is_there_again_after_idle_time_and_never_more_than_it() {
        let start = start();
        let mut tokens = Gcra::new(start, SECOND, 3);
        for (after, expected) in [(0, 3), (1, 1), (3, 2), (100, 3)] {
            let now = start + SECOND * after;
            assert_eq!(tokens.available(now), expected, "after {after} s");
            for _ in 0..expected {
                assert_eq!(at_once(&mut tokens, now), Ok(()));
            }
            assert!(at_once(&mut tokens, now).is_err());
        }
    }

    #[test]
    fn tokens_of_the_future_are_due_in_order_and_only_up_to_the_latest_instant() {
        let start = start();
        let mut tokens = Gcra::new(start, SECOND, 1);
        let latest = start + SECOND * 2;
        let dues: Vec<_> = (0..3).map(|_| tokens.take(start, latest).unwrap().due).collect();
        assert_eq!(dues, [start, start + SECOND, latest]);
        assert_eq!(tokens.take(start, latest), Err(start + SECOND * 3));
        assert_eq!(at_once(&mut tokens, latest), Err(SECOND), "none overtakes what waits");
        assert_eq!(tokens.available(latest), 0);
    }

    #[test]
    fn the_last_tokens_can_be_given_back_in_any_order() {
        let start = start();
        let latest = start + SECOND * 9;
        let mut tokens = Gcra::new(start, SECOND, 1);
        let mut taken: Vec<_> = (0..5).map(|_| tokens.take(start, latest).unwrap()).collect();
        let kept = taken.remove(1);
        for token in taken.iter().skip(1) {
            tokens.give_back(start, token);
        }
        assert_eq!(tokens.take(start, latest).unwrap().due, kept.due + SECOND);
        assert!(tokens.given_back.is_empty());
    }

    #[test]
    fn a_token_that_is_given_back_before_a_later_one_is_used_moves_no_other() {
        let start = start();
        let latest = start + SECOND * 9;
        let mut tokens = Gcra::new(start, SECOND, 1);
        let taken: Vec<_> = (0..3).map(|_| tokens.take(start, latest).unwrap()).collect();
        tokens.give_back(start, &taken[1]);
        assert_eq!(tokens.take(start, latest).unwrap().due, start + SECOND * 3);
        // Once its time has come, nothing is left to be remembered of it.
        let later = tokens.take(start, latest).unwrap();
        tokens.give_back(start + SECOND * 2, &later);
        assert!(tokens.given_back.is_empty());
    }

    #[test]
    fn at_another_rate_the_share_of_the_burst_that_is_there_stays() {
        let start = start();
        let mut tokens = Gcra::new(start, SECOND, 4);
        for _ in 0..3 {
            assert_eq!(at_once(&mut tokens, start), Ok(()));
        }
        for (interval, burst, available) in
            [(SECOND / 10, 40, 10), (SECOND * 9, 8, 2), (SECOND, 1, 0)]
        {
            tokens.change(start, interval, burst, [].iter_mut());
            assert_eq!(tokens.available(start), available);
        }
        tokens.change(start, SECOND, 4, [].iter_mut());
        assert_eq!(tokens.available(start + SECOND * 100), 4);
    }

    #[test]
    fn a_token_is_there_for_a_clock_that_was_read_before_the_start_or_a_change() {
        let start = start();
        let mut tokens = Gcra::new(start + SECOND, SECOND, 1);
        assert_eq!(tokens.available(start), 1);
        assert_eq!(at_once(&mut tokens, start), Ok(()));
        tokens.change(start + SECOND * 9, SECOND * 2, 1, [].iter_mut());
        let now = start + SECOND * 8;
        assert_eq!(tokens.available(now), 1);
        assert_eq!(tokens.take(now, now).map(|token| token.due), Ok(now));
        assert_eq!(at_once(&mut tokens, now), Err(SECOND * 3));
    }

    #[test]
    fn tokens_of_the_future_keep_their_number_of_intervals_from_now() {
        let start = start();
        let mut tokens = Gcra::new(start, SECOND, 1);
        let mut taken: Vec<_> =
            (0..4).map(|_| tokens.take(start, start + SECOND * 9).unwrap()).collect();
        let now = start + SECOND / 2;
        tokens.change(now, SECOND * 2, 1, taken[1..].iter_mut());
        let dues: Vec<_> = taken[1..].iter().map(|token| token.due - now).collect();
        assert_eq!(dues, [SECOND, SECOND * 3, SECOND * 5]);
        assert_eq!(at_once(&mut tokens, now), Err(SECOND * 7));
        tokens.give_back(now, &taken[3]);
        assert_eq!(at_once(&mut tokens, now), Err(SECOND * 5), "it is there again");
        // A token of the old rate that was not used lapses.
        tokens.give_back(now, &taken[0]);
        assert_eq!(at_once(&mut tokens, now), Err(SECOND * 5));
    }

    proptest! {
        #[test]
        fn no_time_sees_more_than_a_burst_and_the_rate_and_none_overtakes(
            burst in 1..6_u32,
            steps in prop::collection::vec((0..1_500_u16, 0..4_000_u64, any::<bool>()), 1..60),
        ) {
            let (start, mut now) = (start(), Duration::ZERO);
            let mut tokens = Gcra::new(start, SECOND, burst);
            let mut taken = Vec::<Taken>::new();
            for (passed, patience, one_leaves) in steps {
                now += Duration::from_millis(passed.into());
                let at = start + now;
                match tokens.take(at, at + Duration::from_millis(patience)) {
                    Ok(token) => taken.push(token),
                    Err(due) => prop_assert!(due > at + Duration::from_millis(patience)),
                }
                let waiting = taken.partition_point(|token| token.due <= at);
                if one_leaves && waiting < taken.len() {
                    let leaving = waiting + usize::from(passed) % (taken.len() - waiting);
                    tokens.give_back(at, &taken.remove(leaving));
                }
            }
            prop_assert!(taken.is_sorted_by_key(|token| token.due));
            for (count, from) in taken.iter().enumerate() {
                for (more, to) in taken.iter().skip(count).enumerate() {
                    let allowed = u64::from(burst) + (to.due - from.due).as_secs();
                    prop_assert!((more as u64) < allowed);
                }
            }
        }
    }

    proptest! {
        #![proptest_config(config())]

        /// A bucket of `burst` tokens, which gets a further one each second while it is not full.
        #[test]
        fn a_token_is_there_exactly_when_a_bucket_has_one(
            burst in 1..6_u32,
            steps in prop::collection::vec((0..1_500_u64, 0..4_u32), 1..60),
        ) {
            let (start, mut now) = (start(), 0);
            let mut tokens = Gcra::new(start, SECOND, burst);
            // In thousandths of a token, as many as milliseconds have filled it.
            let full = u64::from(burst) * 1_000;
            let mut bucket = full;
            for (millis, wanted) in steps {
                now += millis;
                bucket = (bucket + millis).min(full);
                let at = start + Duration::from_millis(now);
                prop_assert_eq!(u64::from(tokens.available(at)), bucket / 1_000);
                for _ in 0..wanted {
                    let expected = match bucket.checked_sub(1_000) {
                        Some(left) => {
                            bucket = left;
                            Ok(())
                        }
                        None => Err(Duration::from_millis(1_000 - bucket)),
                    };
                    prop_assert_eq!(at_once(&mut tokens, at), expected);
                }
            }
        }
    }
}
