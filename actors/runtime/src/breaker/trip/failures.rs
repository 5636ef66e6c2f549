//! Opens when a number of the last calls failed, whatever their share.

use std::time::Instant;

use super::{Readings, Trip, window::Results};
use crate::breaker::{
    config::BreakerSettings,
    report::{CountersAt, Report},
    transition::Reason,
};

/// The failures among the last results. A result is where it ended.
#[derive(Debug)]
pub(crate) struct Failures {
    most: u64,
    results: Results,
}

impl Failures {
    pub(crate) fn new(settings: &BreakerSettings, start: Instant, began: Instant) -> Option<Self> {
        let results = Results::new(settings.window, start, began);
        settings.failures.map(|most| Self { most: most.into(), results })
    }
}

impl Trip for Failures {
    fn report(&mut self, report: &Report) -> Option<Reason> {
        let failure = self.results.take(report)?;
        let failed = self.results.count().marked;
        (failed >= self.most).then(|| Reason::Failures {
            failed,
            window: self.results.window(),
            last: failure.cause.clone(),
        })
    }

    fn adjust(&mut self, settings: &BreakerSettings) -> bool {
        settings.failures.map(|most| self.most = most.into()).is_some()
    }

    fn read(&self, now: &CountersAt, readings: &mut Readings) {
        let count = self.results.seen_at(now.successes, now);
        readings.failed = count.marked;
        readings.calls = readings.calls.max(count.total);
    }
}
