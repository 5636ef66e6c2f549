//! The service around the application.

use std::{
    future::{Ready, ready},
    pin::Pin,
    rc::Rc,
    task::{Context, Poll, ready as done},
};

use actix_http::{ConnectionType, HttpMessage as _, Request, Response, body::BoxBody};
use actix_service::{Service, Transform};
use actix_web::body::MessageBody;
use pin_project_lite::pin_project;

use super::{
    active_request::ActiveRequest, request_body::RequestBody, response_body::ResponseBody,
};
use crate::{connections::connection::Connection, refusal::Refusal};

/// Tells each connection of its requests. On a connection that is not served, it answers one probe and refuses other
/// requests; on each, it refuses what follows the last request. Responses have `Connection: close` on such a
/// connection, and if a chunked body was not read.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TrackRequests;

impl<S, B> Transform<S, Request> for TrackRequests
where
    S: Service<Request, Response = Response<B>, Error = Response<BoxBody>>,
    B: MessageBody,
{
    type Response = Response<ResponseBody<B>>;
    type Error = Response<BoxBody>;
    type Transform = TrackedService<S>;
    type InitError = ();
    type Future = Ready<Result<TrackedService<S>, ()>>;

    fn new_transform(&self, service: S) -> Self::Future {
        ready(Ok(TrackedService { service }))
    }
}

pub(crate) struct TrackedService<S> {
    service: S,
}

impl<S, B> Service<Request> for TrackedService<S>
where
    S: Service<Request, Response = Response<B>, Error = Response<BoxBody>>,
    B: MessageBody,
{
    type Response = Response<ResponseBody<B>>;
    type Error = Response<BoxBody>;
    type Future = TrackedRequest<S::Future>;

    fn poll_ready(&self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.service.poll_ready(cx)
    }

    fn call(&self, mut request: Request) -> Self::Future {
        let connection = request.conn_data::<Rc<Connection>>().map(Rc::clone);
        let Some(connection) = connection else {
            let future = Some(self.service.call(request));
            return TrackedRequest { future, refusal: None, active: None };
        };
        RequestBody::guard(request.payload(), &connection);
        let refusal = refusal(&request, &connection);
        let active = Some(ActiveRequest::begin(connection, request.headers()));
        let future = refusal.is_none().then(|| self.service.call(request));
        TrackedRequest { future, refusal, active }
    }
}

/// Why a request is not answered.
fn refusal(request: &Request, connection: &Connection) -> Option<Refusal> {
    let is_last = request.head().connection_type() == ConnectionType::Close;
    if !connection.note_request(is_last) {
        // actix-http decodes requests after the last one, too.
        return Some(Refusal::AfterLast);
    }
    let limits = connection.limits();
    let is_answered = connection.is_served() || limits.probe_paths.contains(&request.path());
    (!is_answered).then_some(Refusal::TooManyConnections { max: limits.connections })
}

pin_project! {
    /// The future of a request.
    pub(crate) struct TrackedRequest<F> {
        // `None` if the request is refused.
        #[pin]
        future: Option<F>,
        refusal: Option<Refusal>,
        active: Option<ActiveRequest>,
    }
}

impl<F, B> Future for TrackedRequest<F>
where
    F: Future<Output = Result<Response<B>, Response<BoxBody>>>,
    B: MessageBody,
{
    type Output = Result<Response<ResponseBody<B>>, Response<BoxBody>>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let connection = this.active.as_ref().map(ActiveRequest::connection);
        let mut result = match (this.future.as_pin_mut(), this.refusal) {
            (Some(future), _) => done!(future.poll(cx)),
            (None, Some(refusal)) => Err(refusal.to_response()),
            (None, None) => return Poll::Pending,
        };
        if let Some(connection) = connection {
            connection.begin_output();
        }
        if connection.is_some_and(|it| !it.is_served() || it.discards_chunks()) {
            let head = match &mut result {
                Ok(response) => response.head_mut(),
                Err(response) => response.head_mut(),
            };
            head.set_connection_type(ConnectionType::Close);
        }
        let wrap = |_: &mut _, body| ResponseBody::new(body, connection);
        let result = result.map(|response| response.map_body(wrap));
        Poll::Ready(result)
    }
}
