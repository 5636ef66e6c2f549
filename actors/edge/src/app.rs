//! The stack around a service's routes, the same in tests and in production.

use actix_web::{
    App, Error, HttpRequest, HttpResponse,
    body::BoxBody,
    dev::{ServiceFactory, ServiceRequest, ServiceResponse},
    http::{Method, StatusCode, header::ALLOW},
    web,
};
use prometheus::TEXT_FORMAT;
use serde_json::json;

use crate::{
    AdminToken, ApiError, Drain, Metrics,
    around::Around,
    auth::Gate,
    endpoint,
    telemetry::{log_targets::METRICS, metrics::http_metrics::UNMATCHED},
};

/// An application with `configure`'s routes, `/ready`, `/metrics`, JSON for unknown paths, contained
/// panics, and what [`endpoint()`] and handlers that take `web::Data<Drain>` need.
///
/// Tests that use it have the production stack:
///
/// ```
/// # use actix_web::{HttpResponse, test, web};
/// # use service_edge::{Drain, Metrics, app, endpoint};
/// # #[actix_web::main]
/// # async fn main() {
/// let routes = |config: &mut web::ServiceConfig| {
///     config.service(endpoint("/health").get(HttpResponse::Ok));
/// };
/// let service = test::init_service(app(Drain::new(), None, Metrics::new("1"), routes)).await;
/// let request = test::TestRequest::post().uri("/health").to_request();
/// assert_eq!(test::call_service(&service, request).await.status(), 405);
/// # }
/// ```
///
/// A contained panic is an `Err` of the innermost service, which the server turns into the
/// answer: test such handlers with `test::try_call_service`.
pub fn app(
    drain: Drain,
    admin_token: Option<AdminToken>,
    metrics: Metrics,
    configure: impl FnOnce(&mut web::ServiceConfig),
) -> App<
    impl ServiceFactory<
        ServiceRequest,
        Config = (),
        Response = ServiceResponse<BoxBody>,
        Error = Error,
        InitError = (),
    >,
> {
    App::new()
        .app_data(web::Data::new(drain.clone()))
        .app_data(web::Data::new(metrics))
        .app_data(Gate(admin_token))
        .service(endpoint("/ready").get(ready))
        .service(endpoint("/metrics").get(answer_metrics))
        .configure(configure)
        .default_service(web::to(unknown_path))
        .wrap(Around(drain))
}

async fn ready(drain: web::Data<Drain>) -> HttpResponse {
    if drain.is_draining() {
        let status = StatusCode::SERVICE_UNAVAILABLE;
        HttpResponse::build(status).json(json!({
            "status": "draining",
            "error": ApiError::reason(status),
            "message": "this process is ending; it takes no new work",
        }))
    } else {
        HttpResponse::Ok().json(json!({ "status": "ready" }))
    }
}

/// Answers `GET /metrics`.
async fn answer_metrics(metrics: web::Data<Metrics>) -> Result<HttpResponse, ApiError> {
    let text = metrics.render().await.map_err(|error| {
        log::error!(target: METRICS, "metrics: {error}");
        ApiError::internal("the metrics cannot be written")
    })?;
    Ok(HttpResponse::Ok().content_type(TEXT_FORMAT).body(text))
}

/// The target of a request about the server as a whole (RFC 9112, 3.2.4). No route can have it.
const WHOLE_SERVER: &str = "*";

async fn unknown_path(
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
