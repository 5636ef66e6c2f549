//! Decides the outcome of each request, and counts outcomes. Pure: random numbers come from outside.

use std::time::Duration;

use rand::{Rng, RngExt};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    plan::{FaultPlan, Outcome},
    rate::Rate,
};

/// The outcome that was drawn for one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Draw {
    /// The request's number in this process, from 1.
    pub number: u64,
    /// The outcome.
    pub outcome: Outcome,
    /// The delay of a slow answer.
    pub slow_response_delay: Duration,
}

/// Number of requests by outcome. Each request counts once, when its outcome is drawn, also if its client leaves before
/// the answer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, ToSchema)]
#[expect(missing_docs, reason = "the names are those of the outcomes")]
pub struct Counters {
    pub total_requests: u64,
    pub successful_responses: u64,
    pub failed_responses: u64,
    pub slow_responses: u64,
    pub transient_failures: u64,
    pub hung_requests: u64,
    pub reset_connections: u64,
}

impl Counters {
    fn count(&mut self, outcome: Outcome) {
        self.total_requests += 1;
        *match outcome {
            Outcome::Ok => &mut self.successful_responses,
            Outcome::Fail => &mut self.failed_responses,
            Outcome::Slow => &mut self.slow_responses,
            Outcome::Transient => &mut self.transient_failures,
            Outcome::Hang => &mut self.hung_requests,
            Outcome::Reset => &mut self.reset_connections,
        } += 1;
    }
}

/// The current plan, the position in its sequence, and the counters.
///
/// While a sequence lasts, each request to any endpoint takes its next outcome. Without a sequence, and after the end
/// of one that is not repeated, each request takes one random number.
#[derive(Debug)]
pub struct Faults<R> {
    plan: FaultPlan,
    played: usize,
    counters: Counters,
    rng: R,
}

impl<R: Rng> Faults<R> {
    /// Nothing is drawn yet. With the same seed in `rng`, the draws are the same.
    pub fn new(plan: FaultPlan, rng: R) -> Self {
        Self { plan, played: 0, counters: Counters::default(), rng }
    }

    /// The outcome of the next request to `/api/data`. A request with its own `failure_rate` uses neither the plan's
    /// failure rate nor the sequence, whose position does not change.
    pub fn draw_data(&mut self, failure_rate: Option<Rate>) -> Draw {
        let outcome = match failure_rate {
            Some(failure_rate) => self.by_data_rates(failure_rate),
            None => self
                .next_of_sequence()
                .unwrap_or_else(|| self.by_data_rates(self.plan.failure_rate())),
        };
        self.drawn(outcome)
    }

    /// The outcome of the next request to `/api/transient-failure`.
    pub fn draw_transient(&mut self) -> Draw {
        let outcome = self.next_of_sequence().unwrap_or_else(|| {
            let throttled = self.uniform() < self.plan.transient_failure_rate().get();
            if throttled { Outcome::Transient } else { Outcome::Ok }
        });
        self.drawn(outcome)
    }

    /// Replaces the plan. Its sequence starts from the first outcome. Counters and random numbers continue.
    pub fn set_plan(&mut self, plan: FaultPlan) {
        self.plan = plan;
        self.played = 0;
    }

    /// The current plan.
    pub fn plan(&self) -> &FaultPlan {
        &self.plan
    }

    /// The counters.
    pub fn counters(&self) -> Counters {
        self.counters
    }

    /// Number of outcomes until the sequence ends, or starts again if it is repeated. `None` without a sequence.
    pub fn sequence_remaining(&self) -> Option<usize> {
        Some(self.plan.sequence()?.len() - self.played)
    }

    fn next_of_sequence(&mut self) -> Option<Outcome> {
        let sequence = self.plan.sequence()?;
        let outcome = *sequence.get(self.played)?;
        self.played += 1;
        if self.played == sequence.len() && self.plan.repeat() {
            self.played = 0;
        }
        Some(outcome)
    }

    /// One random number decides between failed, slow and good, so that both rates are shares of all requests.
    fn by_data_rates(&mut self, failure_rate: Rate) -> Outcome {
        let failed = failure_rate.get();
        let slow = self.plan.slow_response_rate().get();
        match self.uniform() {
            u if u < failed => Outcome::Fail,
            u if u < failed + slow => Outcome::Slow,
            _ => Outcome::Ok,
        }
    }

    /// At least 0 and less than 1, so that a rate of 0 means never and a rate of 1 means always.
    fn uniform(&mut self) -> f64 {
        self.rng.random()
    }

    fn drawn(&mut self, outcome: Outcome) -> Draw {
        self.counters.count(outcome);
        Draw {
            number: self.counters.total_requests,
            outcome,
            slow_response_delay: self.plan.slow_response_delay(),
        }
    }
}

#[cfg(test)]
#[path = "faults_tests.rs"]
mod tests;
