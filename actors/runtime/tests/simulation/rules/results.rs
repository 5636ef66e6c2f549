//! How an attempt ends, and what the breaker learns of it.

use std::time::{Duration, Instant};

use resilience_actors::{BreakerScope, Outcome, Verdict};

use super::{
    TICK,
    attempts::Told,
    outcomes::{Says, is_retried, says},
};
use crate::{
    record::{Attempt, AttemptId, Call, CallNumber, Ended, Holder, Record, Route, Totals},
    support::now,
    world::World,
};

impl World {
    /// An operation ends, by itself with a verdict, or without because the runtime drops it.
    pub(crate) fn operation_ends(&self, id: AttemptId, verdict: Option<Verdict>, connecting: bool) {
        if self.over.get() {
            return;
        }
        let record = &mut *self.record.borrow_mut();
        let Some(call) = record.calls.get_mut(&id.call) else {
            return rule!(self, "Only an attempt of a call that goes on ends": false; id);
        };
        let Some(attempt) = call.attempts.get(id.position).filter(|it| it.ended.is_none()) else {
            return rule!(self, "Only an attempt in flight ends": false; id, call);
        };
        let verdict = match verdict {
            Some(verdict) if self.will_be_repeated(call, attempt, verdict) => {
                call.to_be_repeated = Some(id.position);
                return;
            }
            Some(verdict) => self.in_time_or_too_late(call, attempt, verdict),
            None => self.outcome_of_dropped(call, attempt, connecting).into(),
        };
        self.attempt_ends(record, id, verdict);
    }

    /// An attempt fails because its operation panics before it reaches the upstream.
    pub(crate) fn panics_before_attempt(&self, call: CallNumber) {
        let deadline = self.deadline_to_pass_on(call);
        let id = self.attempt_begins(Told { call, number: 1, hedge: false, deadline });
        self.operation_ends(id, Some(Outcome::Panicked.into()), false);
    }

    pub(super) fn deadline_to_pass_on(&self, call: CallNumber) -> Option<Instant> {
        self.record.borrow().calls.get(&call)?.deadline_to_pass_on()
    }

    /// An attempt has its timeout, or the rest of the call's time if that is less. The first attempt always has its
    /// whole timeout, unless its caller has less time.
    fn time_limit(&self, call: &Call, attempt: &Attempt) -> Duration {
        let first = attempt.number == 1 && !attempt.hedge;
        let deadline = if first { call.deadlines.caller } else { Some(call.deadline()) };
        let left = deadline.map(|deadline| deadline.saturating_duration_since(attempt.began));
        left.unwrap_or(Duration::MAX).min(call.settings.attempt_timeout)
    }

    /// An attempt that does not reach the upstream is repeated while repeats and time are left.
    fn will_be_repeated(&self, call: &Call, attempt: &Attempt, verdict: Verdict) -> bool {
        let repeats = if call.may_be_repeated() { call.settings.connect_retries } else { 0 };
        verdict.outcome == Outcome::Unreachable
            && attempt.repeat < repeats
            && now() - attempt.began < self.time_limit(call, attempt)
    }

    /// A failure at the end of a caller's own time says nothing about the upstream, but for a panic.
    fn in_time_or_too_late(&self, call: &Call, attempt: &Attempt, verdict: Verdict) -> Verdict {
        let limit = self.time_limit(call, attempt);
        let too_late = call.deadlines.caller.is_some()
            && limit < call.settings.attempt_timeout
            && now() - attempt.began >= limit;
        match says(verdict.outcome) {
            Says::FailureAtOnce | Says::FailureOncePerCall
                if too_late && verdict.outcome != Outcome::Panicked =>
            {
                Verdict { outcome: Outcome::DeadlineExceeded, ..verdict }
            }
            _ => verdict,
        }
    }

    fn outcome_of_dropped(&self, call: &Call, attempt: &Attempt, connecting: bool) -> Outcome {
        let (took, limit) = (now() - attempt.began, self.time_limit(call, attempt));
        let winner = call.attempts_of(attempt.number).find(|other| other.is_good());
        if let Some(winner) = winner {
            rule!(self, "A good answer cancels the attempts beside it at once":
                winner.ended.is_some_and(|ended| ended.at == now()); call, winner);
            return Outcome::Cancelled;
        }
        rule!(self, "The runtime ends an attempt when its time is over, not earlier and not later":
            took >= limit && took <= limit + TICK; call, took, limit);
        if limit < call.settings.attempt_timeout {
            Outcome::DeadlineExceeded
        } else if connecting {
            Outcome::Unreachable
        } else {
            Outcome::TimedOut
        }
    }

    /// Enters the end of an attempt into the record.
    fn attempt_ends(&self, record: &mut Record, id: AttemptId, verdict: Verdict) {
        let quiet = Self::quiet_after(record, id.call, verdict);
        Self::notes_refusal(record, id.call, verdict);
        let Record { calls, epochs, totals, upstreams, .. } = record;
        let Some(call) = calls.get_mut(&id.call) else { return };
        let Some(attempt) = call.attempts.get_mut(id.position) else { return };
        attempt.ended = Some(Ended { at: now(), verdict, quiet });
        let seen = &mut upstreams[call.request.lab];
        seen.attempt_ends();
        let (is_slow, trial) = (attempt.is_slow(now()), attempt.trial == Some(true));
        let epoch_is_sure = attempt.epoch_is_sure;
        let epoch = epochs.entry(attempt.epoch).or_default();
        if call.route == Route::Protected {
            seen.hedges_learn(call, &call.attempts[id.position], verdict.outcome);
        }
        if trial {
            epoch.trial_ends(Holder::Call(id.call));
        }
        if verdict.outcome != Outcome::Cancelled {
            call.decisive = Some(id.position);
        }
        let may_wait = call.may_be_retried() && !call.in_flight();
        let shares_budget = seen.shares(call, |eras| eras.retry_budget);
        if may_wait && is_retried(verdict.outcome) && shares_budget {
            seen.budget.retry_may_be_taken();
        }
        if call.asks_breaker() {
            epoch.slow += usize::from(is_slow);
            let counts_at_once = trial || call.settings.scope == BreakerScope::Attempt;
            if says(verdict.outcome) != Says::Neutral {
                epoch.ends_with(says(verdict.outcome) != Says::Success, epoch_is_sure);
            }
            result_counts(verdict.outcome, counts_at_once, call, totals);
        }
        if call.abandoned && !call.in_flight() {
            record.call_ends(id.call);
        }
    }
}

/// A success counts, and repairs the call's pending failure. A failure counts at once, or is pending; it replaces the
/// failure that was pending. A neutral outcome leaves the pending failure alone.
fn result_counts(outcome: Outcome, at_once: bool, call: &mut Call, totals: &mut Totals) {
    let says = says(outcome);
    if says == Says::Neutral {
        totals.ignored += 1;
        return;
    }
    totals.ignored += u64::from(std::mem::take(&mut call.pending_failure));
    if says == Says::Success {
        totals.successful += 1;
    } else if says == Says::FailureAtOnce || at_once {
        totals.failed += 1;
    } else {
        call.pending_failure = true;
    }
}
