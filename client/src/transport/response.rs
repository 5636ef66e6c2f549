//! Reads an answer, and finds out whether it is one.

use std::time::{Duration, Instant, SystemTime};

use actix_web::{
    dev::Payload,
    http::{
        StatusCode, Version,
        header::{CONTENT_LENGTH, DATE, HeaderName, RETRY_AFTER, TRANSFER_ENCODING},
    },
};
use awc::{ClientResponse, error::PayloadError};
use bytes::{Bytes, BytesMut};
use futures::StreamExt as _;
use resilience_actors::until;
use serde::Serialize;
use serde_json::value::RawValue;

use super::{BackendError, retry_after, socket::CutOff};

/// How long before its attempt's time is over the body of an answer that has failed anyway is given up.
const MOMENT: Duration = Duration::from_millis(1);

/// A usable answer of the backend, 2xx, 4xx or 5xx.
#[derive(Debug, Clone)]
pub struct BackendResponse {
    /// Its status.
    pub status: StatusCode,
    /// Its body: JSON as it was sent, or our own `error` and `message` in place of one that cannot be used
    /// (never with 2xx).
    pub body: Box<RawValue>,
    /// How long its `Retry-After` asks to be left alone, if it had one that can be understood.
    pub retry_after: Option<Duration>,
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

    /// Reads the body, of at most `limit` bytes, until `due`.
    ///
    /// For every status but 2xx the head decides, whatever becomes of the body. It is given up a moment before
    /// `due`.
    ///
    /// # Errors
    /// A redirect, an unexpected status, or a 2xx without a usable body. A 2xx whose body stalls never ends.
    pub(super) async fn read(
        self,
        limit: usize,
        due: Instant,
    ) -> Result<BackendResponse, BackendError> {
        let Self { mut inner, released } = self;
        let status = inner.status();
        if status.is_redirection() {
            return Err(BackendError::Redirect(status));
        }
        let unusable = |reason: String| BackendError::Unusable { status: Some(status), reason };
        if status.is_informational() || status.as_u16() >= 600 {
            return Err(unusable(format!("unexpected status {}", status.as_u16())));
        }
        let retry_after = retry_after(&inner);
        let body = if status.is_success() {
            let bytes = read_page(&mut inner, limit).await.map_err(unusable)?;
            match json(&bytes) {
                Ok(body) => body,
                Err(_) if released => return Err(unusable("no body".into())),
                Err(error) => return Err(unusable(format!("body is not JSON: {error}"))),
            }
        } else {
            let reading = read_page(&mut inner, limit);
            match until(due - MOMENT, reading).await {
                Some(Ok(bytes)) => {
                    json(&bytes).unwrap_or_else(|_| substitute(status, "body is not JSON"))
                }
                Some(Err(reason)) => substitute(status, &reason),
                None => substitute(status, "body did not arrive in time"),
            }
        };
        Ok(BackendResponse { status, body, retry_after })
    }
}

/// The answer's `Retry-After`. A date is measured against the answer's own `Date`, since this process's clock
/// may be wrong.
fn retry_after(answer: &ClientResponse) -> Option<Duration> {
    let value = header(answer, &RETRY_AFTER)?;
    let date = header(answer, &DATE).and_then(|date| httpdate::parse_http_date(date).ok());
    retry_after::parse(value, date.unwrap_or_else(SystemTime::now))
}

fn header<'a>(answer: &'a ClientResponse, name: &HeaderName) -> Option<&'a str> {
    answer.headers().get(name)?.to_str().ok()
}

/// Reads the body of an answer that a caller gets.
async fn read_page(answer: &mut ClientResponse, limit: usize) -> Result<Bytes, String> {
    if answer.status() == StatusCode::NO_CONTENT {
        // Whatever its headers say (RFC 9112, 6.3): awc would wait for what they promise.
        return Err("no body".into());
    }
    if answer.headers().contains_key(TRANSFER_ENCODING) && content_length(answer).is_some() {
        // "Ought to be handled as an error" (RFC 9112, 6.3): something on the way may have taken the other one
        // for the end of this answer.
        return Err("both a length and a transfer-encoding".into());
    }
    read_body(answer, limit).await
}

fn content_length(answer: &ClientResponse) -> Option<u64> {
    header(answer, &CONTENT_LENGTH)?.trim().parse().ok()
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

/// In place of a body that cannot be used for this reason.
fn substitute(status: StatusCode, reason: &str) -> Box<RawValue> {
    #[derive(Serialize)]
    struct Body {
        error: &'static str,
        message: String,
    }
    let error = status.canonical_reason().unwrap_or("Error");
    let message = format!("the backend sent this status with a body that cannot be used: {reason}");
    serde_json::value::to_raw_value(&Body { error, message })
        .unwrap_or_else(|_| RawValue::NULL.to_owned())
}
