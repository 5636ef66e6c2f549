//! Repeats of an attempt that did not reach the upstream, and fresh connections.

use resilience_actors::Outcome;

use crate::{
    record::{Call, CallNumber},
    world::World,
};

impl World {
    /// An attempt reaches the upstream again, within the same attempt.
    pub(crate) fn attempt_is_repeated(&self, number: CallNumber, attempt: usize, repeat: u32) {
        self.follow_events();
        let record = &mut *self.record.borrow_mut();
        record
            .totals
            .digest(u128::from(number) << 64 | (attempt as u128) << 32 | u128::from(repeat));
        let call = record.calls.get_mut(&number).filter(|call| call.in_flight());
        rule!(self, "Only an attempt in flight is repeated": call.is_some(); number, attempt, repeat);
        let Some(call) = call else { return };
        rule!(self, "Only a call that is idempotent and asks the breaker is repeated":
            call.may_be_repeated(); call);
        rule!(self, "A repeat belongs to the call's last attempt": attempt == call.attempts.len(); call, attempt);
        rule!(self, "An attempt is repeated at most connect_retries times":
            repeat <= self.settings.calls.connect_retries; call, repeat);
        if let Some(last) = call.attempts.last_mut() {
            rule!(self, "Repeats are numbered from 1": repeat == last.repeat + 1; last, repeat);
            last.repeat = repeat;
        }
    }

    /// An attempt has begun, or is repeated. It must use a fresh connection, or may use a kept one.
    pub(crate) fn attempt_connects(&self, number: CallNumber, fresh: bool) {
        let record = self.record.borrow();
        let Some(call) = record.calls.get(&number) else { return };
        if let Some(needed) = needs_fresh_connection(call) {
            rule!(self, "A repeat, a trial, and an attempt after one that may have failed by its connection use a \
                fresh connection, and no other attempt does": fresh == needed; call, fresh);
        }
    }
}

/// None if it is unknown whether the attempt is a trial.
fn needs_fresh_connection(call: &Call) -> Option<bool> {
    let [before @ .., attempt] = &call.attempts[..] else { return None };
    let outcome = before.last().and_then(|last| last.ended).map(|ended| ended.verdict.outcome);
    let connection_may_be_dead =
        matches!(outcome, Some(Outcome::TimedOut | Outcome::Unreachable | Outcome::Transient));
    Some(attempt.repeat > 0 || attempt.trial? || connection_may_be_dead)
}
