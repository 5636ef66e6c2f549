//! What is known of the health of one endpoint.

use std::time::{Duration, Instant};

use super::{failure_window::FailureWindow, settings::EjectionSettings};

/// What is known of the health of one endpoint.
#[derive(Debug, Default)]
pub(super) struct Health {
    /// Failures in a row.
    streak: u32,
    pub(super) window: FailureWindow,
    /// Number of ejections that were not long ago.
    ejections: u32,
    /// When the ejection ends. `None` if the endpoint is in.
    until: Option<Instant>,
    /// When the last ejection ended.
    returned: Option<Instant>,
}

impl Health {
    pub(super) fn is_ejected(&self) -> bool {
        self.until.is_some()
    }

    /// When the ejection ends.
    pub(super) fn until(&self) -> Option<Instant> {
        self.until
    }

    /// Counts an attempt. Returns the number of failures in a row.
    pub(super) fn count(&mut self, failed: bool, now: Instant) -> u32 {
        self.window.count(failed, now);
        self.streak = if failed { self.streak.saturating_add(1) } else { 0 };
        self.streak
    }

    /// Ejects the endpoint, and returns for how long: the base time multiplied by the number of ejections. Each base
    /// time that it was in takes one ejection off that number.
    pub(super) fn eject(&mut self, settings: &EjectionSettings, now: Instant) -> Duration {
        let back = self.returned.map_or(Duration::ZERO, |at| now.saturating_duration_since(at));
        let forgiven = back.as_nanos() / settings.base_time.as_nanos().max(1);
        let left = self.ejections.saturating_sub(u32::try_from(forgiven).unwrap_or(u32::MAX));
        self.ejections = left.saturating_add(1);
        let time = settings.base_time.saturating_mul(self.ejections).min(settings.max_time);
        self.until = Some(now + time);
        time
    }

    /// Ends the ejection. One failure ejects the endpoint again, unless a success comes before it.
    pub(super) fn come_back(&mut self, settings: &EjectionSettings, now: Instant) {
        self.until = None;
        self.returned = Some(now);
        self.streak = settings.consecutive_failures.saturating_sub(1);
        self.window = FailureWindow::default();
    }
}
