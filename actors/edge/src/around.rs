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
    Error, ResponseError as _,
    dev::{Service, ServiceRequest, ServiceResponse, Transform},
    http::{ConnectionType, Method, Uri},
};
use pin_project_lite::pin_project;

use crate::{
    ApiError, Drain,
    admission::{PROBES, no_place},
    connections::{active_request::ActiveRequest, connection::Connection},
    drain::InFlight,
    panic_message::panic_message,
};

/// The middleware. It says `Connection: close` on all answers from the beginning of the end, and where
/// chunks were not read. Where there is no place for the connection, it serves nothing but one probe.
/// A panic becomes an [`ApiError`] of status 500, whose message goes to the log and not to the client:
/// without, it would close the connection without a byte.
pub(crate) struct Around(pub(crate) Drain);

impl<S> Transform<S, ServiceRequest> for Around
where
    S: Service<ServiceRequest, Response = ServiceResponse, Error = Error>,
{
    type Response = ServiceResponse;
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

impl<S> Service<ServiceRequest> for Surrounding<S>
where
    S: Service<ServiceRequest, Response = ServiceResponse, Error = Error>,
{
    type Response = ServiceResponse;
    type Error = Error;
    type Future = Surrounded<S::Future>;

    fn poll_ready(&self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.service.poll_ready(cx)
    }

    fn call(&self, request: ServiceRequest) -> Self::Future {
        let in_flight = self.drain.enter();
        let working =
            Connection::of(&request).map(|it| ActiveRequest::begin(it, request.headers()));
        let guest =
            working.as_ref().map(ActiveRequest::connection).filter(|guest| !guest.is_served());
        let (is_guest, drain) = (guest.is_some(), self.drain.clone());
        let (method, uri) = (request.method().clone(), request.uri().clone());
        let (future, decided) = match guest {
            Some(guest) if !PROBES.contains(&request.path()) => {
                let refusal = no_place(guest.max_served()).error_response();
                (None, Some(Ok(request.into_response(refusal))))
            }
            // A handler begins in here, and may panic in here.
            _ => match contain(&method, &uri, || self.service.call(request)) {
                Ok(future) => (Some(future), None),
                Err(panicked) => (None, Some(Err(panicked.into()))),
            },
        };
        Surrounded { future, decided, method, uri, drain, is_guest, working, _in_flight: in_flight }
    }
}

pin_project! {
    /// A request's future, surrounded.
    pub(crate) struct Surrounded<F> {
        // None if it was decided before it began.
        #[pin]
        future: Option<F>,
        decided: Option<Result<ServiceResponse, Error>>,
        method: Method,
        uri: Uri,
        drain: Drain,
        // Its connection gets no further answer.
        is_guest: bool,
        working: Option<ActiveRequest>,
        _in_flight: Option<InFlight>,
    }
}

impl<F> Future for Surrounded<F>
where
    F: Future<Output = Result<ServiceResponse, Error>>,
{
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let ended = match (this.decided.take(), this.future.as_pin_mut()) {
            (Some(decided), _) => decided,
            (None, Some(future)) => done!(contain(this.method, this.uri, || future.poll(cx))?),
            // Polled once more than it may be.
            (None, None) => return Poll::Pending,
        };
        let mut response = ended?;
        let drops_chunks = |working: &ActiveRequest| working.connection().discards_chunks();
        let is_last = *this.is_guest || this.working.as_ref().is_some_and(drops_chunks);
        if is_last || this.drain.is_draining() {
            response.response_mut().head_mut().set_connection_type(ConnectionType::Close);
        }
        Poll::Ready(Ok(response))
    }
}

/// Nothing that the handler left half-done is looked at again: the request is dropped with it.
fn contain<R>(method: &Method, uri: &Uri, work: impl FnOnce() -> R) -> Result<R, ApiError> {
    catch_unwind(AssertUnwindSafe(work)).map_err(|panic| {
        log::error!("{method} {}: the handler panicked: {}", uri.path(), panic_message(&*panic));
        ApiError::internal("the request failed unexpectedly")
    })
}
