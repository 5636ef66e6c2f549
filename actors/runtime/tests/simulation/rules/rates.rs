//! The rate limit and throttling: how many attempts an upstream gets.

use std::time::Duration;

use resilience_actors::{Rejection, Verdict};

use super::{TICK, turns::longest_wait_for_a_place};
use crate::{
    record::{Call, CallNumber, Record, UpstreamRecord},
    support::now,
    world::World,
};

/// What throttling looks at.
const WINDOW: Duration = Duration::from_secs(120);

impl World {
    /// An attempt of a call begins. An attempt that has its token may wait for a place.
    pub(super) fn keeps_to_the_rate(&self, upstream: &mut UpstreamRecord, call: &Call) {
        let is_on = upstream.shares(call, |eras| eras.rate);
        let UpstreamRecord { settings, tokens, .. } = upstream;
        let Some(rate) = &settings.now().rate else { return };
        let for_place = settings.all().map(longest_wait_for_a_place).max().unwrap_or_default();
        if !is_on {
            return;
        }
        tokens.begun.push(now());
        let interval = rate.rate_period.as_secs_f64() / f64::from(rate.rate_limit);
        let burst = f64::from(rate.rate_burst.unwrap_or(rate.rate_limit));
        for (earlier, since) in tokens.begun.iter().enumerate() {
            let attempts = (tokens.begun.len() - earlier) as f64;
            let time = now() - *since + for_place + TICK;
            // They had their tokens before the rate changed.
            let others = if *since <= tokens.since + for_place { tokens.taken } else { 0 };
            let exceeds = attempts > burst + others as f64 + time.as_secs_f64() / interval;
            rule!(self, "No time sees more attempts than the burst and the rate":
                !exceeds; attempts, time, rate, others);
        }
    }

    pub(super) fn rate_limit_may_reject(
        &self,
        record: &Record,
        call: &Call,
        rejection: &Rejection,
    ) {
        let limited = call.settings.rate.is_some();
        rule!(self, "Only an upstream with a rate limit rejects for it": limited && call.asks_breaker(); call);
        self.has_not_waited_too_long(call);
        let upstream = record.upstream_of(call);
        if !upstream.settings.unchanged_since(now()) {
            return;
        }
        let rate = upstream.settings.now().rate.as_ref();
        let is_on = upstream.shares(call, |eras| eras.rate);
        rule!(self, "A rate limit that is switched off admits what waits and what comes": is_on; call);
        let Some(rate) = rate else { return };
        // Those that wait have the next tokens, and may wait for as long as older settings say.
        let waits =
            upstream.settings.all().filter_map(|it| it.rate.as_ref()).map(|it| it.rate_wait);
        let wait = waits.max().unwrap_or_default();
        let next = (rate.rate_period / rate.rate_limit + wait).max(Duration::from_secs(1));
        rule!(self, "A caller that is rejected for the rate may come back after an interval and the longest wait, or a \
            second, plus a tenth or a second":
            rejection.retry_after() <= next + (next / 10).max(Duration::from_secs(1)) + TICK;
            rejection, rate, record.circuit);
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
        let throttles = call.settings.throttle.is_some() && call.asks_breaker();
        rule!(self, "Only an upstream with throttling throttles": throttles; call);
        let refused = &mut record.upstreams[call.request.lab].refused;
        rule!(self, "Only an upstream that has refused an attempt, or was throttled, in the last two minutes is throttled":
            refused.is_some_and(|at| now() - at <= WINDOW); call, refused);
        *refused = Some(now());
    }
}
