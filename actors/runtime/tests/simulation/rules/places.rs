//! Places of the concurrency limit: no more attempts in flight at an upstream than it has places.

use std::time::Duration;

use super::TICK;
use crate::{
    record::{Call, Record},
    support::now,
    world::World,
};

impl World {
    /// How long an attempt may wait for a place. No time without a limit.
    pub(super) fn longest_wait_for_a_place(&self) -> Duration {
        let limit = self.settings.calls.concurrency.as_ref();
        limit.map_or(Duration::ZERO, |limit| limit.concurrency_wait + TICK)
    }

    /// Attempts that wait for a place, at all upstreams.
    pub(super) fn waiting_for_a_place(&self) -> usize {
        self.places.borrow().iter().map(|limit| limit.snapshot().queued).sum()
    }

    pub(super) fn places_are_in_use(&self, record: &Record) {
        for (lab, limit) in self.places.borrow().iter().enumerate() {
            let calls = record.calls.values();
            let in_flight = calls
                .filter(|call| call.lab == lab && call.asks_breaker() && call.in_flight())
                .count();
            let limit = limit.snapshot();
            rule!(self, "Each attempt in flight has a place of its own": limit.in_flight == in_flight; limit, in_flight);
            rule!(self, "No more attempts are in flight than there are places": in_flight <= limit.max; limit, in_flight);
            rule!(self, "No more attempts wait for a place than the queue has room for":
                limit.queued <= limit.max_queued; limit);
            rule!(self, "No attempt waits for a place while one is free":
                limit.queued == 0 || limit.in_flight == limit.max; limit);
        }
    }

    pub(super) fn concurrency_limit_may_reject(&self, call: &Call) {
        let limited = self.settings.calls.concurrency.is_some();
        rule!(self, "Only an upstream with a limit rejects for want of a place": limited && call.asks_breaker(); call);
        let since = call.last_end().map_or(call.started, |last| last.at + self.waits(call, last).1);
        rule!(self, "A call waits for a place no longer than the longest wait":
            now() <= since + TICK + self.longest_wait_for_a_place(); call, since);
    }
}
