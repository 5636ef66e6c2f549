//! The numbers of connections in each stage. Each connection updates them, on any worker.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::limits::ConnectionLimits;

/// What the server does with a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// It answers all requests.
    Served,
    /// It reads the first bytes. A probe is answered, any other request is refused.
    Screened,
    /// It has refused the connection, which has time to read the 503.
    Closing,
}

#[derive(Debug)]
pub(super) struct Counts {
    pub(super) limits: ConnectionLimits,
    /// Number of connections accepted since the start.
    accepted: AtomicUsize,
    served: AtomicUsize,
    screened: AtomicUsize,
    closing: AtomicUsize,
    expendable: AtomicUsize,
}

impl Counts {
    pub(super) fn new(limits: ConnectionLimits) -> Self {
        Self {
            limits,
            accepted: AtomicUsize::new(0),
            served: AtomicUsize::new(0),
            screened: AtomicUsize::new(0),
            closing: AtomicUsize::new(0),
            expendable: AtomicUsize::new(0),
        }
    }

    pub(super) fn count_accepted(&self) {
        self.accepted.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn accepted(&self) -> usize {
        self.accepted.load(Ordering::Relaxed)
    }

    /// Counts a connection in `stage`. Returns false if the stage is full.
    pub(super) fn enter(&self, stage: Stage) -> bool {
        let max = match stage {
            Stage::Served => self.limits.served,
            Stage::Screened | Stage::Closing => self.limits.screened,
        };
        let one_more = |count| (count < max).then_some(count + 1);
        self.at(stage).fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more).is_ok()
    }

    pub(super) fn leave(&self, stage: Stage) {
        self.at(stage).fetch_sub(1, Ordering::Relaxed);
    }

    /// Number of connections in `stage`.
    pub(super) fn count(&self, stage: Stage) -> usize {
        self.at(stage).load(Ordering::Relaxed)
    }

    /// Number of connections in any stage.
    pub(super) fn count_all(&self) -> usize {
        [Stage::Served, Stage::Screened, Stage::Closing].map(|stage| self.count(stage)).iter().sum()
    }

    /// Counts one expendable connection more, or one less.
    pub(super) fn change_expendable(&self, more: bool) {
        if more {
            self.expendable.fetch_add(1, Ordering::Relaxed);
        } else {
            self.expendable.fetch_sub(1, Ordering::Relaxed);
        }
    }

    /// Number of connections whose remaining output the shutdown does not wait for.
    pub(super) fn expendable(&self) -> usize {
        self.expendable.load(Ordering::Relaxed)
    }

    fn at(&self, stage: Stage) -> &AtomicUsize {
        match stage {
            Stage::Served => &self.served,
            Stage::Screened => &self.screened,
            Stage::Closing => &self.closing,
        }
    }
}
