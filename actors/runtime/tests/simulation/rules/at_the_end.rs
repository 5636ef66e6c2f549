//! What holds at the end of an episode, when all callers have gone and all bursts are over.

use resilience_actors::{ConcurrencyLimit, EventType, RejectionKind};

use super::{TICK, counts::counted_rejections};
use crate::{record::Record, support::now, world::World};

impl World {
    pub(crate) fn has_ended(&self) {
        self.has_settled();
        let record = self.record.borrow();
        let (limit, totals, permits) = (&self.limit, &record.totals, &record.permits);
        rule!(self, "No call is left": limit.in_use() == 0 && limit.waiting() == 0; limit);
        rule!(self, "No permit is left": permits.is_empty(); permits);
        self.gates_are_free(&record);
        for (kind, counted) in counted_rejections(&self.breaker.counts()) {
            let recorded = totals.rejected_in_bursts[kind as usize];
            let in_bursts = if kind == RejectionKind::Released { 0 } else { counted };
            rule!(self, "Events of bursts tell of each rejection but the released calls":
                recorded == in_bursts; kind, recorded, counted);
        }
        let recorded = self.breaker.events().recorded();
        let retries =
            recorded.iter().find(|(of, _)| *of == EventType::Retry).map(|(_, count)| *count);
        rule!(self, "Each retry has an event of its own, or is counted by another event":
            retries == Some(totals.retries + totals.retries_skipped); retries, totals);
        let changes: usize = record.upstreams.iter().map(|of| of.settings.changes()).sum();
        let changes = (changes + record.breaker.changes()) as u64;
        rule!(self, "Each change of settings has an event": totals.changes_told == changes; totals, changes);
        rule!(self, "Observers are told of each answer of a fallback":
            totals.fallbacks_told == totals.fell_back; totals);
        rule!(self, "Nothing counts as left where no caller leaves":
            self.settings.callers_leave || totals.left == 0; totals);
    }

    fn gates_are_free(&self, record: &Record) {
        let limits = record.limits.iter().map(ConcurrencyLimit::snapshot);
        let taken: Vec<_> = limits.filter(|it| (it.in_flight, it.queued) != (0, 0)).collect();
        rule!(self, "Every place is free, also of limits that were changed or switched off": taken.is_empty(); taken);
        for (seen, policies) in record.upstreams.iter().zip(self.policies()) {
            let Some(rate) = policies.rate else { continue };
            let refilled =
                rate.period.mul_f64(f64::from(rate.burst) / f64::from(rate.limit)) + TICK;
            let last = seen.tokens.begun.last().map_or(seen.tokens.since, |last| *last);
            let idle = now() - last > refilled;
            rule!(self, "Every token is there again after the time of a burst":
                rate.waiting == 0 && (!idle || rate.available == rate.burst); rate);
        }
    }
}
