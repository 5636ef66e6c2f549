//! Opens when too many of the last calls failed.

use std::time::Instant;

use super::{
    Readings, Trip,
    window::{Count, Results},
};
use crate::breaker::{
    config::BreakerSettings,
    report::{CountersAt, Report},
    transition::Reason,
};

/// The share of failures among the last results. A result is where it ended.
#[derive(Debug)]
pub(crate) struct FailureRate {
    share: f64,
    min_calls: u64,
    results: Results,
}

impl FailureRate {
    pub(crate) fn new(settings: &BreakerSettings, start: Instant, began: Instant) -> Option<Self> {
        let (min_calls, results) =
            (settings.min_calls.into(), Results::new(settings.window, start, began));
        settings.failure_rate.map(|share| Self { share, min_calls, results })
    }
}

impl Trip for FailureRate {
    fn report(&mut self, report: &Report) -> Option<Reason> {
        let failure = self.results.take(report)?;
        let count = self.results.count();
        count.reaches(self.share, self.min_calls).then(|| Reason::FailureRate {
            failed: count.marked,
            calls: count.total,
            window: self.results.window(),
            last: failure.cause.clone(),
        })
    }

    fn adjust(&mut self, settings: &BreakerSettings) -> bool {
        self.min_calls = settings.min_calls.into();
        settings.failure_rate.map(|share| self.share = share).is_some()
    }

    fn read(&self, now: &CountersAt, readings: &mut Readings) {
        let count @ Count { marked, total, .. } = self.results.seen_at(now.successes, now);
        readings.failure_rate = count.rate(self.min_calls);
        readings.failed = marked;
        readings.calls = readings.calls.max(total);
    }
}
