//! Repeats of an attempt that did not reach the upstream, and fresh connections.

use resilience_actors::Outcome;

use super::attempts::Told;
use crate::{
    record::{Attempt, AttemptId, Call},
    world::World,
};

impl World {
    /// An attempt reaches the upstream again, within the same attempt.
    pub(crate) fn attempt_is_repeated(&self, told: Told, repeat: u32) -> AttemptId {
        self.follow_events();
        let record = &mut *self.record.borrow_mut();
        let numbers = u128::from(told.number) << 32 | u128::from(repeat);
        record.totals.digest(u128::from(told.call) << 64 | numbers);
        let call = record.calls.get_mut(&told.call);
        let position = call.and_then(|call| self.repeat_of(call, told, repeat)).unwrap_or(0);
        AttemptId { call: told.call, position }
    }

    fn repeat_of(&self, call: &mut Call, told: Told, repeat: u32) -> Option<usize> {
        let position = call.to_be_repeated.take();
        rule!(self, "Only an attempt that has just not reached the upstream is repeated":
            position.is_some(); call, told, repeat);
        rule!(self, "Only a call that is idempotent and asks the breaker is repeated":
            call.may_be_repeated(); call);
        rule!(self, "An attempt is repeated at most connect_retries times":
            repeat <= call.settings.connect_retries; call, repeat);
        let attempt = call.attempts.get_mut(position?)?;
        rule!(self, "A repeat has the number of its attempt, and is a hedge if that is one":
            (told.number, told.hedge) == (attempt.number, attempt.hedge); attempt, told);
        rule!(self, "Repeats are numbered from 1": repeat == attempt.repeat + 1; attempt, repeat);
        attempt.repeat = repeat;
        position
    }

    /// An attempt has begun, or is repeated. It must use a fresh connection, or may use a kept one.
    pub(crate) fn attempt_connects(&self, id: AttemptId, fresh: bool) {
        let record = self.record.borrow();
        let Some(call) = record.calls.get(&id.call) else { return };
        let attempt = call.attempts.get(id.position);
        if let Some(needed) = attempt.and_then(needs_fresh_connection) {
            rule!(self, "A repeat, a trial, and an attempt after one that may have failed by its connection use a \
                fresh connection, and no other attempt does": fresh == needed; call, attempt, fresh);
        }
    }
}

/// None if it is unknown whether the attempt is a trial.
fn needs_fresh_connection(attempt: &Attempt) -> Option<bool> {
    Some(attempt.repeat > 0 || attempt.trial? || attempt.suspects_connection)
}

/// The last attempt may have failed by its connection.
pub(super) fn suspects_connection(call: &Call) -> bool {
    matches!(
        call.last_outcome(),
        Some(Outcome::TimedOut | Outcome::Unreachable | Outcome::Transient)
    )
}
