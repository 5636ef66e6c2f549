//! The body of an upstream's answer, passed on while it arrives.

use std::{
    pin::Pin,
    rc::Rc,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use actix_web::error::PayloadError;
use bytes::Bytes;
use futures::Stream;
use resilience_actors::{LateFailure, adapters::awc::Answer};
use service_edge::Aborted;
use tokio::time::{Instant, Sleep, sleep};

use super::{quota::Share, response_headers::AnswerBody};
use crate::transport::{InUse, UploadProgress, is_regular_end};

/// The body of an answer, with its connection. The rest of the request's body is sent while this is polled.
pub(super) struct AnswerStream {
    answer: Answer,
    /// Number of bytes to come. `None` if the head does not say.
    left: Option<u64>,
    connection: Option<InUse>,
    upload: Option<Rc<UploadProgress>>,
}

impl AnswerStream {
    pub(super) fn new(
        answer: Answer,
        body: AnswerBody,
        connection: Option<InUse>,
        upload: Option<Rc<UploadProgress>>,
    ) -> Self {
        let left = match body {
            AnswerBody::None { .. } => Some(0),
            AnswerBody::Sized(length) => Some(length),
            AnswerBody::Unsized => None,
        };
        // awc has put the connection back: from now on, another request may use it.
        let connection = connection.filter(|_| !answer.has_no_body());
        Self { answer, left, connection, upload }
    }

    /// The next part. The connection goes back at the end of the body, before another task can use it.
    fn poll_part(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, PayloadError>>> {
        let part = ready!(Pin::new(&mut self.answer).poll_next(cx));
        Poll::Ready(match part {
            Some(Ok(part)) => {
                self.left = self.left.map(|left| left.saturating_sub(part.len() as u64));
                Some(Ok(part))
            }
            Some(Err(error)) => {
                let has_ended = self.answer.ends_with_connection() && is_regular_end(&error);
                (!has_ended).then_some(Err(error))
            }
            None => {
                self.connection = None;
                let is_whole = self.left.is_none_or(|left| left == 0);
                (!is_whole).then_some(Err(PayloadError::Incomplete(None)))
            }
        })
    }
}

/// What happens to an answer whose body fails.
pub(super) struct PassedOnBody {
    stream: AnswerStream,
    /// Maximum time without progress, in either direction, unless the caller is waited for.
    idle: Duration,
    pause: Option<Pause>,
    /// `None` after the end.
    failure: Option<LateFailure>,
    /// The upstream's name.
    upstream: Arc<str>,
    end: Option<End>,
    _place: Option<Share>,
}

/// How far the end of a body is.
#[derive(Clone, Copy, PartialEq)]
enum End {
    /// It has failed. The caller first gets the parts before.
    Failed,
    Reached,
}

/// A time without a part of the answer.
struct Pause {
    timer: Pin<Box<Sleep>>,
    /// The number of parts of the request's body that were sent when the timer was set.
    parts: u64,
}

impl PassedOnBody {
    pub(super) fn new(
        stream: AnswerStream,
        idle: Duration,
        failure: LateFailure,
        upstream: Arc<str>,
        place: Option<Share>,
    ) -> Self {
        let failure = Some(failure);
        Self { stream, idle, pause: None, failure, upstream, end: None, _place: place }
    }

    /// Ready if nothing has happened for too long.
    fn poll_overdue(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let upload = self.stream.upload.as_deref();
        let parts = upload.map_or(0, UploadProgress::parts);
        let waits_for_caller = upload.is_some_and(UploadProgress::waits_for_caller);
        let idle = self.idle;
        let pause = self.pause.get_or_insert_with(|| Pause { timer: Box::pin(sleep(idle)), parts });
        while pause.timer.as_mut().poll(cx).is_ready() {
            if !waits_for_caller && pause.parts == parts {
                return Poll::Ready(());
            }
            pause.parts = parts;
            pause.timer.as_mut().reset(Instant::now() + idle);
        }
        Poll::Pending
    }

    /// Lets the body fail, which is a failure of the upstream unless the caller's body has failed.
    fn fail(&mut self, reason: &str, cx: &Context<'_>) {
        // The server sends what it has before it polls again, and closes the connection at an error.
        self.end = Some(End::Failed);
        cx.waker().wake_by_ref();
        let by_caller = self.stream.upload.as_ref().and_then(|upload| upload.take_failure());
        if let Some(error) = by_caller {
            log::debug!("upstream {}: the request's body ended early: {error}", self.upstream);
            return;
        }
        log::warn!("upstream {}: an answer ended early: {reason}", self.upstream);
        if let Some(failure) = self.failure.take() {
            // Sent at once. No call waits for the state after it.
            drop(failure.report(format!("an answer ended early: {reason}")));
        }
    }
}

impl Stream for PassedOnBody {
    type Item = Result<Bytes, Aborted>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        match this.end {
            Some(End::Failed) => {
                this.end = Some(End::Reached);
                return Poll::Ready(Some(Err(Aborted)));
            }
            Some(End::Reached) => return Poll::Ready(None),
            None => {}
        }
        match this.stream.poll_part(cx) {
            Poll::Ready(Some(Ok(part))) => {
                this.pause = None;
                Poll::Ready(Some(Ok(part)))
            }
            Poll::Ready(Some(Err(error))) => {
                this.fail(&error.to_string(), cx);
                Poll::Pending
            }
            Poll::Ready(None) => {
                this.end = Some(End::Reached);
                Poll::Ready(None)
            }
            Poll::Pending => {
                ready!(this.poll_overdue(cx));
                let reason = format!("silent for {:.3}s", this.idle.as_secs_f64());
                this.fail(&reason, cx);
                Poll::Pending
            }
        }
    }
}
