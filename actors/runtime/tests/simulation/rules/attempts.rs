//! Which attempts a call makes, and when.

use std::time::Instant;

use resilience_actors::State;

use super::{
    TICK, outcomes::is_retried, repeats::suspects_connection, turns::longest_wait_at_gates,
    waits::waits,
};
use crate::{
    record::{Admitted, Attempt, AttemptId, Call, CallNumber, Ended, Holder, Record},
    support::now,
    world::World,
};

/// What an operation is told of its attempt.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Told {
    pub(crate) call: CallNumber,
    pub(crate) number: u32,
    pub(crate) hedge: bool,
    pub(crate) deadline: Option<Instant>,
}

impl World {
    /// An attempt of a call begins: it reaches the upstream, or gets a fault.
    pub(crate) fn attempt_begins(&self, told: Told) -> AttemptId {
        self.follow_events();
        let record = &mut *self.record.borrow_mut();
        self.was_admitted(record, told);
        let call = record.calls.get(&told.call).filter(|call| !call.abandoned);
        rule!(self, "No attempt begins after its caller has left": call.is_some(); told);
        let Some(call) = call else { return AttemptId { call: told.call, position: 0 } };
        let id = AttemptId { call: told.call, position: call.attempts.len() };
        let trial = self.attempt_may_begin(record, call, told);
        let suspects_connection = !told.hedge && suspects_connection(call);
        let epoch = self.breaker.counts().epoch.number;
        if trial == Some(true) {
            self.trial_begins(record, epoch, Holder::Call(told.call));
        }
        self.overtakes_none(record, told);
        self.keeps_to_the_budget(record, told);
        let epoch_is_sure = trial.is_some() && !record.circuit_changes_now();
        let Told { number, hedge, .. } = told;
        let begun = Attempt {
            number,
            hedge,
            began: now(),
            repeat: 0,
            epoch,
            epoch_is_sure,
            slow_call: record.breaker.now().slow_call,
            trial,
            suspects_connection,
            fault: None,
            delayed_until: None,
            ended: None,
        };
        self.attempt_has_begun(record, told.call, begun);
        id
    }

    /// Returns whether the attempt is a trial, as [`is_trial`](Self::is_trial) does.
    fn attempt_may_begin(&self, record: &Record, call: &Call, told: Told) -> Option<bool> {
        self.attempts_are_limited(call, told);
        self.is_in_time(call, told);
        self.is_not_quiet(record, call);
        self.was_not_passed_over(call);
        if told.hedge {
            self.hedge_may_begin(record, call, told);
            return Some(false);
        }
        self.turn_may_begin(call);
        self.is_trial(record, call)
    }

    fn attempt_has_begun(&self, record: &mut Record, number: CallNumber, begun: Attempt) {
        record.totals.attempts += 1;
        record.totals.hedges += u64::from(begun.hedge);
        record.totals.digest(
            u128::from(number) << 64 | u128::from(begun.number) << 32 | u128::from(begun.hedge),
        );
        let Some(call) = record.calls.get_mut(&number) else { return };
        let upstream = &mut record.upstreams[call.request.lab];
        if upstream.shares(call, |eras| eras.hedge) {
            upstream.hedges.made += u64::from(begun.hedge);
        }
        call.attempts.push(begun);
        self.keeps_to_the_rate(upstream, call);
        self.keeps_to_the_places(record, number);
    }

    fn was_admitted(&self, record: &mut Record, told: Told) {
        let Told { call, number, hedge, .. } = told;
        let admitted = record.admitted.take();
        rule!(self, "An attempt begins when the gates have admitted it":
            admitted == Some(Admitted { call, number, hedge }); told, admitted);
    }

    fn attempts_are_limited(&self, call: &Call, told: Told) {
        let max_attempts = call.settings.max_attempts;
        rule!(self, "A call makes one attempt at a time, hedges aside": told.hedge || !call.in_flight(); call);
        rule!(self, "Attempts are numbered from 1, and hedges have the number of the attempt beside them":
            told.number == call.turn() + u32::from(!told.hedge); call, told);
        rule!(self, "A call makes at most max_attempts attempts in all, hedges aside":
            told.number <= max_attempts; call, told);
        rule!(self, "A call that may not be retried makes one attempt":
            call.attempts.is_empty() || call.may_be_retried(); call, told);
    }

    fn is_in_time(&self, call: &Call, told: Told) {
        rule!(self, "No attempt begins at or after the call's deadline": now() < call.deadline(); call, told);
        rule!(self, "An attempt is told the call's deadline, if the caller has one of its own":
            told.deadline == call.deadline_to_pass_on(); call, told);
    }

    /// The first attempt of a turn begins.
    fn turn_may_begin(&self, call: &Call) {
        match call.decisive() {
            Some((last, ended)) => self.is_due(call, ended, last.trial),
            None => {
                let longest = longest_wait_at_gates(&call.settings);
                rule!(self, "A call begins its first attempt at once, or after waits for a token and a place":
                    now() <= call.started + longest; call, longest);
            }
        }
    }

    fn is_due(&self, call: &Call, last: Ended, trial: Option<bool>) {
        let (waited, (shortest, longest)) = (now() - last.at, waits(call, last));
        rule!(self, "A call is retried only after an outcome that is retried":
            is_retried(last.verdict.outcome); call);
        rule!(self, "A trial is never retried": trial != Some(true); call);
        rule!(self, "A call waits before a retry, no less than the backoff with its jitter and Retry-After say":
            waited >= shortest; call, waited, shortest);
        rule!(self, "A call waits before a retry, no more than the backoff with its jitter and Retry-After say, \
            and the waits for a token and a place":
            waited <= longest + TICK + longest_wait_at_gates(&call.settings); call, waited, longest);
    }

    /// Whether an attempt that begins now is a trial. None if the circuit leaves half-open at this instant: the
    /// breaker admitted the attempt before or after that.
    fn is_trial(&self, record: &Record, call: &Call) -> Option<bool> {
        let left_half_open_now = record.left_half_open == Some(now());
        match self.breaker.state() {
            _ if !call.asks_breaker() => Some(false),
            State::HalfOpen => Some(true),
            State::Closed if !left_half_open_now => Some(false),
            State::Closed => None,
            State::Open => {
                rule!(self, "No attempt begins on an open circuit": left_half_open_now; call);
                None
            }
        }
    }
}
