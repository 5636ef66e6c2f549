//! Copies the body of an answer while it is passed on, so that the answer can be kept once it is whole.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Instant,
};

use bytes::Bytes;
use futures::Stream;

use super::{
    super::{
        quota::Share,
        response_headers::{AnswerBody, AnswerHead},
    },
    key::RequestKey,
    permission::{may_be_kept, replaces_earlier},
    store::StaleStore,
};
use crate::fallback::now;

/// The copy of an answer whose body arrives. Dropping it keeps nothing.
pub(in crate::gateway) struct BodyCopy {
    store: Arc<StaleStore>,
    key: Arc<RequestKey>,
    head: AnswerHead,
    /// When the head arrived.
    at: Instant,
    bytes: Vec<u8>,
    share: Share,
}

impl BodyCopy {
    /// Starts the copy of an answer with this head. Keeps an answer without a body at once. `None` if nothing is to be
    /// copied. Drops the earlier answer if this one replaces it.
    pub(in crate::gateway) fn begin(
        store: &Arc<StaleStore>,
        key: &Arc<RequestKey>,
        head: &AnswerHead,
    ) -> Option<Box<Self>> {
        if !may_be_kept(head) {
            if replaces_earlier(head) {
                store.forget(key);
            }
            return None;
        }
        let length = match head.body {
            AnswerBody::None { .. } => Some(0),
            AnswerBody::Sized(length) => Some(usize::try_from(length).unwrap_or(usize::MAX)),
            AnswerBody::Unsized => None,
        };
        if length > Some(store.copies().max()) {
            store.forget(key);
            return None;
        }
        let share = store.copies().take(length.unwrap_or(0))?;
        let (store, key, head) = (Arc::clone(store), Arc::clone(key), head.clone());
        let bytes = Vec::with_capacity(length.unwrap_or(0));
        let copy = Self { store, key, head, at: now(), bytes, share };
        if length == Some(0) {
            copy.keep();
            return None;
        }
        Some(Box::new(copy))
    }

    /// Adds a part. False if there is no room for it.
    fn add(&mut self, part: &[u8]) -> bool {
        let size = self.bytes.len() + part.len();
        if size > self.store.copies().max() {
            self.store.forget(&self.key);
            return false;
        }
        let has_room = match self.head.body {
            AnswerBody::Unsized => self.share.grow(part.len()),
            // Taken at the beginning.
            AnswerBody::Sized(_) | AnswerBody::None { .. } => true,
        };
        if has_room {
            self.bytes.extend_from_slice(part);
        }
        has_room
    }

    /// True if all bytes that the head announces have been added.
    fn is_whole(&self) -> bool {
        matches!(self.head.body, AnswerBody::Sized(length) if length == self.bytes.len() as u64)
    }

    fn keep(self) {
        let body = self.bytes.into_boxed_slice().into();
        self.store.keep(self.key, self.head, body, self.at);
    }

    /// Keeps the answer with a body that was read meanwhile.
    pub(in crate::gateway) fn keep_whole(self, body: Bytes) {
        self.store.keep(self.key, self.head, body, self.at);
    }
}

/// A body that is passed on, and copied if its answer is to be kept.
pub(in crate::gateway) struct Copied<S> {
    stream: S,
    copy: Option<Box<BodyCopy>>,
}

impl<S> Copied<S> {
    pub(in crate::gateway) fn new(stream: S, copy: Option<Box<BodyCopy>>) -> Self {
        Self { stream, copy }
    }
}

impl<S, E> Stream for Copied<S>
where
    S: Stream<Item = Result<Bytes, E>> + Unpin,
{
    type Item = S::Item;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<S::Item>> {
        let this = self.get_mut();
        let next = ready!(Pin::new(&mut this.stream).poll_next(cx));
        if let Some(mut copy) = this.copy.take() {
            match &next {
                Some(Ok(part)) => {
                    if copy.add(part) && !copy.is_whole() {
                        this.copy = Some(copy);
                    } else if copy.is_whole() {
                        // Before the caller has it: its next request may come before the end is asked for.
                        copy.keep();
                    }
                }
                None => copy.keep(),
                Some(Err(_)) => {}
            }
        }
        Poll::Ready(next)
    }
}
