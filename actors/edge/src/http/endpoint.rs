//! Routes of one path. Other methods are refused with a JSON body and an `Allow` header, and changes without the admin
//! token are refused. OPTIONS lists the methods (RFC 9110, 9.3.7); load balancers probe with it.

use std::future::{Ready, ready};

use actix_web::{
    FromRequest, Handler, HttpRequest, HttpResponse, Resource, Responder, Route,
    dev::{AppService, HttpServiceFactory},
    guard::{self, Guard},
    http::{Method, header::ALLOW},
    middleware::from_fn,
    web,
};

use super::{
    api_error::ApiError,
    middleware::{admin_auth::require_admin_token, count_requests::CountRequests},
};

/// Creates an endpoint at `path` without methods. It answers OPTIONS with 204 and `Allow`, and methods that are not
/// added with 405. [`Metrics`](crate::Metrics) counts its requests under `path`.
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
        let get_or_head = taken(|method| matches!(*method, Method::GET | Method::HEAD));
        self.add(&["GET", "HEAD"], web::route().guard(get_or_head).to(handler))
    }

    /// Answers POST requests that have the [admin token](crate::AdminToken).
    pub fn post<F, Args>(self, handler: F) -> Self
    where
        F: Handler<Args>,
        Args: FromRequest + 'static,
        F::Output: Responder + 'static,
    {
        self.change("POST", Method::POST, handler)
    }

    /// Answers PUT requests that have the [admin token](crate::AdminToken).
    pub fn put<F, Args>(self, handler: F) -> Self
    where
        F: Handler<Args>,
        Args: FromRequest + 'static,
        F::Output: Responder + 'static,
    {
        self.change("PUT", Method::PUT, handler)
    }

    /// Answers PATCH requests that have the [admin token](crate::AdminToken).
    pub fn patch<F, Args>(self, handler: F) -> Self
    where
        F: Handler<Args>,
        Args: FromRequest + 'static,
        F::Output: Responder + 'static,
    {
        self.change("PATCH", Method::PATCH, handler)
    }

    /// Answers each method but CONNECT and TRACE, without the admin token: for a gateway, whose upstreams decide what a
    /// method does. The handler also gets HEAD, OPTIONS and methods that this crate does not know. Methods that were
    /// added before keep their handlers.
    pub fn any<F, Args>(self, handler: F) -> Self
    where
        F: Handler<Args>,
        Args: FromRequest + 'static,
        F::Output: Responder + 'static,
    {
        let passed = taken(|method| !matches!(*method, Method::CONNECT | Method::TRACE));
        let names = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"];
        self.add(&names, web::route().guard(passed).to(handler))
    }

    /// Adds a method that changes something. It always requires the admin token, so that no handler can forget it.
    fn change<F, Args>(self, name: &'static str, method: Method, handler: F) -> Self
    where
        F: Handler<Args>,
        Args: FromRequest + 'static,
        F::Output: Responder + 'static,
    {
        let route = web::route().guard(taken(move |it| *it == method)).to(handler);
        self.add(&[name], route.wrap(from_fn(require_admin_token)))
    }

    fn add(mut self, methods: &[&'static str], route: Route) -> Self {
        self.allowed.extend(methods);
        self.resource = self.resource.route(route);
        self
    }
}

/// Chooses requests by their method. actix's own guards for methods also note in each request which methods they have
/// tried, for an answer of actix that endpoints replace.
fn taken(takes: impl Fn(&Method) -> bool + 'static) -> impl Guard {
    guard::fn_guard(move |context| takes(&context.head().method))
}

/// The answer to OPTIONS on a path that takes `methods`.
fn allow(methods: &str) -> impl Fn() -> Ready<HttpResponse> + Clone + use<> {
    let methods = methods.to_owned();
    move || ready(HttpResponse::NoContent().insert_header((ALLOW, methods.as_str())).finish())
}

impl HttpServiceFactory for Endpoint {
    fn register(self, config: &mut AppService) {
        let allowed = [&self.allowed[..], &["OPTIONS"]].concat().join(", ");
        let options = allow(&allowed);
        let refuse = move |request: HttpRequest| {
            let error = ApiError::method_not_allowed(format!(
                "{} does not take {}; it takes {allowed}",
                request.path(),
                request.method()
            ))
            .with_header(ALLOW, &allowed);
            async move { Err::<String, _>(error) }
        };
        let resource = self
            .resource
            .route(web::route().guard(taken(|method| *method == Method::OPTIONS)).to(options));
        let resource = resource.default_service(web::to(refuse));
        resource.wrap(CountRequests(self.path)).register(config);
    }
}
