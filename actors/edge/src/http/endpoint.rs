//! Routes of one path. Other methods are refused with a JSON body and an `Allow` header, and changes without the admin
//! token are refused. OPTIONS lists the methods (RFC 9110, 9.3.7); load balancers probe with it.

use std::future::{Ready, ready};

use actix_web::{
    FromRequest, Handler, HttpRequest, HttpResponse, Resource, Responder, Route,
    dev::{AppService, HttpServiceFactory, ResourceDef},
    guard::{self, Guard},
    http::{Method, header::ALLOW},
    middleware::from_fn,
    web,
};

use utoipa::openapi::HttpMethod;

use super::{
    api_error::ApiError,
    middleware::{admin_auth::require_admin_token, count_requests::CountRequests},
    openapi::{document::Registered, operation::Describe, path_template::template},
};

/// Creates an endpoint at `path` without methods. It answers OPTIONS with 204 and `Allow`, and methods that are not
/// added with 405. [`Metrics`](crate::Metrics) counts its requests under `path`. Each method comes with its description
/// for the OpenAPI document.
///
/// ```
/// use actix_web::HttpResponse;
/// use service_edge::{Describe, Routes, endpoint};
///
/// const SHOW: Describe = |it| it.summary("Shows the cups.").answers_nothing(200, "They are there.");
///
/// fn routes(routes: &mut Routes<'_>) {
///     routes.service(endpoint("/cups").get(HttpResponse::Ok, SHOW));
/// }
/// ```
pub fn endpoint(path: &str) -> Endpoint {
    Endpoint {
        path: path.to_owned(),
        template: template(path),
        resource: web::resource(path),
        allowed: Vec::new(),
        operations: Vec::new(),
    }
}

/// A path with its methods; register it with [`Routes::service`](crate::Routes::service).
#[must_use = "an endpoint does nothing until it is registered"]
pub struct Endpoint {
    path: String,
    template: String,
    resource: Resource,
    allowed: Vec<&'static str>,
    operations: Vec<(HttpMethod, bool, Describe)>,
}

impl Endpoint {
    /// Sets the path that the document has in place of the registered pattern, for a tail that has a form.
    ///
    /// # Panics
    ///
    /// If requests for such a path would not get here.
    pub fn documented_as(mut self, template: &str) -> Self {
        let fits = ResourceDef::new(self.path.as_str()).is_match(template);
        assert!(fits, "{template} is no path of the endpoint {}", self.path);
        self.template = template.to_owned();
        self
    }

    /// Answers GET, and HEAD as GET without its body (RFC 9110, 9.3.2).
    pub fn get<F, Args>(self, handler: F, describe: Describe) -> Self
    where
        F: Handler<Args>,
        Args: FromRequest + 'static,
        F::Output: Responder + 'static,
    {
        let get_or_head = taken(|method| matches!(*method, Method::GET | Method::HEAD));
        self.describe(&[HttpMethod::Get], false, describe)
            .add(&["GET", "HEAD"], web::route().guard(get_or_head).to(handler))
    }

    /// Answers POST requests that have the [admin token](crate::AdminToken).
    pub fn post<F, Args>(self, handler: F, describe: Describe) -> Self
    where
        F: Handler<Args>,
        Args: FromRequest + 'static,
        F::Output: Responder + 'static,
    {
        self.describe(&[HttpMethod::Post], true, describe).change("POST", Method::POST, handler)
    }

    /// Answers PUT requests that have the [admin token](crate::AdminToken).
    pub fn put<F, Args>(self, handler: F, describe: Describe) -> Self
    where
        F: Handler<Args>,
        Args: FromRequest + 'static,
        F::Output: Responder + 'static,
    {
        self.describe(&[HttpMethod::Put], true, describe).change("PUT", Method::PUT, handler)
    }

    /// Answers PATCH requests that have the [admin token](crate::AdminToken).
    pub fn patch<F, Args>(self, handler: F, describe: Describe) -> Self
    where
        F: Handler<Args>,
        Args: FromRequest + 'static,
        F::Output: Responder + 'static,
    {
        self.describe(&[HttpMethod::Patch], true, describe).change("PATCH", Method::PATCH, handler)
    }

    /// Answers each method but CONNECT and TRACE, without the admin token: for a gateway, whose upstreams decide what a
    /// method does. The handler also gets HEAD, OPTIONS and methods that this crate does not know. Methods that were
    /// added before keep their handlers.
    pub fn any<F, Args>(self, handler: F, describe: Describe) -> Self
    where
        F: Handler<Args>,
        Args: FromRequest + 'static,
        F::Output: Responder + 'static,
    {
        let passed = taken(|method| !matches!(*method, Method::CONNECT | Method::TRACE));
        let names = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"];
        self.describe(&ANY, false, describe).add(&names, web::route().guard(passed).to(handler))
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

    /// The endpoint for actix, and what it adds to the document.
    pub(super) fn into_parts(mut self) -> (Service, impl Iterator<Item = Registered>) {
        let template = self.template.clone();
        let operations = std::mem::take(&mut self.operations).into_iter();
        let registered = operations.map(move |(method, needs_token, describe)| Registered {
            path: template.clone(),
            method,
            needs_token,
            describe,
        });
        (Service(self), registered)
    }

    fn describe(mut self, methods: &[HttpMethod], needs_token: bool, describe: Describe) -> Self {
        let operations = methods.iter().map(|method| (method.clone(), needs_token, describe));
        self.operations.extend(operations);
        self
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

/// The methods that [`Endpoint::any`] documents.
const ANY: [HttpMethod; 7] = [
    HttpMethod::Get,
    HttpMethod::Head,
    HttpMethod::Post,
    HttpMethod::Put,
    HttpMethod::Patch,
    HttpMethod::Delete,
    HttpMethod::Options,
];

/// The answer to OPTIONS on a path that takes `methods`.
fn allow(methods: &str) -> impl Fn() -> Ready<HttpResponse> + Clone + use<> {
    let methods = methods.to_owned();
    move || ready(HttpResponse::NoContent().insert_header((ALLOW, methods.as_str())).finish())
}

/// An endpoint for actix.
pub(super) struct Service(Endpoint);

impl HttpServiceFactory for Service {
    fn register(self, config: &mut AppService) {
        let endpoint = self.0;
        let allowed = [&endpoint.allowed[..], &["OPTIONS"]].concat().join(", ");
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
        let resource = endpoint
            .resource
            .route(web::route().guard(taken(|method| *method == Method::OPTIONS)).to(options));
        let resource = resource.default_service(web::to(refuse));
        resource.wrap(CountRequests(endpoint.path)).register(config);
    }
}
