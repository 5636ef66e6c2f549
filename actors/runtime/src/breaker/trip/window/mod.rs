//! The last results of a closed epoch: some are marked and reported, the others are only counted.

mod calls;
mod time;

use std::time::Instant;

use crate::{
    breaker::{
        config::Window,
        report::{CountersAt, Failure, Report},
    },
    slices::Slices,
};
use calls::CallWindow;
use time::TimeWindow;

/// The results of a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Count {
    /// Marked results that were reported.
    pub(crate) marked: u64,
    /// Marked and other results: an upper bound.
    pub(crate) total: u64,
    /// Marked and other results: a lower bound.
    pub(crate) known: u64,
}

impl Count {
    /// True if this share of the calls is marked, and there are at least `min_calls`.
    pub(crate) fn reaches(&self, share: f64, min_calls: u64) -> bool {
        self.rate(min_calls).is_some_and(|rate| rate >= share)
    }

    /// The share of marked calls, if there are at least `min_calls`.
    #[expect(clippy::cast_precision_loss, reason = "a share needs no more than 53 bits")]
    pub(crate) fn rate(&self, min_calls: u64) -> Option<f64> {
        (self.known >= min_calls).then(|| self.marked as f64 / self.total as f64)
    }
}

/// The last results, by number or by time.
#[derive(Debug, Clone)]
pub(crate) struct Results {
    window: Window,
    recent: Recent,
}

#[derive(Debug, Clone)]
enum Recent {
    Calls(CallWindow),
    Time(TimeWindow),
}

impl Results {
    pub(crate) fn new(window: Window, start: Instant, began: Instant) -> Self {
        let recent = match window {
            Window::Calls(calls) => Recent::Calls(CallWindow::new(calls.into())),
            Window::Time(time) => Recent::Time(TimeWindow::new(Slices::new(start, time))),
        };
        let mut results = Self { window, recent };
        results.others(0, &CountersAt::start(began));
        results
    }

    pub(crate) fn window(&self) -> Window {
        self.window
    }

    /// Takes a report into account, with failures as marked results. Returns the failure, if it is one.
    pub(crate) fn take<'r>(&mut self, report: &'r Report) -> Option<&'r Failure> {
        let sent = report.sent()?;
        self.others(sent.successes, sent);
        let Report::Failure(failure) = report else { return None };
        self.mark(failure.successes, failure.at);
        Some(failure)
    }

    /// The epoch had this number of other results at this moment.
    pub(crate) fn others(&mut self, others: u64, moment: &CountersAt) {
        match &mut self.recent {
            Recent::Calls(calls) => calls.others(others),
            Recent::Time(time) => time.others(others, moment),
        }
    }

    /// A marked result came at this instant, after this number of other results.
    pub(crate) fn mark(&mut self, others: u64, at: Instant) {
        match &mut self.recent {
            Recent::Calls(calls) => calls.mark(others),
            Recent::Time(time) => time.mark(at),
        }
    }

    pub(crate) fn count(&self) -> Count {
        match &self.recent {
            Recent::Calls(calls) => calls.count(),
            Recent::Time(time) => time.count(),
        }
    }

    /// What [`count`](Self::count) would be after a report at this moment.
    pub(crate) fn seen_at(&self, others: u64, moment: &CountersAt) -> Count {
        let mut then = self.clone();
        then.others(others, moment);
        then.count()
    }
}
