//! Trips: the rules that open a closed circuit. Pure: no clock, no atomics.
//!
//! A trip learns of failures and of calls that become slow. It never learns of a single success: reports carry the
//! values of the epoch's counters, which say where among the results each report belongs. Reports may arrive late and
//! in another order than they were sent. That can delay an opening, or miss one at the threshold. It never causes one.

mod consecutive;
mod failure_rate;
mod failures;
#[cfg(test)]
mod model_tests;
mod slow_rate;
mod window;

use std::{fmt::Debug, time::Instant};

use super::{
    config::BreakerSettings,
    report::{CountersAt, Report},
    transition::Reason,
};
use consecutive::Consecutive;
use failure_rate::FailureRate;
use failures::Failures;
use slow_rate::SlowRate;

/// When a closed circuit opens. Lives for one closed epoch.
pub(crate) trait Trip: Debug + Send {
    /// Takes a report into account. Returns the reason if the circuit must open.
    fn report(&mut self, report: &Report) -> Option<Reason>;

    /// Fills in what this trip counts, by the counters at `now`.
    fn read(&self, now: &CountersAt, readings: &mut Readings);
}

/// What the trips of a closed circuit count, for display.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Readings {
    pub(crate) fail_counter: u32,
    /// None without such a trip, or with fewer calls than it needs.
    pub(crate) failure_rate: Option<f64>,
    /// None without such a trip, or with fewer calls than it needs.
    pub(crate) slow_rate: Option<f64>,
    /// Calls in the window.
    pub(crate) calls: u64,
    /// Those of them that failed.
    pub(crate) failed: u64,
    /// Those of them that were slow.
    pub(crate) slow: u64,
}

/// The trips that the settings ask for, for an epoch that begins at `began`. The slices of a window of time are
/// numbered from `start`.
pub(crate) fn trips(
    settings: &BreakerSettings,
    start: Instant,
    began: Instant,
) -> Vec<Box<dyn Trip>> {
    let consecutive = Consecutive::new(settings).map(|trip| Box::new(trip) as Box<dyn Trip>);
    let failure_rate =
        FailureRate::new(settings, start, began).map(|trip| Box::new(trip) as Box<dyn Trip>);
    let failures =
        Failures::new(settings, start, began).map(|trip| Box::new(trip) as Box<dyn Trip>);
    let slow_rate =
        SlowRate::new(settings, start, began).map(|trip| Box::new(trip) as Box<dyn Trip>);
    [consecutive, failure_rate, failures, slow_rate].into_iter().flatten().collect()
}
