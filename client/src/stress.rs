//! The stress test: many calls through the scheduler, and what became of them.

use std::{cell::Cell, collections::BTreeMap, fmt::Display, ops::RangeInclusive, time::Duration};

use futures::{StreamExt as _, stream};
use resilience_actors::{Protection, Scheduler};
use serde::Deserialize;
use service_edge::Drain;
use tokio::time::{Instant, sleep, sleep_until};

use crate::{
    answer::status,
    routes::counted,
    stats::Tally,
    transport::{BackendRequest, HttpTransport},
    wire::{Latency, StressBody, StressResult, StressSummary, seconds},
};

/// The longest that a stress test runs.
pub const MAX_DURATION: Duration = Duration::from_secs(600);

/// What a stress test can be asked for.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields, expecting = "an object")]
pub struct StressRequest {
    /// How many requests: 1 to 10 000.
    num_requests: u32,
    /// How many of them at a time: 1 to 256.
    concurrency: usize,
    /// The rate that the backend is asked to fail at, 0 to 1; null: its own rates.
    failure_rate: Option<f64>,
    /// Whether failed requests are retried.
    retry: bool,
    /// Least time between the beginnings of two requests, 0 to 10 s; 0: as fast as `concurrency` lets.
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
    /// The first field that is out of its bounds, with what is allowed.
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

/// Makes the plan's requests. Ends early when its time is over or the service is ending, and at
/// once when its future is dropped.
pub async fn run(
    StressPlan(plan): StressPlan,
    calls: &Scheduler<HttpTransport>,
    tally: &Tally,
    drain: &Drain,
) -> StressBody {
    // When the next request may begin. They are begun in their order.
    let next = Cell::new(Instant::now());
    let interval = Duration::from_secs_f64(plan.interval_seconds);
    let protection = if plan.retry { Protection::Full } else { Protection::BreakerOnly };
    let request = BackendRequest::Data { failure_rate: plan.failure_rate };
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
        let report = counted(calls, tally, request, protection).await;
        Some(StressResult {
            request_num,
            status_code: status(&report).as_u16(),
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
        final_circuit_breaker_state: calls.state(),
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
mod tests {
    use resilience_actors::State;

    use super::*;

    fn parse(json: &str) -> Result<StressPlan, String> {
        serde_json::from_str::<StressRequest>(json)
            .map_err(|error| error.to_string())
            .and_then(StressRequest::validate)
    }

    #[test]
    fn an_empty_object_is_the_documented_default() {
        assert_eq!(parse("{}"), Ok(StressPlan(StressRequest::default())));
    }

    #[test]
    fn a_null_failure_rate_leaves_the_backends_own() {
        let StressPlan(plan) = parse(r#"{"failure_rate": null}"#).unwrap();
        assert_eq!(plan.failure_rate, None);
    }

    #[test]
    fn each_value_out_of_bounds_or_of_a_wrong_type_is_refused_by_name() {
        for (field, values) in [
            ("num_requests", ["0", "10001", "-1", "1.5", "\"20\"", "null"]),
            ("concurrency", ["0", "257", "-1", "1.5", "\"2\"", "null"]),
            ("failure_rate", ["-0.1", "1.1", "\"high\"", "[]", "{}", "true"]),
            ("retry", ["0", "1", "\"yes\"", "null", "[]", "{}"]),
            ("interval_seconds", ["-1", "10.1", "\"1\"", "null", "[]", "true"]),
            ("requests", ["1", "2", "3", "4", "5", "6"]),
        ] {
            for value in values {
                assert!(parse(&format!("{{\"{field}\": {value}}}")).is_err(), "{field} {value}");
            }
        }
        let error = parse(r#"{"concurrency": 257}"#).unwrap_err();
        assert_eq!(error, "concurrency = 257 is not valid: expected a number from 1 to 256");
    }

    #[test]
    fn quantiles_are_by_nearest_rank() {
        let results: Vec<_> = (1..=200)
            .map(|request_num| StressResult {
                request_num,
                status_code: if request_num <= 5 { 500 } else { 503 },
                circuit_breaker_state: State::Open,
                elapsed_time_seconds: f64::from(201 - request_num),
            })
            .collect();
        let Latency { p50, p90, p99, max } = latency(&results).unwrap();
        assert_eq!([p50, p90, p99, max], [100.0, 180.0, 198.0, 200.0]);
        assert_eq!(by_status(&results), BTreeMap::from([(500, 5), (503, 195)]));
        assert!(latency(&[]).is_none());
    }
}
