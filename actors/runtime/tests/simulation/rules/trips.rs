//! When a closed circuit may open.
//!
//! The breaker learns of some failures late, and of those that a retry repairs never. These rules count all of them, so
//! they say when a trip may open. `episode/closing.rs` checks when it must open.

use std::{
    rc::Rc,
    time::{Duration, Instant},
};

use resilience_actors::{BreakerSettings, Window};

use super::transitions::Transition;
use crate::{
    record::{AttemptResult, Record},
    world::World,
};

impl World {
    pub(super) fn trip_is_justified(&self, record: &mut Record, change: &Transition<'_>) {
        let (slow, number) = (Self::slow_calls(record, change.at), record.circuit.epoch);
        let settings = &Rc::clone(record.breaker.now());
        let lenient = longest_max_age(record);
        let epoch = record.epoch(number);
        let trip = trip_named_by(change.cause);
        let [all, sure] = [epoch.results.clone(), epoch.sure_results()];
        let either = |reaches: &dyn Fn(&[AttemptResult]) -> bool| reaches(&all) || reaches(&sure);
        match trip {
            "failure rate" => {
                rule!(self, "failure_rate opens at this share of failures in the window, of at least min_calls calls":
                    either(&|results| reaches_rate(settings, results, change.at)); change, epoch);
            }
            "failures" => {
                rule!(self, "failures opens at this number of failures in the window":
                    either(&|results| reaches_number(settings, results, change.at)); change, epoch);
            }
            "slow rate" => {
                rule!(self, "slow_rate opens at this share of slow calls, of at least min_calls calls":
                    settings.slow_rate.is_some_and(|share| is_share(slow, share, settings.min_calls as usize));
                    change, slow, epoch);
            }
            _ => {
                rule!(self, "fail_max failures in a row open, each within streak_max_age of the one before":
                    either(&|results| reaches_streak(settings.fail_max, lenient, results)); change, epoch);
            }
        }
        *record.totals.trips.entry(trip).or_default() += 1;
    }

    /// Slow calls of the epoch in force, in flight or ended.
    pub(super) fn slow_calls(record: &mut Record, at: Instant) -> usize {
        let number = record.circuit.epoch;
        let in_flight = record.calls.values().map(|call| call.slow(number, at)).sum::<usize>();
        in_flight + record.epoch(number).slow
    }
}

/// The trip that a transition's cause names.
fn trip_named_by(cause: &str) -> &'static str {
    match cause {
        _ if cause.contains(" took over ") => "slow rate",
        _ if cause.contains(" % of ") => "failure rate",
        _ if cause.contains(" consecutive failures, ") => "consecutive",
        _ => "failures",
    }
}

fn is_share(some: usize, share: f64, of: usize) -> bool {
    some as f64 >= share * of as f64
}

fn reaches_streak(fail_max: u32, max_age: Option<Duration>, results: &[AttemptResult]) -> bool {
    fail_max > 0 && longest_streak(results, max_age) >= fail_max as usize
}

/// Failures may be in a row by an older `streak_max_age` of the epoch.
fn longest_max_age(record: &Record) -> Option<Duration> {
    let ages = || record.breaker.since(record.circuit.since).map(|it| it.streak_max_age);
    if ages().any(|age| age.is_none()) { None } else { ages().flatten().max() }
}

fn reaches_number(settings: &BreakerSettings, results: &[AttemptResult], at: Instant) -> bool {
    let Some(failures) = settings.failures else { return false };
    match settings.window {
        Window::Calls(calls) => {
            windows(results, calls).any(|window| count(window) >= failures as usize)
        }
        Window::Time(time) => failures_since(results, at, time) >= failures as usize,
    }
}

fn reaches_rate(settings: &BreakerSettings, results: &[AttemptResult], at: Instant) -> bool {
    let (Some(share), min_calls) = (settings.failure_rate, settings.min_calls as usize) else {
        return false;
    };
    match settings.window {
        Window::Calls(calls) => windows(results, calls).any(|window| {
            window.len() >= min_calls && is_share(count(window), share, window.len())
        }),
        Window::Time(time) => is_share(failures_since(results, at, time), share, min_calls),
    }
}

/// What a window of the last calls held after each result of the epoch.
fn windows(results: &[AttemptResult], calls: u32) -> impl Iterator<Item = &[AttemptResult]> {
    (1..=results.len()).map(move |end| &results[end.saturating_sub(calls as usize)..end])
}

fn count(results: &[AttemptResult]) -> usize {
    results.iter().filter(|result| result.failed).count()
}

fn failures_since(results: &[AttemptResult], at: Instant, time: Duration) -> usize {
    let begin = at.checked_sub(time);
    results.iter().filter(|result| result.failed && Some(result.at) >= begin).count()
}

/// The largest number of failures without a success between them, each within `max_age` of the one before.
fn longest_streak(results: &[AttemptResult], max_age: Option<Duration>) -> usize {
    let (mut longest, mut streak) = (0, 0);
    let mut last: Option<Instant> = None;
    for result in results {
        let is_late = last.zip(max_age).is_some_and(|(last, max_age)| result.at - last > max_age);
        streak = match result.failed {
            true if is_late => 1,
            true => streak + 1,
            false => 0,
        };
        last = result.failed.then_some(result.at);
        longest = longest.max(streak);
    }
    longest
}
