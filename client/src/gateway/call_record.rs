//! What is recorded of a call: counts, an event, and a log line.

use std::time::Duration;

use actix_web::http::StatusCode;
use resilience_actors::{
    AttemptRecord, CallError, CallId, CallOutcome, CallReport, EventType,
    events::{EventKind, Fields},
};
use service_edge::TraceContext;
use tokio::time::Instant;

use super::{
    passing::{PassedAnswer, PassingError},
    upstreams::GatewayUpstream,
};
use crate::{
    stats::Pending,
    upstreams::Protection,
    wire::{AttemptEvent, CallEvent},
};

/// A call that has begun. If it is dropped, its caller has left, and it is recorded as abandoned.
pub(super) struct CallRecord<'a> {
    upstream: &'a GatewayUpstream,
    call: CallId,
    span: TraceContext,
    since: Instant,
    /// Until the call has ended.
    pending: Option<Pending<'a>>,
    outcome: CallOutcome,
}

/// How a call has ended.
pub(super) struct Ended<'a> {
    pub(super) status: StatusCode,
    pub(super) attempts: &'a [AttemptRecord],
    pub(super) elapsed: Duration,
    pub(super) retry_refused: bool,
}

/// The report on a call.
pub(super) type Report = CallReport<PassedAnswer, PassingError>;

impl<'a> CallRecord<'a> {
    /// Counts a call that begins.
    pub(super) fn begin(upstream: &'a GatewayUpstream, call: CallId, span: TraceContext) -> Self {
        let (pending, outcome) = (Some(upstream.tally().begin()), CallOutcome::Abandoned);
        Self { upstream, call, span, since: Instant::now(), pending, outcome }
    }

    /// Counts the end of the call.
    pub(super) fn count(&mut self, report: &Report) {
        // A call whose caller did not send its body counts as abandoned.
        let left = matches!(report.result, Err(CallError::Transport(PassingError::Caller(_))));
        if let Some(pending) = self.pending.take()
            && !left
        {
            pending.finish(report, PassedAnswer::is_success);
            self.outcome = report.outcome();
        }
    }

    /// Records how the call has ended.
    pub(super) fn finish(self, Ended { status, attempts, elapsed, retry_refused }: Ended<'_>) {
        let status = status.as_u16();
        self.record(|| CallEvent {
            status: Some(status),
            elapsed_seconds: elapsed.as_secs_f64(),
            attempts: attempts.iter().map(AttemptEvent::from).collect(),
            retry_refused,
            ..self.event()
        });
        log::log!(
            self.span.level(),
            trace_id:% = self.span.trace_id(),
            span_id:% = self.span.span_id();
            "upstream {}: call {}: status {status}, attempts: {}, {:.3}s, circuit {}",
            self.upstream.name(),
            self.call,
            attempts.len(),
            elapsed.as_secs_f64(),
            self.upstream.upstream().state(),
        );
    }

    /// Records an event, if the log keeps it.
    fn record(&self, event: impl FnOnce() -> CallEvent) {
        let events = self.upstream.breaker().events();
        events.record_with(EventType::Call, || EventKind::Call(Fields::new(event())));
    }

    /// The event of a call without an answer.
    fn event(&self) -> CallEvent {
        CallEvent {
            call: self.call,
            status: None,
            outcome: self.outcome,
            protection: Protection::Full,
            endpoint: "gateway",
            stale_age_seconds: None,
            elapsed_seconds: self.since.elapsed().as_secs_f64(),
            circuit_breaker_state: self.upstream.breaker().state(),
            coalesced_with: None,
            attempts: Vec::new(),
            retry_refused: false,
            trace_id: self.span.trace_id().to_string(),
        }
    }
}

impl Drop for CallRecord<'_> {
    fn drop(&mut self) {
        if self.pending.is_some() {
            self.record(|| self.event());
        }
    }
}
