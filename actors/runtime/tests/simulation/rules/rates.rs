//! The rate limit and throttling: how many attempts an upstream gets.

use std::time::Duration;

use resilience_actors::{Rejection, Verdict};

use super::TICK;
use crate::{
    record::{Call, CallNumber, Record},
    support::now,
    world::World,
};

/// What throttling looks at.
const WINDOW: Duration = Duration::from_secs(120);

impl World {
    /// An attempt begins. An attempt that has its token may wait for a place.
    pub(super) fn keeps_to_the_rate(&self, record: &mut Record, lab: usize) {
        let Some(rate) = &self.settings.calls.rate else { return };
        let begun = &mut record.upstreams[lab].begun;
        begun.push(now());
        let interval = rate.rate_period.as_secs_f64() / f64::from(rate.rate_limit);
        let burst = f64::from(rate.rate_burst.unwrap_or(rate.rate_limit));
        for (earlier, since) in begun.iter().enumerate() {
            let attempts = (begun.len() - earlier) as f64;
            let time = now() - *since + self.longest_wait_for_a_place() + TICK;
            let exceeds = attempts > burst + time.as_secs_f64() / interval;
            rule!(self, "No time sees more attempts than the burst and the rate":
                !exceeds; attempts, time, rate);
        }
    }

    pub(super) fn rate_limit_may_reject(
        &self,
        record: &Record,
        call: &Call,
        rejection: &Rejection,
    ) {
        let rate = self.settings.calls.rate.as_ref();
        rule!(self, "Only an upstream with a rate limit rejects for it": rate.is_some() && call.asks_breaker(); call);
        let Some(rate) = rate else { return };
        // Those that wait have the next tokens.
        let next =
            (rate.rate_period / rate.rate_limit + rate.rate_wait).max(Duration::from_secs(1));
        rule!(self, "A caller that is rejected for the rate may come back after an interval and the longest wait, or a \
            second, plus a tenth or a second":
            rejection.retry_after() <= next + (next / 10).max(Duration::from_secs(1)) + TICK;
            rejection, rate, record.circuit);
        self.has_not_waited_too_long(call);
    }

    /// An attempt of a call ends, and may have been refused.
    pub(super) fn notes_refusal(record: &mut Record, number: CallNumber, verdict: Verdict) {
        let call = record.calls.get(&number).filter(|call| call.asks_breaker());
        if let Some(call) = call.filter(|_| verdict.refused) {
            record.upstreams[call.request.lab].refused = Some(now());
        }
    }

    /// A throttled attempt is one more that the upstream has not accepted, so throttling can go on for longer than its
    /// window after the last refusal.
    pub(super) fn throttling_may_reject(&self, record: &mut Record, call: &Call) {
        let throttles = self.settings.calls.throttle.is_some() && call.asks_breaker();
        rule!(self, "Only an upstream with throttling throttles": throttles; call);
        let refused = &mut record.upstreams[call.request.lab].refused;
        rule!(self, "Only an upstream that has refused an attempt, or was throttled, in the last two minutes is throttled":
            refused.is_some_and(|at| now() - at <= WINDOW); call, refused);
        *refused = Some(now());
    }
}
