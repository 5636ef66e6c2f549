//! Durations of attempts and waits, which are counted when they end.

use prometheus::{Histogram, HistogramOpts, HistogramVec};
use resilience_actors::{AttemptRecord, CallKind, observe::CallEnded};
use service_edge::{Metrics, metrics::SECONDS};

/// Durations of attempts and waits.
#[derive(Debug, Clone)]
pub struct CallMetrics {
    all: Families,
    successful: Histogram,
    failed: Histogram,
    ignored: Histogram,
    waits: Histogram,
}

/// The series of all upstreams.
#[derive(Debug, Clone)]
struct Families {
    calls: HistogramVec,
    waits: HistogramVec,
}

impl CallMetrics {
    /// Registers the metrics.
    #[expect(clippy::expect_used, reason = "names and labels are constant, and a test sees them")]
    pub fn new(metrics: &Metrics, breaker: &str) -> Self {
        let calls = HistogramOpts::new(
            "resilience4j_circuitbreaker_calls_seconds",
            "Attempts through the circuit breaker by kind, whether or not their caller was still there.",
        )
        .buckets(SECONDS.to_vec());
        let calls = HistogramVec::new(calls, &["name", "kind"]).expect("valid names");
        let waits = HistogramOpts::new(
            "client_retry_wait_seconds",
            "Waits between the attempts of calls that were answered.",
        )
        .buckets(vec![0.1, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 10.0, 15.0, 30.0]);
        let waits = HistogramVec::new(waits, &["name"]).expect("a valid name");
        metrics.register(Box::new(calls.clone()));
        metrics.register(Box::new(waits.clone()));
        Self::of(Families { calls, waits }, breaker)
    }

    /// The metrics of another circuit breaker.
    pub fn named(&self, breaker: &str) -> Self {
        Self::of(self.all.clone(), breaker)
    }

    /// Ends the series of an upstream that is gone. Calls in flight may still count in what [`named`](Self::named) has
    /// returned.
    pub fn remove(&self, breaker: &str) {
        for kind in [CallKind::Successful, CallKind::Failed, CallKind::Ignored] {
            // An error means that there is none.
            let _ = self.all.calls.remove_label_values(&[breaker, kind.into()]);
        }
        let _ = self.all.waits.remove_label_values(&[breaker]);
    }

    fn of(all: Families, breaker: &str) -> Self {
        let kind = |kind: CallKind| all.calls.with_label_values(&[breaker, kind.into()]);
        Self {
            successful: kind(CallKind::Successful),
            failed: kind(CallKind::Failed),
            ignored: kind(CallKind::Ignored),
            waits: all.waits.with_label_values(&[breaker]),
            all,
        }
    }

    /// Counts an attempt through the circuit breaker when it ends.
    pub fn attempt_ended(&self, attempt: &AttemptRecord) {
        let of_kind = match attempt.outcome.kind() {
            CallKind::Successful => &self.successful,
            CallKind::Failed => &self.failed,
            CallKind::Ignored => &self.ignored,
        };
        of_kind.observe(attempt.elapsed.as_secs_f64());
    }

    /// Counts the waits of a call that was answered.
    pub fn call_ended(&self, call: &CallEnded<'_>) {
        if !call.answered {
            return;
        }
        for wait in call.attempts.iter().filter_map(|attempt| attempt.wait) {
            self.waits.observe(wait.as_secs_f64());
        }
    }
}
