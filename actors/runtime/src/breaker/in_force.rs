//! The settings in force, as callers read them.

use std::{
    sync::{Arc, PoisonError, atomic::Ordering},
    time::{Duration, Instant},
};

use super::config::{BreakerConfig, Window};
use crate::{
    slices::{Slices, nanos},
    sync::{AtomicU64, Mutex},
};

/// The settings in force. Only the breaker's actor changes them.
///
/// What a call needs has an atomic of its own, in nanoseconds. The actor puts settings in force before it publishes the
/// epoch that begins with them, so a caller that has read the epoch does not read older settings.
#[derive(Debug)]
pub(crate) struct InForce {
    config: Mutex<Arc<BreakerConfig>>,
    /// 0 without a trip that counts slow calls.
    slow_call: AtomicU64,
    /// Length of a slice of the window of time. 0 if no trip looks at one.
    slice: AtomicU64,
    reset_timeout: AtomicU64,
}

impl InForce {
    pub(crate) fn new(config: &BreakerConfig) -> Self {
        let in_force = Self {
            config: Mutex::new(Arc::new(config.clone())),
            slow_call: AtomicU64::default(),
            slice: AtomicU64::default(),
            reset_timeout: AtomicU64::default(),
        };
        in_force.put(config);
        in_force
    }

    /// Puts other settings in force.
    pub(crate) fn put(&self, config: &BreakerConfig) {
        let slice = match config.window {
            Window::Time(time) if config.has_rate() => Slices::length(time),
            _ => 0,
        };
        self.slice.store(slice, Ordering::Relaxed);
        let slow_call = config.slow_call.unwrap_or_default();
        self.slow_call.store(nanos(slow_call), Ordering::Relaxed);
        self.reset_timeout.store(nanos(config.reset_timeout), Ordering::Relaxed);
        *self.config.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(config.clone());
    }

    pub(crate) fn config(&self) -> Arc<BreakerConfig> {
        Arc::clone(&self.config.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn slow_call(&self) -> Option<Duration> {
        let slow_call = self.slow_call.load(Ordering::Relaxed);
        (slow_call > 0).then(|| Duration::from_nanos(slow_call))
    }

    pub(crate) fn reset_timeout(&self) -> Duration {
        Duration::from_nanos(self.reset_timeout.load(Ordering::Relaxed))
    }

    /// True if a trip looks at a window of time.
    #[inline]
    pub(crate) fn is_sliced(&self) -> bool {
        self.slice.load(Ordering::Relaxed) > 0
    }

    /// The slices of the window of time, numbered from `start`.
    pub(crate) fn slices(&self, start: Instant) -> Option<Slices> {
        let slice = self.slice.load(Ordering::Relaxed);
        (slice > 0).then(|| Slices::of_length(start, slice))
    }
}
