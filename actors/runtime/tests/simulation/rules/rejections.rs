//! When the runtime rejects a call, and when it lets the caller come back.

use std::time::Duration;

use resilience_actors::{Rejection, RejectionKind, State};

use super::places::count_rejection_for_a_place;
use crate::{
    record::{Call, Record},
    world::World,
};

impl World {
    pub(super) fn call_is_rejected(
        &self,
        record: &mut Record,
        call: &Call,
        rejection: &Rejection,
        limit_was_reached: bool,
    ) {
        let attempts = call.attempts.len();
        let overloaded = rejection.kind() == RejectionKind::Overloaded;
        rule!(self, "A call past max_calls is rejected as overloaded, and no other call is":
            overloaded == limit_was_reached; call, rejection);
        rule!(self, "A call is overloaded only before its first attempt": !overloaded || attempts == 0; call);
        match rejection.kind() {
            RejectionKind::Overloaded => {}
            RejectionKind::QuietPeriod => {
                return self.quiet_period_rejects(record, call, rejection);
            }
            RejectionKind::Throttle => self.throttling_may_reject(record, call),
            RejectionKind::RateLimit => self.rate_limit_may_reject(record, call, rejection),
            RejectionKind::ConcurrencyLimit => {
                self.concurrency_limit_may_reject(record, call);
                count_rejection_for_a_place(record, call, rejection);
            }
            RejectionKind::Released => {
                rule!(self, "Only a call that waits for a retry is released":
                    call.may_be_retried() && attempts > 0; call);
                rule!(self, "Calls are released only when the circuit opens":
                    may_be(record, State::Open); call, record.circuit);
            }
            _ => {
                rule!(self, "The circuit rejects only calls that ask it": call.asks_breaker(); call, rejection);
                self.circuit_may_reject(record, rejection);
            }
        }
        self.rejection_counts(record, rejection);
    }

    /// A task asked the breaker for a permit, and got none.
    pub(crate) fn permit_is_refused(&self, rejection: &Rejection) {
        self.follow_events();
        let record = &mut *self.record.borrow_mut();
        self.circuit_may_reject(record, rejection);
        self.rejection_counts(record, rejection);
    }

    fn circuit_may_reject(&self, record: &Record, rejection: &Rejection) {
        let (circuit, kind) = (record.circuit, rejection.kind());
        rule!(self, "A circuit rejects because it is open, or because of its trials":
            matches!(kind, RejectionKind::CircuitOpen | RejectionKind::TrialLimit); rejection);
        rule!(self, "Only an open circuit rejects because it is open":
            kind != RejectionKind::CircuitOpen || may_be(record, State::Open); circuit);
        rule!(self, "Only a half-open circuit rejects because of its trials":
            kind != RejectionKind::TrialLimit || may_be(record, State::HalfOpen); circuit);
    }

    fn rejection_counts(&self, record: &mut Record, rejection: &Rejection) {
        if rejection.kind() == RejectionKind::RateLimit {
            record.totals.rejected[rejection.kind() as usize] += 1;
            return;
        }
        let open_times = record.breaker.at_this_instant().map(|it| it.reset_max);
        let open_time = open_times.max().unwrap_or_default();
        let spread = (open_time / 10).max(Duration::from_secs(1));
        let longest = (open_time + spread).max(Duration::from_secs(2));
        rule!(self, "A rejected caller may come back after the open time, plus a tenth or a second":
            rejection.retry_after() <= longest; rejection, longest);
        record.totals.rejected[rejection.kind() as usize] += 1;
    }
}

/// The circuit has this state, or may have had it at this instant.
fn may_be(record: &Record, state: State) -> bool {
    record.circuit.state == state || record.circuit_changes_now()
}
