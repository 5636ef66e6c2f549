//! The body of a response: while it is sent, its connection is not idle.

use std::{
    pin::Pin,
    rc::Rc,
    task::{Context, Poll},
};

use actix_web::{
    HttpRequest,
    body::{BodySize, MessageBody},
    web::Bytes,
};
use pin_project_lite::pin_project;

use crate::connections::connection::Connection;

/// Marks the connection of `request` as expendable until its next request: the shutdown does not wait for its remaining
/// output. For streams of events, whose handlers end them when the shutdown begins: the response of a client that does
/// not read is not polled, so its last bytes stay unsent, and its connection would delay the shutdown.
///
/// Does nothing without a [`GuardedServer`](crate::GuardedServer), as in tests.
pub fn mark_expendable(request: &HttpRequest) {
    if let Some(connection) = request.conn_data::<Rc<Connection>>() {
        connection.set_expendable(true);
    }
}

/// Ends the response when it is dropped.
struct Responding(Rc<Connection>);

impl Drop for Responding {
    fn drop(&mut self) {
        self.0.end_response_body();
    }
}

pin_project! {
    /// A body that keeps its connection from being idle, however long it pauses.
    pub(crate) struct ResponseBody<B> {
        #[pin]
        body: B,
        responding: Option<Responding>,
    }
}

impl<B: MessageBody> ResponseBody<B> {
    /// A body without a connection is only passed on.
    pub(super) fn new(body: B, connection: Option<&Rc<Connection>>) -> Self {
        let connection = connection.filter(|_| !body.size().is_eof());
        let responding = connection.map(|connection| {
            connection.begin_response_body();
            Responding(Rc::clone(connection))
        });
        Self { body, responding }
    }
}

impl<B: MessageBody> MessageBody for ResponseBody<B> {
    type Error = B::Error;

    fn size(&self) -> BodySize {
        self.body.size()
    }

    fn poll_next(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, B::Error>>> {
        let this = self.project();
        let part = this.body.poll_next(cx);
        if let (Some(Responding(connection)), true) = (this.responding, part.is_ready()) {
            connection.begin_output();
        }
        part
    }

    fn try_into_bytes(self) -> Result<Bytes, Self> {
        let Self { body, responding } = self;
        body.try_into_bytes().map_err(|body| Self { body, responding })
    }
}
