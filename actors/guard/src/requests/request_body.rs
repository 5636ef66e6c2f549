//! The body of a request: it is read from the socket only while a handler waits for it, and for a limited time.

use std::{
    io, mem,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll, ready},
    time::Duration,
};

use actix_http::{BoxedPayloadStream, Payload};
use actix_web::{HttpRequest, error::PayloadError, web::Bytes};
use futures::{Stream, StreamExt as _, future::LocalBoxFuture};
use tokio::{task::yield_now, time::sleep};

use crate::connections::connection::Connection;

/// Lets the body of `request` take longer than [`Limits::body`](crate::Limits::body), but not pause for longer than
/// `longest` while the handler waits for it. For a body that is passed on while it arrives. To be called when the
/// handler has not waited for the body for longer than that limit.
///
/// Does nothing without a [`GuardedServer`](crate::GuardedServer), as in tests.
pub fn limit_body_pauses(request: &HttpRequest, longest: Duration) {
    if let Some(connection) = request.conn_data::<Rc<Connection>>() {
        connection.limit_body_pauses(longest);
    }
}

/// A body whose bytes wait in the kernel's buffer until the handler polls for them. If it takes longer than
/// [`Limits::body`](crate::Limits::body), its last item is [`PayloadError::Incomplete`] with
/// [`TimedOut`](io::ErrorKind::TimedOut).
pub(super) struct RequestBody {
    payload: Payload,
    connection: Rc<Connection>,
    /// `None` until the handler has waited for the first time.
    deadline: Option<LocalBoxFuture<'static, ()>>,
    /// True if bytes have arrived since `deadline` was set.
    has_arrived: bool,
    /// True if the body was read to its end. The connection may then belong to the next request.
    was_read: bool,
}

impl RequestBody {
    /// Puts the limits around `payload`, if there is a body.
    pub(super) fn guard(payload: &mut Payload, connection: &Rc<Connection>) {
        if matches!(payload, Payload::None) {
            return;
        }
        let guarded: BoxedPayloadStream = Box::pin(Self {
            payload: payload.take(),
            connection: Rc::clone(connection),
            deadline: None,
            has_arrived: false,
            was_read: false,
        });
        *payload = guarded.into();
    }

    fn poll_overdue(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let limits = self.connection.limits();
        let limit = self.connection.body_pause().unwrap_or(limits.body);
        loop {
            let deadline = self.deadline.get_or_insert_with(|| {
                Box::pin(async move {
                    sleep(limit).await;
                    // The process may have been stopped (SIGSTOP) past the limit: bytes that wait in the socket are
                    // read first. The runtime polls the socket when the task has yielded.
                    yield_now().await;
                })
            });
            ready!(deadline.as_mut().poll(cx));
            self.deadline = Some(Box::pin(yield_now()));
            if !mem::take(&mut self.has_arrived) {
                return Poll::Ready(());
            }
        }
    }
}

impl Stream for RequestBody {
    type Item = Result<Bytes, PayloadError>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        if this.was_read {
            return Poll::Ready(None);
        }
        this.connection.set_body_wanted(true);
        match this.payload.poll_next_unpin(cx) {
            Poll::Ready(Some(item)) => {
                this.has_arrived = true;
                if this.connection.body_pause().is_some() {
                    this.deadline = None;
                }
                if let Ok(part) = &item {
                    this.connection.hand_out(part.len());
                }
                Poll::Ready(Some(item))
            }
            Poll::Ready(None) => {
                this.was_read = true;
                this.connection.body_was_read();
                Poll::Ready(None)
            }
            Poll::Pending => this.poll_overdue(cx).map(|()| {
                let error = io::Error::from(io::ErrorKind::TimedOut);
                Some(Err(PayloadError::Incomplete(Some(error))))
            }),
        }
    }
}

impl Drop for RequestBody {
    fn drop(&mut self) {
        if !self.was_read {
            self.connection.set_body_wanted(false);
        }
    }
}

#[cfg(test)]
mod tests {
    use futures::{FutureExt as _, stream};
    use tokio::time::advance;

    use super::*;
    use crate::connections::tracker::tests::{connections, open};

    fn guarded(parts: impl Stream<Item = Bytes> + 'static) -> (Payload, Rc<Connection>) {
        let connection = Rc::new(open(&connections(1, 1)));
        let parts: BoxedPayloadStream = Box::pin(parts.map(Ok));
        let mut payload = parts.into();
        RequestBody::guard(&mut payload, &connection);
        (payload, connection)
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_never_arrives_ends_with_an_error_after_its_time() {
        let (mut payload, connection) =
            guarded(stream::once(async { Bytes::from("a part") }).chain(stream::pending()));
        assert!(payload.next().await.unwrap().is_ok());
        assert!(payload.next().now_or_never().is_none());
        advance(connection.limits().body - Duration::from_millis(2)).await;
        assert!(payload.next().now_or_never().is_none());
        let Some(Err(PayloadError::Incomplete(Some(error)))) = payload.next().await else {
            panic!("the body goes on")
        };
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    }

    #[tokio::test(start_paused = true)]
    async fn a_handler_may_take_long_if_the_body_arrives_in_time() {
        let part = || async { Bytes::from("a part") };
        let (mut payload, connection) = guarded(stream::once(part()).chain(stream::once(part())));
        assert!(payload.next().await.unwrap().is_ok());
        advance(connection.limits().body * 2).await;
        assert!(payload.next().await.unwrap().is_ok());
        assert!(payload.next().await.is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_is_passed_on_may_take_long_but_not_pause_for_long() {
        let part = || async {
            tokio::time::sleep(Duration::from_secs(29)).await;
            Bytes::from("a part")
        };
        let parts = stream::once(part()).chain(stream::once(part())).chain(stream::pending());
        let (mut payload, connection) = guarded(parts);
        connection.limit_body_pauses(Duration::from_secs(30));
        assert!(payload.next().await.unwrap().is_ok());
        assert!(payload.next().await.unwrap().is_ok());
        let paused = tokio::time::Instant::now();
        assert!(payload.next().await.unwrap().is_err());
        assert!(paused.elapsed() - Duration::from_secs(30) < Duration::from_secs(1));
    }

    #[tokio::test]
    async fn the_socket_is_read_only_while_the_handler_wants_the_body() {
        let (mut payload, connection) = guarded(stream::pending());
        connection.begin_request(None);
        assert!(!connection.may_read());
        assert!(payload.next().now_or_never().is_none());
        assert!(connection.may_read());
        drop(payload);
        assert!(!connection.may_read());
    }

    #[tokio::test]
    async fn dropping_a_read_body_leaves_the_next_requests_body_alone() {
        let (mut first, connection) = guarded(stream::empty());
        assert!(first.next().await.is_none());
        connection.begin_request(None);
        connection.set_body_wanted(true);
        drop(first);
        assert!(connection.may_read());
    }
}
