//! The stress test: makes many calls and sums up their results.

use std::{cell::Cell, collections::BTreeMap, fmt::Display, ops::RangeInclusive, time::Duration};

use futures::{StreamExt as _, stream};
use resilience_actors::Priority;
use serde::Deserialize;
use service_edge::{Drain, TraceContext};
use tokio::time::{Instant, sleep, sleep_until};
use utoipa::ToSchema;

use crate::{
    answer::status,
    calls::{Asked, Calls},
    transport::Wanted,
    upstreams::Protection,
    wire::{Latency, StressBody, StressResult, StressSummary, seconds},
};

/// Maximum duration of a stress test.
pub const MAX_DURATION: Duration = Duration::from_secs(600);

/// Number of requests that are logged, if the stress test's trace is sampled.
const FOLLOWED: u32 = 10;

/// The body of a request for a stress test.
#[derive(Debug, Clone, PartialEq, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields, expecting = "an object")]
pub struct StressRequest {
    /// Number of requests, 1 to 10 000.
    #[schema(minimum = 1, maximum = 10_000, default = 10)]
    num_requests: u32,
    /// Number of requests at a time, 1 to 256.
    #[schema(minimum = 1, maximum = 256, default = 1)]
    concurrency: usize,
    /// The failure rate that the backend is asked for, 0 to 1. Null for the backend's own rates.
    #[schema(minimum = 0, maximum = 1, default = 1.0)]
    failure_rate: Option<f64>,
    /// True if failed requests are retried.
    retry: bool,
    /// Shortest time between the starts of two requests, 0 to 10 s.
    #[schema(minimum = 0, maximum = 10, default = 0.0)]
    interval_seconds: f64,
}

impl Default for StressRequest {
    fn default() -> Self {
        Self {
            num_requests: 10,
            concurrency: 1,
            failure_rate: Some(1.0),
            retry: false,
            interval_seconds: 0.0,
        }
    }
}

/// A valid [`StressRequest`].
#[derive(Debug, Clone, PartialEq)]
pub struct StressPlan(StressRequest);

impl StressRequest {
    /// Checks all bounds.
    ///
    /// # Errors
    /// The first field that is out of its bounds, with the allowed range.
    pub fn validate(self) -> Result<StressPlan, String> {
        bounded("num_requests", &self.num_requests, 1..=10_000)?;
        bounded("concurrency", &self.concurrency, 1..=256)?;
        if let Some(rate) = &self.failure_rate {
            bounded("failure_rate", rate, 0.0..=1.0)?;
        }
        bounded("interval_seconds", &self.interval_seconds, 0.0..=10.0)?;
        Ok(StressPlan(self))
    }
}

fn bounded<T: PartialOrd + Display>(
    field: &str,
    value: &T,
    allowed: RangeInclusive<T>,
) -> Result<(), String> {
    if allowed.contains(value) {
        return Ok(());
    }
    let (low, high) = allowed.into_inner();
    Err(format!("{field} = {value} is not valid: expected a number from {low} to {high}"))
}

/// Makes the plan's requests. Ends early after [`MAX_DURATION`] or when the service is ending.
pub async fn run(
    StressPlan(plan): StressPlan,
    calls: &Calls,
    trace: TraceContext,
    drain: &Drain,
) -> StressBody {
    // When the next request may start. Requests start in their order.
    let next = Cell::new(Instant::now());
    let interval = Duration::from_secs_f64(plan.interval_seconds);
    let protection = if plan.retry { Protection::Full } else { Protection::BreakerOnly };
    let wanted = Wanted::Data { failure_rate: plan.failure_rate };
    let next = &next;
    let one = |request_num: u32| async move {
        if !interval.is_zero() {
            let turn = next.get().max(Instant::now());
            next.set(turn + interval);
            tokio::select! { () = sleep_until(turn) => {} () = drain.started() => {} }
        }
        if drain.is_draining() {
            return None;
        }
        // Only the first requests are logged: ten thousand would hide all other lines.
        let trace = trace.child();
        let trace = if request_num <= FOLLOWED { trace } else { trace.unsampled() };
        let asked = Asked {
            endpoint: "stress-test",
            wanted,
            protection,
            priority: Priority::default(),
            time_left: None,
            trace,
            // Requests that shared a call would be no load.
            coalesce: false,
        };
        let report = calls.make(&asked).await;
        Some(StressResult {
            request_num,
            status_code: status(&report).as_u16(),
            stale: report.fallback,
            circuit_breaker_state: report.state,
            elapsed_time_seconds: seconds(report.elapsed),
        })
    };
    let mut results: Vec<_> = stream::iter(1..=plan.num_requests)
        .map(one)
        .buffer_unordered(plan.concurrency)
        .take_until(sleep(MAX_DURATION))
        .filter_map(std::future::ready)
        .collect()
        .await;
    results.sort_unstable_by_key(|result| result.request_num);
    StressBody {
        test_type: "stress_test",
        total_requests: results.len(),
        failure_rate: plan.failure_rate,
        final_circuit_breaker_state: calls.upstreams().breaker().state(),
        summary: StressSummary {
            by_status: by_status(&results),
            latency_seconds: latency(&results),
            ended_early: results.len() < plan.num_requests as usize,
        },
        results,
    }
}

fn by_status(results: &[StressResult]) -> BTreeMap<u16, usize> {
    let mut counts = BTreeMap::new();
    for result in results {
        *counts.entry(result.status_code).or_default() += 1;
    }
    counts
}

fn latency(results: &[StressResult]) -> Option<Latency> {
    let mut times: Vec<_> = results.iter().map(|result| result.elapsed_time_seconds).collect();
    times.sort_unstable_by(f64::total_cmp);
    let max = *times.last()?;
    let percentile = |percent: usize| times[(times.len() * percent).div_ceil(100).max(1) - 1];
    Some(Latency { p50: percentile(50), p90: percentile(90), p99: percentile(99), max })
}

#[cfg(test)]
#[path = "stress_tests.rs"]
mod tests;

#[cfg(test)]
#[path = "stress_props.rs"]
mod props;
