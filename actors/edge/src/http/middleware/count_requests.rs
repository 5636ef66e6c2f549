//! The middleware that counts the requests of a route.
//!
//! Written by hand: `actix-web-prom` does not count requests whose client left or whose handler panicked, and takes
//! unknown paths as labels (`tests/metrics.rs`).

use std::{
    cell::OnceCell,
    future::{Future, Ready, ready},
    pin::Pin,
    rc::Rc,
    task::{Context, Poll, ready as done},
    thread,
    time::Instant,
};

use actix_web::{
    Error,
    dev::{Service, ServiceRequest, ServiceResponse, Transform},
    http::Method,
    web,
};
use pin_project_lite::pin_project;

use crate::{
    clock,
    telemetry::metrics::{
        http_metrics::method_index, registry::Metrics, route_metrics::RouteMetrics,
    },
};

/// The status of a request whose client left before the answer; nginx logs the same.
const CLIENT_LEFT: u16 = 499;

/// Counts one request when it ends. If it is dropped before, the client has left or the handler has panicked.
struct RequestCounter {
    route: Rc<RouteMetrics>,
    method: usize,
    began: Instant,
    /// True while the handler's future is polled. If a panic leaves the poll, this stays true.
    running: bool,
    finished: bool,
}

impl RequestCounter {
    fn begin(route: Rc<RouteMetrics>, method: &Method) -> Self {
        route.begin();
        let (method, began) = (method_index(method), clock::now());
        Self { route, method, began, running: false, finished: false }
    }

    fn finish(&mut self, status: u16) {
        self.finished = true;
        self.route.end(self.method, status, clock::now().saturating_duration_since(self.began));
    }
}

impl Drop for RequestCounter {
    fn drop(&mut self) {
        if !self.finished {
            let panicked = self.running || thread::panicking();
            self.finish(if panicked { 500 } else { CLIENT_LEFT });
        }
    }
}

/// The middleware. It counts the requests of the route with this path, if the application has [`Metrics`].
pub(crate) struct CountRequests(pub(crate) String);

impl<S, B> Transform<S, ServiceRequest> for CountRequests
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error>,
{
    type Response = ServiceResponse<B>;
    type Error = Error;
    type Transform = CountRequestsService<S>;
    type InitError = ();
    type Future = Ready<Result<CountRequestsService<S>, ()>>;

    fn new_transform(&self, service: S) -> Self::Future {
        let path = self.0.clone();
        ready(Ok(CountRequestsService { service, path, route: OnceCell::new() }))
    }
}

pub(crate) struct CountRequestsService<S> {
    service: S,
    path: String,
    route: OnceCell<Option<Rc<RouteMetrics>>>,
}

impl<S, B> Service<ServiceRequest> for CountRequestsService<S>
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error>,
{
    type Response = ServiceResponse<B>;
    type Error = Error;
    type Future = CountedRequest<S::Future>;

    fn poll_ready(&self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.service.poll_ready(cx)
    }

    fn call(&self, request: ServiceRequest) -> Self::Future {
        let route = self.route.get_or_init(|| {
            let metrics = request.app_data::<web::Data<Metrics>>()?;
            Some(Rc::new(RouteMetrics::new(self.path.clone(), metrics.http().clone())))
        });
        let counter = route.clone().map(|route| RequestCounter::begin(route, request.method()));
        CountedRequest { future: self.service.call(request), counter }
    }
}

pin_project! {
    /// The future of a request, counted.
    pub(crate) struct CountedRequest<F> {
        #[pin]
        future: F,
        counter: Option<RequestCounter>,
    }
}

impl<F, B> Future for CountedRequest<F>
where
    F: Future<Output = Result<ServiceResponse<B>, Error>>,
{
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let Some(counter) = this.counter else {
            return this.future.poll(cx);
        };
        counter.running = true;
        let polled = this.future.poll(cx);
        counter.running = false;
        let result = done!(polled);
        let status = match &result {
            Ok(response) => response.status(),
            Err(error) => error.as_response_error().status_code(),
        };
        counter.finish(status.as_u16());
        Poll::Ready(result)
    }
}
