//! Time in slices, for windows of time.

use std::time::{Duration, Instant};

/// Slices in a window.
pub(crate) const SLICES: u32 = 10;

/// Numbers slices of equal length, from 0.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Slices {
    start: Instant,
    nanos: u64,
}

impl Slices {
    /// For windows of this length.
    pub(crate) fn new(start: Instant, window: Duration) -> Self {
        Self::of_length(start, Self::length(window))
    }

    /// Length of the slices of a window, in nanoseconds. At least 1.
    pub(crate) fn length(window: Duration) -> u64 {
        nanos(window / SLICES).max(1)
    }

    /// Of this length, in nanoseconds. Must not be 0.
    pub(crate) fn of_length(start: Instant, nanos: u64) -> Self {
        Self { start, nanos }
    }

    /// The number of the slice in which `at` lies.
    pub(crate) fn of(&self, at: Instant) -> u64 {
        nanos(at.saturating_duration_since(self.start)) / self.nanos
    }
}

/// In nanoseconds. Saturates after 584 years.
pub(crate) fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}
