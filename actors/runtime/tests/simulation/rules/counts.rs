//! What the breaker counts is what callers have seen.

use std::{collections::BTreeMap, ops::RangeInclusive};

use resilience_actors::{Counts, RejectionKind};

use crate::{
    record::{Record, Totals},
    support::Settings,
    world::World,
};

impl World {
    pub(super) fn counts_add_up(&self, record: &Record) {
        let (counts, totals) = (self.breaker.counts(), &record.totals);
        self.results_add_up(&counts, record);
        self.rejections_add_up(&counts, totals);
        self.transitions_add_up(&counts, totals);
        self.retries_add_up(&counts, totals);
    }

    fn results_add_up(&self, counts: &Counts, record: &Record) {
        let totals = &record.totals;
        rule!(self, "Each success of a permit counts once": counts.successful == totals.successful; counts, totals);
        rule!(self, "Each failure counts once, unless a retry repaired it":
            counts.failed == totals.failed; counts, totals);
        // An attempt that waits for a place has a permit, which it gives back unused if it gets none.
        let unused = if record
            .upstreams
            .iter()
            .flat_map(|upstream| upstream.settings.all())
            .any(has_gates)
        {
            u64::MAX
        } else {
            totals.left
        };
        rule!(self, "Each neutral result counts once, and so may a permit that was not used":
            (totals.ignored..=totals.ignored.saturating_add(unused)).contains(&counts.ignored); counts, totals);
    }

    fn rejections_add_up(&self, counts: &Counts, totals: &Totals) {
        for (kind, counted) in counted_rejections(counts) {
            let (seen, recorded) =
                (totals.rejected[kind as usize], totals.rejected_in_bursts[kind as usize]);
            rule!(self, "Each rejection counts once, and so may one that its caller did not wait for":
                or_left(seen, totals.left_between_attempts).contains(&counted); kind, counted, seen);
            rule!(self, "Events tell of no more rejections than there were": recorded <= counted; kind, counted, recorded);
        }
        let rejected = counts.not_permitted;
        rule!(self, "Events tell of each released call": rejected.released == totals.released; counts, totals);
        rule!(self, "Transitions tell of no more rejections than there were":
            totals.rejected_in_epochs <= rejected.circuit_open + rejected.trial_limit; counts, totals);
    }

    fn transitions_add_up(&self, counts: &Counts, totals: &Totals) {
        let counted = counts.transitions.iter();
        let counted: BTreeMap<_, _> =
            counted.map(|count| ((count.from.into(), count.to.into()), count.count)).collect();
        rule!(self, "Each transition counts once": counted == totals.transitions; counted, totals);
    }

    fn retries_add_up(&self, counts: &Counts, totals: &Totals) {
        let retries = counts.retries;
        let counted = [
            retries.failed_without_retry,
            retries.failed_with_retry,
            retries.successful_without_retry,
            retries.successful_with_retry,
        ];
        for (counted, &seen) in counted.iter().zip(totals.answered.as_flattened()) {
            rule!(self, "Each answered call counts once, by whether it succeeded and whether it was retried":
                or_left(seen, totals.left_between_attempts).contains(counted); retries, totals);
        }
    }
}

pub(super) fn counted_rejections(counts: &Counts) -> [(RejectionKind, u64); 9] {
    let counted = counts.not_permitted;
    [
        (RejectionKind::CircuitOpen, counted.circuit_open),
        (RejectionKind::TrialLimit, counted.trial_limit),
        (RejectionKind::Released, counted.released),
        (RejectionKind::Overloaded, counted.overloaded),
        (RejectionKind::Stopped, counted.stopped),
        (RejectionKind::Throttle, counted.throttle),
        (RejectionKind::RateLimit, counted.rate_limit),
        (RejectionKind::ConcurrencyLimit, counted.concurrency_limit),
        (RejectionKind::QuietPeriod, counted.quiet_period),
    ]
}

/// An attempt may wait after the breaker has admitted it.
fn has_gates(settings: &Settings) -> bool {
    settings.concurrency.is_some() || settings.rate.is_some()
}

/// What was seen, and at most one more for each caller that left.
fn or_left(seen: u64, left: u64) -> RangeInclusive<u64> {
    seen..=seen + left
}
