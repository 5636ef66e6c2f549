//! Places of the concurrency limit: no more attempts in flight at an upstream than it has places.

use resilience_actors::{ConcurrencyMax, PolicySnapshot, Priority, State};

use crate::{
    record::{Call, Record},
    support::now,
    world::World,
};

impl World {
    /// An attempt has begun.
    pub(super) fn keeps_to_the_places(&self, record: &Record, lab: usize) {
        let Some(limit) = &self.settings.calls.concurrency else { return };
        let in_flight = in_flight(record, lab);
        let (ConcurrencyMax::Fixed(most) | ConcurrencyMax::Adaptive { ceiling: most, .. }) =
            limit.concurrency_max;
        rule!(self, "At no instant are more attempts in flight than there can be places":
            in_flight <= most; lab, in_flight);
    }

    pub(super) fn places_are_in_use(&self, record: &Record, policies: &[PolicySnapshot]) {
        for (lab, policies) in policies.iter().enumerate() {
            let (Some(limit), in_flight) = (policies.concurrency, in_flight(record, lab)) else {
                continue;
            };
            rule!(self, "Each attempt in flight has a place of its own": limit.in_flight == in_flight; limit, in_flight);
            rule!(self, "No more attempts are in flight than there are places, unless latency has lowered the limit":
                in_flight <= limit.max || limit.adaptive.is_some(); limit, in_flight);
            rule!(self, "A limit that follows latency stays within its range":
                limit.adaptive.is_none_or(|range| (range.floor..=range.ceiling).contains(&limit.max)); limit);
            rule!(self, "No more attempts wait for a place than the queue has room for":
                limit.queued <= limit.max_queued; limit);
            rule!(self, "No attempt waits for a place while one is free":
                limit.queued == 0 || limit.in_flight >= limit.max; limit);
        }
    }

    pub(super) fn concurrency_limit_may_reject(&self, record: &Record, call: &Call) {
        let limited = self.settings.calls.concurrency.is_some();
        rule!(self, "Only an upstream with a limit rejects for want of a place": limited && call.asks_breaker(); call);
        self.has_not_waited_too_long(call);
        self.is_displaced(record, call);
        self.all_places_are_taken(record, call);
    }

    /// A call gets no place. One that waits may have been given a place already.
    fn all_places_are_taken(&self, record: &Record, call: &Call) {
        let Some(limit) = &self.settings.calls.concurrency else { return };
        let ConcurrencyMax::Fixed(max) = limit.concurrency_max else { return };
        let lab = call.request.lab;
        let taken = in_flight(record, lab) + record.upstreams[lab].ended_now();
        let mut others = record.calls.values().filter(|other| other.asks_gates_of(lab));
        let others_wait = others.any(|other| !other.in_flight());
        let can_wait = limit.concurrency_queue > 0;
        rule!(self, "With a queue, an attempt gets no place only while all are taken":
            !can_wait || others_wait || taken >= max; call, taken, limit);
    }

    /// A call whose attempt may have waited in the queue gets no place.
    fn is_displaced(&self, record: &Record, call: &Call) {
        let Some(limit) = &self.settings.calls.concurrency else { return };
        let undisturbed =
            record.circuit.state == State::Closed && record.circuit.since < call.started;
        let over = call.deadline().min(call.started + limit.concurrency_wait);
        let no_token =
            self.settings.calls.rate.as_ref().is_none_or(|rate| rate.rate_wait.is_zero());
        let early = call.attempts.is_empty() && call.started < now() && now() < over;
        rule!(self, "An attempt leaves the queue before its time is over only for a more important one":
            !(undisturbed && no_token && early)
                || (limit.concurrency_priorities && call.request.priority < Priority::High);
            call, limit);
    }
}

/// Attempts in flight at an upstream that ask its gates.
fn in_flight(record: &Record, lab: usize) -> usize {
    let calls = record.calls.values().filter(|call| call.asks_gates_of(lab));
    calls.map(Call::attempts_in_flight).sum()
}
