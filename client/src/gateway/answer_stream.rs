//! The body of an upstream's answer, with its connection.

use std::{
    pin::Pin,
    rc::Rc,
    task::{Context, Poll, ready},
};

use actix_web::error::PayloadError;
use bytes::Bytes;
use futures::Stream;
use resilience_actors::adapters::awc::Answer;

use super::response_headers::AnswerBody;
use crate::transport::{InUse, UploadProgress, is_regular_end};

/// The body of an answer, with its connection. The rest of the request's body is sent while this is polled.
pub(super) struct AnswerStream {
    put_back: Option<Box<PutBack>>,
    answer: Answer,
    /// Number of bytes to come. `None` if the head does not say.
    left: Option<u64>,
    connection: Option<InUse>,
    upload: Option<Rc<UploadProgress>>,
}

/// The beginning of a body that was read and put back.
struct PutBack {
    first: Option<Bytes>,
    /// Why the body has failed after it.
    failure: Option<PayloadError>,
}

impl PutBack {
    fn next(&mut self) -> Option<Result<Bytes, PayloadError>> {
        let first = self.first.take().filter(|first| !first.is_empty()).map(Ok);
        first.or_else(|| self.failure.take().map(Err))
    }
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
        Self { put_back: None, answer, left, connection, upload }
    }

    /// True if all bytes that the head announces have arrived.
    pub(super) fn is_whole(&self) -> bool {
        self.left == Some(0)
    }

    /// The rest of the request's body, if it is streamed.
    pub(super) fn upload(&self) -> Option<&UploadProgress> {
        self.upload.as_deref()
    }

    /// Puts back what was read of the body since its beginning, and the failure that ended the reading, if one did.
    pub(super) fn put_back(&mut self, first: Bytes, failure: Option<PayloadError>) {
        self.put_back = Some(Box::new(PutBack { first: Some(first), failure }));
    }

    /// The next part. The connection goes back at the end of the body, before another task can use it.
    pub(super) fn poll_part(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, PayloadError>>> {
        if let Some(put_back) = &mut self.put_back {
            if let Some(part) = put_back.next() {
                return Poll::Ready(Some(part));
            }
            self.put_back = None;
        }
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
