//! The body of `/api/stress-test`.

use std::collections::BTreeMap;

use resilience_actors::State;
use serde::Serialize;
use utoipa::ToSchema;

/// `POST /api/stress-test`.
#[derive(Debug, Serialize, ToSchema)]
pub struct StressBody {
    /// "stress_test".
    pub test_type: &'static str,
    /// Number of requests that ended.
    pub total_requests: usize,
    /// The failure rate that the backend was asked for; null for its own rate.
    pub failure_rate: Option<f64>,
    /// One result for each request, in order.
    pub results: Vec<StressResult>,
    /// The state after the last.
    pub final_circuit_breaker_state: State,
    /// The summary of all results.
    pub summary: StressSummary,
}

/// One request of a stress test.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct StressResult {
    /// 1 for the first.
    pub request_num: u32,
    /// The status that `/api/call-backend` would have answered.
    pub status_code: u16,
    /// Present if true: it would have answered with a stale answer.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub stale: bool,
    /// The state after it.
    pub circuit_breaker_state: State,
    /// How long it took.
    pub elapsed_time_seconds: f64,
}

/// The summary of a stress test.
#[derive(Debug, Serialize, ToSchema)]
pub struct StressSummary {
    /// Number of results by status.
    #[schema(value_type = BTreeMap<String, usize>)]
    pub by_status: BTreeMap<u16, usize>,
    /// Quantiles of their latency; null if there are no results.
    pub latency_seconds: Option<Latency>,
    /// True if the test ended before all requests were made: out of time, or the service was ending.
    pub ended_early: bool,
}

/// Quantiles by the nearest-rank method.
#[derive(Debug, Serialize, ToSchema)]
pub struct Latency {
    /// The median.
    pub p50: f64,
    /// 90 % were no slower.
    pub p90: f64,
    /// 99 % were no slower.
    pub p99: f64,
    /// The slowest.
    pub max: f64,
}
