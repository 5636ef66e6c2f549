//! The application: the stack around a service's routes, the same in tests and in production.

use std::cell::OnceCell;

use actix_web::{
    App, Error,
    body::BoxBody,
    dev::{ServiceFactory, ServiceRequest, ServiceResponse},
    web,
};

use super::{
    endpoint::endpoint,
    middleware::{admin_auth::RequiredToken, request_middleware::RequestMiddleware},
    openapi::{
        document::{self, Document},
        page,
    },
    routes::Routes,
    standard_routes,
};
use crate::{config::admin_token::AdminToken, drain::Drain, telemetry::metrics::registry::Metrics};

/// Returns an application with `configure`'s routes, `/ready`, `/metrics`, the OpenAPI document with its page, JSON for
/// unknown paths, and contained panics. Handlers can take `web::Data<Drain>` and `web::Data<Metrics>`.
///
/// Tests that use it have the production stack:
///
/// ```
/// # use actix_web::{HttpResponse, test};
/// # use service_edge::{Drain, Metrics, Routes, app, endpoint};
/// # #[actix_web::main]
/// # async fn main() {
/// let routes = |routes: &mut Routes<'_>| {
///     routes.service(endpoint("/health").get(HttpResponse::Ok, |it| it));
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
    configure: impl FnOnce(&mut Routes<'_>),
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
        .configure(|config| register(config, admin_token, configure))
        .default_service(web::to(standard_routes::unknown_path))
        .wrap(RequestMiddleware(drain))
}

fn register(
    config: &mut web::ServiceConfig,
    admin_token: Option<AdminToken>,
    configure: impl FnOnce(&mut Routes<'_>),
) {
    let mut routes = Routes::new(config);
    routes
        .service(endpoint("/ready").get(standard_routes::ready, standard_routes::READY))
        .service(endpoint("/metrics").get(standard_routes::metrics, standard_routes::METRICS_TEXT))
        .configure(configure)
        // Last, because actix compares a path with those of all routes before its own.
        .service(endpoint("/openapi.json").get(document::get, document::DESCRIPTION))
        .configure(page::configure);
    let (config, info, operations) = routes.into_parts();
    let has_token = admin_token.is_some();
    let document = Document { info, operations, has_token, rendered: OnceCell::new() };
    config.app_data(RequiredToken(admin_token)).app_data(web::Data::new(document));
}
