//! The retry budget: retries are at most a share of the calls.
//!
//! A call that is retried three times is four requests. While the upstream works, few calls are retried, and retries
//! cost it little. When it fails, all are: then it gets four times the load at the moment at which it can bear the
//! least, and a short overload becomes a lasting one. The number of attempts of a call does not bound this, because it
//! allows each call the same number of retries. A budget bounds the retries of all calls together: a share of the
//! calls, for instance a fifth, so that the load grows by a fifth at most. A minimum of retries a second is always
//! allowed, so that an upstream with few calls has retries too.
//!
//! The rule is that of Finagle's `RetryBudget` and of tower's `TpsBudget`: each call is a deposit and each retry a
//! withdrawal; both count for ten seconds, in slots. A retry is allowed if the deposits times the share, plus the
//! minimum times ten, exceed the withdrawals by one. As there, a withdrawn retry is spent. If its call does not make
//! it, because its caller leaves or the circuit opens, it does not go back: the budget decides on retries, and expires
//! within ten seconds. A hedge is a withdrawal as well.

mod settings;
mod shared;

use std::time::{Duration, Instant};

pub use settings::RetryBudget;
pub use shared::RetryBudgetSnapshot;
pub(crate) use shared::SharedBudget;

/// How long a call and a retry count.
const WINDOW: Duration = Duration::from_secs(10);

/// Calls and retries expire by whole slots, so some count for up to one slot less than the window.
const SLOTS: usize = 10;

const SLOT: Duration = Duration::from_secs(WINDOW.as_secs() / SLOTS as u64);

/// The calls and retries of the last ten seconds.
#[derive(Debug)]
struct Budget {
    /// Retries that each call allows.
    share: f64,
    /// Retries that are allowed in each window, whatever the number of calls.
    reserve: f64,
    slots: [Slot; SLOTS],
    /// Number of the newest slot, counted from `began`.
    newest: usize,
    began: Instant,
}

#[derive(Debug, Clone, Copy, Default)]
struct Slot {
    calls: u32,
    retries: u32,
}

impl Budget {
    fn new(settings: &RetryBudget, now: Instant) -> Self {
        let slots = Default::default();
        let mut budget = Self { share: 0.0, reserve: 0.0, slots, newest: 0, began: now };
        budget.allow(settings);
        budget
    }

    /// Changes how many retries the calls of the window allow.
    fn allow(&mut self, settings: &RetryBudget) {
        self.share = settings.retry_budget;
        self.reserve = settings.retry_budget_min * WINDOW.as_secs_f64();
    }

    /// Counts a call.
    fn deposit(&mut self, now: Instant) {
        let slot = self.slot(now);
        slot.calls = slot.calls.saturating_add(1);
    }

    /// Counts a retry, if one is left. False if none is.
    fn try_withdraw(&mut self, now: Instant) -> bool {
        let allowed = self.balance(now) >= 1.0;
        if allowed {
            let slot = self.slot(now);
            slot.retries = slot.retries.saturating_add(1);
        }
        allowed
    }

    /// Retries that are left. Below 0 if calls have expired and their retries have not.
    fn balance(&mut self, now: Instant) -> f64 {
        self.slot(now);
        let sum = |count: fn(&Slot) -> u32| -> f64 {
            self.slots.iter().map(|slot| f64::from(count(slot))).sum()
        };
        self.reserve + self.share * sum(|slot| slot.calls) - sum(|slot| slot.retries)
    }

    /// The current slot. Empties those that have expired. Another thread may have read its clock earlier and come
    /// later: it gets the newest slot.
    fn slot(&mut self, now: Instant) -> &mut Slot {
        let since = now.saturating_duration_since(self.began);
        let number = usize::try_from(since.as_nanos() / SLOT.as_nanos()).unwrap_or(usize::MAX);
        for expired in (self.newest + 1..=number).take(SLOTS) {
            self.slots[expired % SLOTS] = Slot::default();
        }
        self.newest = self.newest.max(number);
        &mut self.slots[self.newest % SLOTS]
    }
}

#[cfg(test)]
#[path = "budget/tests.rs"]
mod tests;
