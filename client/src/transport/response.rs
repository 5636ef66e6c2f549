//! Reads a response of the backend, and checks whether it can be used.

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

/// Reading the body of a non-2xx response stops this long before the attempt is due, so that its status is
/// returned instead of a timeout.
const MARGIN: Duration = Duration::from_millis(1);

/// A usable response of the backend: 2xx, 4xx or 5xx.
#[derive(Debug, Clone)]
pub struct BackendResponse {
    /// The status.
    pub status: StatusCode,
    /// The JSON body as the backend sent it. If the body of a 4xx or 5xx cannot be used, an object with `error` and
    /// `message` that this module makes.
    pub body: Box<RawValue>,
    /// The wait that `Retry-After` asks for. `None` if the header is missing or invalid.
    pub retry_after: Option<Duration>,
    /// The age of the answer, if it is not this call's own but [kept](crate::fallback) from an earlier call.
    pub stale: Option<Duration>,
}

/// A response whose body has not been read yet.
pub(super) struct Answer {
    inner: ClientResponse,
    /// True if awc expects no body and has already put the connection back into its pool.
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

    /// True if more bytes of this response may arrive on a connection that awc has already put back into its pool:
    /// after a 101, or if the response does not say `Content-Length: 0`.
    pub(super) fn may_be_followed(&self) -> bool {
        self.released
            && (self.inner.status().is_informational() || content_length(&self.inner) != Some(0))
    }

    /// Reads the body, at most `limit` bytes.
    ///
    /// A 4xx or 5xx is a result whether or not its body can be read; the body is replaced if it is not complete shortly
    /// before `due`. For a 2xx this function sets no time limit: the scheduler drops the attempt at its timeout.
    ///
    /// # Errors
    /// A redirect, an unexpected status, or a 2xx without a usable body.
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
            match until(due - MARGIN, reading).await {
                Some(Ok(bytes)) => {
                    json(&bytes).unwrap_or_else(|_| substitute(status, "body is not JSON"))
                }
                Some(Err(reason)) => substitute(status, &reason),
                None => substitute(status, "body did not arrive in time"),
            }
        };
        Ok(BackendResponse { status, body, retry_after, stale: None })
    }
}

/// Parses `Retry-After`. A date is compared with the response's own `Date`, because this process's clock may be wrong.
fn retry_after(answer: &ClientResponse) -> Option<Duration> {
    let value = header(answer, &RETRY_AFTER)?;
    let date = header(answer, &DATE).and_then(|date| httpdate::parse_http_date(date).ok());
    retry_after::parse(value, date.unwrap_or_else(SystemTime::now))
}

fn header<'a>(answer: &'a ClientResponse, name: &HeaderName) -> Option<&'a str> {
    answer.headers().get(name)?.to_str().ok()
}

/// Reads the body of a response to a call. Also rejects a 204 and contradictory framing headers.
async fn read_page(answer: &mut ClientResponse, limit: usize) -> Result<Bytes, String> {
    if answer.status() == StatusCode::NO_CONTENT {
        // A 204 has no body, whatever its headers say (RFC 9112, 6.3). awc would wait for the announced length.
        return Err("no body".into());
    }
    if answer.headers().contains_key(TRANSFER_ENCODING) && content_length(answer).is_some() {
        // "Ought to be handled as an error" (RFC 9112, 6.3): an intermediary may have used the other header to find
        // the end of this response.
        return Err("both a length and a transfer-encoding".into());
    }
    read_body(answer, limit).await
}

fn content_length(answer: &ClientResponse) -> Option<u64> {
    header(answer, &CONTENT_LENGTH)?.trim().parse().ok()
}

/// Reads a body of at most `limit` bytes. The error says why the body is not complete.
pub(super) async fn read_body(answer: &mut ClientResponse, limit: usize) -> Result<Bytes, String> {
    let too_large = || format!("body larger than {limit} bytes");
    let expected = content_length(answer);
    match expected {
        // For HTTP/1.0, awc would wait until the connection closes.
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

/// Checks that the body is one JSON value, without parsing it into a tree.
fn json(bytes: &Bytes) -> Result<Box<RawValue>, serde_json::Error> {
    serde_json::from_slice(bytes)
}

/// Makes the body that replaces an unusable one.
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
