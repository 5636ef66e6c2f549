//! What is recorded of a call: counts, an event, and a log line.

use std::time::Duration;

use actix_web::http::StatusCode;
use resilience_actors::{
    AttemptRecord, CallError, CallId, CallOutcome, EventType,
    events::{EventKind, Fields},
};
use service_edge::TraceContext;
use tokio::time::Instant;

use super::{
    passed_answer::{PassedAnswer, PassingError, Report},
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
    /// The time that the caller had left at the start, if it said so.
    time_left: Option<Duration>,
    since: Instant,
    /// Until the call has ended.
    pending: Option<Pending<'a>>,
    outcome: CallOutcome,
}

/// How a call has ended.
pub(super) struct Ended {
    pub(super) status: StatusCode,
    pub(super) attempts: Vec<AttemptRecord>,
    pub(super) retry_refused: bool,
    /// The time since the answer arrived, if it is a kept one.
    pub(super) stale: Option<Duration>,
    /// The call whose answer it got, if another caller has made it.
    pub(super) coalesced_with: Option<CallId>,
}

impl<'a> CallRecord<'a> {
    /// Counts a call that begins.
    pub(super) fn begin(
        upstream: &'a GatewayUpstream,
        call: CallId,
        span: TraceContext,
        time_left: Option<Duration>,
    ) -> Self {
        let (pending, outcome) = (Some(upstream.tally().begin()), CallOutcome::Abandoned);
        Self { upstream, call, span, time_left, since: Instant::now(), pending, outcome }
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
    pub(super) fn finish(self, ended: &Ended) {
        let &Ended { ref attempts, retry_refused, stale, coalesced_with, .. } = ended;
        // With the time that it has waited for the call of another caller.
        let elapsed = self.since.elapsed();
        let status = ended.status.as_u16();
        // A shared call's attempts are those of the caller that made it.
        let own = if coalesced_with.is_some() { &[] } else { &**attempts };
        self.record(|| CallEvent {
            status: Some(status),
            stale_age_seconds: stale.map(|age| age.as_secs_f64()),
            elapsed_seconds: elapsed.as_secs_f64(),
            coalesced_with,
            attempts: own.iter().map(AttemptEvent::from).collect(),
            retry_refused,
            ..self.event()
        });
        log::log!(
            self.span.level(),
            trace_id:% = self.span.trace_id(),
            span_id:% = self.span.span_id();
            "upstream {}: call {}: status {status}{}, attempts: {}{}, {:.3}s, circuit {}",
            self.upstream.name(),
            self.call,
            if stale.is_some() { " (stale)" } else { "" },
            attempts.len(),
            coalesced_with.map(|other| format!(" (shared with call {other})")).unwrap_or_default(),
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
            deadline_seconds: self.time_left.map(|time| time.as_secs_f64()),
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
