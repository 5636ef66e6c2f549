//! Quiet periods: calls keep away from an upstream that asks one of them to wait.

use std::time::Duration;

use resilience_actors::{Rejection, Verdict};

use super::{TICK, outcomes::is_retried};
use crate::{
    record::{Call, CallNumber, Quiet, Record},
    support::now,
    world::World,
};

impl World {
    /// An attempt of a call ends, and may ask for quiet. Returns how long the upstream is quiet at most from now on.
    pub(super) fn quiet_after(
        record: &mut Record,
        number: CallNumber,
        verdict: Verdict,
    ) -> Duration {
        let call = record.calls.get(&number).filter(|call| call.asks_breaker());
        let Some((call, settings)) =
            call.and_then(|call| Some((call, call.settings.quiet_period?)))
        else {
            return Duration::ZERO;
        };
        let (lab, era) = (call.request.lab, call.eras.quiet_period);
        let before = quiet_of(record, call);
        let asked = verdict.retry_after.filter(|wait| !wait.is_zero());
        let quiet = match asked.filter(|_| is_retried(verdict.outcome)) {
            Some(asked) => Some(Quiet::after(before, asked.min(settings.retry_after_max))),
            None => before,
        };
        let Some(quiet) = quiet else { return Duration::ZERO };
        record.upstreams[lab].quiet.insert(era, quiet);
        quiet.most.saturating_duration_since(now())
    }

    /// An attempt of a call begins.
    pub(super) fn is_not_quiet(&self, record: &Record, call: &Call) {
        let quiet = quiet_of(record, call);
        // A call that has just been admitted may have met the state of before.
        rule!(self, "No attempt begins in a quiet period":
            quiet.is_none_or(|quiet| now() >= quiet.least || now() == quiet.since); call, quiet);
    }

    pub(super) fn quiet_period_rejects(
        &self,
        record: &mut Record,
        call: &Call,
        rejection: &Rejection,
    ) {
        let quiet = quiet_of(record, call);
        let left = quiet.map(|quiet| quiet.most.saturating_duration_since(now()));
        rule!(self, "A call is rejected for a quiet period only during one":
            left.is_some_and(|left| !left.is_zero()); call, quiet);
        rule!(self, "A caller that is rejected for a quiet period may come back after its end, plus a tenth or a second":
            left.is_some_and(|left| {
                rejection.retry_after() <= left + (left / 10).max(Duration::from_secs(1)) + TICK
            });
            rejection, quiet);
        rule!(self, "A call that fails in a quiet period waits at least until its end":
            quiet.is_some_and(|quiet| call.last_end().is_none_or(|last| last.at <= quiet.since)); call, quiet);
        record.totals.rejected[rejection.kind() as usize] += 1;
    }
}

/// The last quiet period that concerns a call.
fn quiet_of(record: &Record, call: &Call) -> Option<Quiet> {
    let quiet = record.upstream_of(call).quiet.get(&call.eras.quiet_period).copied();
    quiet.filter(|_| call.asks_breaker() && call.settings.quiet_period.is_some())
}
