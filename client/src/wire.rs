//! What goes over the wire, to the letter. Times are seconds.

use std::{borrow::Cow, collections::BTreeMap, time::Duration};

use actix_web::{
    HttpResponse, HttpResponseBuilder,
    http::{StatusCode, header::RETRY_AFTER},
};
use resilience_actors::{
    AttemptRecord, BreakerSnapshot, CallError, CallId, Outcome, RetryConfig, State,
};
use serde::Serialize;
use serde_json::value::RawValue;
use service_edge::ApiError;

use crate::{
    stats::Counts,
    transport::{BackendError, BackendReport},
};

/// `GET /health`.
#[derive(Debug, Serialize)]
pub struct Health {
    /// "healthy": the process answers. Never depends on the breaker.
    pub status: &'static str,
    /// "client-service".
    pub service: &'static str,
    /// The circuit's state.
    pub circuit_breaker_state: State,
}

/// `GET /api/call-backend`.
#[derive(Debug, Serialize)]
pub struct CallBody<'a> {
    client_request_id: CallId,
    backend_response: BackendBody<'a>,
    elapsed_time_seconds: f64,
    circuit_breaker_state: State,
    attempts: usize,
}

/// `GET /api/call-backend-without-resilience`, where the backend answered.
#[derive(Debug, Serialize)]
pub struct BaselineBody<'a> {
    message: &'static str,
    backend_response: &'a RawValue,
    elapsed_time_seconds: f64,
    status_code: u16,
}

/// `GET /api/call-backend-without-resilience`, where there is no answer to show.
#[derive(Debug, Serialize)]
pub struct BaselineError {
    error: &'static str,
    message: String,
    elapsed_time_seconds: f64,
    status_code: u16,
}

/// `GET /api/test-retry`.
#[derive(Debug, Serialize)]
pub struct RetryBody<'a> {
    test_type: &'static str,
    backend_response: BackendBody<'a>,
    elapsed_time_seconds: f64,
    circuit_breaker_state: State,
    attempts: usize,
    attempt_log: Vec<AttemptEntry>,
}

/// One attempt in [`RetryBody`].
#[derive(Debug, Serialize)]
pub struct AttemptEntry {
    attempt: u32,
    status_code: Option<u16>,
    outcome: Outcome,
    elapsed_seconds: f64,
    wait_seconds: Option<f64>,
}

/// The backend's own body, or words of ours in its place.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub enum BackendBody<'a> {
    /// To the letter.
    Own(&'a RawValue),
    /// There is none.
    Missing {
        /// The status's reason phrase.
        error: &'static str,
        /// What happened.
        message: String,
        /// True where the call was turned away: this body is the fallback.
        #[serde(skip_serializing_if = "Option::is_none")]
        fallback: Option<bool>,
    },
}

/// `GET /api/stats`.
#[derive(Debug, Serialize)]
pub struct StatsBody {
    /// Counters since the start.
    pub statistics: Statistics,
    /// The breaker, with its configuration.
    pub circuit_breaker: BreakerSnapshot,
    /// The retry scheduler's configuration.
    pub retry: RetryConfig,
}

/// The counters of [`StatsBody`].
#[derive(Debug, Serialize)]
pub struct Statistics {
    /// Of calls with resilience.
    #[serde(flatten)]
    pub resilient: Counts,
    /// Transitions to open.
    pub circuit_breaker_open_count: u64,
    /// Calls of all kinds in flight or waiting now.
    pub calls_in_flight: usize,
    /// Those of them that wait for their next attempt.
    pub calls_waiting: usize,
    /// The most there may be of them.
    pub max_calls: usize,
    /// Of calls without resilience.
    pub baseline: Counts,
}

/// `POST /api/circuit-breaker/reset`.
#[derive(Debug, Serialize)]
pub struct ResetBody {
    /// What was done.
    pub message: &'static str,
    /// The state after it.
    pub state: State,
}

/// `POST /api/stress-test`.
#[derive(Debug, Serialize)]
pub struct StressBody {
    /// "stress_test".
    pub test_type: &'static str,
    /// Requests that were made: as many as there are results.
    pub total_requests: usize,
    /// The rate that the backend was asked to fail at; null: its own.
    pub failure_rate: Option<f64>,
    /// One for each request, in their order.
    pub results: Vec<StressResult>,
    /// The state after the last.
    pub final_circuit_breaker_state: State,
    /// All of them together.
    pub summary: StressSummary,
}

/// One request of a stress test.
#[derive(Debug, Clone, Serialize)]
pub struct StressResult {
    /// 1 for the first.
    pub request_num: u32,
    /// What `/api/call-backend` would have answered.
    pub status_code: u16,
    /// The state after it.
    pub circuit_breaker_state: State,
    /// How long it took.
    pub elapsed_time_seconds: f64,
}

/// What the results of a stress test come to.
#[derive(Debug, Serialize)]
pub struct StressSummary {
    /// How many results there are of each status.
    pub by_status: BTreeMap<u16, usize>,
    /// Quantiles of their latency; null if there are no results.
    pub latency_seconds: Option<Latency>,
    /// Whether it ended before all its requests were made: out of time, or the service is ending.
    pub ended_early: bool,
}

/// Quantiles by the nearest-rank method.
#[derive(Debug, Serialize)]
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

/// Seconds with microsecond digits.
pub fn seconds(time: Duration) -> f64 {
    (time.as_secs_f64() * 1e6).round() / 1e6
}

/// The status that a call is answered with.
pub fn status(report: &BackendReport) -> StatusCode {
    match &report.result {
        Ok(response) => response.status,
        Err(CallError::Transport(_)) => StatusCode::BAD_GATEWAY,
        Err(CallError::TimedOut(_) | CallError::DeadlineExceeded(_)) => StatusCode::GATEWAY_TIMEOUT,
        Err(CallError::Rejected(_)) => StatusCode::SERVICE_UNAVAILABLE,
        Err(CallError::Panicked | CallError::Lost) => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

/// Answers `/api/call-backend`.
pub fn call(report: &BackendReport) -> HttpResponse {
    head(report).json(CallBody {
        client_request_id: report.id,
        backend_response: backend_body(report),
        elapsed_time_seconds: seconds(report.elapsed),
        circuit_breaker_state: report.state,
        attempts: report.attempts.len(),
    })
}

/// Answers `/api/call-backend-without-resilience`.
pub fn baseline(report: &BackendReport) -> HttpResponse {
    let (status_code, elapsed) = (status(report).as_u16(), seconds(report.elapsed));
    let mut head = head(report);
    match &report.result {
        Ok(response) => head.json(BaselineBody {
            message: "called without circuit breaker and retries",
            backend_response: &response.body,
            elapsed_time_seconds: elapsed,
            status_code,
        }),
        Err(error) => head.json(BaselineError {
            error: ApiError::reason(status(report)),
            message: explain(error).into_owned(),
            elapsed_time_seconds: elapsed,
            status_code,
        }),
    }
}

/// Answers `/api/test-retry`.
pub fn test_retry(report: &BackendReport) -> HttpResponse {
    head(report).json(RetryBody {
        test_type: "retry_mechanism",
        backend_response: backend_body(report),
        elapsed_time_seconds: seconds(report.elapsed),
        circuit_breaker_state: report.state,
        attempts: report.attempts.len(),
        attempt_log: report.attempts.iter().map(attempt_entry).collect(),
    })
}

/// Status and headers: the backend's own `Retry-After`, or that of a rejection.
fn head(report: &BackendReport) -> HttpResponseBuilder {
    let mut head = HttpResponse::build(status(report));
    match &report.result {
        Ok(response) => {
            if let Some(asked) = &response.retry_after {
                head.insert_header((RETRY_AFTER, asked.header.as_str()));
            }
        }
        Err(CallError::Rejected(rejection)) => {
            head.insert_header((RETRY_AFTER, whole_seconds(rejection.retry_after())));
        }
        Err(_) => {}
    }
    head
}

fn backend_body(report: &BackendReport) -> BackendBody<'_> {
    match &report.result {
        Ok(response) => BackendBody::Own(&response.body),
        Err(error) => BackendBody::Missing {
            error: ApiError::reason(status(report)),
            message: explain(error).into_owned(),
            fallback: matches!(error, CallError::Rejected(_)).then_some(true),
        },
    }
}

fn explain(error: &CallError<BackendError>) -> Cow<'static, str> {
    match error {
        CallError::Rejected(rejection) => {
            format!("{rejection}; try again in {} s", whole_seconds(rejection.retry_after())).into()
        }
        CallError::TimedOut(_) => format!("backend timed out: {error}").into(),
        error => error.to_string().into(),
    }
}

/// Rounded up, so that a client that obeys is never early; at least 1.
fn whole_seconds(wait: Duration) -> u64 {
    (wait.as_secs() + u64::from(wait.subsec_nanos() > 0)).max(1)
}

fn attempt_entry(record: &AttemptRecord) -> AttemptEntry {
    AttemptEntry {
        attempt: record.number,
        status_code: record.code,
        outcome: record.outcome,
        elapsed_seconds: seconds(record.elapsed),
        wait_seconds: record.wait.map(seconds),
    }
}
