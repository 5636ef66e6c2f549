//! The end of a call in the event log.

use resilience_actors::{AttemptRecord, CallId, CallOutcome, InjectedFault, Outcome, State};
use serde::Serialize;

use crate::upstreams::Protection;

/// The end of a call in the event log: the fields of an event of type `call`.
#[derive(Debug, Serialize)]
pub struct CallEvent {
    /// The call.
    pub call: CallId,
    /// The status of the answer; null if the caller had left.
    pub status: Option<u16>,
    /// What became of the call.
    pub outcome: CallOutcome,
    /// The policies between the call and the backend.
    pub protection: Protection,
    /// The endpoint that the caller asked.
    pub endpoint: &'static str,
    /// The age of the answer; absent unless it is a [stale](crate::fallback) one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stale_age_seconds: Option<f64>,
    /// From the start of the call to its answer.
    pub elapsed_seconds: f64,
    /// The time that the caller had left at the start; absent unless it said so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deadline_seconds: Option<f64>,
    /// The state after the call's own report.
    pub circuit_breaker_state: State,
    /// The call whose answer it got, with that call's attempts; absent unless requests were
    /// [coalesced](resilience_actors::Coalescer).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub coalesced_with: Option<CallId>,
    /// Its attempts, in order. Empty if it was rejected before the first, if the caller had left, or if it shared the
    /// call of another caller.
    pub attempts: Vec<AttemptEvent>,
    /// Present if true: the retry budget refused a retry.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub retry_refused: bool,
    /// The call's trace.
    pub trace_id: String,
}

/// One attempt in [`CallEvent`].
#[derive(Debug, Serialize)]
pub struct AttemptEvent {
    attempt: u32,
    /// Present if true: the attempt was made beside another one that took long.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    hedge: bool,
    outcome: Outcome,
    status_code: Option<u16>,
    start_seconds: f64,
    elapsed_seconds: f64,
    wait_seconds: Option<f64>,
    /// The injected fault; absent if there was none.
    #[serde(skip_serializing_if = "Option::is_none")]
    injected: Option<InjectedFault>,
}

impl From<&AttemptRecord> for AttemptEvent {
    fn from(record: &AttemptRecord) -> Self {
        Self {
            attempt: record.number,
            hedge: record.hedge,
            outcome: record.outcome,
            status_code: record.code,
            start_seconds: record.start.as_secs_f64(),
            elapsed_seconds: record.elapsed.as_secs_f64(),
            wait_seconds: record.wait.map(|wait| wait.as_secs_f64()),
            injected: record.injected,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::json;

    use super::*;

    #[test]
    fn a_call_event_serialises_with_its_documented_fields() {
        let millis = Duration::from_millis;
        let record = AttemptRecord {
            number: 1,
            hedge: false,
            outcome: Outcome::ServerError,
            code: Some(500),
            start: millis(1),
            elapsed: millis(5),
            wait: None,
            injected: None,
        };
        let call = CallId::next();
        let event = CallEvent {
            call,
            status: Some(500),
            outcome: CallOutcome::Failure,
            protection: Protection::BreakerOnly,
            endpoint: "call-backend",
            stale_age_seconds: None,
            elapsed_seconds: 1.25,
            deadline_seconds: Some(1.5),
            circuit_breaker_state: State::HalfOpen,
            coalesced_with: None,
            attempts: vec![AttemptEvent::from(&record)],
            retry_refused: true,
            trace_id: "4bf9".to_owned(),
        };
        let expected = json!({
            "call": call, "status": 500, "outcome": "failure", "protection": "breaker-only",
            "endpoint": "call-backend", "elapsed_seconds": 1.25, "deadline_seconds": 1.5,
            "circuit_breaker_state": "half-open", "retry_refused": true, "trace_id": "4bf9",
            "attempts": [{"attempt": 1, "outcome": "server_error", "status_code": 500,
                "start_seconds": 0.001, "elapsed_seconds": 0.005, "wait_seconds": null}],
        });
        assert_eq!(serde_json::to_value(event).unwrap(), expected);
    }
}
