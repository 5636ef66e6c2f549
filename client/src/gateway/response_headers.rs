//! The head of the answer to the caller.

use std::time::Duration;

use actix_web::http::{
    Method, StatusCode,
    header::{CONTENT_LENGTH, HeaderMap, HeaderName, HeaderValue, TRANSFER_ENCODING},
};
use service_edge::ApiError;

use super::hop_by_hop::remove_hop_by_hop;

/// Number of attempts that the call made.
pub const ATTEMPTS: HeaderName = HeaderName::from_static("x-resilience-attempts");

/// State of the upstream's circuit breaker after the call: `closed`, `open` or `half-open`.
pub const STATE: HeaderName = HeaderName::from_static("x-resilience-state");

/// Name of the upstream.
pub const UPSTREAM: HeaderName = HeaderName::from_static("x-resilience-upstream");

/// The time in whole seconds since the answer arrived, if it is not that of this call but a kept one.
pub const STALE: HeaderName = HeaderName::from_static("x-resilience-stale");

/// The head of an upstream's answer, as the caller gets it.
#[derive(Debug, Clone)]
pub struct AnswerHead {
    /// The status.
    pub status: StatusCode,
    /// The headers, without `Content-Length`.
    pub headers: HeaderMap,
    /// The body that follows.
    pub body: AnswerBody,
}

/// The body of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AnswerBody {
    /// There is none, and none may be waited for.
    None {
        /// The length that a GET would have, if the upstream says so: of an answer to HEAD, and of a 304.
        announced: Option<u64>,
    },
    /// So many bytes follow.
    Sized(u64),
    /// It is chunked, or ends with the connection.
    Unsized,
}

impl AnswerHead {
    /// Reads the head of the upstream's answer to a request of this method. Headers of the connection are removed, and
    /// those of the gateway.
    ///
    /// # Errors
    /// 502 for an answer with both `Content-Length` and `Transfer-Encoding`, or with a length that is no number: where
    /// it ends depends on the reader, and the rest would be taken for another answer. Also for a 1xx: no upgrade is
    /// asked for, and interim answers are not passed on.
    pub fn read(
        method: &Method,
        status: StatusCode,
        received: &HeaderMap,
    ) -> Result<Self, ApiError> {
        if status.is_informational() {
            return Err(bad("a status that is not final"));
        }
        let length = length(received)?;
        let mut headers = received.clone();
        remove_hop_by_hop(&mut headers);
        for name in [CONTENT_LENGTH, ATTEMPTS, STATE, UPSTREAM, STALE] {
            headers.remove(name);
        }
        let body = match length {
            _ if status == StatusCode::NO_CONTENT => AnswerBody::None { announced: None },
            announced if method == Method::HEAD || status == StatusCode::NOT_MODIFIED => {
                AnswerBody::None { announced }
            }
            Some(length) => AnswerBody::Sized(length),
            None => AnswerBody::Unsized,
        };
        Ok(Self { status, headers, body })
    }
}

/// The value of `Content-Length`, which may be there several times if all are alike.
fn length(headers: &HeaderMap) -> Result<Option<u64>, ApiError> {
    let mut lengths = headers.get_all(CONTENT_LENGTH);
    let Some(first) = lengths.next() else {
        return Ok(None);
    };
    if headers.contains_key(TRANSFER_ENCODING) {
        return Err(bad("both a Content-Length and a Transfer-Encoding"));
    }
    let digits = first.to_str().ok().filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
    match digits.and_then(|text| text.parse().ok()) {
        Some(length) if lengths.all(|other| other == first) => Ok(Some(length)),
        _ => Err(bad("no valid Content-Length")),
    }
}

fn bad(what: &str) -> ApiError {
    ApiError::new(StatusCode::BAD_GATEWAY, format!("the answer of the upstream has {what}"))
}

/// What the gateway says about a call in the headers of its answer, also of an error of its own.
#[derive(Debug, Clone, Copy)]
pub struct CallHeaders<'a> {
    /// Number of attempts; 0 if the call was rejected.
    pub attempts: u32,
    /// State of the upstream's breaker.
    pub state: &'a str,
    /// Name of the upstream.
    pub upstream: &'a str,
    /// The time since the answer arrived, if it is a kept one.
    pub stale: Option<Duration>,
}

impl CallHeaders<'_> {
    /// Sets them. A text that no header can have is left out.
    pub fn set_on(self, headers: &mut HeaderMap) {
        headers.insert(ATTEMPTS, HeaderValue::from(self.attempts));
        if let Some(age) = self.stale {
            headers.insert(STALE, HeaderValue::from(age.as_secs()));
        }
        for (name, text) in [(STATE, self.state), (UPSTREAM, self.upstream)] {
            if let Ok(value) = HeaderValue::from_str(text) {
                headers.insert(name, value);
            }
        }
    }
}

#[cfg(test)]
#[path = "response_headers_tests.rs"]
mod tests;
