//! Decides whether a body is held or streamed.

use std::time::Duration;

use actix_web::{
    error::PayloadError,
    http::header::{CONTENT_LENGTH, HeaderMap, TRANSFER_ENCODING},
};
use bytes::{Bytes, BytesMut};
use futures::{Stream, StreamExt as _};
use service_edge::{ApiError, unreadable};
use tokio::time::{Instant, timeout_at};

use super::{BodyLimits, HeldBody, RequestBody, StreamedBody};
use crate::gateway::quota::Share;

/// Maximum time for a chunked body to arrive if it is to be held. A caller that sends a stream of events waits for
/// their answers, so its first part must not wait for the next.
pub const CHUNKED_TIME: Duration = Duration::from_millis(100);

/// When a caller may try again if too many bodies are streamed.
const RETRY_AFTER: Duration = Duration::from_secs(1);

impl BodyLimits {
    /// Receives the body of a request with these headers: all of it, or its beginning.
    ///
    /// - No body, or one of length 0, is held.
    /// - A body with a length of at most `retry_body_bytes` is read whole and held.
    /// - A chunked one is held if it ends within `retry_body_bytes` and [`CHUNKED_TIME`].
    /// - Any other is streamed, and one for which `replay` has too few bytes left.
    ///
    /// # Errors
    /// - 503 if the body must be streamed and `streams` are used up.
    /// - 408 or 400 if the body ends early, as [`unreadable`] says.
    pub async fn receive<S>(
        &self,
        headers: &HeaderMap,
        payload: S,
    ) -> Result<RequestBody<S>, ApiError>
    where
        S: Stream<Item = Result<Bytes, PayloadError>> + Unpin,
    {
        if headers.contains_key(TRANSFER_ENCODING) {
            return self.receive_chunked(payload).await;
        }
        let length =
            headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
        match length {
            None | Some(0) => Ok(RequestBody::Held(HeldBody::empty())),
            Some(length) => match self.hold(length) {
                Some((size, share)) => read_all(payload, size, share).await.map(RequestBody::Held),
                None => self.stream(Some(length), Bytes::new(), payload),
            },
        }
    }

    /// Takes what a body of this length needs to be held.
    fn hold(&self, length: u64) -> Option<(usize, Share)> {
        let size = usize::try_from(length).ok().filter(|size| *size <= self.retry_body_bytes)?;
        Some((size, self.replay.take(size)?))
    }

    async fn receive_chunked<S>(&self, mut payload: S) -> Result<RequestBody<S>, ApiError>
    where
        S: Stream<Item = Result<Bytes, PayloadError>> + Unpin,
    {
        let deadline = Instant::now() + CHUNKED_TIME;
        let mut bytes = BytesMut::new();
        let mut share = self.replay.nothing();
        while let Ok(next) = timeout_at(deadline, payload.next()).await {
            let Some(part) = next.transpose().map_err(|error| unreadable(&error))? else {
                return Ok(RequestBody::Held(HeldBody::new(bytes.freeze(), share)));
            };
            bytes.extend_from_slice(&part);
            if bytes.len() > self.retry_body_bytes || !share.grow(part.len()) {
                break;
            }
        }
        drop(share);
        self.stream(None, bytes.freeze(), payload)
    }

    fn stream<S>(
        &self,
        length: Option<u64>,
        first: Bytes,
        rest: S,
    ) -> Result<RequestBody<S>, ApiError> {
        let place = self.place_for_stream()?;
        Ok(RequestBody::Streaming(StreamedBody::new(length, first, rest, place)))
    }

    /// Takes a place for a body that is streamed, until it is dropped.
    ///
    /// # Errors
    /// 503 if `streams` are used up.
    pub fn place_for_stream(&self) -> Result<Share, ApiError> {
        self.place().map_err(|message| ApiError::unavailable(message).retry_after(RETRY_AFTER))
    }

    /// The same for an answer. The upstream has already done what the request asks, so the error does not ask the
    /// caller to try again.
    ///
    /// # Errors
    /// 503 if `streams` are used up.
    pub fn place_for_answer(&self) -> Result<Share, ApiError> {
        self.place().map_err(|message| {
            ApiError::unavailable(format!("the upstream has answered, but {message}"))
        })
    }

    fn place(&self) -> Result<Share, String> {
        let max = self.streams.max();
        let used_up = || format!("{max} bodies are passed on already, which is the maximum");
        self.streams.take(1).ok_or_else(used_up)
    }
}

/// Reads a body of `size` bytes.
async fn read_all<S>(mut payload: S, size: usize, share: Share) -> Result<HeldBody, ApiError>
where
    S: Stream<Item = Result<Bytes, PayloadError>> + Unpin,
{
    let mut bytes = BytesMut::with_capacity(size);
    while let Some(part) = payload.next().await {
        // Copied, because a part keeps all of the buffer that it was read into.
        bytes.extend_from_slice(&part.map_err(|error| unreadable(&error))?);
    }
    Ok(HeldBody::new(bytes.freeze(), share))
}

#[cfg(test)]
#[path = "receive_tests.rs"]
mod tests;
