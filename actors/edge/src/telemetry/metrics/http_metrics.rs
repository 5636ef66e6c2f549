//! Metrics of HTTP requests: number, status, duration.

use actix_web::http::{Method, StatusCode};
use prometheus::{HistogramOpts, HistogramVec, IntCounterVec, IntGauge, Opts, core::Collector};

/// Upper bounds of the histogram buckets for durations, in seconds. They reach from an answer out of memory to the
/// default `CALL_DEADLINE`.
pub const SECONDS: [f64; 14] =
    [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0];

/// The `path` label of requests that no route takes.
pub(crate) const UNMATCHED: &str = "unmatched";

/// The values of the `method` label.
pub(super) const METHODS: [&str; 8] =
    ["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "other"];

/// The index of `method`'s label in [`METHODS`].
pub(crate) fn method_index(method: &Method) -> usize {
    let known = METHODS.iter().position(|name| *name == method.as_str());
    known.unwrap_or(METHODS.len() - 1)
}

/// The metrics of all HTTP requests. Clones share them.
#[derive(Debug, Clone)]
pub struct HttpMetrics {
    pub(super) requests: IntCounterVec,
    pub(super) durations: HistogramVec,
    pub(super) in_flight: IntGauge,
}

impl HttpMetrics {
    #[expect(clippy::expect_used, reason = "names and labels are constant, and a test sees them")]
    pub(super) fn new() -> Self {
        let requests = Opts::new(
            "http_requests_total",
            "Requests that ended, by method, route and status (499: the client left before).",
        );
        let durations = HistogramOpts::new(
            "http_request_duration_seconds",
            "Time from a request's head to its answer's head, by method and route.",
        );
        Self {
            requests: IntCounterVec::new(requests, &["method", "path", "status"])
                .expect("valid names"),
            durations: HistogramVec::new(durations.buckets(SECONDS.to_vec()), &["method", "path"])
                .expect("valid names"),
            in_flight: IntGauge::new(
                "http_requests_in_flight",
                "Requests whose answer has not begun.",
            )
            .expect("a valid name"),
        }
    }

    pub(super) fn collectors(&self) -> [Box<dyn Collector>; 3] {
        [
            Box::new(self.requests.clone()),
            Box::new(self.durations.clone()),
            Box::new(self.in_flight.clone()),
        ]
    }

    /// Counts a request that no route took. Its duration is taken as zero.
    pub(crate) fn count_at_once(&self, method: &Method, path: &'static str, status: StatusCode) {
        let method = METHODS[method_index(method)];
        self.requests.with_label_values(&[method, path, status.as_str()]).inc();
        self.durations.with_label_values(&[method, path]).observe(0.0);
    }
}
