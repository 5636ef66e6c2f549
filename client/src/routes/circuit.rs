//! The circuit breaker's endpoints: state, and control by hand.

use actix_web::web;
use resilience_actors::{BreakerSnapshot, BreakerStopped, State};
use service_edge::ApiError;

use crate::{calls::Calls, wire};

type ModeAnswer = Result<web::Json<wire::ModeBody>, ApiError>;

/// `GET /api/circuit-breaker`.
pub(super) async fn get(calls: web::Data<Calls>) -> Result<web::Json<wire::CircuitBody>, ApiError> {
    body(&calls).await.map(web::Json)
}

/// The body, which is also in the first message of an event stream.
pub(super) async fn body(calls: &Calls) -> Result<wire::CircuitBody, ApiError> {
    let circuit_breaker = inspect(calls).await?;
    Ok(wire::CircuitBody { circuit_breaker, counts: calls.upstreams().breaker().counts() })
}

pub(super) async fn inspect(calls: &Calls) -> Result<BreakerSnapshot, ApiError> {
    calls.upstreams().breaker().inspect().await.map_err(stopped)
}

fn stopped(error: BreakerStopped) -> ApiError {
    ApiError::unavailable(error.to_string())
}

/// `POST /api/circuit-breaker/reset`.
pub(super) async fn reset(calls: web::Data<Calls>) -> Result<web::Json<wire::ResetBody>, ApiError> {
    calls.upstreams().breaker().reset().await.map_err(stopped)?;
    Ok(web::Json(wire::ResetBody { message: "circuit breaker reset", state: State::Closed }))
}

/// `POST /api/circuit-breaker/force-open`.
pub(super) async fn force_open(calls: web::Data<Calls>) -> ModeAnswer {
    calls.upstreams().breaker().force_open().await.map_err(stopped)?;
    done(&calls, "circuit breaker forced open: it stays so until it is enabled or reset")
}

/// `POST /api/circuit-breaker/disable`.
pub(super) async fn disable(calls: web::Data<Calls>) -> ModeAnswer {
    calls.upstreams().breaker().disable().await.map_err(stopped)?;
    done(
        &calls,
        "circuit breaker disabled: it lets every call through until it is enabled or reset",
    )
}

/// `POST /api/circuit-breaker/enable`.
pub(super) async fn enable(calls: web::Data<Calls>) -> ModeAnswer {
    calls.upstreams().breaker().enable().await.map_err(stopped)?;
    done(&calls, "circuit breaker enabled")
}

fn done(calls: &Calls, message: &'static str) -> ModeAnswer {
    let (state, mode) = calls.upstreams().breaker().state_and_mode();
    Ok(web::Json(wire::ModeBody { message, state, mode }))
}
