//! Makes calls for the endpoints, and records each in the statistics, the metrics, the event log and the log.

use std::{rc::Rc, sync::Arc, time::Duration};

use futures::future::Either;
use resilience_actors::{
    AttemptRecord, CallId, CallOptions, CallOutcome, Priority, SharedCallLost, State,
    events::{EventKind, EventType, Fields},
};
use service_edge::TraceContext;
use tokio::time::Instant;

use crate::{
    answer::status,
    fallback::stale_age,
    stats::{Pending, Stats},
    transport::{BackendCall, BackendReport, BackendRequest, HttpTransport, Wanted},
    upstreams::{Protection, RequestCoalescer, Upstreams},
    wire::{AttemptEvent, CallEvent},
};

/// A call that an endpoint wants to make.
#[derive(Debug, Clone, Copy)]
pub struct Asked {
    /// The endpoint's name in the event log.
    pub endpoint: &'static str,
    /// The request to the backend.
    pub wanted: Wanted,
    /// The policies between the call and the backend.
    pub protection: Protection,
    /// How important the call is.
    pub priority: Priority,
    /// The time in which the caller needs the answer. `None`: `CALL_DEADLINE` alone bounds the call.
    pub time_left: Option<Duration>,
    /// The call's span.
    pub trace: TraceContext,
    /// May share the call of an identical request, if `COALESCE` is `on`.
    pub coalesce: bool,
}

/// Makes the calls of one worker.
pub struct Calls {
    upstreams: Upstreams,
    transport: Rc<HttpTransport>,
    stats: Arc<Stats>,
}

impl Calls {
    /// Makes calls with this worker's transport.
    pub fn new(upstreams: Upstreams, transport: Rc<HttpTransport>, stats: Arc<Stats>) -> Self {
        Self { upstreams, transport, stats }
    }

    /// The upstreams.
    pub fn upstreams(&self) -> &Upstreams {
        &self.upstreams
    }

    /// The statistics.
    pub fn stats(&self) -> &Stats {
        &self.stats
    }

    /// Makes a call. If the future is dropped before its end, the call is recorded as abandoned.
    pub async fn make(&self, asked: &Asked) -> BackendReport {
        let protection = asked.protection;
        let tally = match protection {
            Protection::None => &self.stats.baseline,
            Protection::Full | Protection::BreakerOnly => &self.stats.resilient,
        };
        let (call, pending) = (CallId::next(), Some(tally.begin()));
        let begun = Begun { calls: self, asked, call, since: Instant::now(), pending };
        let mut report = self.report(call, asked).await;
        let coalesced_with = (report.id != call).then_some(report.id);
        if coalesced_with.is_some() {
            (report.id, report.elapsed) = (call, begun.since.elapsed());
        }
        if protection == Protection::None {
            // The baseline's upstream has no circuit breaker. Its answer shows the state of the others' circuit.
            report.state = self.upstreams.breaker().state();
        }
        begun.finish(&report, coalesced_with);
        report
    }

    /// Makes the call, or shares that of an identical request: then the report has the other call's number.
    fn report(&self, call: CallId, asked: &Asked) -> impl Future<Output = BackendReport> {
        let &Asked { wanted, protection, priority, time_left, trace, coalesce, .. } = asked;
        let options = CallOptions::numbered(call).priority(priority);
        let options = time_left.map_or(options, |time| options.time_left(time));
        let request = BackendRequest { wanted, trace };
        let operation = BackendCall { transport: Rc::clone(&self.transport), request };
        match self.upstreams.coalescer() {
            Some(coalescer) if coalesce => {
                // Boxed to keep the future small for calls that share nothing.
                Either::Right(Box::pin(self.shared(coalescer, asked, options, operation)))
            }
            _ => Either::Left(self.upstreams.call(protection, options, operation)),
        }
    }

    async fn shared(
        &self,
        coalescer: &RequestCoalescer,
        &Asked { wanted, protection, priority, .. }: &Asked,
        options: CallOptions,
        operation: BackendCall,
    ) -> BackendReport {
        let (upstreams, same) = (self.upstreams.clone(), operation.clone());
        let made = async move || Arc::new(upstreams.call(protection, options, same).await);
        match coalescer.call((wanted.path(), priority), made).await {
            Ok(report) => Arc::unwrap_or_clone(report),
            // The worker that made the call has ended, with the service. This worker still answers.
            Err(SharedCallLost) => self.upstreams.call(protection, options, operation).await,
        }
    }
}

/// A call that has no answer yet.
struct Begun<'a> {
    calls: &'a Calls,
    asked: &'a Asked,
    call: CallId,
    since: Instant,
    pending: Option<Pending<'a>>,
}

impl Begun<'_> {
    fn finish(mut self, report: &BackendReport, coalesced_with: Option<CallId>) {
        if let Some(pending) = self.pending.take() {
            pending.finish(report, |response| response.status.is_success());
        }
        let asked = self.asked;
        // A shared call's attempts are those of the caller that made it.
        let attempts = if coalesced_with.is_some() { &[] } else { &*report.attempts };
        self.record(|| Ended {
            status: Some(status(report).as_u16()),
            outcome: report.outcome(),
            stale: stale_age(report),
            elapsed: report.elapsed,
            state: report.state,
            attempts,
            coalesced_with,
            retry_refused: report.retry_refused,
        });
        let trace = asked.trace;
        log::log!(
            trace.level(),
            trace_id:% = trace.trace_id(),
            span_id:% = trace.span_id();
            "call {} {}: status {}{}, attempts: {}{}, {:.3}s, circuit {}",
            report.id,
            asked.endpoint,
            status(report).as_u16(),
            if report.fallback { " (stale)" } else { "" },
            report.attempts.len(),
            coalesced_with.map(|other| format!(" (shared with call {other})")).unwrap_or_default(),
            report.elapsed.as_secs_f64(),
            report.state,
        );
    }

    /// Records the end of the call, if the event log keeps it.
    fn record<'b>(&self, ended: impl FnOnce() -> Ended<'b>) {
        let &Self { calls, asked, call, .. } = self;
        calls.upstreams.breaker().events().record_with(EventType::Call, || {
            let ended = ended();
            let Ended { status, outcome, stale, elapsed, state, attempts, .. } = ended;
            EventKind::Call(Fields::new(CallEvent {
                call,
                status,
                outcome,
                protection: asked.protection,
                endpoint: asked.endpoint,
                stale_age_seconds: stale.map(|age| age.as_secs_f64()),
                elapsed_seconds: elapsed.as_secs_f64(),
                deadline_seconds: asked.time_left.map(|time| time.as_secs_f64()),
                circuit_breaker_state: state,
                coalesced_with: ended.coalesced_with,
                attempts: attempts.iter().map(AttemptEvent::from).collect(),
                retry_refused: ended.retry_refused,
                trace_id: asked.trace.trace_id().to_string(),
            }))
        });
    }
}

/// How a call ended.
struct Ended<'a> {
    status: Option<u16>,
    outcome: CallOutcome,
    /// The age of a stale answer.
    stale: Option<Duration>,
    elapsed: Duration,
    state: State,
    attempts: &'a [AttemptRecord],
    coalesced_with: Option<CallId>,
    retry_refused: bool,
}

impl Drop for Begun<'_> {
    fn drop(&mut self) {
        if self.pending.is_none() {
            return;
        }
        self.record(|| Ended {
            status: None,
            outcome: CallOutcome::Abandoned,
            stale: None,
            elapsed: self.since.elapsed(),
            state: self.calls.upstreams.breaker().state(),
            attempts: &[],
            coalesced_with: None,
            retry_refused: false,
        });
    }
}
