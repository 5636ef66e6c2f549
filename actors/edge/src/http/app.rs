//! The application: the stack around a service's routes, the same in tests and in production.

use actix_web::{
    App, Error,
    body::BoxBody,
    dev::{ServiceFactory, ServiceRequest, ServiceResponse},
    web,
};

use super::{
    endpoint::endpoint,
    middleware::{admin_auth::RequiredToken, request_middleware::RequestMiddleware},
    standard_routes,
};
use crate::{config::admin_token::AdminToken, drain::Drain, telemetry::metrics::registry::Metrics};

/// Returns an application with `configure`'s routes, `/ready`, `/metrics`, JSON for unknown paths, and contained
/// panics. Handlers can take `web::Data<Drain>` and `web::Data<Metrics>`.
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
/// A contained panic is an `Err` of the service, which the server turns into the response. Test such handlers with
/// `test::try_call_service`.
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
        .app_data(RequiredToken(admin_token))
        .service(endpoint("/ready").get(standard_routes::ready))
        .service(endpoint("/metrics").get(standard_routes::metrics))
        .configure(configure)
        .default_service(web::to(standard_routes::unknown_path))
        .wrap(RequestMiddleware(drain))
}
