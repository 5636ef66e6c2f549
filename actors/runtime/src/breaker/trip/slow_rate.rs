//! Opens when too many of the last calls were slow.

use std::time::{Duration, Instant};

use super::{
    Readings, Trip,
    window::{Count, Results},
};
use crate::breaker::{
    config::BreakerSettings,
    report::{CountersAt, Report},
    transition::Reason,
};

/// The share of slow calls among the last results.
///
/// A slow call is where it became slow, and is one result from then on: its end does not count again, because it is no
/// part of [`CountersAt::not_slow`].
#[derive(Debug)]
pub(crate) struct SlowRate {
    share: f64,
    slow_call: Duration,
    min_calls: u64,
    results: Results,
}

impl SlowRate {
    pub(crate) fn new(settings: &BreakerSettings, start: Instant, began: Instant) -> Option<Self> {
        let (share, slow_call) = (settings.slow_rate?, settings.slow_call?);
        let (min_calls, results) =
            (settings.min_calls.into(), Results::new(settings.window, start, began));
        Some(Self { share, slow_call, min_calls, results })
    }
}

impl Trip for SlowRate {
    fn report(&mut self, report: &Report) -> Option<Reason> {
        let sent = report.sent()?;
        self.results.others(sent.not_slow, sent);
        let Report::Slow(moment) = report else { return None };
        self.results.mark(moment.not_slow, moment.at);
        let count = self.results.count();
        count.reaches(self.share, self.min_calls).then(|| Reason::SlowRate {
            slow: count.marked,
            calls: count.total,
            window: self.results.window(),
            slow_call: self.slow_call,
        })
    }

    fn adjust(&mut self, settings: &BreakerSettings) -> bool {
        self.min_calls = settings.min_calls.into();
        settings.slow_rate.map(|share| self.share = share).is_some()
    }

    fn read(&self, now: &CountersAt, readings: &mut Readings) {
        let count @ Count { marked, total, .. } = self.results.seen_at(now.not_slow, now);
        readings.slow_rate = count.rate(self.min_calls);
        readings.slow = marked;
        readings.calls = readings.calls.max(total);
    }
}
