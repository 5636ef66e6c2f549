//! A body that is streamed.

use std::{
    mem,
    pin::Pin,
    task::{Context, Poll},
};

use actix_web::error::PayloadError;
use bytes::Bytes;
use futures::Stream;

use crate::gateway::quota::Share;

/// A body that is passed on while it arrives. It counts as a stream until it is dropped.
#[derive(Debug)]
pub struct StreamedBody<S> {
    length: Option<u64>,
    first: Bytes,
    rest: S,
    _place: Share,
}

impl<S> StreamedBody<S> {
    /// `first` was already read, and comes before `rest`.
    pub(super) fn new(length: Option<u64>, first: Bytes, rest: S, place: Share) -> Self {
        Self { length, first, rest, _place: place }
    }

    /// Number of bytes of the whole body. `None` if it is chunked.
    pub fn length(&self) -> Option<u64> {
        self.length
    }
}

impl<S> Stream for StreamedBody<S>
where
    S: Stream<Item = Result<Bytes, PayloadError>> + Unpin,
{
    type Item = S::Item;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<S::Item>> {
        if self.first.is_empty() {
            return Pin::new(&mut self.rest).poll_next(cx);
        }
        Poll::Ready(Some(Ok(mem::take(&mut self.first))))
    }
}
