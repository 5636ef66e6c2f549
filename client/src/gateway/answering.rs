//! What the caller gets once the call has ended.

use std::{convert::Infallible, sync::Arc, time::Duration};

use actix_web::{
    HttpResponse, HttpResponseBuilder,
    body::{self, BodyStream, SizedStream},
    http::{
        StatusCode,
        header::{CONTENT_LENGTH, HeaderValue},
    },
};
use bytes::Bytes;
use futures::stream;
use resilience_actors::CallError;
use service_edge::{ApiError, Drain, unreadable};

use super::{
    body::BodyLimits,
    cache::Copied,
    event_stream::{is_event_stream, until_shutdown},
    passed_answer::{PassedAnswer, PassedBody, PassingError},
    passed_on::PassedOnBody,
    response_headers::AnswerBody,
    sliced::Sliced,
    upstreams::GatewayUpstream,
};
use crate::no_answer::{explain, retry_after, status_without_answer};

/// Answers of at most this many bytes are not counted as streams.
const SMALL_ANSWER: u64 = 64 * 1024;

/// The upstream's answer. A stream of events ends when `drain` begins the shutdown.
///
/// # Errors
/// 503 if as many bodies are passed on as may be.
pub(super) fn answer(
    PassedAnswer { head, body, mut held, copy, .. }: PassedAnswer,
    upstream: &GatewayUpstream,
    limits: &BodyLimits,
    drain: &Drain,
) -> Result<HttpResponse, ApiError> {
    let mut response = HttpResponse::build(head.status);
    for header in &head.headers {
        response.append_header(header);
    }
    let stream = match body {
        PassedBody::Whole(body) => return whole(response, head.body, body, limits),
        PassedBody::Stream(stream) => stream,
    };
    held.stream = match head.body {
        AnswerBody::Sized(..=SMALL_ANSWER) | AnswerBody::None { .. } => None,
        AnswerBody::Sized(_) | AnswerBody::Unsized => Some(limits.place_for_answer()?),
    };
    let failure = upstream.breaker().late_failure();
    let (idle, name) = (upstream.body_idle_timeout(), Arc::clone(upstream.upstream().name()));
    let passed = Copied::new(PassedOnBody::new(stream, idle, failure, name, held), copy);
    Ok(match head.body {
        AnswerBody::None { announced } => bodyless(response, announced),
        AnswerBody::Sized(length) => response.body(SizedStream::new(length, passed)),
        // Not `streaming`, which adds a type.
        AnswerBody::Unsized if is_event_stream(&head.headers) => {
            response.body(BodyStream::new(until_shutdown(passed, drain)))
        }
        AnswerBody::Unsized => response.body(BodyStream::new(passed)),
    })
}

/// A response with a body that is all there.
///
/// # Errors
/// 503 if the body is large, and as many bodies are passed on as may be.
fn whole(
    mut response: HttpResponseBuilder,
    kind: AnswerBody,
    body: Bytes,
    limits: &BodyLimits,
) -> Result<HttpResponse, ApiError> {
    Ok(match (kind, body.len() as u64) {
        (AnswerBody::None { announced }, _) => bodyless(response, announced),
        (_, ..=SMALL_ANSWER) => response.body(body),
        (_, length) => {
            let sliced = Sliced::new(body, limits.place_for_stream()?);
            response.body(SizedStream::new(length, sliced))
        }
    })
}

/// A response without a body, which may say how long it would be.
fn bodyless(mut response: HttpResponseBuilder, announced: Option<u64>) -> HttpResponse {
    match announced {
        // Not `finish`, which says that the length is 0.
        None => response.finish().set_body(body::None::new()).map_into_boxed_body(),
        Some(length) => with_announced_length(response.finish(), length),
    }
}

/// A response without a body that says how long it would be.
fn with_announced_length(mut response: HttpResponse, length: u64) -> HttpResponse {
    if response.status() == StatusCode::NOT_MODIFIED {
        response.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from(length));
        return response;
    }
    // The answer to HEAD: actix sends the length and no body.
    let nothing = stream::empty::<Result<Bytes, Infallible>>();
    response.set_body(SizedStream::new(length, nothing)).map_into_boxed_body()
}

/// The answer to a call that has none of the upstream.
pub(super) fn refusal(error: &CallError<PassingError>, upstream: &GatewayUpstream) -> ApiError {
    let name = format!("upstream {}", upstream.name());
    let message = match error {
        CallError::Transport(PassingError::Caller(error)) => {
            let refusal = unreadable(error);
            if refusal.status() != StatusCode::REQUEST_TIMEOUT {
                return refusal;
            }
            let idle = upstream.body_idle_timeout().as_secs_f64();
            return ApiError::request_timeout(format!("the body paused for {idle:.3}s"));
        }
        CallError::Transport(error) => format!("{name}: {error}"),
        error => explain(error, &name),
    };
    let refusal = ApiError::new(status_without_answer(error), message);
    match retry_after(error) {
        Some(wait) => refusal.retry_after(wait.max(Duration::from_secs(1))),
        None => refusal,
    }
}
