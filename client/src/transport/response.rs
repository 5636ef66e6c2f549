//! Reads a response of the backend, and checks whether it can be used.

use std::time::{Duration, Instant};

use actix_web::http::StatusCode;
use awc::error::PayloadError;
use bytes::Bytes;
use resilience_actors::adapters::awc::{Answer, BodyError};
use serde::Serialize;
use serde_json::value::RawValue;

use super::{BackendError, socket::CutOff};

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

/// Reads a response, at most `limit` bytes of its body.
///
/// A 4xx or 5xx is a result whether or not its body can be read; the body is replaced if it is not complete shortly
/// before `due`. For a 2xx this function sets no time limit: the scheduler drops the attempt at its timeout.
///
/// # Errors
/// A redirect, an unexpected status, or a 2xx without a usable body.
pub(super) async fn read(
    answer: &mut Answer,
    limit: usize,
    due: Option<Instant>,
) -> Result<BackendResponse, BackendError> {
    let status = answer.status();
    if status.is_redirection() {
        return Err(BackendError::Redirect(status));
    }
    let unusable = |reason: String| BackendError::Unusable { status: Some(status), reason };
    if status.is_informational() || status.as_u16() >= 600 {
        return Err(unusable(format!("unexpected status {}", status.as_u16())));
    }
    let retry_after = answer.retry_after();
    let ends_with_connection = answer.ends_with_connection();
    let body = if status.is_success() {
        if status == StatusCode::NO_CONTENT {
            return Err(unusable("no body".into()));
        }
        let read = answer.body(limit).await;
        match json(&whole(read, ends_with_connection).map_err(unusable)?) {
            Ok(body) => body,
            Err(_) if answer.has_no_body() => return Err(unusable("no body".into())),
            Err(error) => return Err(unusable(format!("body is not JSON: {error}"))),
        }
    } else {
        let read = answer.body_in_time(limit, due).await;
        match whole(read, ends_with_connection) {
            Ok(bytes) => json(&bytes).unwrap_or_else(|_| substitute(status, "body is not JSON")),
            Err(reason) => substitute(status, &reason),
        }
    };
    Ok(BackendResponse { status, body, retry_after, stale: None })
}

/// The whole body, or why it is not complete. The transport's [`Socket`](super::socket::Socket) also reports the
/// regular end of a body that ends with the connection as an error.
pub(super) fn whole(
    read: Result<Bytes, BodyError>,
    ends_with_connection: bool,
) -> Result<Bytes, String> {
    let (received, expected, error) = match read {
        Ok(bytes) => return Ok(bytes),
        Err(BodyError::Ended { received, expected, error }) => (received, expected, error),
        Err(error) => return Err(error.to_string()),
    };
    let end = cut_off(&error);
    Err(match (end, expected) {
        (Some(CutOff::Closed), _) if ends_with_connection => return Ok(received),
        (Some(end), Some(expected)) => {
            format!("body cut off after {} of {expected} bytes: {end}", received.len())
        }
        (Some(end), None) => format!("body cut off after {} bytes: {end}", received.len()),
        (None, _) => format!("malformed body: {error}"),
    })
}

fn cut_off(error: &PayloadError) -> Option<&CutOff> {
    match error {
        PayloadError::Incomplete(Some(error)) | PayloadError::Io(error) => CutOff::of(error),
        _ => None,
    }
}

/// True if the connection was closed, which is the regular end of a body that
/// [ends with it](resilience_actors::adapters::awc::Answer::ends_with_connection).
pub(crate) fn is_regular_end(error: &PayloadError) -> bool {
    matches!(cut_off(error), Some(CutOff::Closed))
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
