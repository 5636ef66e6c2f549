//! The backend's own metrics.

use prometheus::{GaugeVec, IntCounter, IntCounterVec, Opts};
use service_edge::Metrics;

use crate::plan::{FaultPlan, Outcome};

/// An endpoint that fails on purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Endpoint {
    /// `/api/data`.
    Data,
    /// `/api/transient-failure`.
    TransientFailure,
}

const ENDPOINTS: [&str; 2] = ["data", "transient-failure"];
const OUTCOMES: [&str; 6] = ["ok", "fail", "slow", "transient", "hang", "reset"];

fn index_of(outcome: Outcome) -> usize {
    match outcome {
        Outcome::Ok => 0,
        Outcome::Fail => 1,
        Outcome::Slow => 2,
        Outcome::Transient => 3,
        Outcome::Hang => 4,
        Outcome::Reset => 5,
    }
}

/// Counters of outcomes, and the current rates.
#[derive(Debug, Clone)]
pub struct FaultMetrics {
    requests: [[IntCounter; OUTCOMES.len()]; ENDPOINTS.len()],
    rates: GaugeVec,
}

impl FaultMetrics {
    /// Registers the metrics.
    #[expect(clippy::expect_used, reason = "names and labels are constant, and a test sees them")]
    pub fn new(metrics: &Metrics) -> Self {
        let requests = IntCounterVec::new(
            Opts::new("backend_requests_total", "Requests by endpoint and drawn outcome."),
            &["endpoint", "outcome"],
        )
        .expect("valid names");
        let rates = GaugeVec::new(
            Opts::new(
                "backend_fault_rate",
                "Current rates, 0 to 1. While a sequence is played, it replaces them.",
            ),
            &["kind"],
        )
        .expect("valid names");
        metrics.register(Box::new(requests.clone()));
        metrics.register(Box::new(rates.clone()));
        // All series exist from the start, with 0.
        let series =
            |endpoint| OUTCOMES.map(|outcome| requests.with_label_values(&[endpoint, outcome]));
        Self { requests: ENDPOINTS.map(series), rates }
    }

    /// Counts a draw.
    pub fn count(&self, endpoint: Endpoint, outcome: Outcome) {
        self.requests[endpoint as usize][index_of(outcome)].inc();
    }

    /// Shows the rates of the current plan.
    pub fn show(&self, plan: &FaultPlan) {
        for (kind, rate) in [
            ("fail", plan.failure_rate()),
            ("slow", plan.slow_response_rate()),
            ("transient", plan.transient_failure_rate()),
        ] {
            self.rates.with_label_values(&[kind]).set(rate.get());
        }
    }
}
