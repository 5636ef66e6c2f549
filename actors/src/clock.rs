//! The one place that reads the clocks, and the one way to wait for something until an instant.

use std::{
    pin::pin,
    time::{Instant, SystemTime},
};

use futures::future::poll_immediate;
use tokio::{task::yield_now, time::timeout_at};

/// The current time of the runtime this runs on: tokio's clock, so that a test that pauses and
/// advances it drives every actor in the crate.
#[expect(clippy::disallowed_methods, reason = "this is the one place that may")]
pub(crate) fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}

/// How often a future is polled again, each time after the runtime has asked the system for events, before its
/// time counts as over.
const LAST_LOOKS: usize = 4;

/// Drives `future` until `due`; none if it is not ready by then.
///
/// A result that is there is taken, however late the timer is. A process that stood still (SIGSTOP, a paused
/// virtual machine) finds its timers due before its runtime has looked at the sockets, where the answer may
/// have been waiting for long.
pub async fn within<F: Future>(due: Instant, future: F) -> Option<F::Output> {
    let mut future = pin!(future);
    if let Ok(output) = timeout_at(due.into(), &mut future).await {
        return Some(output);
    }
    for _ in 0..LAST_LOOKS {
        yield_now().await;
        if let Some(output) = poll_immediate(future.as_mut()).await {
            return Some(output);
        }
    }
    None
}

/// The date, for people to read: nothing is decided by it.
#[expect(clippy::disallowed_methods, reason = "this is the one place that may")]
pub(crate) fn date() -> SystemTime {
    SystemTime::now()
}

#[cfg(test)]
mod tests {
    use std::{future::poll_fn, task::Poll, time::Duration};

    use super::*;

    /// Ready at this poll, 1 for the first, and awake all the time.
    fn ready_at(poll: usize) -> impl Future<Output = usize> {
        let mut polls = 0;
        poll_fn(move |_| {
            polls += 1;
            if polls == poll { Poll::Ready(polls) } else { Poll::Pending }
        })
    }

    #[tokio::test(start_paused = true)]
    async fn a_result_that_is_there_is_taken_before_a_timer_that_is_due() {
        let past = now() - Duration::from_secs(1);
        assert_eq!(within(past, ready_at(1)).await, Some(1));
        assert_eq!(within(past, ready_at(3)).await, Some(3));
        assert_eq!(within(now() + Duration::from_secs(1), ready_at(3)).await, Some(3));
    }

    #[tokio::test(start_paused = true)]
    async fn a_future_that_is_not_ready_ends_at_its_time() {
        let begin = now();
        let due = begin + Duration::from_secs(1);
        assert_eq!(within(due, std::future::pending::<()>()).await, None);
        assert!(now() - begin < Duration::from_millis(1_002));
    }
}
