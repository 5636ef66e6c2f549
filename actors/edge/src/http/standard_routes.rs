//! The routes that each service has: `/ready`, `/metrics`, and the answer to unknown paths.

use actix_web::{
    HttpRequest, HttpResponse,
    http::{Method, StatusCode, header::ALLOW},
    web,
};
use prometheus::TEXT_FORMAT;
use serde::Serialize;
use utoipa::ToSchema;

use super::{api_error::ApiError, openapi::operation::Describe};
use crate::{
    drain::Drain,
    telemetry::{
        log_targets::METRICS,
        metrics::{http_metrics::UNMATCHED, registry::Metrics},
    },
};

pub(super) const READY: Describe = |it| {
    let it = it.summary("Tells whether the process takes new work.");
    let it = it.answers::<Ready>(200, "It does.");
    it.answers::<NotReady>(503, "It is ending.")
};

#[derive(Serialize, ToSchema)]
struct Ready {
    /// "ready".
    status: &'static str,
}

#[derive(Serialize, ToSchema)]
struct NotReady {
    /// "draining".
    status: &'static str,
    /// The reason phrase of the status.
    error: &'static str,
    /// What happens.
    message: &'static str,
}

/// Answers `/ready`: 503 once the shutdown has begun.
pub(super) async fn ready(drain: web::Data<Drain>) -> HttpResponse {
    if drain.is_draining() {
        let status = StatusCode::SERVICE_UNAVAILABLE;
        HttpResponse::build(status).json(NotReady {
            status: "draining",
            error: ApiError::reason(status),
            message: "this process is ending; it takes no new work",
        })
    } else {
        HttpResponse::Ok().json(Ready { status: "ready" })
    }
}

pub(super) const METRICS_TEXT: Describe = |it| {
    let it = it.summary("The metrics of the process.");
    let it = it.answers_with(200, TEXT_FORMAT, "Prometheus text format.");
    it.fails(500, "The metrics cannot be written.")
};

/// Answers `/metrics`.
pub(super) async fn metrics(metrics: web::Data<Metrics>) -> Result<HttpResponse, ApiError> {
    let text = metrics.render().await.map_err(|error| {
        log::error!(target: METRICS, "metrics: {error}");
        ApiError::internal("the metrics cannot be written")
    })?;
    Ok(HttpResponse::Ok().content_type(TEXT_FORMAT).body(text))
}

/// The target of a request about the server as a whole (RFC 9112, 3.2.4). No route can have this path.
const WHOLE_SERVER: &str = "*";

/// Answers requests that no route takes: 404, or 204 to `OPTIONS *`.
pub(super) async fn unknown_path(
    request: HttpRequest,
    metrics: web::Data<Metrics>,
) -> Result<HttpResponse, ApiError> {
    let method = request.method();
    if request.path() == WHOLE_SERVER && method == Method::OPTIONS {
        let answer = HttpResponse::NoContent()
            .insert_header((ALLOW, "GET, HEAD, POST, PUT, OPTIONS"))
            .finish();
        metrics.http().count_at_once(method, WHOLE_SERVER, answer.status());
        return Ok(answer);
    }
    let error = ApiError::not_found(format!("there is nothing at {}", request.path()));
    metrics.http().count_at_once(method, UNMATCHED, error.status());
    Err(error)
}
