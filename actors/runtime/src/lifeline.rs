//! How others learn that an actor is gone: it holds the sender, they hold receivers.

use tokio::sync::watch;

/// Returns when the sender has been dropped, whether its actor stopped or panicked.
pub(crate) async fn ended(mut alive: watch::Receiver<()>) {
    while alive.changed().await.is_ok() {}
}
