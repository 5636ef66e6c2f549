//! Turns of a task that reads from a peer which always has more to send.

use std::{
    mem,
    task::{Context, Poll},
};

use tokio::task::coop::has_budget_remaining;

/// Lets a task do something else in every second turn, if its reading uses up all that a turn may do (the cooperative
/// budget of tokio). Otherwise neither timers nor the other connection of the task would ever be ready.
#[derive(Debug, Default)]
pub(super) struct FairTurns {
    has_used_up: bool,
}

impl FairTurns {
    /// Calls `read`. If the previous call used up the task's budget without a result, returns `Pending` and wakes the
    /// task.
    pub(super) fn poll<T>(
        &mut self,
        cx: &mut Context<'_>,
        read: impl FnOnce(&mut Context<'_>) -> Poll<T>,
    ) -> Poll<T> {
        if mem::take(&mut self.has_used_up) {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        let polled = read(cx);
        self.has_used_up = polled.is_pending() && !has_budget_remaining();
        polled
    }
}

#[cfg(test)]
mod tests {
    use std::{future::poll_fn, pin::pin};

    use tokio::task::coop::consume_budget;

    use super::*;

    #[tokio::test]
    async fn every_second_turn_is_left_to_others_if_reading_never_ends() {
        let (mut turns, mut reads) = (FairTurns::default(), Vec::new());
        for _ in 0..6 {
            poll_fn(|cx| {
                let mut has_read = false;
                let polled = turns.poll(cx, |cx| {
                    has_read = true;
                    while pin!(consume_budget()).poll(cx).is_ready() {}
                    Poll::<()>::Pending
                });
                assert!(polled.is_pending());
                assert_eq!(has_budget_remaining(), !has_read);
                reads.push(has_read);
                Poll::Ready(())
            })
            .await;
            tokio::task::yield_now().await;
        }
        assert_eq!(reads, [true, false, true, false, true, false]);
    }

    #[tokio::test]
    async fn no_turn_is_skipped_if_there_is_nothing_to_read_or_something_is_ready() {
        let mut turns = FairTurns::default();
        for polled in [Poll::Pending, Poll::Ready(1), Poll::Pending, Poll::Ready(2)] {
            poll_fn(|cx| {
                assert_eq!(turns.poll(cx, |_| polled), polled);
                Poll::Ready(())
            })
            .await;
        }
    }
}
