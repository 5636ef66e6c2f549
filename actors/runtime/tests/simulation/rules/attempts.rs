//! Which attempts a call makes, and when.

use resilience_actors::State;

use super::{TICK, outcomes::is_retried};
use crate::{
    record::{Attempt, Call, CallNumber, Ended, Holder, Record},
    support::now,
    world::World,
};

impl World {
    /// An attempt of a call reaches the upstream for the first time.
    pub(crate) fn attempt_begins(&self, number: CallNumber, attempt: usize) {
        self.follow_events();
        let record = &mut *self.record.borrow_mut();
        let call = record.calls.get(&number).filter(|call| !call.abandoned);
        rule!(self, "No attempt begins after its caller has left": call.is_some(); number, attempt);
        let Some(call) = call else { return };
        self.attempts_are_limited(call, attempt);
        self.is_not_quiet(record, call);
        let asker = call.asks_breaker().then_some(call.lab);
        match call.attempts.last() {
            Some(&Attempt { ended: Some(ended), trial, .. }) => self.is_due(call, ended, trial),
            _ => {
                let longest = self.longest_wait_for_a_place();
                rule!(self, "A call begins its first attempt at once, or after a wait for a place":
                    now() <= call.started + longest; call, longest);
            }
        }
        let (trial, epoch) = (self.is_trial(record, call), self.breaker.counts().epoch.number);
        if trial == Some(true) {
            self.trial_begins(record, epoch, Holder::Call(number));
        }
        if let Some(lab) = asker {
            self.keeps_to_the_rate(record, lab);
        }
        record.totals.attempts += 1;
        record.totals.digest(u128::from(number) << 64 | (attempt as u128) << 32);
        let begun = Attempt { began: now(), repeat: 0, epoch, trial, ended: None };
        record.calls.entry(number).and_modify(|call| call.attempts.push(begun));
    }

    fn attempts_are_limited(&self, call: &Call, attempt: usize) {
        let max_attempts = self.settings.calls.max_attempts as usize;
        rule!(self, "A call makes one attempt at a time": !call.in_flight(); call);
        rule!(self, "Attempts are numbered from 1": attempt == call.attempts.len() + 1; call, attempt);
        rule!(self, "A call makes at most max_attempts attempts in all": attempt <= max_attempts; call, attempt);
        rule!(self, "A call that may not be retried makes one attempt":
            attempt == 1 || call.may_be_retried(); call, attempt);
    }

    fn is_due(&self, call: &Call, last: Ended, trial: Option<bool>) {
        let (waited, (shortest, longest)) = (now() - last.at, self.waits(call, last));
        rule!(self, "A call is retried only after an outcome that is retried":
            is_retried(last.verdict.outcome); call);
        rule!(self, "A trial is never retried": trial != Some(true); call);
        rule!(self, "A call waits before a retry, no less than the backoff with its jitter and Retry-After say":
            waited >= shortest; call, waited, shortest);
        rule!(self, "A call waits before a retry, no more than the backoff with its jitter and Retry-After say, \
            and the wait for a place":
            waited <= longest + TICK + self.longest_wait_for_a_place(); call, waited, longest);
        rule!(self, "No attempt begins after the call's deadline":
            now() < call.started + self.settings.calls.call_deadline; call);
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
