//! The middleware around all requests. It counts active requests, closes connections during the shutdown, contains
//! panics, and sends no chunks to clients of HTTP/1.0.
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
    Error,
    body::{BodySize, MessageBody as _},
    dev::{Service, ServiceRequest, ServiceResponse, Transform},
    http::{ConnectionType, Method, Uri, Version},
};
use pin_project_lite::pin_project;

use crate::{
    drain::{Drain, InFlight},
    http::api_error::ApiError,
    panic_message::panic_message,
    telemetry::log_targets::REQUESTS,
};

/// The middleware. Responses have `Connection: close` once the shutdown has begun. A panic of a handler becomes an
/// [`ApiError`] of status 500; its message goes to the log and not to the client. actix would close the connection
/// without a byte.
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
        let (drain, in_flight) = (self.drain.clone(), self.drain.enter());
        let (method, uri) = (request.method().clone(), request.uri().clone());
        // The first part of a handler runs in `call`, and may panic there.
        let (future, panicked) = match contain(&method, &uri, || self.service.call(request)) {
            Ok(future) => (Some(future), None),
            Err(panicked) => (None, Some(panicked)),
        };
        RequestFuture { future, panicked, method, uri, drain, _in_flight: in_flight }
    }
}

pin_project! {
    /// The future of a request.
    pub(crate) struct RequestFuture<F> {
        // `None` if the handler panicked before its first poll.
        #[pin]
        future: Option<F>,
        panicked: Option<ApiError>,
        method: Method,
        uri: Uri,
        drain: Drain,
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
        let Some(future) = this.future.as_pin_mut() else {
            // Pending: polled again after it was ready.
            return this
                .panicked
                .take()
                .map_or(Poll::Pending, |error| Poll::Ready(Err(error.into())));
        };
        let mut response = done!(contain(this.method, this.uri, || future.poll(cx))?)?;
        let is_old = response.request().version() < Version::HTTP_11;
        let ends_with_connection = is_old && response.response().body().size() == BodySize::Stream;
        if ends_with_connection {
            // actix would send chunks, which HTTP/1.0 does not have (RFC 9112, 6.1).
            response.response_mut().head_mut().no_chunking(true);
        }
        if ends_with_connection || this.drain.is_draining() {
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
