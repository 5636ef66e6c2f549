//! Hedges: attempts beside one that takes long.

use std::time::{Duration, Instant};

use resilience_actors::{Hedge, HedgeDelay, PolicySnapshot, State};

use super::{TICK, attempts::Told};
use crate::{
    record::{Call, Record},
    support::now,
    world::World,
};

impl World {
    pub(super) fn hedge_may_begin(&self, record: &Record, call: &Call, told: Told) {
        let hedge = call.settings.hedge.as_ref();
        rule!(self, "Only an upstream with hedging makes hedges": hedge.is_some(); call);
        let Some(hedge) = hedge else { return };
        rule!(self, "Only a call that may be retried has hedges": call.may_be_retried(); call);
        rule!(self, "A hedge is made only while the circuit is closed":
            self.breaker.state() == State::Closed; call, record.circuit);
        let beside = call.attempts_of(told.number);
        rule!(self, "A trial has no hedges": beside.clone().all(|attempt| attempt.trial != Some(true)); call);
        rule!(self, "A hedge is made only while all attempts of its number are in flight":
            beside.clone().all(|attempt| attempt.ended.is_none()); call);
        rule!(self, "An attempt has at most hedge_max hedges":
            beside.clone().count() <= hedge.hedge_max as usize; call);
        let Some(first) = beside.clone().map(|attempt| attempt.began).min() else { return };
        let last = beside.map(|attempt| attempt.began).max().unwrap_or(first);
        self.hedge_is_due(record, call, hedge, (first, last));
    }

    /// A hedge begins beside attempts of which the first and the last began at these instants. A hedge that is refused
    /// is one of `hedge_max`, so the delay may have passed more than once since the last.
    fn hedge_is_due(
        &self,
        record: &Record,
        call: &Call,
        hedge: &Hedge,
        (first, last): (Instant, Instant),
    ) {
        let waited = now() - last;
        match hedge.hedge_after {
            HedgeDelay::Time(delay) => {
                let latest = first + (delay + TICK) * hedge.hedge_max;
                rule!(self, "A hedge is made the delay after the attempt or hedge before it, or a multiple of it":
                    waited >= delay && now() <= latest; call, waited);
            }
            HedgeDelay::Percentile(_)
                if !record.upstream_of(call).shares(call, |eras| eras.percentile) => {}
            HedgeDelay::Percentile(share) => {
                let hedges = &record.upstream_of(call).hedges;
                let latencies = &hedges.latencies;
                rule!(self, "A percentile is known from LEAST_SAMPLES answers on":
                    latencies.len() as u64 >= Hedge::LEAST_SAMPLES; call);
                // Nothing that a later attempt has shown, and what is shown at this instant only in part.
                let known = latencies.iter().filter(|(at, _)| *at < last).map(|(_, took)| *took);
                let complete =
                    latencies.iter().all(|(at, _)| *at != last) && !hedges.latencies_unsure;
                let least = percentile(share, known).filter(|_| complete).unwrap_or_default();
                rule!(self, "A hedge is made no earlier than when that share of the latest attempts was answered":
                    waited >= least; call, waited, least);
            }
        }
    }

    pub(super) fn hedges_have_settled(&self, record: &Record, policies: &[PolicySnapshot]) {
        for call in record.calls.values().filter(|call| call.in_flight()) {
            rule!(self, "The first good answer ends all attempts of its number":
                call.attempts_of(call.turn()).all(|attempt| !attempt.is_good()); call);
        }
        for (seen, policies) in record.upstreams.iter().zip(policies) {
            let Some(hedge) = policies.hedge else { continue };
            let (made, won) = (seen.hedges.made, seen.hedges.won);
            rule!(self, "Each hedge counts once, and so does each that gave the answer":
                (hedge.made, hedge.won) == (made, won); hedge, made, won);
        }
        self.hedges_are_made(record);
    }

    /// Where nothing has refused an attempt and nothing but the circuit can refuse a hedge, it is made when it is due.
    fn hedges_are_made(&self, record: &Record) {
        if record.circuit.state != State::Closed {
            return;
        }
        for call in record.calls.values().filter(|call| call.may_be_retried() && !call.abandoned) {
            let calls = &call.settings;
            let Some(Hedge { hedge_after: HedgeDelay::Time(delay), hedge_max }) = calls.hedge
            else {
                continue;
            };
            if calls.rate.is_some() || calls.concurrency.is_some() || calls.retry_budget.is_some() {
                continue;
            }
            let beside = call.attempts_of(call.turn());
            let all_in_flight = beside.clone().all(|attempt| attempt.ended.is_none());
            let last = beside.clone().map(|attempt| attempt.began).max();
            // A hedge that an open circuit refused is one of `hedge_max`.
            let undisturbed = beside.clone().all(|attempt| record.circuit.since < attempt.began);
            let hedges = beside.filter(|attempt| attempt.hedge).count();
            let seen = &record.upstreams[call.request.lab];
            let is_due = all_in_flight
                && seen.quiet.is_empty()
                && seen.refused.is_none()
                && hedges < hedge_max as usize
                && undisturbed
                && last.is_some_and(|last| last + delay + TICK < now());
            rule!(self, "A hedge is made when it is due, if nothing refuses it": !is_due; call, hedges);
        }
    }
}

/// The latency that this share does not exceed.
fn percentile(share: f64, latencies: impl Iterator<Item = Duration>) -> Option<Duration> {
    let mut latencies: Vec<_> = latencies.collect();
    latencies.sort_unstable();
    let wanted = share * latencies.len() as f64;
    (1..).zip(latencies).find(|(rank, _)| f64::from(*rank) >= wanted).map(|(_, latency)| latency)
}
