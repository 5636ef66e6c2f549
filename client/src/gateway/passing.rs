//! A request that is passed on, as an operation: an attempt sends it, and its result is the head of the answer.

use std::{
    borrow::Cow,
    cell::RefCell,
    future::{Future, poll_fn},
    pin::pin,
    sync::Arc,
    task::Poll,
    time::Duration,
};

use actix_web::{
    http::{
        Method, StatusCode, Uri, Version,
        header::{HeaderMap, TRANSFER_ENCODING},
    },
    web::Payload,
};
use awc::{ClientRequest, SendClientRequest, body};
use resilience_actors::{
    Attempt, ConcurrencyPlace, Operation, Outcome, Verdict,
    adapters::{
        awc::{Answer, HttpError, insert_deadline},
        http,
    },
};
use service_edge::{TraceContext, trace::TRACEPARENT};

use super::{
    answer_stream::AnswerStream,
    body::{HeldBody, RequestBody, StreamedBody},
    endpoints::{CallEndpoints, Chosen},
    held::Held,
    passed_answer::{PassedAnswer, PassingError},
    response_headers::{AnswerBody, AnswerHead},
    uploading::Uploading,
};
use crate::{
    traces,
    transport::{Upload, add_no_date},
};

/// The statuses of methods and versions of HTTP that the upstream does not offer.
const NOT_OFFERED: [StatusCode; 2] =
    [StatusCode::NOT_IMPLEMENTED, StatusCode::HTTP_VERSION_NOT_SUPPORTED];

/// A request to an upstream.
pub(super) struct Passing {
    pub(super) endpoints: CallEndpoints,
    /// The upstream's name.
    pub(super) upstream: Arc<str>,
    pub(super) method: Method,
    pub(super) uri: Uri,
    pub(super) headers: HeaderMap,
    /// The span of the call: each attempt is a child of it.
    pub(super) span: TraceContext,
    pub(super) body: PassingBody,
    /// Maximum time in which the upstream takes nothing of a streamed body.
    pub(super) body_idle_timeout: Duration,
    /// It may be sent more than once. False for a body that is streamed.
    pub(super) idempotent: bool,
}

/// The body of a request.
pub(super) enum PassingBody {
    /// Sent with each attempt. `None` if the request says nothing of a body.
    Held(Option<HeldBody>),
    /// Sent with the first attempt, which takes it.
    Streamed(RefCell<Option<StreamedBody<Payload>>>),
}

impl PassingBody {
    /// `announced` if the request has a `Content-Length` or a `Transfer-Encoding`.
    pub(super) fn new(body: RequestBody<Payload>, announced: bool) -> Self {
        match body {
            RequestBody::Held(held) => Self::Held(announced.then_some(held)),
            RequestBody::Streaming(streamed) => Self::Streamed(RefCell::new(Some(streamed))),
        }
    }

    pub(super) fn is_streamed(&self) -> bool {
        matches!(self, Self::Streamed(_))
    }

    fn send(&self, request: ClientRequest) -> (SendClientRequest, Option<Box<Upload>>) {
        match self {
            Self::Held(Some(held)) => (request.send_body(held.bytes().clone()), None),
            Self::Held(None) => (request.send_body(body::None::new()), None),
            Self::Streamed(body) => {
                let upload = body.take().map(|body| {
                    let length = body.length();
                    Upload::new(body, length)
                });
                (request.send_body(body::None::new()), upload)
            }
        }
    }
}

impl Passing {
    /// Sends the request, and waits for the head of the answer.
    async fn send(
        &self,
        attempt: Attempt<'_>,
        chosen: &Chosen<'_>,
    ) -> Result<PassedAnswer, PassingError> {
        let span = self.span.child();
        log::log!(
            span.level(),
            trace_id:% = span.trace_id(),
            span_id:% = span.span_id();
            "upstream {}: call {} attempt {}: sending{chosen}", self.upstream, attempt.call, attempt.number
        );
        let method = self.method.as_str();
        let recording = traces::attempt(self.span, span, attempt.number, method);
        let client = chosen.client();
        let request = client.request(self.method.clone(), self.uri.clone(), &attempt);
        let mut request = request.no_decompress();
        let headers = request.headers_mut();
        headers.clone_from(&self.headers);
        headers.insert(TRACEPARENT, span.header());
        insert_deadline(headers, &attempt);
        add_no_date(headers);
        let (request, upload) = self.body.send(request);
        let mut uploading =
            upload.as_ref().map(|upload| Uploading::new(upload, self.body_idle_timeout));
        let bodyless = |status| self.is_bodyless(status);
        let mut sending = pin!(client.send(request, &attempt, upload, bodyless));
        let sent = poll_fn(|cx| match (sending.as_mut().poll(cx), &mut uploading) {
            (Poll::Pending, Some(uploading)) => uploading.poll(attempt.waits(), cx).map(Err),
            (sent, _) => sent,
        })
        .await;
        attempt.waits().set_waiting(false);
        if let Some(error) = uploading.as_ref().and_then(Uploading::take_failure) {
            return Err(PassingError::Caller(Arc::new(error)));
        }
        recording.end_with(sent.as_ref().map(|(answer, _)| answer.status()));
        let caller_is_slow = uploading.as_ref().is_some_and(Uploading::waits_for_slow_caller);
        let (answer, connection) = sent.map_err(|error| match error {
            HttpError::Unreachable(_) if caller_is_slow => PassingError::HungUp(error),
            error => PassingError::Upstream(error),
        })?;
        let head = self.head(&answer).map_err(PassingError::Upstream)?;
        let retry_after = answer.retry_after();
        let upload = uploading.map(Uploading::into_progress);
        let body = AnswerStream::new(answer, head.body, connection, upload);
        Ok(PassedAnswer::streamed(head, body, retry_after))
    }

    /// True if an answer with this status has no body (RFC 9112, 6.3).
    fn is_bodyless(&self, status: StatusCode) -> bool {
        let of_status = matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
        of_status || self.method == Method::HEAD
    }

    fn head(&self, answer: &Answer) -> Result<AnswerHead, HttpError> {
        let status = answer.status();
        let unusable = |reason| HttpError::Unusable { status: Some(status), reason };
        if !(200..600).contains(&status.as_u16()) {
            return Err(unusable(format!("unexpected status {}", status.as_u16())));
        }
        if answer.version() == Version::HTTP_10 && is_chunked(answer.headers()) {
            // Where it ends depends on the reader (RFC 9112, 6.1).
            return Err(unusable("the answer of the upstream has chunks in HTTP/1.0".to_owned()));
        }
        let head = AnswerHead::read(&self.method, status, answer.headers())
            .map_err(|error| unusable(error.message().to_owned()))?;
        if head.body == AnswerBody::Unsized && answer.has_no_body() {
            // The connector's filter and awc read the head differently. An empty answer would look complete.
            return Err(unusable("the end of its body cannot be told from its head".to_owned()));
        }
        Ok(head)
    }
}

impl Operation for Passing {
    type Answer = PassedAnswer;
    type Error = PassingError;

    async fn run(&self, attempt: Attempt<'_>) -> Result<PassedAnswer, PassingError> {
        let chosen = self.endpoints.choose(attempt.connecting(), self.body.is_streamed());
        let mut result = self.send(attempt, &chosen).await;
        let in_use = chosen.ended(|| self.classify(&result).outcome.kind());
        if let Ok(answer) = &mut result {
            answer.held.endpoint = in_use;
        }
        result
    }

    /// A redirect is an answer for the caller, and a success. So are answers to methods and versions of HTTP that the
    /// upstream does not have: callers choose them, and could open the circuit with them.
    fn classify(&self, result: &Result<PassedAnswer, PassingError>) -> Verdict {
        match result {
            Ok(answer) => {
                let status = answer.head.status.as_u16();
                let verdict = http::verdict(status, answer.retry_after);
                match verdict.outcome {
                    Outcome::Redirect => Verdict { outcome: Outcome::Success, ..verdict },
                    _ if NOT_OFFERED.contains(&answer.head.status) => {
                        Verdict { outcome: Outcome::ClientError, ..verdict }
                    }
                    _ => verdict,
                }
            }
            Err(PassingError::Upstream(error)) => error.verdict(),
            Err(PassingError::Caller(_) | PassingError::HungUp(_)) => Outcome::Cancelled.into(),
        }
    }

    fn is_idempotent(&self) -> bool {
        self.idempotent
    }

    fn trace_id(&self) -> Option<Cow<'_, str>> {
        Some(Cow::Owned(self.span.trace_id().to_string()))
    }

    fn keep_place(&self, answer: &mut PassedAnswer, place: ConcurrencyPlace) {
        answer.held.attempt = Some(place);
    }

    fn set_aside(&self, answer: &mut PassedAnswer) {
        answer.held = Held::default();
    }

    fn timed_out(&self) {
        self.endpoints.timed_out();
    }
}

fn is_chunked(headers: &HeaderMap) -> bool {
    let has_chunked = |value: &[u8]| value.windows(7).any(|it| it.eq_ignore_ascii_case(b"chunked"));
    headers.get_all(TRANSFER_ENCODING).any(|value| has_chunked(value.as_bytes()))
}
