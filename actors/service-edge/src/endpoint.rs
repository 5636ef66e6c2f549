//! A path that refuses wrong methods with a body and an `Allow` header.

use actix_web::{
    FromRequest, Handler, HttpRequest, Resource, Responder,
    dev::{AppService, HttpServiceFactory},
    guard::{self, Guard},
    http::{Method, header::ALLOW},
    web,
};

use crate::{ApiError, metrics::Observe};

/// Begins an endpoint at `path`; methods that are not added are answered with 405. Its requests are
/// counted under `path` in [`Metrics`](crate::Metrics).
///
/// ```
/// use actix_web::{HttpResponse, web};
/// use service_edge::endpoint;
///
/// fn routes(config: &mut web::ServiceConfig) {
///     config.service(endpoint("/cups").get(HttpResponse::Ok).put(HttpResponse::NoContent));
/// }
/// ```
pub fn endpoint(path: &str) -> Endpoint {
    Endpoint { path: path.to_owned(), resource: web::resource(path), allowed: Vec::new() }
}

/// A path with its methods; register it with `ServiceConfig::service`.
#[must_use = "an endpoint does nothing until it is registered"]
pub struct Endpoint {
    path: String,
    resource: Resource,
    allowed: Vec<&'static str>,
}

impl Endpoint {
    /// Answers GET, and HEAD as GET without its body (RFC 9110, 9.3.2).
    pub fn get<F, Args>(self, handler: F) -> Self
    where
        F: Handler<Args>,
        Args: FromRequest + 'static,
        F::Output: Responder + 'static,
    {
        let get_or_head = guard::Any(guard::Get()).or(guard::Head());
        self.route(&["GET", "HEAD"], get_or_head, handler)
    }

    /// Answers POST.
    pub fn post<F, Args>(self, handler: F) -> Self
    where
        F: Handler<Args>,
        Args: FromRequest + 'static,
        F::Output: Responder + 'static,
    {
        self.route(&["POST"], guard::Method(Method::POST), handler)
    }

    /// Answers PUT.
    pub fn put<F, Args>(self, handler: F) -> Self
    where
        F: Handler<Args>,
        Args: FromRequest + 'static,
        F::Output: Responder + 'static,
    {
        self.route(&["PUT"], guard::Method(Method::PUT), handler)
    }

    fn route<F, Args>(
        mut self,
        methods: &[&'static str],
        guard: impl Guard + 'static,
        handler: F,
    ) -> Self
    where
        F: Handler<Args>,
        Args: FromRequest + 'static,
        F::Output: Responder + 'static,
    {
        self.allowed.extend(methods);
        let route = web::route().guard(guard).to(handler);
        self.resource = self.resource.route(route);
        self
    }
}

impl HttpServiceFactory for Endpoint {
    fn register(self, config: &mut AppService) {
        let allowed = self.allowed.join(", ");
        let refuse = move |request: HttpRequest| {
            let error = ApiError::method_not_allowed(format!(
                "{} does not take {}; it takes {allowed}",
                request.path(),
                request.method()
            ))
            .with_header(ALLOW, &allowed);
            async move { Err::<String, _>(error) }
        };
        let resource = self.resource.default_service(web::to(refuse));
        resource.wrap(Observe(self.path)).register(config);
    }
}
