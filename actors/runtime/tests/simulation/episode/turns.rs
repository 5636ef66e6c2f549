//! Turns of the runtime: in each, every task that can run is polled once.

use std::task::Poll;

pub(super) async fn pass_turns(mut turns: u32) {
    std::future::poll_fn(|cx| {
        if turns == 0 {
            return Poll::Ready(());
        }
        turns -= 1;
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// Polls a future for this number of turns, then drops it. An aborted task would be dropped a turn later, after the
/// effects of its last poll.
pub(super) async fn drop_after_turns(turns: u32, future: impl Future<Output = ()>) {
    let mut future = std::pin::pin!(future);
    for _ in 0..turns {
        if futures::poll!(&mut future).is_ready() {
            return;
        }
        pass_turns(1).await;
    }
    let _ = futures::poll!(&mut future);
}
