//! The retry budget: how many retries and hedges an upstream gets.

use std::time::{Duration, Instant};

use resilience_actors::PolicySnapshot;

use super::{Report, attempts::Told, outcomes::is_retried};
use crate::{
    record::{Budget, Call, InForce, Record, UpstreamRecord},
    support::{Settings, now},
    world::World,
};

/// Calls and retries count for this time, in slots: some for up to a slot less.
const WINDOW: Duration = Duration::from_secs(10);
const SLOT: Duration = Duration::from_secs(1);

/// For sums of fractions.
const ROUNDING: f64 = 1e-6;

impl World {
    /// An attempt of a call begins.
    pub(super) fn keeps_to_the_budget(&self, record: &mut Record, told: Told) {
        let Some(call) = record.calls.get(&told.call) else { return };
        let upstream = &mut record.upstreams[call.request.lab];
        if !upstream.shares(call, |eras| eras.retry_budget) {
            return;
        }
        let UpstreamRecord { budget, settings, .. } = upstream;
        let since = match call.last_end() {
            _ if told.hedge => {
                budget.hedge_is_made();
                now()
            }
            Some(last) => {
                budget.retry_was_taken(last.at);
                last.at
            }
            None => return budget.call_begins(),
        };
        for at in budget.made_since(since).iter().take_while(|at| **at < since + WINDOW) {
            let (retries, most) =
                (budget.made_within(WINDOW - SLOT, *at), at_most(settings, budget, *at));
            let exceeds = retries as f64 > most + ROUNDING;
            rule!(self, "In ten seconds, retries and hedges are at most a share of the calls, and the minimum":
                !exceeds; call, retries, most);
        }
    }

    pub(super) fn retry_is_refused(&self, record: &mut Record, call: &Call, report: &Report) {
        if !report.retry_refused {
            return;
        }
        let has_budget = call.settings.retry_budget.is_some();
        let retried = call.last_outcome().is_some_and(is_retried);
        rule!(self, "Only a retry is refused, and only by a budget":
            has_budget && retried && call.may_be_retried() && call.turn() < call.settings.max_attempts;
            call, report);
        record.totals.retries_refused += 1;
        let upstream = &mut record.upstreams[call.request.lab];
        if !upstream.shares(call, |eras| eras.retry_budget) {
            return;
        }
        let UpstreamRecord { budget, settings, .. } = upstream;
        budget.retry_is_refused();
        let left = at_least(settings, budget) - budget.taken_at_most_within(WINDOW, now()) as f64;
        let some_left = left >= 1.0 + ROUNDING;
        rule!(self, "A retry is refused only if none is left": !some_left; call, left);
    }

    pub(super) fn budgets_add_up(&self, record: &Record, policies: &[PolicySnapshot]) {
        for (seen, policies) in record.upstreams.iter().zip(policies) {
            let Some(budget) = policies.retry_budget else { continue };
            let UpstreamRecord { budget: seen, settings, .. } = seen;
            let least = at_least(settings, seen) - seen.taken_at_most_within(WINDOW, now()) as f64;
            let most =
                at_most(settings, seen, now()) - seen.made_within(WINDOW - SLOT, now()) as f64;
            rule!(self, "What is left in the budget is what calls have allowed, without what retries and hedges have taken":
                budget.left >= least - ROUNDING && budget.left <= most + ROUNDING; budget, least, most);
        }
    }
}

/// Retries that the calls until an instant may allow, by any of the settings at that instant.
fn at_most(settings: &InForce<Settings>, seen: &Budget, until: Instant) -> f64 {
    let calls = seen.calls_within(WINDOW, until);
    settings.between(until, until).map(|it| allowed(it, calls)).fold(0.0, f64::max)
}

/// Retries that the calls before this instant allow in any case.
fn at_least(settings: &InForce<Settings>, seen: &Budget) -> f64 {
    let calls = seen.calls_within(WINDOW - SLOT, now() - Duration::from_nanos(1));
    settings.at_this_instant().map(|it| allowed(it, calls)).fold(f64::INFINITY, f64::min)
}

fn allowed(settings: &Settings, calls: usize) -> f64 {
    settings.retry_budget.as_ref().map_or(f64::INFINITY, |budget| {
        budget.retry_budget_min * WINDOW.as_secs_f64() + budget.retry_budget * calls as f64
    })
}
