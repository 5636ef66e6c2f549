//! The middleware around all requests. It counts active requests, answers only probes on screened connections, closes
//! connections during the shutdown, and contains panics.
//!
//! It is one middleware with its own future because all requests pay for it: each `from_fn` would add a boxed future
//! and a look-up.

use std::{
    future::{Ready, ready},
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    task::{Context, Poll, ready as done},
};

use actix_web::{
    Error, ResponseError as _,
    dev::{Service, ServiceRequest, ServiceResponse, Transform},
    http::{ConnectionType, Method, Uri},
};
use pin_project_lite::pin_project;

use crate::{
    connections::{active_request::ActiveRequest, connection::Connection},
    drain::{Drain, InFlight},
    http::{
        api_error::ApiError,
        connection_limit::{PROBES, refusal},
    },
    panic_message::panic_message,
    telemetry::log_targets::REQUESTS,
};

/// The middleware. Responses have `Connection: close` once the shutdown has begun, and if a chunked body was not read.
/// On a connection that is not served, one probe is answered and other requests are refused. A panic of a handler
/// becomes an [`ApiError`] of status 500; its message goes to the log and not to the client. actix would close the
/// connection without a byte.
pub(crate) struct RequestMiddleware(pub(crate) Drain);

impl<S> Transform<S, ServiceRequest> for RequestMiddleware
where
    S: Service<ServiceRequest, Response = ServiceResponse, Error = Error>,
{
    type Response = ServiceResponse;
    type Error = Error;
    type Transform = RequestService<S>;
    type InitError = ();
    type Future = Ready<Result<RequestService<S>, ()>>;

    fn new_transform(&self, service: S) -> Self::Future {
        ready(Ok(RequestService { service, drain: self.0.clone() }))
    }
}

pub(crate) struct RequestService<S> {
    service: S,
    drain: Drain,
}

impl<S> Service<ServiceRequest> for RequestService<S>
where
    S: Service<ServiceRequest, Response = ServiceResponse, Error = Error>,
{
    type Response = ServiceResponse;
    type Error = Error;
    type Future = RequestFuture<S::Future>;

    fn poll_ready(&self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.service.poll_ready(cx)
    }

    fn call(&self, request: ServiceRequest) -> Self::Future {
        let in_flight = self.drain.enter();
        let active = Connection::of(&request).map(|it| ActiveRequest::begin(it, request.headers()));
        let screened = active.as_ref().map(ActiveRequest::connection).filter(|it| !it.is_served());
        let (is_screened, drain) = (screened.is_some(), self.drain.clone());
        let (method, uri) = (request.method().clone(), request.uri().clone());
        let (future, decided) = match screened {
            Some(screened) if !PROBES.contains(&request.path()) => {
                let refusal = refusal(screened.max_served()).error_response();
                (None, Some(Ok(request.into_response(refusal))))
            }
            // The first part of a handler runs in `call`, and may panic there.
            _ => match contain(&method, &uri, || self.service.call(request)) {
                Ok(future) => (Some(future), None),
                Err(panicked) => (None, Some(Err(panicked.into()))),
            },
        };
        RequestFuture {
            future,
            decided,
            method,
            uri,
            drain,
            is_screened,
            active,
            _in_flight: in_flight,
        }
    }
}

pin_project! {
    /// The future of a request.
    pub(crate) struct RequestFuture<F> {
        // None if the request was answered without its handler.
        #[pin]
        future: Option<F>,
        decided: Option<Result<ServiceResponse, Error>>,
        method: Method,
        uri: Uri,
        drain: Drain,
        // True if the connection is not served, so that it must close after this response.
        is_screened: bool,
        active: Option<ActiveRequest>,
        _in_flight: Option<InFlight>,
    }
}

impl<F> Future for RequestFuture<F>
where
    F: Future<Output = Result<ServiceResponse, Error>>,
{
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let ended = match (this.decided.take(), this.future.as_pin_mut()) {
            (Some(decided), _) => decided,
            (None, Some(future)) => done!(contain(this.method, this.uri, || future.poll(cx))?),
            // Polled again after it was ready.
            (None, None) => return Poll::Pending,
        };
        let mut response = ended?;
        let discards_chunks = |active: &ActiveRequest| active.connection().discards_chunks();
        let is_last = *this.is_screened || this.active.as_ref().is_some_and(discards_chunks);
        if is_last || this.drain.is_draining() {
            response.response_mut().head_mut().set_connection_type(ConnectionType::Close);
        }
        Poll::Ready(Ok(response))
    }
}

/// Catches a panic of `work`. Unwind safety is no concern: the state of a panicked handler is dropped with its request.
fn contain<R>(method: &Method, uri: &Uri, work: impl FnOnce() -> R) -> Result<R, ApiError> {
    catch_unwind(AssertUnwindSafe(work)).map_err(|panic| {
        log::error!(target: REQUESTS, "{method} {}: the handler panicked: {}", uri.path(), panic_message(&*panic));
        ApiError::internal("the request failed unexpectedly")
    })
}
