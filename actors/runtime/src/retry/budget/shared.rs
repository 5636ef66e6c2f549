//! The retry budget that all threads share.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Instant,
};

use serde::Serialize;

use super::{Budget, RetryBudget};
use crate::clock;

/// The retry budget of one upstream.
#[derive(Debug)]
pub(crate) struct SharedBudget {
    settings: RetryBudget,
    /// Shared with the budget of other settings.
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    budget: Mutex<Budget>,
    refused: AtomicU64,
}

/// The retry budget at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RetryBudgetSnapshot {
    /// Retries for each call.
    pub share: f64,
    /// Retries a second that are allowed beside that share.
    pub min_per_second: f64,
    /// Retries that are left now. Below 0 if calls have left the window and their retries have not.
    pub left: f64,
    /// Retries and hedges that were refused since the start.
    pub refused: u64,
}

impl SharedBudget {
    pub(crate) fn new(settings: RetryBudget) -> Self {
        let budget = Mutex::new(Budget::new(&settings, clock::now()));
        Self { settings, shared: Arc::new(Shared { budget, refused: AtomicU64::new(0) }) }
    }

    /// The same calls and retries with other settings, which apply to all calls at once.
    pub(crate) fn with(&self, settings: RetryBudget) -> Self {
        self.lock().allow(&settings);
        Self { settings, shared: Arc::clone(&self.shared) }
    }

    /// Counts a call, once, when its first attempt begins.
    pub(crate) fn deposit(&self, now: Instant) {
        self.lock().deposit(now);
    }

    /// Takes a retry or a hedge out of the budget; it does not go back. False if none is left.
    pub(crate) fn try_withdraw(&self, now: Instant) -> bool {
        let allowed = self.lock().try_withdraw(now);
        if !allowed {
            self.shared.refused.fetch_add(1, Ordering::Relaxed);
        }
        allowed
    }

    pub(crate) fn snapshot(&self) -> RetryBudgetSnapshot {
        RetryBudgetSnapshot {
            share: self.settings.retry_budget,
            min_per_second: self.settings.retry_budget_min,
            left: self.lock().balance(clock::now()),
            refused: self.shared.refused.load(Ordering::Relaxed),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Budget> {
        self.shared.budget.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
