//! Makes calls for the endpoints, and tells of each: to the statistics, the metrics, the event log
//! and the log.

use std::sync::Arc;

use resilience_actors::{
    CallId, CallReport, Protection, Scheduler,
    events::{CallEvent, CallOutcome, EventKind, EventType},
};
use service_edge::TraceContext;
use tokio::time::Instant;

use crate::{
    answer::status,
    metrics::CallMetrics,
    stats::{Pending, Stats},
    transport::{BackendReport, BackendRequest, HttpTransport, Wanted},
};

/// A call that somebody asks for.
#[derive(Debug, Clone, Copy)]
pub struct Asked {
    /// Where it was asked for, in the event log's words.
    pub endpoint: &'static str,
    /// What of the backend.
    pub wanted: Wanted,
    /// With what protection.
    pub protection: Protection,
    /// The span of the work on it.
    pub trace: TraceContext,
}

/// One worker's way to make calls.
pub struct Calls {
    scheduler: Scheduler<HttpTransport>,
    stats: Arc<Stats>,
    metrics: CallMetrics,
}

impl Calls {
    /// Through this worker's scheduler.
    pub fn new(
        scheduler: Scheduler<HttpTransport>,
        stats: Arc<Stats>,
        metrics: CallMetrics,
    ) -> Self {
        Self { scheduler, stats, metrics }
    }

    /// The scheduler.
    pub fn scheduler(&self) -> &Scheduler<HttpTransport> {
        &self.scheduler
    }

    /// The statistics.
    pub fn stats(&self) -> &Stats {
        &self.stats
    }

    /// Makes a call. Dropped before its end, it is recorded as abandoned.
    pub async fn make(&self, asked: Asked) -> BackendReport {
        let Asked { wanted, protection, trace, .. } = asked;
        let tally = match protection {
            Protection::None => &self.stats.baseline,
            Protection::Full | Protection::BreakerOnly => &self.stats.resilient,
        };
        let call = CallId::next();
        let request = BackendRequest { wanted, trace };
        let pending = tally.begin();
        let begun =
            Begun { calls: self, asked, call, since: Instant::now(), pending: Some(pending) };
        let report = self.scheduler.call_as(call, request, protection).await;
        begun.finish(&report);
        report
    }

    fn record(&self, asked: &Asked, event: impl FnOnce() -> CallEvent) {
        self.scheduler.breaker().events().record_with(EventType::Call, || {
            let trace_id = Some(asked.trace.trace_id().to_string());
            EventKind::Call(Box::new(CallEvent { trace_id, ..event() }))
        });
    }
}

/// A call that has no answer yet.
struct Begun<'a> {
    calls: &'a Calls,
    asked: Asked,
    call: CallId,
    since: Instant,
    pending: Option<Pending<'a>>,
}

impl Begun<'_> {
    fn finish(mut self, report: &BackendReport) {
        if let Some(pending) = self.pending.take() {
            pending.finish(report);
        }
        let Self { calls, asked, .. } = &self;
        calls.metrics.call_ended(&report.attempts);
        calls.record(asked, || event(asked, report));
        let trace = asked.trace;
        log::log!(
            trace.level(),
            trace_id:% = trace.trace_id(),
            span_id:% = trace.span_id();
            "call {} {}: status {}, attempts: {}, {:.3}s, circuit {}",
            report.id,
            asked.endpoint,
            status(report).as_u16(),
            report.attempts.len(),
            report.elapsed.as_secs_f64(),
            report.state,
        );
    }
}

impl Drop for Begun<'_> {
    fn drop(&mut self) {
        if self.pending.is_none() {
            return;
        }
        let Self { calls, asked, call, since, .. } = self;
        calls.record(asked, || CallEvent {
            call: *call,
            status: None,
            outcome: CallOutcome::Abandoned,
            protection: asked.protection,
            endpoint: asked.endpoint,
            elapsed: since.elapsed(),
            state: calls.scheduler.state(),
            attempts: Vec::new(),
            trace_id: None,
        });
    }
}

fn event(asked: &Asked, report: &BackendReport) -> CallEvent {
    let CallReport { id, attempts, state, elapsed, .. } = report;
    CallEvent {
        call: *id,
        status: Some(status(report).as_u16()),
        outcome: CallOutcome::of(report),
        protection: asked.protection,
        endpoint: asked.endpoint,
        elapsed: *elapsed,
        state: *state,
        attempts: attempts.clone(),
        trace_id: None,
    }
}
