//! What waits for the answer of a call, and may leave before it.

use tokio::sync::oneshot;

/// The caller of a call.
pub(crate) trait Caller {
    /// True if it has left.
    fn has_left(&self) -> bool;

    /// Returns when it has left.
    fn leaves(&mut self) -> impl Future<Output = ()>;
}

/// A caller that waits for a reply.
impl<T> Caller for oneshot::Sender<T> {
    fn has_left(&self) -> bool {
        self.is_closed()
    }

    fn leaves(&mut self) -> impl Future<Output = ()> {
        self.closed()
    }
}
