//! Makes an endpoint's answer from the report on a call.

use actix_web::{
    HttpResponse, HttpResponseBuilder,
    http::{
        StatusCode,
        header::{CONTENT_TYPE, HeaderValue, RETRY_AFTER},
    },
};
use resilience_actors::{AttemptRecord, adapters::http::whole_seconds};
use serde::Serialize;
use service_edge::ApiError;

use crate::{
    fallback::stale_age,
    no_answer::{explain, retry_after, status_without_answer},
    transport::BackendReport,
    wire::{
        AttemptEntry, BackendBody, BaselineBody, BaselineError, CallBody, ResilientAnswer,
        RetryBody, seconds,
    },
};

const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// What messages call the lab's upstream.
const BACKEND: &str = "backend";

/// Bytes that are reserved for a body: most are shorter.
const BODY: usize = 512;

/// The status of the answer to a call.
pub fn status(report: &BackendReport) -> StatusCode {
    report.result.as_ref().map_or_else(status_without_answer, |response| response.status)
}

/// Answers `/api/call-backend`.
pub fn call(report: &BackendReport) -> HttpResponse {
    json(head(report), &CallBody { client_request_id: report.id, answer: resilient(report) })
}

/// Answers `/api/call-backend-without-resilience`.
pub fn baseline(report: &BackendReport) -> HttpResponse {
    let (status_code, elapsed) = (status(report).as_u16(), seconds(report.elapsed));
    let head = head(report);
    match &report.result {
        Ok(response) => json(
            head,
            &BaselineBody {
                message: "called without circuit breaker and retries",
                backend_response: &response.body,
                elapsed_time_seconds: elapsed,
                status_code,
            },
        ),
        Err(error) => json(
            head,
            &BaselineError {
                error: ApiError::reason(status(report)),
                message: explain(error, BACKEND),
                elapsed_time_seconds: elapsed,
                status_code,
            },
        ),
    }
}

/// Answers `/api/test-retry`.
pub fn test_retry(report: &BackendReport) -> HttpResponse {
    json(
        head(report),
        &RetryBody {
            test_type: "retry_mechanism",
            answer: resilient(report),
            attempt_log: report.attempts.iter().map(attempt_entry).collect(),
        },
    )
}

fn resilient(report: &BackendReport) -> ResilientAnswer<'_> {
    ResilientAnswer {
        backend_response: backend_body(report),
        stale: report.fallback,
        stale_age_seconds: stale_age(report).map(seconds),
        elapsed_time_seconds: seconds(report.elapsed),
        circuit_breaker_state: report.state,
        attempts: report.attempts.len(),
        retry_refused: report.retry_refused,
    }
}

/// Status and headers: the backend's own `Retry-After`, or that of a rejection.
fn head(report: &BackendReport) -> HttpResponseBuilder {
    let mut head = HttpResponse::build(status(report));
    match &report.result {
        Ok(response) => {
            if let Some(wait) = response.retry_after {
                // In seconds even if the backend sent a date: the caller's clock may differ.
                head.insert_header((RETRY_AFTER, whole_seconds(wait)));
            }
        }
        Err(error) => {
            if let Some(wait) = retry_after(error) {
                head.insert_header((RETRY_AFTER, whole_seconds(wait).max(1)));
            }
        }
    }
    head
}

fn json(mut head: HttpResponseBuilder, body: &impl Serialize) -> HttpResponse {
    let mut bytes = Vec::with_capacity(BODY);
    match serde_json::to_writer(&mut bytes, body) {
        Ok(()) => head.insert_header((CONTENT_TYPE, JSON)).body(bytes),
        Err(error) => HttpResponse::from_error(ApiError::internal(error.to_string())),
    }
}

fn backend_body(report: &BackendReport) -> BackendBody<'_> {
    match &report.result {
        Ok(response) => BackendBody::Own(&response.body),
        Err(error) => BackendBody::Missing {
            error: ApiError::reason(status(report)),
            message: explain(error, BACKEND),
            fallback: retry_after(error).map(|_| true),
        },
    }
}

fn attempt_entry(record: &AttemptRecord) -> AttemptEntry {
    AttemptEntry {
        attempt: record.number,
        hedge: record.hedge,
        status_code: record.code,
        outcome: record.outcome,
        elapsed_seconds: seconds(record.elapsed),
        wait_seconds: record.wait.map(seconds),
        injected: record.injected,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use resilience_actors::{CallError, CallId, CallReport, Rejection, RejectionKind, State};

    use super::*;
    use crate::transport::BackendError;

    #[test]
    fn each_call_without_an_answer_has_its_status() {
        let (time, unreachable) = (Duration::from_secs(3), BackendError::Unreachable("x".into()));
        let shortage = BackendError::LocalShortage("x".into());
        let rejection = Rejection::new(RejectionKind::CircuitOpen, time);
        for (error, expected) in [
            (CallError::Transport(unreachable), 502),
            (CallError::Transport(shortage), 503),
            (CallError::Unconnected(time), 502),
            (CallError::Injected, 502),
            (CallError::TimedOut(time), 504),
            (CallError::DeadlineExceeded(time), 504),
            (CallError::Rejected(rejection), 503),
            (CallError::Panicked, 500),
            (CallError::Lost, 500),
        ] {
            let report = CallReport {
                id: CallId::next(),
                result: Err(error),
                fallback: false,
                attempts: Vec::new(),
                retry_refused: false,
                state: State::Closed,
                elapsed: time,
            };
            for answer in [call(&report), baseline(&report), test_retry(&report)] {
                assert_eq!(answer.status().as_u16(), expected, "{report:?}");
                assert_eq!(answer.headers().contains_key(RETRY_AFTER), expected == 503);
            }
        }
    }
}
