//! The metrics that resilience4j has of its sliding window.

use resilience_actors::{Breaker, BreakerSnapshot};
use service_edge::metrics::Families;

use super::number;

/// The value of a rate, otherwise in percent, while there are too few calls.
const UNKNOWN: f64 = -1.0;

/// Adds what the breaker's trips count: failures in the window or in the streak, and slow calls.
pub(super) fn add(families: &mut Families, breaker: &Breaker, snapshot: &BreakerSnapshot) {
    let (name, settings) = (&**breaker.name(), &snapshot.settings);
    let counts_failures = settings.fail_max == 0 && settings.failures.is_some();
    if settings.failure_rate.is_some() || counts_failures {
        failures_in_window(families, name, snapshot);
    } else if settings.fail_max > 0 {
        streak(families, name, snapshot, breaker.counts().epoch.successful);
    }
    if settings.slow_rate.is_some() {
        slow_calls(families, name, snapshot);
    }
}

fn failures_in_window(families: &mut Families, name: &str, snapshot: &BreakerSnapshot) {
    let (failed, calls) = (snapshot.failed_calls, snapshot.buffered_calls);
    for (kind, count) in [("failed", failed), ("successful", calls.saturating_sub(failed))] {
        families.gauges(
            "resilience4j_circuitbreaker_buffered_calls",
            "The calls in the window, while the circuit is closed.",
            [(&[("name", name), ("kind", kind)][..], number(count))],
        );
    }
    families.gauges(
        "resilience4j_circuitbreaker_failure_rate",
        "Failures in percent of the calls in the window; -1 below min_calls, and unless the circuit is closed.",
        [(&[("name", name)][..], percent(snapshot.current_failure_rate))],
    );
}

/// Shows a streak as a window of the last `fail_max` calls, which opens the circuit at 100 % failures.
fn streak(families: &mut Families, name: &str, snapshot: &BreakerSnapshot, successful: u64) {
    let size = u64::from(snapshot.settings.fail_max);
    let failed = u64::from(snapshot.fail_counter).min(size);
    let successful = successful.min(size - failed);
    for (kind, count) in [("failed", failed), ("successful", successful)] {
        families.gauges(
            "resilience4j_circuitbreaker_buffered_calls",
            "The last calls, at most fail_max: the streak of failures, and successes before it.",
            [(&[("name", name), ("kind", kind)][..], number(count))],
        );
    }
    let known = failed + successful >= size;
    let rate = if known { 100.0 * number(failed) / number(size) } else { UNKNOWN };
    families.gauges(
        "resilience4j_circuitbreaker_failure_rate",
        "The streak of failures in percent of fail_max; -1 before there were fail_max calls.",
        [(&[("name", name)][..], rate)],
    );
}

/// A call counts as slow before it ends, so unlike resilience4j's slow calls these have no kind.
fn slow_calls(families: &mut Families, name: &str, snapshot: &BreakerSnapshot) {
    families.gauges(
        "resilience4j_circuitbreaker_slow_calls",
        "The slow calls in the window, those in flight included, while the circuit is closed.",
        [(&[("name", name)][..], number(snapshot.slow_calls))],
    );
    families.gauges(
        "resilience4j_circuitbreaker_slow_call_rate",
        "Slow calls in percent of the calls in the window; -1 below min_calls, and unless the circuit is closed.",
        [(&[("name", name)][..], percent(snapshot.current_slow_rate))],
    );
}

fn percent(share: Option<f64>) -> f64 {
    share.map_or(UNKNOWN, |share| 100.0 * share)
}
