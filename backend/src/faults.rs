//! The state machine that decides what happens to each request, and counts it.
//!
//! Pure: the random numbers come from outside, and nothing here waits or answers.

use std::time::Duration;

use rand::{Rng, RngExt};
use serde::Serialize;

use crate::plan::{FaultPlan, Outcome, Rate};

/// What was drawn for one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Draw {
    /// The request's number in this process, from 1.
    pub number: u64,
    /// What happens to it.
    pub outcome: Outcome,
    /// How long a slow answer is held back.
    pub slow_response_delay: Duration,
}

/// How many requests got which outcome. The kinds are disjoint and add up to the total; a request
/// counts when its outcome is drawn, whether or not its client waits for it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
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

/// The plan in force, how far its sequence has been played, and what has been drawn.
///
/// A sequence comes first: each request, to whichever endpoint, takes its next outcome. Without a
/// sequence, and after the end of one that is not repeated, each request takes one random number.
#[derive(Debug)]
pub struct Faults<R> {
    plan: FaultPlan,
    played: usize,
    counters: Counters,
    rng: R,
}

impl<R: Rng> Faults<R> {
    /// Nothing drawn yet; a seeded `rng` makes the draws repeat.
    pub fn new(plan: FaultPlan, rng: R) -> Self {
        Self { plan, played: 0, counters: Counters::default(), rng }
    }

    /// What happens to the next request to `/api/data`. A `failure_rate` of its own takes the
    /// place of the plan's and of a sequence, which it leaves where it stands; slow answers then
    /// take at most the remainder.
    pub fn draw_data(&mut self, failure_rate: Option<Rate>) -> Draw {
        let outcome = match failure_rate {
            Some(failure_rate) => self.by_data_rates(failure_rate),
            None => self
                .next_of_sequence()
                .unwrap_or_else(|| self.by_data_rates(self.plan.failure_rate())),
        };
        self.drawn(outcome)
    }

    /// What happens to the next request to `/api/transient-failure`.
    pub fn draw_transient(&mut self) -> Draw {
        let outcome = self.next_of_sequence().unwrap_or_else(|| {
            let throttled = self.uniform() < self.plan.transient_failure_rate().get();
            if throttled { Outcome::Transient } else { Outcome::Ok }
        });
        self.drawn(outcome)
    }

    /// Puts another plan in force; its sequence begins at its beginning. Counters and random
    /// numbers go on.
    pub fn set_plan(&mut self, plan: FaultPlan) {
        self.plan = plan;
        self.played = 0;
    }

    /// The plan in force.
    pub fn plan(&self) -> &FaultPlan {
        &self.plan
    }

    /// What has been drawn so far.
    pub fn counters(&self) -> Counters {
        self.counters
    }

    /// How many outcomes of the sequence are still to come before the rates take over (or, if it
    /// is repeated, before it begins again); `None` without a sequence.
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

    /// One number decides between failed, slow and neither, so that the rates are shares of all
    /// requests.
    fn by_data_rates(&mut self, failure_rate: Rate) -> Outcome {
        let failed = failure_rate.get();
        let slow = self.plan.slow_response_rate().get();
        match self.uniform() {
            u if u < failed => Outcome::Fail,
            u if u < failed + slow => Outcome::Slow,
            _ => Outcome::Ok,
        }
    }

    /// From 0 up to but not including 1: a rate of 0 is never, a rate of 1 is always.
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
