//! Requests: how many, how they ended, how long they took.

use std::{
    cell::{OnceCell, RefCell},
    future::{Future, Ready, ready},
    pin::Pin,
    rc::Rc,
    task::{Context, Poll, ready as done},
    thread,
    time::{Duration, Instant},
};

use actix_web::{
    Error,
    dev::{Service, ServiceRequest, ServiceResponse, Transform},
    http::{Method, StatusCode},
    web,
};
use pin_project_lite::pin_project;
use prometheus::{
    Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, Opts,
    core::Collector,
};

use super::Metrics;
use crate::clock;

/// Upper bounds of the buckets of durations, in seconds: from an answer out of memory to a call's
/// deadline.
pub const SECONDS: [f64; 14] =
    [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0];

/// The path of requests that no route takes.
pub(crate) const UNMATCHED: &str = "unmatched";

/// The status of a request whose client left before its answer, as nginx logs it.
const CLIENT_LEFT: u16 = 499;

const METHODS: [&str; 8] = ["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "other"];

fn index_of(method: &Method) -> usize {
    let known = METHODS.iter().position(|name| *name == method.as_str());
    known.unwrap_or(METHODS.len() - 1)
}

/// The metrics of all requests. Clones are the same.
#[derive(Debug, Clone)]
pub struct HttpMetrics {
    requests: IntCounterVec,
    durations: HistogramVec,
    in_flight: IntGauge,
}

impl HttpMetrics {
    #[expect(clippy::expect_used, reason = "names and labels are constant, and a test sees them")]
    pub(super) fn new() -> Self {
        let requests = Opts::new(
            "http_requests_total",
            "Requests that ended, by method, route and status (499: the client left before).",
        );
        let durations = HistogramOpts::new(
            "http_request_duration_seconds",
            "Time from a request's head to its answer's head, by method and route.",
        );
        Self {
            requests: IntCounterVec::new(requests, &["method", "path", "status"])
                .expect("valid names"),
            durations: HistogramVec::new(durations.buckets(SECONDS.to_vec()), &["method", "path"])
                .expect("valid names"),
            in_flight: IntGauge::new(
                "http_requests_in_flight",
                "Requests whose answer has not begun.",
            )
            .expect("a valid name"),
        }
    }

    pub(super) fn collectors(&self) -> [Box<dyn Collector>; 3] {
        [
            Box::new(self.requests.clone()),
            Box::new(self.durations.clone()),
            Box::new(self.in_flight.clone()),
        ]
    }

    /// Counts a request that no route took, and that was answered at once.
    pub(crate) fn count_at_once(&self, method: &Method, path: &'static str, status: StatusCode) {
        let method = METHODS[index_of(method)];
        self.requests.with_label_values(&[method, path, status.as_str()]).inc();
        self.durations.with_label_values(&[method, path]).observe(0.0);
    }
}

/// One route's series on one worker, looked up once each: a look-up hashes all labels, under a lock.
struct Route {
    path: String,
    metrics: HttpMetrics,
    durations: [OnceCell<Histogram>; METHODS.len()],
    requests: RefCell<Vec<(usize, u16, IntCounter)>>,
}

impl Route {
    fn new(path: String, metrics: HttpMetrics) -> Self {
        Self { path, metrics, durations: Default::default(), requests: RefCell::default() }
    }

    fn count(&self, method: usize, status: u16, elapsed: Duration) {
        let labels = [METHODS[method], self.path.as_str()];
        self.durations[method]
            .get_or_init(|| self.metrics.durations.with_label_values(&labels))
            .observe(elapsed.as_secs_f64());
        let mut requests = self.requests.borrow_mut();
        let known = requests.iter().find(|(m, s, _)| (*m, *s) == (method, status));
        if let Some((_, _, counter)) = known {
            counter.inc();
            return;
        }
        let status_text = status.to_string();
        let labels = [METHODS[method], self.path.as_str(), status_text.as_str()];
        let counter = self.metrics.requests.with_label_values(&labels);
        counter.inc();
        requests.push((method, status, counter));
    }
}

/// A request that is being worked on. Dropped unfinished, its client has left, or its handler has
/// panicked.
struct Watch {
    route: Rc<Route>,
    method: usize,
    began: Instant,
    /// Whether the handler is running at this moment: a future that is dropped after it was left
    /// by a panic is so for ever.
    running: bool,
    finished: bool,
}

impl Watch {
    fn begin(route: Rc<Route>, method: &Method) -> Self {
        route.metrics.in_flight.inc();
        let (method, began) = (index_of(method), clock::now());
        Self { route, method, began, running: false, finished: false }
    }

    fn finish(&mut self, status: u16) {
        self.finished = true;
        self.route.metrics.in_flight.dec();
        self.route.count(self.method, status, clock::now().saturating_duration_since(self.began));
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        if !self.finished {
            let panicked = self.running || thread::panicking();
            self.finish(if panicked { 500 } else { CLIENT_LEFT });
        }
    }
}

/// A middleware that counts one route's requests, if the application has [`Metrics`].
pub(crate) struct Observe(pub(crate) String);

impl<S, B> Transform<S, ServiceRequest> for Observe
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error>,
{
    type Response = ServiceResponse<B>;
    type Error = Error;
    type Transform = Observing<S>;
    type InitError = ();
    type Future = Ready<Result<Observing<S>, ()>>;

    fn new_transform(&self, service: S) -> Self::Future {
        let path = self.0.clone();
        ready(Ok(Observing { service, path, route: OnceCell::new() }))
    }
}

pub(crate) struct Observing<S> {
    service: S,
    path: String,
    route: OnceCell<Option<Rc<Route>>>,
}

impl<S, B> Service<ServiceRequest> for Observing<S>
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error>,
{
    type Response = ServiceResponse<B>;
    type Error = Error;
    type Future = Observed<S::Future>;

    fn poll_ready(&self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.service.poll_ready(cx)
    }

    fn call(&self, request: ServiceRequest) -> Self::Future {
        let route = self.route.get_or_init(|| {
            let metrics = request.app_data::<web::Data<Metrics>>()?;
            Some(Rc::new(Route::new(self.path.clone(), metrics.http.clone())))
        });
        let watch = route.clone().map(|route| Watch::begin(route, request.method()));
        Observed { future: self.service.call(request), watch }
    }
}

pin_project! {
    /// A request's future, watched.
    pub(crate) struct Observed<F> {
        #[pin]
        future: F,
        watch: Option<Watch>,
    }
}

impl<F, B> Future for Observed<F>
where
    F: Future<Output = Result<ServiceResponse<B>, Error>>,
{
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let Some(watch) = this.watch else {
            return this.future.poll(cx);
        };
        watch.running = true;
        let polled = this.future.poll(cx);
        watch.running = false;
        let result = done!(polled);
        let status = match &result {
            Ok(response) => response.status(),
            Err(error) => error.as_response_error().status_code(),
        };
        watch.finish(status.as_u16());
        Poll::Ready(result)
    }
}
