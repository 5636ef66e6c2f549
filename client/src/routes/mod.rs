//! The endpoints. Each forwards to the actors and returns the result.

mod caller;
mod calls;
mod circuit;
mod dashboard;
mod event_query;
mod events;
mod faults;
mod gateway;
mod settings;
mod turns;
mod upstreams;

pub use turns::Turns;

use actix_web::{HttpResponse, http::StatusCode, web};
use resilience_actors::Coalescer;
use service_edge::{
    ApiError, Describe, Drain, JsonBody, Routes, Trace, endpoint, trace::TRACEPARENT,
};

use crate::{
    SERVICE,
    calls::Calls,
    config::Config,
    fallback::StaleFallback,
    stress::{self, StressRequest},
    traces, wire,
};

/// What the API document says about the service.
const ABOUT: &str = "Calls upstreams through a circuit breaker, retries and other policies.";

/// Adds all endpoints. They need [`Calls`], [`Config`], the gateway's upstreams, the event streams and [`Turns`] in
/// `app_data`.
pub fn configure(routes: &mut Routes<'_>) {
    routes
        .about(SERVICE, env!("CARGO_PKG_VERSION"), ABOUT)
        // First, because actix compares a path with those of all routes before its own.
        .service(endpoint("/api/call-backend").get(calls::call_backend, calls::CALL))
        .service(endpoint("/health").get(health, HEALTH))
        .service(
            endpoint("/api/call-backend-without-resilience").get(calls::baseline, calls::BASELINE),
        )
        .service(endpoint("/api/test-retry").get(calls::test_retry, calls::TEST_RETRY))
        .service(endpoint("/api/stats").get(stats, STATS))
        .service(endpoint("/api/stress-test").post(stress_test, STRESS_TEST))
        .service(endpoint("/api/circuit-breaker").get(circuit::get, circuit::GET))
        .service(
            endpoint("/api/circuit-breaker/settings")
                .get(settings::get, settings::GET)
                .patch(settings::patch, settings::PATCH),
        )
        .service(endpoint("/api/circuit-breaker/reset").post(circuit::reset, circuit::RESET))
        .service(
            endpoint("/api/circuit-breaker/force-open")
                .post(circuit::force_open, circuit::FORCE_OPEN),
        )
        .service(endpoint("/api/circuit-breaker/disable").post(circuit::disable, circuit::DISABLE))
        .service(endpoint("/api/circuit-breaker/enable").post(circuit::enable, circuit::ENABLE))
        .service(endpoint("/api/events").get(events::stream, events::STREAM))
        .service(endpoint("/api/events/history").get(events::history, events::HISTORY))
        .service(
            endpoint("/api/backend/faults")
                .get(faults::get, faults::GET)
                .put(faults::put, faults::PUT),
        )
        .configure(upstreams::configure)
        .configure(gateway::configure)
        .configure(dashboard::configure);
}

const HEALTH: Describe = |it| {
    it.summary("Tells that the process answers, with the circuit's state.")
        .details("The status never depends on the circuit breaker.")
        .answers::<wire::Health>(200, "It answers.")
};

async fn health(calls: web::Data<Calls>) -> web::Json<wire::Health> {
    // One reading for both, so that they fit together.
    let (state, mode) = calls.upstreams().breaker().state_and_mode();
    web::Json(wire::Health {
        status: "healthy",
        service: SERVICE,
        circuit_breaker_state: state,
        mode,
    })
}

const STATS: Describe = |it| {
    it.summary("Counts of calls, the circuit breaker, and the policies that are on.")
        .answers::<wire::StatsBody>(200, "All of the lab's backend.")
        .refuses("The process is ending, or has too many connections.")
};

async fn stats(
    calls: web::Data<Calls>,
    config: web::Data<Config>,
) -> Result<web::Json<wire::StatsBody>, ApiError> {
    let (limit, stats) = (calls.upstreams().limit(), calls.stats());
    let circuit_breaker = circuit::inspect(calls.upstreams().breaker()).await?;
    Ok(web::Json(wire::StatsBody {
        statistics: wire::Statistics {
            resilient: stats.resilient.counts(),
            stale_responses: calls.upstreams().stale().map(|_| stats.resilient.stale()),
            circuit_breaker_open_count: circuit_breaker.open_count,
            calls_in_flight: limit.in_use(),
            calls_waiting: limit.waiting(),
            max_calls: limit.max(),
            baseline: stats.baseline.counts(),
        },
        circuit_breaker,
        retry: config.policies.load().calls.clone(),
        policies: wire::Policies {
            upstream: calls.upstreams().protected().snapshot(),
            fallback: calls.upstreams().stale().map(StaleFallback::snapshot),
            coalesce: calls.upstreams().coalescer().map(Coalescer::snapshot),
        },
    }))
}

const STRESS_TEST: Describe = |it| {
    it.summary("Makes many calls, and sums up their results.")
        .details("Ends after ten minutes at most, or when its caller leaves.")
        .takes::<StressRequest>()
        .answers::<wire::StressBody>(200, "The result of each call, and the summary.")
};

async fn stress_test(
    JsonBody(request): JsonBody<StressRequest>,
    trace: Trace,
    calls: web::Data<Calls>,
    drain: web::Data<Drain>,
) -> Result<HttpResponse, ApiError> {
    let plan = request.validate().map_err(ApiError::bad_request)?;
    let (trace, recording) = traces::enter(trace, "POST", "stress-test");
    let body = stress::run(plan, &calls, trace, &drain).await;
    recording.end(StatusCode::OK);
    Ok(HttpResponse::Ok().insert_header((TRACEPARENT, trace.header())).json(body))
}
