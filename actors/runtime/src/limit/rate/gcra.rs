//! The rule of the rate limit: the generic cell rate algorithm (ITU-T I.371, virtual scheduling).
//!
//! One token becomes available each interval. One instant is the whole state: when the next token is due by the rate
//! alone. A token may be taken `burst - 1` intervals before that, so an idle limit admits a burst. A token of the
//! future can be taken as well: its taker waits until it is due, so attempts get their tokens in order of arrival.
//!
//! By hand: the `governor` crate has the rule, but no tokens of the future (its waiting callers race for each token, in
//! no order) and no way to give one back or to count those that are left.

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
    /// When the rate was last changed, `start` before the first change. An earlier `now`, of a thread that read the
    /// clock before the change, counts as this.
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

    /// Gives back a token that was not used. It is there again once all that were taken after it are given back too:
    /// who holds one of those has been told when to use it. A token from before a change of the rate lapses.
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

/// The time by which the tokens of `ahead` are ahead of the rate, at another rate. A rate is an interval and the time
/// of a whole burst.
fn stretched(ahead: Duration, old: (Duration, Duration), new: (Duration, Duration)) -> Duration {
    let burst = new.1.mul_f64(ahead.div_duration_f64(old.1).min(1.0));
    let waiting = ahead.saturating_sub(old.1).as_nanos();
    let waiting = waiting.saturating_mul(new.0.as_nanos()) / old.0.as_nanos();
    burst + Duration::from_nanos(u64::try_from(waiting).unwrap_or(u64::MAX))
}

#[cfg(test)]
#[path = "gcra_tests.rs"]
mod tests;
