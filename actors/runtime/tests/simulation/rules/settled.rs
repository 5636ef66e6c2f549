//! What holds whenever nothing more can run at an instant.

use std::rc::Rc;

use resilience_actors::{Mode, PolicySnapshot, State};

use super::{TICK, turns::waiting_at_gates};
use crate::{record::Record, support::now, world::World};

impl World {
    pub(crate) fn has_settled(&self) {
        self.follow_events();
        let record = &mut *self.record.borrow_mut();
        self.published_state_is_recorded(record);
        self.circuit_is_in_time(record);
        self.settings_are_in_force(record);
        self.probes_have_settled(record);
        let policies = self.policies();
        self.calls_are_alive(record, &policies);
        self.places_are_in_use(record, &policies);
        self.hedges_have_settled(record, &policies);
        self.budgets_add_up(record, &policies);
        self.faults_add_up(record, &policies);
        self.shares_have_settled(record);
        if record.circuit.state == State::HalfOpen {
            self.half_open_goes_on(record);
        }
        self.counts_add_up(record);
        // Reports change nothing in an older epoch, so only trials that are in flight matter there.
        let current = record.circuit.epoch;
        record.epochs.retain(|number, epoch| number + 1 >= current || epoch.trials_in_flight() > 0);
    }

    fn published_state_is_recorded(&self, record: &Record) {
        let breaker = &self.breaker;
        let circuit = record.circuit;
        let published = (breaker.state(), breaker.mode(), breaker.counts().epoch.number);
        rule!(self, "The published state is that of the last transition":
            published == (circuit.state, circuit.mode, circuit.epoch); published, circuit);
        let messages = breaker.mailbox_depth();
        rule!(self, "No message is left in the breaker's mailbox": messages == 0; messages);
    }

    fn calls_are_alive(&self, record: &Record, policies: &[PolicySnapshot]) {
        let (limit, calls) = (&self.limit, &record.calls);
        let waiting = calls.values().filter(|call| !call.in_flight()).count();
        rule!(self, "Each call has one place of the call limit": limit.in_use() == calls.len(); limit, calls);
        let queued = waiting_at_gates(policies);
        rule!(self, "Each call that is not in flight waits for a retry, a token or a place":
            limit.waiting() + queued == waiting; limit, queued, calls);
        rule!(self, "At most max_calls calls are in flight or wait": limit.in_use() <= limit.max(); limit);
        rule!(self, "No call waits on an open circuit": !record.circuit_is_open() || waiting == 0; calls);
        for call in calls.values() {
            rule!(self, "A call is answered by its deadline":
                now() <= call.deadline() + TICK; call);
            let may_wait = call.may_be_retried() || (queued > 0 && call.asks_breaker());
            rule!(self, "Only a call that may be retried, or has no token or place, waits, and only while its caller is there":
                call.in_flight() || (may_wait && !call.abandoned); call);
            self.was_not_passed_over(call);
        }
    }

    fn circuit_is_in_time(&self, record: &Record) {
        let circuit = record.circuit;
        let times_out = circuit.state == State::Open && circuit.mode == Mode::Auto;
        rule!(self, "A circuit that opened by itself does not stay open past its open time":
            !times_out || now() - circuit.since < circuit.open_time + TICK; circuit);
    }

    fn half_open_goes_on(&self, record: &mut Record) {
        let settings = Rc::clone(record.breaker.now());
        let number = record.circuit.epoch;
        let epoch = record.epoch(number);
        rule!(self, "A failed trial ends half-open": epoch.failures() == 0; epoch);
        rule!(self, "success_threshold successes end half-open":
            epoch.successes() < settings.success_threshold as usize; epoch);
        for trial in epoch.trials.iter().filter(|trial| trial.ended.is_none()) {
            rule!(self, "No trial outlives its lease": now() - trial.began < *trial.lease.end() + TICK; trial);
        }
    }
}
