//! The endpoints. Each forwards to the actors and returns the result.

mod caller;
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
use caller::Caller;
use resilience_actors::Coalescer;
use service_edge::{ApiError, Drain, JsonBody, Trace, endpoint, trace::TRACEPARENT};

use crate::{
    SERVICE, answer,
    calls::{Asked, Calls},
    config::Config,
    fallback::StaleFallback,
    stress::{self, StressRequest},
    traces::{self, Recording},
    transport::{BackendReport, Wanted},
    upstreams::Protection,
    wire,
};

/// Adds all endpoints. They need [`Calls`], [`Config`], the gateway's upstreams, the event streams and [`Turns`] in
/// `app_data`.
pub fn configure(routes: &mut web::ServiceConfig) {
    routes
        // First, because actix compares a path with those of all routes before its own.
        .service(endpoint("/api/call-backend").get(call_backend))
        .service(endpoint("/health").get(health))
        .service(endpoint("/api/call-backend-without-resilience").get(baseline))
        .service(endpoint("/api/test-retry").get(test_retry))
        .service(endpoint("/api/stats").get(stats))
        .service(endpoint("/api/stress-test").post(stress_test))
        .service(endpoint("/api/circuit-breaker").get(circuit::get))
        .service(
            endpoint("/api/circuit-breaker/settings").get(settings::get).patch(settings::patch),
        )
        .service(endpoint("/api/circuit-breaker/reset").post(circuit::reset))
        .service(endpoint("/api/circuit-breaker/force-open").post(circuit::force_open))
        .service(endpoint("/api/circuit-breaker/disable").post(circuit::disable))
        .service(endpoint("/api/circuit-breaker/enable").post(circuit::enable))
        .service(endpoint("/api/events").get(events::stream))
        .service(endpoint("/api/events/history").get(events::history))
        .service(endpoint("/api/backend/faults").get(faults::get).put(faults::put))
        .configure(upstreams::configure)
        .configure(gateway::configure)
        .configure(dashboard::configure);
}

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

fn call_backend(caller: Caller, calls: web::Data<Calls>) -> impl Future<Output = HttpResponse> {
    let wanted = Wanted::Data { failure_rate: None };
    answered(calls, asked(caller, "call-backend", wanted, Protection::Full), answer::call)
}

fn baseline(caller: Caller, calls: web::Data<Calls>) -> impl Future<Output = HttpResponse> {
    let wanted = Wanted::Data { failure_rate: None };
    answered(calls, asked(caller, "baseline", wanted, Protection::None), answer::baseline)
}

fn test_retry(caller: Caller, calls: web::Data<Calls>) -> impl Future<Output = HttpResponse> {
    let wanted = Wanted::Transient;
    answered(calls, asked(caller, "test-retry", wanted, Protection::Full), answer::test_retry)
}

/// The call that a request asks for, and its span.
fn asked(
    Caller { trace, priority, time_left }: Caller,
    endpoint: &'static str,
    wanted: Wanted,
    protection: Protection,
) -> (Asked, Recording) {
    let (trace, recording) = traces::enter(trace, "GET", endpoint);
    // A shared call has one deadline, and its callers would have several.
    let coalesce = protection == Protection::Full && time_left.is_none();
    (Asked { endpoint, wanted, protection, priority, time_left, trace, coalesce }, recording)
}

/// Makes a call and answers it, with the call's trace in the header `traceparent`.
#[expect(clippy::manual_async_fn, reason = "an async fn's future has room for its arguments twice")]
fn answered(
    calls: web::Data<Calls>,
    (asked, recording): (Asked, Recording),
    answer: impl FnOnce(&BackendReport) -> HttpResponse,
) -> impl Future<Output = HttpResponse> {
    async move {
        let report = calls.make(&asked).await;
        let mut response = answer(&report);
        response.headers_mut().insert(TRACEPARENT, asked.trace.header());
        recording.end(response.status());
        response
    }
}

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
