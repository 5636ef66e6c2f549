//! What follows from an attempt: for the call, and for the breaker.

use std::time::{Duration, Instant};

use rand::Rng;

use super::{backoff::wait_after, settings::Retry};
use crate::{
    outcome::{Outcome, Verdict, Weight},
    settings::BreakerScope,
};

/// Where a call stands when an attempt of it ends.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Situation {
    /// The attempt that ended, 1 for the first.
    pub(crate) attempt: u32,
    /// How long the call waited before that attempt. `None` if it is the first.
    pub(crate) previous_wait: Option<Duration>,
    /// It was a trial of a half-open circuit.
    pub(crate) trial: bool,
    /// The operation may be repeated.
    pub(crate) idempotent: bool,
    pub(crate) now: Instant,
    pub(crate) deadline: Option<Instant>,
}

/// What the call does next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// Answers with what it has.
    Finish,
    /// Waits, then tries again.
    Retry { wait: Duration },
}

/// What the breaker is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Effect {
    Success,
    Failure,
    Neutral,
    /// A failure when the call ends, unless a later attempt is a success.
    Pending,
}

/// Whether the call tries again, and when. A wait that would pass the deadline is not begun.
pub(crate) fn next_step(
    retry: &Retry,
    verdict: &Verdict,
    at: &Situation,
    rng: &mut impl Rng,
) -> Step {
    if !at.idempotent
        || at.trial
        || at.attempt >= retry.max_attempts
        || !verdict.outcome.is_retryable()
    {
        return Step::Finish;
    }
    let wait = wait_after(at.attempt, at.previous_wait, retry, verdict.retry_after, rng);
    let fits = at.deadline.is_none_or(|deadline| wait < deadline.saturating_duration_since(at.now));
    if fits { Step::Retry { wait } } else { Step::Finish }
}

/// What the breaker is told of an attempt, given what the call does next.
pub(crate) fn effect(scope: BreakerScope, outcome: Outcome, trial: bool, step: Step) -> Effect {
    match outcome.weight() {
        Weight::Success => Effect::Success,
        Weight::Neutral => Effect::Neutral,
        Weight::FailureAtOnce => Effect::Failure,
        Weight::FailureOncePerCall
            if trial || scope == BreakerScope::Attempt || step == Step::Finish =>
        {
            Effect::Failure
        }
        Weight::FailureOncePerCall => Effect::Pending,
    }
}

#[cfg(test)]
mod tests {
    use rand::{SeedableRng, rngs::SmallRng};

    use super::*;

    const RETRY: Step = Step::Retry { wait: Duration::ZERO };

    #[expect(clippy::disallowed_methods, reason = "any instant will do")]
    fn first_attempt() -> Situation {
        let now = Instant::now();
        let deadline = Some(now + Duration::from_secs(30));
        let (trial, idempotent, previous_wait) = (false, true, None);
        Situation { attempt: 1, previous_wait, trial, idempotent, now, deadline }
    }

    fn step(outcome: Outcome, at: &Situation) -> Step {
        let retry = Retry { jitter: 0.0, ..Retry::default() };
        next_step(&retry, &outcome.into(), at, &mut SmallRng::seed_from_u64(1))
    }

    #[test]
    fn the_next_step_of_a_call_follows_from_the_outcome_of_its_attempt() {
        use Outcome::*;
        // (outcome, what the breaker is told when it is the last attempt, and when it is retried)
        let table = [
            (Success, Effect::Success, None),
            (Throttled, Effect::Neutral, Some(Effect::Neutral)),
            (Transient, Effect::Neutral, Some(Effect::Neutral)),
            (LocalShortage, Effect::Neutral, Some(Effect::Neutral)),
            (ClientError, Effect::Success, None),
            (Unsupported, Effect::Failure, None),
            (ServerError, Effect::Failure, Some(Effect::Pending)),
            (Unusable, Effect::Failure, Some(Effect::Pending)),
            (Redirect, Effect::Failure, None),
            (TimedOut, Effect::Failure, Some(Effect::Pending)),
            (Unreachable, Effect::Failure, Some(Effect::Failure)),
            (DeadlineExceeded, Effect::Neutral, None),
            (Panicked, Effect::Failure, None),
            (Cancelled, Effect::Neutral, None),
        ];
        for (outcome, last, retried) in table {
            let told = |step| effect(BreakerScope::Call, outcome, false, step);
            assert_eq!(told(Step::Finish), last, "{outcome:?}");
            let step = step(outcome, &first_attempt());
            assert_eq!((step != Step::Finish).then(|| told(RETRY)), retried, "{outcome:?}");
        }
    }

    #[test]
    fn every_failed_attempt_counts_in_attempt_scope_and_in_a_trial() {
        let by_attempt = effect(BreakerScope::Attempt, Outcome::ServerError, false, RETRY);
        let in_trial = effect(BreakerScope::Call, Outcome::ServerError, true, RETRY);
        assert_eq!((by_attempt, in_trial), (Effect::Failure, Effect::Failure));
    }

    #[test]
    fn a_call_ends_after_its_last_attempt() {
        let at = |attempt| Situation { attempt, ..first_attempt() };
        assert_ne!(step(Outcome::ServerError, &at(3)), Step::Finish);
        assert_eq!(step(Outcome::ServerError, &at(4)), Step::Finish);
    }

    #[test]
    fn trials_and_calls_that_may_not_be_repeated_are_not_retried() {
        let first = first_attempt();
        let trial = Situation { trial: true, ..first };
        let other = Situation { idempotent: false, ..first };
        assert_eq!(step(Outcome::ServerError, &trial), Step::Finish);
        assert_eq!(step(Outcome::ServerError, &other), Step::Finish);
    }

    #[test]
    fn a_wait_that_would_pass_the_deadline_is_not_started() {
        let left =
            |left| Situation { deadline: Some(first_attempt().now + left), ..first_attempt() };
        let wait = Duration::from_secs(1);
        assert_eq!(step(Outcome::ServerError, &left(wait)), Step::Finish);
        let more = left(wait + Duration::from_millis(100));
        assert_eq!(step(Outcome::ServerError, &more), Step::Retry { wait });
    }
}
