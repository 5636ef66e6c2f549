//! The numbers of connections. Each connection updates them, on any worker.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::bursts::Bursts;
use crate::limits::Limits;

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

/// The numbers of connections at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counts {
    /// Open connections that are served; at most [`Limits::connections`].
    pub served: usize,
    /// Open connections beyond that: their first bytes are read, or a probe is answered.
    pub screened: usize,
    /// Refused connections that have time to read the 503.
    pub closing: usize,
    /// Open connections that are [expendable](crate::mark_expendable).
    pub expendable: usize,
    /// Connections accepted since the start.
    pub accepted: usize,
    /// Connections refused since the start, because too many were served.
    pub refused: usize,
}

#[derive(Debug)]
pub(super) struct Counters {
    pub(super) limits: Limits,
    accepted: AtomicUsize,
    served: AtomicUsize,
    screened: AtomicUsize,
    closing: AtomicUsize,
    expendable: AtomicUsize,
    refused: Bursts,
}

impl Counters {
    pub(super) fn new(limits: Limits) -> Self {
        Self {
            limits: Limits { connections: limits.connections.max(1), ..limits },
            accepted: AtomicUsize::new(0),
            served: AtomicUsize::new(0),
            screened: AtomicUsize::new(0),
            closing: AtomicUsize::new(0),
            expendable: AtomicUsize::new(0),
            refused: Bursts::default(),
        }
    }

    /// The numbers now. `expendable` is read first, so that it is not over the number of open connections because one
    /// closes in between.
    pub(super) fn read(&self) -> Counts {
        let expendable = self.expendable.load(Ordering::Relaxed);
        Counts {
            expendable,
            served: self.count(Stage::Served),
            screened: self.count(Stage::Screened),
            closing: self.count(Stage::Closing),
            accepted: self.accepted(),
            refused: self.refused.count(),
        }
    }

    /// Counts a refused connection. Returns true for the first of a burst.
    pub(super) fn count_refusal(&self) -> bool {
        self.refused.count_one()
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
            Stage::Served => self.limits.connections,
            Stage::Screened | Stage::Closing => self.limits.screened,
        };
        let one_more = |count| (count < max).then_some(count + 1);
        self.at(stage).fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more).is_ok()
    }

    pub(super) fn leave(&self, stage: Stage) {
        self.at(stage).fetch_sub(1, Ordering::Relaxed);
    }

    fn count(&self, stage: Stage) -> usize {
        self.at(stage).load(Ordering::Relaxed)
    }

    /// Counts one expendable connection more, or one less.
    pub(super) fn change_expendable(&self, more: bool) {
        if more {
            self.expendable.fetch_add(1, Ordering::Relaxed);
        } else {
            self.expendable.fetch_sub(1, Ordering::Relaxed);
        }
    }

    fn at(&self, stage: Stage) -> &AtomicUsize {
        match stage {
            Stage::Served => &self.served,
            Stage::Screened => &self.screened,
            Stage::Closing => &self.closing,
        }
    }
}
