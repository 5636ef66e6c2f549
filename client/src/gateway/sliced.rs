//! A complete body, sent in parts of 32 KiB: a slow caller costs the memory of one part.

use std::{
    convert::Infallible,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use futures::Stream;

use super::quota::Share;

/// Maximum size of a part in bytes.
const PART: usize = 32 * 1024;

/// The rest of a body.
pub(super) struct Sliced {
    rest: Bytes,
    /// Its place under `MAX_STREAMS`.
    _place: Share,
}

impl Sliced {
    pub(super) fn new(body: Bytes, place: Share) -> Self {
        Self { rest: body, _place: place }
    }
}

impl Stream for Sliced {
    type Item = Result<Bytes, Infallible>;

    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let size = self.rest.len().min(PART);
        Poll::Ready((size > 0).then(|| Ok(self.rest.split_to(size))))
    }
}
