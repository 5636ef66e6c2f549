//! What is around every request: it is counted while it is worked on, has the rights of its connection's
//! place, learns of the end of the process, and may panic without taking others along.
//!
//! One middleware with a future of its own, since all requests pay for it: each `from_fn` would add a
//! boxed future and a look-up.

use std::{
    future::{Ready, ready},
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    task::{Context, Poll, ready as done},
};

use actix_web::{
    Error,
    dev::{Service, ServiceRequest, ServiceResponse, Transform},
    http::{ConnectionType, Method, Uri},
};
use pin_project_lite::pin_project;

use crate::{
    ApiError, Drain,
    admission::{PROBES, no_place},
    connections::{Connection, Working},
    drain::InFlight,
    panic::message,
};

/// The middleware. It says `Connection: close` on all answers from the beginning of the end. Where there
/// is no place for the connection, it serves nothing but one probe. A panic becomes an [`ApiError`] of
/// status 500, whose message goes to the log and not to the client: without, it would close the
/// connection without a byte.
pub(crate) struct Around(pub(crate) Drain);

impl<S, B> Transform<S, ServiceRequest> for Around
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error>,
{
    type Response = ServiceResponse<B>;
    type Error = Error;
    type Transform = Surrounding<S>;
    type InitError = ();
    type Future = Ready<Result<Surrounding<S>, ()>>;

    fn new_transform(&self, service: S) -> Self::Future {
        ready(Ok(Surrounding { service, drain: self.0.clone() }))
    }
}

pub(crate) struct Surrounding<S> {
    service: S,
    drain: Drain,
}

impl<S, B> Service<ServiceRequest> for Surrounding<S>
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error>,
{
    type Response = ServiceResponse<B>;
    type Error = Error;
    type Future = Surrounded<S::Future>;

    fn poll_ready(&self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.service.poll_ready(cx)
    }

    fn call(&self, request: ServiceRequest) -> Self::Future {
        let in_flight = self.drain.enter();
        let working = Connection::of(&request).map(Connection::begin);
        let guest = working.as_ref().map(Working::connection).filter(|guest| !guest.has_place());
        let last = guest.is_some();
        let refusal = guest
            .filter(|_| !PROBES.contains(&request.path()))
            .map(|guest| no_place(guest.places()));
        let (method, uri) = (request.method().clone(), request.uri().clone());
        let drain = self.drain.clone();
        // A handler begins in here, and may panic in here.
        let future = refusal.map_or_else(
            || Ok(contain(&method, &uri, || self.service.call(request))?),
            |refusal| Err(refusal.into()),
        );
        let (future, failed) = match future {
            Ok(future) => (Some(future), None),
            Err(error) => (None, Some(error)),
        };
        Surrounded {
            future,
            failed,
            method,
            uri,
            drain,
            last,
            _in_flight: in_flight,
            _working: working,
        }
    }
}

pin_project! {
    /// A request's future, surrounded.
    pub(crate) struct Surrounded<F> {
        // None if it has failed before it began.
        #[pin]
        future: Option<F>,
        failed: Option<Error>,
        method: Method,
        uri: Uri,
        drain: Drain,
        // Its connection gets no further answer.
        last: bool,
        _in_flight: Option<InFlight>,
        _working: Option<Working>,
    }
}

impl<F, B> Future for Surrounded<F>
where
    F: Future<Output = Result<ServiceResponse<B>, Error>>,
{
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let Some(future) = this.future.as_pin_mut() else {
            let gone =
                || ApiError::internal("the request had ended before it was asked for").into();
            return Poll::Ready(Err(this.failed.take().unwrap_or_else(gone)));
        };
        let mut response = done!(contain(this.method, this.uri, || future.poll(cx))?)?;
        if *this.last || this.drain.is_draining() {
            response.response_mut().head_mut().set_connection_type(ConnectionType::Close);
        }
        Poll::Ready(Ok(response))
    }
}

/// Nothing that the handler left half-done is looked at again: the request is dropped with it.
fn contain<R>(method: &Method, uri: &Uri, work: impl FnOnce() -> R) -> Result<R, ApiError> {
    catch_unwind(AssertUnwindSafe(work)).map_err(|panic| {
        log::error!("{method} {}: the handler panicked: {}", uri.path(), message(&*panic));
        ApiError::internal("the request failed unexpectedly")
    })
}
