//! The metrics of the optional policies. Those of a policy that is off are not exported.

use resilience_actors::{
    ChaosSnapshot, ConcurrencySnapshot, HedgeSnapshot, PrioritySnapshot, ProbeCounts,
    QuietSnapshot, RateSnapshot, RetryBudgetSnapshot, ThrottleSnapshot, Upstream,
};
use service_edge::metrics::Families;

use super::number;

/// Adds the metrics of the policies that are on.
pub(super) fn add(families: &mut Families, upstream: &Upstream) {
    let (name, policies) = (&**upstream.name(), upstream.snapshot());
    if let Some(throttle) = &policies.throttle {
        throttling(families, name, throttle);
    }
    if let Some(limit) = &policies.rate {
        rate(families, name, limit);
    }
    if let Some(limit) = &policies.concurrency {
        concurrency(families, name, limit);
    }
    if let Some(hedge) = &policies.hedge {
        hedging(families, name, hedge);
    }
    if let Some(counts) = policies.probes {
        probes(families, name, counts);
    }
    if let Some(quiet) = policies.quiet_period {
        let rejected =
            upstream.breaker().map_or(0, |breaker| breaker.counts().not_permitted.quiet_period);
        quiet_period(families, name, quiet, rejected);
    }
    if let Some(budget) = &policies.retry_budget {
        retry_budget(families, name, budget);
    }
    if let Some(chaos) = &policies.chaos {
        fault_injection(families, name, chaos);
    }
}

/// Adds the metrics of an upstream's calls that shared another call. `saved` is their number.
pub(super) fn add_coalescing(families: &mut Families, name: &str, saved: u64) {
    families.counters(
        "client_coalesced_calls_total",
        "Calls that shared the call of an identical request in flight.",
        [(&[("name", name)][..], number(saved))],
    );
}

/// Adds the metrics of the stale answers of an upstream.
pub(super) fn add_fallback(families: &mut Families, name: &str, answers: u64) {
    families.counters(
        "client_stale_answers_total",
        "Calls without a good answer that were answered with an earlier one.",
        [(&[("name", name)][..], number(answers))],
    );
}

fn fault_injection(families: &mut Families, name: &str, chaos: &ChaosSnapshot) {
    families.gauges(
        "client_fault_injection_active",
        "1 while fault injection is on; absent while it is off.",
        [(&[("name", name)][..], 1.0)],
    );
    let ChaosSnapshot { failures, delays, panics, .. } = *chaos;
    for (kind, count) in [("failure", failures), ("delay", delays), ("panic", panics)] {
        families.counters(
            "client_injected_faults_total",
            "Faults that were injected into attempts, by kind.",
            [(&[("name", name), ("kind", kind)][..], number(count))],
        );
    }
}

fn hedging(families: &mut Families, name: &str, hedge: &HedgeSnapshot) {
    for (metric, help, count) in [
        ("client_hedges_total", "Attempts that were made beside one that took long.", hedge.made),
        ("client_hedges_won_total", "Those whose answer was used.", hedge.won),
    ] {
        families.counters(metric, help, [(&[("name", name)][..], number(count))]);
    }
    if let Some(delay) = hedge.delay {
        families.gauges(
            "client_hedge_delay_seconds",
            "Time after which an attempt is hedged; absent while the percentile is not known.",
            [(&[("name", name)][..], delay.as_secs_f64())],
        );
    }
}

fn throttling(families: &mut Families, name: &str, throttle: &ThrottleSnapshot) {
    let name = &[("name", name)][..];
    for (metric, help, value) in [
        (
            "client_throttle_requests",
            "Attempts of the last two minutes, with those that throttling rejected.",
            number(throttle.requests),
        ),
        (
            "client_throttle_accepts",
            "Those of them that the backend did not refuse.",
            number(throttle.accepts),
        ),
        (
            "client_throttle_probability",
            "Share of attempts that throttling rejects now.",
            throttle.probability,
        ),
    ] {
        families.gauges(metric, help, [(name, value)]);
    }
    families.counters(
        "client_throttle_rejections_total",
        "Attempts that throttling rejected.",
        [(name, number(throttle.rejected))],
    );
}

fn rate(families: &mut Families, name: &str, limit: &RateSnapshot) {
    for (metric, help, value) in [
        (
            "resilience4j_ratelimiter_available_permissions",
            "Attempts that may be made now.",
            f64::from(limit.available),
        ),
        (
            "resilience4j_ratelimiter_waiting_threads",
            "Attempts that wait for their turn.",
            number(limit.waiting as u64),
        ),
    ] {
        families.gauges(metric, help, [(&[("name", name)][..], value)]);
    }
}

fn prioritised(families: &mut Families, name: &str, priorities: &PrioritySnapshot) {
    families.gauges(
        "client_priority_rejection_share",
        "Share of attempts that is rejected while no place is free, the least important first.",
        [(&[("name", name)][..], priorities.rejection_share)],
    );
    for (level, count) in priorities.rejected.into_iter().enumerate() {
        families.counters(
            "client_priority_rejections_total",
            "Attempts that the concurrency limit rejected, by priority.",
            [(&[("name", name), ("priority", &level.to_string())][..], number(count))],
        );
    }
}

fn concurrency(families: &mut Families, name: &str, limit: &ConcurrencySnapshot) {
    for (metric, help, value) in [
        (
            "resilience4j_bulkhead_max_allowed_concurrent_calls",
            "Maximum number of attempts in flight at the backend.",
            limit.max,
        ),
        (
            "resilience4j_bulkhead_available_concurrent_calls",
            "Further attempts that may be in flight now.",
            limit.max.saturating_sub(limit.in_flight),
        ),
        ("client_concurrency_queued", "Attempts that wait for one in flight to end.", limit.queued),
    ] {
        families.gauges(metric, help, [(&[("name", name)][..], number(value as u64))]);
    }
    if let Some(priorities) = limit.priorities {
        prioritised(families, name, &priorities);
    }
    if let Some(baseline) = limit.adaptive.and_then(|adaptive| adaptive.baseline) {
        families.gauges(
            "client_concurrency_baseline_seconds",
            "Latency of the backend without load, which the adaptive limit compares with; absent while it is not known.",
            [(&[("name", name)][..], baseline.as_secs_f64())],
        );
    }
}

fn probes(families: &mut Families, name: &str, counts: ProbeCounts) {
    let ProbeCounts { success, failure, timeout } = counts;
    for (result, count) in [("success", success), ("failure", failure), ("timeout", timeout)] {
        families.counters(
            "client_breaker_probes_total",
            "Probes of the backend while the circuit was open, by result.",
            [(&[("name", name), ("result", result)][..], number(count))],
        );
    }
}

fn quiet_period(families: &mut Families, name: &str, quiet: QuietSnapshot, rejected: u64) {
    families.gauges(
        "client_quiet_period_seconds",
        "Time for which calls stay away, because the backend has asked for it; 0 if they do not.",
        [(&[("name", name)][..], quiet.left.as_secs_f64())],
    );
    for (metric, help, count) in [
        (
            "client_quiet_periods_total",
            "Quiet periods that the backend has asked for.",
            quiet.periods,
        ),
        (
            "client_quiet_period_rejections_total",
            "Calls rejected because the backend had asked for no calls.",
            rejected,
        ),
    ] {
        families.counters(metric, help, [(&[("name", name)][..], number(count))]);
    }
}

fn retry_budget(families: &mut Families, name: &str, budget: &RetryBudgetSnapshot) {
    let labels = [("name", name)];
    families.gauges(
        "client_retry_budget_left",
        "Retries that the retry budget allows now. Below 0 if calls have left its window and their retries have not.",
        [(&labels[..], budget.left)],
    );
    families.counters(
        "client_retry_budget_refused_total",
        "Retries and hedges that the retry budget refused.",
        [(&labels[..], number(budget.refused))],
    );
}
