//! A response of awc whose body has not been read yet.

use std::{
    pin::Pin,
    task::{Context, Poll},
    time::{Duration, Instant},
};

use actix_http::{Payload, error::PayloadError};
use awc::{
    ClientResponse,
    http::{
        StatusCode, Version,
        header::{
            CONTENT_ENCODING, CONTENT_LENGTH, DATE, HeaderMap, HeaderName, RETRY_AFTER,
            TRANSFER_ENCODING,
        },
    },
};
use bytes::{Bytes, BytesMut};
use futures::{Stream, StreamExt as _};

use super::error::BodyError;
use crate::{adapters::http, clock::until};

/// Reading a body that only explains a status stops this long before the attempt is due, so that the status is returned
/// instead of a timeout.
const MARGIN: Duration = Duration::from_millis(1);

/// A response whose body has not been read yet.
#[derive(Debug)]
pub struct Answer {
    inner: ClientResponse,
    /// True if awc expects no body and has already put the connection back into its pool.
    released: bool,
}

/// The parts of the body, for one that is passed on while it arrives. Sets no limits. The end of the stream is not
/// always the end of the body: see [`body`](Answer::body).
impl Stream for Answer {
    type Item = Result<Bytes, PayloadError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        Pin::new(&mut self.inner).poll_next(cx)
    }
}

impl From<ClientResponse> for Answer {
    fn from(inner: ClientResponse) -> Self {
        let mut released = false;
        let inner = inner.map_body(|_, payload| {
            released = matches!(payload, Payload::None);
            payload
        });
        Self { inner, released }
    }
}

impl Answer {
    /// The status.
    pub fn status(&self) -> StatusCode {
        self.inner.status()
    }

    /// The version of HTTP.
    pub fn version(&self) -> Version {
        self.inner.version()
    }

    /// The headers.
    pub fn headers(&self) -> &HeaderMap {
        self.inner.headers()
    }

    /// True if awc expects no body.
    pub fn has_no_body(&self) -> bool {
        self.released
    }

    /// True if more bytes of this response may arrive on a connection that awc has already put back into its pool:
    /// after a 1xx, or if the response does not say `Content-Length: 0`. The next request on that connection could
    /// receive them as its response.
    pub fn may_be_followed(&self) -> bool {
        self.released && (self.status().is_informational() || self.content_length() != Some(0))
    }

    /// True if the body ends when the connection closes.
    pub fn ends_with_connection(&self) -> bool {
        self.inner.version() == Version::HTTP_10 && self.content_length().is_none()
    }

    /// The wait that a valid `Retry-After` asks for.
    pub fn retry_after(&self) -> Option<Duration> {
        http::retry_after(self.header(&RETRY_AFTER)?, self.header(&DATE))
    }

    /// Reads the body, at most `limit` bytes. Sets no time limit. A body that arrives in one part is a part of a buffer
    /// of its connection: copy what is kept for long.
    ///
    /// # Errors
    /// The body is too large, cut off or malformed, or the head contradicts itself.
    pub async fn body(&mut self, limit: usize) -> Result<Bytes, BodyError> {
        let expected = self.content_length();
        if self.headers().contains_key(TRANSFER_ENCODING) && expected.is_some() {
            return Err(BodyError::TwoLengths);
        }
        // A 204 has no body, whatever its headers say (RFC 9112, 6.3): awc would wait for the announced length. After
        // `Content-Length: 0` in HTTP/1.0, awc would wait until the connection closes.
        if self.released || self.status() == StatusCode::NO_CONTENT || expected == Some(0) {
            return Ok(Bytes::new());
        }
        if expected.is_some_and(|length| usize::try_from(length).map_or(true, |it| it > limit)) {
            return Err(BodyError::TooLarge(limit));
        }
        let mut body = Bytes::new();
        while let Some(part) = self.inner.next().await {
            match part {
                Ok(part) if part.len() > limit - body.len() => {
                    return Err(BodyError::TooLarge(limit));
                }
                Ok(part) => append(&mut body, part),
                Err(error) => {
                    return Err(BodyError::Ended { received: body, expected, error });
                }
            }
        }
        match expected {
            Some(length) if self.is_shorter(body.len(), length) => {
                let error = PayloadError::Incomplete(None);
                Err(BodyError::Ended { received: body, expected, error })
            }
            _ => Ok(body),
        }
    }

    /// True if awc has taken a body as complete that is shorter than announced. awc may have decompressed it.
    fn is_shorter(&self, received: usize, expected: u64) -> bool {
        u64::try_from(received).is_ok_and(|received| received < expected)
            && !self.headers().contains_key(CONTENT_ENCODING)
    }

    /// Reads the body as [`body`](Self::body) does, until shortly before the attempt is `due`. For responses whose
    /// status counts whatever their body is.
    ///
    /// # Errors
    /// As [`body`](Self::body), or the body did not arrive in time.
    pub async fn body_in_time(
        &mut self,
        limit: usize,
        due: Option<Instant>,
    ) -> Result<Bytes, BodyError> {
        match due {
            Some(due) => {
                until(due - MARGIN, self.body(limit)).await.unwrap_or(Err(BodyError::Late))
            }
            None => self.body(limit).await,
        }
    }

    fn content_length(&self) -> Option<u64> {
        self.header(&CONTENT_LENGTH)?.trim_ascii().parse().ok()
    }

    fn header(&self, name: &HeaderName) -> Option<&str> {
        self.headers().get(name)?.to_str().ok()
    }
}

/// Appends a part. Copies nothing if it is the first: most bodies have one.
fn append(body: &mut Bytes, part: Bytes) {
    if body.is_empty() {
        *body = part;
    } else {
        let mut parts = BytesMut::from(std::mem::take(body));
        parts.extend_from_slice(&part);
        *body = parts.freeze();
    }
}
