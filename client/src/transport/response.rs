//! Reads an answer, and finds out whether it is one.

use std::time::{Duration, SystemTime};

use actix_web::{
    dev::Payload,
    http::{
        StatusCode, Version,
        header::{CONTENT_LENGTH, RETRY_AFTER, TRANSFER_ENCODING},
    },
};
use awc::{ClientResponse, error::PayloadError};
use bytes::{Bytes, BytesMut};
use futures::StreamExt as _;
use serde::Serialize;
use serde_json::value::RawValue;

use super::{BackendError, retry_after, socket::CutOff};

/// A usable answer of the backend, 2xx, 4xx or 5xx.
#[derive(Debug, Clone)]
pub struct BackendResponse {
    /// Its status.
    pub status: StatusCode,
    /// Its body: JSON to the letter, or words of our own about one that is not JSON (never with
    /// 2xx).
    pub body: Box<RawValue>,
    /// Its `Retry-After`, if it had one that can be understood.
    pub retry_after: Option<RetryAfter>,
}

/// A `Retry-After` header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RetryAfter {
    /// As it was sent.
    pub header: String,
    /// How long that is from when it came.
    pub wait: Duration,
}

impl BackendResponse {
    /// How long the backend asked to be left alone.
    pub fn wait_asked_for(&self) -> Option<Duration> {
        self.retry_after.as_ref().map(|asked| asked.wait)
    }
}

/// An answer whose body has not been read yet.
pub(super) struct Answer {
    inner: ClientResponse,
    /// awc has found no body, and has put the connection back into its pool.
    released: bool,
}

impl Answer {
    pub(super) fn new(inner: ClientResponse) -> Self {
        let mut released = false;
        let inner = inner.map_body(|_, payload| {
            released = matches!(payload, Payload::None);
            payload
        });
        Self { inner, released }
    }

    /// Whether more may come on a connection that awc has put back: after a 1xx, another head;
    /// after an answer that does not say that its body is empty, a body that awc did not look for.
    pub(super) fn may_be_followed(&self) -> bool {
        let is_empty =
            !self.inner.status().is_informational() && content_length(&self.inner) == Some(0);
        self.released && !is_empty
    }

    /// Reads the body, of at most `limit` bytes.
    pub(super) async fn read(self, limit: usize) -> Result<BackendResponse, BackendError> {
        let Self { mut inner, released } = self;
        let status = inner.status();
        if status.is_redirection() {
            return Err(BackendError::Redirect(status));
        }
        let unusable = |reason: String| BackendError::Unusable { status: Some(status), reason };
        if status.is_informational() || status.as_u16() >= 600 {
            return Err(unusable(format!("unexpected status {}", status.as_u16())));
        }
        if status == StatusCode::NO_CONTENT {
            // Whatever its headers say (RFC 9112, 6.3): awc would wait for what they promise.
            return Err(unusable("no body".into()));
        }
        if inner.headers().contains_key(TRANSFER_ENCODING) && content_length(&inner).is_some() {
            // "Ought to be handled as an error" (RFC 9112, 6.3): somebody on the way may have taken
            // the other one for the end of this answer.
            return Err(unusable("both a length and a transfer-encoding".into()));
        }
        let bytes = read_body(&mut inner, limit).await.map_err(unusable)?;
        let body = match json(&bytes) {
            Ok(body) => body,
            Err(_) if status.is_success() && released => {
                return Err(unusable("no body, or one without a length".into()));
            }
            Err(error) if status.is_success() => {
                return Err(unusable(format!("body is not JSON: {error}")));
            }
            // A failure is a failure, whatever page the proxy in front put around it.
            Err(_) => substitute(status),
        };
        let header = inner.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok());
        let retry_after = header.and_then(|header| {
            let wait = retry_after::parse(header, SystemTime::now())?;
            Some(RetryAfter { header: header.to_owned(), wait })
        });
        Ok(BackendResponse { status, body, retry_after })
    }
}

fn content_length(answer: &ClientResponse) -> Option<u64> {
    answer.headers().get(CONTENT_LENGTH)?.to_str().ok()?.trim().parse().ok()
}

/// Reads a body of at most `limit` bytes, or says why there is no whole one.
pub(super) async fn read_body(answer: &mut ClientResponse, limit: usize) -> Result<Bytes, String> {
    let too_large = || format!("body larger than {limit} bytes");
    let expected = content_length(answer);
    match expected {
        // awc would wait for the end of the connection where this is HTTP/1.0.
        Some(0) => return Ok(Bytes::new()),
        Some(expected) if usize::try_from(expected).map_or(true, |expected| expected > limit) => {
            return Err(too_large());
        }
        _ => {}
    }
    let ends_with_connection = answer.version() == Version::HTTP_10 && expected.is_none();
    let mut body = BytesMut::new();
    while let Some(part) = answer.next().await {
        let error = match part {
            Ok(part) if part.len() > limit - body.len() => return Err(too_large()),
            Ok(part) => {
                body.extend_from_slice(&part);
                continue;
            }
            Err(error) => error,
        };
        let end = match &error {
            PayloadError::Incomplete(Some(error)) | PayloadError::Io(error) => CutOff::of(error),
            _ => None,
        };
        return Err(match (end, expected) {
            (Some(CutOff::Closed), _) if ends_with_connection => break,
            (Some(end), Some(expected)) => {
                format!("body cut off after {} of {expected} bytes: {end}", body.len())
            }
            (Some(end), None) => format!("body cut off after {} bytes: {end}", body.len()),
            (None, _) => format!("malformed body: {error}"),
        });
    }
    Ok(body.freeze())
}

/// The body, found to be one JSON value and not looked at further.
fn json(bytes: &Bytes) -> Result<Box<RawValue>, serde_json::Error> {
    serde_json::from_slice(bytes)
}

fn substitute(status: StatusCode) -> Box<RawValue> {
    #[derive(Serialize)]
    struct Body {
        error: &'static str,
        message: &'static str,
    }
    let body = Body {
        error: status.canonical_reason().unwrap_or("Error"),
        message: "the backend's body is not JSON",
    };
    serde_json::value::to_raw_value(&body).unwrap_or_else(|_| RawValue::NULL.to_owned())
}
