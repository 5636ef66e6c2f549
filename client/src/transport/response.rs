//! Reads an answer, and finds out whether it is one.

use std::time::{Duration, SystemTime};

use actix_web::http::{
    StatusCode, Version,
    header::{CONTENT_LENGTH, RETRY_AFTER, TRANSFER_ENCODING},
};
use awc::{ClientResponse, error::PayloadError};
use bytes::Bytes;
use serde::Serialize;
use serde_json::value::RawValue;

use super::{BackendError, retry_after};

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

/// Whether the end of the answer is known, so that its connection can carry another.
///
/// It is not known of 1xx (another head follows), and of what says nothing of its length: awc
/// takes such a body for empty, and leaves its bytes on the connection.
pub(super) fn is_framed(answer: &ClientResponse) -> bool {
    let headers = answer.headers();
    !answer.status().is_informational()
        && (headers.contains_key(CONTENT_LENGTH)
            || headers.contains_key(TRANSFER_ENCODING)
            || answer.version() == Version::HTTP_10)
}

/// Reads the body, of at most `limit` bytes.
pub(super) async fn read(
    mut answer: ClientResponse,
    limit: usize,
) -> Result<BackendResponse, BackendError> {
    let status = answer.status();
    if status.is_redirection() {
        return Err(BackendError::Redirect(status));
    }
    let unusable = |reason: String| BackendError::Unusable { status: Some(status), reason };
    if status.is_informational() || status.as_u16() >= 600 {
        return Err(unusable(format!("unexpected status {}", status.as_u16())));
    }
    let bytes = answer.body().limit(limit).await.map_err(|error| match error {
        PayloadError::Overflow => unusable(format!("body larger than {limit} bytes")),
        error => unusable(format!("body cut off: {error}")),
    })?;
    if let Some(expected) = content_length(&answer)
        && expected != bytes.len() as u64
    {
        // awc takes the end of the connection for the end of the body.
        return Err(unusable(format!("body cut off after {} of {expected} bytes", bytes.len())));
    }
    let body = match json(&bytes) {
        Ok(body) => body,
        Err(error) if status.is_success() => {
            return Err(unusable(format!("body is not JSON: {error}")));
        }
        // A failure is a failure, whatever page the proxy in front put around it.
        Err(_) => substitute(status),
    };
    let header = answer.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok());
    let retry_after = header.and_then(|header| {
        let wait = retry_after::parse(header, SystemTime::now())?;
        Some(RetryAfter { header: header.to_owned(), wait })
    });
    Ok(BackendResponse { status, body, retry_after })
}

fn content_length(answer: &ClientResponse) -> Option<u64> {
    answer.headers().get(CONTENT_LENGTH)?.to_str().ok()?.trim().parse().ok()
}

/// The body, found to be one JSON value and not looked at further. A chunked body that is cut off
/// reaches us as if it were whole: this is where that is noticed, since no proper beginning of an
/// object or array is JSON.
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
