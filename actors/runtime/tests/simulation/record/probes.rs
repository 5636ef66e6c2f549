//! Probes of an open circuit.

use std::time::Instant;

use crate::support::now;

/// The probes of the epoch in which the last one began.
#[derive(Debug, Default)]
pub(crate) struct Probes {
    pub(crate) epoch: u64,
    /// Number of the last ones that were good.
    pub(crate) in_a_row: u32,
    /// When the one in flight began.
    pub(crate) in_flight: Option<Instant>,
    pub(crate) last_ended: Option<Instant>,
}

impl Probes {
    pub(crate) fn begins(&mut self, epoch: u64) {
        if self.epoch != epoch {
            *self = Self { epoch, ..Self::default() };
        }
        self.in_flight = Some(now());
    }

    pub(crate) fn ends(&mut self, good: bool) {
        self.in_a_row = if good { self.in_a_row + 1 } else { 0 };
        self.in_flight = None;
        self.last_ended = Some(now());
    }
}
