//! Bounds on the number of the process's connections.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

/// Bounds on the number of the process's connections to the backend. Clones share the same counters.
#[derive(Debug, Clone)]
pub struct ConnectionBudget {
    pub(super) counts: Arc<Counts>,
    pub(super) calls: usize,
    pub(super) idle: usize,
}

#[derive(Debug, Default)]
pub(super) struct Counts {
    pub(super) open: AtomicUsize,
    pub(super) idle: AtomicUsize,
}

impl ConnectionBudget {
    /// Allows at most `calls + idle` open connections, and at most `idle` that no request uses.
    pub fn new(calls: usize, idle: usize) -> Self {
        Self { counts: Arc::default(), calls, idle }
    }

    /// Takes a slot if fewer than `max` connections are open.
    pub(super) fn take(&self, max: usize) -> Option<Slot> {
        let one_more = |open| (open < max).then_some(open + 1);
        let (set, fetch) = (Ordering::Relaxed, Ordering::Relaxed);
        self.counts.open.fetch_update(set, fetch, one_more).ok()?;
        Some(Slot(Arc::clone(&self.counts)))
    }

    pub(super) fn has_too_many_idle(&self) -> bool {
        self.counts.idle.load(Ordering::Relaxed) > self.idle
    }
}

/// The right to have one connection open. Dropping the slot frees it.
#[derive(Debug)]
pub(crate) struct Slot(Arc<Counts>);

impl Drop for Slot {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::Relaxed);
    }
}
