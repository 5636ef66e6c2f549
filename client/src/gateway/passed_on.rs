//! The body of an answer, passed on while it arrives.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use futures::Stream;
use resilience_actors::LateFailure;
use service_edge::Aborted;

use super::{
    answer_stream::AnswerStream, fair_turns::FairTurns, held::Held, idle::Idle, reader::Reader,
};
use crate::transport::UploadProgress;

/// The body of an answer, and what happens if it fails.
pub(super) struct PassedOnBody {
    stream: AnswerStream,
    turns: FairTurns,
    /// In either direction.
    idle: Idle,
    reader: Reader,
    /// `None` after the end.
    failure: Option<LateFailure>,
    /// The upstream's name.
    upstream: Arc<str>,
    end: Option<End>,
    held: Held,
}

/// How far the end of a body is.
#[derive(Clone, Copy, PartialEq)]
enum End {
    /// It has failed. The caller first gets the parts before.
    Failed,
    Reached,
}

impl PassedOnBody {
    /// `idle` is the maximum time without progress, in either direction, unless the caller is waited for.
    pub(super) fn new(
        stream: AnswerStream,
        idle: Duration,
        failure: LateFailure,
        upstream: Arc<str>,
        held: Held,
    ) -> Self {
        let (idle, failure) = (Idle::new(idle), Some(failure));
        let (turns, reader) = (FairTurns::default(), Reader::default());
        Self { stream, turns, idle, reader, failure, upstream, end: None, held }
    }

    /// Lets the body fail, which is a failure of the upstream unless the caller's body has failed or the caller is
    /// slow.
    fn fail(&mut self, reason: &str, cx: &Context<'_>) {
        // The server sends what it has before it polls again, and closes the connection at an error.
        self.end = Some(End::Failed);
        let endpoint = std::mem::take(&mut self.held).endpoint;
        cx.waker().wake_by_ref();
        let upload = self.stream.upload();
        if let Some(error) = upload.and_then(UploadProgress::take_failure) {
            log::debug!("upstream {}: the request's body ended early: {error}", self.upstream);
            return;
        }
        if self.reader.is_slow() || upload.is_some_and(UploadProgress::waits_for_slow_caller) {
            log::info!(
                "upstream {}: an answer to a slow caller ended early: {reason}",
                self.upstream
            );
            return;
        }
        log::warn!("upstream {}: an answer ended early: {reason}", self.upstream);
        if let Some(mut endpoint) = endpoint {
            endpoint.fail();
        }
        if let Some(failure) = self.failure.take() {
            // Sent at once. No call waits for the state after it.
            drop(failure.report(format!("an answer ended early: {reason}")));
        }
    }

    fn reach_end(&mut self) {
        self.end = Some(End::Reached);
        self.held = Held::default();
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
        this.reader.asks();
        // A part can be preceded by framing without end.
        match this.turns.poll(cx, |cx| this.stream.poll_part(cx)) {
            Poll::Ready(Some(Ok(part))) => {
                this.idle.end_pause();
                this.reader.is_given_part();
                if this.stream.is_whole() {
                    // The caller may make its next request before it asks for the end.
                    this.held = Held::default();
                }
                Poll::Ready(Some(Ok(part)))
            }
            Poll::Ready(Some(Err(error))) => {
                this.fail(&error.to_string(), cx);
                Poll::Pending
            }
            Poll::Ready(None) => {
                this.reach_end();
                Poll::Ready(None)
            }
            Poll::Pending => {
                this.reader.waits();
                ready!(this.idle.poll_overdue(this.stream.upload(), cx));
                let reason = format!("silent for {:.3}s", this.idle.max().as_secs_f64());
                this.fail(&reason, cx);
                Poll::Pending
            }
        }
    }
}
