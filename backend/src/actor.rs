//! The fault actor. There is one for the whole process, so that all workers share its draws, sequence and counters.

use actix::{Actor, Addr, Arbiter, Context, Handler, Message, MessageResult};

use rand::{SeedableRng, rngs::StdRng};
use serde::Serialize;
use service_edge::Drain;
use utoipa::ToSchema;

use crate::{
    faults::{Counters, Draw, Faults},
    metrics::{Endpoint, FaultMetrics},
    plan::{FaultPlan, PlanError, PlanRequest},
    rate::Rate,
};

/// Asks what happens to a request to `/api/data`.
#[derive(Debug, Message)]
#[rtype(result = "Draw")]
pub struct DrawData {
    /// The request's own failure rate, which replaces the plan's.
    pub failure_rate: Option<Rate>,
}

/// Asks what happens to a request to `/api/transient-failure`.
#[derive(Debug, Message)]
#[rtype(result = "Draw")]
pub struct DrawTransient;

/// Asks for the counters and the current rates.
#[derive(Debug, Message)]
#[rtype(result = "Metrics")]
pub struct GetMetrics;

/// Asks for the current plan.
#[derive(Debug, Message)]
#[rtype(result = "FaultPlan")]
pub struct GetPlan;

/// Replaces the plan. The answer is the new plan.
#[derive(Debug, Message)]
#[rtype(result = "Result<FaultPlan, PlanError>")]
pub struct SetPlan(pub PlanRequest);

/// The answer to [`GetMetrics`], and the JSON of `/api/metrics`.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Metrics {
    /// The outcomes drawn so far.
    #[serde(flatten)]
    pub counters: Counters,
    /// The current failure rate.
    pub failure_rate: Rate,
    /// The current slow response rate.
    pub slow_response_rate: Rate,
    /// The delay of slow answers, in seconds.
    pub slow_response_delay: f64,
    /// The current transient failure rate.
    pub transient_failure_rate: Rate,
    /// Number of outcomes of the sequence that are still to come; null without a sequence.
    pub sequence_remaining: Option<usize>,
}

/// Draws an outcome for each request, counts outcomes, and holds the plan.
pub struct FaultActor {
    faults: Faults<StdRng>,
    started_with: FaultPlan,
    drain: Drain,
    metrics: FaultMetrics,
}

impl FaultActor {
    /// Starts the actor on an arbiter of its own. Without a `seed`, each process draws other outcomes. If the actor
    /// dies, it ends the process through `drain`.
    pub fn start_alone(
        plan: FaultPlan,
        seed: Option<u64>,
        drain: Drain,
        metrics: FaultMetrics,
    ) -> Addr<Self> {
        metrics.show(&plan);
        let rng = seed.map_or_else(|| StdRng::from_rng(&mut rand::rng()), StdRng::seed_from_u64);
        let faults = Faults::new(plan.clone(), rng);
        let actor = Self { started_with: plan, faults, drain, metrics };
        Self::start_in_arbiter(&Arbiter::new().handle(), |_| actor)
    }
}

impl Actor for FaultActor {
    type Context = Context<Self>;
}

impl Drop for FaultActor {
    fn drop(&mut self) {
        // Changes nothing if the process is already ending.
        self.drain.fail("the fault actor died");
    }
}

impl Handler<DrawData> for FaultActor {
    type Result = MessageResult<DrawData>;

    fn handle(&mut self, message: DrawData, _: &mut Self::Context) -> Self::Result {
        let draw = self.faults.draw_data(message.failure_rate);
        self.metrics.count(Endpoint::Data, draw.outcome);
        MessageResult(draw)
    }
}

impl Handler<DrawTransient> for FaultActor {
    type Result = MessageResult<DrawTransient>;

    fn handle(&mut self, _: DrawTransient, _: &mut Self::Context) -> Self::Result {
        let draw = self.faults.draw_transient();
        self.metrics.count(Endpoint::TransientFailure, draw.outcome);
        MessageResult(draw)
    }
}

impl Handler<GetMetrics> for FaultActor {
    type Result = MessageResult<GetMetrics>;

    fn handle(&mut self, _: GetMetrics, _: &mut Self::Context) -> Self::Result {
        let plan = self.faults.plan();
        MessageResult(Metrics {
            counters: self.faults.counters(),
            failure_rate: plan.failure_rate(),
            slow_response_rate: plan.slow_response_rate(),
            slow_response_delay: plan.slow_response_delay().as_secs_f64(),
            transient_failure_rate: plan.transient_failure_rate(),
            sequence_remaining: self.faults.sequence_remaining(),
        })
    }
}

impl Handler<GetPlan> for FaultActor {
    type Result = MessageResult<GetPlan>;

    fn handle(&mut self, _: GetPlan, _: &mut Self::Context) -> Self::Result {
        MessageResult(self.faults.plan().clone())
    }
}

impl Handler<SetPlan> for FaultActor {
    type Result = Result<FaultPlan, PlanError>;

    fn handle(&mut self, SetPlan(request): SetPlan, _: &mut Self::Context) -> Self::Result {
        let plan = request.on(&self.started_with)?;
        log::info!("fault plan replaced: {plan}");
        self.metrics.show(&plan);
        self.faults.set_plan(plan.clone());
        Ok(plan)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::plan::PlanSpec;

    #[actix::test]
    async fn death_of_the_actor_ends_the_process_with_an_error() {
        let plan = FaultPlan::try_from(PlanSpec {
            failure_rate: 0.0,
            slow_response_rate: 0.0,
            slow_response_delay: 0.0,
            transient_failure_rate: 0.0,
            sequence: None,
            repeat: false,
        });
        let drain = Drain::new();
        let actor = FaultActor {
            started_with: plan.clone().unwrap(),
            faults: Faults::new(plan.unwrap(), StdRng::seed_from_u64(0)),
            drain: drain.clone(),
            metrics: FaultMetrics::new(&service_edge::Metrics::new("1")),
        };
        let arbiter = Arbiter::new();
        let address = FaultActor::start_in_arbiter(&arbiter.handle(), |_| actor);
        assert_eq!(address.send(DrawTransient).await.unwrap().number, 1);
        arbiter.stop();
        let ending = tokio::time::timeout(Duration::from_secs(30), drain.started());
        ending.await.expect("the end begins");
        assert_eq!(drain.failure().as_deref(), Some("the fault actor died"));
        assert!(address.send(DrawTransient).await.is_err());
    }
}
