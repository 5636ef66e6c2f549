//! The endpoints of a circuit breaker: state, and control by hand. Those of the lab's backend have no name of an
//! upstream in their path.

use actix_web::web;
use resilience_actors::{Breaker, BreakerSnapshot, BreakerStopped, State};
use service_edge::{ApiError, Describe, Operation};

use crate::{controlled::ControlledUpstream, wire};

type ModeAnswer = Result<web::Json<wire::ModeBody>, ApiError>;

pub(super) const GET: Describe = |it| {
    let it = it.summary("The circuit breaker: state, window, settings and counts.");
    refusing(it.answers::<wire::CircuitBody>(200, "All that it knows."))
};

/// What all these endpoints can refuse.
pub(super) fn refusing(it: Operation) -> Operation {
    it.refuses("The process is ending, or has too many connections.")
}

/// `GET /api/circuit-breaker`.
pub(super) async fn get(
    upstream: ControlledUpstream,
) -> Result<web::Json<wire::CircuitBody>, ApiError> {
    body(upstream.breaker()).await.map(web::Json)
}

/// The body, which is also in the first message of an event stream.
pub(super) async fn body(breaker: &Breaker) -> Result<wire::CircuitBody, ApiError> {
    let circuit_breaker = inspect(breaker).await?;
    Ok(wire::CircuitBody { circuit_breaker, counts: breaker.counts() })
}

pub(super) async fn inspect(breaker: &Breaker) -> Result<BreakerSnapshot, ApiError> {
    breaker.inspect().await.map_err(stopped)
}

fn stopped(error: BreakerStopped) -> ApiError {
    ApiError::unavailable(error.to_string())
}

pub(super) const RESET: Describe = |it| {
    let it = it.summary("Closes the circuit, and lets it follow its rules again.");
    refusing(it.answers::<wire::ResetBody>(200, "It is closed."))
};

/// `POST /api/circuit-breaker/reset`.
pub(super) async fn reset(
    upstream: ControlledUpstream,
) -> Result<web::Json<wire::ResetBody>, ApiError> {
    upstream.breaker().reset().await.map_err(stopped)?;
    Ok(web::Json(wire::ResetBody { message: "circuit breaker reset", state: State::Closed }))
}

pub(super) const FORCE_OPEN: Describe =
    |it| sets_mode(it.summary("Rejects all calls until the circuit is enabled or reset."));

pub(super) const DISABLE: Describe =
    |it| sets_mode(it.summary("Lets all calls pass until the circuit is enabled or reset."));

pub(super) const ENABLE: Describe =
    |it| sets_mode(it.summary("Lets the results of calls decide about the circuit again."));

fn sets_mode(it: Operation) -> Operation {
    refusing(it.answers::<wire::ModeBody>(200, "The mode is set."))
}

/// `POST /api/circuit-breaker/force-open`.
pub(super) async fn force_open(upstream: ControlledUpstream) -> ModeAnswer {
    upstream.breaker().force_open().await.map_err(stopped)?;
    done(&upstream, "circuit breaker forced open: it stays so until it is enabled or reset")
}

/// `POST /api/circuit-breaker/disable`.
pub(super) async fn disable(upstream: ControlledUpstream) -> ModeAnswer {
    upstream.breaker().disable().await.map_err(stopped)?;
    done(
        &upstream,
        "circuit breaker disabled: it lets every call through until it is enabled or reset",
    )
}

/// `POST /api/circuit-breaker/enable`.
pub(super) async fn enable(upstream: ControlledUpstream) -> ModeAnswer {
    upstream.breaker().enable().await.map_err(stopped)?;
    done(&upstream, "circuit breaker enabled")
}

fn done(upstream: &ControlledUpstream, message: &'static str) -> ModeAnswer {
    let (state, mode) = upstream.breaker().state_and_mode();
    Ok(web::Json(wire::ModeBody { message, state, mode }))
}
