//! Places of the concurrency limit: no more attempts in flight at an upstream than it has places.

use resilience_actors::{ConcurrencyMax, PolicySnapshot, Priority, Rejection, State};

use crate::{
    record::{Call, CallNumber, Record, UpstreamRecord},
    support::{Settings, now},
    world::World,
};

impl World {
    /// An attempt of a call has begun. It may have got its place before a change at this instant.
    pub(super) fn keeps_to_the_places(&self, record: &Record, number: CallNumber) {
        let Some(call) = record.calls.get(&number) else { return };
        let upstream = record.upstream_of(call);
        if !upstream.shares(call, |eras| eras.concurrency) {
            return;
        }
        let in_flight = in_flight(record, call.request.lab);
        let most = upstream.settings.at_this_instant().map(most_places).max();
        rule!(self, "At no instant are more attempts in flight than there can be places, unless a change has lowered the \
            limit": most.is_some_and(|most| in_flight <= most); call, in_flight, most);
    }

    pub(super) fn places_are_in_use(&self, record: &Record, policies: &[PolicySnapshot]) {
        for (lab, policies) in policies.iter().enumerate() {
            let (Some(limit), in_flight) = (policies.concurrency, in_flight(record, lab)) else {
                continue;
            };
            rule!(self, "Each attempt in flight has a place of its own": limit.in_flight == in_flight; limit, in_flight);
            let most = most_since_attempts_began(record, lab);
            rule!(self, "No more attempts are in flight than there are places, unless latency or a change has lowered the \
                limit": in_flight <= limit.max.max(most); limit, in_flight, most);
            rule!(self, "A limit that follows latency stays within its range":
                limit.adaptive.is_none_or(|range| (range.floor..=range.ceiling).contains(&limit.max)); limit);
            let room = longest_queue_since_calls_began(record, lab);
            rule!(self, "No more attempts wait for a place than the queue had room for since they came":
                limit.queued <= room; limit, room);
            rule!(self, "No attempt waits for a place while one is free":
                limit.queued == 0 || limit.in_flight >= limit.max; limit);
        }
    }

    pub(super) fn concurrency_limit_may_reject(&self, record: &Record, call: &Call) {
        let limited = call.settings.concurrency.is_some();
        rule!(self, "Only an upstream with a limit rejects for want of a place": limited && call.asks_breaker(); call);
        let upstream = record.upstream_of(call);
        let is_on = upstream.shares(call, |eras| eras.concurrency);
        rule!(self, "A limit that is switched off admits what waits and what comes":
            is_on || !upstream.settings.unchanged_since(now()); call);
        self.has_not_waited_too_long(call);
        self.is_displaced(upstream, record, call);
        self.all_places_are_taken(upstream, record, call);
    }

    /// A call gets no place. One that waits may have been given a place already.
    fn all_places_are_taken(&self, upstream: &UpstreamRecord, record: &Record, call: &Call) {
        let limits: Option<Vec<_>> =
            upstream.settings.at_this_instant().map(|it| it.concurrency.as_ref()).collect();
        let Some(limits) = limits else { return };
        let fixed = limits.iter().map(|limit| match limit.concurrency_max {
            ConcurrencyMax::Fixed(max) => Some(max),
            ConcurrencyMax::Adaptive { .. } => None,
        });
        let Some(max) = fixed.min().flatten() else { return };
        let lab = call.request.lab;
        let taken = in_flight(record, lab) + upstream.ended_now();
        let mut others = record.calls.values().filter(|other| other.asks_gates_of(lab));
        let others_wait = others.any(|other| !other.in_flight());
        let can_wait = limits.iter().all(|limit| limit.concurrency_queue > 0);
        rule!(self, "With a queue, an attempt gets no place only while all are taken":
            !can_wait || others_wait || taken >= max; call, taken, limits);
    }

    /// A call whose attempt may have waited in the queue gets no place.
    fn is_displaced(&self, upstream: &UpstreamRecord, record: &Record, call: &Call) {
        let Some(limit) = &call.settings.concurrency else { return };
        let undisturbed = record.circuit.state == State::Closed
            && record.circuit.since < call.started
            && upstream.settings.unchanged_since(call.started);
        let over = call.deadline().min(call.started + limit.concurrency_wait);
        let no_token = call.settings.rate.as_ref().is_none_or(|rate| rate.rate_wait.is_zero());
        let early = call.attempts.is_empty() && call.started < now() && now() < over;
        rule!(self, "An attempt leaves the queue before its time is over only for a more important one":
            !(undisturbed && no_token && early)
                || (limit.concurrency_priorities && call.request.priority < Priority::High);
            call, limit);
    }
}

/// Counts a rejection for want of a place: by a limit that follows latency, and of a call that waited in the queue and
/// was displaced by a more important one.
pub(super) fn count_rejection_for_a_place(record: &mut Record, call: &Call, rejection: &Rejection) {
    let max = call.settings.concurrency.as_ref().map(|limit| limit.concurrency_max);
    let is_adaptive = matches!(max, Some(ConcurrencyMax::Adaptive { .. }));
    record.totals.rejected_by_adaptive_limits += u64::from(is_adaptive);
    let no_token = call.settings.rate.as_ref().is_none_or(|rate| rate.rate_wait.is_zero());
    let has_waited = no_token && call.attempts.is_empty() && call.started < now();
    let for_others = rejection.to_string().contains("others are more important");
    record.totals.displaced += u64::from(has_waited && for_others);
}

/// The most places that an upstream can have.
fn most_places(settings: &Settings) -> usize {
    settings.concurrency.as_ref().map_or(usize::MAX, |limit| match limit.concurrency_max {
        ConcurrencyMax::Fixed(most) | ConcurrencyMax::Adaptive { ceiling: most, .. } => most,
    })
}

/// The most places since the first of the attempts in flight began.
fn most_since_attempts_began(record: &Record, lab: usize) -> usize {
    let calls = calls_with_places(record, lab).flat_map(|call| &call.attempts);
    let began = calls.filter(|attempt| attempt.ended.is_none()).map(|attempt| attempt.began).min();
    let settings = &record.upstreams[lab].settings;
    settings.since(began.unwrap_or_else(now)).map(most_places).max().unwrap_or_default()
}

/// The longest queue since the first of the calls began.
fn longest_queue_since_calls_began(record: &Record, lab: usize) -> usize {
    let started = calls_with_places(record, lab).map(|call| call.started).min();
    let settings = record.upstreams[lab].settings.since(started.unwrap_or_else(now));
    let queues = settings.filter_map(|it| it.concurrency.as_ref());
    queues.map(|limit| limit.concurrency_queue).max().unwrap_or_default()
}

/// Attempts in flight at an upstream that have one of its places.
fn in_flight(record: &Record, lab: usize) -> usize {
    calls_with_places(record, lab).map(Call::attempts_in_flight).sum()
}

/// The calls that share the places of an upstream with those that begin now.
fn calls_with_places(record: &Record, lab: usize) -> impl Iterator<Item = &Call> {
    let upstream = &record.upstreams[lab];
    let calls = record.calls.values().filter(move |call| call.asks_gates_of(lab));
    calls.filter(|call| upstream.shares(call, |eras| eras.concurrency))
}
