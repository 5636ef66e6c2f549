//! What the call of a request results in: an answer, or why there is none.

use std::{sync::Arc, time::Duration};

use actix_web::error::PayloadError;
use bytes::Bytes;
use resilience_actors::{CallReport, adapters::awc::HttpError};

use super::{
    answer_stream::AnswerStream, cache::BodyCopy, held::Held, response_headers::AnswerHead,
};
use crate::no_answer::NoAnswer;

/// The report on a call.
pub(super) type Report = CallReport<PassedAnswer, PassingError>;

/// An answer for the caller.
pub(super) struct PassedAnswer {
    pub(super) head: AnswerHead,
    pub(super) body: PassedBody,
    pub(super) held: Held,
    pub(super) retry_after: Option<Duration>,
    /// The time since it arrived, if it is the kept answer to an earlier request.
    pub(super) stale: Option<Duration>,
    /// Keeps the answer for later requests.
    pub(super) copy: Option<Box<BodyCopy>>,
}

/// The body of an answer.
pub(super) enum PassedBody {
    /// It has not been read, or not to its end.
    Stream(AnswerStream),
    /// All of it.
    Whole(Bytes),
}

impl PassedAnswer {
    /// An answer with a body that has not been read.
    pub(super) fn streamed(
        head: AnswerHead,
        body: AnswerStream,
        retry_after: Option<Duration>,
    ) -> Self {
        let (body, held) = (PassedBody::Stream(body), Held::default());
        Self { head, body, held, retry_after, stale: None, copy: None }
    }

    /// An answer that has been read. `stale` is the time since it arrived, if it is a kept one.
    pub(super) fn whole(head: AnswerHead, body: Bytes, stale: Option<Duration>) -> Self {
        let (body, held) = (PassedBody::Whole(body), Held::default());
        Self { head, body, held, retry_after: None, stale, copy: None }
    }

    /// True for 2xx, and for 3xx, which is what the caller asked for.
    pub(super) fn is_success(&self) -> bool {
        self.head.status.is_success() || self.head.status.is_redirection()
    }
}

/// Why there is no answer.
#[derive(Debug, Clone, thiserror::Error)]
pub(super) enum PassingError {
    /// The upstream gave no usable answer.
    #[error("{0}")]
    Upstream(HttpError),
    /// The upstream hung up while the gateway waited for a slow caller.
    #[error("{0}, while the gateway waited for a slow caller")]
    HungUp(HttpError),
    /// The caller did not send all of its body.
    #[error("the body of the request ended early: {0}")]
    Caller(Arc<PayloadError>),
}

impl NoAnswer for PassingError {
    fn is_local_shortage(&self) -> bool {
        matches!(self, Self::Upstream(HttpError::LocalShortage(_)))
    }
}
