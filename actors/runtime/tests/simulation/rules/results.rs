//! How an attempt ends, and what the breaker learns of it.

use std::time::Duration;

use resilience_actors::{BreakerScope, Outcome, Verdict};

use super::{
    TICK,
    outcomes::{Says, says},
};
use crate::{
    record::{Attempt, Call, CallNumber, Ended, Epoch, Holder, Record, Totals},
    support::now,
    world::World,
};

impl World {
    /// The operation ends, by itself with a verdict, or without because the runtime drops it.
    pub(crate) fn operation_ends(
        &self,
        number: CallNumber,
        verdict: Option<Verdict>,
        connecting: bool,
    ) {
        if self.over.get() {
            return;
        }
        let record = &mut *self.record.borrow_mut();
        let call = record.calls.get(&number).filter(|call| call.in_flight());
        rule!(self, "Only an attempt in flight ends": call.is_some(); number);
        let Some(call) = call else { return };
        let Some(attempt) = call.attempts.last() else { return };
        let verdict = match verdict {
            Some(verdict) if self.will_be_repeated(call, attempt, verdict) => return,
            Some(verdict) => verdict,
            None => self.outcome_of_dropped(call, attempt, connecting).into(),
        };
        self.attempt_ends(record, number, verdict);
    }

    /// An attempt fails because its operation panics before it reaches the upstream.
    pub(crate) fn panics_before_attempt(&self, number: CallNumber) {
        let attempts =
            self.record.borrow().calls.get(&number).map_or(0, |call| call.attempts.len());
        self.attempt_begins(number, attempts + 1);
        self.operation_ends(number, Some(Outcome::Panicked.into()), false);
    }

    /// An attempt has its timeout, or the rest of the call's time if that is less. The first attempt always has its
    /// whole timeout.
    fn time_limit(&self, call: &Call, attempt: &Attempt) -> Duration {
        let settings = &self.settings.calls;
        if call.attempts.len() == 1 {
            return settings.attempt_timeout;
        }
        settings.attempt_timeout.min(call.started + settings.call_deadline - attempt.began)
    }

    /// An attempt that does not reach the upstream is repeated while repeats and time are left.
    fn will_be_repeated(&self, call: &Call, attempt: &Attempt, verdict: Verdict) -> bool {
        let repeats = if call.may_be_repeated() { self.settings.calls.connect_retries } else { 0 };
        verdict.outcome == Outcome::Unreachable
            && attempt.repeat < repeats
            && now() - attempt.began < self.time_limit(call, attempt)
    }

    fn outcome_of_dropped(&self, call: &Call, attempt: &Attempt, connecting: bool) -> Outcome {
        let (took, limit) = (now() - attempt.began, self.time_limit(call, attempt));
        rule!(self, "The runtime ends an attempt when its time is over, not earlier and not later":
            took >= limit && took <= limit + TICK; call, took, limit);
        if limit < self.settings.calls.attempt_timeout {
            Outcome::DeadlineExceeded
        } else if connecting {
            Outcome::Unreachable
        } else {
            Outcome::TimedOut
        }
    }

    /// Enters the end of an attempt into the record.
    fn attempt_ends(&self, record: &mut Record, number: CallNumber, verdict: Verdict) {
        let quiet = self.quiet_after(record, number, verdict);
        Self::notes_refusal(record, number, verdict);
        let Record { calls, epochs, totals, .. } = record;
        let Some(call) = calls.get_mut(&number) else { return };
        let Some(attempt) = call.attempts.last_mut() else { return };
        attempt.ended = Some(Ended { at: now(), verdict, quiet });
        let (took, trial) = (now() - attempt.began, attempt.trial == Some(true));
        let epoch = epochs.entry(attempt.epoch).or_default();
        if trial {
            epoch.trial_ends(Holder::Call(number));
        }
        if call.asks_breaker() {
            epoch.slow +=
                usize::from(self.settings.breaker.slow_call.is_some_and(|slow| took >= slow));
            let counts_at_once = trial || self.settings.calls.scope == BreakerScope::Attempt;
            result_counts(verdict.outcome, counts_at_once, call, epoch, totals);
        }
        if call.abandoned {
            record.call_ends(number);
        }
    }
}

/// A success counts, and repairs the call's pending failure. A failure counts at once, or is pending; it replaces the
/// failure that was pending. A neutral outcome leaves the pending failure alone.
fn result_counts(
    outcome: Outcome,
    at_once: bool,
    call: &mut Call,
    epoch: &mut Epoch,
    totals: &mut Totals,
) {
    let says = says(outcome);
    if says == Says::Neutral {
        totals.ignored += 1;
        return;
    }
    epoch.ends_with(says != Says::Success);
    totals.ignored += u64::from(std::mem::take(&mut call.pending_failure));
    if says == Says::Success {
        totals.successful += 1;
    } else if says == Says::FailureAtOnce || at_once {
        totals.failed += 1;
    } else {
        call.pending_failure = true;
    }
}
