//! The retry budget: how many retries and hedges an upstream gets.

use std::time::{Duration, Instant};

use resilience_actors::PolicySnapshot;

use super::{Report, attempts::Told, outcomes::is_retried};
use crate::{
    record::{Budget, Call, Record},
    support::now,
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
        let Some(call) = record.calls.get(&told.call).filter(|call| call.asks_breaker()) else {
            return;
        };
        let budget = &mut record.upstreams[call.request.lab].budget;
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
                (budget.made_within(WINDOW - SLOT, *at), self.at_most(budget, *at));
            let exceeds = retries as f64 > most + ROUNDING;
            rule!(self, "In ten seconds, retries and hedges are at most a share of the calls, and the minimum":
                !exceeds; call, retries, most);
        }
    }

    pub(super) fn retry_is_refused(&self, record: &mut Record, call: &Call, report: &Report) {
        if !report.retry_refused {
            return;
        }
        let has_budget = self.settings.calls.retry_budget.is_some();
        let retried = call.last_outcome().is_some_and(is_retried);
        rule!(self, "Only a retry is refused, and only by a budget":
            has_budget && retried && call.may_be_retried() && call.turn() < self.settings.calls.max_attempts;
            call, report);
        let budget = &mut record.upstreams[call.request.lab].budget;
        budget.retry_is_refused();
        let left = self.at_least(budget) - budget.taken_at_most_within(WINDOW, now()) as f64;
        let some_left = left >= 1.0 + ROUNDING;
        rule!(self, "A retry is refused only if none is left": !some_left; call, left);
        record.totals.retries_refused += 1;
    }

    pub(super) fn budgets_add_up(&self, record: &Record, policies: &[PolicySnapshot]) {
        for (seen, policies) in record.upstreams.iter().zip(policies) {
            let Some(budget) = policies.retry_budget else { continue };
            let seen = &seen.budget;
            let least = self.at_least(seen) - seen.taken_at_most_within(WINDOW, now()) as f64;
            let most = self.at_most(seen, now()) - seen.made_within(WINDOW - SLOT, now()) as f64;
            rule!(self, "What is left in the budget is what calls have allowed, without what retries and hedges have taken":
                budget.left >= least - ROUNDING && budget.left <= most + ROUNDING; budget, least, most);
        }
    }

    /// Retries that the calls until an instant may allow.
    fn at_most(&self, seen: &Budget, until: Instant) -> f64 {
        self.allowed(seen.calls_within(WINDOW, until))
    }

    /// Retries that the calls before this instant allow in any case.
    fn at_least(&self, seen: &Budget) -> f64 {
        let before = now() - Duration::from_nanos(1);
        self.allowed(seen.calls_within(WINDOW - SLOT, before))
    }

    fn allowed(&self, calls: usize) -> f64 {
        self.settings.calls.retry_budget.as_ref().map_or(f64::INFINITY, |budget| {
            budget.retry_budget_min * WINDOW.as_secs_f64() + budget.retry_budget * calls as f64
        })
    }
}
