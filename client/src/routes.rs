//! The endpoints. Each forwards to the actors, and says what became of it.

use actix_web::{HttpResponse, web};
use resilience_actors::{Protection, Scheduler, State};
use service_edge::{Admin, ApiError, Drain, JsonBody, endpoint};

use crate::{
    SERVICE, answer,
    stats::{Stats, Tally},
    stress::{self, StressRequest},
    transport::{BackendReport, BackendRequest, HttpTransport},
    wire,
};

type Calls = web::Data<Scheduler<HttpTransport>>;

/// Adds all endpoints. They need a scheduler and the statistics in `app_data`.
pub fn configure(routes: &mut web::ServiceConfig) {
    routes
        .service(endpoint("/health").get(health))
        .service(endpoint("/api/call-backend").get(call_backend))
        .service(endpoint("/api/call-backend-without-resilience").get(baseline))
        .service(endpoint("/api/test-retry").get(test_retry))
        .service(endpoint("/api/stats").get(stats))
        .service(endpoint("/api/stress-test").post(stress_test))
        .service(endpoint("/api/circuit-breaker/reset").post(reset));
}

async fn health(calls: Calls) -> web::Json<wire::Health> {
    web::Json(wire::Health {
        status: "healthy",
        service: SERVICE,
        circuit_breaker_state: calls.state(),
    })
}

async fn call_backend(calls: Calls, stats: web::Data<Stats>) -> HttpResponse {
    let request = BackendRequest::Data { failure_rate: None };
    answer::call(&counted(&calls, &stats.resilient, request, Protection::Full).await)
}

async fn baseline(calls: Calls, stats: web::Data<Stats>) -> HttpResponse {
    let request = BackendRequest::Data { failure_rate: None };
    answer::baseline(&counted(&calls, &stats.baseline, request, Protection::None).await)
}

async fn test_retry(calls: Calls, stats: web::Data<Stats>) -> HttpResponse {
    let request = BackendRequest::Transient;
    answer::test_retry(&counted(&calls, &stats.resilient, request, Protection::Full).await)
}

/// Makes a call and counts it.
pub(crate) async fn counted(
    calls: &Scheduler<HttpTransport>,
    tally: &Tally,
    request: BackendRequest,
    protection: Protection,
) -> BackendReport {
    let pending = tally.begin();
    let report = calls.call(request, protection).await;
    pending.finish(&report);
    report
}

async fn stats(
    calls: Calls,
    stats: web::Data<Stats>,
) -> Result<web::Json<wire::StatsBody>, ApiError> {
    let circuit_breaker = calls
        .breaker()
        .inspect()
        .await
        .ok_or_else(|| ApiError::unavailable("the circuit breaker is not running"))?;
    Ok(web::Json(wire::StatsBody {
        statistics: wire::Statistics {
            resilient: stats.resilient.counts(),
            circuit_breaker_open_count: circuit_breaker.open_count,
            calls_in_flight: calls.limit().in_use(),
            calls_waiting: calls.limit().waiting(),
            max_calls: calls.limit().max(),
            baseline: stats.baseline.counts(),
        },
        circuit_breaker,
        retry: calls.config().clone(),
    }))
}

async fn stress_test(
    _: Admin,
    JsonBody(request): JsonBody<StressRequest>,
    calls: Calls,
    stats: web::Data<Stats>,
    drain: web::Data<Drain>,
) -> Result<web::Json<wire::StressBody>, ApiError> {
    let plan = request.validate().map_err(ApiError::bad_request)?;
    Ok(web::Json(stress::run(plan, &calls, &stats.resilient, &drain).await))
}

async fn reset(_: Admin, calls: Calls) -> web::Json<wire::ResetBody> {
    calls.breaker().reset().await;
    web::Json(wire::ResetBody { message: "circuit breaker reset", state: State::Closed })
}
