//! Whose turn it is: waits at the gates, and their order.

use std::time::Duration;

use resilience_actors::{PolicySnapshot, Priority, State};

use super::{TICK, attempts::Told, waits::waits};
use crate::{
    record::{Call, Record},
    support::{Settings, now},
    world::World,
};

impl World {
    /// A call is rejected by a gate at which it may have waited.
    pub(super) fn has_not_waited_too_long(&self, call: &Call) {
        let since = call.last_end().map_or(call.started, |last| last.at + waits(call, last).1);
        rule!(self, "A call waits for a token and a place no longer than the longest waits":
            now() <= since + TICK + longest_wait_at_gates(&call.settings); call, since);
    }

    /// An attempt of a call begins. Another call that waits for its first attempt and goes before it must begin at this
    /// instant too: it may have been given its place already.
    pub(super) fn overtakes_none(&self, record: &mut Record, told: Told) {
        let (circuit, Some(call)) = (record.circuit, record.calls.get(&told.call)) else { return };
        if circuit.state != State::Closed || !call.asks_breaker() {
            return;
        }
        let is_waiting = |other: &Call| {
            other.asks_gates_of(call.request.lab)
                && other.attempts.is_empty()
                && !other.abandoned
                && other.started < now()
                && circuit.since < other.started
                && record
                    .upstream_of(call)
                    .settings
                    .unchanged_since(other.started.min(call.started))
        };
        let overtaken = |other: &&Call| is_waiting(other) && goes_before(other, call, told);
        let numbers: Vec<_> = record.calls.values().filter(overtaken).map(Call::number).collect();
        for number in numbers {
            record.calls.entry(number).and_modify(|call| {
                call.overtaken.get_or_insert_with(now);
            });
        }
    }

    /// Something becomes of a call, or it is looked at.
    pub(super) fn was_not_passed_over(&self, call: &Call) {
        rule!(self, "Attempts get their tokens in order of arrival, and their places by priority and in order of arrival":
            call.overtaken.is_none_or(|at| at == now()); call);
    }
}

/// Whether a call that waits for its first attempt goes before an attempt of another call.
fn goes_before(waiting: &Call, call: &Call, told: Told) -> bool {
    let waits_for_token = !longest_wait_for_a_token(&call.settings).is_zero();
    let first = call.attempts.is_empty();
    let arrived_before = first && waiting.started < call.started;
    match &call.settings.concurrency {
        // What an attempt waits for is not seen.
        Some(_) if waits_for_token => false,
        Some(limit) => {
            let [theirs, own] = [waiting, call].map(|call| {
                let all_alike = !limit.concurrency_priorities;
                if all_alike { Priority::Normal } else { call.request.priority }
            });
            told.hedge || theirs > own || (theirs == own && arrived_before)
        }
        None => waits_for_token && (told.hedge || arrived_before),
    }
}

/// How long an attempt may wait for a place. No time without a limit.
pub(super) fn longest_wait_for_a_place(settings: &Settings) -> Duration {
    let limit = settings.concurrency.as_ref();
    limit.map_or(Duration::ZERO, |limit| limit.concurrency_wait + TICK)
}

fn longest_wait_for_a_token(settings: &Settings) -> Duration {
    let rate = settings.rate.as_ref();
    let wait = rate.map_or(Duration::ZERO, |rate| rate.rate_wait);
    if wait.is_zero() { wait } else { wait + TICK }
}

/// How long an attempt may wait for a token and a place.
pub(super) fn longest_wait_at_gates(settings: &Settings) -> Duration {
    longest_wait_for_a_token(settings) + longest_wait_for_a_place(settings)
}

/// Attempts that wait for a token or a place, at all upstreams.
pub(super) fn waiting_at_gates(policies: &[PolicySnapshot]) -> usize {
    let waiting = |policies: &PolicySnapshot| {
        let for_place = policies.concurrency.map_or(0, |limit| limit.queued);
        for_place + policies.rate.map_or(0, |rate| rate.waiting)
    };
    policies.iter().map(waiting).sum()
}
