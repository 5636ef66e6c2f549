//! When a quiet period ends: no clock, no I/O, no lock.

use std::time::{Duration, Instant};

use rand::{Rng, RngExt as _};

use crate::outcome::Verdict;

/// A quiet period is longer than asked for by up to this share of itself, by chance.
const SPREAD: f64 = 0.1;

/// The time for which an attempt's result asks all calls to stay away. An answer to which no other attempt may follow
/// does not ask for one.
pub(crate) fn asked(verdict: &Verdict) -> Option<Duration> {
    verdict.retry_after.filter(|wait| !wait.is_zero() && verdict.outcome.is_retryable())
}

/// The end of the quiet period after an answer that asks for `asked`, or `None` if the period ends no earlier anyway.
///
/// A call that is told later than others asks for a later end by a moment. That moves the end only if it passes the
/// random part, which would otherwise be drawn again and again until it is always the longest.
pub(super) fn end(
    now: Instant,
    asked: Duration,
    longest: Duration,
    current: Option<Instant>,
    rng: &mut impl Rng,
) -> Option<Instant> {
    let asked = asked.min(longest);
    if current.is_some_and(|current| current >= now + asked) {
        return None;
    }
    Some(now + asked + asked.mul_f64(rng.random_range(0.0..=SPREAD)))
}

#[cfg(test)]
mod tests {
    use rand::{SeedableRng, rngs::SmallRng};

    use super::*;
    use crate::{clock, outcome::Outcome};

    const SECOND: Duration = Duration::from_secs(1);

    /// The end, as a time from now on, of a period that now lasts for `current`.
    fn lasts(asked: u64, longest: u64, current: Option<u64>) -> Option<Duration> {
        let now = clock::now();
        let secs = Duration::from_secs;
        let current = current.map(|left| now + secs(left));
        let (asked, longest) = (secs(asked), secs(longest));
        let end = end(now, asked, longest, current, &mut SmallRng::seed_from_u64(1));
        end.map(|end| end - now)
    }

    #[test]
    fn a_period_is_as_long_as_asked_for_and_up_to_a_tenth_longer() {
        let (now, mut rng) = (clock::now(), SmallRng::seed_from_u64(1));
        let mut ends = (0..1_000).map(|_| end(now, 60 * SECOND, 300 * SECOND, None, &mut rng));
        assert!(ends.all(|end| (60.0..=66.0).contains(&(end.unwrap() - now).as_secs_f64())));
    }

    #[test]
    fn a_hostile_time_is_bounded() {
        let bounded = lasts(u64::MAX, 300, None).unwrap();
        assert!((300 * SECOND..=330 * SECOND).contains(&bounded), "{bounded:?}");
    }

    #[test]
    fn a_later_answer_lengthens_the_period_and_never_shortens_it() {
        assert_eq!(lasts(10, 300, Some(20)), None);
        assert_eq!(lasts(20, 300, Some(20)), None);
        assert!(lasts(21, 300, Some(20)).is_some());
        assert_eq!(lasts(u64::MAX, 10, Some(10)), None, "the bound is for each answer");
    }

    #[test]
    fn only_a_result_that_may_be_repeated_asks_for_quiet() {
        let verdict = |outcome: Outcome, retry_after| Verdict { retry_after, ..outcome.into() };
        for outcome in [Outcome::Throttled, Outcome::Transient, Outcome::ServerError] {
            assert_eq!(asked(&verdict(outcome, Some(SECOND))), Some(SECOND));
            assert_eq!(asked(&verdict(outcome, None)), None);
            assert_eq!(asked(&verdict(outcome, Some(Duration::ZERO))), None);
        }
        for outcome in [Outcome::Success, Outcome::ClientError, Outcome::Unsupported] {
            assert_eq!(asked(&verdict(outcome, Some(SECOND))), None, "{outcome:?}");
        }
    }
}
