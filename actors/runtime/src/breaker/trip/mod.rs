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

    /// Takes other thresholds, which act at the next report. What was counted stays. False if the settings switch the
    /// trip off.
    fn adjust(&mut self, settings: &BreakerSettings) -> bool;

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

/// True if the trips of one can be [adjusted](adjust) to the other, because their windows count the same results.
pub(crate) fn same_windows(one: &BreakerSettings, other: &BreakerSettings) -> bool {
    let windows = |settings: &BreakerSettings| {
        let window = settings.has_rate().then_some(settings.window);
        let rates = [settings.failure_rate.is_some(), settings.failures.is_some()];
        (window, rates, settings.slow_call)
    };
    windows(one) == windows(other)
}

/// Adjusts trips to settings with the [same windows](same_windows).
pub(crate) fn adjust(
    trips: &mut Vec<Box<dyn Trip>>,
    before: &BreakerSettings,
    now: &BreakerSettings,
) {
    trips.retain_mut(|trip| trip.adjust(now));
    if before.fail_max == 0 {
        let consecutive = Consecutive::new(now).map(|trip| Box::new(trip) as Box<dyn Trip>);
        trips.splice(..0, consecutive);
    }
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
