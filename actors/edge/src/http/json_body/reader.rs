//! Reads a request body, limited in size and time.

use std::{cell::Cell, pin::pin, task::Poll, time::Duration};

use actix_web::{
    error::PayloadError,
    web::{Bytes, BytesMut},
};
use futures::{Stream, StreamExt as _};
use tokio::{task::yield_now, time::timeout};

use crate::http::api_error::ApiError;

/// Maximum size of a request body in bytes.
pub const MAX_BODY_BYTES: usize = 64 * 1024;

/// Maximum time for a client to send its body.
pub const BODY_TIMEOUT: Duration = Duration::from_secs(10);

/// Reads the whole body.
///
/// # Errors
/// 413, 408, or 400 if the body cannot be read.
pub(super) async fn read_in_time<S>(payload: S) -> Result<Bytes, ApiError>
where
    S: Stream<Item = Result<Bytes, PayloadError>>,
{
    let arrived = Cell::new(0);
    let mut reading = pin!(read(payload, &arrived));
    if let Ok(body) = timeout(BODY_TIMEOUT, reading.as_mut()).await {
        return body;
    }
    // The process may have been stopped (SIGSTOP) past the timeout: bytes that wait in the socket are read first. The
    // runtime polls the socket when the task has yielded.
    loop {
        let before = arrived.get();
        yield_now().await;
        match futures::poll!(reading.as_mut()) {
            Poll::Ready(body) => return body,
            Poll::Pending if arrived.get() > before => {}
            Poll::Pending => break,
        }
    }
    let limit = BODY_TIMEOUT.as_secs();
    Err(ApiError::request_timeout(format!("the body did not arrive within {limit} s")))
}

/// Reads the whole body. `arrived` is the number of bytes read so far.
async fn read<S>(payload: S, arrived: &Cell<usize>) -> Result<Bytes, ApiError>
where
    S: Stream<Item = Result<Bytes, PayloadError>>,
{
    let mut payload = pin!(payload);
    let mut body = BytesMut::new();
    while let Some(chunk) = payload.next().await {
        let chunk = chunk.map_err(|error| {
            ApiError::bad_request(format!("the body could not be read: {error}"))
        })?;
        if body.len() + chunk.len() > MAX_BODY_BYTES {
            return Err(too_large());
        }
        body.extend_from_slice(&chunk);
        arrived.set(body.len());
    }
    Ok(body.freeze())
}

pub(super) fn too_large() -> ApiError {
    ApiError::payload_too_large(format!("the body is over {MAX_BODY_BYTES} bytes"))
}

#[cfg(test)]
mod tests {
    use futures::stream;

    use super::*;

    fn chunks(sizes: &[usize]) -> impl Stream<Item = Result<Bytes, PayloadError>> + use<> {
        let sizes = sizes.to_vec();
        stream::iter(sizes.into_iter().map(|size| Ok(Bytes::from(vec![b' '; size]))))
    }

    #[actix_web::test]
    async fn body_at_the_limit_is_read_and_one_byte_more_is_not() {
        let read_in_full = read_in_time(chunks(&[1, MAX_BODY_BYTES - 1])).await.unwrap();
        assert_eq!(read_in_full.len(), MAX_BODY_BYTES);
        let error = read_in_time(chunks(&[1, MAX_BODY_BYTES])).await.unwrap_err();
        assert_eq!(error.status(), 413);
    }
}
