//! Counts the messages in the mailbox of the breaker's actor. Timer messages are not counted.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use actix::Message;

/// Number of messages that were sent to the actor and not handled yet.
#[derive(Debug, Clone, Default)]
pub(crate) struct Depth(Arc<AtomicUsize>);

impl Depth {
    pub(crate) fn read(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }

    /// Wraps a message for sending. It counts until the wrapper is dropped: when the actor handles the message, or when
    /// the message is discarded because its sender has left.
    pub(crate) fn counted<M>(&self, message: M) -> Counted<M> {
        self.0.fetch_add(1, Ordering::Relaxed);
        Counted { message, _place: Place(Arc::clone(&self.0)) }
    }
}

/// A message that counts while it is in the mailbox.
#[derive(Debug)]
pub(crate) struct Counted<M> {
    pub(crate) message: M,
    _place: Place,
}

impl<M: Message> Message for Counted<M> {
    type Result = M::Result;
}

#[derive(Debug)]
struct Place(Arc<AtomicUsize>);

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
